"""Where the rows of a table come from: text files, Parquet files, data frames; always in frames of the same rows.

A frame holds about the next `FRAME_CELLS` cells of the table, whatever the file's own pieces are, so that figures added
up frame by frame are the same to the last bit for a file and for a data frame with the same rows.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.arguments import path_of
from sloy.data.archives import is_workbook
from sloy.data.other_kinds import other_kind
from sloy.data.tables import parquet_child, workbook_child
from sloy.data.tables.lines import MOST_COLUMNS, SEPARATORS, Header, blocks, read_header
from sloy.data.tables.numerals import decimal_point
from sloy.data.tables.values import polars, refusing
from sloy.errors import FileFormatError, InvalidArgument, NotAvailable
from sloy.files.apart import asked
from sloy.text import is_number, many, shown

if TYPE_CHECKING:
    import polars as pl

_WORKBOOK_SECONDS, _WORKBOOK_PACE = 5, 200_000  # of the processor, and bytes for another one
_WORKBOOK_MEMORY, _WORKBOOK_SPREAD = 512 << 20, 100  # bytes, and for each byte of the file
_PARQUET_SECONDS, _PARQUET_PACE = 10, 2_000_000
_PARQUET_MEMORY, _PARQUET_SPREAD = 1 << 30, 20

FRAME_CELLS = 1 << 18
FRAME_STEP = 1024  # frames hold a multiple of so many rows: whole batches, so that predictions do not depend on frames


@dataclass(frozen=True, eq=False)
class Source(ABC):
    """A table that can be read several times.

    Attributes
    ----------
    label : str
        What messages call it: the file's path.
    names : tuple of str
        Of its columns.
    """

    label: str
    names: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was lost where the file was read."""
        return ()

    @property
    def frame_rows(self) -> int:
        """Rows of a frame."""
        return max(1, FRAME_CELLS // len(self.names) // FRAME_STEP) * FRAME_STEP

    @abstractmethod
    def pieces(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """All rows in order, some of the columns, in pieces of any size."""

    def frames(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """All rows in order, some of the columns, in frames of a fixed number of rows; the last may have fewer."""
        rows = self.frame_rows
        waiting: list[pl.DataFrame] = []
        count = 0
        for piece in self.pieces(columns):
            waiting.append(piece)
            count += piece.height
            if count < rows:
                continue
            joined = polars().concat(waiting)
            whole = count - count % rows
            for first in range(0, whole, rows):
                yield joined.slice(first, rows)
            waiting, count = [joined.slice(whole)], count - whole
        if count:
            yield polars().concat(waiting)

    def decimal_point(self) -> str:
        """The decimal point of the texts, "." or ",", where the first rows leave no doubt; else nothing."""
        first = next(self.frames(self.names), None)
        texts = () if first is None else (s for s in first if s.dtype == polars().String)
        return decimal_point(texts)


@dataclass(frozen=True, eq=False)
class TextTable(Source):
    """CSV, TSV and their like, compressed or not."""

    path: Path
    header: Header

    def pieces(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """See `Source.pieces`; every cell is a string."""
        pl = polars()
        places = {name: place for place, name in enumerate(self.names)}
        indices = sorted(places[name] for name in columns)
        for block in blocks(self.path, self.header):
            if not block.rows:
                continue
            with refusing(self.label, "cannot be read"):
                frame = pl.read_csv(
                    block.content,
                    has_header=False,
                    separator=self.header.separator,
                    infer_schema=False,
                    columns=indices,
                )
            if frame.height != block.rows:
                raise FileFormatError(
                    f"{self.label}: {block.rows} rows were counted where {frame.height} were read; are its"
                    " quotation marks right?"
                )
            frame.columns = [self.names[index] for index in indices]
            yield frame.select(columns)


@dataclass(frozen=True, eq=False)
class ParquetTable(Source):
    """A Parquet file; only the columns that are asked for are read."""

    path: Path

    def pieces(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """See `Source.pieces`."""
        pl = polars()
        rows, first = self.frame_rows, 0
        while True:
            with refusing(self.label, "damaged Parquet"):
                frame = (
                    pl.scan_parquet(os.fspath(self.path))
                    .select(columns)
                    .slice(first, rows)
                    .collect()
                )
            if not frame.height:
                return
            yield frame
            first += rows


@dataclass(frozen=True, eq=False)
class FrameTable(Source):
    """A polars data frame.

    Attributes
    ----------
    frame : polars.DataFrame
    errors : mapping
        Column → its cells that hold an error of a spreadsheet, which are missing.
    """

    frame: pl.DataFrame
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """See `Source.notes`."""
        return tuple(
            f"`{name}`: {many(len(cells), 'cell')} {'holds an error' if len(cells) == 1 else 'hold errors'}"
            f" ({', '.join(cells[:3])}{', …' if len(cells) > 3 else ''}), taken as missing"
            for name, cells in self.errors.items()
        )

    def pieces(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """See `Source.pieces`."""
        yield self.frame.select(columns)


def is_table(source: Any) -> bool:
    """Whether `open_table` takes it: a path, a data frame, a mapping of columns."""
    return isinstance(source, str | os.PathLike | Mapping) or is_frame(source)


def open_table(source: Any, separator: str | None = None) -> Source:
    """A table by its path, or one that is in memory.

    Parameters
    ----------
    source : str, Path, polars.DataFrame, pandas.DataFrame, Arrow's table, or mapping of name to values
        Files are told apart by their first bytes: Parquet, gzip, Zstandard, else text.
    separator : str, optional
        Between the fields of a text; found in its first line by default.

    Raises
    ------
    FileFormatError
        Where the file is missing, empty, or no table.
    InvalidArgument
        Where a column has no name or two have the same.
    """
    if separator is not None and (not isinstance(separator, str) or separator not in SEPARATORS):
        known = ", ".join(map(repr, SEPARATORS))
        raise InvalidArgument(
            f"open_table: `separator` (={shown(separator)}) must be one of {known}."
        )
    if isinstance(source, Source):
        return source
    if isinstance(source, str | os.PathLike):
        path = path_of("open_table", "source", source)
        return _open_file(path, separator)
    if not is_table(source):
        raise InvalidArgument(
            f"a table is a path, a data frame (polars, pandas, Arrow), or a mapping of columns; this is a"
            f" {type(source).__name__}."
        )
    frame = _frame(source)
    frame = frame.rename(dict(zip(frame.columns, _named(frame.columns), strict=True)))
    return FrameTable("the table", _checked_names("the table", frame.columns), frame)


def _open_file(path: Path, separator: str | None) -> Source:
    label = str(path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FileFormatError(f"{path}: is not a file.")
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        if not is_parquet:
            if is_workbook(path):
                return _workbook(path)
            if (kind := other_kind(path, tables=True)) is not None:
                raise FileFormatError(f"{path}: {kind}.")
            polars()
            header = read_header(path, separator)
            given = _named(header.names)
            # 0, 1, 2, … may well be names.
            counted = all(map(str.isdecimal, given)) and len(set(given)) == len(given)
            if all(map(is_number, given)) and not counted:
                raise FileFormatError(
                    f"{path}: the first line holds numbers ({', '.join(given[:3])}, …); it must name the columns."
                )
            names = _checked_names(label, given)
            return TextTable(label, names, path, Header(names, header.separator))
        now = path.stat()
        _check_parquet(path, now.st_size, (now.st_ino, now.st_mtime_ns))
        with refusing(label, "damaged Parquet"):
            schema = polars().read_parquet_schema(os.fspath(path))
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror or error}.") from None
    return ParquetTable(label, _checked_names(label, list(schema)), path)


@lru_cache(maxsize=64)
def _check_parquet(path: Path, size: int, _state: tuple[int, int]) -> None:
    """Raise `FileFormatError` unless a child process can read all of it; once for each state of a file."""
    asked(
        parquet_child.__file__,
        "the reader of Parquet",
        {"path": str(path.absolute()), "cells": FRAME_CELLS},
        seconds=_PARQUET_SECONDS + size // _PARQUET_PACE,
        memory=_PARQUET_MEMORY + _PARQUET_SPREAD * size,
    )


def _workbook(path: Path) -> Source:
    """The first sheet of a file of Excel, read in a child process: two cells far apart would take all memory."""
    if find_spec("fastexcel") is None:
        raise NotAvailable(
            f"{path}: is a workbook of Excel, which needs fastexcel: `pip install 'sloy[excel]'`; or save the sheet"
            " as CSV."
        )
    pl, size = polars(), path.stat().st_size
    answer, data = asked(
        workbook_child.__file__,
        "the reader of workbooks",
        {"path": str(path.absolute())},
        seconds=_WORKBOOK_SECONDS + size // _WORKBOOK_PACE,
        memory=_WORKBOOK_MEMORY + _WORKBOOK_SPREAD * size,
    )
    frame = pl.read_ipc(data)
    names = _checked_names(str(path), _named(answer["names"]))
    frame = frame.rename(dict(zip(frame.columns, names, strict=True)))
    errors = {names[int(column)]: cells for column, cells in answer["errors"].items()}
    return FrameTable(str(path), names, frame, errors)


def _named(names: Sequence[str]) -> list[str]:
    """The names; columns without one, such as pandas' index or those of trailing commas, are called column_N."""
    return [name or f"column_{number}" for number, name in enumerate(names, 1)]


def _checked_names(label: str, given: Sequence[str]) -> tuple[str, ...]:
    """The names of columns: all there, and all different."""
    names = list(given)
    if len(names) > MOST_COLUMNS:
        raise FileFormatError(
            f"{label}: has {len(names)} columns; at most {MOST_COLUMNS} are read."
        )
    first_index: dict[str, int] = {}
    for index, name in enumerate(names):
        if name == "":
            raise FileFormatError(f"{label}: column {index + 1} has no name.")
        if (first := first_index.setdefault(name, index)) != index:
            raise FileFormatError(
                f"{label}: columns {first + 1} and {index + 1} are both named {name!r}; names must differ."
            )
    return tuple(names)


# --- tables in memory -------------------------------------------------------------------------------------------------


def is_frame(value: Any) -> bool:
    """Whether it is a data frame of polars or pandas, or gives its columns as Arrow does (pyarrow, DuckDB)."""
    kind = type(value)
    if kind.__module__.partition(".")[0] in ("polars", "pandas"):
        return hasattr(kind, "columns")
    return hasattr(value, "__arrow_c_stream__") and any(
        hasattr(value, names) for names in ("schema", "columns")
    )


def _frame(source: Any) -> pl.DataFrame:
    """A polars data frame of anything in memory."""
    pl = polars()
    if isinstance(source, pl.LazyFrame):
        return source.collect()
    if isinstance(source, pl.DataFrame):
        return source
    if not isinstance(source, Mapping) and type(source).__module__.partition(".")[0] != "pandas":
        return pl.DataFrame(source)
    names = list(source) if isinstance(source, Mapping) else list(source.columns)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidArgument(f"the table has two columns named {twice!r}; names must differ.")
    columns = [_series(str(name), source[name]) for name in names]
    lengths = {series.name: len(series) for series in columns}
    if len(set(lengths.values())) > 1:
        raise InvalidArgument(f"the columns of the table differ in length: {lengths}.")
    return pl.DataFrame(columns)


def _series(name: str, values: Any) -> pl.Series:
    """A column of any kind: an array, a list, a pandas or polars series."""
    pl = polars()
    if isinstance(values, pl.Series):
        return values.rename(name)
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise InvalidArgument(
            f"column {name!r} is a {type(values).__name__}; it must hold one value for each row."
        )
    kind = getattr(values, "dtype", None)
    if getattr(kind, "tz", None) is not None:  # pandas': the clock on the wall
        values = values.dt.tz_localize(None)
    elif type(kind).__name__ == "PeriodDtype":
        values = values.dt.to_timestamp()
    elif type(kind).__name__ == "CategoricalDtype":  # names, though they be numbers
        names = [None if _is_gap(value) else str(value) for value in values.tolist()]
        return pl.Series(name, names, dtype=pl.Categorical)
    array = np.asarray(values) if not hasattr(values, "to_numpy") else values.to_numpy()
    if array.ndim != 1:
        raise InvalidArgument(f"column {name!r} has shape {array.shape}; it must be (N,).")
    if array.dtype.kind in "biuf":
        return pl.Series(name, array)
    if array.dtype.kind == "M":
        return pl.Series(name, array.astype("datetime64[us]"))
    if array.dtype.kind == "m":
        return pl.Series(name, array.astype("timedelta64[us]"))
    cells = [None if _is_gap(value) else value for value in array.tolist()]
    try:
        return pl.Series(name, cells, strict=True)
    except (TypeError, ValueError, pl.exceptions.PolarsError):
        return pl.Series(name, [None if cell is None else str(cell) for cell in cells])


def _is_gap(value: Any) -> bool:
    """None, NaN, NaT and pandas' NA: what does not equal itself."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value
