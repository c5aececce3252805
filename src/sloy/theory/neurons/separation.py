"""Can one neuron do it? A linear program answers, with a proof either way (L1, L3)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from sloy.arguments import array
from sloy.errors import InvalidArgument, NotAvailable, ShapeError, SloyError
from sloy.theory.notation import fraction_text, input_names, linear_text

__all__ = ["Separation", "separate"]

SIMPLE = 10_000  # denominators of what a linear program gives are looked for up to this


@dataclass(frozen=True, eq=False)
class Separation:
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
        Whether the proof was checked in rational numbers; else in float64, beyond its rounding.
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
                return f"Linearly separable: all points are of one class, {line} > 0 does."
            return (
                f"Linearly separable: {line} > 0 tells the classes apart; the nearest point is"
                f" {self.margin:.4g} from the line."
            )
        assert self.combination is not None
        assert self.common is not None
        yes, no = (self._mixture(side) for side in (1, -1))
        return (
            f"Not linearly separable: {yes} = {_point(self.common)} = {no}; the left is a mixture of"
            " points of one class, the right of the other, so no line has them on different sides."
        )

    def _mixture(self, side: int) -> str:
        assert self.combination is not None
        used = np.flatnonzero((self.side == side) & (self.combination > 0))
        terms = [f"{fraction_text(self.combination[i])} {_point(self.points[i])}" for i in used]
        return " + ".join(terms if len(terms) <= 6 else [*terms[:5], f"… ({len(terms)} points)"])


def separate(x: Any, y: Any) -> Separation:
    """Whether one threshold neuron can tell two classes of points apart.

    Separable: the linear program min Σ_j |w_j| with s_i (b + Σ_j w_j x_ij) ≥ ½ has a solution. Else the
    convex hulls of the classes meet, and a second program finds a common point. Either answer is checked
    by calculation, in rational numbers where they are simple, before it is given.

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
        Without SciPy (``pip install 'sloy[theory]'``).
    SloyError
        Where the classes are so nearly touching that float64 cannot decide.

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
    low, high = points.min(0), points.max(0)
    centre, scale = (low + high) / 2, np.where(high > low, (high - low) / 2, 1.0)
    scaled = (points - centre) / scale
    found = _line(scaled, side)
    if found is not None:
        w, b = found[:-1] / scale, found[-1]
        answer = _checked_line(points, side, w, float(b - w @ centre))
    else:
        answer = _checked_mixture(points, side, _mixture(scaled, side))
    if answer is None:
        raise SloyError(
            "separate: the classes are so near to touching that a linear program in float64 cannot"
            " tell whether they do."
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


def optimizers() -> Any:
    """SciPy's module of linear and integer programs."""
    try:
        import scipy.optimize
    except ImportError as error:
        raise NotAvailable("linear programs need SciPy: `pip install 'sloy[theory]'`.") from error
    return scipy.optimize


def _line(points: np.ndarray, side: np.ndarray) -> np.ndarray | None:
    """w (I,) and b with s (w x + b) ≥ ½ and the least Σ|w|; None where there are none.

    Variables: w = p - q with p, q ≥ 0, and b = r - t, hardly weighed, so that it is determined too.
    """
    rows = side[:, None] * np.column_stack([points, np.ones(len(points))])
    cost = np.append(np.ones(points.shape[1]), 1e-3)
    done = optimizers().linprog(
        np.concatenate([cost, cost]),
        A_ub=-np.concatenate([rows, -rows], axis=1),
        b_ub=np.full(len(points), -0.5),
        method="highs",
    )
    if done.status == 0:
        positive, negative = np.split(done.x, 2)
        return positive - negative
    return None


def _mixture(points: np.ndarray, side: np.ndarray) -> np.ndarray:
    """λ ≥ 0 (N,) with Σ λ = 1 in each class and Σ s λ x = 0."""
    conditions = np.vstack([(side[:, None] * points).T, side > 0, side < 0]).astype(np.float64)
    right = np.append(np.zeros(points.shape[1]), [1.0, 1.0])
    program = optimizers().linprog
    done = program(np.zeros(len(points)), A_eq=conditions, b_eq=right, method="highs")
    return np.zeros(len(points)) if done.x is None else np.maximum(done.x, 0.0)


def _checked_line(
    points: np.ndarray, side: np.ndarray, weights: np.ndarray, bias: float
) -> Separation | None:
    simple = [_simple(v) for v in (*weights, bias)]
    exact = _is_simple(points) and all(v is not None for v in simple)
    if exact:
        weights, bias = np.array([float(v) for v in simple[:-1]]), float(simple[-1])  # type: ignore[arg-type]
    sides = side * (points @ weights + bias)
    rounding = 8 * len(weights) * np.finfo(float).eps * (abs(points) @ abs(weights) + abs(bias))
    if not (sides > (0 if exact else rounding)).all():
        return None
    length = np.linalg.norm(weights)
    margin = float(sides.min() / length) if length else float("inf")
    return Separation(True, weights, bias, margin, None, None, exact, points, side)


def _checked_mixture(
    points: np.ndarray, side: np.ndarray, combination: np.ndarray
) -> Separation | None:
    used = np.flatnonzero(combination > 1e-12)
    if not len(used):
        return None
    share = np.zeros_like(combination)
    share[used] = combination[used]
    for s in (1, -1):
        share[side == s] /= max(share[side == s].sum(), 1e-300)
    simple = [_simple(share[i]) for i in used]
    exact = _is_simple(points) and _coincide(points[used], side[used], simple)
    yes, no = (share[side == s] @ points[side == s] for s in (1, -1))
    if exact:
        share[used] = [float(v) for v in simple]  # type: ignore[arg-type]
    extent = np.ptp(points, axis=0)
    if not exact and not (abs(yes - no) <= 1e-9 * extent).all():
        return None
    return Separation(False, None, None, 0.0, share, (yes + no) / 2, exact, points, side)


def _coincide(points: np.ndarray, side: np.ndarray, share: list[Fraction | None]) -> bool:
    """Whether the mixtures of the two classes are one point, in rational numbers."""
    if any(v is None for v in share):
        return False
    exact = [v for v in share if v is not None]
    whole = [sum(v for v, s in zip(exact, side, strict=True) if s == c) for c in (1, -1)]
    if whole != [1, 1]:
        return False
    return all(
        sum(v * int(s) * Fraction(float(p)) for v, s, p in zip(exact, side, column, strict=True))
        == 0
        for column in points.T
    )


def _simple(value: float) -> Fraction | None:
    """The fraction of a small denominator that a linear program meant, if there is one."""
    fraction = Fraction(float(value)).limit_denominator(SIMPLE)
    return fraction if abs(float(fraction) - value) <= 1e-9 * max(1.0, abs(value)) else None


def _is_simple(points: np.ndarray) -> bool:
    """Whether sums of these numbers times simple fractions are exact: small whole numbers."""
    return bool(np.array_equal(points, np.round(points)) and np.abs(points).max() <= SIMPLE)


def _point(values: np.ndarray) -> str:
    return f"({', '.join(fraction_text(float(v)) for v in values)})"
