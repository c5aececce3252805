"""Can one neuron do it? A linear program answers, with a proof either way (L1, L3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from sloy.arguments import array
from sloy.errors import InvalidArgument, NotAvailable, ShapeError, SloyError
from sloy.language import counted, say
from sloy.text import Shown
from sloy.theory.neurons.exact_program import columns_of, separating_line
from sloy.theory.notation import fraction_text, input_names, linear_text

__all__ = ["Separation", "separate"]


@dataclass(frozen=True, eq=False)
class Separation(Shown):
    """Whether two classes of points can be told apart by one neuron, and the proof.

    Attributes
    ----------
    separable : bool
    weights : array, shape (I,), or None
        Where separable: s (b + Σ_j w_j x_j) > 0 at each point, s = 1 in the class of yes, -1 in the other.
    bias : float or None
    margin : float
        The distance of the nearest point from the line; 0 where not separable.
    combination : array, shape (N,), or None
        Where not separable: λ ≥ 0, of sum 1 within each class, such that both classes have the same
        Σ_i λ_i x_i. No line has one point on both of its sides.
    common : array, shape (I,), or None
        That point of both convex hulls.
    exact : bool
        Whether the proof was found and checked in rational numbers; else (large problems) in float64, beyond its
        rounding.
    points : array, shape (N, I)
    side : array, shape (N,)
        ±1.

    References
    ----------
    .. [1] P. Gordan, "Über die Auflösung linearer Gleichungen mit reellen Coefficienten", Math. Ann. 6 (1873)
       23-28: exactly one of the two exists.
    .. [2] O. L. Mangasarian, "Linear and nonlinear separation of patterns by linear programming", Operations
       Research 13 (1965) 444-452.
    """

    separable: bool
    weights: np.ndarray | None
    bias: float | None
    margin: float
    combination: np.ndarray | None
    common: np.ndarray | None
    exact: bool
    points: np.ndarray
    side: np.ndarray

    def __bool__(self) -> bool:
        return self.separable

    @property
    def most_updates(self) -> float:
        """Novikoff's bound: from zero weights the perceptron rule converges within (R/γ)² updates.

        With the points as (1, x), R is the length of the longest and γ the margin of these weights; any
        separating weights give a bound. Infinite where the classes are not separable.

        References
        ----------
        .. [1] A. Novikoff, "On convergence proofs on perceptrons", Symposium on the Mathematical Theory of
           Automata 12 (1962) 615-622.
        """
        if self.weights is None:
            return float("inf")
        extended = np.column_stack([np.ones(len(self.points)), self.points])
        w = np.append(self.bias, self.weights)  # type: ignore[arg-type]
        margin = (self.side * (extended @ w)).min() / np.linalg.norm(w)
        return float((extended**2).sum(1).max() / margin**2)

    def __str__(self) -> str:
        if self.weights is not None and self.bias is not None:
            names = input_names("separate", None, len(self.weights))
            line = linear_text(self.weights, self.bias, names)
            if not self.weights.any():
                return say(
                    "Linearly separable: all points are of one class, {line} > 0 does.", line=line
                )
            return say(
                "Linearly separable: {line} > 0 tells the classes apart; the nearest point is"
                " {margin:.4g} from the line.",
                line=line,
                margin=self.margin,
            )
        assert self.combination is not None
        assert self.common is not None
        yes, no = (self._mixture(side) for side in (1, -1))
        return say(
            "Not linearly separable: {yes} = {common} = {no}; the left is a mixture of points of one class,"
            " the right of the other, so no line has them on different sides.",
            yes=yes,
            common=_point(self.common),
            no=no,
        )

    def _mixture(self, side: int) -> str:
        assert self.combination is not None
        used = np.flatnonzero((self.side == side) & (self.combination > 0))
        terms = [f"{fraction_text(self.combination[i])} {_point(self.points[i])}" for i in used]
        rest = f"… ({counted(len(terms), 'point')})"
        return " + ".join(terms if len(terms) <= 6 else [*terms[:5], rest])


def separate(x: Any, y: Any) -> Separation:
    """Whether one threshold neuron can tell two classes of points apart.

    Separable: the linear program min Σ_j |w_j| with s_i (b + Σ_j w_j x_ij) ≥ ½ has a solution. Else the
    convex hulls of the classes meet, and a common point of theirs is the proof. Either answer is found in rational
    numbers, and checked by calculation before it is given; only large problems (some 20 inputs and more) go
    to SciPy's linear programs, in float64.

    Parameters
    ----------
    x : array, shape (N, I)
        Finite.
    y : array, shape (N,)
        0 and 1, or -1 and 1.

    Returns
    -------
    Separation

    Raises
    ------
    NotAvailable
        For a large problem without SciPy (``pip install 'sloy[theory]'``).
    SloyError
        Where the classes are so nearly touching that no weights in float64 tell them apart.

    Examples
    --------
    >>> corners = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> print(separate(corners, [0, 1, 1, 1]))
    Linearly separable: x1 + x2 - 1/2 > 0 tells the classes apart; the nearest point is 0.3536 from the line.
    >>> bool(separate(corners, [0, 1, 1, 0]))
    False
    """
    points = array("separate", "x", x)
    if points.ndim != 2 or not points.size or points.dtype.kind not in "biuf":
        raise ShapeError(
            f"separate: `x` has shape {points.shape} and dtype {points.dtype}; it must be real"
            " numbers (N, I)."
        )
    points = points.astype(np.float64)
    if not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(1))[0])
        raise InvalidArgument(f"separate: `x[{row}]` (={points[row].tolist()}) must be finite.")
    side = signs("separate", y, len(points))
    program = columns_of(points, side)
    answer = _rounded(points, side) if program is None else _exact(points, side, *program)
    if answer is None:
        raise SloyError(
            "separate: the classes are so near to touching that no weights in float64 tell them apart for sure."
        )
    return answer


def signs(where: str, y: Any, count: int) -> np.ndarray:
    """Answers 0 and 1, or -1 and 1, as ±1 int (N,)."""
    given = array(where, "y", y)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.shape != (count,):
        raise ShapeError(f"{where}: `y` has shape {given.shape}; it must be ({count},), as x has.")
    for low in (0, -1):
        if np.isin(given, (low, 1)).all():
            return np.where(given == 1, 1, -1)
    strange = given[~np.isin(given, (-1, 0, 1))]
    value = f"the value {strange[0]}" if len(strange) else "-1, 0 and 1 together"
    raise InvalidArgument(f"{where}: `y` holds {value}; it must be all 0 and 1, or all -1 and 1.")


# --- exactly --------------------------------------------------------------------------------------


def _exact(
    points: np.ndarray,
    side: np.ndarray,
    columns: np.ndarray,
    cost: list[int],
    scale: list[Fraction],
) -> Separation | None:
    """In rational numbers; None where the weights, rounded to float64, would not do."""
    w, mixture = separating_line(columns, cost)
    if w is None:
        assert mixture is not None
        return _exact_mixture(points, side, mixture)
    slopes = [v * s for v, s in zip(w, scale, strict=False)]
    corners = zip(points.min(0).tolist(), points.max(0).tolist(), strict=True)
    centre = [(Fraction(low) + Fraction(high)) / 2 for low, high in corners]
    try:
        weights = [float(v) for v in slopes]
        bias = float(w[-1] - sum(v * c for v, c in zip(slopes, centre, strict=True)))
    except OverflowError:
        return None
    rounded = [Fraction(v) for v in weights]
    sides = [
        int(s) * (Fraction(bias) + sum(v * Fraction(x) for v, x in zip(rounded, row, strict=True)))
        for s, row in zip(side, points.tolist(), strict=True)
    ]
    if min(sides) <= 0:
        return None
    length = math.hypot(*weights)
    margin = float(min(sides)) / length if length else math.inf
    return Separation(True, np.array(weights), bias, margin, None, None, True, points, side)


def _exact_mixture(
    points: np.ndarray, side: np.ndarray, mixture: dict[int, Fraction]
) -> Separation:
    whole = sum(share for i, share in mixture.items() if side[i] > 0)
    shares = {i: share / whole for i, share in mixture.items()}
    yes, no = (
        [
            sum(
                share * Fraction(float(points[i, j])) for i, share in shares.items() if side[i] == s
            )
            for j in range(points.shape[1])
        ]
        for s in (1, -1)
    )
    assert yes == no, "the mixtures are of one point"
    assert sum(share for i, share in shares.items() if side[i] < 0) == 1
    combination = np.zeros(len(points))
    for i, share in shares.items():
        combination[i] = float(share)
    common = np.array([float(v) for v in yes])
    return Separation(False, None, None, 0.0, combination, common, True, points, side)


# --- large problems -------------------------------------------------------------------------------


def _rounded(points: np.ndarray, side: np.ndarray) -> Separation | None:
    """In float64, by SciPy's linear programs; None where their answer is within the rounding."""
    low, high = points.min(0), points.max(0)
    centre, scale = (low + high) / 2, np.where(high > low, (high - low) / 2, 1.0)
    scaled = (points - centre) / scale
    found = _line(scaled, side)
    if found is None:
        return _checked_mixture(points, side, _mixture(scaled, side))
    w, b = found[:-1] / scale, found[-1]
    return _checked_line(points, side, w, float(b - w @ centre))


