"""Batch normalisation in use, behind a convolution, as a factor and a number to add for each channel.

    batch_norm(y, mean, variance, scale, shift)     y f + (shift - mean f), f = scale / √(variance + epsilon)
    batch_norm(y + b, …)                            y f + (shift + (b - mean) f)

where nothing else reads the convolution's result y, so that its kernel applies them before y is written
(`sloy.engines.native.plan.fusion`). In training the batch's moments read y too.
"""

from __future__ import annotations

from sloy.graph.graph import Graph, Node, copy_node
from sloy.graph.ops.elementwise import sqrt
from sloy.graph.ops.shape import reshape
from sloy.graph.tensor import Tensor


def folded(graph: Graph) -> Graph:
    """The graph with all such normalisations in that form."""
    results = {*graph.outputs.values(), *graph.updates.values()}

    def alone(i: int) -> bool:
        return len(graph.users[i]) == 1 and i not in results

    def rule(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        if node.op != "batch_norm" or not alone(node.inputs[0]):
            return copy_node(node, operands)
        y, bias = operands[0], None
        if y.op == "add":
            convolutions = [
                i for i in graph.nodes[node.inputs[0]].inputs if graph.nodes[i].op == "conv2d"
            ]
            y, bias = sorted(y.inputs, key=lambda x: x.op != "conv2d")
            if len(convolutions) != 1 or not alone(convolutions[0]) or not _is_vector(bias):
                return copy_node(node, operands)
        if y.op != "conv2d":
            return copy_node(node, operands)
        mean, variance, scale, shift = operands[1:]
        factor = scale / sqrt(variance + node.attributes["epsilon"])
        if bias is not None:
            mean = mean - reshape(bias.inputs[0], mean.shape)
        return y * factor + (shift - mean * factor)

    return graph.rebuild(rule)


def _is_vector(x: Tensor) -> bool:
    """Whether x repeats a number per channel."""
    channels = x.shape[-1]
    return x.op == "broadcast_to" and x.inputs[0].spec.size == channels == x.inputs[0].shape[-1]
