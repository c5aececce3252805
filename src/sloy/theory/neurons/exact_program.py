"""A line between two classes of points, or the proof that there is none, in exact arithmetic (L1, L3).

The linear program is min Σ_j c_j |w_j| with s_i Σ_j w_j x_ij ≥ ½. Its dual, max ½ Σ_i λ_i with
|Σ_i λ_i s_i x_ij| ≤ c_j and λ ≥ 0, starts at λ = 0 without a search for a first vertex, has two rows for each input
and a column for each point; the simplex method ends at w, or on a ray: λ with Σ_i λ_i s_i x_ij = 0, Gordan's
alternative. Numbers are whole: the tableau is kept times its determinant, so that every division comes out even.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

FIRST = 4  # points of the first program, over the number of inputs
MOST_NUMBERS = 200_000  # of all points
MOST_WORK = 1 << 20  # entries of a tableau times inputs times digits: up to a few seconds


def columns_of(
    points: np.ndarray, side: np.ndarray
) -> tuple[np.ndarray, list[int], list[Fraction]] | None:
    """The program in whole numbers, or None where it is too large to be solved exactly.

    Each input is moved and scaled to -1 … 1, as far as it goes, so that all weigh the same; the free term, whose
    column is the last, weighs a thousandth.

    Parameters
    ----------
    points : float64 array, shape (N, I)
    side : array, shape (N,)
        ±1.

    Returns
    -------
    columns : object array of int, shape (I + 1, N)
    cost : list of int
    scale : list of Fraction
        A weight of a point's coordinate is scale times that of its column.
    """
    count, inputs = points.shape
    if points.size > MOST_NUMBERS or _work(inputs + 1, 1) > MOST_WORK:
        return None
    columns, cost, scale = [], [], []
    for values in points.T:
        exact = [Fraction(float(v)) for v in values]
        unit = max(v.denominator for v in exact)  # a power of 2
        whole = np.array([int(v * unit) for v in exact], object)
        extent = int(whole.max() - whole.min())
        moved = 2 * whole - whole.max() - whole.min()  # -extent … extent
        common = math.gcd(extent, *moved.tolist()) or 1
        columns.append(moved // common * side)
        cost.append(1000 * (extent // common) or 1)
        scale.append(Fraction(2 * unit, common))
    digits = max(abs(int(v)).bit_length() for column in columns for v in column) + 1
    if _work(inputs + 1, digits) > MOST_WORK:
        return None
    ones = np.ones(count, int).astype(object) * side
    return np.array([*columns, ones], object), [*cost, 1], scale


def _work(inputs: int, digits: int) -> int:
    return 2 * inputs**2 * (4 * inputs + FIRST) * digits


def separating_line(
    columns: np.ndarray, cost: list[int]
) -> tuple[list[Fraction], None] | tuple[None, dict[int, Fraction]]:
    """Either w with Σ_j w_j a_ij ≥ ½ for each point i and the least Σ_j c_j |w_j|, or λ > 0 with Σ_i λ_i a_i = 0.

    Points are added to the program as long as its line has some on the wrong side: few are needed.

    Parameters
    ----------
    columns : object array of int, shape (I, N)
        a: the points, each times its side.
    cost : list of int
        c > 0.

    Returns
    -------
    (w, None) or (None, λ of the points that are needed by number)
    """
    inputs, count = columns.shape
    used = np.unique(np.linspace(0, count - 1, min(count, inputs + FIRST)).astype(int)).tolist()
    while True:
        w, ray = _solve(columns[:, used], cost)
        if w is None:
            assert ray is not None
            return None, {used[i]: share for i, share in ray.items()}
        scale = np.lcm.reduce([v.denominator for v in w], dtype=object)
        whole = np.array([int(v * scale) for v in w], object)
        slack = 2 * (whole @ columns) - scale  # of s (w x) ≥ ½, times 2 · scale: (N,)
        wrong = np.flatnonzero(slack < 0)
        if not len(wrong):
            return w, None
        used += wrong[np.argsort(slack[wrong], kind="stable")[: inputs + 1]].tolist()


def _solve(
    a: np.ndarray, cost: list[int]
) -> tuple[list[Fraction], None] | tuple[None, dict[int, Fraction]]:
    """The program on few points (I, n), by the simplex method on its dual.

    Rows are Σ λ a ≤ c and -Σ λ a ≤ c; columns λ (n), slacks (2 I), right side. All times `d`.
    """
    inputs, n = a.shape
    rows = 2 * inputs
    table = np.zeros((rows + 1, n + rows + 1), object)
    table[:inputs, :n], table[inputs:rows, :n] = a, -a
    for row in range(rows):
        table[row, n + row] = 1
    table[:rows, -1] = [*cost, *cost]
    table[rows, :n] = -1  # the objective: Σ λ
    basis, d = list(range(n, n + rows)), 1
    stuck = False
    while True:
        reduced = table[rows, :-1]
        falling = np.flatnonzero(reduced < 0)
        if not len(falling):
            slopes = table[rows, n:-1]
            w = [Fraction(slopes[j] - slopes[inputs + j], 2 * d) for j in range(inputs)]
            return w, None
        # The steepest; where the last step did not move, the first, which cannot go round in circles (Bland).
        entering = int(falling[0] if stuck else falling[reduced[falling].argmin()])
        column = table[:rows, entering]
        candidates = np.flatnonzero(column > 0)
        if not len(candidates):
            ray = {v: Fraction(-column[row], d) for row, v in enumerate(basis) if v < n}
            ray[entering] = Fraction(1)
            return None, {v: share for v, share in ray.items() if share}
        ratios = [(Fraction(table[r, -1], column[r]), basis[r], r) for r in candidates.tolist()]
        step, _, leaving = min(ratios)
        stuck = step == 0
        pivot = table[leaving, entering]
        kept = table[leaving].copy()
        table = (table * pivot - np.outer(table[:, entering], kept)) // d
        table[leaving] = kept
        basis[leaving], d = entering, pivot
