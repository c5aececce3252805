"""Maxout."""

from __future__ import annotations

from dataclasses import dataclass

from sloy import ops
from sloy.arguments import integer
from sloy.errors import ShapeError
from sloy.graph.tensor import Tensor
from sloy.layers.base import Scope
from sloy.layers.config import register
from sloy.layers.weighted import Weighted


@register
@dataclass(frozen=True, repr=False)
class Maxout(Weighted):
    """The largest of several linear functions, the lecture's max(w1 x + b1, w2 x + b2): y_u = max_p (x W_up + b_up).

    Input (N, I), output (N, units); parameters ``weight`` (I, units · pieces) and ``bias`` (units · pieces,), the
    pieces of a unit side by side. Equal largest pieces share the gradient. The same in training and in use.

    Parameters
    ----------
    units : int
        Number of outputs.
    pieces : int
        Linear functions per output.
    use_bias, weight_initializer, … :
        See `sloy.layers.weighted.Weighted`.

    References
    ----------
    .. [1] I. Goodfellow, D. Warde-Farley, M. Mirza, A. Courville, Y. Bengio, "Maxout networks", ICML 2013.

    Examples
    --------
    >>> Maxout(32, pieces=3).output_shape((784,))
    (32,)
    """

    units: int
    pieces: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "units", integer(self.kind, "units", self.units))
        object.__setattr__(self, "pieces", integer(self.kind, "pieces", self.pieces))

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        if x.rank != 2:
            raise ShapeError(
                f"Maxout needs an input (N, I), this one is {x.shape}; put Flatten() before it."
            )
        weight = self.weight(scope, (x.shape[1], self.units * self.pieces))
        linear = self.add_bias(scope, x @ weight, weight)
        return ops.reduce_max(ops.reshape(linear, (x.shape[0], self.units, self.pieces)), -1)
