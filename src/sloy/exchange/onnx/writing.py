"""A network as an ONNX file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import sloy.exchange.onnx.writers  # noqa: F401  fills the table
from sloy.errors import InvalidArgument, NotAvailable
from sloy.exchange.onnx.emitter import WRITERS, Emitter, Part
from sloy.exchange.onnx.patterns import to_there
from sloy.exchange.onnx.raw import put_before
from sloy.exchange.onnx.reading import onnx
from sloy.exchange.onnx.values import identity
from sloy.exchange.raw import Raw
from sloy.files.atomic import write_atomically
from sloy.graph import REGISTRY, Graph
from sloy.graph.passes import lower
from sloy.graph.stored.reading import BATCHES

OPSET = 18
LARGEST = (1 << 31) - (1 << 20)  # bytes of weights in one file


@dataclass(frozen=True)
class Written:
    """What a file says.

    Parameters
    ----------
    graph : callable
        Number of samples → inference graph of one input; outputs ``activation/<layer>`` name what belongs to a layer,
        the others are the file's.
    variables : mapping
    metadata : mapping of str to str
    version : str
        Of sloy.
    description : str
        For whoever opens the file.
    raw : Raw, optional
        What makes the graph's input of raw columns, or of numbers in double precision.
    """

    graph: Callable[[int], Graph]
    variables: Mapping[str, np.ndarray]
    metadata: Mapping[str, str]
    version: str = ""
    description: str = ""
    raw: Raw | None = None


def write(
    written: Written, path: str | Path, *, opset: int = OPSET, channels_first: bool = False
) -> None:
    """Write a file, checked by onnx, atomically."""
    write_atomically(path, to_proto(written, opset, channels_first).SerializeToString())


def to_proto(written: Written, opset: int = OPSET, channels_first: bool = False) -> Any:
    """The network as a model of the onnx package, checked in full."""
    package = onnx()
    newest = int(package.defs.onnx_opset_version())
    if not OPSET <= opset <= newest:
        raise InvalidArgument(f"`opset` (={opset}) must be from {OPSET} to {newest}.")
    size = sum(array.nbytes for array in written.variables.values())
    if size > LARGEST:
        raise NotAvailable(f"the weights have {size} bytes; an ONNX file holds at most {LARGEST}.")
    first, second = (_lowered(written.graph(n)) for n in BATCHES)
    prefix = "activation/"
    layers = {n.removeprefix(prefix): i for n, i in first.outputs.items() if n.startswith(prefix)}
    outputs = {name: i for name, i in first.outputs.items() if not name.startswith(prefix)}
    plain, other = (
        Graph(g.nodes, {name: i for name, i in g.outputs.items() if name in outputs}, {})
        for g in (first, second)
    )
    emitter = Emitter(plain, other, written.variables, layers, channels_first)
    emitter.run()
    names = _name_outputs(emitter, outputs)
    parts = _needed(emitter.parts, names)
    model = _checked(package, _model(package, emitter, parts, outputs, opset), emitter)
    model.producer_name, model.producer_version = "sloy", written.version
    model.graph.doc_string = written.description
    package.helper.set_model_props(model, dict(written.metadata))
    if written.raw is not None:
        put_before(package, model, written.raw)
    return model


def _lowered(graph: Graph) -> Graph:
    for node in graph.nodes:
        if node.inputs and node.op not in WRITERS and REGISTRY[node.op].expand is None:
            raise NotAvailable(f"the op `{node.op}` has no form in ONNX.")
    return lower(graph, WRITERS.keys(), "ONNX")


def _name_outputs(e: Emitter, outputs: Mapping[str, int]) -> list[str]:
    """Let the outputs have their own names."""
    for name, i in outputs.items():
        out = e.outs[i]
        pictures = e.channels_first and out.spec.rank > 2
        order = to_there(out.spec.rank) if pictures else identity(out.spec.rank)
        there = e.get(out, order, whole=True)
        maker = next(
            (part for part in e.parts if part.output == there and part.op != "Constant"), None
        )
        if maker is None or there in outputs:
            part = e.emit("Identity", [there])
            part.output = name
            continue
        for part in e.parts:
            part.inputs = [name if given == there else given for given in part.inputs]
        maker.output = name
    return list(outputs)


def _needed(parts: list[Part], wanted: list[str]) -> list[Part]:
    """The nodes that the outputs need, in order."""
    names, found = set(wanted), []
    for part in reversed(parts):
        if part.output in names:
            found.append(part)
            names.update(part.inputs)
    return found[::-1]


def _model(
    package: Any, e: Emitter, parts: list[Part], outputs: Mapping[str, int], opset: int
) -> Any:
    """The model, its weights inputs without values."""
    helper = package.helper
    read = {name for part in parts for name in part.inputs}
    weights = [
        helper.make_tensor_value_info(name, _dtype(package, array.dtype.name), array.shape)
        for name, array in e.initializers.items()
        if name in read
    ]
    (x,) = (i for i, node in enumerate(e.graph.nodes) if node.op == "input")
    graph = helper.make_graph(
        [_node(package, part) for part in parts],
        "sloy",
        [_info(package, e, "input", x), *weights],
        [_info(package, e, name, i) for name, i in outputs.items()],
    )
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(
        graph, opset_imports=imports, ir_version=helper.find_min_ir_version_for(imports)
    )


def _checked(package: Any, model: Any, e: Emitter) -> Any:
    """The model with the shapes of what is in between, checked in full, and its weights in their place.

    The check copies the whole model several times, so the values come after it.
    """
    model = package.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    package.checker.check_model(model, full_check=True)
    weights = [info.name for info in model.graph.input][1:]
    del model.graph.input[1:]
    for name in weights:
        model.graph.initializer.append(package.numpy_helper.from_array(e.initializers[name], name))
    return model


def _node(package: Any, part: Part) -> Any:
    attributes = dict(part.attributes)
    if part.op == "Cast":
        attributes["to"] = _dtype(package, attributes["to"])
    if part.op == "Constant":
        attributes["value"] = package.numpy_helper.from_array(attributes["value"])
    return package.helper.make_node(
        part.op, part.inputs, [part.output], name=part.name, **attributes
    )


def _dtype(package: Any, name: str) -> int:
    return int(package.helper.np_dtype_to_tensor_dtype(np.dtype(name)))


def _info(package: Any, e: Emitter, name: str, i: int) -> Any:
    spec = e.graph.nodes[i].spec
    pictures = e.channels_first and spec.rank > 2
    order = to_there(spec.rank) if pictures else identity(spec.rank)
    marks = e.marks(i)
    extents = ["N" if marks[axis] else spec.shape[axis] for axis in order]
    return package.helper.make_tensor_value_info(name, _dtype(package, spec.dtype), extents)
