"""How good two models are on the same samples: each with its interval, and the difference with its own."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from sloy.problem.inputs import Columns
from sloy.pruning.passes import Passes

Z = 1.959963984540054  # of 95 %


def wilson(right: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share, from so many of so many.

    References
    ----------
    .. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    Examples
    --------
    >>> [round(end, 3) for end in wilson(98, 100)]
    [0.93, 0.994]
    """
    share, square = right / count, Z * Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = Z / (1 + square / count) * sqrt(share * (1 - share) / count + square / (4 * count**2))
    return middle - half, middle + half


@dataclass(frozen=True)
class Comparison:
    """A figure of the whole model and of the pruned one on the same samples.

    Attributes
    ----------
    figure : str
        "accuracy", or "loss" of numbers.
    before, after : (value, low, high)
        Means, with 95 % intervals.
    lost : (value, low, high)
        What the pruned model is worse by, sample by sample, with its 95 % interval.
    losses : (float, float)
        The mean losses.
    samples : int
    what : str
        Which samples they are.
    """

    figure: str
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    lost: tuple[float, float, float]
    losses: tuple[float, float]
    samples: int
    what: str


def compared(whole: Passes, pruned: Passes, samples: Columns, what: str) -> Comparison:
    """Measure both; `what` says on which samples."""
    found = [passes.each(samples) for passes in (whole, pruned)]
    losses = tuple(float(each["loss"].mean(dtype=np.float64)) for each in found)
    figure = "accuracy" if "accuracy" in found[0] else "loss"
    before, after = (each[figure].astype(np.float64).reshape(len(samples)) for each in found)
    sign = 1 if figure == "accuracy" else -1
    return Comparison(
        figure,
        _estimate(before, share=figure == "accuracy"),
        _estimate(after, share=figure == "accuracy"),
        _estimate(sign * (before - after)),
        (losses[0], losses[1]),
        len(samples),
        what,
    )


def _estimate(values: np.ndarray, *, share: bool = False) -> tuple[float, float, float]:
    mean, count = float(values.mean()), len(values)
    if share:
        return (mean, *wilson(float(values.sum()), count))
    half = Z * float(values.std(ddof=1)) / sqrt(count) if count > 1 else 0.0
    return mean, mean - half, mean + half
