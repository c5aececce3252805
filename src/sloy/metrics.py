"""Metrics: what a user reads, measured on the network's raw output.

A metric has a value for each sample, computed in the graph, and a way to make one number of many samples' values, in
float64: an epoch's figure does not depend on how it was cut into batches.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sloy import ops
from sloy.arguments import integer
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Tensor
from sloy.graph.spec import Shape
from sloy.losses import CustomLoss, Loss, Task

__all__ = [
    "NAMES",
    "Accuracy",
    "BinaryAccuracy",
    "MeanAbsoluteError",
    "Metric",
    "RSquared",
    "TopK",
    "default_metrics",
    "metric",
]


@dataclass(frozen=True)
class Metric(ABC):
    """A figure of merit.

    Attributes
    ----------
    additive : bool
        Whether the figure is the weighted mean of the samples' values. Only then has a training step a figure of its
        own; the others are for whole data sets.
    larger_is_better : bool
        What an improvement is.
    """

    additive: ClassVar[bool] = True
    larger_is_better: ClassVar[bool] = True

    @property
    @abstractmethod
    def name(self) -> str:
        """The column of the history."""

    @abstractmethod
    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """The value of each sample, (N,); or of shape (N, P) what `aggregate` needs of it.

        `output` is the network's raw output (N, …), `target` what the loss made of the user's targets.
        """

    def aggregate(self, values: np.ndarray, weights: np.ndarray | None = None) -> float:
        """The figure of many samples.

        Parameters
        ----------
        values : array, shape (N,) or (N, P)
            What `per_sample` gave, of all samples.
        weights : array, shape (N,), optional
            The samples' weights; 1 each by default.

        Returns
        -------
        float
            Σ_i w_i v_i / Σ_i w_i; NaN where the weights are all 0 or there is no sample.
        """
        w = _weights(values, weights)
        total = float(w.sum())
        return float(w @ values.astype(np.float64)) / total if total else float("nan")


@dataclass(frozen=True)
class Accuracy(Metric):
    """The share of samples whose largest output is that of their class; K classes.

    Of equal outputs the first counts. A target (N, K) of probabilities stands for its largest.
    """

    name: ClassVar[str] = "accuracy"

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """See `Metric.per_sample`."""
        _check_classes("Accuracy", output)
        return ops.cast(ops.equal(ops.argmax(output), _labels(target)), output.dtype)


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
        _check_values("BinaryAccuracy", output, target)
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
        classes = _check_classes("TopK", output)
        if self.k > classes:
            raise InvalidArgument(f"TopK: `k` (={self.k}) is larger than the {classes} classes.")
        chosen = ops.one_hot(_labels(target), classes, output.dtype)
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
        _check_values("MeanAbsoluteError", output, target)
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
        _check_values("RSquared", output, target)
        flat = (output.shape[0], -1)
        return ops.concatenate([ops.reshape(output - target, flat), ops.reshape(target, flat)])

    def aggregate(self, values: np.ndarray, weights: np.ndarray | None = None) -> float:
        """See `Metric.aggregate`."""
        w = _weights(values, weights)
        if not w.sum():
            return float("nan")
        error, y = np.split(values.astype(np.float64), 2, axis=1)  # (N, M) each
        residual = w @ error**2
        total = w @ (y - w @ y / w.sum()) ** 2
        constant = np.where(residual == 0, 1.0, 0.0)
        varying = 1.0 - residual / np.where(total > 0, total, 1.0)
        return float(np.mean(np.where(total > 0, varying, constant)))


NAMES: dict[str, Metric] = {
    "accuracy": Accuracy(),
    "top_5_accuracy": TopK(5),
    "mean_absolute_error": MeanAbsoluteError(),
    "r2": RSquared(),
}

# What a name means, and what is measured by default, for each task.
_ALLOWED: dict[Task, tuple[type[Metric], ...]] = {
    "regression": (MeanAbsoluteError, RSquared),
    "binary": (BinaryAccuracy,),
    "classification": (Accuracy, TopK),
}


def metric(value: str | Metric, loss: Loss, output_shape: Shape) -> Metric:
    """The metric of a name, for a loss and the output of one sample; a metric stays as it is.

    ``"accuracy"`` is `BinaryAccuracy` for yes-or-no outputs, else `Accuracy`; ``"top_k_accuracy"`` takes any number
    for k.
    """
    task = loss.task(output_shape)
    found = value if isinstance(value, Metric) else _named(value)
    if isinstance(found, Accuracy) and task == "binary":
        found = _binary_accuracy(loss)
    if isinstance(value, Metric) or isinstance(loss, CustomLoss):
        return found
    if not isinstance(found, _ALLOWED[task]):
        raise InvalidArgument(
            f"metric {value!r} does not fit {type(loss).__name__} with outputs of shape"
            f" {output_shape} ({task})."
        )
    return found


def default_metrics(loss: Loss, output_shape: Shape) -> tuple[Metric, ...]:
    """What is measured where the user names nothing: accuracy, or the mean absolute error and R²."""
    task = loss.task(output_shape)
    if task == "regression":
        return (MeanAbsoluteError(), RSquared())
    return (_binary_accuracy(loss) if task == "binary" else Accuracy(),)


def _binary_accuracy(loss: Loss) -> BinaryAccuracy:
    return BinaryAccuracy(middle=loss.middle)


def _named(name: str) -> Metric:
    if isinstance(name, str) and name in NAMES:
        return NAMES[name]
    parts = name.split("_") if isinstance(name, str) else []
    if len(parts) == 3 and (parts[0], parts[2]) == ("top", "accuracy") and parts[1].isdecimal():
        return TopK(int(parts[1]))
    raise InvalidArgument(f"metric {name!r} must be one of {', '.join(NAMES)}, or a Metric.")


def _labels(target: Tensor) -> Tensor:
    return target if target.dtype == "int32" else ops.argmax(target)


def _weights(values: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    if weights is None:
        return np.ones(len(values))
    return np.asarray(weights, np.float64)


def _check_classes(name: str, output: Tensor) -> int:
    if output.rank != 2:
        raise ShapeError(f"{name}: the output is {output.spec}; it must be (N, K) with K classes.")
    return output.shape[1]


def _check_values(name: str, output: Tensor, target: Tensor) -> None:
    if output.spec != target.spec:
        raise ShapeError(
            f"{name}: the output is {output.spec} and the target {target.spec}; they must be equal."
        )
