"""Regularisers, which add a penalty to the loss, and constraints, which project a parameter after its update.

Both are written in ops and become part of the step's graph.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from sloy import ops
from sloy.arguments import integer
from sloy.errors import InvalidArgument
from sloy.graph.tensor import Tensor
from sloy.options import check_options, real_option
from sloy.text import shown


@dataclass(frozen=True)
class Regularizer(ABC):
    """A penalty on a parameter, added to the loss."""

    def __post_init__(self) -> None:
        check_options(type(self).__name__, self)

    @abstractmethod
    def penalty(self, w: Tensor) -> Tensor:
        """The penalty, a scalar of the parameter's dtype."""


@dataclass(frozen=True)
class L1(Regularizer):
    """λ Σ |w|; its gradient is λ sign(w), 0 at 0. Drives weights to exactly zero only in the limit.

    References
    ----------
    .. [1] R. Tibshirani, "Regression shrinkage and selection via the lasso", 1996.
    """

    strength: float = real_option(0.01, least=0)

    def penalty(self, w: Tensor) -> Tensor:
        """See `Regularizer.penalty`."""
        return self.strength * ops.reduce_sum(abs(w))


@dataclass(frozen=True)
class L2(Regularizer):
    """λ Σ w²; its gradient is 2 λ w (so plain SGD with weight decay d equals L2(d / 2)).

    References
    ----------
    .. [1] A. Krogh, J. Hertz, "A simple weight decay can improve generalization", NIPS 1991.

    Examples
    --------
    >>> from sloy import ops
    >>> L2(0.5).penalty(ops.variable("w", (3, 2))).shape
    ()
    """

    strength: float = real_option(0.01, least=0)

    def penalty(self, w: Tensor) -> Tensor:
        """See `Regularizer.penalty`."""
        return self.strength * ops.reduce_sum(ops.square(w))


@dataclass(frozen=True)
class L1L2(Regularizer):
    """λ1 Σ |w| + λ2 Σ w², the elastic net.

    References
    ----------
    .. [1] H. Zou, T. Hastie, "Regularization and variable selection via the elastic net", 2005.
    """

    l1: float = real_option(0.01, least=0)
    l2: float = real_option(0.01, least=0)

    def penalty(self, w: Tensor) -> Tensor:
        """See `Regularizer.penalty`."""
        return L1(self.l1).penalty(w) + L2(self.l2).penalty(w)


@dataclass(frozen=True)
class Constraint(ABC):
    """A set that a parameter must lie in; each update ends with the projection onto it."""

    @abstractmethod
    def project(self, w: Tensor) -> Tensor:
        """The nearest allowed value, of the spec of `w`."""


@dataclass(frozen=True)
class MaxNorm(Constraint):
    """‖w‖₂ ≤ c for the weights that enter each neuron or filter: w · min(1, c / ‖w‖₂).

    Weights inside the ball stay exactly what they are.

    Parameters
    ----------
    maximum : float
        c, greater than 0.
    axes : tuple of int, optional
        Axes over which a norm is taken; by default all but the last, so one norm per neuron or filter (for a bias:
        its single axis).

    References
    ----------
    .. [1] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, "Dropout", JMLR 15 (2014),
       section 5.1.
    """

    maximum: float = real_option(3.0, above=0)
    axes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_options("MaxNorm", self)
        if self.axes is None:
            return
        if not isinstance(self.axes, list | tuple) or not self.axes:
            raise InvalidArgument(f"MaxNorm: `axes` (={shown(self.axes)}) must be None or a tuple.")
        axes = tuple(integer("MaxNorm", "axes", axis, least=-8) for axis in self.axes)
        object.__setattr__(self, "axes", axes)

    def project(self, w: Tensor) -> Tensor:
        """See `Constraint.project`."""
        axes = self.axes if self.axes is not None else tuple(range(max(w.rank - 1, 1)))
        norm = ops.sqrt(ops.reduce_sum(ops.square(w), axes, keepdims=True))
        return ops.where(norm > self.maximum, w * (self.maximum / norm), w)


REGULARIZERS: dict[str, type[Regularizer]] = {"L1": L1, "L2": L2, "L1L2": L1L2}
CONSTRAINTS: dict[str, type[Constraint]] = {"MaxNorm": MaxNorm}
