"""Labelled samples: accuracy, confusion, mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sloy import inspection, text
from sloy.data import Dataset
from sloy.errors import InvalidOption
from sloy.experiments import classes
from sloy.experiments.sources.base import Loaded, Measured, Source, few
from sloy.language import say
from sloy.metrics.figures import by_class as figures_by_class
from sloy.metrics.figures import over_classes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sloy.model import Model


@dataclass(frozen=True)
class Labelled(Source):
    """A source of labelled pictures."""

    def measure(
        self,
        model: Model,
        data: Dataset,
        loaded: Loaded | None = None,
        simpler: Model | None = None,
    ) -> Measured:
        """Loss, accuracy, what was taken for what."""
        measured, probabilities = model.examine(data)  # (N, K)
        answers = classes.answers_of(model, probabilities)
        wrong = int((answers != data.y).sum())
        accuracy = 1 - wrong / len(data)
        by_class = figures_by_class(data.y, answers, probabilities)
        of_all = over_classes(by_class)
        figures = {
            "test_accuracy": accuracy,
            "test_loss": measured["loss"],
            "test_mistakes": wrong,
            "test_samples": len(data),
            **{f"test_{name}": value for name, value in of_all.items()},
            "classes": classes.as_document(data, by_class),
        }
        rows = [
            (
                say("test accuracy"),
                say(
                    "{accuracy}  ({wrong} of {total} wrong)",
                    accuracy=text.percent(accuracy),
                    wrong=text.count(wrong),
                    total=text.count(len(data)),
                ),
            ),
            (say("test loss"), f"{measured['loss']:.4f}{_smoothed(model)}"),
            *few(data),
        ]
        uneven = classes.unevenness(data) if loaded is None else loaded.unevenness
        if classes.are_told(data, uneven):
            rows += [
                (say("of classes"), f"{classes.in_words(of_all)}\n{classes.whose(data)}"),
                ("", classes.listed(data, by_class)),
            ]
        counts = inspection.confusion_counts(data.y, answers, data.classes)
        return Measured(
            figures,
            tuple(rows),
            lambda: self._pictures(model, data, probabilities, counts),
            probabilities,
            counts,
            answers,
        )

    def _pictures(
        self, model: Model, data: Dataset, probabilities: np.ndarray, counts: np.ndarray
    ) -> dict[str, Figure]:
        x, names = self.as_seen(model.reader, data.x), data.class_names
        answers = classes.answers_of(model, probabilities)
        return {
            "confusion.png": inspection.confusion_figure(counts, names),
            "mistakes.png": inspection.mistakes_figure(
                x, data.y, probabilities, names, answers=answers
            ),
        }


def names_of(model: Model, where: str) -> tuple[str, ...]:
    """The classes that a model answers with; `InvalidOption` where it has none."""
    outputs = model.network.output_shape
    if model.loss.task(outputs) != "classification":
        raise InvalidOption(
            f"{where}: is labelled with classes; the model, made for {type(model.loss).__name__}, answers with"
            " numbers."
        )
    return tuple(model.class_names) or tuple(map(str, range(outputs[-1])))


def labelled_as(model: Model, data: Dataset, where: str) -> Dataset:
    """Samples with the labels of a model: its classes by name, or where data has numbers only, by number."""
    names, own = names_of(model, where), tuple(data.class_names)
    if data.sample_shape != model.network.input_shape:
        raise InvalidOption(
            f"{where}: holds samples of {text.shape(data.sample_shape)}, the model takes"
            f" {text.shape(model.network.input_shape)}."
        )
    if set(own) <= set(names):
        return replace(data, y=_renumbered(data.y, own, names), class_names=names)
    if data.classes > len(names) or not all(map(str.isdecimal, own)):
        raise InvalidOption(
            f"{where}: has {data.classes} classes ({_some(own)}), the model {len(names)} ({_some(names)})."
        )
    return replace(data, class_names=names)


def _renumbered(labels: np.ndarray, own: Sequence[str], names: Sequence[str]) -> np.ndarray:
    numbers = np.array([names.index(name) for name in own], np.int32)
    return numbers[labels] if len(numbers) else labels


def _some(names: Sequence[str]) -> str:
    return text.named(names, 6)


def _smoothed(model: Model) -> str:
    """Behind a loss, that it is not the one of plain labels."""
    smoothing = getattr(model.loss, "label_smoothing", 0.0)
    return f"  (of labels smoothed by {smoothing:g})" if smoothing else ""
