"""Intervals made wider by a fixed number."""

from __future__ import annotations

from dataclasses import dataclass

from sloy import ops
from sloy.arguments import real
from sloy.errors import ShapeError
from sloy.graph.tensor import Tensor
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register


@register
@dataclass(frozen=True, repr=False)
class Widen(Layer):
    """The number a, and the interval's ends in order, each moved outwards: (a, min(a, m - r), max(a, m + r)), (N, 3).

    With the middle m = (l + h) / 2 and r = max(|h - l| / 2 + by, 0), of (a, l, h): ends in the wrong order are
    exchanged, an interval that would be shorter than nothing is its middle, and the number is never outside of its
    own: an end that is beyond it moves there. It stands last in a network that was trained with the loss `Intervals`,
    with what its validation rows need [1]_, see `sloy.training.intervals.widen`.

    Parameters
    ----------
    by : float
        In units of the output; below 0 it makes intervals narrower.

    References
    ----------
    .. [1] Y. Romano, E. Patterson, E. Candès, "Conformalized quantile regression", NeurIPS 2019.

    Examples
    --------
    >>> Widen(0.5).output_shape((3,))
    (3,)
    """

    by: float

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "by", real(self.kind, "by", self.by))

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        if x.shape[1:] != (3,):
            raise ShapeError(
                f"the input is {x.spec}; it must be (N, 3): a number, the lower and the upper end."
            )
        number, low, high = (ops.slice(x, (0, j), (x.shape[0], j + 1)) for j in range(3))
        middle = 0.5 * low + 0.5 * high
        half = ops.relu(0.5 * ops.absolute(high - low) + self.by)
        low, high = ops.minimum(number, middle - half), ops.maximum(number, middle + half)
        return ops.concatenate([number, low, high])
