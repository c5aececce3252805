"""Metrics: what a user reads, measured on the network's raw output.

A metric has a value for each sample, computed in the graph, and a way to make one number of many samples' values, in
float64: an epoch's figure does not depend on how it was cut into batches.
"""

from __future__ import annotations

from dataclasses import replace

from sloy.arguments import instance
from sloy.errors import InvalidArgument
from sloy.graph.spec import Shape
from sloy.losses import CustomLoss, Loss, Task
from sloy.metrics.base import Metric
from sloy.metrics.classes import (
    AUC,
    F1,
    AveragePrecision,
    BalancedAccuracy,
    ByClass,
    Precision,
    Recall,
)
from sloy.metrics.means import Accuracy, BinaryAccuracy, MeanAbsoluteError, RSquared, TopK
from sloy.text import shown

__all__ = [
    "AUC",
    "F1",
    "NAMES",
    "Accuracy",
    "AveragePrecision",
    "BalancedAccuracy",
    "BinaryAccuracy",
    "MeanAbsoluteError",
    "Metric",
    "Precision",
    "RSquared",
    "Recall",
    "TopK",
    "default_metrics",
    "metric",
]

NAMES: dict[str, Metric] = {
    "accuracy": Accuracy(),
    "top_5_accuracy": TopK(5),
    "balanced_accuracy": BalancedAccuracy(),
    "precision": Precision(),
    "recall": Recall(),
    "f1": F1(),
    "auc": AUC(),
    "average_precision": AveragePrecision(),
    "mean_absolute_error": MeanAbsoluteError(),
    "r2": RSquared(),
}

# Other names of the field for them.
ALIASES = {"mae": "mean_absolute_error", "r2_score": "r2", "f1_score": "f1", "roc_auc": "auc"}

# What a name means, and what is measured by default, for each task.
_ALLOWED: dict[Task, tuple[type[Metric], ...]] = {
    "regression": (MeanAbsoluteError, RSquared),
    "binary": (BinaryAccuracy, ByClass),
    "classification": (Accuracy, TopK, ByClass),
}


def metric(value: str | Metric, loss: Loss, output_shape: Shape) -> Metric:
    """The metric of a name, for a loss and the output of one sample; a metric stays as it is.

    ``"accuracy"`` is `BinaryAccuracy` for yes-or-no outputs, else `Accuracy`; ``"top_k_accuracy"`` takes any number
    for k.
    """
    instance("metric", "loss", loss, Loss)
    task = loss.task(output_shape)
    found = value if isinstance(value, Metric) else _named(value)
    if isinstance(found, Accuracy) and task == "binary":
        found = _binary_accuracy(loss)
    if isinstance(found, ByClass) and task == "binary" and found.middle is None:
        found = replace(found, middle=loss.middle)
    if isinstance(value, Metric) or isinstance(loss, CustomLoss):
        return found
    if not isinstance(found, _ALLOWED[task]):
        raise InvalidArgument(
            f"metric {shown(value)} does not fit {type(loss).__name__} with outputs of shape"
            f" {output_shape} ({task})."
        )
    return found


def default_metrics(loss: Loss, output_shape: Shape) -> tuple[Metric, ...]:
    """What is measured where the user names nothing: accuracy, or the mean absolute error and R²."""
    instance("default_metrics", "loss", loss, Loss)
    task = loss.task(output_shape)
    if task == "regression":
        return (MeanAbsoluteError(), RSquared())
    return (_binary_accuracy(loss) if task == "binary" else Accuracy(),)


def _binary_accuracy(loss: Loss) -> BinaryAccuracy:
    return BinaryAccuracy(middle=loss.middle)


def _named(name: str) -> Metric:
    word = name.lower() if isinstance(name, str) else ""
    if (known := ALIASES.get(word, word)) in NAMES:
        return NAMES[known]
    parts = name.split("_") if isinstance(name, str) else []
    if len(parts) == 3 and (parts[0], parts[2]) == ("top", "accuracy") and parts[1].isdecimal():
        return TopK(int(parts[1]))
    raise InvalidArgument(
        f"metric {shown(name)} must be one of {', '.join((*NAMES, *ALIASES))}, or a Metric."
    )
