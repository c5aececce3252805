"""What was not as in training, while rows of a table were read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sloy.text import many, number

if TYPE_CHECKING:
    import polars as pl

EXAMPLES = 3  # values that a remark names


@dataclass
class Remarks:
    """What was not as in training, while rows were read.

    Attributes
    ----------
    unseen, unreadable : mapping
        Column → (number of cells, some of their values with the first row of each): categories that training did not
        have; words where numbers or dates were.
    unsigned : mapping
        Column → the same: numbers without the percent sign that training had.
    missing : mapping
        Column → (number of cells, the first of their rows): empty ones, of columns that had none in training.
    empty : (int, list of int)
        Number, and the first, of the rows that have no value at all.
    far : mapping
        Column → (number of cells, some of them with their rows, the range of the training rows): numbers far from all
        that training had.
    unused : list of str
        Columns that the model does not take.
    rows : int
        Rows that were read before.
    """

    unseen: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    unreadable: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    unsigned: dict[str, tuple[int, list[str]]] = field(default_factory=dict)
    missing: dict[str, tuple[int, list[int]]] = field(default_factory=dict)
    empty: tuple[int, list[int]] = (0, [])
    far: dict[str, tuple[int, list[str], tuple[float, float]]] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    rows: int = 0

    def add(self, kind: str, name: str, cells: pl.Series, rows: np.ndarray) -> None:
        """Note the cells of a column, in these rows, that were `unseen`, `unreadable` or `unsigned`."""
        if not len(rows):
            return
        kept: dict[str, tuple[int, list[str]]] = getattr(self, kind)
        count, shown = kept.get(name, (0, []))
        known = {word.rpartition(" in row ")[0] for word in shown}
        found = cells.gather(rows)
        first = found.is_first_distinct().arg_true().head(2 * EXAMPLES).to_list()
        new = [
            f"{found[k]!r} in row {self.rows + int(rows[k]) + 1}"
            for k in first
            if repr(found[k]) not in known
        ]
        kept[name] = (count + len(rows), (shown + new)[:EXAMPLES])

    def add_gaps(self, name: str, cells: pl.Series, gaps: np.ndarray, *, expected: bool) -> None:
        """Note words, among the gaps, that are no number or date; and gaps that training did not have (`expected`)."""
        if not gaps.any():
            return
        there = np.asarray(cells.is_not_null().to_numpy())
        self.add("unreadable", name, cells, np.flatnonzero(gaps & there))
        if not expected:
            self.add_missing(name, np.flatnonzero(gaps & ~there))

    def add_missing(self, name: str, rows: np.ndarray) -> None:
        """Note the empty cells of a column that had none in training."""
        if len(rows):
            self.missing[name] = self._longer(self.missing.get(name, (0, [])), rows)

    def add_empty(self, rows: np.ndarray) -> None:
        """Note rows without any value."""
        self.empty = self._longer(self.empty, rows)

    def _longer(self, kept: tuple[int, list[int]], rows: np.ndarray) -> tuple[int, list[int]]:
        new = (rows[:EXAMPLES] + self.rows + 1).tolist()
        return kept[0] + len(rows), (kept[1] + new)[:EXAMPLES]

    def add_far(
        self, name: str, values: np.ndarray, rows: np.ndarray, span: tuple[float, float]
    ) -> None:
        """Note the numbers of a column, in these rows, that are far from the span of all that training had."""
        if not len(rows):
            return
        count, shown, _ = self.far.get(name, (0, [], span))
        new = [f"{values[row]:g} in row {self.rows + row + 1}" for row in rows[:EXAMPLES]]
        self.far[name] = (count + len(rows), (shown + new)[:EXAMPLES], span)

    def lines(self) -> list[str]:
        """One sentence for each column."""
        said = [
            f"column `{name}`: {many(count, 'cell')} with categories that training did not have"
            f" ({_listed(count, shown)}), taken as none of the known"
            for name, (count, shown) in self.unseen.items()
        ]
        said += [
            f"column `{name}`: {many(count, 'cell')} that cannot be read"
            f" ({_listed(count, shown)}), taken as missing"
            for name, (count, shown) in self.unreadable.items()
        ]
        said += [
            f"column `{name}`: {many(count, 'cell')} without the percent sign that training had"
            f" ({_listed(count, shown)}), taken as percents: 0.4 is 0.4 %"
            for name, (count, shown) in self.unsigned.items()
        ]
        said += [
            f"column `{name}`: {many(count, 'cell')} without a value ({_rows(count, rows)}), which training did not"
            " have; the mean, or no category, stands there"
            for name, (count, rows) in self.missing.items()
        ]
        if self.empty[0]:
            said.append(
                f"{many(self.empty[0], 'row')} without any value ({_rows(*self.empty)}): the answer there says nothing"
            )
        said += [
            f"column `{name}`: {_listed(count, shown)}: far from all that training had"
            f" ({number(low)} to {number(high)}), taken as the nearest of them"
            for name, (count, shown, (low, high)) in self.far.items()
        ]
        if self.unused:
            more = f" and {len(self.unused) - 8} more" if len(self.unused) > 8 else ""
            said.append(f"columns that the model does not take: {', '.join(self.unused[:8])}{more}")
        return said


def _listed(count: int, shown: Sequence[str]) -> str:
    return ", ".join(shown) + (", …" if count > len(shown) else "")


def _rows(count: int, rows: Sequence[int]) -> str:
    """Some numbers of rows: row 4; rows 4, 7, …"""
    return f"{'row' if count == 1 else 'rows'} {_listed(count, list(map(str, rows)))}"
