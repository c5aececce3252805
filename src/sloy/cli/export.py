"""`sloy export`: a model for other tools, as ONNX or as C."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sloy import text
from sloy.cli.errors import UsageError
from sloy.cli.options import add_model, add_overwrite, keep, positive, written

if TYPE_CHECKING:
    from sloy.model import Model


NAME = "export"
HELP = "a model for other tools: ONNX, one C file, or a JavaScript module"
DESCRIPTION = (
    "Writes a model as ONNX (OUT.onnx), as one C99 file (OUT.c), as a single header (OUT.h), or as"
    " a JavaScript module for browsers and Node (OUT.js, its types beside it). The"
    " preprocessing is inside: all of them take raw data, those of a table's model its raw columns."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_model(parser)
    parser.add_argument(
        "out", metavar="OUT", type=Path, help="NAME.onnx, NAME.c, NAME.h or NAME.js"
    )
    parser.add_argument(
        "--opset", type=positive, metavar="N", help="of ONNX, at least 18, the default"
    )
    parser.add_argument(
        "--channels-first",
        action="store_true",
        help="ONNX: pictures as (N, C, H, W), as PyTorch has them, rather than (N, H, W, C)",
    )
    parser.add_argument(
        "--name", metavar="NAME", help="C: what its names begin with; that of the file by default"
    )
    add_overwrite(parser.add_argument, "files that are there already")


def run(arguments: argparse.Namespace) -> int:
    """Write it and say what it takes and gives."""
    import sloy
    from sloy.model.exchange import SUFFIXES

    out, kind = arguments.out, arguments.out.suffix.lower()
    if kind not in SUFFIXES:
        raise UsageError(f"{str(out)!r} must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if kind != ".onnx" and (arguments.opset or arguments.channels_first):
        raise UsageError("--opset and --channels-first are for ONNX")
    if kind not in (".c", ".h") and arguments.name:
        raise UsageError("--name is for C")
    keep([out, out.with_suffix(".d.ts") if kind == ".js" else None], overwrite=arguments.overwrite)
    model = sloy.load(arguments.model)
    said = {".onnx": _onnx, ".js": _javascript}.get(kind, _c)(model, arguments)
    print(text.fields([written(out), *said]))
    return 0


def _onnx(model: Model, arguments: argparse.Namespace) -> list[tuple[str, str]]:
    from sloy.model.exchange import columns_of, exported_graph, input_dtype

    opset = arguments.opset or 18
    model.export(arguments.out, opset=opset, channels_first=arguments.channels_first)
    shape = model.network.input_shape
    if arguments.channels_first and len(shape) > 1:
        shape = (shape[-1], *shape[:-1])
    outputs = [name for name in exported_graph(model.problem, 1).outputs if "/" not in name]
    columns = columns_of(model.parts)
    plain = f"input, {input_dtype(model.parts)}, N × {text.shape(shape)}: raw data"
    return [
        ("onnx", f"opset {opset}, checked"),
        ("input", plain if columns is None else f"one, (N, 1), for each column:\n{columns}"),
        ("outputs", text.named(outputs, len(outputs))),
    ]


def _c(model: Model, arguments: argparse.Namespace) -> list[tuple[str, str]]:
    from sloy.exchange.source import c_name
    from sloy.model.exchange import columns_of, input_dtype

    model.export(arguments.out, name=arguments.name)
    name = arguments.name or c_name(arguments.out.stem)
    shape = text.shape(model.network.input_shape)
    columns = columns_of(model.parts)
    far = input_dtype(model.parts) != model.problem.data_dtype
    given = "double" if columns or far else "float"
    lines = [f"void {name}_predict(const {given} *x, float *y)"]
    if arguments.out.suffix == ".h":
        lines.append(
            f"in one source file, before it is included: #define {name.upper()}_IMPLEMENTATION"
        )
    x = (
        f"raw data, {shape}"
        if columns is None
        else f"{name.upper()}_INPUTS raw columns:\n{columns}"
    )
    return [("function", "\n".join(lines)), ("x", x), ("y", _outputs(model))]


def _javascript(model: Model, arguments: argparse.Namespace) -> list[tuple[str, str]]:
    from sloy.model.exchange import columns_of

    model.to_javascript(arguments.out)
    columns = columns_of(model.parts)
    shape = text.shape(model.network.input_shape)
    x = f"raw data, {shape}" if columns is None else f"{{column: value}}:\n{columns}"
    name = text.visible(arguments.out.with_suffix(".d.ts"))
    return [
        ("types", name),
        ("function", "predict(x), of an ES module for browsers and Node"),
        ("x", x),
        ("gives", f"a Float32Array: {_outputs(model)}"),
    ]


def _outputs(model: Model) -> str:
    model = model.by_class
    shape = model.network.output_shape
    kind = "values" if model.loss.task(shape) == "regression" else "probabilities"
    return f"{text.shape(shape) or '1'}, {kind}"
