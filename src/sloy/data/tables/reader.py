"""`TableReader`: rows of a raw table as the numbers that a network takes."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sloy.arguments import level_of_user
from sloy.data.readers import Reader, labels_of
from sloy.data.tables.columns import Column, column_from_config
from sloy.data.tables.numerals import MARKS, PLAIN, NumberFormat, is_unit
from sloy.data.tables.remarks import Remarks
from sloy.data.tables.sources import Source, is_table, open_table
from sloy.data.tables.values import is_missing, is_strange, without
from sloy.errors import FileFormatError, InvalidArgument
from sloy.text import shown

if TYPE_CHECKING:
    import polars as pl

# A column of a text file; strings, integers, floats and booleans of a typed one.
TARGET_TYPES = ("text", "string", "integer", "float", "boolean")


class RowsReader(Reader):
    """What `TableReader` and `NumbersReader` share: columns of a table are found, and read in blocks of rows."""

    target: str
    missing: tuple[str, ...]
    target_type: str
    ids: tuple[str, ...]
    written: NumberFormat
    usual: tuple[float, ...]
    others: tuple[tuple[str, NumberFormat], ...]
    of_tables: ClassVar[bool] = True
    dtype: ClassVar[str] = "float32"  # of what is read

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The raw columns that are needed."""

    @property
    @abstractmethod
    def width(self) -> int:
        """The number of prepared columns."""

    @property
    @abstractmethod
    def parts(self) -> dict[str, tuple[int, ...]]:
        """Raw column → the numbers, from 0, of the prepared columns that it became."""

    @property
    def prepared_names(self) -> tuple[str, ...]:
        """Of each number of a prepared row the raw column that it is from."""
        owners = {number: name for name, numbers in self.parts.items() for number in numbers}
        return tuple(owners.get(number, str(number)) for number in range(self.width))

    @abstractmethod
    def prepare(self, frame: pl.DataFrame, remarks: Remarks) -> np.ndarray:
        """Rows as they are read, (n, width)."""

    def within(self, table: Source, beside: Sequence[str] = ()) -> RowsReader:
        """The reader with the names that the table has, where its own have no meaning; `beside` is none of them."""
        return self

    @property
    def targets(self) -> tuple[str, ...]:
        """All columns that are predicted."""
        return (self.target, *(name for name, _ in self.others))

    def takes(self, source: Any) -> bool:
        """See `Reader.takes`: a path, a data frame of polars or pandas, a mapping of names to values."""
        return is_table(source)

    def labels_of(self, class_names: Sequence[str]) -> np.ndarray:
        """The classes as the target column had them, (K,): words, integers, floats, or truth.

        Examples
        --------
        >>> reader = TableReader((), "sold", target_type="boolean")
        >>> reader.labels_of(("false", "true")).tolist()
        [False, True]
        """
        return labels_of(class_names, self.target_type)

    def read(self, source: Any) -> np.ndarray:
        """The prepared rows, (N, width).

        What was not as in training (categories it did not have, words where numbers were, gaps, columns that are not
        used) is told in a warning. See `Reader.read`.
        """
        remarks = Remarks()
        blocks = list(self.blocks(source, remarks))
        for line in remarks.lines():
            warnings.warn(line, stacklevel=level_of_user())
        return np.concatenate(blocks)

    def blocks(self, source: Any, remarks: Remarks) -> Iterator[np.ndarray]:
        """The prepared rows in order, in blocks of (n, width).

        Raises
        ------
        InvalidArgument
            Where columns are missing; the message names them.
        """
        for prepared, _ in self.rows(source, remarks):
            yield prepared

    def rows(
        self, source: Any, remarks: Remarks, beside: Sequence[str] = ()
    ) -> Iterator[tuple[np.ndarray, pl.DataFrame]]:
        """The same, and the raw cells of columns `beside`, which the table must have."""
        table = open_table(source)
        own = self.within(table, beside)
        own.check(table, remarks)
        rows = 0
        for frame in table.frames(list(dict.fromkeys([*own.names, *beside]))):
            rows += frame.height
            yield own.prepare(frame, remarks), frame.select(beside)
        if not rows:
            raise FileFormatError(f"{table.label}: has no rows.")

    def check(self, table: Source, remarks: Remarks) -> None:
        """Raise `InvalidArgument` where a table lacks columns that are needed; note those that are not."""
        missing = [name for name in self.names if name not in table.names]
        if missing:
            others = [name for name in table.names if name not in self.names]
            raise InvalidArgument(f"{table.label}: {_missing(missing, others)}")
        known = {*self.names, *self.targets, *self.ids}
        remarks.unused = [name for name in table.names if name not in known]


