"""The fewest columns of a matrix of 0 and 1 such that each row has one: set covering (L4).

By branch and bound in plain Python, which does for the tables that one writes down; what it has not finished after a
number of steps goes to SciPy's integer program, where there is one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from math import ceil

import numpy as np

STEPS = 4000  # of branch and bound, before SciPy is asked


def fewest_columns(matrix: np.ndarray, seconds: float) -> tuple[list[int], int]:
    """Columns that cover all rows, and a number that no cover is smaller than.

    Parameters
    ----------
    matrix : bool array, shape (rows, columns)
        With a True in each row.
    seconds : float
        When to stop; the two are then apart.

    Returns
    -------
    (columns, least)
        Of ``len(columns) == least`` the fewest, proved.
    """
    search = _Search(matrix, time.monotonic() + seconds)
    if search.run(STEPS):
        return search.best, len(search.best)
    found = _integer_program(matrix, seconds)
    if found is None:
        finished = search.run()
        return search.best, len(search.best) if finished else search.least
    columns, least = found
    best = columns if 0 < len(columns) <= len(search.best) else search.best
    return best, min(len(best), max(least, search.least))


@dataclass
class _Search:
    """Depth first: for the row with the fewest columns, each of them in turn; then without it.

    Rows and columns are bits of whole numbers.
    """

    matrix: np.ndarray
    until: float
    best: list[int] = field(init=False)
    least: int = field(init=False)

    def __post_init__(self) -> None:
        self.of_row = [_bits(row) for row in self.matrix]
        self.of_column = [_bits(column) for column in self.matrix.T]
        nodes = (1 << len(self.of_row)) - 1, (1 << len(self.of_column)) - 1
        self.best = _greedy(self.matrix)
        self.least = self._apart(*nodes)[0]
        self.open: list[tuple[int, int, list[int]]] = [(*nodes, [])]

    def run(self, steps: int | None = None) -> bool:
        """Whether all was searched; it may be called again to go on."""
        done = 0
        while self.open and len(self.best) > self.least:
            if done == steps or (done % 64 == 0 and time.monotonic() > self.until):
                return False
            done += 1
            self._step(*self.open.pop())
        return True

    def _step(self, rows: int, columns: int, taken: list[int]) -> None:
        if not rows:
            if len(taken) < len(self.best):
                self.best = taken
            return
        needed, narrow = self._apart(rows, columns)
        if len(taken) + needed >= len(self.best):
            return
        following = []
        choices = _numbers(narrow)
        choices.sort(key=lambda c: (-(self.of_column[c] & rows).bit_count(), c))
        for column in choices:
            following.append((rows & ~self.of_column[column], columns, [*taken, column]))
            columns &= ~(1 << column)
        self.open += reversed(following)  # the one that covers most is looked at first

    def _apart(self, rows: int, columns: int) -> tuple[int, int]:
        """A number of rows no two of which share a column, each of which needs one of its own; and the columns
        of the row that has the fewest. A row without any makes the number too large.
        """
        each = sorted(((self.of_row[row] & columns) for row in _numbers(rows)), key=int.bit_count)
        if not each[0]:
            return len(self.of_row) + 1, 0
        met, count = 0, 0
        for row in each:
            if not row & met:
                met |= row
                count += 1
        return count, each[0]


def _greedy(matrix: np.ndarray) -> list[int]:
    """A cover by whatever column covers most of what is left."""
    left, taken = np.ones(len(matrix), bool), []
    gain = matrix.sum(0)
    while left.any():
        taken.append(int(gain.argmax()))
        covered = left & matrix[:, taken[-1]]
        left &= ~covered
        gain = gain - matrix[covered].sum(0)
    return taken


def _integer_program(matrix: np.ndarray, seconds: float) -> tuple[list[int], int] | None:
    """The same by SciPy, the columns empty where it found none in time; None without SciPy."""
    try:
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_array
    except ImportError:
        return None
    count = matrix.shape[1]
    done = milp(
        np.ones(count),
        integrality=np.ones(count),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(csr_array(matrix.astype(np.float64)), 1, np.inf),
        options={"time_limit": seconds},
    )
    columns = [] if done.x is None else np.flatnonzero(np.round(done.x)).tolist()
    assert not columns or matrix[:, columns].any(1).all(), (
        "the integer program left a row uncovered"
    )
    bound = 0.0 if done.mip_dual_bound is None else done.mip_dual_bound
    return columns, ceil(bound - 1e-6)


def _bits(values: np.ndarray) -> int:
    return int.from_bytes(np.packbits(values, bitorder="little").tobytes(), "little")


def _numbers(bits: int) -> list[int]:
    """The places of the ones."""
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return found
