"""ONNX files as plain values; such files come from anywhere, so everything is checked and bounded.

Nothing in a file is executed, and no memory is reserved before the bytes that it needs are known to be there. External
data is read from the file's own folder only; links may lead into it, or to where the file's own link leads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from sloy.errors import FileFormatError, NotAvailable, SloyError
from sloy.exchange.onnx.attributes import check_attributes
from sloy.exchange.onnx.integer_forms import spelled_out
from sloy.exchange.onnx.nodes import Body, Node
from sloy.exchange.raw import COLUMNS
from sloy.files.container import fail

OLDEST = 6  # opset
LARGEST_FILE = (1 << 31) - 1  # bytes, the limit of protocol buffers
MAX_NODES = 1 << 16
MAX_RANK = 8
MAX_DEPTH = 16  # graphs inside nodes
DOMAINS = ("", "ai.onnx", "ai.onnx.preview.training")

Array = np.ndarray
Folders = Sequence[Path]  # where external data lies, then where links to it may lead


@dataclass(frozen=True)
class Info:
    """An input or output: extents are numbers, names of numbers, or unknown (None)."""

    name: str
    shape: tuple[int | str | None, ...] | None
    dtype: str


@dataclass(frozen=True)
class OnnxGraph:
    """What a file holds.

    Attributes
    ----------
    opset : int
    inputs, outputs : tuple of Info
        Inputs without initialisers of their own.
    nodes : tuple of Node
        In the order of computation.
    initializers : mapping
        Name → array.
    metadata : mapping of str to str
    producer : str
    """

    opset: int
    inputs: tuple[Info, ...]
    outputs: tuple[Info, ...]
    nodes: tuple[Node, ...]
    initializers: Mapping[str, Array]
    metadata: Mapping[str, str]
    producer: str


def onnx() -> Any:
    """The onnx package."""
    try:
        import onnx as package
    except ImportError:
        raise NotAvailable(
            "reading and writing ONNX needs the onnx package: pip install 'sloy[onnx]'."
        ) from None
    return package


def read(path: str | Path) -> OnnxGraph:
    """Read a file.

    Raises
    ------
    FileFormatError
        Where it is damaged, no ONNX model, or one that contradicts itself; the message names the file and the reason.
    NotAvailable
        Without the onnx package.
    """
    package = onnx()
    path = Path(path)
    try:
        size = path.stat().st_size
        if not path.is_file() or size > LARGEST_FILE:
            fail(path, f"is no file of at most {LARGEST_FILE} bytes")
        model = package.load_model_from_string(path.read_bytes())
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror or error}.") from error
    except FileFormatError:
        raise
    except Exception as error:  # protobuf's DecodeError, whose module changes between versions
        raise FileFormatError(f"{path}: is not an ONNX model, or damaged.") from error
    try:
        return from_proto(model, (path.parent, Path(os.path.realpath(path)).parent))
    except SloyError as error:
        raise type(error)(f"{path}: {error}") from error
    except Exception as error:  # the package's own, of the inliner among others
        raise FileFormatError(f"{path}: cannot be understood ({str(error)[:200]}).") from error


def from_proto(model: Any, folders: Folders = ()) -> OnnxGraph:
    """A model of the onnx package as plain values; external data is looked for in the first of `folders` only."""
    graph = model.graph
    if model.producer_name == "sloy" and any(p.key == COLUMNS for p in model.metadata_props):
        raise NotAvailable(
            "the file holds the preparation of a table's columns, which is written for other tools and not read back;"
            " load the .sloy file that it was exported from."
        )
    opset = _opset(model)
    if model.functions:
        model = onnx().inliner.inline_local_functions(model)
        graph = model.graph
    if len(graph.node) > MAX_NODES:
        raise FileFormatError(f"it has {len(graph.node)} nodes, at most {MAX_NODES} are read.")
    if not graph.node and not graph.output:
        raise FileFormatError("is not an ONNX model, or empty.")
    initializers = {_text(t.name): tensor_array(t, folders) for t in graph.initializer}
    if graph.sparse_initializer:
        raise FileFormatError("sparse initialisers are not read.")
    nodes = tuple(node_of(node, folders) for node in graph.node)
    nodes, initializers = spelled_out(nodes, initializers)
    given = [_info(value) for value in graph.input]
    inputs = tuple(info for info in given if info.name not in initializers)
    outputs = tuple(_info(value) for value in graph.output)
    _check_order(inputs, outputs, initializers, nodes)
    if model.producer_name != "sloy":
        initializers, nodes = _with_weights(initializers, nodes)
    metadata = {_text(entry.key): _text(entry.value) for entry in model.metadata_props}
    producer = f"{model.producer_name} {model.producer_version}".strip()
    return OnnxGraph(opset, inputs, outputs, nodes, initializers, metadata, producer)


def _with_weights(
    initializers: dict[str, Array], nodes: tuple[Node, ...]
) -> tuple[dict[str, Array], tuple[Node, ...]]:
    """Weights that a converter has written as `Constant` nodes, as Paddle's did, as the initialisers that they are."""
    if any(a.dtype.kind == "f" and a.size > 1 for a in initializers.values()):
        return initializers, nodes
    found = {
        node.outputs[0]: node.attributes["value"]
        for node in nodes
        if node.op == "Constant"
        and isinstance(value := node.attributes.get("value"), np.ndarray)
        and value.dtype.kind == "f"
        and value.size > 1
    }
    rest = tuple(node for node in nodes if not set(node.outputs) & found.keys())
    return {**initializers, **found}, rest


