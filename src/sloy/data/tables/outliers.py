"""Numbers that are far from all others of their column: a slip of the keyboard, 1e300 for "none"."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

MOST = 8  # such cells of a column, on each side; also the different numbers of an end, less one, that are kept
ALONE = 1000.0  # they are so many times as far from the middle as the next
FAR = 20.0  # a number so many times as far from the middle as the next is named
APART = 10.0  # a number that comes again is so many times as far from the others as they are apart
STEPS = 3.0  # a number of nines is apart where the next is so many times further than others are from theirs
UNKNOWN = -1  # the row of a number of which only the word is known
RARE = 0.03  # whole numbers are rare where they are less than this share
_NINES = [10.0**digits - 1 for digits in range(3, 10)]
End = tuple[
    float, int, int
]  # a number, the first row that has it or `UNKNOWN`, and how many have it
_SAMPLE = 64  # numbers of a block that the middle is taken from
_BLOCKS = 64


@dataclass
class Extremes:
    """The largest and the smallest numbers of a column, each once, and a sample of all."""

    rows: int = 0
    high: list[End] = field(default_factory=list)
    low: list[End] = field(default_factory=list)
    nines: Counter[float] = field(default_factory=Counter)  # -999, 9999 and their like
    whole: int = 0  # numbers without a fraction, in all
    count: int = 0
    sample: list[np.ndarray] = field(default_factory=list)

    def add(self, values: np.ndarray, *, known: bool = True) -> None:
        """Take the next rows, NaN where there is no number; or numbers of which nobody knows the rows."""
        there = np.flatnonzero(~np.isnan(values))
        if len(there):
            found = values[there]
            if len(self.sample) < _BLOCKS:
                self.sample.append(found[:: max(1, len(found) // _SAMPLE)].copy())
            whole = found[found == np.floor(found)]
            self.count += len(found)
            self.whole += len(whole)
            self.nines.update(whole[np.isin(np.abs(whole), _NINES)].tolist())
            rows = there + self.rows if known else np.full(len(there), UNKNOWN)
            self.high = self._best(self.high, found, rows, 1)
            self.low = self._best(self.low, found, rows, -1)
        self.rows += len(values) * known

    def _best(self, kept: list[End], found: np.ndarray, rows: np.ndarray, sign: int) -> list[End]:
        """The greatest numbers, or with −1 the least, of those kept and those found."""
        joined = {value: (row, count) for value, row, count in kept}
        if len(kept) > MOST:
            near = sign * found >= sign * kept[-1][0]
            found, rows = found[near], rows[near]
        for _ in range(MOST + 1):
            if not len(found):
                break
            value = float(found.max() if sign > 0 else found.min())
            same = found == value
            row, count = joined.get(value, (int(rows[int(np.argmax(same))]), 0))
            joined[value] = row, count + int(same.sum())
            found, rows = found[~same], rows[~same]
        best = sorted(joined.items(), key=lambda item: -sign * item[0])[: MOST + 1]
        return [(value, row, count) for value, (row, count) in best]

    def apart(self) -> list[tuple[End, float, float]]:
        """The ends that are further from all others than these are apart: the end, that distance, and theirs."""
        found = []
        for ends in (self.low, self.high):
            if len(ends) < 3:
                continue
            value = ends[0][0]
            others = np.concatenate([*self.sample, [v for v, _, _ in (*self.low, *self.high)]])
            others = others[np.isfinite(others) & (others != value)]
            if len(others) and np.isfinite(value):
                gap, spread = float(np.abs(others - value).min()), float(np.ptp(others))
                if gap > spread > 0:
                    found.append((ends[0], gap, spread))
        return found

    def sentinel(self, *, many: bool) -> tuple[float, int, str] | None:
        """A number that may stand for none, in how many cells, and why.

        It is of nines, comes again, or is very far: two of these; or the only one below 0; or of nines, and apart from
        the next ones, the only whole one, or more frequent than any other.

        Parameters
        ----------
        many : bool
            Whether the column has many different numbers.

        Examples
        --------
        >>> found = Extremes()
        >>> found.add(np.array([20.0, -999, 35, 41, -999, 28, -999]))
        >>> found.sentinel(many=False)
        (-999.0, 3, 'far from all others')
        """
        for (value, _, count), gap, spread in self.apart():
            nines = set(f"{abs(value):.15g}") <= {"9", "."}
            if (count > 1) + nines + (gap > APART * spread) > 1:
                return value, count, "far from all others"
        if many and len(self.low) > 1:
            (value, _, count), (following, _, _) = self.low[:2]
            if (count > 2 or value in self.nines) and value < 0 <= following:
                return value, count, "the only number below 0"
        return self._of_nines() if many else None

    def _of_nines(self) -> tuple[float, int, str] | None:
        """A number of nines within the others, which is unlike them."""
        sample = np.concatenate([*self.sample, np.zeros(0)])
        for value, count in self.nines.most_common():
            for ends in (self.low, self.high):
                gaps = np.abs(np.diff([end for end, _, _ in ends]))
                if ends[0][0] == value and len(gaps) > 2 and gaps[0] > STEPS * gaps[1:].max():
                    return value, count, "apart from all others"
            if self.whole - count < RARE * (self.count - count):
                return value, count, "the only whole number" + "s" * (count > 1)
            _, times = np.unique(sample[sample != value], return_counts=True)
            usual = max(times.max(initial=1) - 1, 0.2)  # of another number in the sample
            if count > 2 and count * len(sample) > 5 * self.count * usual:
                return value, count, "more frequent than any other number"
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
            away = np.array([abs(value - middle) for value, _, _ in ends])
            counts = np.cumsum([count for _, _, count in ends])
            few = int((counts <= MOST).sum())  # so many different numbers may be slips
            last = _beyond(away[: few + 1], ALONE)
            if last and counts[-1] > MOST:
                far += [(value, row) for value, row, _ in ends[:last]]
                limits[side] = ends[last][0]
        return (far, (limits[0], limits[1])) if far else None


def _beyond(away: np.ndarray, times: float) -> int:
    """How many numbers are far from all others, by their falling distances from the middle (n,).

    The last of them is so many times as far as the next.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        jumps = np.flatnonzero((away[:-1] > times * away[1:]) & (away[1:] > 0))
    return int(jumps[-1]) + 1 if len(jumps) else 0


def farthest(values: np.ndarray) -> tuple[int, float] | None:
    """The row of a number far from all others, and how many times as far from the middle it is as the next.

    Examples
    --------
    >>> farthest(np.append(np.linspace(0, 10, 50), 5005.0))
    (50, 979.98)
    """
    finite = values[np.isfinite(values)]
    if len(finite) < FAR:
        return None
    with np.errstate(over="ignore"):
        away = abs(values - np.median(finite))
    largest = np.sort(np.partition(away[np.isfinite(values)], -2)[-2:])[::-1]
    if not _beyond(largest, FAR):
        return None
    return int(np.nanargmax(away)), float(largest[0] / largest[1])
