"""How good two models are on the same samples: each with its interval, and the difference with its own."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, pi, sqrt, tan

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


def paired_shares(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of how much greater one share is than another, of the same samples.

    The score interval: the differences Δ for which (b - c - nΔ)² ≤ z² n (2 q + Δ (1 - Δ)), with b and c the samples
    that only one and only the other has right, and q the share of c by the greatest likelihood under Δ. Of few samples,
    and where no sample differs, it is as wide as these allow: ± z² / (n + z²) then.

    Parameters
    ----------
    before, after : float array (N,)
        1 where it is right, else 0.

    References
    ----------
    .. [1] T. Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
       design", Statistics in Medicine 17 (1998).

    Examples
    --------
    >>> [round(end, 4) for end in paired_shares(np.ones(8), np.ones(8))]
    [-0.3244, 0.3244]
    """
    n, b, c = len(before), float((before > after).sum()), float((after > before).sum())

    def is_within(d: float) -> bool:
        middle = -b - c + (2 * n - b + c) * d
        q = (sqrt(max(middle**2 + 8 * n * c * d * (1 - d), 0.0)) - middle) / (4 * n)
        return (b - c - n * d) ** 2 <= Z * Z * n * max(2 * q + d * (1 - d), 0.0)

    ends = []
    for far in (-1.0, 1.0):
        near = (b - c) / n
        for _ in range(60):
            middle = (near + far) / 2
            near, far = (middle, far) if is_within(middle) else (near, middle)
        ends.append(far)
    return ends[0], ends[1]


def student(freedom: int) -> float:
    """What 95 % of Student's t lie within, of so many degrees of freedom.

    P(|T| < √ν tan θ) is the share of ∫ cos^(ν-1) that lies within ± θ.

    Examples
    --------
    >>> round(student(7), 4), round(student(1), 3), student(0)
    (2.3646, 12.706, inf)
    """
    if freedom < 1:
        return inf
    theta = np.linspace(0, pi / 2, 200_001)
    density = np.cos(theta) ** (freedom - 1)
    within = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    found = float(np.interp(0.95, within / within[-1], theta))
    return min(tan(found) * sqrt(freedom), inf)


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
    paired = (float(lost.mean()), *paired_shares(before, after)) if share else _difference(lost)
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
    _, low, high = _difference(values)
    return mean, max(low, min(0.0, float(values.min()))), high


def _difference(values: np.ndarray) -> tuple[float, float, float]:
    """A mean with its interval, which is all numbers for one value."""
    mean, count = float(values.mean()), len(values)
    half = student(count - 1) * float(values.std(ddof=1)) / sqrt(count) if count > 1 else inf
    return mean, mean - half, mean + half
