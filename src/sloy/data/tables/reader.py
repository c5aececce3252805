"""`TableReader`: rows of a raw table as the numbers that a network takes."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sloy.data.readers import Reader
from sloy.data.tables.columns import Column, Remarks, column_from_config
from sloy.data.tables.sources import is_table, open_table
from sloy.data.tables.values import is_strange, without
from sloy.errors import FileFormatError, InvalidArgument

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class TableReader(Reader):
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
    """

    columns: tuple[Column, ...]
    target: str
    missing: tuple[str, ...] = ()
    kind: ClassVar[str] = "table"

    @property
    def labels(self) -> tuple[str, ...]:
        """What the prepared columns are called."""
        return tuple(label for column in self._arranged for label in column.labels)

    @property
    def classes(self) -> tuple[int, ...]:
        """The number of categories of each of the last prepared columns."""
        return tuple(column.classes for column in self._arranged if column.classes)

    @property
    def width(self) -> int:
        """The number of prepared columns."""
        return len(self.labels)

    @property
    def names(self) -> tuple[str, ...]:
        """The raw columns that are needed."""
        return tuple(column.name for column in self.columns)

    def takes(self, source: Any) -> bool:
        """See `Reader.takes`: a path, a data frame of polars or pandas, a mapping of names to values."""
        return is_table(source)

    def read(self, source: Any) -> np.ndarray:
        """The prepared rows, float32 (N, width).

        What was not as in training (categories it did not have, words where numbers were, gaps, columns that are not
        used) is told in a warning. See `Reader.read`.
        """
        remarks = Remarks()
        blocks = list(self.blocks(source, remarks))
        for line in remarks.lines():
            warnings.warn(line, stacklevel=level_of_user())
        return np.concatenate(blocks)

    def blocks(self, source: Any, remarks: Remarks) -> Iterator[np.ndarray]:
        """The prepared rows in order, in blocks of float32 (n, width).

        Raises
        ------
        InvalidArgument
            Where columns are missing; the message names them.
        """
        table = open_table(source)
        missing = [name for name in self.names if name not in table.names]
        if missing:
            raise InvalidArgument(f"{table.label}: {_missing(missing, table.names)}")
        known = {*self.names, self.target}
        remarks.unused = [name for name in table.names if name not in known]
        rows = 0
        for frame in table.frames(self.names):
            rows += frame.height
            yield self.prepare(frame, remarks)
        if not rows:
            raise FileFormatError(f"{table.label}: has no rows.")

    def prepare(self, frame: pl.DataFrame, remarks: Remarks) -> np.ndarray:
        """Rows as float32 (n, width)."""
        prepared = np.empty((frame.height, self.width), np.float32)
        position = 0
        for column in self._arranged:
            series = without(frame[column.name], self.missing)
            if is_strange(series):
                raise InvalidArgument(
                    f"column `{column.name}` is of type {series.dtype}; it was {column.kind} in training."
                )
            for values in column.prepare(series, remarks):
                prepared[:, position] = values
                position += 1
        return prepared

    @property
    def _arranged(self) -> list[Column]:
        return sorted(self.columns, key=lambda column: column.classes > 0)

    def to_config(self) -> dict[str, Any]:
        """See `Reader.to_config`."""
        columns = [column.to_config() for column in self.columns]
        return {"target": self.target, "columns": columns, "missing": list(self.missing)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TableReader:
        """See `Reader.from_config`."""
        if set(config) - {"missing"} != {"target", "columns"}:
            raise FileFormatError(f"a table's reader has the keys {sorted(config)}.")
        target, columns, missing = config["target"], config["columns"], config.get("missing", [])
        if not isinstance(missing, list) or not all(isinstance(word, str) for word in missing):
            raise FileFormatError(f"`missing` of a table's reader is {str(missing)[:40]!r}.")
        if not isinstance(target, str) or not isinstance(columns, list) or not columns:
            raise FileFormatError("a table's reader needs a target and columns.")
        found = cls(tuple(map(column_from_config, columns)), target, tuple(missing))
        if len({*found.names, target}) != len(columns) + 1:
            raise FileFormatError("the columns of a table's reader must differ.")
        return found


def level_of_user() -> int:
    """The stack level, counted from the caller, of the first frame outside of sloy."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("sloy."):
        frame, level = frame.f_back, level + 1
    return level


def _missing(names: list[str], there: tuple[str, ...]) -> str:
    listed = ", ".join(f"`{name}`" for name in names[:8])
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    close = [match for name in names[:8] for match in get_close_matches(name, there, 1)]
    hint = f" (there is {', '.join(f'`{name}`' for name in close)})" if close else ""
    noun = "column" if len(names) == 1 else "columns"
    return f"lacks the {noun} {listed}{more}, which the model was trained on{hint}."
