"""Two-layer networks with a hidden layer laid out by rule and an output layer found by least squares (L5).

The hidden units are ridge functions σ(w · x + b), smooth steps or ramps that overlap their neighbours: along the one
axis, or along evenly spaced directions of the plane. Sums over J directions hold every polynomial of degree
below J [1]_, so what they cannot reach shrinks as J grows.

References
----------
.. [1] B. Logan, L. Shepp, "Optimal reconstruction of a function from its projections", Duke Math. J. 42 (1975) 645-659.
.. [2] A. Pinkus, "Approximation theory of the MLP model in neural networks", Acta Numerica 8 (1999) 143-195.
"""

from __future__ import annotations

import numpy as np

from sloy.theory.approximation.asymptotes import Asymptotes
from sloy.theory.approximation.construction import Hidden
from sloy.theory.approximation.target import Intervals

OVERLAP = (
    1.5  # steepness times spacing, of the logistic σ: of 1.5, 2, 2.5 the least errors for smooth f
)
OUTSIDE = (
    1  # smooth steps beyond each end of an interval, so that what is missing there is not felt
)
MANY = 10  # units, for this
RIDGE = 1e-11  # of the mean square of the hidden units, added to the normal equations
ROUNDS = 10  # of reweighting


def plane_layout(
    domain: Intervals, directions: int, along: int, turn: float, sigma: Asymptotes
) -> tuple[np.ndarray, np.ndarray]:
    """J directions of the plane, turned by a part of the angle between them, and n parallel units along each:
    weights (2, J n) and biases (J n,).
    """
    low, high = np.array(domain).T
    centre, half = (low + high) / 2, (high - low) / 2
    angles = np.pi * (np.arange(directions) + 0.5 + turn) / directions
    unit = np.stack([np.cos(angles), np.sin(angles)])  # (2, J), on the rectangle scaled to [-1, 1]²
    extent = np.abs(unit).sum(0)  # how far the square reaches along each
    spacing = 2 * extent / max(along - 1, 1)
    offsets = (np.arange(along) - (along - 1) / 2) * spacing[:, None]  # (J, n)
    if not sigma.is_step:  # a ramp at the far end would never rise
        offsets = offsets - spacing[:, None] / 2
    steepness = _steepness(spacing, sigma)
    weight = np.repeat(unit * steepness, along, axis=1) / half[:, None]
    bias = -(offsets * steepness[:, None]).ravel() - centre @ weight
    return weight, bias


def line_layout(
    x: np.ndarray, y: np.ndarray, units: int, sigma: Asymptotes
) -> tuple[np.ndarray, np.ndarray]:
    """Units of one variable, dense where the polyline bends: weights (1, H) and biases (H,).

    The spacing h at a place is such that h times the change of slope within ±h is the same everywhere: h ∝ 1/√|f″|
    where f is smooth, and shrinking geometrically towards a kink.
    """
    slopes = np.diff(y) / np.diff(x)
    change = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(slopes)))])  # of slope, up to x[1:]
    inner = x[1:-1]
    length = x[-1] - x[0]
    places = np.unique(np.concatenate([np.linspace(x[0], x[-1], 1001), x]))
    outside = OUTSIDE if sigma.is_step and units >= MANY else 0
    inside = max(2, units - 2 * outside)
    small, large = 1e-12, float(np.ptp(y)) + 1e-12
    knots = np.linspace(x[0], x[-1], units)
    for _ in range(14):
        level = np.sqrt(small * large)
        h = _spacing(places, inner, change, level, length)
        density = np.concatenate([[0.0], np.cumsum(np.diff(places) * (1 / h[1:] + 1 / h[:-1]) / 2)])
        if density[-1] > inside - 1:
            small = level
        else:
            large = level
        knots = np.interp(np.linspace(0, density[-1], inside), density, places)
    spacing = np.gradient(knots)
    beyond = np.arange(1, outside + 1)
    knots = np.concatenate(
        [knots[0] - beyond[::-1] * spacing[0], knots, knots[-1] + beyond * spacing[-1]]
    )
    spacing = np.pad(spacing, outside, mode="edge")
    steepness = _steepness(spacing, sigma)
    return steepness[None], -steepness * knots


def solve(
    weight: np.ndarray, bias: np.ndarray, sigma: Asymptotes, points: np.ndarray, values: np.ndarray
) -> Hidden:
    """The output layer that comes near to the least maximal error at some points.

    Weighted least squares, the weights of the points multiplied by their errors in each round (Lawson).

    Parameters
    ----------
    weight, bias : array, shapes (d, H) and (H,)
        Of the hidden layer.
    points, values : array, shapes (N, d) and (N,)

    References
    ----------
    .. [1] C. L. Lawson, "Contributions to the theory of linear least maximum approximation", Ph.D. thesis, UCLA, 1961.
    """
    columns = np.column_stack([sigma(points @ weight + bias), np.ones(len(points))])
    scale = np.sqrt((columns**2).mean(0))
    columns = columns / np.where(scale > 0, scale, 1.0)
    shares = np.full(len(points), 1 / len(points))
    best, least = np.zeros(columns.shape[1]), np.inf
    for _ in range(ROUNDS):
        root = np.sqrt(shares)
        weighted = columns * root[:, None]
        normal = weighted.T @ weighted  # of one array with itself: BLAS does half the work
        normal[np.diag_indices_from(normal)] += RIDGE * np.trace(normal) / len(normal)
        found = np.linalg.solve(normal, weighted.T @ (root * values))
        errors = np.abs(columns @ found - values)
        if errors.max() < least:
            best, least = found, float(errors.max())
        shares = shares * (errors + 1e-3 * errors.max() + 1e-300)
        shares /= shares.sum()
    best = best / np.where(scale > 0, scale, 1.0)
    return Hidden(weight, bias, best[:-1], float(best[-1]))


def _steepness(spacing: np.ndarray, sigma: Asymptotes) -> np.ndarray:
    """Such that neighbouring units overlap: a sharp step or ramp has no steepness to choose."""
    if sigma.is_step:
        return OVERLAP * (sigma.reach / 4.6 if sigma.reach else 1.0) / spacing
    return 1.0 / spacing


def _spacing(
    places: np.ndarray, inner: np.ndarray, change: np.ndarray, level: float, length: float
) -> np.ndarray:
    """The largest h ≤ length / 2 with h · (change of slope within ±h) ≤ level: (P,)."""
    low, high = np.full(len(places), 1e-9 * length), np.full(len(places), length / 2)
    for _ in range(18):
        h = np.sqrt(low * high)
        after = change[np.searchsorted(inner, places + h, side="right")]
        before = change[np.searchsorted(inner, places - h, side="left")]
        fits = h * (after - before) <= level
        low, high = np.where(fits, h, low), np.where(fits, high, h)
    return low
