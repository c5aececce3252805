"""`load_table`: a table as data sets to train, validate and test on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.arguments import integer, real, sequence
from sloy.data.arrays import allocate, available
from sloy.data.dataset import Dataset
from sloy.data.tables.columns import Remarks
from sloy.data.tables.division import Sampled, Split, divided
from sloy.data.tables.inference import conclude, look
from sloy.data.tables.profile import Hints
from sloy.data.tables.reader import TableReader
from sloy.data.tables.sources import Source, open_table
from sloy.data.tables.target import (
    LEFT_OUT,
    TEST,
    TRAIN,
    VALIDATE,
    Target,
    make_target,
    moments_of,
)
from sloy.data.tables.values import polars
from sloy.errors import InvalidArgument

if TYPE_CHECKING:
    import polars as pl

SHARE = 0.5  # of the available memory that prepared rows may take
DECIMALS = ("auto", ".", ",")
TASKS = ("auto", "classification", "regression")


@dataclass(frozen=True, eq=False)
class Table:
    """A table, prepared.

    Attributes
    ----------
    train : Dataset
        x float32 (N, width) as `reader` gives it, y labels or numbers.
    validation, test : Dataset or None
        None where their share is 0.
    reader : TableReader
        What prepares raw rows in the same way; for the model.
    target : str
    reason : str
        Why it is a classification, or a regression.
    mean, deviation : float
        Of the training targets, for a regression; else 0 and 1.
    left_out : mapping
        Column → why it is not used.
    notes : tuple of str
        What a user should know of the table.
    part : uint8 array, shape (rows,)
        What each row of the table is for: 0 to train, 1 to validate, 2 to test, 3 left out.
    sample : polars.DataFrame
        At most 2000 of the test rows, the raw columns that are used.
    """

    train: Dataset
    validation: Dataset | None
    test: Dataset | None
    reader: TableReader
    target: str
    reason: str
    mean: float
    deviation: float
    left_out: Mapping[str, str]
    notes: tuple[str, ...]
    part: np.ndarray
    sample: pl.DataFrame

    @property
    def is_classification(self) -> bool:
        """Whether the target is one of several classes."""
        return self.train.has_labels


def load_table(
    source: Any,
    target: str,
    *,
    task: str = "auto",
    test: float = 0.2,
    validation: float = 0.1,
    seed: int = 0,
    ignore: Sequence[str] = (),
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    dates: Sequence[str] | Mapping[str, str] = (),
    decimal: str = "auto",
    missing: Sequence[str] = (),
    split: str | None = None,
    fold: tuple[int, int] | None = None,
    samples: int | None = None,
    separator: str | None = None,
    memory: int | None = None,
) -> Table:
    """Read a table to train on.

    The rows are read three times, in pieces, so that a file may be larger than memory: for the target, for the columns'
    types and figures, and to prepare them. All figures (means, deviations, lists of categories) are those of the
    training rows alone.

    Parameters
    ----------
    source : str, Path, polars.DataFrame, pandas.DataFrame or mapping
        CSV, TSV and the like in UTF-8 with a line of names, gzipped or Zstandard-compressed or not; Parquet; or columns
        in memory.
    target : str
        The column to predict. Rows without a value there are left out.
    task : "auto", "classification" or "regression"
        "auto": classes where the target holds words or at most 20 different whole numbers, else numbers.
    test : float
        Share of the rows to test on, in [0, 1); of classes each gives its share.
    validation : float
        Share of the others to validate on, in [0, 1).
    seed : int
        Of the division into the three.
    ignore : sequence of str
        Columns to leave out.
    categorical : sequence of str
        Columns of numbers that are names: postcodes, codes.
    numeric : sequence of str
        Columns of numbers, whatever else stands in them; words are taken as missing.
    dates : sequence of str, or mapping of str to str
        Columns of dates, ``"day"`` or ``"day=%d/%m/%y"`` with the format in strftime's codes; or column → format,
        where an empty one is found.
    decimal : ".", "," or "auto"
        The decimal point of numbers in texts; "auto" finds it in each column.
    missing : sequence of str
        More words, or numbers such as ``"-999"``, that stand for a missing value.
    split : str, optional
        How the rows are divided, at random by default: ``"time=COLUMN"``: those to test on are the last, those to
        validate on the last before them; ``"group=COLUMN"``: rows with the same value there stay together. Of two
        divisions the nearer to the shares is taken. The column of groups is no input, that of the time is.
    fold : (int, int), optional
        (k, K): test on the k-th of K folds, from 1, in place of the share `test`; of classes each gives its share.
    samples : int, optional
        Train on the first so many of the training rows only.
    separator : str, optional
        Between the fields of a text; found in its first line by default.
    memory : int, optional
        Bytes of prepared rows that are held in memory, half of what is available by default; more go to a temporary
        file.

    Returns
    -------
    Table

    Raises
    ------
    FileFormatError
        Where the file is no table; the message names the line.
    InvalidArgument
        Where a column is missing, empty or text, or the target does not vary.

    Examples
    --------
    >>> flowers = {"petal": [1.4, 4.7, 1.3, 4.5] * 5, "kind": ["setosa", "versicolor"] * 10}
    >>> table = load_table(flowers, "kind", test=0.2, validation=0)
    >>> len(table.train), len(table.test), table.train.class_names, table.reader.labels
    (16, 4, ('setosa', 'versicolor'), ('petal',))
    """
    if task not in TASKS:
        raise InvalidArgument(f"load_table: `task` (={task!r}) must be one of {', '.join(TASKS)}.")
    test = real("load_table", "test", test, least=0, below=1)
    validation = real("load_table", "validation", validation, least=0, below=1)
    seed = integer("load_table", "seed", seed, 0, 2**64 - 1)
    table = open_table(source, separator)
    hints = _hints(categorical, numeric, dates, decimal, missing)
    by = Split.of(split) if split is not None else None
    names = _features(table, target, ignore, hints, by)
    found = make_target(table.label, _column(table, target), task, hints, table)
    division = divided(
        found,
        None if by is None else _column(table, by.column),
        by,
        shares=(test, validation),
        fold=fold,
        seed=seed,
        hints=hints,
        source=table,
    )
    part = division.part
    if samples is not None:
        _cut(part, integer("load_table", "samples", samples))
    _check_parts(table.label, found, part)
    seen = look(table, names, part == TRAIN, hints)
    columns, left_out, found_notes = conclude(table.label, seen)
    if not columns:
        raise InvalidArgument(f"{table.label}: no column is left to predict `{target}` from.")
    reader = TableReader(tuple(columns), target, hints.missing)
    sampled = Sampled.of(table, part, seed)
    sets = _prepared(sampled, reader, found, part, memory)
    figures = moments_of(found.y[part == TRAIN]) if not found.is_classification else None
    notes = [*_notes(found, part), *found_notes]
    if by is not None:
        kept = "stays among" if by.column in names else "is left out of"
        notes.insert(0, f"{division.told}; `{by.column}` {kept} the inputs")
    notes += [
        f"`{name}` counts the rows; unless it means something, leave it out with --ignore {name}"
        for name, column in seen.items()
        if column.is_index
    ]
    left_out |= dict.fromkeys(ignore, "as asked for")
    if by is not None and by.kind == "group":
        left_out[by.column] = "its groups divide the rows"
    return Table(
        sets[TRAIN],
        sets.get(VALIDATE),
        sets.get(TEST),
        reader,
        target,
        found.reason,
        figures.mean if figures else 0.0,
        figures.deviation or 1.0 if figures else 1.0,
        left_out,
        tuple(notes),
        part,
        polars().concat(sampled.kept),
    )


def _hints(
    categorical: Sequence[str],
    numeric: Sequence[str],
    dates: Sequence[str] | Mapping[str, str],
    decimal: str,
    missing: Sequence[str],
) -> Hints:
    """What the user says of the columns, checked but for their names."""
    where = "load_table"
    if decimal not in DECIMALS:
        raise InvalidArgument(f"{where}: `decimal` (={decimal!r}) must be '.', ',' or 'auto'.")
    given = (
        dates
        if isinstance(dates, Mapping)
        else dict(named.partition("=")[::2] for named in sequence(where, "dates", dates, str))
    )
    names, numbers = (
        frozenset(sequence(where, option, value, str))
        for option, value in (("categorical", categorical), ("numeric", numeric))
    )
    for one, other in ((names, numbers), (names, given.keys()), (numbers, given.keys())):
        if both := sorted(one & other):
            raise InvalidArgument(
                f"{where}: {both[0]!r} is named twice; a column is one of `categorical`, `numeric` and `dates`."
            )
    for name, format in given.items():
        if format and "%" not in format:
            raise InvalidArgument(
                f"{where}: the format {format!r} of the dates {name!r} has none of strftime's codes, such as %d.%m.%Y."
            )
    words = tuple(word.strip() for word in sequence(where, "missing", missing, str))
    return Hints(names, numbers, dict(given), decimal.removeprefix("auto"), words)


def _features(
    table: Source, target: object, ignore: Sequence[str], hints: Hints, split: Split | None
) -> list[str]:
    """The columns to predict from; every name that was given must be there."""
    if not isinstance(target, str):
        raise InvalidArgument(f"load_table: `target` (={target!r}) must be the name of a column.")
    ignored = sequence("load_table", "ignore", ignore, str)
    for option, given in (
        ("target", (target,)), ("ignore", ignored), ("categorical", hints.categorical),
        ("numeric", hints.numeric), ("dates", hints.dates), ("split", (split.column,) if split else ()),
    ):  # fmt: skip
        for name in given:
            if name not in table.names:
                raise InvalidArgument(
                    f"{table.label}: `{option}` (={name!r}) is none of its columns{_hint(name, table.names)}"
                )
    if target in ignored:
        raise InvalidArgument(f"load_table: `ignore` holds the target, {target!r}.")
    if split is not None and split.column == target:
        raise InvalidArgument(f"load_table: `split` goes by the target, {target!r}.")
    aside = {target, *ignored, *((split.column,) if split and split.kind == "group" else ())}
    return [name for name in table.names if name not in aside]


def _hint(name: str, names: Sequence[str]) -> str:
    if close := get_close_matches(name, names, 3):
        return f"; did you mean {' or '.join(map(repr, close))}?"
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f": {shown}."


def _cut(part: np.ndarray, samples: int) -> None:
    """Leave out all training rows but the first."""
    training = np.flatnonzero(part == TRAIN)
    if samples > len(training):
        raise InvalidArgument(
            f"load_table: `samples` (={samples}) is more than the {len(training)} rows to train on."
        )
    part[training[samples:]] = LEFT_OUT


def _column(table: Source, name: str) -> Any:
    """A whole column."""
    pieces = [frame[name] for frame in table.frames([name])]
    return polars().concat(pieces) if pieces else polars().Series(name, [], polars().String)


def _check_parts(label: str, target: Target, part: np.ndarray) -> None:
    training = target.y[part == TRAIN]
    if len(np.unique(training)) < 2:
        raise InvalidArgument(
            f"{label}: {len(part)} rows leave {len(training)} to train on, in which `{target.name}` does not vary;"
            " more rows are needed."
        )


def _prepared(
    table: Source, reader: TableReader, target: Target, part: np.ndarray, memory: int | None
) -> dict[int, Dataset]:
    """The data set of each part that has rows."""
    total = int((part <= TEST).sum()) * reader.width * 4
    bound = (
        integer("load_table", "memory", memory) if memory is not None else int(SHARE * available())
    )
    bound = 0 if total > bound else total
    counts = {key: int((part == key).sum()) for key in (TRAIN, VALIDATE, TEST)}
    rows = {key: allocate((n, reader.width), "float32", bound)[0] for key, n in counts.items() if n}
    done = dict.fromkeys(rows, 0)
    first = 0
    for frame in table.frames(reader.names):
        prepared, here = reader.prepare(frame, Remarks()), part[first : first + frame.height]
        for key, matrix in rows.items():
            chosen = prepared[here == key]
            matrix[done[key] : done[key] + len(chosen)] = chosen
            done[key] += len(chosen)
        first += frame.height
    name = Path(table.label).name
    sets = {}
    for key, matrix in rows.items():
        y = target.y[part == key]
        y = y if target.is_classification else y.astype(np.float32)
        sets[key] = Dataset(matrix, y, target.class_names, name)
    return sets


def _notes(target: Target, part: np.ndarray) -> list[str]:
    gaps = int((~target.known).sum())
    notes = [f"{gaps} of {len(part)} rows have no `{target.name}` and are left out"] if gaps else []
    notes += target.notes
    if target.is_classification:
        counts = np.bincount(target.y[part == TRAIN], minlength=len(target.class_names))
        rare = [name for name, n in zip(target.class_names, counts, strict=True) if n < 5]
        if rare:
            notes.append(
                f"few training rows for the classes {', '.join(map(repr, rare[:8]))}"
                f"{' …' if len(rare) > 8 else ''}"
            )
    return notes
