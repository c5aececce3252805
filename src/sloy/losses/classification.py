"""Losses on classes: cross-entropies from logits, and the hinge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sloy import arguments, ops
from sloy.arguments import real
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Tensor
from sloy.graph.spec import Shape
from sloy.losses.base import (
    Loss,
    Task,
    check_shapes,
    check_targets,
    labels,
    mean_over_outputs,
    numbers,
)

_LEAST = 1e-7  # of 1 - p in the focal loss


@dataclass(frozen=True)
class BinaryCrossentropy(Loss):
    """Binary log-loss from logits, L = (1/M) Σ_m -t_m log σ(z_m) - (1 - t_m) log(1 - σ(z_m)).

    Computed as softplus(z) - t z, exact for any finite logit. Several outputs are several yes-or-no questions
    (multi-label), and the loss is their mean.

    Parameters
    ----------
    label_smoothing : float
        ε in [0, 1): the target becomes t (1 - ε) + ε/2.

    Notes
    -----
    Targets are 0 and 1 (integers, booleans or floats) or probabilities between, of shape (N, M), or (N,) for a
    single output. The network ends in its last linear layer, without a sigmoid.

    References
    ----------
    .. [1] D. R. Cox, "The regression analysis of binary sequences", J. R. Stat. Soc. B 20 (1958) 215-242.
    """

    label_smoothing: float = 0.0
    logits: ClassVar[str] = "sigmoid"

    def __post_init__(self) -> None:
        real(type(self).__name__, "label_smoothing", self.label_smoothing, least=0, below=1)

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `Loss.per_sample`."""
        check_shapes("BinaryCrossentropy", output, target)
        smooth = _smoothed(target, self.label_smoothing, 2)
        return mean_over_outputs(ops.sigmoid_cross_entropy(output, smooth))

    def target(self, y: np.ndarray, output_shape: Shape, dtype: str = "float32") -> np.ndarray:
        """Numbers from 0 to 1 of shape (N, *output_shape); see `Loss.target`."""
        result = numbers("BinaryCrossentropy", y, output_shape, dtype, finite=False)
        check_targets("BinaryCrossentropy", result, (result >= 0) & (result <= 1), "from 0 to 1")
        return result

    def task(self, output_shape: Shape) -> Task:
        """See `Loss.task`."""
        return "binary"

    def prediction(self, output: Tensor) -> Tensor:
        """σ(z): the probability of 1, per output."""
        return ops.sigmoid(output)


@dataclass(frozen=True)
class CategoricalCrossentropy(Loss):
    """K-class cross-entropy from logits, L = -Σ_k t_k log softmax(z)_k.

    With a label y, t_k = [y = k]. Computed from the shifted logits, exact for any finite ones.

    Parameters
    ----------
    label_smoothing : float
        ε in [0, 1): the target becomes t_k (1 - ε) + ε/K [1]_.

    Notes
    -----
    Targets are integer labels (N,) from 0 to K - 1, or probabilities (N, K) that sum to 1. The network ends in its
    last linear layer, without a softmax.

    References
    ----------
    .. [1] C. Szegedy et al., "Rethinking the Inception architecture", CVPR 2016, section 7.

    Examples
    --------
    >>> import numpy as np
    >>> CategoricalCrossentropy().target(np.array([3, 10]), (10,))
    Traceback (most recent call last):
        ...
    sloy.errors.InvalidArgument: CategoricalCrossentropy: y[1] is 10; targets must be labels from 0 to 9 (the network \
has 10 outputs).
    """

    label_smoothing: float = 0.0
    logits: ClassVar[str] = "softmax"

    def __post_init__(self) -> None:
        real(type(self).__name__, "label_smoothing", self.label_smoothing, least=0, below=1)

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `Loss.per_sample`."""
        classes = number_of_classes("CategoricalCrossentropy", output.shape[1:])
        chosen = class_weights(output, target)
        return ops.softmax_cross_entropy(output, _smoothed(chosen, self.label_smoothing, classes))

    def target(self, y: np.ndarray, output_shape: Shape, dtype: str = "float32") -> np.ndarray:
        """Labels as int32 (N,), or probabilities (N, K); see `Loss.target`."""
        name = "CategoricalCrossentropy"
        classes = number_of_classes(name, output_shape)
        array = arguments.array(name, "y", y)
        if array.ndim != 2 or array.shape[1] == 1:
            return labels(name, array, classes)
        result = numbers(name, array, output_shape, dtype)
        check_targets(name, result, result >= 0, "labels, or probabilities of at least 0")
        totals = result.sum(axis=1, dtype=np.float64)
        if not (good := abs(totals - 1) <= 1e-4).all():
            row = int(np.argmin(good))
            raise InvalidArgument(
                f"{name}: the probabilities y[{row}] sum to {totals[row]:g}; they must sum to 1."
            )
        return result

    def task(self, output_shape: Shape) -> Task:
        """See `Loss.task`."""
        return "classification"

    def prediction(self, output: Tensor) -> Tensor:
        """softmax(z): the probability of each class."""
        return ops.softmax(output)


@dataclass(frozen=True)
class Focal(CategoricalCrossentropy):
    """The focal loss, L = -Σ_k t_k (1 - p_k)^γ log p_k with p = softmax(z): samples that are right count less.

    Parameters
    ----------
    gamma : float
        γ, at least 0; 0 gives the cross-entropy.
    label_smoothing : float
        As of `CategoricalCrossentropy`.

    Notes
    -----
    Targets are those of `CategoricalCrossentropy`. The probabilities that are learned are less sure than the shares of
    the classes are; calibration brings them back.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, "Focal loss for dense object detection", ICCV 2017.

    Examples
    --------
    >>> Focal(gamma=2.0).task((3,))
    'classification'
    """

    gamma: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        real("Focal", "gamma", self.gamma, least=0)

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `Loss.per_sample`."""
        classes = number_of_classes("Focal", output.shape[1:])
        wanted = _smoothed(class_weights(output, target), self.label_smoothing, classes)
        log_p = ops.log_softmax(output)
        rest = ops.maximum(
            1.0 - ops.exp(log_p), _LEAST
        )  # no power of 0, whose slope may be infinite
        weight = ops.square(rest) if self.gamma == 2 else rest**self.gamma
        return -ops.reduce_sum(wanted * weight * log_p, 1)


