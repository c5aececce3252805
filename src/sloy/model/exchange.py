"""Models taken in from other tools' files, and written for them."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sloy import losses, ops
from sloy.arguments import file_to_write, path_of, with_n
from sloy.data.readers import reader_to_config
from sloy.data.tables import TableReader
from sloy.errors import InvalidArgument, SloyError
from sloy.exchange.raw import Raw, raw_of, taken
from sloy.files.atomic import write_atomically
from sloy.graph import Graph
from sloy.graph.spec import Shape
from sloy.layers import Imported, Rescale
from sloy.losses import Loss
from sloy.model.importing import (
    CLASS_NAMES,
    METADATA,
    Wanted,
    class_names_of,
    converted,
    flattening,
    prepared,
    reader_of,
    said_by,
)
from sloy.model.parts import Parts
from sloy.problem import Network, Problem
from sloy.problem.graphs import evaluation_graph, inference_graph
from sloy.problem.problem import is_yes_or_no
from sloy.text import columns, many, shortened, shown, visible
from sloy.version import __version__

SHOWN = 40  # columns of a table that are listed


def read_onnx(path: str | Path, wanted: Wanted) -> Parts:
    """What an ONNX file holds, as a model; see `Model.from_onnx`."""
    from sloy.exchange.onnx.reading import read

    graph = read(path_of("from_onnx", "path", path))
    try:
        said = said_by(graph.metadata)
        found, chosen = converted(graph, wanted, said)
        values = [list(value) for value in found.values]
        layer = Imported.from_config({"function": found.function, "values": values})
        network = Network(found.input_shape, [layer, *flattening(layer, found.input_shape, chosen)])
        names = class_names_of(wanted, said, network.output_shape)
        shape, dtype = target_of(chosen, network.output_shape, found.dtype)
        problem = Problem(
            network,
            chosen,
            data_dtype=found.data_dtype,
            target_shape=shape,
            target_dtype=dtype,
            dtype=found.dtype,
            threshold=said.own.get("threshold")
            if is_yes_or_no(chosen, network.output_shape)
            else None,
        )
        evaluation_graph(problem, 1)  # raises where the loss does not fit what the graph ends in
        reader = reader_of(wanted, said, network.input_shape)
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
    return Parts(prepared(problem, parameters, wanted, said), parameters, names, reader)


SUFFIXES = (".onnx", ".c", ".h", ".js")


def export(
    parts: Parts, path: str | Path, *, opset: int, channels_first: bool, name: str | None
) -> None:
    """Write a model for other tools; see `Model.export`."""
    path = file_to_write("export", "path", path)
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise InvalidArgument(
            f"export: `path` (={shown(str(path))}) must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}."
        )
    if kind == ".onnx":
        from sloy.exchange.onnx.writing import write

        found = written(parts, reads=not channels_first)
        write(found, path, opset=opset, channels_first=channels_first)
    elif kind == ".js":
        _to_javascript(parts, path)
    else:
        _to_c(parts, path, name)


def written(parts: Parts, *, reads: bool = True) -> Any:
    """What an ONNX file says of a model; its reader only where it `reads` what the file takes."""
    from sloy.exchange.onnx.writing import Written

    problem, reader = parts.problem, parts.reader
    raw = raw_of(reader, problem.preprocessing, problem.data_dtype)
    stored = reader if reads and not (raw and raw is reader) else None
    said: dict[str, Any] = {"loss": loss_name(problem.loss), "reader": reader_to_config(stored)}
    if problem.threshold is not None:
        said["threshold"] = problem.threshold
    metadata = {METADATA: json.dumps(said, sort_keys=True)}
    if parts.class_names:
        metadata[CLASS_NAMES] = json.dumps(list(parts.class_names), ensure_ascii=False)
    return Written(
        lambda n: exported_graph(after(problem, raw), n),
        dict(parts.parameters),
        metadata,
        __version__,
        f"Input: {takes(parts)}; {'the preparation' if raw else 'the preprocessing'} is in the graph.{_answer(parts)}",
        raw,
    )


def takes(parts: Parts) -> str:
    """What an exported file takes, in a few words."""
    if isinstance(parts.reader, TableReader):
        return f"{many(len(parts.reader.columns), 'raw column')} of a table"
    return f"{input_dtype(parts)}, {with_n(parts.problem.network.input_shape)}, raw data"


def input_dtype(parts: Parts) -> str:
    """The dtype that an exported file takes its one input in."""
    problem = parts.problem
    raw = raw_of(None, problem.preprocessing, problem.data_dtype)
    return "float64" if raw else problem.data_dtype


def columns_of(parts: Parts) -> str | None:
    """A line for each raw column that an exported model of a table takes; None for others."""
    if not isinstance(parts.reader, TableReader):
        return None
    lines = [(shortened(column.name, 32), taken(column)) for column in parts.reader.columns]
    more = len(lines) - SHOWN
    return columns(lines[:SHOWN]) + (f"\n… and {more} more" if more > 0 else "")


def after(problem: Problem, raw: Raw | None) -> Problem:
    """The problem without what `raw` does, its origin added as float32 has it."""
    if problem.origin:
        layers = [*problem.network.layers, Rescale(1.0, problem.origin)]
        network = Network(problem.network.input_shape, layers)
        problem = replace(problem, network=network, origin=())
    return replace(problem, preprocessing=None) if raw else problem


def exported_graph(problem: Problem, n: int) -> Graph:
    """Inference on n samples: ``output``, ``probabilities`` where they differ, and every layer's output."""
    network = problem.network
    names = list(network.build(ops.input("x", (1, *network.input_shape))).activations)
    graph = inference_graph(problem, n, names)
    outputs = dict(graph.outputs)
    prediction = outputs.pop("prediction")
    if problem.loss.logits and prediction != outputs["output"]:
        outputs["probabilities"] = prediction
    if problem.loss.link:
        outputs["output"] = prediction
    return Graph(graph.nodes, outputs, {})


