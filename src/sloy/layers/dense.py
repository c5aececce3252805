"""The fully connected layer."""

from __future__ import annotations

from dataclasses import dataclass

from sloy.arguments import integer
from sloy.errors import ShapeError
from sloy.graph.tensor import Tensor
from sloy.layers.base import Scope
from sloy.layers.config import register
from sloy.layers.weighted import Weighted


@register
@dataclass(frozen=True, repr=False)
class Dense(Weighted):
    """Every output sums all inputs: y = x W + b.

    Input (N, I), output (N, units); parameters ``weight`` (I, units) and ``bias`` (units,). The same in training and
    in use.

    Parameters
    ----------
    units : int
        Number of outputs (neurons).
    use_bias, weight_initializer, … :
        See `sloy.layers.weighted.Weighted`.

    References
    ----------
    .. [1] F. Rosenblatt, "The perceptron", Psychological Review 65 (1958) 386-408.

    Examples
    --------
    >>> import sloy
    >>> network = sloy.Network((784,), [Dense(10)])
    >>> {name: w.shape for name, w in network.initialize(seed=0).items()}
    {'dense_1/weight': (784, 10), 'dense_1/bias': (10,)}
    """

    units: int

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "units", integer(self.kind, "units", self.units))

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        if x.rank != 2:
            raise ShapeError(
                f"{self.kind} needs an input (N, I), this one is {x.shape}; put Flatten() before it."
            )
        weight = self.weight(scope, (x.shape[1], self.units))
        return self.add_bias(scope, x @ weight, weight)
