"""Parquet files as streams: columns of pictures as Hugging Face writes them, or of numbers; a block is a row group."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.data.pictures import PictureReader
from sloy.data.streams.footer import row_groups
from sloy.data.streams.pictures import EncodedPictures, objects
from sloy.data.streams.source import BlockSource, of_files
from sloy.data.tables.values import polars, refusing
from sloy.errors import FileFormatError, InvalidArgument
from sloy.text import named, shown

if TYPE_CHECKING:
    import polars as pl

BLOCK = 1 << 22  # bytes of a block, about: larger row groups are read in parts
LABELS = ("label", "labels", "target", "class", "y", "fine_label")
BYTES = "bytes"  # the field of a picture's column


class ParquetFiles:
    """Files with the same columns, one after another.

    Attributes
    ----------
    paths : tuple of Path
    schema : mapping of name to type
    groups : list of (file, first row in it, rows, bytes)
        What is read in one go.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self.schema = dict(self._schema(self.paths[0]))
        self.groups: list[tuple[int, int, int, int]] = []
        for number, path in enumerate(self.paths):
            if number and dict(self._schema(path)) != self.schema:
                raise FileFormatError(f"{path}: has other columns than {self.paths[0].name}.")
            first = 0
            for group in row_groups(path):
                rows = max(1, -(-group.rows // max(1, -(-group.nbytes // BLOCK))))
                share = group.nbytes / max(1, group.rows)
                for begin in range(0, group.rows, rows):
                    count = min(rows, group.rows - begin)
                    self.groups.append((number, first + begin, count, int(count * share)))
                first += group.rows
        if not self.groups:
            raise FileFormatError(f"{self.paths[0]}: has no rows.")

    @property
    def starts(self) -> np.ndarray:
        """The first row of each block and, last, the count."""
        return np.cumsum([0, *(rows for _, _, rows, _ in self.groups)])

    @property
    def name(self) -> str:
        """In messages."""
        first = self.paths[0]
        return (
            first.name
            if len(self.paths) == 1
            else f"{len(self.paths)} files of {first.parent.name}"
        )

    @property
    def fingerprint(self) -> str:
        """See `of_files`."""
        return of_files(self.paths, Path(os.path.commonpath([p.parent for p in self.paths])))

    def block(self, number: int, columns: Sequence[str]) -> pl.DataFrame:
        """Some columns of a block."""
        file, first, rows, _ = self.groups[number]
        return self._rows(self.paths[file], columns, first, rows)

    def column(self, name: str) -> pl.Series:
        """A column of all files."""
        parts = [self._rows(path, [name])[name] for path in self.paths]
        return parts[0] if len(parts) == 1 else polars().concat(parts)

    def place(self, row: int) -> str:
        """A row in words."""
        number = int(np.searchsorted(self.starts, row, "right")) - 1
        file, first, _, _ = self.groups[number]
        return f"row {first + row - int(self.starts[number]) + 1} of {self.paths[file]}"

    def names_of_classes(self, column: str) -> tuple[str, ...]:
        """What Hugging Face's note in the file calls the labels of a column; none without one."""
        with refusing(str(self.paths[0]), "damaged Parquet"):
            notes = polars().read_parquet_metadata(os.fspath(self.paths[0]))
        try:
            names = json.loads(notes["huggingface"])["info"]["features"][column]["names"]
        except (LookupError, TypeError, ValueError):
            return ()
        return tuple(map(str, names)) if isinstance(names, list) else ()

    def target(self, given: str | None) -> str:
        """The column of labels: the one given, or one that is called like one."""
        if given is not None:
            if given not in self.schema:
                raise InvalidArgument(
                    f"stream: `target` (={shown(given)}) is no column of {self.name}; they are {self._columns}."
                )
            return given
        found = [name for name in LABELS if name in self.schema]
        if not found:
            raise InvalidArgument(
                f"stream: `target` must name the column to learn; those of {self.name} are {self._columns}."
            )
        return found[0]

    @property
    def _columns(self) -> str:
        return named(list(self.schema), 12)

    def pictures(self) -> str | None:
        """The column of pictures: bytes, or a struct with bytes; None without one."""
        pl = polars()
        for name, kind in self.schema.items():
            fields = {f.name: f.dtype for f in getattr(kind, "fields", ())}
            if kind == pl.Binary or fields.get(BYTES) == pl.Binary:
                return name
        return None

    def _schema(self, path: Path) -> Any:
        with refusing(str(path), "damaged Parquet"):
            return polars().read_parquet_schema(os.fspath(path))

    def _rows(
        self, path: Path, columns: Sequence[str], first: int = 0, rows: int | None = None
    ) -> pl.DataFrame:
        with refusing(str(path), "damaged Parquet"):
            lazy = polars().scan_parquet(os.fspath(path)).select(columns)
            return lazy.slice(first, rows).collect()


class ParquetPictures(EncodedPictures):
    """A column of pictures."""

    def __init__(self, files: ParquetFiles, column: str, reader: PictureReader, hold: int) -> None:
        self._files, self._column = files, column
        sizes = np.array([nbytes for *_, nbytes in files.groups])
        super().__init__(files.starts, sizes, hold, files.name, files.fingerprint, reader=reader)

    def read(self, number: int) -> np.ndarray:
        """The pictures of a block, encoded."""
        return objects(pictures_of(self._files, self._column, number))

    def place(self, row: int) -> str:
        """The row and its file."""
        return self._files.place(row)


def pictures_of(files: ParquetFiles, column: str, number: int) -> list[bytes]:
    """The encoded pictures of a block; no bytes where a row has none, which is said when it is to be decoded."""
    found = files.block(number, [column])[column]
    if found.dtype != polars().Binary:
        found = found.struct.field(BYTES)
    return found.fill_null(b"").to_list()


class ParquetNumbers(BlockSource):
    """Columns of numbers as rows (N, d), float32, or float64 where one of them is that."""

    def __init__(self, files: ParquetFiles, columns: Sequence[str], hold: int) -> None:
        pl = polars()
        self._files, self._columns = files, tuple(columns)
        wide = any(files.schema[name] in (pl.Float64, pl.Int64, pl.UInt64) for name in columns)
        dtype = "float64" if wide else "float32"
        row = len(columns) * np.dtype(dtype).itemsize
        super().__init__(
            files.starts,
            np.diff(files.starts) * row,
            hold,
            (len(columns),),
            dtype,
            files.name,
            files.fingerprint,
        )

    def read(self, number: int) -> np.ndarray:
        """A block as an array."""
        frame = self._files.block(number, self._columns)
        block = np.empty((frame.height, len(self._columns)), self.dtype)
        for place, name in enumerate(self._columns):
            column = frame[name]
            if column.null_count():
                row = int(self.starts[number]) + int(column.is_null().arg_true()[0])
                raise FileFormatError(
                    f"{self._files.place(row)}: has no number in column `{name}`; a stream takes numbers alone"
                    " (sloy.data.load_table fills gaps)."
                )
            block[:, place] = column.to_numpy()
        return block

    def place(self, row: int) -> str:
        """The row and its file."""
        return self._files.place(row)
