"""An ONNX graph as ops, node by node, for inputs of given shapes.

What depends on known arrays only is computed at once (shape arithmetic, mostly); operators read the rest from the table
in `sloy.exchange.onnx.operators`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sloy import ops
from sloy.engines import engine
from sloy.errors import FileFormatError
from sloy.exchange.onnx.expansion import EXPANSIONS, Walk, needed
from sloy.exchange.onnx.folding import FOLDED, MOVES, fold
from sloy.exchange.onnx.nodes import Node, Unsupported, blamed
from sloy.exchange.onnx.reading import OnnxGraph
from sloy.exchange.onnx.values import HELD, Order, Value, identity, known
from sloy.graph import Graph
from sloy.graph.graph import topological_order
from sloy.graph.spec import Spec
from sloy.graph.tensor import Tensor, constant
from sloy.text import Names, shortened

Rule = Callable[["Conversion", Node, list["Value | None"]], "Value | Sequence[Value]"]

OPERATORS: dict[str, Rule] = {}
LARGEST = 1 << 31  # elements of one value
MOST_COMPUTED = (
    1 << 24
)  # elements of known operands, and on the way from them, that are computed at once
REPEATS = (
    "Expand",
    "Tile",
)  # perhaps for each sample: not known, as that changes with their number
MOST_GENERATED = 1 << 28  # elements of weights that ConstantOfShape and Expand make

_STEM = re.compile(  # conv1.weight of PyTorch, conv1/kernel:0 of Keras, conv2d_0.w_0 and conv1_weights of Paddle
    r"(.+?)[./_](weights?|kernel|gamma|scale|bias|beta|offset|W|B|[wb]_0)(_deepcopy_\d+|_fused_bn)?(:\d+)?$"
)


def operator(*names: str) -> Callable[[Rule], Rule]:
    """Add a rule to the table; a decorator."""

    def add(rule: Rule) -> Rule:
        OPERATORS.update(dict.fromkeys(names, rule))
        return rule

    return add


@dataclass
class Leaf:
    """A parameter or state that a graph asks for, as the file has it, and the way to sloy's layout."""

    array: np.ndarray
    change: Callable[[np.ndarray], np.ndarray]

    def value(self) -> np.ndarray:
        """Its first value, in sloy's layout."""
        return np.ascontiguousarray(self.change(self.array))


