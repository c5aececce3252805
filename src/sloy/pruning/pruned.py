"""`Pruned`: a smaller model, what was removed of the whole one, and what that cost and brought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from sloy import text
from sloy.model import Model
from sloy.pruning.comparison import Comparison
from sloy.pruning.removal import Step
from sloy.pruning.timing import Timing


@dataclass(frozen=True)
class Size:
    """How large a model is.

    Attributes
    ----------
    parameters : int
        Numbers that are trained.
    zeros : int
        Weights among them that are 0.
    multiply_adds : int
        Of a sample.
    file_bytes : int
    widths : dict
        Layers that are tied → how many units they have.
    """

    parameters: int
    zeros: int
    multiply_adds: int
    file_bytes: int
    widths: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Pruned:
    """A smaller model of a trained one.

    Attributes
    ----------
    model : Model
        It saves, loads, exports and trains like any other.
    whole : Model
        The one that was pruned, as it was.
    before, after : Size
    saliency : dict
        Group of layers, or name of a parameter → float64 array: the rise of the loss that was foreseen for removing
        each unit, or weight, alone.
    removed : dict
        Group of layers → the numbers of the units that were removed, in order; of weights how many of each parameter.
    curve : tuple of Step
        What remained, and the loss, after each block.
    comparison : Comparison
    timings : tuple of Timing
    notes : tuple of str
        What else is to be said.
    """

    model: Model
    whole: Model
    before: Size
    after: Size
    saliency: Mapping[str, np.ndarray]
    removed: Mapping[str, Sequence[int] | int]
    curve: tuple[Step, ...]
    comparison: Comparison
    timings: tuple[Timing, ...] = ()
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """All of it but the models, as JSON values."""
        return {
            "before": asdict(self.before),
            "after": asdict(self.after),
            "comparison": asdict(self.comparison),
            "timings": [
                {**asdict(timing), "times": timing.times, "faster": timing.is_faster}
                for timing in self.timings
            ],
            "removed": {n: v if isinstance(v, int) else list(v) for n, v in self.removed.items()},
            "curve": [asdict(step) for step in self.curve],
            "notes": list(self.notes),
        }

    def rows(self) -> list[tuple[str, str]]:
        """Titles and words of the table."""
        found, before, after = self.comparison, self.before, self.after
        rows = [("", text.columns(self._sizes(), right=True))]
        if before.widths:
            widths = [
                (text.shortened(name, 40), f"{before.widths[name]} → {after.widths[name]}")
                for name in before.widths
            ]
            rows.append(("units", text.columns(widths)))
        lost = _interval(found.lost, found.figure)
        words = f"{_interval(found.before, found.figure)} → {_interval(found.after, found.figure)}"
        rows.append((found.figure, f"{words}, {found.what}"))
        rows.append(("lost", f"{lost}, 95 % interval, sample by sample"))
        if found.figure == "accuracy":
            a, b = map(text.number, found.losses)
            rows.append(("log-loss", f"{a} → {b}, of the same samples"))
        if self.timings:
            rows.append(("time", "\n".join(map(str, self.timings))))
        rows += [("note", note) for note in self.notes]
        return rows

    def _sizes(self) -> list[tuple[str, ...]]:
        before, after = self.before, self.after
        lines: list[tuple[str, ...]] = [("", "before", "after", "left")]
        for title, of in (("parameters", "parameters"), ("multiply-adds", "multiply_adds")):
            a, b = getattr(before, of), getattr(after, of)
            lines.append((title, text.count(a), text.count(b), text.percent(b / max(a, 1))))
        if after.zeros > before.zeros:
            left = [s.parameters - s.zeros for s in (before, after)]
            share = text.percent(left[1] / max(left[0], 1))
            lines.append(("not 0", *map(text.count, left), share))
        share = text.percent(after.file_bytes / before.file_bytes)
        lines.append(("file", text.size(before.file_bytes), text.size(after.file_bytes), share))
        return lines

    def __str__(self) -> str:
        return text.fields(self.rows())


def _interval(values: tuple[float, float, float], figure: str) -> str:
    value, low, high = values
    if figure == "accuracy":
        return f"{100 * value:.2f} % ({100 * low:.2f} to {100 * high:.2f})"
    return f"{text.number(value)} ({text.number(low)} to {text.number(high)})"
