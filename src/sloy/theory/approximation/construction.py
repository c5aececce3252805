"""Two-layer networks put together by hand for a function of one variable: sums of steps, or of ramps (L5).

Both take samples so dense that f is a polyline within a small part of the tolerance (`Target.samples`), and a
little less than the tolerance itself, to leave room for that part, for the slopes of the steps, and for rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sloy.theory.approximation.asymptotes import Asymptotes
from sloy.theory.approximation.target import finer

SHARPNESS = 0.1  # share of the tolerance by which f may move while a step rises
BLUNT = 0.05  # share of the tolerance that the rounded corners of ramps may take


@dataclass(frozen=True, eq=False)
class Hidden:
    """The numbers of a two-layer network: Σ_k c_k σ(w_k · x + b_k) + d.

    Attributes
    ----------
    weight : array, shape (d, H)
    bias : array, shape (H,)
    output : array, shape (H,)
        c.
    shift : float
        d.
    """

    weight: np.ndarray
    bias: np.ndarray
    output: np.ndarray
    shift: float

    @property
    def units(self) -> int:
        """H."""
        return len(self.bias)


def steps(
    x: np.ndarray, y: np.ndarray, tolerance: float, sigma: Asymptotes, most: int
) -> Hidden | None:
    """A sum of steps within a tolerance of a polyline: f ≈ p_0 + Σ_k (p_k - p_{k-1}) step(s_k (x - t_k)).

    The interval is cut into as few pieces as can be on each of which f moves by no more than twice the
    tolerance; p_k is the middle of its range on piece k. The step at the cut t_k rises over the stretch where f
    stays within a tenth of the tolerance of f(t_k): the modulus of continuity sets the steepness s_k.

    Parameters
    ----------
    x, y : array, shape (S,)
        The polyline.
    tolerance : float
    sigma : Asymptotes
        Of a step.
    most : int
        Units allowed.

    Returns
    -------
    Hidden, or None where it takes more units

    References
    ----------
    .. [1] G. Cybenko, "Approximation by superpositions of a sigmoidal function", Math. Control Signals Systems 2
       (1989) 303-314.
    """
    cuts, plateaus = _plateaus(x, y, tolerance, most)
    if len(cuts) > most:
        return None
    if not len(cuts):  # one step that is never taken: f is constant within the tolerance
        cuts, plateaus = x[-1:], np.append(plateaus, plateaus)
    steepness = np.ones(len(cuts))
    if sigma.reach:
        room = np.diff(np.concatenate([x[:1], cuts, x[-1:]])) / 2
        room = np.minimum(room[:-1], np.where(room[1:] > 0, room[1:], np.inf))
        steepness = sigma.reach / np.minimum(_stay(x, y, cuts, SHARPNESS * tolerance), room)
    low, high = sigma.levels
    output = np.diff(plateaus) / (high - low)
    return Hidden(
        steepness[None], -steepness * cuts, output, float(plateaus[0] - low * output.sum())
    )


def ramps(
    x: np.ndarray, y: np.ndarray, tolerance: float, sigma: Asymptotes, most: int
) -> Hidden | None:
    """A polyline of few segments within a tolerance of a polyline, as a sum of ramps: one for each segment.

    f ≈ y_0 + Σ_k a_k ramp(x - t_k), a_k being the change of slope at the knot t_k and t_0 the left end. The knots come
    from a sweep: each segment is as long as can be without leaving the tube f ± tolerance. A ramp with a
    slope on its left too (leaky ReLU) adds a straight line, which the first unit takes back; one with a rounded
    corner is made as sharp as the tolerance asks.

    References
    ----------
    .. [1] H. Elmeleegy et al., "Online piece-wise linear approximation of numerical streams with precision
       guarantees", VLDB 2009 (the swing filter).
    """
    starts = (y[0] - tolerance, y[0], y[0] + tolerance)
    found = [_swing(x, y, tolerance, start, most) for start in starts]
    knots, heights = min(found, key=lambda polyline: len(polyline[0]))
    if len(knots) > most + 1:
        return None
    slopes = np.diff(heights) / np.diff(knots)
    left, right = sigma.slopes
    output = np.diff(slopes, prepend=0.0) / (right - left)
    output[0] = (slopes[0] - left * output[1:].sum()) / right
    shift = heights[0] - left * float(output[1:] @ (knots[0] - knots[1:-1]))
    total = np.abs(output).sum()
    sharpness = max(1.0, sigma.rounding * total / (BLUNT * tolerance)) if sigma.rounding else 1.0
    weight = np.full((1, len(output)), sharpness)
    return Hidden(weight, -sharpness * knots[:-1], output / sharpness, float(shift))


def fine_grid(x: np.ndarray, hidden: Hidden, dtype: str) -> np.ndarray:
    """The grid of the measurement: ten times finer than the samples, the rise of each unit, and for sharp ones
    hardly to the left and right of it.
    """
    width = 1 / np.abs(hidden.weight[0])
    places = -hidden.bias / hidden.weight[0]
    around = places[:, None] + width[:, None] * np.array([-4, -2, -1, -0.5, 0, 0.5, 1, 2, 4])
    beside = places + np.outer((-4, 4), np.finfo(dtype).eps * np.abs(places))
    found = np.concatenate([finer(x), around.ravel(), beside.ravel()])
    return found[(found >= x[0]) & (found <= x[-1])]


def _plateaus(
    x: np.ndarray, y: np.ndarray, tolerance: float, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cuts (K,) and the middles of the ranges between (K + 1,); greedy, which is optimal for constant pieces.

    It gives up after more than `most` cuts.
    """
    cuts: list[float] = []
    middles: list[float] = []
    low = high = float(y[0])
    height = 2 * tolerance
    for i in range(1, len(x)):
        cut, before, value = float(x[i - 1]), float(y[i - 1]), float(y[i])
        while max(high, value) - min(low, value) > height:  # the range is full before x_i
            edge = low + height if value > high else high - height
            cut += (edge - before) / (value - before) * (float(x[i]) - cut)
            cuts.append(cut)
            middles.append(edge - tolerance if value > high else edge + tolerance)
            low = high = before = edge
        low, high = min(low, value), max(high, value)
        if len(cuts) > most:
            break
    middles.append((low + high) / 2)
    return np.array(cuts), np.array(middles)


