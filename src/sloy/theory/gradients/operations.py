"""Counting the arithmetic of a graph."""

from __future__ import annotations

from math import prod

from sloy.errors import InvalidArgument
from sloy.graph import Graph, optimize
from sloy.graph.graph import Node

__all__ = ["count_operations"]

# What only moves, names or repeats numbers computes nothing.
_MOVES = frozenset(
    [
        "input",
        "variable",
        "constant",
        "reshape",
        "broadcast_to",
        "transpose",
        "slice",
        "pad",
        "concatenate",
        "cast",
        "stop_gradient",
    ]
)
_POOLING = ("max_pool2d", "average_pool2d")


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
        raise InvalidArgument(f"count_operations: `graph` (={graph!r}) must be a Graph.")
    found = optimize(graph)
    return sum(_operations(node, found) for node in found.nodes)


def _operations(node: Node, graph: Graph) -> int:
    if node.op in _MOVES or not node.inputs:
        return 0
    operands = [graph.nodes[number].spec for number in node.inputs]
    shapes = [spec.shape for spec in operands]
    if node.op == "matmul":
        return node.spec.size * shapes[0][0 if node.attributes["transpose_a"] else 1]
    if node.op == "conv2d":
        return node.spec.size * prod(shapes[1][:3])
    if node.op == "conv2d_input_grad":  # of (g, w): as many products as forward
        return operands[0].size * prod(shapes[1][:3])
    if node.op == "conv2d_weight_grad":  # of (x, g), giving (KH, KW, I, O)
        return operands[1].size * prod(node.spec.shape[:3])
    if node.op in _POOLING:
        return node.spec.size * prod(node.attributes["window"])
    return max(node.spec.size, *(spec.size for spec in operands))