@dataclass
class Conversion:
    """One pass over a graph.

    Parameters
    ----------
    graph : OnnxGraph
    dtype : "float32" or "float64"
        What floats are computed in; the two where files have others.
    trains : bool
        Whether weights become parameters and dropout is kept for training (a network), or are constants (a function).
    """

    graph: OnnxGraph
    dtype: str = "float32"
    trains: bool = False
    leaves: dict[str, Leaf] = field(default_factory=dict)
    labels: dict[str, Tensor] = field(default_factory=dict)
    _tensors: dict[tuple[Any, ...], Tensor] = field(default_factory=dict)
    _shared: dict[tuple[Any, ...], list[tuple[Leaf, Tensor]]] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _names: Names = field(default_factory=Names)
    _label: str = ""
    _generated: int = 0

    def run(self, inputs: Mapping[str, Value], wanted: Sequence[str]) -> dict[str, Value]:
        """The values of that name, from the values of the graph's inputs."""
        values = {**self.known(), **inputs}
        walk = Walk(
            values, self.apply, lambda v: v, lambda v: v, self.graph.opset, trains=self.trains
        )
        walk.run(needed(self.graph.nodes, wanted))
        return {name: values[name] for name in wanted}

    def known(self) -> dict[str, Value]:
        """The initialisers by name.

        Raises
        ------
        Unsupported
            Where the graph has operators that sloy has no ops for.
        """
        unknown = sorted(
            {n.op for n in self.graph.nodes} - OPERATORS.keys() - EXPANSIONS.keys() - FOLDED
        )
        if unknown:
            names = ", ".join(map(shortened, unknown))
            raise Unsupported(f"sloy has no ops for {shortened(names, 160)}.")
        return {name: known(a, name) for name, a in self.graph.initializers.items()}

    def call(self, op: str, *operands: Value, **attributes: Any) -> Value:
        """What an operator of one result makes, outside of any node."""
        node = Node(op, "", (), ("",), attributes)
        folded = fold(node, operands, self.graph.opset)
        found = OPERATORS[op](self, node, list(operands)) if folded is None else folded
        return found if isinstance(found, Value) else found[0]

    def apply(self, node: Node, operands: list[Value | None]) -> Sequence[Value]:
        """What a node makes of its operands."""
        self._label = self._name(node, operands)
        with blamed(node):
            folded = (
                None
                if self._holds_parameters(node, operands)
                else fold(node, operands, self.graph.opset)
            )
            found = self._read(node, operands) if folded is None else folded
            results = [found] if isinstance(found, Value) else list(found)
            if results[0].size >= LARGEST:
                raise FileFormatError(
                    f"a value of shape {results[0].shape} is larger than allowed."
                )
        first = results[0]
        if first.tensor is not None and first.is_float and first.rank:
            self.labels[self._label] = first.tensor
        return results

    def _read(self, node: Node, operands: list[Value | None]) -> Value | Sequence[Value]:
        """What the operator's rule makes; where all operands are known, computed at once."""
        rule = OPERATORS.get(node.op, _only_known)
        given = [v for v in operands if v is not None]
        size = sum(v.size for v in given)
        whole = given and size <= MOST_COMPUTED and all(v.is_known for v in given)
        if not whole or node.op in REPEATS or self._holds_parameters(node, operands):
            return rule(self, node, operands)
        wide = any(v.dtype == "float64" for v in given)
        own = Conversion(self.graph, "float64" if wide else "float32")
        found = rule(own, node, operands)
        results = [found] if isinstance(found, Value) else found
        tensors = [v.tensor for v in results if v.tensor is not None]
        if sum(t.spec.size for t in topological_order(tensors)) > MOST_COMPUTED:
            return rule(self, node, operands)
        return [v if v.is_known else own.computed(v) for v in results]

    def _holds_parameters(self, node: Node, operands: Sequence[Value | None]) -> bool:
        """Whether a node computes with parameters of sloy's own file, which stay that whatever is made of them."""
        if node.op in MOVES or node.op in ("Shape", "Size"):
            return False
        return any(v is not None and self.is_own_parameter(v) for v in operands)

    def computed(self, value: Value) -> Value:
        """A value that depends on constants only, as an array."""
        graph = Graph.of({"y": self.tensor(value)})
        array = engine("reference").compile(graph, {}).run({})["y"]
        return known(array.astype(value.dtype, copy=False))

    # --- what rules ask for ------------------------------------------------------------------------------------------

    def holds(self, dtype: str) -> str:
        """The dtype of the tensors that hold an ONNX dtype."""
        return self.dtype if dtype.startswith("float") else HELD.get(dtype, dtype)

    def tensor(self, value: Value, order: Order | None = None) -> Tensor:
        """The value as a tensor, its axes in an order (ONNX's own by default)."""
        order = identity(value.rank) if order is None else order
        if value.tensor is not None:
            return value.moved(order)
        assert value.array is not None
        key = (value, order)
        if key not in self._tensors:
            self._tensors[key] = self._constant(value, order)
        return self._tensors[key]

    def _constant(self, value: Value, order: Order) -> Tensor:
        array, dtype = value.array, self.holds(value.dtype)
        assert array is not None
        if not any(array.strides) and array.size > 1:  # a number, repeated
            scalar = constant(array.reshape(-1)[:1].reshape(()), dtype)
            return ops.broadcast_to(scalar, tuple(array.shape[axis] for axis in order))
        return constant(_fits(array, dtype).transpose(order), dtype)

    def parameter(
        self,
        value: Value,
        role: str,
        change: Callable[[np.ndarray], np.ndarray] | None = None,
        kind: str = "parameter",
    ) -> Tensor:
        """A weight: a parameter where the graph is a network and the value an array, otherwise what it is.

        Parameters
        ----------
        value : Value
        role : str
            The parameter's name within the node.
        change : callable
            From ONNX's layout to sloy's.
        kind : "parameter" or "state"
        """
        array = value.array
        if array is None or not value.is_known or not value.is_float or not self.trains:
            raise ValueError("only an array can become a parameter")
        leaf = Leaf(array, change or (lambda given: given))
        shape = leaf.change(np.broadcast_to(np.float32(0), array.shape)).shape
        shared = self._shared.setdefault((value.source or id(array), kind, shape), [])
        for other, tensor in shared:  # used before, and in the same layout
            if np.array_equal(other.value(), leaf.value()):
                return tensor
        self._count_generated(array)
        own = _spelled(value.source) if self.is_own else ""
        name = self._names.new(own or f"{self._label}/{role}")
        initial: float | str = 1.0 if role in ("scale", "running_variance") else 0.0
        if kind == "parameter" and len(shape) >= 2:
            initial = "weight"
        self.leaves[name] = leaf
        attributes = {"name": name, "shape": shape, "initial": initial}
        shared.append((leaf, Tensor(kind, (), attributes, Spec(shape, self.dtype))))
        return shared[-1][1]

    @property
    def is_own(self) -> bool:
        """Whether sloy wrote the file: its weights are the initialisers, under their own names, and nothing else is."""
        return self.graph.producer.startswith("sloy")

    def is_own_parameter(self, value: Value) -> bool:
        """Whether a value is an initialiser of sloy's own file, unchanged."""
        return self.is_own and bool(value.source) and self.is_weight(value)

    def _count_generated(self, array: np.ndarray) -> None:
        """Weights that a file does not hold but tells to make are bounded."""
        if array.size > 1 and not any(array.strides):
            self._generated += array.size
            if self._generated > MOST_GENERATED:
                raise FileFormatError(
                    f"it makes weights of {self._generated} numbers out of nothing; at most"
                    f" {MOST_GENERATED} are allowed."
                )

    def is_weight(self, value: Value | None) -> bool:
        """Whether a value becomes a parameter where a rule asks for one."""
        if not self.trains or value is None or not value.is_known or not value.is_float:
            return False
        return bool(value.source) or not self.is_own

    # --- names -------------------------------------------------------------------------------------------------------

    def _name(self, node: Node, operands: Sequence[Value | None]) -> str:
        """A node's name: from its weights (``fc.weight``), from its own (``/layer1/conv/Conv``), or a number."""
        for value in operands[1:]:
            match = _STEM.match(value.source) if value is not None and value.is_known else None
            if match and self.trains:
                return _spelled(match[1])
        path = node.name.strip("/").rpartition("/")[0]
        if path and self.trains:
            return _spelled(path)
        stem = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", node.op).lower()
        self._counts[stem] = self._counts.get(stem, 0) + 1
        return f"{stem}_{self._counts[stem]}"


