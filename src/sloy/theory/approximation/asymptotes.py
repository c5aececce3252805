"""What an activation is far from 0: a step, or a ramp. Networks are put together from these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sloy import ops
from sloy.engines.reference import computed
from sloy.errors import InvalidArgument
from sloy.graph.tensor import Tensor
from sloy.layers import Layer
from sloy.layers.activations import activation as find_activation
from sloy.layers.base import Scope
from sloy.text import shown
from sloy.theory.activations import acts_alone

FAR = 1024.0  # where an activation is taken to have reached its asymptotes
LEFT_OVER = 0.01  # share of a step's height that is left beyond its reach


@dataclass(frozen=True)
class Asymptotes:
    """The asymptotes of an activation: σ(z) ≈ slope · z + level.

    Attributes
    ----------
    layer : Layer
    slopes, levels : (left, right)
    reach : float
        Of a step: beyond ±reach all but 1 % of its height is done. 0 for a sharp one.
    rounding : float
        Of a ramp: the most that σ differs from its two straight lines, which meet at 0.
    """

    layer: Layer
    slopes: tuple[float, float]
    levels: tuple[float, float]
    reach: float
    rounding: float

    @property
    def is_step(self) -> bool:
        """Whether it is flat on both sides."""
        return self.slopes == (0.0, 0.0)

    @property
    def kind(self) -> str:
        """ "steps" or "ramps"."""
        return "steps" if self.is_step else "ramps"

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """σ(z), in float64."""
        return evaluate(self.layer, z)


def asymptotes_of(activation: str | Layer | Callable[[Tensor], Tensor]) -> Asymptotes:
    """The asymptotes of an activation, measured.

    Raises
    ------
    InvalidArgument
        Where it is neither a step nor a ramp. Of polynomials no network approximates everything; any other
        continuous σ would do [1]_, but needs another construction.

    References
    ----------
    .. [1] M. Leshno, V. Lin, A. Pinkus, S. Schocken, "Multilayer feedforward networks with a nonpolynomial
       activation function can approximate any function", Neural Networks 6 (1993) 861-867.
    """
    layer = find_activation("approximate", activation)
    if not acts_alone(layer):
        raise InvalidArgument(
            f"approximate: `activation` (={shown(layer)}) must treat each element alike."
        )
    far = np.array([-4, -2, -1, 1, 2, 4]) * FAR
    values = evaluate(layer, far)
    left, right = values[:3][::-1], values[3:]
    slopes = [_slope(-FAR, left), _slope(FAR, right)]
    levels = [float(left[0] + FAR * (slopes[0] or 0)), float(right[0] - FAR * (slopes[1] or 0))]
    straight = None not in slopes and np.isfinite(levels).all()
    step = straight and slopes == [0.0, 0.0] and abs(levels[1] - levels[0]) > 1e-6
    ramp = straight and slopes[0] != slopes[1] and bool(slopes[1])
    if not (step or ramp):
        raise InvalidArgument(
            f"approximate: `activation` (={shown(layer)}) must be a step (sigmoid, tanh, sign, heaviside)"
            " or a ramp (relu, softplus, elu, …) far from 0; and no polynomial can do it."
        )
    z = np.linspace(-64, 64, 8193)
    sigma = evaluate(layer, z)
    left_slope, right_slope = (float(slope or 0) for slope in slopes)
    lines = np.where(z < 0, left_slope, right_slope) * z
    height = abs(levels[1] - levels[0])
    away = np.abs(sigma - np.where(z < 0, levels[0], levels[1])) > LEFT_OVER * height
    reach = float(np.abs(z[away & (z != 0)]).max(initial=0.0)) if step else 0.0
    rounding = float(np.abs(sigma - lines).max())
    return Asymptotes(layer, (left_slope, right_slope), (levels[0], levels[1]), reach, rounding)


def evaluate(layer: Layer, z: np.ndarray) -> np.ndarray:
    """An activation on numbers, by the reference engine in float64: the shape of z."""
    tensor = ops.input("z", (1, z.size), "float64")
    flat = np.ascontiguousarray(z, np.float64).reshape(1, -1)
    y = layer.apply(Scope(dtype="float64"), tensor)
    return computed({"y": y}, {"z": flat})["y"].reshape(z.shape)


def _slope(unit: float, values: np.ndarray) -> float | None:
    """The slope through σ at 1, 2 and 4 units, rounded where it is plain; None where they are on no line."""
    first, second = (values[1] - values[0]) / unit, (values[2] - values[1]) / (2 * unit)
    if not np.isfinite([first, second]).all() or abs(first - second) > 1e-3 * max(1, abs(second)):
        return None
    return 0.0 if abs(second) < 1e-5 else float(second)
