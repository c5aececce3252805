"""What was not as in training, while rows of a table were read."""

from __future__ import annotations

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
        Column → (number of cells, some of their values): categories that training did not have; words where numbers or
        dates were.
    unsigned : mapping
        Column → the same: numbers without the percent sign that training had.
    missing : mapping
        Column → number of empty cells, of columns that had none in training.
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
    missing: dict[str, int] = field(default_factory=dict)
    far: dict[str, tuple[int, list[str], tuple[float, float]]] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    rows: int = 0

    def add(self, kind: str, name: str, found: pl.Series) -> None:
        """Note the cells of a column that were `unseen`, `unreadable` or `unsigned`."""
        if not len(found):
            return
        kept: dict[str, tuple[int, list[str]]] = getattr(self, kind)
        count, shown = kept.get(name, (0, []))
        new = [
            v for v in found.unique(maintain_order=True).head(EXAMPLES).to_list() if v not in shown
        ]
        kept[name] = (count + len(found), (shown + new)[:EXAMPLES])

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
            f" ({', '.join(map(repr, shown))}{', …' if count > len(shown) else ''}), taken as none of the known"
            for name, (count, shown) in self.unseen.items()
        ]
        said += [
            f"column `{name}`: {many(count, 'cell')} that cannot be read"
            f" ({', '.join(map(repr, shown))}{', …' if count > len(shown) else ''}), taken as missing"
            for name, (count, shown) in self.unreadable.items()
        ]
        said += [
            f"column `{name}`: {many(count, 'cell')} without the percent sign that training had"
            f" ({', '.join(map(repr, shown))}{', …' if count > len(shown) else ''}), taken as percents: 0.4 is 0.4 %"
            for name, (count, shown) in self.unsigned.items()
        ]
        said += [
            f"column `{name}`: {many(count, 'cell')} without a value, which training did not have; the mean, or no"
            " category, stands there"
            for name, count in self.missing.items()
        ]
        said += [
            f"column `{name}`: {', '.join(shown)}{', …' if count > len(shown) else ''}: far from all that training had"
            f" ({number(low)} to {number(high)}), taken as the nearest of them"
            for name, (count, shown, (low, high)) in self.far.items()
        ]
        if self.unused:
            more = f" and {len(self.unused) - 8} more" if len(self.unused) > 8 else ""
            said.append(f"columns that the model does not take: {', '.join(self.unused[:8])}{more}")
        return said
