"""Labelled samples: accuracy, confusion, mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sloy import text
from sloy.experiments import classes
from sloy.experiments.sources.base import Loaded, Measured, Source
from sloy.metrics.figures import by_class as figures_by_class
from sloy.metrics.figures import over_classes

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from sloy.model import Model


@dataclass(frozen=True)
class Labelled(Source):
    """A source of labelled pictures."""

    def measure(self, model: Model, loaded: Loaded) -> Measured:
        """Loss, accuracy, what was taken for what."""
        data = loaded.test
        measured, probabilities = model.examine(data)  # (N, K)
        answers = classes.answers_of(model, probabilities)
        wrong = int((answers != data.y).sum())
        by_class = figures_by_class(data.y, answers, probabilities)
        of_all = over_classes(by_class)
        figures = {
            "test_accuracy": measured["accuracy"],
            "test_loss": measured["loss"],
            "test_mistakes": wrong,
            "test_samples": len(data),
            **{f"test_{name}": value for name, value in of_all.items()},
            "classes": classes.as_document(data, by_class),
        }
        accuracy = text.percent(measured["accuracy"])
        rows = [
            ("test accuracy", f"{accuracy}  ({wrong} of {text.count(len(data))} wrong)"),
            ("test loss", f"{measured['loss']:.4f}"),
        ]
        if classes.are_told(data, loaded.unevenness):
            rows += [
                ("of classes", f"{classes.in_words(of_all)}\n{classes.whose(data)}"),
                ("", classes.listed(data, by_class)),
            ]
        return Measured(
            figures, tuple(rows), lambda: self._pictures(loaded, probabilities, answers)
        )

    def _pictures(
        self, loaded: Loaded, probabilities: np.ndarray, answers: np.ndarray
    ) -> dict[str, Figure]:
        from sloy import inspection

        data, names = loaded.test, loaded.test.class_names
        x = self.as_seen(loaded, data.x)
        counts = inspection.confusion_counts(data.y, answers, len(names))
        return {
            "confusion.png": inspection.confusion_figure(counts, names),
            "mistakes.png": inspection.mistakes_figure(
                x, data.y, probabilities, names, answers=answers
            ),
        }
