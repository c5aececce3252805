"""A fixed change of units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sloy.arguments import real_or_reals
from sloy.errors import ShapeError
from sloy.graph.tensor import Tensor, constant
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register
from sloy.text import shown


@register
@dataclass(frozen=True, repr=False)
class Rescale(Layer):
    """A change of units with fixed numbers: y = factor · x + shift, element by element, (N, …) to (N, …).

    As a network's last layer it lets the layers before it work near 0 and 1 while the output is in the target's own
    units: `factor` is the targets' deviation, `shift` their mean, and a loss with `unit` = `factor` descends as on
    standardised targets.

    Parameters
    ----------
    factor : float, or a tuple of them for the channels (the last axis)
        Above 0.
    shift : float, or a tuple of them

    Examples
    --------
    >>> Rescale(12.5, 180.0).output_shape((1,))
    (1,)
    """

    factor: float | tuple[float, ...]
    shift: float | tuple[float, ...] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "shift", real_or_reals(self.kind, "shift", self.shift))
        factor = real_or_reals(self.kind, "factor", self.factor, above=0)
        object.__setattr__(self, "factor", factor)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        for name in ("factor", "shift"):
            values = getattr(self, name)
            if isinstance(values, tuple) and len(values) != x.shape[-1]:
                raise ShapeError(
                    f"Rescale: `{name}` (={shown(values)}) has {len(values)} numbers; the input {x.shape} has"
                    f" {x.shape[-1]} channels."
                )
        return x * _number(self.factor, x.dtype) + _number(self.shift, x.dtype)


def _number(value: float | tuple[float, ...], dtype: str) -> float | Tensor:
    return constant(np.asarray(value), dtype) if isinstance(value, tuple) else value
