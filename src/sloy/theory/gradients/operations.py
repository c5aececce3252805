"""Counting the arithmetic of a graph."""

from __future__ import annotations

from math import prod

from sloy.errors import InvalidArgument
from sloy.graph import Graph, opdef, optimize
from sloy.graph.graph import Node
from sloy.graph.opdef import multiply_adds
from sloy.text import shown

__all__ = ["count_operations"]


def count_operations(graph: Graph) -> int:
    """Operations that a graph does in one run: multiply-adds of products, and one for each other number computed.

    A matrix product or convolution counts the products it sums (and so do the gradients of a convolution), a
    reduction the numbers it reads, pooling the numbers it compares, an elementwise operation the numbers it gives.
    Counted after `optimize`, as engines run it: what is computed twice counts once, what nobody reads not at all.

    Examples
    --------
    >>> from sloy import ops
    >>> x, w = ops.input("x", (1, 10)), ops.variable("w", (10, 5))
    >>> count_operations(Graph.of({"y": ops.tanh(x @ w)}))  # 10 · 5 multiply-adds and 5 times tanh
    55
    """
    if not isinstance(graph, Graph):
        raise InvalidArgument(f"count_operations: `graph` (={shown(graph)}) must be a Graph.")
    found = optimize(graph)
    return sum(_operations(node, found) for node in found.nodes)


def _operations(node: Node, graph: Graph) -> int:
    if not node.inputs:
        return 0
    kind = opdef(node.op).kind
    if kind in ("movement", "assembly") or node.op in ("cast", "stop_gradient"):
        return 0  # what only moves or renames numbers computes nothing
    operands = [graph.nodes[number].spec for number in node.inputs]
    if kind == "product":
        return multiply_adds(node.op, node.attributes, node.spec, operands)
    if kind == "window":
        return node.spec.size * prod(node.attributes["window"])
    return max(node.spec.size, *(spec.size for spec in operands))
