"""Losses on counts and other numbers of at least 0, whose mean is above 0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sloy import ops
from sloy.graph import Tensor
from sloy.graph.spec import Shape
from sloy.losses.base import Loss, Task, check_shapes, check_targets, mean_over_outputs, numbers

_TINY = 1e-30  # in y log y, which is 0 at y = 0


@dataclass(frozen=True)
class Poisson(Loss):
    """Half the Poisson deviance, L = (1/M) Σ_m μ_m - y_m + y_m log(y_m / μ_m), of means μ = exp(a).

    The network's output a is the logarithm of the mean, which so is above 0 whatever the network gives; `prediction` is
    the mean. L is at least 0, and 0 where μ = y; but for a part without μ it is the negative log-likelihood of the
    Poisson distribution.

    Notes
    -----
    Targets are numbers of at least 0, of shape (N, M), or (N,) for a single output; they need not be whole.

    References
    ----------
    .. [1] P. McCullagh, J. A. Nelder, "Generalized linear models", 2nd ed., 1989, chapter 6.

    Examples
    --------
    >>> Poisson().target(np.array([0.0, 3.0, -1.0]), (1,))
    Traceback (most recent call last):
        ...
    sloy.errors.InvalidArgument: Poisson: y[2, 0] is -1.0; targets must be numbers of at least 0.
    """

    link: ClassVar[str] = "log"

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `Loss.per_sample`."""
        check_shapes("Poisson", output, target)
        least = target * ops.log(ops.maximum(target, _TINY)) - target
        return mean_over_outputs(ops.exp(output) - target * output + least)

    def target(self, y: np.ndarray, output_shape: Shape, dtype: str = "float32") -> np.ndarray:
        """Finite numbers of at least 0, of shape (N, *output_shape); see `Loss.target`."""
        result = numbers("Poisson", y, output_shape, dtype)
        check_targets("Poisson", result, result >= 0, "numbers of at least 0")
        return result

    def task(self, output_shape: Shape) -> Task:
        """See `Loss.task`."""
        return "regression"

    def prediction(self, output: Tensor) -> Tensor:
        """The mean, exp(a)."""
        return ops.exp(output)

    def measured(self, output: Tensor) -> Tensor:
        """The mean, exp(a); see `Loss.measured`."""
        return ops.exp(output)