def _linear_program(*arguments: Any, **options: Any) -> Any:
    try:
        from scipy.optimize import linprog
    except ImportError as error:
        raise NotAvailable(
            "separate: linear programs as large as this one need SciPy: `pip install 'sloy[theory]'`."
        ) from error
    return linprog(*arguments, **options, method="highs")


def _line(points: np.ndarray, side: np.ndarray) -> np.ndarray | None:
    """w (I,) and b with s (w x + b) ≥ ½ and the least Σ|w|; None where there are none.

    Variables: w = p - q with p, q ≥ 0, and b = r - t, hardly weighed, so that it is determined too.
    """
    rows = side[:, None] * np.column_stack([points, np.ones(len(points))])
    cost = np.append(np.ones(points.shape[1]), 1e-3)
    done = _linear_program(
        np.concatenate([cost, cost]),
        A_ub=-np.concatenate([rows, -rows], axis=1),
        b_ub=np.full(len(points), -0.5),
    )
    if done.status == 0:
        positive, negative = np.split(done.x, 2)
        return positive - negative
    return None


def _mixture(points: np.ndarray, side: np.ndarray) -> np.ndarray:
    """λ ≥ 0 (N,) with Σ λ = 1 in each class and Σ s λ x = 0."""
    conditions = np.vstack([(side[:, None] * points).T, side > 0, side < 0]).astype(np.float64)
    right = np.append(np.zeros(points.shape[1]), [1.0, 1.0])
    done = _linear_program(np.zeros(len(points)), A_eq=conditions, b_eq=right)
    return np.zeros(len(points)) if done.x is None else np.maximum(done.x, 0.0)


def _checked_line(
    points: np.ndarray, side: np.ndarray, weights: np.ndarray, bias: float
) -> Separation | None:
    sides = side * (points @ weights + bias)
    rounding = 8 * len(weights) * np.finfo(float).eps * (abs(points) @ abs(weights) + abs(bias))
    if not (sides > rounding).all():
        return None
    length = np.linalg.norm(weights)
    margin = float(sides.min() / length) if length else float("inf")
    return Separation(True, weights, bias, margin, None, None, False, points, side)


def _checked_mixture(
    points: np.ndarray, side: np.ndarray, combination: np.ndarray
) -> Separation | None:
    share = np.where(combination > 1e-12, combination, 0.0)
    for s in (1, -1):
        share[side == s] /= max(share[side == s].sum(), 1e-300)
    yes, no = (share[side == s] @ points[side == s] for s in (1, -1))
    if not share.any() or not (abs(yes - no) <= 1e-9 * np.ptp(points, axis=0)).all():
        return None
    return Separation(False, None, None, 0.0, share, (yes + no) / 2, False, points, side)


def _point(values: np.ndarray) -> str:
    return f"({', '.join(fraction_text(float(v)) for v in values)})"
