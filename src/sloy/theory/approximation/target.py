"""What is to be approximated: a function on an interval or a rectangle, asked only here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np

from sloy.errors import InvalidArgument
from sloy.text import shown

WHERE = "approximate"
FIRST = 257  # samples of an interval to begin with
MOST = 1 << 14  # samples of an interval
FINER = 10  # the grid of the measurement against that of the construction
WORST, CLOSER = 64, 16  # places that are looked at again, and how much closer

Intervals = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Target:
    """A function f of one or two variables on a bounded domain.

    Attributes
    ----------
    function : callable
        ``f(x)`` or ``f(x, y)`` of arrays, or of numbers.
    domain : tuple of (low, high), one for each variable
    """

    function: Callable[..., Any]
    domain: Intervals

    @classmethod
    def of(cls, function: object, domain: object) -> Target:
        """Checked: a callable on (a, b), or on ((a, b), (c, d))."""
        if not callable(function):
            raise InvalidArgument(f"{WHERE}: `f` (={shown(function)}) must be a function.")
        intervals: Any = domain
        if _is_pair(domain) and all(isinstance(v, Real) for v in domain):  # type: ignore[attr-defined]
            intervals = (domain,)
        good = (
            isinstance(intervals, list | tuple)
            and len(intervals) in (1, 2)
            and all(_is_interval(interval) for interval in intervals)
        )
        if not good:
            raise InvalidArgument(
                f"{WHERE}: `domain` (={shown(domain)}) must be bounded: an interval (a, b) with a < b, or"
                " a rectangle ((a, b), (c, d))."
            )
        return cls(function, tuple((float(a), float(b)) for a, b in intervals))

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The values at points (N, d): float64 (N,).

        Raises
        ------
        InvalidArgument
            Where a value is no finite number; the message names the point.
        """
        columns = list(np.asarray(points, np.float64).T)
        with np.errstate(all="ignore"):
            try:
                values = np.asarray(self.function(*columns))
            except (TypeError, ValueError):  # a function of numbers, such as math.sin
                values = np.empty(0)
            if values.shape != columns[0].shape:
                values = self._one_by_one(columns)
        if values.shape != columns[0].shape or values.dtype.kind not in "biuf":
            raise InvalidArgument(
                f"{WHERE}: `f` gives {values.dtype} of shape {values.shape} for"
                f" {len(points)} points; it must give one real number for each."
            )
        values = values.astype(np.float64)
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            where = ", ".join(f"{column[row]:.6g}" for column in columns)
            raise InvalidArgument(
                f"{WHERE}: `f` is {values[row]} at ({where}); it must be finite on the whole domain."
            )
        return values

    def _one_by_one(self, columns: list[np.ndarray]) -> np.ndarray:
        """The values of a function of numbers, for each point by itself."""
        rows = zip(*columns, strict=True)
        try:
            return np.array([self.function(*map(float, row)) for row in rows])
        except TypeError as error:
            called = "f(x)" if len(columns) == 1 else "f(x, y)"
            raise InvalidArgument(
                f"{WHERE}: `f` cannot be called as {called}, with {'a number' if len(columns) == 1 else 'two numbers'}:"
                f" {error}."
            ) from None

    def samples(self, tolerance: float, first: int = FIRST) -> tuple[np.ndarray, np.ndarray]:
        """Points of an interval, so dense that f between neighbours is a straight line within a 32nd of a
        tolerance, as far as the middles show: x and f(x), each (S,).

        This is the modulus of continuity of f, found by halving intervals, with at most `MOST` points; where these do
        not do, the measurement of what is built on them will tell.

        Raises
        ------
        InvalidArgument
            Where f jumps.
        """
        low, high = self.domain[0]
        x = np.linspace(low, high, first)
        y = self(x[:, None])
        left = np.arange(first - 1)  # intervals not yet looked at
        while len(left) and len(x) < MOST:
            middle = (x[left] + x[left + 1]) / 2
            value = self(middle[:, None])
            bent = np.abs(value - (y[left] + y[left + 1]) / 2) > tolerance / 32
            narrow = (middle <= x[left]) | (middle >= x[left + 1])
            self._check_jump(x, y, left[bent & narrow], tolerance)
            bent &= ~narrow
            at = left[bent] + 1
            x, y = np.insert(x, at, middle[bent]), np.insert(y, at, value[bent])
            middles = at + np.arange(len(at))
            left = np.sort(np.concatenate([middles - 1, middles]))
        return x, y

    def _check_jump(self, x: np.ndarray, y: np.ndarray, at: np.ndarray, tolerance: float) -> None:
        """Neighbours with no number between them must not be apart by more than the tolerance."""
        rises = np.abs(y[at + 1] - y[at])
        if not (rises > tolerance).any():
            return
        worst = int(at[rises.argmax()])
        where = 0.0 if abs(x[worst]) < 1e-9 * (x[-1] - x[0]) else x[worst]
        raise InvalidArgument(
            f"{WHERE}: `f` jumps by {rises.max():.3g} at {where:.6g}; only continuous functions can"
            f" be approximated within {tolerance:g}."
        )


def grid(domain: Intervals, points: int) -> np.ndarray:
    """An even grid with so many points along each axis: float64 (points^d, d)."""
    axes = [np.linspace(low, high, points) for low, high in domain]
    return np.stack([m.ravel() for m in np.meshgrid(*axes, indexing="ij")], axis=1)


def finer(x: np.ndarray, times: int = FINER) -> np.ndarray:
    """Each interval between neighbours cut into so many: (times (S - 1) + 1,)."""
    parts = x[:-1, None] + np.diff(x)[:, None] * (np.arange(times) / times)
    return np.append(parts.ravel(), x[-1])


def nearby(points: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Points between those of the greatest errors and their neighbours, for a second look: (Q, d).

    Parameters
    ----------
    points : array, shape (P, d)
        Any of an interval, or an even grid of a rectangle.
    errors : array, shape (P,)
    """
    worst = np.argsort(errors)[-WORST:]
    if points.shape[1] == 1:
        x = np.sort(points[:, 0])
        at = np.searchsorted(x, points[worst, 0])
        sides = [(np.maximum(at - 1, 0), at), (at, np.minimum(at + 1, len(x) - 1))]
        parts = np.arange(CLOSER) / CLOSER
        found = [x[a][:, None] + (x[b] - x[a])[:, None] * parts for a, b in sides]
        return np.concatenate(found).reshape(-1, 1)  # (2 · WORST · CLOSER, 1)
    spacing = np.ptp(points, axis=0) / (np.sqrt(len(points)) - 1)
    patch = grid(((-1.0, 1.0), (-1.0, 1.0)), CLOSER + 1) * spacing
    around = (points[worst, None] + patch).reshape(-1, 2)
    return np.clip(around, points.min(0), points.max(0))


def _is_pair(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2


def _is_interval(value: Any) -> bool:
    if not _is_pair(value) or not all(isinstance(v, Real) and isfinite(v) for v in value):
        return False
    low, high = map(float, value)
    return low < high and isfinite(high - low)
