"""A two-layer network near a continuous function, and how near it is (L5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sloy.errors import InvalidArgument
from sloy.language import counted, say
from sloy.model import Model
from sloy.problem.network import Network
from sloy.text import Shown
from sloy.theory.approximation.target import Target

__all__ = ["Approximation"]

CACHE = 1 << 19  # hidden values computed at a time


@dataclass(frozen=True, eq=False)
class Approximation(Shown):
    """A two-layer network near a function, and how near.

    Attributes
    ----------
    model : Model
        ``Dense(units)``, the activation, ``Dense(1)``: d inputs, one output.
    error : float
        The greatest |f - network| on the grid of the measurement, the network in its own dtype.
    tolerance : float
        What was asked for.
    construction : str
        "steps", "ramps", "least squares", or "training": where the numbers of the network come from.
    curve : tuple of (units, error)
        Networks built and measured on the way, of falling errors.
    grid_points : int
        Number of points of the measurement.
    target : Target
        The function and its domain.
    """

    model: Model
    error: float
    tolerance: float
    construction: str
    curve: tuple[tuple[int, float], ...]
    grid_points: int
    target: Target

    @property
    def units(self) -> int:
        """Number of hidden neurons."""
        return int(self.model.parameters["dense_1/bias"].size)

    @property
    def network(self) -> Network:
        """The layers."""
        return self.model.network

    def __call__(self, *variables: Any) -> np.ndarray:
        """The network's values at x, or at x and y: arrays of one shape, which the result has too."""
        columns = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in variables))
        if len(columns) != len(self.target.domain):
            raise InvalidArgument(
                f"the approximation has {len(self.target.domain)} variables, {len(columns)} are given."
            )
        points = np.stack([column.ravel() for column in columns], axis=1)
        return outputs(self.model, points).reshape(columns[0].shape)

    def parts(self, x: np.ndarray) -> np.ndarray:
        """What each hidden unit adds to the sum, c_k σ(w_k x + b_k), for one variable: (N, units)."""
        name = self.network.layer_names[1]
        points = np.asarray(x, np.float64).reshape(-1, 1)
        hidden = self.model.activations(points.astype(self.model.problem.dtype), [name])[name]
        return hidden.astype(np.float64) * self.model.parameters["dense_2/weight"][:, 0]

    def __str__(self) -> str:
        return say(
            "{units} ({construction}): greatest error {error:.3g} on {points}, tolerance {tolerance:g}",
            units=counted(self.units, "unit"),
            construction=say(self.construction),
            error=self.error,
            points=counted(self.grid_points, "point"),
            tolerance=self.tolerance,
        )


def outputs(model: Model, points: np.ndarray) -> np.ndarray:
    """The network at points (N, d): float64 (N,)."""
    units = int(model.network.shapes["dense_1/bias"][0])
    batch = max(64, CACHE // units)
    return model(points.astype(model.problem.dtype), batch)[:, 0].astype(np.float64)