@dataclass(frozen=True)
class TableReader(RowsReader):
    """How the columns of a table become float32 (N, width).

    First all prepared columns of numbers, then one of codes for each category; see `Column`. Columns are taken by name:
    their order does not matter, and others are left aside.

    Parameters
    ----------
    columns : tuple of Column
    target : str
        The column that is predicted.
    missing : tuple of str
        More words that stand for a missing value.
    target_type : one of `TARGET_TYPES`
        Of the target, in which classes are answered; those of a text by what they look like.
    ids : tuple of str
        Columns that tell the rows apart: nothing is learned from them, they stand beside the answers.
    written : NumberFormat
        How the numbers of the target are written, where it has numbers.
    usual : tuple of float
        The answer of the training rows that needs no columns: the shares of the classes, or the mean of each target.
    others : tuple of (str, NumberFormat)
        Columns that are predicted beside the target, all of numbers, and how these are written.
    """

    columns: tuple[Column, ...]
    target: str
    missing: tuple[str, ...] = ()
    target_type: str = "text"
    ids: tuple[str, ...] = ()
    written: NumberFormat = PLAIN
    usual: tuple[float, ...] = ()
    others: tuple[tuple[str, NumberFormat], ...] = ()
    kind: ClassVar[str] = "table"
    instead_of_arrays: ClassVar[str] = (
        "a data frame, a mapping of column names to values, or the path of a file; rows that `load_table` has"
        " prepared are for `model.prepared`"
    )

    @property
    def labels(self) -> tuple[str, ...]:
        """What the prepared columns are called."""
        return tuple(label for column in self.arranged for label in column.labels)

    @property
    def classes(self) -> tuple[int, ...]:
        """The number of categories of each of the last prepared columns."""
        return tuple(column.classes for column in self.arranged if column.classes)

    @property
    def width(self) -> int:
        """The number of prepared columns."""
        return len(self.labels)

    @property
    def names(self) -> tuple[str, ...]:
        """The raw columns that are needed."""
        return tuple(column.name for column in self.columns)

    @property
    def parts(self) -> dict[str, tuple[int, ...]]:
        """Raw column → the numbers, from 0, of the prepared columns that it became."""
        found, first = {}, 0
        for column in self.arranged:
            found[column.name] = tuple(range(first, first + len(column.labels)))
            first += len(column.labels)
        return {name: found[name] for name in self.names}

    def prepare(self, frame: pl.DataFrame, remarks: Remarks) -> np.ndarray:
        """Rows as float32 (n, width)."""
        prepared = np.empty((frame.height, self.width), np.float32)
        expected = all(getattr(column, "missing", False) for column in self.columns)
        position, empty = 0, np.full(frame.height, not expected)  # rows without any value
        for column in self.arranged:
            series = without(frame[column.name], self.missing)
            if empty.any():
                empty &= is_missing(series)
            if is_strange(series):
                raise InvalidArgument(
                    f"column `{column.name}` is of type {series.dtype}; it was {column.kind} in training."
                )
            for values in column.prepare(series, remarks):
                prepared[:, position] = values
                position += 1
        remarks.add_empty(np.flatnonzero(empty))
        remarks.rows += frame.height
        return prepared

    @property
    def arranged(self) -> list[Column]:
        """The columns in the order in which they are prepared: categories last."""
        return sorted(self.columns, key=lambda column: column.classes > 0)

    def to_config(self) -> dict[str, Any]:
        """See `Reader.to_config`."""
        columns = [column.to_config() for column in self.columns]
        return {
            "target": self.target,
            "target_type": self.target_type,
            "columns": columns,
            "missing": list(self.missing),
            "ids": list(self.ids),
            "written": _format(self.written),
            "others": [[name, _format(written)] for name, written in self.others],
            "usual": list(self.usual),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TableReader:
        """See `Reader.from_config`."""
        if set(config) - _ADDED != {"target", "columns"}:
            raise FileFormatError(f"a table's reader has the keys {shown(sorted(config))}.")
        if (kind := config.get("target_type", "text")) not in TARGET_TYPES:
            raise FileFormatError(f"`target_type` of a table's reader is {str(kind)[:40]!r}.")
        target, columns = config["target"], config["columns"]
        if not isinstance(target, str) or not isinstance(columns, list) or not columns:
            raise FileFormatError("a table's reader needs a target and columns.")
        missing, ids = (_words(config, name) for name in ("missing", "ids"))
        found = cls(
            tuple(map(column_from_config, columns)),
            target,
            missing,
            str(kind),
            ids,
            _written(config.get("written", [".", "", ""])),
            _usual(config),
            _others(config),
        )
        apart = (*found.targets, *ids)
        if len({*found.names, *apart}) != len(columns) + len(apart):
            raise FileFormatError("the columns of a table's reader must differ.")
        return found


_ADDED = {
    "missing",
    "target_type",
    "ids",
    "written",
    "usual",
    "others",
}  # keys that older files lack


def _words(config: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = config.get(name, [])
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise FileFormatError(f"`{name}` of a table's reader is {str(found)[:40]!r}.")
    return tuple(found)


def _format(written: NumberFormat) -> list[str]:
    return [written.decimal, written.thousands, written.unit]


def _others(config: Mapping[str, Any]) -> tuple[tuple[str, NumberFormat], ...]:
    found = config.get("others", [])
    if not isinstance(found, list) or not all(
        isinstance(one, list) and len(one) == 2 and isinstance(one[0], str) for one in found
    ):
        raise FileFormatError(f"`others` of a table's reader is {str(found)[:40]!r}.")
    return tuple((name, _written(written)) for name, written in found)


def _written(found: Any) -> NumberFormat:
    texts = isinstance(found, list) and [type(part) for part in found] == [str] * 3
    if (
        not texts
        or found[0] not in (".", ",")
        or found[1] not in MARKS
        or not (found[2] == "" or is_unit(found[2]))
    ):
        raise FileFormatError(f"`written` of a table's reader is {str(found)[:40]!r}.")
    return NumberFormat(*found)


def _usual(config: Mapping[str, Any]) -> tuple[float, ...]:
    found = config.get("usual", [])
    if not isinstance(found, list) or not all(
        type(number) in (int, float) and isfinite(number) for number in found
    ):
        raise FileFormatError(f"`usual` of a table's reader is {str(found)[:40]!r}.")
    return tuple(map(float, found))


def _missing(names: list[str], there: list[str]) -> str:
    listed = ", ".join(f"`{name}`" for name in names[:8])
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    close = [match for name in names[:8] for match in get_close_matches(name, there, 1)]
    noun, alike = ("column" if len(some) == 1 else "columns" for some in (names, close))
    hint = f" (there is the {alike} {', '.join(f'`{name}`' for name in close)})" if close else ""
    return f"lacks the {noun} {listed}{more}, which the model was trained on{hint}."
