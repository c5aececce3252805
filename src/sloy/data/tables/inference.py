"""What each column of a table is, and its figures on the training rows, in one pass (rarely two).

A column is *numeric* while every value is a number, a *date* while one format of `values.DATES` reads every value, and
words otherwise: a *category* where they come again, *text* where most are met once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sloy.data.tables.columns import PARTS, Category, Column, Date, Numeric, date_parts
from sloy.data.tables.sources import Source
from sloy.data.tables.values import DATES, ISO, cells, is_strange, moments, numbers, polars, words
from sloy.errors import InvalidArgument

if TYPE_CHECKING:
    import polars as pl

MOST_WORDS = 1000  # categories of a column that are kept apart; rarer ones go together
TEXT_SHARE = 0.5  # a column of words with more different ones than this share of its cells is text
FEW_WORDS = 20  # … unless there are no more than this
_COMMAS = re.compile(r"[+-]?\d+(,\d+)+|[+-]?\d+(\.\d+)*,\d+|[+-]?\d+(,\d+)*\.\d+")
_DISTINCT = 200_000  # different words that are counted at most


@dataclass
class Moments:
    """Mean and deviation of numbers, added block by block [1]_.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance", Amer. Statist. 37
       (1983) 242-247, eq. 2.1.
    """

    count: int = 0
    mean: float = 0.0
    square: float = 0.0  # Σ (x − mean)²
    low: float = np.inf
    high: float = -np.inf

    def add(self, values: np.ndarray) -> None:
        """Add finite numbers (N,)."""
        if not len(values):
            return
        mean = float(values.mean())
        square = float(np.square(values - mean).sum())
        total = self.count + len(values)
        step = mean - self.mean
        self.mean += step * len(values) / total
        self.square += square + step * step * self.count * len(values) / total
        self.count = total
        self.low, self.high = (
            min(self.low, float(values.min())),
            max(self.high, float(values.max())),
        )

    @property
    def deviation(self) -> float:
        """√(Σ (x − mean)² / N); 0 where all numbers are one."""
        if self.count == 0 or self.low == self.high:
            return 0.0
        return float(np.sqrt(self.square / self.count))


@dataclass
class Seen:
    """What was seen of a column so far."""

    name: str
    forced: bool = False  # the user says it is a category
    cells: int = 0  # with a value
    gaps: int = 0  # of the training rows
    is_numeric: bool = True
    numeric: Moments = field(default_factory=Moments)
    steps: bool = True  # whether each number is the one before plus 1
    last: float | None = None
    dates: dict[str, dict[str, Moments]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)  # of words in training rows
    different: set[str] = field(default_factory=set)  # in all rows, up to `_DISTINCT`
    again: bool = False  # whether the rows before must be read once more
    nested: str = ""

    def __post_init__(self) -> None:
        self.dates = {} if self.forced else {f: {p: Moments() for p in PARTS} for f in DATES}
        self.is_numeric = not self.forced

    def add(self, series: pl.Series, training: np.ndarray) -> None:
        """Take the next rows; `training` (N,) says which of them are trained on."""
        pl = polars()
        if is_strange(series):
            self.nested = str(series.dtype)
            return
        countable = series.dtype != pl.Boolean and not series.dtype.is_temporal()
        self.is_numeric &= countable
        values = numbers(series) if self.is_numeric else np.full(len(series), np.nan)
        present = ~np.isnan(values)
        if not present.all():
            present = np.asarray((~_missing(series)).to_numpy())
        before, self.cells = self.cells, self.cells + int(present.sum())
        self.gaps += int((training & ~present).sum())
        if self.is_numeric and not self._add_numbers(values, present, training):
            self.is_numeric = False
            self.again |= before > 0
        if not self.is_numeric and self.dates and not self._add_dates(series, present, training):
            self.dates = {}
            self.again |= before > 0
        if not self.is_numeric and not self.dates and not self.again:
            self._add_words(series, present, training)

    def restart(self) -> Seen:
        """The same column, before its first row, its kind known."""
        fresh = Seen(self.name)
        fresh.forced, fresh.is_numeric = self.forced, self.is_numeric
        fresh.dates = {f: {p: Moments() for p in PARTS} for f in self.dates}
        return fresh

    def _add_numbers(self, values: np.ndarray, present: np.ndarray, training: np.ndarray) -> bool:
        if np.isnan(values[present]).any():
            return False
        infinite = np.isinf(values)
        if infinite.any():
            raise InvalidArgument(
                f"column `{self.name}` holds an infinite number ({values[int(np.argmax(infinite))]});"
                f" correct it, or leave the column out with --ignore."
            )
        self.numeric.add(values[present & training])
        if self.steps:
            line = values if self.last is None else np.concatenate([[self.last], values])
            self.steps = bool(present.all() and (np.diff(line) == 1).all())
            self.last = float(values[-1])
        return True

    def _add_dates(self, series: pl.Series, present: np.ndarray, training: np.ndarray) -> bool:
        if series.dtype.is_numeric() or series.dtype == polars().Boolean:
            return False
        if series.dtype.is_temporal():
            self.dates = {"": self.dates.get("", {p: Moments() for p in PARTS})}
        for format in list(self.dates):
            when = moments(series, format)
            read = np.asarray(when.is_not_null().to_numpy())
            if (present & ~read).any():
                del self.dates[format]
                continue
            for part, values in date_parts(when).items():
                self.dates[format][part].add(values[present & training])
        return bool(self.dates)

    def _add_words(self, series: pl.Series, present: np.ndarray, training: np.ndarray) -> None:
        pl = polars()
        said = words(series)
        if len(self.different) <= _DISTINCT:
            self.different.update(said.drop_nulls().unique().to_list())
        if self.is_text and len(self.different) > _DISTINCT:
            return
        counted = said.filter(pl.Series(present & training)).value_counts()
        self.counts.update(dict(counted.iter_rows()))

    @property
    def is_text(self) -> bool:
        """Whether most of the words are met once."""
        limit = max(FEW_WORDS, TEXT_SHARE * self.cells)
        return len(self.different) > limit and not self.forced

    @property
    def has_commas(self) -> bool:
        """Whether all words look like numbers with a decimal comma, or with commas between thousands."""
        found = self.different
        return bool(found) and not self.forced and all(map(_COMMAS.fullmatch, found))


def look(
    source: Source, names: Sequence[str], training: np.ndarray, categorical: Collection[str] = ()
) -> dict[str, Seen]:
    """What the columns of a table hold.

    Parameters
    ----------
    source : Source
    names : sequence of str
        Columns to look at.
    training : bool array, shape (rows,)
        Rows to take figures from; the kind of a column is found on all.
    categorical : collection of str
        Columns that are categories whatever they look like.
    """
    seen = {name: Seen(name, name in categorical) for name in names}
    waiting = list(names)
    while waiting:
        first = 0
        for frame in source.frames(waiting):
            rows = training[first : first + frame.height]
            for name in waiting:
                seen[name].add(frame[name], rows)
            first += frame.height
        waiting = [name for name in waiting if seen[name].again]
        seen |= {name: seen[name].restart() for name in waiting}
    return seen


def conclude(label: str, seen: Mapping[str, Seen]) -> tuple[list[Column], dict[str, str]]:
    """The columns to train on, and the reason of each that is left out.

    Raises
    ------
    InvalidArgument
        Where a column is empty, or text; the message names all such columns, and how to leave them out.
    """
    _refuse(
        label,
        [n for n, s in seen.items() if s.nested],
        "of a type that has no numbers (lists, bytes, durations)",
    )
    _refuse(label, [n for n, s in seen.items() if not s.cells], "without any value")
    _refuse(label, [n for n, s in seen.items() if s.has_commas], "of numbers with commas")
    _refuse(
        label, [n for n, s in seen.items() if s.counts and s.is_text], "of free text or identifiers"
    )
    columns, left_out = [], {}
    for name, found in seen.items():
        column = _column(found)
        if column is None:
            left_out[name] = "one value in all training rows"
        else:
            columns.append(column)
    return columns, left_out


def _column(seen: Seen) -> Column | None:
    """The column, or None where it never varies."""
    missing = seen.gaps > 0
    if seen.is_numeric:
        deviation = seen.numeric.deviation
        if deviation == 0 and (not missing or not seen.numeric.count):
            return None
        return Numeric(seen.name, seen.numeric.mean, deviation or 1.0, missing)
    if seen.dates:
        format, parts = next(iter(seen.dates.items()))
        kept = tuple((p, m.mean, m.deviation) for p, m in parts.items() if m.deviation > 0)
        if not format:  # of a typed column; text that is read later is taken in ISO 8601
            format = ISO[any(part.startswith("hour") for part, _, _ in kept)]
        return Date(seen.name, format, kept, missing) if kept or missing else None
    ranked = sorted(seen.counts.items(), key=lambda item: (-item[1], item[0]))
    kept_words = tuple(word for word, count in ranked[:MOST_WORDS] if count > 1)
    other = len(kept_words) < len(ranked)
    if len(kept_words) + other + missing < 2:
        return None
    return Category(seen.name, kept_words, other, missing)


def _refuse(label: str, names: Sequence[str], what: str) -> None:
    if not names:
        return
    listed = ", ".join(repr(name) for name in names[:8])
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    columns = "column" if len(names) == 1 else "columns"
    point = (
        "; write them with a point and nothing between thousands, or" if "commas" in what else ";"
    )
    options = " ".join(f"--ignore {_quoted(name)}" for name in names[:8])
    raise InvalidArgument(
        f"{label}: {columns} {what}: {listed}{more}{point} leave out with {options}{' …' if more else ''}"
        f" (in Python `ignore=`)."
    )


def _quoted(name: str) -> str:
    return name if name.replace("_", "").isalnum() else f"'{name}'"


def _missing(series: pl.Series) -> pl.Series:
    """Whether each cell has no value."""
    if series.dtype.is_float():
        return series.is_null() | series.is_nan()
    if series.dtype.is_numeric() or series.dtype.is_temporal() or series.dtype == polars().Boolean:
        return series.is_null()
    return cells(series).is_null()
