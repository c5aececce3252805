"""How sure figures are: 95 % intervals of shares, of means, and of differences on the same samples."""

from __future__ import annotations

from math import inf, pi, sqrt, tan

import numpy as np

from sloy import text

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
    return max(middle - half, 0.0), min(middle + half, 1.0)


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


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """A mean with its 95 % interval, Student's, which is all numbers for one value.

    Examples
    --------
    >>> mean_interval(np.ones(1))
    (1.0, -inf, inf)
    """
    mean, count = float(values.mean()), len(values)
    half = student(count - 1) * float(values.std(ddof=1)) / sqrt(count) if count > 1 else inf
    return mean, mean - half, mean + half


def from_to(low: float, high: float) -> str:
    """The ends of a share's interval as they are printed.

    Examples
    --------
    >>> from_to(0.0, 0.7935)
    '0.00 to 79.35 %'
    """
    return f"{100 * low:.2f} to {text.percent(high)}"