def _stay(x: np.ndarray, y: np.ndarray, at: np.ndarray, bound: float) -> np.ndarray:
    """How far from each place the polyline stays within a bound of its value there, on both sides: (K,)."""
    reach = np.empty(len(at))
    values = np.interp(at, x, y)
    for k, (t, value) in enumerate(zip(at, values, strict=True)):
        first = int(np.searchsorted(x, t))
        sides = []
        for xs, ys in ((x[first:], y[first:]), (x[:first][::-1], y[:first][::-1])):
            out = _first_outside(ys, value, bound)
            if out is None:
                continue
            before = (t, value) if out == 0 else (xs[out - 1], ys[out - 1])
            edge = value + bound if ys[out] > value else value - bound
            share = (edge - before[1]) / (ys[out] - before[1])
            sides.append(abs(before[0] + share * (xs[out] - before[0]) - t))
        reach[k] = min(sides, default=np.inf)
    return reach


def _first_outside(values: np.ndarray, centre: float, bound: float) -> int | None:
    """The first place where values leave centre ± bound, looked for in growing stretches."""
    begin, size = 0, 16
    while begin < len(values):
        outside = np.abs(values[begin : begin + size] - centre) > bound
        if outside.any():
            return begin + int(outside.argmax())
        begin, size = begin + size, size * 4
    return None


def _swing(
    x: np.ndarray, y: np.ndarray, tolerance: float, start: float, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Knots and heights of a polyline within the tube, from a given height at the left end.

    It gives up after more than `most` segments.
    """
    knots, heights = [float(x[0])], [start]
    at, last = 0, len(x) - 1
    while at < last and len(knots) <= most + 1:
        size = 64
        while True:  # the slopes that stay in the tube up to each sample
            run = x[at + 1 : at + 1 + size] - knots[-1]
            rise = y[at + 1 : at + 1 + size] - heights[-1]
            least = np.maximum.accumulate((rise - tolerance) / run)
            greatest = np.minimum.accumulate((rise + tolerance) / run)
            shut = least > greatest
            if shut.any() or at + 1 + size > last:
                break
            size *= 4
        good = int(shut.argmax()) - 1 if shut.any() else len(run) - 1
        good = max(good, 0)
        slope = (least[good] + greatest[good]) / 2
        at += good + 1
        heights.append(float(heights[-1] + slope * (x[at] - knots[-1])))
        knots.append(float(x[at]))
    return np.array(knots), np.array(heights)
