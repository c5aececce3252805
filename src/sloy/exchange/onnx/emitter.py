"""A graph of sloy's ops as ONNX nodes: names, layouts, and what is written where.

Each value is held in the order of axes that its maker gave it (channels-first behind a convolution), and is transposed
only where a reader needs another. Broadcasts are left to ONNX, whose elementwise operators broadcast themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from sloy.errors import InvalidArgument, NotAvailable
from sloy.exchange.onnx.values import Order, identity
from sloy.graph import Graph
from sloy.graph.graph import Node
from sloy.graph.spec import Shape, Spec
from sloy.text import Names

Writer = Callable[["Emitter", int, Node], "Out"]

WRITERS: dict[str, Writer] = {}


def writer(*names: str) -> Callable[[Writer], Writer]:
    """Add the way an op is written to the table; a decorator."""

    def add(rule: Writer) -> Writer:
        WRITERS.update(dict.fromkeys(names, rule))
        return rule

    return add


@dataclass(eq=False)
class Part:
    """One ONNX node."""

    op: str
    inputs: list[str]
    output: str
    attributes: dict[str, Any]
    name: str


@dataclass(frozen=True, eq=False)
class Out:
    """A value of sloy's graph on ONNX's side.

    Attributes
    ----------
    spec : Spec
        In sloy's graph.
    shape : tuple of int
        What is really there, at the end of the spec's axes; the rest is repeated by the readers.
    name : str
        In ONNX's graph; empty for arrays, and for comparisons that nobody has asked as numbers.
    order : tuple of int
        Axis k there is axis ``order[k]`` of `fine`.
    fine : tuple of int
        The shape before axes were merged; otherwise `shape`.
    array : array or None
        What it is, where it is known; named by `label`, trained or not.
    flag : str
        The same as a bool, where it is a comparison.
    part : Part or None
        What made it, where that may take a bias.
    """

    spec: Spec
    shape: Shape
    name: str = ""
    order: Order = ()
    fine: Shape = ()
    array: np.ndarray | None = None
    label: str = ""
    trained: bool = False
    flag: str = ""
    part: Part | None = None

    @property
    def is_merged(self) -> bool:
        """Whether it has more axes there."""
        return self.array is None and self.fine != self.shape

    @property
    def is_scalar(self) -> bool:
        """Whether it is one number, repeated."""
        return prod(self.shape) == 1 and not self.is_merged

    @property
    def is_whole(self) -> bool:
        """Whether nothing is repeated."""
        return self.shape == self.spec.shape


def held(spec: Spec, name: str, order: Order | None = None, **rest: Any) -> Out:
    """A value of full shape."""
    return Out(spec, spec.shape, name, order or identity(spec.rank), spec.shape, **rest)


@dataclass
class Emitter:
    """One pass over a graph.

    Parameters
    ----------
    graph, other : Graph
        The same for two numbers of samples.
    variables : mapping
        Parameters and states.
    layers : mapping
        Name of a layer → number of the node that is its output, in order of computation.
    channels_first : bool
        Whether input and output pictures are (N, C, H, W) there.
    """

    graph: Graph
    other: Graph
    variables: Mapping[str, np.ndarray]
    layers: Mapping[str, int]
    channels_first: bool = False
    parts: list[Part] = field(default_factory=list)
    initializers: dict[str, np.ndarray] = field(default_factory=dict)
    outs: list[Out] = field(default_factory=list)
    _given: dict[tuple[Any, ...], str] = field(default_factory=dict)
    _names: Names = field(default_factory=Names)
    _owner: dict[int, str] = field(default_factory=dict)
    _layer: str = ""
    _node: int = 0

    def run(self) -> None:
        """Write every node."""
        check_alike(self.graph, self.other)
        self._owner = _owners(self.graph, self.layers)
        for i, node in enumerate(self.graph.nodes):
            self._node, self._layer = i, self._owner.get(i, "")
            if node.op not in WRITERS:
                raise NotAvailable(f"the op `{node.op}` has no form in ONNX.")
            self.outs.append(WRITERS[node.op](self, i, node))

    # --- what writers ask for ----------------------------------------------------------------------------------------

    def operands(self, node: Node) -> list[Out]:
        """The values a node reads."""
        return [self.outs[i] for i in node.inputs]

    def emit(self, op: str, inputs: Sequence[str], **attributes: Any) -> Part:
        """A new node, named after the layer it belongs to."""
        name = self._names.new(self._of_layer(op))
        part = Part(op, list(inputs), name, attributes, name)
        self.parts.append(part)
        return part

    def get(self, out: Out, order: Order | None = None, *, whole: bool = False) -> str:
        """The name of a value in an order of all its axes; unless `whole`, its readers repeat what is left."""
        order = identity(out.spec.rank) if order is None else order
        key = (out, order, whole and not out.is_whole)
        if key not in self._given:
            name = self._in_order(out, order)
            self._given[key] = self._expanded(out, name, order) if key[2] else name
        return self._given[key]

    def flag(self, out: Out, order: Order) -> str:
        """A value as a bool."""
        if not out.flag:
            return self.emit("Cast", [self.get(out, order)], to="bool").output
        if len(out.shape) < out.spec.rank or out.order == order:
            return out.flag
        return self._permuted(out.flag, out.order, order)

    def constant(self, array: np.ndarray, label: str = "") -> str:
        """An array that is not trained, as a Constant node."""
        key = ("constant", array.dtype.name, array.shape, array.tobytes())
        if key not in self._given:
            name = self._names.new(self._of_layer(label or "constant"))
            self.parts.append(Part("Constant", [], name, {"value": array}, name))
            self._given[key] = name
        return self._given[key]

    def integers(self, *values: int) -> str:
        """A Constant of int64."""
        return self.constant(np.array(values, np.int64), "integers")

    def marks(self, i: int) -> list[bool]:
        """Which extents of a value go with the number of samples."""
        pairs = zip(self.graph.nodes[i].spec.shape, self.other.nodes[i].spec.shape, strict=True)
        return [a != b for a, b in pairs]

    def target(self, i: int) -> list[int]:
        """A value's shape as a Reshape takes it, -1 for what goes with the number of samples."""
        marks = self.marks(i)
        if sum(marks) > 1:
            raise NotAvailable("a value has two axes that go with the number of samples.")
        return [-1 if m else e for m, e in zip(marks, self.graph.nodes[i].spec.shape, strict=True)]

    def uses(self, i: int) -> int:
        """How often a value is read, as an output too."""
        return len(self.graph.users[i]) + list(self.graph.outputs.values()).count(i)

    # --- forms of a value --------------------------------------------------------------------------------------------

    def _in_order(self, out: Out, order: Order) -> str:
        if out.array is not None:
            return self._array(out, order)
        if out.flag and not out.name:
            cast = self.emit("Cast", [self.flag(out, out.order)], to=out.spec.dtype).output
            out = Out(out.spec, out.shape, cast, out.order, out.fine)
        if out.is_merged:
            name = self._permuted(out.name, out.order, identity(len(out.fine)))
            flat = self.emit("Flatten", [name], axis=1).output
            return self._permuted(flat, identity(out.spec.rank), order)
        missing = out.spec.rank - len(out.shape)
        name, held_in = out.name, out.order
        if missing and order != identity(out.spec.rank):
            name = self._permuted(name, held_in, identity(len(out.shape)))
            for _ in range(missing):
                name = self.emit("Unsqueeze", [name, self.integers(0)]).output
            return self._permuted(name, identity(out.spec.rank), order)
        return self._permuted(name, held_in, identity(len(out.shape)) if missing else order)

    def _permuted(self, name: str, there: Order, wanted: Order) -> str:
        if there == wanted:
            return name
        key = ("transposed", name, there, wanted)
        if key not in self._given:
            permutation = [there.index(axis) for axis in wanted]
            self._given[key] = self.emit("Transpose", [name], perm=permutation).output
        return self._given[key]

    def _array(self, out: Out, order: Order) -> str:
        assert out.array is not None
        missing = out.spec.rank - out.array.ndim
        array = out.array.reshape((1,) * missing + out.array.shape).transpose(order)
        while array.ndim > out.array.ndim and array.shape[0] == 1:
            array = array[0]
        return self.store(array, out)

    def store(self, array: np.ndarray, out: Out) -> str:
        """An array in the layout that it is read in: an initialiser where it is trained, else a Constant."""
        array = np.ascontiguousarray(array).reshape(array.shape)
        if not out.trained:
            return self.constant(array)
        name = out.label
        while name in self.initializers and not np.array_equal(self.initializers[name], array):
            name += "_"
        self.initializers[name] = array
        return name

    def _expanded(self, out: Out, name: str, order: Order) -> str:
        """A value repeated to its full shape, which is put together when it runs."""
        marks = self.marks(self._owner_of(out))
        extents = [out.spec.shape[axis] for axis in order]
        if not any(marks):
            return self.emit("Expand", [name, self.integers(*extents)]).output
        size = self.emit("Shape", ["input"], start=0, end=1).output
        samples = next(iter(self.graph.inputs.values())).shape[0]
        pieces = [
            self.emit("Mul", [size, self.integers(out.spec.shape[axis] // samples)]).output
            if marks[axis]
            else self.integers(out.spec.shape[axis])
            for axis in order
        ]
        return self.emit("Expand", [name, self.emit("Concat", pieces, axis=0).output]).output

    def _owner_of(self, out: Out) -> int:
        return next((i for i, other in enumerate(self.outs) if other is out), self._node)

    def _of_layer(self, name: str) -> str:
        return f"{self._layer}/{name}" if self._layer else name


def check_alike(graph: Graph, other: Graph) -> None:
    """The graphs for two numbers of samples have the same nodes."""
    pairs = zip(graph.nodes, other.nodes, strict=False)
    if len(graph.nodes) != len(other.nodes) or any(
        a.op != b.op or a.inputs != b.inputs for a, b in pairs
    ):
        raise InvalidArgument(
            "the network makes other ops for another number of samples, so it cannot be exported."
        )


def _owners(graph: Graph, layers: Mapping[str, int]) -> dict[int, str]:
    """The layer that each node belongs to: the first whose output needs it."""
    owner: dict[int, str] = {}
    for name, end in layers.items():
        stack = [end]
        while stack:
            i = stack.pop()
            if i not in owner and graph.nodes[i].inputs:
                owner[i] = name
                stack += graph.nodes[i].inputs
    return owner
