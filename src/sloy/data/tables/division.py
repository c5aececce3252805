"""Which rows train, validate and test: at random, the last in time, whole groups, or fold by fold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from sloy.arguments import integer, pair
from sloy.data.tables.dates import has_day, read_moments
from sloy.data.tables.hints import Hints, option
from sloy.data.tables.sources import Source
from sloy.data.tables.target import (
    Target,
    drawn,
    reading_of,
)
from sloy.data.tables.values import (
    LEFT_OUT,
    TEST,
    TRAIN,
    VALIDATE,
    is_strange,
    polars,
    without,
    words,
)
from sloy.errors import InvalidArgument
from sloy.graph.threefry import make_key, permutation
from sloy.text import many, shortened, shown

if TYPE_CHECKING:
    import polars as pl

SAMPLE = 2000  # raw test rows that are kept, to look into the model with
PARTS = {TRAIN: "to train on", VALIDATE: "to validate", TEST: "to test"}


@dataclass(frozen=True)
class Split:
    """What the division of the rows goes by.

    Parameters
    ----------
    kind : "time" or "group"
        "time": validation and test rows are the last ones; "group": rows with the same value stay together.
    column : str

    Examples
    --------
    >>> Split.of("time=sold")
    Split(kind='time', column='sold')
    """

    kind: Literal["time", "group"]
    column: str

    @staticmethod
    def of(word: str) -> Split:
        """What ``time=COLUMN`` or ``group=COLUMN`` says; `InvalidArgument` for anything else."""
        kind, _, column = word.partition("=") if isinstance(word, str) else ("", "", "")
        if kind == "time" and column:
            return Split("time", column)
        if kind == "group" and column:
            return Split("group", column)
        raise InvalidArgument(f"`split` (={shown(word)}) must be time=COLUMN or group=COLUMN.")


@dataclass(frozen=True, eq=False)
class Divided:
    """Which row does what.

    Attributes
    ----------
    part : uint8 array, shape (rows,)
        `TRAIN`, `VALIDATE`, `TEST`, `LEFT_OUT`.
    told : str
        What a user should know of it; empty where it is at random.
    """

    part: np.ndarray
    told: str = ""


def divided(
    target: Target,
    column: pl.Series | None,
    split: Split | None,
    *,
    shares: tuple[float, float],
    fold: tuple[int, int] | None,
    seed: int,
    hints: Hints,
    source: Source,
) -> Divided:
    """Divide the rows of a table; a function of what is given alone.

    Parameters
    ----------
    target : Target
        Rows without one are left out; at random each class gives its share.
    column : polars.Series, optional
        The column that `split` names.
    split : Split, optional
        At random by default.
    shares : (float, float)
        Of the rows to test on, and of the rest to validate on. Whole groups, and whole moments of time, come as near
        to them as they can.
    fold : (int, int), optional
        (k, K): the k-th of K folds, from 1, is tested on, in place of the first share.
    seed : int
    hints : Hints
        How the column is read.
    source : Source

    Raises
    ------
    InvalidArgument
        Where there are too few groups, moments or rows, or the column has no order in time.
    """
    if fold is not None:
        _check_fold(fold, split)
    if split is None or column is None:
        return Divided(divide(target, *shares, seed, fold))
    order = _drawn_order(target, seed)
    if is_strange(column):
        raise InvalidArgument(
            f"{source.label}: `split`: column `{split.column}` is of type {column.dtype}."
        )
    column = without(column, hints.missing)
    if split.kind == "time":
        keys = _instants(column, hints, source)
        usable = order[~np.isnan(keys[order])]
        part = _by_time(keys, usable, shares, source)
        told = _told_times(split.column, part, keys, column)
    else:
        keys = _groups(column)
        usable = order[keys[order] >= 0]
        part = _by_group(keys, usable, shares, fold, source)
        told = _told_groups(split.column, part, keys)
    if lost := len(order) - len(usable):
        told += f"; {many(lost, 'row')} without it {'is' if lost == 1 else 'are'} left out"
    return Divided(part, told)


def _check_fold(fold: tuple[int, int], split: Split | None) -> None:
    number, folds = pair("load_table", "fold", fold)
    integer("load_table", "folds", folds, 2)
    integer("load_table", "fold", number, 1, folds)
    if split is not None and split.kind == "time":
        raise InvalidArgument(
            "`folds` would test on rows that come before those to train on; with `split` time=… give `test` its share."
        )


@dataclass(frozen=True, eq=False)
class Sampled(Source):
    """A table some rows of which are kept, raw, while it is read.

    Attributes
    ----------
    table : Source
    rows : bool array, shape (rows,)
        Which are kept.
    kept : list of polars.DataFrame
        Of the last reading.
    """

    table: Source
    rows: np.ndarray
    kept: list[pl.DataFrame] = field(default_factory=list)

    @staticmethod
    def of(table: Source, part: np.ndarray, seed: int) -> Sampled:
        """At most `SAMPLE` of the test rows are kept, drawn by the seed."""
        tested = np.flatnonzero(part == TEST)
        rows = np.zeros(len(part), bool)
        rows[tested[permutation(len(tested), make_key(seed, "sample"))[:SAMPLE]]] = True
        return Sampled(table.label, table.names, table, rows)

    @property
    def sample(self) -> pl.DataFrame:
        """What was kept."""
        return polars().concat(self.kept) if self.kept else polars().DataFrame()

    def pieces(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """See `Source.pieces`; nothing is kept."""
        return self.table.pieces(columns)

    def frames(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """See `Source.frames`."""
        self.kept.clear()
        first = 0
        for frame in self.table.frames(columns):
            here = self.rows[first : first + frame.height]
            if here.any():  # a copy: rows that are filtered hold the texts of all others
                rows = frame.filter(polars().Series(here)).to_dict(as_series=False)
                self.kept.append(polars().DataFrame(rows, frame.schema))
            first += frame.height
            yield frame


# --- at random --------------------------------------------------------------------------------------------------------


def divide(
    target: Target,
    test: float,
    validation: float,
    seed: int,
    fold: tuple[int, int] | None = None,
) -> np.ndarray:
    """Which row trains, validates, tests: uint8 (rows,) of `TRAIN`, `VALIDATE`, `TEST`, `LEFT_OUT`.

    Rows are drawn by a permutation that is a function of seed and number of rows; of classes each gives its share.

    Parameters
    ----------
    test : float
        Share of the rows that tests.
    validation : float
        Share of the rest that validates.
    fold : (int, int), optional
        (k, K): the k-th of K folds tests, in place of a share.
    """
    part = np.full(len(target.y), LEFT_OUT, np.uint8)
    order = _drawn_order(target, seed)
    part[order] = TRAIN
    if fold is None:
        part[drawn(target, order, test)] = TEST
    else:
        part[order[_dealt(target, order, fold[1]) == fold[0] - 1]] = TEST
    rest = order[part[order] == TRAIN]
    part[drawn(target, rest, validation)] = VALIDATE
    return part


def _drawn_order(target: Target, seed: int) -> np.ndarray:
    """The rows with a target, in the order in which they are drawn."""
    order = permutation(len(target.y), make_key(seed, "table"))
    return np.asarray(order[target.known[order]])


def _dealt(target: Target, order: np.ndarray, folds: int) -> np.ndarray:
    """The fold, from 0, of each row of `order`: dealt like cards, class after class."""
    if len(order) < folds:
        raise InvalidArgument(f"`folds` (={folds}): there are only {many(len(order), 'row')}.")
    place = np.arange(len(order))
    if target.is_classification:
        place[np.argsort(target.y[order], kind="stable")] = np.arange(len(order))
    return np.asarray(place % folds)


# --- the last in time -------------------------------------------------------------------------------------------------


def _instants(column: pl.Series, hints: Hints, source: Source) -> np.ndarray:
    """The column as numbers that grow with time, float64 (rows,), NaN where missing."""
    name, reading = column.name, reading_of(column, hints, source)
    if reading.kind == "numeric":
        return np.asarray(reading.number.read(column), np.float64)
    if reading.kind != "date" or not has_day(reading.date) or column.dtype == polars().Time:
        shown = words(column).drop_nulls().head(1).to_list()
        raise InvalidArgument(
            f"{source.label}: `split` time={name}: its cells ({', '.join(map(repr, shown)) or 'all empty'}, …) are"
            f" neither dates nor numbers; {option('date', name + '=FORMAT')} says how dates are written."
        )
    when = read_moments(column, reading.date)
    return np.array(when.dt.epoch("us").cast(polars().Float64).to_numpy(), np.float64)


def _by_time(
    keys: np.ndarray, usable: np.ndarray, shares: tuple[float, float], source: Source
) -> np.ndarray:
    """The last moments test, those before them validate; rows of one moment stay together."""
    part = np.full(len(keys), LEFT_OUT, np.uint8)
    part[usable] = TRAIN
    rest = usable
    for share, kind in zip(shares, (TEST, VALIDATE), strict=True):
        if share:
            different, counts = np.unique(keys[rest], return_counts=True)
            if len(different) < 2:
                raise InvalidArgument(
                    f"{source.label}: `split`: all {len(rest)} rows are of one moment; nothing comes last."
                )
            since = np.cumsum(counts[::-1])[::-1]  # rows of a moment or later
            first = 1 + int(np.argmin(abs(since[1:] - share * len(rest))))
            part[rest[keys[rest] >= different[first]]] = kind
            rest = rest[part[rest] == TRAIN]
    return part


# --- whole groups -----------------------------------------------------------------------------------------------------


def _groups(column: pl.Series) -> np.ndarray:
    """The number of each row's group, int64 (rows,); −1 where missing."""
    said = words(column)
    numbers = said.rank("dense").cast(polars().Int64).fill_null(-1)
    return np.array(numbers.to_numpy(), np.int64)


