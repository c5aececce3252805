"""Metrics that are means over the samples: accuracies and the mean absolute error; and R²."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sloy import ops
from sloy.arguments import integer
from sloy.errors import InvalidArgument
from sloy.graph import Tensor
from sloy.metrics.base import Metric, check_classes, check_values, labels, weights_of


@dataclass(frozen=True)
class Accuracy(Metric):
    """The share of samples whose largest output is that of their class; K classes.

    Of equal outputs the first counts. A target (N, K) of probabilities stands for its largest.
    """

    name: ClassVar[str] = "accuracy"

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `Metric.per_sample`."""
        check_classes("Accuracy", output)
        return ops.cast(ops.equal(ops.argmax(output), labels(target)), output.dtype)


@dataclass(frozen=True)
class BinaryAccuracy(Metric):
    """The share of right answers, yes where the raw output (a logit or a score) is above 0.

    A target counts as yes above its middle: ½ for 0 and 1, 0 for -1 and 1. Of several outputs, each is a question, and
    a sample's value is the share of its right answers.

    Parameters
    ----------
    middle : float
        Targets above it are yes.
    """

    name: ClassVar[str] = "accuracy"
    middle: float = 0.5

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `Metric.per_sample`."""
        check_values("BinaryAccuracy", output, target)
        right = ops.equal(output > 0.0, target > self.middle)
        return ops.reduce_mean(right, tuple(range(1, right.rank)))


@dataclass(frozen=True)
class TopK(Metric):
    """The share of samples whose class is among those of the k largest outputs.

    The class counts as among them if fewer than k outputs are larger than its own; an output that is NaN is in none.

    Parameters
    ----------
    k : int
        At least 1.

    References
    ----------
    .. [1] O. Russakovsky et al., "ImageNet large scale visual recognition challenge", IJCV 115 (2015), section 4.1.
    """

    k: int = 5

    def __post_init__(self) -> None:
        integer("TopK", "k", self.k)

    @property
    def name(self) -> str:
        """See `Metric.name`."""
        return f"top_{self.k}_accuracy"

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `Metric.per_sample`."""
        classes = check_classes("TopK", output)
        if self.k > classes:
            raise InvalidArgument(f"TopK: `k` (={self.k}) is larger than the {classes} classes.")
        chosen = ops.one_hot(labels(target), classes, output.dtype)
        own = ops.reduce_sum(ops.where(chosen, output, 0.0), -1, keepdims=True)
        not_larger = ops.reduce_sum(output <= own, -1)  # a comparison with NaN is 0
        return not_larger > float(classes - self.k)


@dataclass(frozen=True)
class MeanAbsoluteError(Metric):
    """(1/M) Σ_m |a_m - y_m|, the mean over the outputs and the samples."""

    larger_is_better: ClassVar[bool] = False
    name: ClassVar[str] = "mean_absolute_error"

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `Metric.per_sample`."""
        check_values("MeanAbsoluteError", output, target)
        return ops.reduce_mean(ops.absolute(output - target), tuple(range(1, output.rank)))


@dataclass(frozen=True)
class RSquared(Metric):
    """R² = 1 - Σ_i w_i (y_i - a_i)² / Σ_i w_i (y_i - ȳ)², the mean over the outputs.

    The coefficient of determination of a whole data set: 1 is perfect, 0 is as good as always answering the weighted
    mean ȳ. An output whose target is constant counts 1 where it is met exactly, else 0 (as in scikit-learn).
    """

    additive: ClassVar[bool] = False
    name: ClassVar[str] = "r2"

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """Errors and targets side by side, (N, 2 M)."""
        check_values("RSquared", output, target)
        flat = (output.shape[0], -1)
        return ops.concatenate([ops.reshape(output - target, flat), ops.reshape(target, flat)])

    def aggregate(self, values: np.ndarray, weights: np.ndarray | None = None) -> float:
        """See `Metric.aggregate`."""
        w = weights_of(values, weights)
        if not w.sum():
            return float("nan")
        error, y = np.split(values.astype(np.float64), 2, axis=1)  # (N, M) each
        residual = w @ error**2
        total = w @ (y - w @ y / w.sum()) ** 2
        constant = np.where(residual == 0, 1.0, 0.0)
        varying = 1.0 - residual / np.where(total > 0, total, 1.0)
        return float(np.mean(np.where(total > 0, varying, constant)))
