"""Losses on numbers: squared, absolute, Huber's between the two, and that of a quantile."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass, replace

import numpy as np

from sloy import ops
from sloy.arguments import real, real_or_reals
from sloy.errors import ShapeError
from sloy.graph import Tensor
from sloy.graph.spec import Shape
from sloy.graph.tensor import constant
from sloy.losses.base import Loss, Task, check_shapes, mean_over_outputs, numbers
from sloy.text import shown


@dataclass(frozen=True)
class _Regression(Loss):
    """Mean over the outputs of a function of e = (a - y) / unit.

    `unit` is what errors are measured in, 1 by default: with the deviation of the targets the loss is that of
    standardised targets, whatever their own units, and so are its gradients' sizes. A tuple has one for each output.
    """

    _: KW_ONLY
    unit: float | tuple[float, ...] = 1.0

    def __post_init__(self) -> None:
        unit = real_or_reals(type(self).__name__, "unit", self.unit, above=0)
        object.__setattr__(self, "unit", unit)

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `Loss.per_sample`."""
        check_shapes(type(self).__name__, output, target)
        error, unit = output - target, self.unit
        if isinstance(unit, tuple):
            if len(unit) != output.shape[-1]:
                raise ShapeError(
                    f"{type(self).__name__}: `unit` (={shown(unit)}) has {len(unit)} numbers; there are"
                    f" {output.shape[-1]} outputs."
                )
            return mean_over_outputs(self.of_error(error / constant(np.asarray(unit), error.dtype)))
        return mean_over_outputs(self.of_error(error if unit == 1 else error / unit))

    @abstractmethod
    def of_error(self, error: Tensor) -> Tensor:
        """The loss of each output, from its error e = (a - y) / unit."""

    def target(self, y: np.ndarray, output_shape: Shape, dtype: str = "float32") -> np.ndarray:
        """Finite numbers of shape (N, *output_shape); see `Loss.target`."""
        return numbers(type(self).__name__, y, output_shape, dtype)

    def task(self, output_shape: Shape) -> Task:
        """See `Loss.task`."""
        return "regression"


@dataclass(frozen=True)
class SquaredError(_Regression):
    """Squared error, L = (1/M) Σ_m (a_m - y_m)².

    The mean over the M outputs, without a factor ½, as in PyTorch and Keras: the gradient by a_m is
    2 (a_m - y_m) / M. (The lecture's ε = a - y is the gradient of ½ Σ_m (a_m - y_m)²; the two are the same
    descent with step sizes that differ by 2/M.)

    References
    ----------
    .. [1] C. F. Gauss, "Theoria motus corporum coelestium", 1809, §175-186.

    Examples
    --------
    >>> import numpy as np
    >>> SquaredError().target(np.array([1.0, 2.0]), (1,)).shape
    (2, 1)
    """

    def of_error(self, error: Tensor) -> Tensor:
        """e²."""
        return ops.square(error)


@dataclass(frozen=True)
class AbsoluteError(_Regression):
    """Absolute error, L = (1/M) Σ_m |a_m - y_m|; gradient sign(a_m - y_m) / M, 0 at 0.

    References
    ----------
    .. [1] P. S. Laplace, "Sur quelques points du système du monde", Mémoires de l'Académie royale des sciences, 1789.
    """

    def of_error(self, error: Tensor) -> Tensor:
        """|e|."""
        return ops.absolute(error)


@dataclass(frozen=True)
class Huber(_Regression):
    """Huber's loss: ½ e² for |e| ≤ δ, δ (|e| - ½ δ) beyond; the mean over the outputs.

    Parameters
    ----------
    delta : float
        Where the parabola becomes a line, in units of the error; positive.

    References
    ----------
    .. [1] P. J. Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35 (1964) 73-101.
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        real("Huber", "delta", self.delta, above=0)

    def of_error(self, error: Tensor) -> Tensor:
        """c (e - ½ c) with c = clip(e, -δ, δ): both branches, without overflow."""
        clipped = ops.clip(error, -self.delta, self.delta)
        return clipped * (error - 0.5 * clipped)


def in_units(loss: Loss, unit: float) -> Loss:
    """The loss of errors that are measured in a unit; but for a factor it stays the same, and so does what is learned.

    Losses that are a user's own stay as they are, and those that have a unit for each of several outputs.
    """
    if isinstance(loss, _Regression) and isinstance(loss.unit, tuple):
        return loss
    if isinstance(loss, Huber):
        assert not isinstance(loss.unit, tuple)
        return replace(loss, delta=loss.delta * loss.unit / unit, unit=unit)
    return replace(loss, unit=unit) if isinstance(loss, _Regression) else loss


def in_unit_of(loss: Loss, unit: float | tuple[float, ...]) -> Loss:
    """A loss whose errors are measured in a unit, as those of standardised targets; others stay as they are."""
    main = getattr(loss, "main", None)
    if isinstance(main, Loss):  # intervals
        return replace(loss, main=in_unit_of(main, unit), unit=unit)  # type: ignore[call-arg]
    return replace(loss, unit=unit) if isinstance(loss, _Regression) else loss


@dataclass(frozen=True)
class Quantile(_Regression):
    """The pinball loss, L = (1/M) Σ_m max(τ (y_m - a_m), (1 - τ) (a_m - y_m)): least at the τ-quantile of y.

    Parameters
    ----------
    level : float
        τ, above 0 and below 1: the share of the targets that is to lie below the answer. ½ gives half the absolute
        error, and the median.

    References
    ----------
    .. [1] R. Koenker, G. Bassett, "Regression quantiles", Econometrica 46 (1978) 33-50.
    """

    level: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        real("Quantile", "level", self.level, above=0, below=1)

    def of_error(self, error: Tensor) -> Tensor:
        """max(-τ e, (1 - τ) e)."""
        return ops.maximum(-self.level * error, (1 - self.level) * error)
