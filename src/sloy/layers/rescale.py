"""A fixed change of units."""

from __future__ import annotations

from dataclasses import dataclass

from sloy.arguments import real
from sloy.graph.tensor import Tensor
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register


@register
@dataclass(frozen=True, repr=False)
class Rescale(Layer):
    """A change of units with fixed numbers: y = factor · x + shift, element by element, (N, …) to (N, …).

    As a network's last layer it lets the layers before it work near 0 and 1 while the output is in the target's own
    units: `factor` is the targets' deviation, `shift` their mean, and a loss with `unit` = `factor` descends as on
    standardised targets.

    Parameters
    ----------
    factor : float
        Above 0.
    shift : float

    Examples
    --------
    >>> Rescale(12.5, 180.0).output_shape((1,))
    (1,)
    """

    factor: float
    shift: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "shift", real(self.kind, "shift", self.shift))
        object.__setattr__(self, "factor", real(self.kind, "factor", self.factor, above=0))

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return x * self.factor + self.shift
