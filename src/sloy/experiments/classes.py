"""Results for classes that are not equally frequent: figures of each, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy import text
from sloy.data import Dataset
from sloy.language import say
from sloy.metrics.figures import ClassFigures, by_class, over_classes

if TYPE_CHECKING:
    from sloy.model import Model

UNEVEN = 3.0  # times as many samples of one class as of another: accuracy alone says little
LISTED = 12  # classes whose figures are shown; all are in summary.json
TITLES = {
    "balanced_accuracy": "balanced",
    "auc": "AUC",
    "average_precision": "avg. precision",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
}


def names_of(data: Dataset) -> tuple[str, ...]:
    """The names of the classes, or their numbers."""
    return tuple(data.class_names) or tuple(map(str, range(data.classes)))


def answers_of(model: Model, probabilities: np.ndarray) -> np.ndarray:
    """The model's answers (N,), by probabilities (N, K) that it gave and its threshold."""
    if model.threshold is None:
        return np.asarray(probabilities.argmax(1))
    return (probabilities[:, 1] > model.threshold).astype(np.int64)


def figures_of(data: Dataset, answers: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """One figure of each kind, see `sloy.metrics.figures.over_classes`."""
    return over_classes(by_class(data.y, answers, probabilities))


def unevenness(data: Dataset) -> float:
    """How often the most frequent class stands among samples for each of the rarest that is there; 1 of numbers."""
    if not data.has_labels:
        return 1.0
    counts = np.bincount(data.y, minlength=data.classes)
    there = counts[counts > 0]
    return float(there.max() / there.min())


def are_told(data: Dataset, unevenness: float) -> bool:
    """Whether accuracy alone says little: of two classes, and of more that are not equally frequent."""
    return data.classes == 2 or unevenness >= UNEVEN


def are_told_of(summaries: Sequence[Mapping[str, Any]]) -> bool:
    """The same of the summaries of runs, whose samples are taken together."""
    samples: dict[str, int] = {}
    for summary in summaries:
        for name, figures in summary.get("classes", {}).items():
            samples[name] = samples.get(name, 0) + figures["samples"]
    there = [count for count in samples.values() if count]
    return len(samples) == 2 or (bool(there) and max(there) >= UNEVEN * min(there))


def as_document(data: Dataset, figures: Sequence[ClassFigures]) -> dict[str, dict[str, Any]]:
    """For `summary.json`: class name → its figures, null where one is not defined."""
    return {name: asdict(one) for name, one in zip(names_of(data), figures, strict=True)}


def listed(data: Dataset, figures: Sequence[ClassFigures]) -> str:
    """A line for each class."""
    head = ("", say("samples"), *(say(TITLES[name]) for name in _OF_ONE))
    lines = [
        (text.shortened(name), text.count(one.samples), *(shown(getattr(one, n)) for n in _OF_ONE))
        for name, one in zip(names_of(data)[:LISTED], figures, strict=False)
    ]
    table = text.columns([head, *lines], right=True)
    more = len(figures) - LISTED
    return table + ("\n" + say("… and {more} more, in summary.json", more=more) if more > 0 else "")


_OF_ONE = ("precision", "recall", "f1", "auc", "average_precision")


def whose(data: Dataset) -> str:
    """What one figure of all classes stands for."""
    if data.classes == 2:
        return say(
            "average precision, precision, recall and F1 are those of {name}",
            name=repr(names_of(data)[1]),
        )
    return say("AUC, average precision, precision, recall and F1 are means over the classes")


def in_words(figures: Mapping[str, float]) -> str:
    """The figures of all classes in a line."""
    return ", ".join(f"{say(TITLES[name])} {shown(value)}" for name, value in figures.items())


def shown(value: float) -> str:
    """A figure, or that there is none."""
    return say("not defined") if np.isnan(value) else text.fixed(value)


def notes(data: Dataset, unevenness: float) -> tuple[tuple[str, str], ...]:
    """A row on rare classes that names the option for them; none where no class is rare."""
    from sloy.diagnosis.rules.samples import UNEVEN as RARE

    if unevenness <= RARE:
        return ()
    counts = np.bincount(data.y, minlength=data.classes)
    rarest = int(np.argmin(np.where(counts > 0, counts, len(data) + 1)))
    most, names = int(counts.argmax()), names_of(data)
    said = (
        f"classes are uneven: {text.count(int(counts[most]))} samples of {names[most]!r},"
        f" {text.count(int(counts[rarest]))} of {names[rarest]!r}; --class-weight balanced makes errors on"
        " each class count as much as on the others"
    )
    return (("note", said),)