def _opset(model: Any) -> int:
    newest = int(onnx().defs.onnx_opset_version())
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    if not model.graph.node and not versions:
        raise FileFormatError("is not an ONNX model, or empty.")
    opset = versions[0] if versions else newest
    if not OLDEST <= opset <= newest:
        raise FileFormatError(
            f"has opset {opset}; read are {OLDEST} to {newest} (onnx {onnx().__version__})."
        )
    return int(opset)


def node_of(proto: Any, folders: Folders = (), depth: int = 0) -> Node:
    """A node of the onnx package as plain values; `depth` of graphs lie around it."""
    label = f"node {proto.name[:60]!r} ({proto.op_type[:40]})"
    if proto.domain not in DOMAINS:
        raise FileFormatError(
            f"{label} is of the domain {proto.domain[:60]!r}, which sloy does not know."
        )
    check_attributes(onnx(), proto, label)
    attributes = {a.name: _attribute(a, folders, depth) for a in proto.attribute}
    inputs, outputs = (tuple(map(_text, names)) for names in (proto.input, proto.output))
    captured = _captured(v for v in attributes.values() if isinstance(v, Body))
    return Node(_text(proto.op_type), _text(proto.name), inputs, outputs, attributes, captured)


def _text(value: str | bytes) -> str:
    """Text; what is no UTF-8 arrives as bytes."""
    if isinstance(value, bytes):
        raise FileFormatError(f"a name is no UTF-8 ({value[:40]!r}).")
    return value


def _body(graph: Any, folders: Folders, depth: int) -> Body:
    """A graph inside a node."""
    if depth >= MAX_DEPTH:
        raise FileFormatError(f"graphs lie inside each other more than {MAX_DEPTH} deep.")
    if graph.sparse_initializer:
        raise FileFormatError("sparse initialisers are not read.")
    given = {_text(t.name): tensor_array(t, folders) for t in graph.initializer}
    nodes, initializers = spelled_out([node_of(n, folders, depth + 1) for n in graph.node], given)
    inputs, outputs = (tuple(_text(v.name) for v in side) for side in (graph.input, graph.output))
    return Body(inputs, outputs, nodes, initializers)


def _captured(bodies: Iterable[Body]) -> tuple[str, ...]:
    """What bodies read that nothing in them makes."""
    found: dict[str, None] = {}
    for body in bodies:
        own = {*body.inputs, *body.initializers, ""}
        for node in body.nodes:
            found.update(dict.fromkeys(n for n in (*node.inputs, *node.captured) if n not in own))
            own.update(node.outputs)
        found.update(dict.fromkeys(name for name in body.outputs if name not in own))
    return tuple(found)


def _attribute(proto: Any, folders: Folders, depth: int) -> Any:
    kinds = onnx().AttributeProto
    match proto.type:
        case kinds.FLOAT:
            return float(proto.f)
        case kinds.INT:
            return int(proto.i)
        case kinds.STRING:
            return proto.s.decode("utf-8", "replace")
        case kinds.TENSOR:
            return tensor_array(proto.t, folders)
        case kinds.FLOATS:
            return tuple(map(float, proto.floats))
        case kinds.INTS:
            return tuple(map(int, proto.ints))
        case kinds.STRINGS:
            return tuple(s.decode("utf-8", "replace") for s in proto.strings)
        case kinds.GRAPH:
            return _body(proto.g, folders, depth)
    return None


def _info(proto: Any) -> Info:
    kind = proto.type.tensor_type
    if not proto.type.HasField("tensor_type"):
        return Info(_text(proto.name), None, "no tensor")
    shape = None
    if kind.HasField("shape"):
        shape = tuple(
            int(d.dim_value) if d.HasField("dim_value") else (d.dim_param or None)
            for d in kind.shape.dim
        )
    return Info(_text(proto.name), shape, dtype_name(kind.elem_type))


def dtype_name(number: int) -> str:
    """The NumPy name of ONNX's number of a dtype; "unknown" where NumPy has none."""
    try:
        return str(np.dtype(onnx().helper.tensor_dtype_to_np_dtype(number)).name)
    except (KeyError, TypeError, ValueError):
        return "unknown"


# --- tensors ------------------------------------------------------------------------------------------------------


