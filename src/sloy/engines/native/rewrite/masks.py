"""Gradients of a ReLU, from what the forward pass leaves anyway.

[x > 0] g reads x, which need not be there any more, or is larger than what was made of it. Two identities, exact for
all numbers, infinities and NaN, let it read a later value instead.
"""

from __future__ import annotations

from math import inf

from sloy.graph.ops.elementwise import where
from sloy.graph.ops.shape import reshape
from sloy.graph.passes import broadcast_scalar
from sloy.graph.tensor import Tensor, apply


class Masks:
    """The rewrites of one graph, whose nodes it is shown in order, each as ``where`` of new operands."""

    def __init__(self) -> None:
        self._dropouts: dict[tuple[int, int], Tensor] = {}  # ids of x and mask → dropout of x

    def rewrite(self, chosen: Tensor, *, alone: bool) -> Tensor:
        """A ``where``, or what equals it.

        Parameters
        ----------
        chosen : Tensor
        alone : bool
            Whether nothing else reads the second operand.
        """
        condition, gradient, otherwise = chosen.inputs
        if number(otherwise) != 0.0:
            return chosen
        if condition.op == "dropout_mask":
            self._dropouts[id(_source(_unscaled(gradient)[0])), id(condition)] = chosen
        if condition.op != "greater" or number(condition.inputs[1]) != 0.0:
            return chosen
        x = condition.inputs[0]
        if alone and gradient.op == "max_pool2d_grad" and gradient.inputs[0] is x:
            return self._before_pool(gradient)
        return self._relu_gradient(x, gradient, chosen)

    def _before_pool(self, gradient: Tensor) -> Tensor:
        """[x > 0] times the gradient of a max-pooling of x, as the gradient of the pooling from [y > 0] g.

        The gradient of a window goes to an element that equals the window's result y, so the two masks agree there; the
        second works on the smaller tensor and joins the group that makes g.
        """
        x, y, g = gradient.inputs
        below = self._relu_gradient(y, g, where(y > 0.0, g, 0.0))
        return apply("max_pool2d_grad", (x, y, below), gradient.attributes)

    def _relu_gradient(self, x: Tensor, gradient: Tensor, plain: Tensor) -> Tensor:
        """[x > 0] (([mask] g) s), where d = [mask] (x s) is known and s ≥ 1, as [d > 0] (g s); else as it is.

        So d is positive exactly where x is and the mask keeps it, and neither mask nor x is read again.
        """
        kept, scale = _unscaled(_source(gradient))
        if scale is None or kept.op != "where" or number(kept.inputs[2]) != 0.0:
            return plain
        mask, g, _ = kept.inputs
        d = self._dropouts.get((id(_source(x)), id(mask)))
        if d is None or not 1.0 <= scale < inf or _unscaled(d.inputs[1])[1] != scale:
            return plain
        return reshape(where(d > 0.0, g * scale, 0.0), plain.shape)


def number(x: Tensor) -> float | None:
    """The value of a single constant, repeated or not."""
    scalar = broadcast_scalar(x)
    return None if scalar is None else float(scalar)


def _source(x: Tensor) -> Tensor:
    while x.op == "reshape":
        x = x.inputs[0]
    return x


def _unscaled(x: Tensor) -> tuple[Tensor, float | None]:
    """What a product with a number multiplies, and the number."""
    scale = number(x.inputs[1]) if x.op == "mul" else None
    return (x, None) if scale is None else (x.inputs[0], scale)
