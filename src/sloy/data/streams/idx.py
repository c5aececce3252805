"""IDX files as streams: blocks of rows, read where they lie; gzipped ones are unpacked into a temporary file first."""

from __future__ import annotations

import gzip
import os
import tempfile
import weakref
import zlib
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from sloy.data.idx import GZIP, idx_header
from sloy.data.streams.source import BlockSource, even_starts, of_files
from sloy.errors import FileFormatError
from sloy.text import reason

BLOCK = 1 << 16  # bytes of a block, about


class IdxRows(BlockSource):
    """The arrays along the first axis of an IDX file.

    Parameters
    ----------
    path : Path
    hold : int
        Bytes of blocks that are held.
    """

    def __init__(self, path: Path, hold: int) -> None:
        self._path = path
        self._descriptor: int | None = None  # of the file, once it was read from
        with open(self._opened(), "rb", closefd=False) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            shape, self._stored = idx_header(path, file, size)
            self._first = file.tell()
        rest = shape[1:] if len(shape) != 3 else (*shape[1:], 1)  # (N, H, W) → (N, H, W, C)
        plain = self._stored.newbyteorder("=").name
        self._row = prod(rest) * self._stored.itemsize
        starts = even_starts(shape[0], max(1, BLOCK // self._row))
        kept = plain if plain in ("uint8", "float32", "float64") else "float32"
        held = np.diff(starts) * prod(rest) * np.dtype(kept).itemsize
        told = of_files([path], path.parent)
        super().__init__(starts, held, hold, rest, kept, path.name, told)

    def read(self, number: int) -> np.ndarray:
        """Rows of a block, as an array."""
        first, last = self.starts[number : number + 2].tolist()
        wanted = (last - first) * self._row
        found = os.pread(self._opened(), wanted, self._first + first * self._row)
        if len(found) != wanted:
            raise FileFormatError(f"{self._path}: was cut short while it was read.")
        block = np.frombuffer(found, self._stored).reshape(last - first, *self.sample_shape)
        return block.astype(self.dtype, copy=False)

    def _opened(self) -> int:
        """The file, plain, as a descriptor that is closed when this is gone."""
        if self._descriptor is None:
            with self._path.open("rb") as file:
                zipped = file.read(2) == GZIP
            with _unpacked(self._path) if zipped else self._path.open("rb") as plain:
                self._descriptor = os.dup(plain.fileno())
            weakref.finalize(self, os.close, self._descriptor)
        return self._descriptor

    def __getstate__(self) -> dict[str, Any]:
        """See `BlockSource.__getstate__`."""
        return {**super().__getstate__(), "_descriptor": None}


def _unpacked(path: Path) -> IO[bytes]:
    """A gzipped file as a temporary one without a name."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asked closes it
    try:
        with gzip.open(path) as unzipped:
            while piece := unzipped.read(1 << 20):
                file.write(piece)
        file.flush()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        file.close()
        raise FileFormatError(
            f"{path}: damaged or truncated gzip data ({reason(error)})."
        ) from None
    return file