def _only_known(c: Conversion, node: Node, operands: list[Value | None]) -> Value:
    raise Unsupported("sloy has no op for it, and its operands are not known beforehand")


def _spelled(name: str) -> str:
    """A name with the letters that sloy's names have."""
    parts = [re.sub(r"[^A-Za-z0-9_.-]", "_", part) for part in name.split("/")]
    return "/".join(part for part in parts if part.strip("._-")) or "node"


def _fits(array: np.ndarray, dtype: str) -> np.ndarray:
    """The array in a dtype; limits of longer integers (all of an axis, for slices) are kept within it."""
    if array.dtype.kind in "iu" and np.dtype(dtype).kind in "iu" and array.size:
        limits = np.iinfo(dtype)
        return np.clip(array, limits.min, limits.max).astype(dtype)
    return array.astype(dtype)


def number(value: Value | None, default: Any = None) -> Any:
    """A known scalar as a Python number."""
    if value is None:
        return default
    return array(value).reshape(-1)[0].item()


def array(value: Value) -> np.ndarray:
    """What a value is; it must be known before anything runs."""
    if value.array is None:
        raise Unsupported("an operand is computed where sloy needs it to be known")
    return value.array


def integers(value: Value | None) -> tuple[int, ...] | None:
    """A known list of integers."""
    return None if value is None else tuple(int(v) for v in array(value).reshape(-1))


def normal_axis(axis: int, rank: int) -> int:
    """An axis counted from 0."""
    if not -rank <= axis < max(rank, 1):
        raise FileFormatError(f"the axis {axis} does not lie within {rank} axes.")
    return axis % rank if rank else 0
