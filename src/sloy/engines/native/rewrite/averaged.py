"""The gradient of averages of a tanh in one pass.

    average_pool2d_grad(g) (1 - y²), y the tanh that was averaged    average_pool2d_tanh_grad(g, y)

where windows of 2 × 2 tile y. Where only the gradient of a convolution's weights and bias read it, their kernel makes
it for itself, image by image (`sloy.engines.native.plan.fusion`), so that it is never in memory.
"""

from __future__ import annotations

from sloy.engines.native.fused import fused, tiles
from sloy.engines.native.rewrite.masks import number
from sloy.graph.graph import Node, copy_node
from sloy.graph.tensor import Tensor


def averaged(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
    """A node on new operands, or where it is such a product, what equals it; a `Rule`."""
    for gradient, slope in (operands, operands[::-1]) if node.op == "mul" else ():
        y = _tanh_of_slope(slope)
        if y is None or gradient.op != "average_pool2d_grad":
            continue
        if tiles(gradient.attributes, gradient.spec, gradient.inputs[0].spec):
            inputs = (*gradient.inputs, y)
            return fused("average_pool2d_tanh_grad", inputs, gradient.attributes)
    return copy_node(node, operands)


def _tanh_of_slope(slope: Tensor) -> Tensor | None:
    """The tanh y of 1 - y y."""
    if slope.op != "sub" or number(slope.inputs[0]) != 1.0 or slope.inputs[1].op != "mul":
        return None
    y, again = slope.inputs[1].inputs
    return y if y is again and y.op == "tanh" else None
