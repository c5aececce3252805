"""Graph-to-graph passes: the same results with less work."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from sloy.arguments import instance
from sloy.errors import NotAvailable
from sloy.graph.graph import Graph, Node, copy_node
from sloy.graph.opdef import REGISTRY
from sloy.graph.spec import BFLOAT16
from sloy.graph.tensor import Tensor, broadcast_to, constant

FOLD_LIMIT = 4096  # elements; larger constants are computed on each run rather than stored


def optimize(graph: Graph) -> Graph:
    """Constant folding and common subexpressions at once; unused nodes fall away in the rebuild.

    Folding stores results of up to `FOLD_LIMIT` elements. A broadcast stays, because engines read the small operand in
    place.
    """
    instance("optimize", "graph", graph, Graph)
    unique = _Unique()

    def rule(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        return unique(copy_node(node, operands) if node.is_leaf else _folded(node, operands))

    return graph.rebuild(rule, leaves=True)


def _folded(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
    """The node on other operands, computed where these are constants."""
    stored = node.spec.dtype == BFLOAT16  # constants are not
    if (node.op == "broadcast_to" or any(x.op != "constant" for x in operands)) and not stored:
        moved = _fold_through_broadcast(node, operands)
        if moved is not None:
            return moved
    if node.op == "broadcast_to" or node.spec.size > FOLD_LIMIT or stored:
        return copy_node(node, operands)
    arrays = []
    for operand in operands:
        value = _constant_value(operand)
        if value is None:
            return copy_node(node, operands)
        arrays.append(value)
    return _known(node, arrays)


def _constant_value(x: Tensor) -> np.ndarray | None:
    """The value of a constant, or of a broadcast of one up to `FOLD_LIMIT` elements."""
    if x.op == "broadcast_to" and x.inputs[0].op == "constant" and x.spec.size <= FOLD_LIMIT:
        return np.array(np.broadcast_to(x.inputs[0].attributes["value"], x.shape), order="C")
    return x.attributes["value"] if x.op == "constant" else None


def _known(node: Node, arrays: Sequence[np.ndarray]) -> Tensor:
    with np.errstate(all="ignore"):
        return constant(REGISTRY[node.op].reference(arrays, node.attributes), node.spec.dtype)


def _fold_through_broadcast(node: Node, operands: tuple[Tensor, ...]) -> Tensor | None:
    """Work on the scalar where every operand is a broadcast of a constant scalar."""
    scalars = []
    for operand in operands:
        scalar = broadcast_scalar(operand)
        if scalar is None:
            return None
        scalars.append(scalar)
    definition = REGISTRY[node.op]
    if definition.elementwise:
        value = _known(node, scalars)
    elif definition.kind == "movement":
        value = constant(scalars[0], node.spec.dtype)
    else:
        return None
    return broadcast_to(value, node.spec.shape)


def broadcast_scalar(x: Tensor) -> np.ndarray | None:
    """The value, (), of a single constant, repeated or not; None of anything else."""
    source = x.inputs[0] if x.op == "broadcast_to" else x
    if source.op != "constant" or source.spec.size != 1:
        return None
    return np.asarray(source.attributes["value"]).reshape(())


class _Unique:
    """Of equal tensors always the first: those of one op on the same operands, with equal attributes."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Any, ...], Tensor] = {}
        self._known: set[int] = set()  # ids of those in `_seen`
        self._keys: dict[int, tuple[Mapping[str, Any], object]] = {}

    def __call__(self, tensor: Tensor) -> Tensor:
        if id(tensor) in self._known:
            return tensor
        operands = tuple(map(self, tensor.inputs))
        key = (tensor.op, tuple(map(id, operands)), self._key(tensor.attributes), tensor.spec)
        found = self._seen.get(key)
        if found is None:
            if any(x is not y for x, y in zip(operands, tensor.inputs, strict=True)):
                tensor = Tensor(tensor.op, operands, tensor.attributes, tensor.spec)
            found = self._seen[key] = tensor
            self._known.add(id(found))
        return found

    def _key(self, attributes: Mapping[str, Any]) -> object:
        """What tells attributes from others; worked out once for each mapping, which copies of a node share."""
        kept = self._keys.get(id(attributes))
        if kept is None:
            kept = self._keys[id(attributes)] = (attributes, _attributes_key(attributes))
        return kept[1]


def _attributes_key(attributes: Mapping[str, Any]) -> tuple[tuple[str, object], ...]:
    def freeze(value: object) -> object:
        return value.tobytes() if isinstance(value, np.ndarray) else repr(value)  # 0.0 is not -0.0

    return tuple((key, freeze(attributes[key])) for key in sorted(attributes))


def lower(graph: Graph, supported: Collection[str], engine: str) -> Graph:
    """Expand every op that is not supported, again and again, until all are.

    Raises
    ------
    NotAvailable
        Where an op is neither supported nor has an expansion; the message names op and engine.
    """

    instance("lower", "graph", graph, Graph)
    instance("lower", "supported", supported, Collection)

    def rule(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        definition = REGISTRY[node.op]
        if definition.expand is None:
            raise NotAvailable(f"the {engine} engine has no kernel for the op `{node.op}`.")
        return definition.expand(operands, node.attributes)

    def keep_or_expand(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        return copy_node(node, operands) if node.op in supported else rule(node, operands)

    while any(not node.is_leaf and node.op not in supported for node in graph.nodes):
        graph = graph.rebuild(keep_or_expand)
    return graph