def _by_group(
    keys: np.ndarray,
    usable: np.ndarray,
    shares: tuple[float, float],
    fold: tuple[int, int] | None,
    source: Source,
) -> np.ndarray:
    """Whole groups test and validate, drawn in the order in which `usable` first names them."""
    part = np.full(len(keys), LEFT_OUT, np.uint8)
    part[usable] = TRAIN
    numbers, first, sizes = np.unique(keys[usable], return_index=True, return_counts=True)
    by_draw = np.argsort(first, kind="stable")
    groups, sizes = numbers[by_draw], sizes[by_draw]
    needed = fold[1] if fold else 1 + (shares[0] > 0)
    needed += shares[1] > 0
    if len(groups) < needed:
        raise InvalidArgument(
            f"{source.label}: `split`: there {'is' if len(groups) == 1 else 'are'} {many(len(groups), 'group')};"
            f" {needed} are needed."
        )
    total = int(sizes.sum())
    if fold:
        tested = _packed(sizes, fold[1]) == fold[0] - 1
    else:
        tested = _nearest(sizes, shares[0] * total, len(groups) - 1 - (shares[1] > 0))
    part[usable[np.isin(keys[usable], groups[tested])]] = TEST
    left, sizes = groups[~tested], sizes[~tested]
    validated = left[_nearest(sizes, shares[1] * int(sizes.sum()), len(left) - 1)]
    part[usable[np.isin(keys[usable], validated)]] = VALIDATE
    return part


