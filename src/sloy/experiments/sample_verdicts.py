"""What was found of the training samples of a run: `Samples`, and what other labels change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sloy import text
from sloy.data import Dataset
from sloy.errors import InvalidArgument
from sloy.experiments.classes import names_of
from sloy.files.tables import as_csv

APART = 0.75  # chance that wrong labels are told by their margins, below which nothing is named
VERDICTS = ("mislabelled", "hardest", "redundant")


@dataclass(frozen=True, eq=False)
class Samples(text.Shown):
    """What a run says of the samples it was trained on.

    Attributes
    ----------
    data : Dataset
        Those samples, without the ones held out.
    places : (str, sequence)
        A title, and what tells each of them apart.
    margins, losses : float64 arrays (N,)
        Means over the epochs of the run: its own logit less the largest other; cross-entropy.
    suggested : int array (N,)
        The class with the largest mean logit; of those probably mislabelled the largest but their own.
    neighbour : int array (N,)
        The nearest other sample, by what the last layer sees; −1 where it was not looked for.
    mislabelled, hardest, redundant : int arrays
        Numbers of samples, from 0, the clearest first: as many with the lowest margins as are `expected` to be wrong;
        of the others those with the highest loss whose neighbours agree with their label; those that were always sure
        and have nearly the same sample of their class beside them.
    planted : float64 array
        Margins of samples that were given a wrong label on purpose, in a second run.
    limit : float
        The highest margin of those that are probably mislabelled.
    expected : float
        How many labels are wrong: twice as many as have a margin below the median of the planted ones.
    apart : float
        The chance that one of the other samples has a higher margin than one of the planted, from ½ (margins say
        nothing of labels) to 1. Below `APART` nothing is named.
    """

    data: Dataset
    places: tuple[str, Sequence[Any] | np.ndarray]
    margins: np.ndarray
    losses: np.ndarray
    suggested: np.ndarray
    neighbour: np.ndarray
    mislabelled: np.ndarray
    hardest: np.ndarray
    redundant: np.ndarray
    planted: np.ndarray
    limit: float
    expected: float
    apart: float = 1.0

    @property
    def learned(self) -> bool:
        """Whether the network has learned the samples so far that margins tell wrong labels."""
        return self.apart >= APART

    @property
    def doubt(self) -> str:
        """Why nothing is said of the samples where it has not."""
        return (
            f"the network has not learned these samples: only {text.percent(self.apart)} of the time a sample has a"
            f" higher margin than one of {text.many(len(self.planted), 'label')} made wrong on purpose (by chance 50 %,"
            f" needed {text.percent(APART)}); nothing is said of labels. Train longer, or another network"
        )

    def __str__(self) -> str:
        return self.told()

    def told(self, most: int = 10) -> str:
        """A line for each kind, and at most so many samples of each; where nothing was learned, that alone."""
        if not self.learned:
            return text.fields([("samples", f"{text.count(len(self.data))}: {self.doubt}")])
        count, names = len(self.data), names_of(self.data)
        rows = []
        for kind, about in zip(VERDICTS, self._about(), strict=True):
            found = getattr(self, kind)
            doubted = kind == "mislabelled"  # of the others the label is the answer
            cells = [(self.places[0], "label", *["rather"] * doubted, "margin", "loss")]
            cells += [
                (
                    text.shortened(str(self.places[1][n]), 40),
                    names[self.data.y[n]],
                    *[names[self.suggested[n]]] * doubted,
                    f"{self.margins[n]:.2f}",
                    f"{self.losses[n]:.2f}",
                )
                for n in found[:most]
            ]
            listed = f"\n{text.columns(cells)}" if len(found) else ""
            rows.append((kind, f"{text.count(len(found))} of {text.count(count)}: {about}{listed}"))
        return text.fields(rows)

    def _about(self) -> tuple[str, str, str]:
        wrong = f"{text.many(len(self.planted), 'label')} made wrong on purpose"
        expected = text.count(round(self.expected))
        lowest = f"the lowest mean margins, up to {self.limit:.2f}; by {wrong} about {expected} are"
        return (
            f"{lowest} wrong" if len(self.mislabelled) else f"none is as unsure as half of {wrong}",
            "highest mean loss, though their neighbours have their label",
            "always sure, and nearly the same as another of their class",
        )

    def csv(self) -> str:
        """A line for each sample: what tells it apart, labels, margin, loss, neighbour, verdict."""
        names, (title, places) = names_of(self.data), self.places
        verdicts = [""] * len(self.data)
        for kind in VERDICTS[::-1]:
            for n in getattr(self, kind):
                verdicts[n] = kind
        rows: list[Sequence[Any]] = [
            (title, "label", "suggested", "margin", "loss", "neighbour", "verdict")
        ]
        rows += [
            (
                places[n],
                names[self.data.y[n]],
                names[self.suggested[n]],
                f"{self.margins[n]:.6g}",
                f"{self.losses[n]:.6g}",
                "" if self.neighbour[n] < 0 else places[self.neighbour[n]],
                verdicts[n],
            )
            for n in range(len(self.data))
        ]
        return as_csv(rows)

    def corrected(self) -> np.ndarray:
        """The labels with the suggested ones in place of those probably wrong, int32 (N,).

        Raises
        ------
        InvalidArgument
            Where the network has not learned the samples.
        """
        if not self.learned:
            raise InvalidArgument(f"no label is corrected: {self.doubt}.")
        labels = self.data.y.copy()
        labels[self.mislabelled] = self.suggested[self.mislabelled]
        return labels

    def document(self) -> dict[str, Any]:
        """Counts and numbers as JSON values."""
        places = self.places[1]
        return {
            "samples": len(self.data),
            "limit": self.limit,
            "expected_wrong": self.expected if self.learned else None,
            "told_apart": self.apart,
            **{
                kind: [_plain(places[n]) for n in getattr(self, kind)] for kind in VERDICTS
            },
        }  # fmt: skip


@dataclass(frozen=True)
class Corrected:
    """What other labels change: the same run once more, with them.

    Attributes
    ----------
    changed : int
        Labels that differ.
    before, after : float
        Accuracy on the samples kept apart.
    gain : (low, high)
        95 % interval of the difference, Tango's for paired samples.
    samples : int
    """

    changed: int
    before: float
    after: float
    gain: tuple[float, float]
    samples: int

    def __str__(self) -> str:
        gain, low, high = (100 * one for one in (self.after - self.before, *self.gain))
        both = f"{text.percent(self.before)} → {text.percent(self.after)}"
        return (
            f"{text.many(self.changed, 'label')} changed: accuracy {both}"
            f" ({gain:+.2f} points, by its 95 % interval {low:+.2f} to {high:+.2f};"
            f" {text.many(self.samples, 'sample')} kept apart)"
        )


def _plain(origin: Any) -> Any:
    return origin if isinstance(origin, str) else int(origin)
