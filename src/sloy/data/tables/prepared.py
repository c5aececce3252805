"""Rows of a table as data sets: those of each part of a table to train on, and those that a model is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.arguments import integer
from sloy.data.arrays import allocate, available
from sloy.data.dataset import Dataset
from sloy.data.tables.reader import TableReader
from sloy.data.tables.remarks import Remarks
from sloy.data.tables.sources import Source, open_table
from sloy.data.tables.target import Target, known_target
from sloy.data.tables.targets import joined
from sloy.data.tables.values import LEFT_OUT, TEST, TRAIN, VALIDATE, polars
from sloy.errors import InvalidArgument

if TYPE_CHECKING:
    import polars as pl

SHARE = 0.5  # of the available memory that prepared rows may take


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Rows that a model can be measured on.

    Attributes
    ----------
    data : Dataset
        x float32 (N, width); y int32 labels, or float64 numbers as they are in the table.
    beside : polars.DataFrame
        N rows: the target, and the columns `TableReader.ids` that the table has, as they are.
    label : str
        What messages call the table.
    notes : tuple of str
        What was left out, and what was not as in training.
    """

    data: Dataset
    beside: pl.DataFrame
    label: str
    notes: tuple[str, ...]


def labelled_rows(
    source: Any, reader: TableReader, class_names: Sequence[str], *, memory: int | None = None
) -> LabelledRows:
    """The rows of a table that have a target, as a model takes them.

    Parameters
    ----------
    source
        See `open_table`.
    reader : TableReader
        Of the model.
    class_names : sequence of str
        Of the model; none where it answers with numbers.
    memory : int, optional
        As for `load_table`.

    Raises
    ------
    InvalidArgument
        Where columns are missing, or the target is none that the model answers with.

    Examples
    --------
    >>> from sloy.data.tables import load_table
    >>> table = load_table({"size": [1, 2, 3, 4] * 9, "kind": ["a", "b"] * 18}, "kind", test=0)
    >>> rows = labelled_rows({"size": [2, 1], "kind": ["b", None]}, table.reader, ("a", "b"))
    >>> rows.data.y.tolist(), rows.notes
    ([1], ('1 of 2 rows have no `kind` and are left out',))
    """
    table, remarks = open_table(source), Remarks()
    reader.check(table, remarks)
    if lacking := [name for name in reader.targets if name not in table.names]:
        raise InvalidArgument(
            f"{table.label}: lacks the column `{lacking[0]}`, with which answers are compared."
        )
    names = [*reader.targets, *(name for name in reader.ids if name in table.names)]
    beside = columns_of(table, names)
    if not beside.height:
        raise InvalidArgument(f"{table.label}: has no rows.")
    target = known_targets(table.label, beside, class_names, reader)
    part = np.where(target.known, TEST, LEFT_OUT)
    data = prepared(table, reader, target, part, memory, remarks)[TEST]
    notes = (*gaps(target), *target.notes, *remarks.lines())
    return LabelledRows(data, beside.filter(polars().Series(target.known)), table.label, notes)


def known_targets(
    label: str, cells: pl.DataFrame, class_names: Sequence[str], reader: TableReader
) -> Target:
    """What is true of each row: of one target, or of several; see `known_target`."""
    formats = ((reader.target, reader.written), *reader.others)
    return joined(
        [
            known_target(label, cells[name], class_names, written, reader.missing)
            for name, written in formats
        ]
    )


def columns_of(table: Source, names: Sequence[str]) -> pl.DataFrame:
    """Some columns, whole."""
    frames = list(table.frames(names))
    return polars().concat(frames) if frames else polars().DataFrame(schema=list(names))


def gaps(target: Target) -> list[str]:
    """A note on rows without a target."""
    missing = int((~target.known).sum())
    if not missing:
        return []
    return [f"{missing} of {len(target.y)} rows have no `{target.name}` and are left out"]


def prepared(
    table: Source,
    reader: TableReader,
    target: Target,
    part: np.ndarray,
    memory: int | None,
    remarks: Remarks | None = None,
) -> dict[int, Dataset]:
    """The data set of each part that has rows; numbers to test on are float64, as they are in the table."""
    total = int((part <= TEST).sum()) * reader.width * 4
    bound = (
        integer("load_table", "memory", memory) if memory is not None else int(SHARE * available())
    )
    bound = 0 if total > bound else total
    counts = {key: int((part == key).sum()) for key in (TRAIN, VALIDATE, TEST)}
    rows = {key: allocate((n, reader.width), "float32", bound)[0] for key, n in counts.items() if n}
    done = dict.fromkeys(rows, 0)
    first, remarks = 0, remarks or Remarks()
    for frame in table.frames(reader.names):
        block, here = reader.prepare(frame, remarks), part[first : first + frame.height]
        for key, matrix in rows.items():
            chosen = block[here == key]
            matrix[done[key] : done[key] + len(chosen)] = chosen
            done[key] += len(chosen)
        first += frame.height
    name = Path(table.label).name
    sets = {}
    for key, matrix in rows.items():
        sets[key] = Dataset(matrix, target.y[part == key], target.class_names, name)
    return sets