def _packed(sizes: np.ndarray, folds: int) -> np.ndarray:
    """The fold of each group: the largest first, each to the fold that has the fewest rows."""
    held, found = np.zeros(folds, np.int64), np.zeros(len(sizes), np.int64)
    for group in np.argsort(-sizes, kind="stable"):
        found[group] = int(np.argmin(held))
        held[found[group]] += sizes[group]
    return found


def _nearest(sizes: np.ndarray, wanted: float, most: int) -> np.ndarray:
    """Which groups, from the first on, bring the rows near to `wanted`: bool; at least one where any is wanted."""
    chosen, total = np.zeros(len(sizes), bool), 0
    if not wanted:
        return chosen
    for group, size in enumerate(sizes):
        if chosen.sum() < most and abs(total + size - wanted) < abs(total - wanted):
            chosen[group], total = True, total + size
    if not chosen.any():
        chosen[int(np.argmin(sizes))] = True
    return chosen


# --- what is said of it -----------------------------------------------------------------------------------------------


def _told_groups(name: str, part: np.ndarray, keys: np.ndarray) -> str:
    said = [
        f"{many(len(np.unique(keys[part == kind])), 'group')} {what}"
        for kind, what in PARTS.items()
        if (part == kind).any()
    ]
    return f"rows with the same `{name}` stay together: {', '.join(said)}"


def _told_times(name: str, part: np.ndarray, keys: np.ndarray, column: pl.Series) -> str:
    said = []
    for kind, what in PARTS.items():
        rows = np.flatnonzero(part == kind)
        if len(rows):
            ends = [int(rows[np.argmin(keys[rows])]), int(rows[np.argmax(keys[rows])])]
            first, last = (shortened(str(column[row])) for row in ends)
            said.append(f"{first} to {last} {what}")
    return f"rows are divided by `{name}`: {', '.join(said)}"
