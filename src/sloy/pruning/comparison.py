"""How good two models are on the same samples: each with its interval, and the difference with its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sloy.metrics.intervals import mean_interval, paired_shares, wilson
from sloy.problem.inputs import Columns
from sloy.pruning.passes import Passes


@dataclass(frozen=True)
class Comparison:
    """A figure of the whole model and of the pruned one on the same samples.

    Attributes
    ----------
    figure : str
        "accuracy", or "loss" of numbers.
    before, after : (value, low, high)
        Means, with 95 % intervals: of accuracies Wilson's, of losses Student's.
    lost : (value, low, high)
        What the pruned model is worse by, sample by sample, with its 95 % interval: of accuracies Tango's for paired
        samples, of losses Student's.
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
    share = figure == "accuracy"
    lost = before - after if share else after - before
    paired = (float(lost.mean()), *paired_shares(before, after)) if share else mean_interval(lost)
    return Comparison(
        figure,
        _estimate(before, share=share),
        _estimate(after, share=share),
        paired,
        (losses[0], losses[1]),
        len(samples),
        what,
    )


def _estimate(values: np.ndarray, *, share: bool = False) -> tuple[float, float, float]:
    """The mean of figures that are at least 0, or of shares, with its interval."""
    mean, count = float(values.mean()), len(values)
    if share:
        return (mean, *wilson(float(values.sum()), count))
    _, low, high = mean_interval(values)
    return mean, max(low, min(0.0, float(values.min()))), high