@dataclass(frozen=True)
class Hinge(Loss):
    """Hinge loss: max(0, 1 - s z) for one output, max(0, 1 + max_{k≠y} z_k - z_y) for K classes.

    The second is Crammer and Singer's [1]_: the label's score must exceed every other by 1.

    Notes
    -----
    For one output, targets are all of 0 and 1 or all of -1 and 1 (s = ±1), of shape (N,) or (N, 1); for K outputs,
    integer labels (N,). Of equal rivals each gets an equal share of the gradient; the gradient is 0 at the corner.
    `prediction` gives the scores z: a hinge has no probabilities.

    References
    ----------
    .. [1] K. Crammer, Y. Singer, "On the algorithmic implementation of multiclass kernel-based vector machines",
       JMLR 2 (2001) 265-292.
    """

    middle: ClassVar[float] = 0.0

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `Loss.per_sample`."""
        if output.shape[1:] in ((), (1,)):
            check_shapes("Hinge", output, target)
            return mean_over_outputs(ops.relu(1.0 - target * output))
        classes = number_of_classes("Hinge", output.shape[1:])
        chosen = ops.one_hot(target, classes, output.dtype)
        own = ops.reduce_sum(ops.where(chosen, output, 0.0), -1)
        lowest = float(np.finfo(output.dtype).min)
        rival = ops.reduce_max(ops.where(chosen, lowest, output), -1)
        return ops.relu(1.0 + rival - own)

    def target(self, y: np.ndarray, output_shape: Shape, dtype: str = "float32") -> np.ndarray:
        """Signs -1 and 1 of shape (N, *output_shape), or int32 labels (N,); see `Loss.target`."""
        if output_shape not in ((), (1,)):
            return labels("Hinge", y, number_of_classes("Hinge", output_shape))
        result = numbers("Hinge", y, output_shape, dtype)
        low = -1.0 if (result == -1).any() else 0.0
        allowed = "all of 0 and 1, or all of -1 and 1"
        check_targets("Hinge", result, (result == low) | (result == 1), allowed)
        return np.where(result == 1, 1.0, -1.0).astype(dtype)

    def task(self, output_shape: Shape) -> Task:
        """See `Loss.task`."""
        return "binary" if output_shape in ((), (1,)) else "classification"


def class_weights(output: Tensor, target: Tensor) -> Tensor:
    """Targets of K classes as (N, K) of the output's dtype: labels become rows of 0 and one 1."""
    if target.dtype == "int32":
        if target.shape != output.shape[:1]:
            raise ShapeError(f"labels {target.spec} do not fit the output {output.spec}.")
        return ops.one_hot(target, output.shape[-1], output.dtype)
    check_shapes("classes", output, target)
    return target


def number_of_classes(name: str, output_shape: Shape) -> int:
    if len(output_shape) != 1 or output_shape[0] < 2:
        raise ShapeError(
            f"{name}: the network's output for one sample has shape {output_shape}; it must be (K,)"
            " with K ≥ 2 classes (for a single yes or no, use 'binary_crossentropy')."
        )
    return output_shape[0]


def _smoothed(target: Tensor, smoothing: float, classes: int) -> Tensor:
    return target * (1.0 - smoothing) + smoothing / classes if smoothing else target
