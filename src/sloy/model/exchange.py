"""Models taken in from other tools' files, and written for them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sloy import losses, ops
from sloy.arguments import file_to_write, flag, with_n
from sloy.data.readers import reader_from_config, reader_to_config
from sloy.errors import FileFormatError, InvalidArgument, SloyError
from sloy.files.atomic import write_atomically
from sloy.graph import Graph
from sloy.graph.spec import Shape
from sloy.layers import Imported
from sloy.losses import Loss
from sloy.model.parts import Parts
from sloy.problem import Network, Problem
from sloy.problem.graphs import evaluation_graph, inference_graph
from sloy.version import __version__

METADATA = "sloy"  # the key under which exported files say what ONNX has no place for
CLASS_NAMES = "class_names"  # a JSON list of strings


def read_onnx(
    path: str | Path,
    *,
    input_shape: Sequence[int] | None,
    output: str | None,
    channels_last: bool,
    loss: losses.LossLike | None,
) -> Parts:
    """What an ONNX file holds, as a model; see `Model.from_onnx`."""
    from sloy.exchange.onnx.imported import convert
    from sloy.exchange.onnx.reading import read

    graph = read(path)
    try:
        found = convert(
            graph,
            input_shape=input_shape,
            output=output,
            takes_channels_last=flag("from_onnx", "channels_last", channels_last),
        )
        values = [list(value) for value in found.values]
        layer = Imported.from_config({"function": found.function, "values": values})
        network = Network(found.input_shape, [layer])
        said, names = _metadata(graph.metadata)
        chosen = _loss(loss, said)
        shape, dtype = target_of(chosen, network.output_shape, found.dtype)
        problem = Problem(
            network,
            chosen,
            data_dtype=found.data_dtype,
            target_shape=shape,
            target_dtype=dtype,
            dtype=found.dtype,
        )
        evaluation_graph(problem, 1)  # raises where the loss does not fit what the graph ends in
    except SloyError as error:
        error.args = (f"{path}: {error}", *error.args[1:])
        raise
    if found.left_out and METADATA not in graph.metadata:  # sloy's own: the probabilities
        warnings.warn(
            f"{path}: it has {len(found.left_out) + 1} outputs; the first is read. `output` (--output) names another:"
            f" {', '.join(found.left_out)}.",
            stacklevel=3,
        )
    arrays = {f"{network.layer_names[0]}/{name}": array for name, array in found.arrays.items()}
    parameters = {name: arrays[name] for name in network.shapes}
    return Parts(problem, parameters, names, reader_from_config(said.get("reader")))


SUFFIXES = (".onnx", ".c", ".h")


def export(
    parts: Parts, path: str | Path, *, opset: int, channels_first: bool, name: str | None
) -> None:
    """Write a model for other tools; see `Model.export`."""
    path = file_to_write("export", "path", path)
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise InvalidArgument(
            f"export: `path` (={str(path)!r}) must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}."
        )
    if kind == ".onnx":
        from sloy.exchange.onnx.writing import write

        found = written(parts, reads=not channels_first)
        write(found, path, opset=opset, channels_first=channels_first)
    else:
        _to_c(parts, path, name)


def written(parts: Parts, *, reads: bool = True) -> Any:
    """What an ONNX file says of a model; its reader only where it `reads` what the file takes."""
    from sloy.exchange.onnx.writing import Written

    problem = parts.problem
    said = {
        "loss": loss_name(problem.loss),
        "reader": reader_to_config(parts.reader if reads else None),
    }
    metadata = {METADATA: json.dumps(said, sort_keys=True)}
    if parts.class_names:
        metadata[CLASS_NAMES] = json.dumps(list(parts.class_names), ensure_ascii=False)
    return Written(
        lambda n: exported_graph(problem, n),
        dict(parts.parameters),
        metadata,
        __version__,
        f"Input: raw data {with_n(problem.network.input_shape)} {problem.data_dtype}; the preprocessing is in"
        " the graph.",
    )


def exported_graph(problem: Problem, n: int) -> Graph:
    """Inference on n samples: ``output``, ``probabilities`` where they differ, and every layer's output."""
    network = problem.network
    names = list(network.build(ops.input("x", (1, *network.input_shape))).activations)
    graph = inference_graph(problem, n, names)
    outputs = dict(graph.outputs)
    prediction = outputs.pop("prediction")
    if prediction != outputs["output"]:
        outputs["probabilities"] = prediction
    return Graph(graph.nodes, outputs, {})


def loss_name(loss: Loss) -> str:
    """The name of a loss with its default arguments; empty for others."""
    return next((name for name, kind in losses.NAMES.items() if loss == kind()), "")


def target_of(loss: Loss, output_shape: Shape, dtype: str) -> tuple[Shape, str]:
    """Shape and dtype of one target, as a loss takes it beside an output of that shape."""
    task = loss.task(output_shape)
    example = np.zeros(1, np.int64) if task == "classification" else np.zeros((1, *output_shape))
    target = loss.target(example, output_shape, dtype)
    return target.shape[1:], target.dtype.name


def _metadata(metadata: Mapping[str, str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What an exported file says of itself, and its class names; nothing where it is another tool's."""
    try:
        said = json.loads(metadata.get(METADATA, "{}"))
        names = json.loads(metadata.get(CLASS_NAMES, "[]")) if METADATA in metadata else []
        if not isinstance(said, dict) or not isinstance(names, list):
            raise TypeError("an object and a list are needed")
        if not all(isinstance(name, str) for name in names):
            raise TypeError("class names must be strings")
    except (ValueError, TypeError, RecursionError) as error:
        raise FileFormatError(f"its metadata cannot be read ({error}).") from error
    return said, tuple(names)


def _loss(given: Any, said: Mapping[str, Any]) -> Loss:
    """The loss that is asked for, else the one that the file names, else the squared error."""
    if given is not None:
        return losses.loss(given)
    name = said.get("loss")
    return losses.NAMES[name]() if name in losses.NAMES else losses.SquaredError()


def _to_c(parts: Parts, path: Path, name: str | None) -> None:
    """A C file; one that ends in ``.h`` has its definitions behind ``#ifdef NAME_IMPLEMENTATION``."""
    from sloy.exchange.c_source import c_name, source

    if name is not None and c_name(name) != name:
        raise InvalidArgument(f"export: `name` (={name!r}) must be a name in C.")
    graph = exported_graph(parts.problem, 1)
    shape = parts.problem.network.input_shape
    text = source(
        graph,
        "probabilities" if "probabilities" in graph.outputs else "output",
        dict(parts.parameters),
        name or c_name(path.stem),
        class_names=parts.class_names,
        comment=f"A network trained with sloy {__version__}, for raw data {shape}.",
        header=path.suffix == ".h",
    )
    write_atomically(path, text.encode())
