"""Residual connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sloy.errors import ShapeError
from sloy.graph.tensor import Tensor
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register
from sloy.layers.sequential import Sequential


@register
@dataclass(frozen=True, repr=False)
class Residual(Sequential):
    """Layers around which the input also goes straight: y = layers(x) + shortcut(x).

    Input (N, …), output that of the layers. Names inside: ``residual_1/conv2d_1/weight``, and
    ``residual_1/shortcut/conv2d_1/weight``.

    Parameters
    ----------
    layers : sequence of Layer
    shortcut : sequence of Layer, optional
        What the straight way goes through, such as a 1 × 1 convolution where extents or channels change; by default
        nothing, and then the layers must keep the shape.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016.

    Examples
    --------
    >>> from sloy.layers import Conv2D, ReLU
    >>> body = [Conv2D(64, 3, stride=2, padding="same"), ReLU(), Conv2D(64, 3, padding="same")]
    >>> Residual(body, [Conv2D(64, 1, stride=2)]).output_shape((32, 32, 16))
    (16, 16, 64)
    """

    shortcut: Sequence[Layer] | None = None

    CHAINS: ClassVar[tuple[str, ...]] = ("layers", "shortcut")

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        y = scope.chain(self.layers, x)
        straight = x
        if self.shortcut is not None:
            straight = scope.child("shortcut").chain(self.shortcut, x)
        if straight.shape != y.shape:
            raise ShapeError(
                f"the layers make {y.shape}, the shortcut {straight.shape}; they must be equal."
                " Give a `shortcut`, such as [Conv2D(filters, 1, stride=…)], or change the layers."
            )
        return y + straight