def tensor_array(proto: Any, folders: Folders) -> Array:
    """The value of a tensor, once its bytes are known to be there."""
    package = onnx()
    label = f"tensor {proto.name[:60]!r}"
    shape = tuple(int(extent) for extent in proto.dims)
    if len(shape) > MAX_RANK or any(not 0 <= extent < 2**36 for extent in shape):
        raise FileFormatError(f"{label} has the impossible shape {str(shape)[:80]}.")
    name = dtype_name(proto.data_type)
    if name not in _READ:
        raise FileFormatError(f"{label} holds {name}, which is not read.")
    if proto.data_location == package.TensorProto.EXTERNAL:
        return _external(proto, label, shape, name, folders)
    if proto.HasField("raw_data"):
        return _from_bytes(label, proto.raw_data, shape, name)
    fields = (
        proto.float_data,
        proto.int32_data,
        proto.int64_data,
        proto.double_data,
        proto.uint64_data,
    )
    stored = max(map(len, fields))
    if stored != prod(shape):
        raise FileFormatError(f"{label} of shape {shape} holds {stored} numbers.")
    array = np.asarray(package.numpy_helper.to_array(proto))
    return _plain(array).reshape(shape)


_READ = (
    "float16", "bfloat16", "float32", "float64", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16",
    "uint32", "uint64",
)  # fmt: skip


def _from_bytes(label: str, data: bytes, shape: tuple[int, ...], name: str) -> Array:
    size = 2 if name == "bfloat16" else np.dtype(name).itemsize
    if len(data) != prod(shape) * size:
        raise FileFormatError(
            f"{label} of shape {shape} needs {prod(shape) * size} bytes, there are {len(data)}."
        )
    if name == "bfloat16":
        upper = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return upper.view(np.float32).reshape(shape)
    array = np.frombuffer(data, np.dtype(name).newbyteorder("<")).reshape(shape)
    return _plain(array)


def _plain(array: Array) -> Array:
    """In native byte order; half precision becomes float32."""
    if array.dtype.name in ("float16", "bfloat16"):
        return array.astype(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _external(proto: Any, label: str, shape: tuple[int, ...], name: str, folders: Folders) -> Array:
    entries = {entry.key: entry.value for entry in proto.external_data}
    location = entries.get("location", "")
    if not folders or not location:
        raise FileFormatError(f"{label} lies outside of the file, which is not allowed here.")
    roots = [Path(os.path.realpath(folder)) for folder in folders]
    target = Path(os.path.realpath(roots[0] / location))
    inside = any(target.is_relative_to(root) and target != root for root in roots)
    if Path(location).is_absolute() or ".." in Path(location).parts or not inside:
        raise FileFormatError(
            f"{label}: its data {location[:80]!r} lies outside the file's folder, or a link leads out of it."
        )
    try:
        offset = int(entries.get("offset", "0"))
        size = 2 if name == "bfloat16" else np.dtype(name).itemsize
        length = int(entries.get("length", prod(shape) * size))
        if not target.is_file() or offset < 0 or offset + length > target.stat().st_size:
            raise FileFormatError(
                f"{label}: its data in {location[:80]!r} is missing or truncated."
            )
        if length != prod(shape) * size:
            raise FileFormatError(f"{label} of shape {shape} cannot have {length} bytes.")
        with target.open("rb") as file:
            file.seek(offset)
            return _from_bytes(label, file.read(length), shape, name)
    except (OSError, ValueError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{label}: its data in {location[:80]!r} cannot be read.") from error


def _check_order(
    inputs: Iterable[Info],
    outputs: Sequence[Info],
    initializers: Iterable[str],
    nodes: Iterable[Node],
) -> None:
    """Every value is made once, before it is read."""
    given = [*(info.name for info in inputs), *initializers]
    if not all(given) or not all(info.name for info in outputs):
        raise FileFormatError("an input, an output or an initialiser has no name.")
    if not outputs:
        raise FileFormatError("the graph has no output.")
    known = {*given, ""}
    _check_nodes(nodes, known)
    for info in outputs:
        if info.name not in known:
            raise FileFormatError(f"nothing makes the output {info.name[:60]!r}.")


def _check_nodes(nodes: Iterable[Node], known: set[str]) -> None:
    """Nodes in order; `known` grows by what they make."""
    for node in nodes:
        label = f"node {node.name[:60]!r} ({node.op[:40]})"
        if not any(node.outputs):
            raise FileFormatError(f"{label} makes nothing.")
        for name in (*node.inputs, *node.captured):
            if name not in known:
                raise FileFormatError(
                    f"{label} reads {name[:60]!r} before anything makes it: a cycle, or nodes out of order."
                )
        for body in (v for v in node.attributes.values() if isinstance(v, Body)):
            own = [*body.inputs, *body.initializers]
            twice = next((n for n in own if n in known or own.count(n) > 1), None)
            if twice is not None:
                raise FileFormatError(f"the value {twice[:60]!r} is made twice.")
            _check_nodes(body.nodes, {*known, *own})
        for name in filter(None, node.outputs):
            if name in known:
                raise FileFormatError(f"the value {name[:60]!r} is made twice.")
            known.add(name)
