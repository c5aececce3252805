"""Numbers that are far from all others of their column: a slip of the keyboard, 1e300 for "none"."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

MOST = 8  # such cells of a column, on each side
ALONE = 1000.0  # they are so many times as far from the middle as the next
SENTINELS = (99.0, 999.0, 9999.0, 99999.0, 999999.0, 9999999.0)
_SAMPLE = 64  # numbers of a block that the middle is taken from
_BLOCKS = 64


@dataclass
class Extremes:
    """The largest and the smallest numbers of a column, with their rows, and a sample of all."""

    rows: int = 0
    high: list[tuple[float, int]] = field(default_factory=list)
    low: list[tuple[float, int]] = field(default_factory=list)
    sample: list[np.ndarray] = field(default_factory=list)

    def add(self, values: np.ndarray) -> None:
        """Take the next rows, NaN where there is no number."""
        there = np.flatnonzero(~np.isnan(values))
        if len(there):
            found = values[there]
            if len(self.sample) < _BLOCKS:
                self.sample.append(found[:: max(1, len(found) // _SAMPLE)].copy())
            self.high = self._best(self.high, found, there, largest=True)
            self.low = self._best(self.low, found, there, largest=False)
        self.rows += len(values)

    def _best(
        self, kept: list[tuple[float, int]], found: np.ndarray, there: np.ndarray, *, largest: bool
    ) -> list[tuple[float, int]]:
        count = min(MOST + 1, len(found))
        key = -found if largest else found
        best = np.argpartition(key, count - 1)[:count]
        joined = kept + [(float(found[i]), self.rows + int(there[i])) for i in best]
        return sorted(joined, key=lambda item: -item[0] if largest else item[0])[: MOST + 1]

    def sentinel(self) -> float | None:
        """A number of nines, such as -999, that comes again at an end, further from all others than they are apart.

        Examples
        --------
        >>> found = Extremes()
        >>> found.add(np.array([20.0, -999, 35, 41, -999, 28, -999]))
        >>> found.sentinel()
        -999.0
        """
        for ends in (self.low, self.high):
            if len(ends) < 2 or (value := ends[0][0]) != ends[1][0] or abs(value) not in SENTINELS:
                continue
            others = np.concatenate(self.sample)
            others = np.append(others[others != value], [v for v, _ in ends if v != value])
            if len(others) > 1:
                gap = float(np.abs(others - value).min())
                if gap > float(np.ptp(others)) > 0:
                    return value
        return None

    def alone(self) -> tuple[list[tuple[float, int]], tuple[float, float]] | None:
        """The numbers far from all others with their rows, and the limits of the others; None where there are none."""
        if not self.high:
            return None
        with np.errstate(over="ignore"):
            middle = float(np.median(np.concatenate(self.sample)))
        far: list[tuple[float, int]] = []
        limits = [self.low[0][0], self.high[0][0]]
        for side, ends in ((1, self.high), (0, self.low)):
            away = np.array([abs(value - middle) for value, _ in ends])
            with np.errstate(over="ignore", invalid="ignore"):
                jumps = np.flatnonzero(away[:-1] > ALONE * away[1:])
            jumps = jumps[away[jumps + 1] > 0]
            if len(jumps) and len(ends) > MOST:
                count = int(jumps[-1]) + 1
                far += ends[:count]
                limits[side] = ends[count][0]
        return (far, (limits[0], limits[1])) if far else None
