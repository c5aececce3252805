"""The gradient of a ReLU in the kernel of the input gradient of the convolution above it.

    [x > 0] conv2d_input_grad(g, w)    conv2d_input_grad(g, w, x) gated

and the same of `conv2d_pooled_input_grad`, so that the convolution's gradient is written once, not read and written
again. Only graphs that are about to be planned hold the gated ones.
"""

from __future__ import annotations

from sloy.engines.native.fused import fused
from sloy.engines.native.instruction import Takes, instruction
from sloy.engines.native.rewrite.masks import number
from sloy.graph.graph import Graph, Node, copy_node
from sloy.graph.tensor import Tensor

OPS = ("conv2d_input_grad", "conv2d_pooled_input_grad")


def gated(graph: Graph, takes: Takes) -> Graph:
    """The graph with all such gradients in one; `takes` tells whether there is a kernel."""
    results = {*graph.outputs.values(), *graph.updates.values()}

    def rule(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        plain = copy_node(node, operands)
        if node.op != "where" or operands[1].op not in OPS:
            return plain
        alone = len(graph.users[node.inputs[1]]) == 1 and node.inputs[1] not in results
        x = _positive(operands[0])
        if not alone or x is None or x.spec != node.spec or number(operands[2]) != 0.0:
            return plain
        gradient = operands[1]
        inputs, attributes = (*gradient.inputs, x), {**gradient.attributes, "gated": 1}
        specs = [operand.spec for operand in inputs]
        if not takes(instruction(gradient.op, specs, [node.spec], attributes)):
            return plain
        return fused(gradient.op, inputs, attributes)

    return graph.rebuild(rule)


def _positive(condition: Tensor) -> Tensor | None:
    """The x of x > 0."""
    greater = condition.op == "greater" and number(condition.inputs[1]) == 0.0
    return condition.inputs[0] if greater else None