def _answer(parts: Parts) -> str:
    """What is to be known to make an answer of the outputs, a sentence; empty where it is plain."""
    problem, names = parts.problem, parts.class_names
    if problem.origin:
        near = max(problem.origin, key=abs)
        step = float(np.spacing(np.float32(abs(near))))
        return f" Answers are float32, {step:g} apart near {near:.9g}; those of sloy itself are float64."
    if isinstance(problem.loss, losses.Intervals):
        share = problem.loss.share
        return f" y[0] is the number, y[1] and y[2] the ends of its interval ({share:g})."
    if problem.threshold is None:
        return ""
    second = visible(names[1]) if len(names) == 2 else "the second class"
    return f" The answer is {second} where its probability is above {problem.threshold:.9g}."


def loss_name(loss: Loss) -> str:
    """What `sloy.losses.loss` takes for it, a name or a name with a number; empty where nothing is."""
    if loss.link:  # the file answers as `prediction` does
        return ""
    for name, kind in losses.NAMES.items():
        number = getattr(loss, losses.NUMBERS.get(name, ""), None)
        for word in (name, f"{name}={number!r}") if number is not None else (name,):
            if type(loss) is kind and losses.loss(word) == loss:
                return word
    return ""


def target_of(loss: Loss, output_shape: Shape, dtype: str) -> tuple[Shape, str]:
    """Shape and dtype of one target, as a loss takes it beside an output of that shape."""
    task = loss.task(output_shape)
    example = np.zeros(1, np.int64) if task == "classification" else np.zeros((1, *output_shape))
    target = loss.target(example, output_shape, dtype)
    return target.shape[1:], target.dtype.name


def _to_c(parts: Parts, path: Path, name: str | None) -> None:
    """A C file; one that ends in ``.h`` has its definitions behind ``#ifdef NAME_IMPLEMENTATION``."""
    from sloy.exchange.source import c_name, source

    if name is not None and c_name(name) != name:
        raise InvalidArgument(f"export: `name` (={shown(name)}) must be a name in C.")
    raw = raw_of(parts.reader, parts.problem.preprocessing, parts.problem.data_dtype)
    graph = exported_graph(after(parts.problem, raw), 1)
    text = source(
        graph,
        answering(graph),
        dict(parts.parameters),
        name or c_name(path.stem),
        class_names=parts.class_names,
        comment=f"A network trained with sloy {__version__}. Input: {takes(parts)}.{_answer(parts)}",
        header=path.suffix == ".h",
        raw=raw,
    )
    write_atomically(path, text)


def _to_javascript(parts: Parts, path: Path) -> None:
    """An ES module, and beside it its types: NAME.d.ts."""
    from sloy.exchange.source.javascript import module, network_script

    problem = parts.problem
    raw = raw_of(parts.reader, problem.preprocessing, problem.data_dtype)
    graph = exported_graph(after(problem, raw), 1)
    output = answering(graph)
    text, types = module(
        network_script(graph, [output], dict(parts.parameters)),
        output,
        (problem.network.input_shape, problem.network.output_shape),
        class_names=parts.class_names,
        comment=f"A network trained with sloy {__version__}. Input: {takes(parts)}.{_answer(parts)}",
        raw=raw,
    )
    write_atomically(path, text)
    write_atomically(path.with_suffix(".d.ts"), types)


def answering(graph: Graph) -> str:
    """Which output of an exported graph is the answer."""
    return "probabilities" if "probabilities" in graph.outputs else "output"
