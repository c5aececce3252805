"""Labelled samples: accuracy, confusion, mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sloy import text
from sloy.experiments.sources.base import Loaded, Measured, Source

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
        wrong = int((probabilities.argmax(1) != data.y).sum())
        figures = {
            "test_accuracy": measured["accuracy"],
            "test_loss": measured["loss"],
            "test_mistakes": wrong,
            "test_samples": len(data),
        }
        accuracy = text.percent(measured["accuracy"])
        rows = (
            ("test accuracy", f"{accuracy}  ({wrong} of {text.count(len(data))} wrong)"),
            ("test loss", f"{measured['loss']:.4f}"),
        )
        return Measured(figures, rows, lambda: self._pictures(loaded, probabilities))

    def _pictures(self, loaded: Loaded, probabilities: np.ndarray) -> dict[str, Figure]:
        from sloy import inspection

        data, names = loaded.test, loaded.test.class_names
        x = self.as_seen(loaded, data.x)
        counts = inspection.confusion_counts(data.y, probabilities.argmax(1), len(names))
        return {
            "confusion.png": inspection.confusion_figure(counts, names),
            "mistakes.png": inspection.mistakes_figure(x, data.y, probabilities, names),
        }
