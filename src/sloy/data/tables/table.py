"""`load_table`: a table as data sets to train, validate and test on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

import numpy as np

from sloy import text
from sloy.arguments import LONGEST_LIST, integer, one_of, real, sequence
from sloy.data.dataset import Dataset
from sloy.data.tables.division import SAMPLE, Sampled, Split, divided
from sloy.data.tables.hints import Hints, hints_of, option
from sloy.data.tables.inference import conclude, look
from sloy.data.tables.lines import SEPARATORS
from sloy.data.tables.opening import lines_with
from sloy.data.tables.prepared import columns_of, gaps, labelled_rows, prepared
from sloy.data.tables.reader import TableReader
from sloy.data.tables.sources import Source, TextTable, is_table, open_table
from sloy.data.tables.target import Target, moments_of
from sloy.data.tables.targets import make_targets, target_names
from sloy.data.tables.values import LEFT_OUT, TASKS, TEST, TRAIN, VALIDATE
from sloy.errors import InvalidArgument
from sloy.text import many, meant, named, shortened, shown

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False, repr=False)
class Table(text.Brief):
    """A table, prepared.

    Attributes
    ----------
    train : Dataset
        x float32 (N, width) as `reader` gives it, y labels, or float64 numbers as the table has them.
    validation, test : Dataset or None
        None where their share is 0.
    reader : TableReader
        What prepares raw rows in the same way; for the model.
    target : str
        Of several their names, with commas between.
    reason : str
        Why it is a classification, or a regression.
    mean, deviation : float, or a tuple of them for several targets
        Of the training targets, for a regression; else 0 and 1.
    left_out : mapping
        Column → why it is not used.
    notes : tuple of str
        What a user should know of the table.
    part : uint8 array, shape (rows,)
        What each row of the table is for: 0 to train, 1 to validate, 2 to test, 3 left out.
    sample : polars.DataFrame
        At most 2000 of the test rows, the raw columns that are used; of another table the first.
    """

    train: Dataset
    validation: Dataset | None
    test: Dataset | None
    reader: TableReader
    target: str
    reason: str
    mean: float | tuple[float, ...]
    deviation: float | tuple[float, ...]
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
    target: str | Sequence[str],
    *,
    task: str = "auto",
    test: Any = 0.2,
    validation: float = 0.1,
    seed: int = 0,
    ignore: Sequence[str] = (),
    ids: Sequence[str] = (),
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
    target : str, or sequence of str
        The column to predict, or several that hold numbers: ``"a,b"``. Rows without a value there are left out.
    task : "auto", "classification" or "regression"
        "auto": classes where the target holds words or at most 20 different whole numbers, else numbers.
    test : float, or anything that `source` may be
        Share of the rows to test on, in [0, 1); of classes each gives its share. Or another table, all rows of which
        are tested on, and none of `source`.
    validation : float
        Share of the others to validate on, in [0, 1).
    seed : int
        Of the division into the three.
    ignore : sequence of str
        Columns to leave out.
    ids : sequence of str
        Columns that tell rows apart: left out too, and named in `reader.ids`, to be kept beside predictions.
    categorical : sequence of str
        Columns of numbers that are names: postcodes, codes.
    numeric : sequence of str
        Columns of numbers, whatever else stands in them; words are taken as missing.
    dates : sequence of str, or mapping of str to str
        Columns of dates, ``"day"`` or ``"day=%d/%m/%y"`` with the format in strftime's codes or ``excel``, of days
        counted from 1900; or column → format, where an empty one is found.
    decimal : ".", "," or "auto"
        The decimal point of numbers in texts; "auto" finds it in each column, or in the others where it may be either.
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
    one_of("load_table", "task", task, TASKS)
    share = 0.0 if is_table(test) else real("load_table", "test", test, least=0, below=1)
    validation = real("load_table", "validation", validation, least=0, below=1)
    seed = integer("load_table", "seed", seed, 0, 2**64 - 1)
    table = open_table(source, separator)
    hints = hints_of(
        "load_table", categorical=categorical, numeric=numeric, dates=dates, decimal=decimal,
        missing=missing,
    ).with_point_of(table)  # fmt: skip
    ids = sequence("load_table", "ids", ids, str)
    by = Split.of(split) if split is not None else None
    targets = target_names(table, target)
    names = _features(table, targets, ignore, ids, hints, by)
    if not names:
        raise InvalidArgument(f"{table.label}: {_nothing_left(table, targets)}.")
    cells = columns_of(table, targets)
    found = make_targets(table.label, cells, task, hints, table)
    division = divided(
        found,
        None if by is None else columns_of(table, [by.column])[by.column],
        by,
        shares=(share, validation),
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
        why = ", ".join(
            f"column `{name}` ({reason})" for name, reason in list(left_out.items())[:4]
        )
        why += f" and {len(left_out) - 4} more" * (len(left_out) > 4)
        raise InvalidArgument(f"{table.label}: {_nothing_left(table, targets)}: {why}.")
    kind = _type_of(table, cells[targets[0]], found)
    usual = found.usual(part == TRAIN)
    reader = TableReader(
        tuple(columns), targets[0], hints.missing, kind, ids, found.written, usual, found.others
    )
    sampled = Sampled.of(table, part, seed)
    sets = prepared(sampled, reader, found, part, memory)
    sample = sampled.sample
    mean, deviation = (0.0, 1.0) if found.is_classification else _moments(found.y[part == TRAIN])
    own = {*names, *targets}
    lost = [note for note in table.notes if note.split("`")[1] in own]
    notes = [*_notes(found, part, share, validation), *lost, *found_notes]
    if by is not None:
        kept = "stays among" if by.column in names else "is left out of"
        notes.insert(0, f"{division.told}; `{by.column}` {kept} the inputs")
    if is_table(test):
        apart = labelled_rows(test, reader, found.class_names, memory=memory)
        sets[TEST] = apart.data
        sample = next(open_table(test).frames(reader.names)).head(SAMPLE)
        notes += [f"{apart.label}: {note}" for note in apart.notes]
    notes += [of_index(name) for name, column in seen.items() if column.is_index]
    left_out |= dict.fromkeys(ignore, "as asked for")
    left_out |= dict.fromkeys(ids, "kept beside the answers")
    if by is not None and by.kind == "group":
        left_out[by.column] = "its groups divide the rows"
    return Table(
        sets[TRAIN],
        sets.get(VALIDATE),
        sets.get(TEST),
        reader,
        found.name,
        found.reason,
        mean,
        deviation,
        left_out,
        tuple(notes),
        part,
        sample,
    )


def of_index(name: str) -> str:
    """The note on a column that counts the rows."""
    return f"`{name}` counts the rows; unless it means something, leave it out with {option('ignore', name)}"


def _moments(y: np.ndarray) -> tuple[Any, Any]:
    """Mean and deviation of numbers (N,); tuples of them of (N, K)."""
    found = [moments_of(column) for column in y.reshape(len(y), -1).T]
    mean, deviation = ([getattr(f, of) for f in found] for of in ("mean", "deviation"))
    deviation = [value or 1.0 for value in deviation]
    return (mean[0], deviation[0]) if y.ndim == 1 else (tuple(mean), tuple(deviation))


def _features(
    table: Source,
    targets: Sequence[str],
    ignore: Sequence[str],
    ids: Sequence[str],
    hints: Hints,
    split: Split | None,
) -> list[str]:
    """The columns to predict from; every name that was given must be there."""
    ignored = sequence("load_table", "ignore", ignore, str)
    for name_of, given in (
        ("target", targets), ("ignore", ignored), ("ids", ids), *hints.named(),
        ("split", (split.column,) if split else ()),
    ):  # fmt: skip
        for name in given:
            if name not in table.names:
                raise InvalidArgument(
                    f"{table.label}: `{name_of}` (={shown(name)}) is none of its columns{_hint(name, table)}"
                )
    for name_of, given in (
        ("ignore", ignored),
        ("ids", ids),
        ("split", (split.column,) if split else ()),
    ):
        if both := [name for name in targets if name in given]:
            raise InvalidArgument(f"load_table: `{name_of}` holds the target, {both[0]!r}.")
    aside = {
        *targets,
        *ignored,
        *ids,
        *((split.column,) if split and split.kind == "group" else ()),
    }
    return [name for name in table.names if name not in aside]


def _nothing_left(table: Source, targets: Sequence[str]) -> str:
    """What to say where no column is left to predict from."""
    what = f"the target{'s' * (len(targets) > 1)} `{', '.join(targets)}`"
    if len(table.names) > len(targets):
        return f"no column is left to predict {what} from"
    return f"has no column but {what}: there is nothing to predict {'it' if len(targets) == 1 else 'them'} from"


def _hint(name: str, table: Source) -> str:
    names = table.names
    if any(normalize("NFC", name) == normalize("NFC", there) for there in names):
        return "; one looks the same, and is written with other characters: copy it from the file."
    if isinstance(table, TextTable):
        if (line := lines_with(table.path, name)) is not None:
            return f": {shown(names[0], 40)}, …; line {line} has it: take out what stands before the line of names."
        if len(names) == 1:
            known = ", ".join(SEPARATORS.values())
            return f": its first line, {shown(names[0], 40)}, has no separator ({known})."
    if {*name.split(",")} <= {*names}:
        return "; each of these columns is given by itself."
    if close := meant(name, names):
        return close
    return f": {shortened(named(names, 12), LONGEST_LIST)}."


def _cut(part: np.ndarray, samples: int) -> None:
    """Leave out all training rows but the first."""
    training = np.flatnonzero(part == TRAIN)
    if samples > len(training):
        raise InvalidArgument(
            f"load_table: `samples` (={samples}) is more than the {len(training)} rows to train on."
        )
    part[training[samples:]] = LEFT_OUT


def _type_of(table: Source, series: pl.Series, target: Target) -> str:
    """The type in which classes are answered, one of `TARGET_TYPES`; numbers are floats anyway."""
    if isinstance(table, TextTable) or not target.is_classification:
        return "text"
    dtype = series.dtype
    if str(dtype) == "Boolean":
        return "boolean"
    return "integer" if dtype.is_integer() else "float" if dtype.is_float() else "string"


def _check_parts(label: str, target: Target, part: np.ndarray) -> None:
    training = target.y[part == TRAIN]
    if any(len(np.unique(y)) < 2 for y in training.reshape(len(training), -1).T):
        raise InvalidArgument(
            f"{label}: {len(part)} rows leave {len(training)} to train on, in which the target `{target.name}` does not"
            " vary; more rows are needed."
        )


def _notes(target: Target, part: np.ndarray, test: float, validation: float) -> list[str]:
    notes, rows = [*gaps(target), *target.notes], many(len(part), "row")
    for key, share, purpose in ((TEST, test, "test"), (VALIDATE, validation, "validate")):
        if share and not (part == key).any():
            notes.append(f"{rows}: too few to keep {share:.0%} of them apart to {purpose} on")
    if target.is_classification:
        counts = np.bincount(target.y[part == TRAIN], minlength=len(target.class_names))
        rare = [name for name, n in zip(target.class_names, counts, strict=True) if n < 5]
        if rare:
            notes.append(
                f"few training rows for the classes {', '.join(map(repr, rare[:8]))}"
                f"{' …' if len(rare) > 8 else ''}"
            )
    return notes
