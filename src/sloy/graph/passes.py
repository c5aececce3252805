"""Graph-to-graph passes: the same results with less work."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from sloy.errors import NotAvailable
from sloy.graph.graph import Graph, Node, copy_node
from sloy.graph.opdef import REGISTRY
from sloy.graph.tensor import Tensor, broadcast_to, constant

_MOVES = ("reshape", "transpose", "broadcast_to", "slice")

FOLD_LIMIT = 4096  # elements; larger constants are computed on each run rather than stored


def optimize(graph: Graph) -> Graph:
    """Constant folding, then common subexpressions; unused nodes fall away in each rebuild."""
    return eliminate_common_subexpressions(fold_constants(graph))


def fold_constants(graph: Graph) -> Graph:
    """Compute now what depends on constants only, up to results of `FOLD_LIMIT` elements.

    A broadcast stays, because engines read the small operand in place.
    """

    def rule(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        if any(x.op != "constant" for x in operands) or node.op == "broadcast_to":
            moved = _fold_through_broadcast(node, operands)
            if moved is not None:
                return moved
        arrays = [a for a in map(_constant_value, operands) if a is not None]
        unknown = len(arrays) < len(operands)
        if unknown or node.op == "broadcast_to" or node.spec.size > FOLD_LIMIT:
            return copy_node(node, operands)
        return _known(node, arrays)

    return graph.rebuild(rule)


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
    scalars = [s for s in map(_broadcast_scalar, operands) if s is not None]
    if len(scalars) < len(operands):
        return None
    if REGISTRY[node.op].elementwise:
        value = _known(node, scalars)
    elif node.op in _MOVES:
        value = constant(scalars[0], node.spec.dtype)
    else:
        return None
    return broadcast_to(value, node.spec.shape)


def _broadcast_scalar(x: Tensor) -> np.ndarray | None:
    source = x.inputs[0] if x.op == "broadcast_to" else x
    if source.op != "constant" or source.spec.size != 1:
        return None
    return np.asarray(source.attributes["value"]).reshape(())


def eliminate_common_subexpressions(graph: Graph) -> Graph:
    """One node for each distinct computation."""
    seen: dict[tuple[Any, ...], Tensor] = {}

    def rule(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        key = (node.op, tuple(map(id, operands)), _attributes_key(node), node.spec)
        return seen.setdefault(key, copy_node(node, operands))

    return graph.rebuild(rule, leaves=True)


def _attributes_key(node: Node) -> tuple[tuple[str, object], ...]:
    def freeze(value: object) -> object:
        return value.tobytes() if isinstance(value, np.ndarray) else repr(value)  # 0.0 is not -0.0

    return tuple((key, freeze(node.attributes[key])) for key in sorted(node.attributes))


def lower(graph: Graph, supported: Collection[str], engine: str) -> Graph:
    """Expand every op that is not supported, again and again, until all are.

    Raises
    ------
    NotAvailable
        Where an op is neither supported nor has an expansion; the message names op and engine.
    """

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
