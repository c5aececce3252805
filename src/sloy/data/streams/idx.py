"""IDX files as streams: blocks of rows, read where they lie; gzipped ones are unpacked into a temporary file first."""

from __future__ import annotations

import gzip
import os
import tempfile
import zlib
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np

from sloy.data.idx import idx_header
from sloy.data.streams.source import BlockSource, even_starts, of_files
from sloy.errors import FileFormatError

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
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        self._file: BinaryIO = _unpacked(path) if zipped else path.open("rb")
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        shape, self._stored = idx_header(path, self._file, size)
        self._first = self._file.tell()
        rest = shape[1:] if len(shape) != 3 else (*shape[1:], 1)  # (N, H, W) → (N, H, W, C)
        plain = self._stored.newbyteorder("=").name
        self._row = prod(rest) * self._stored.itemsize
        starts = even_starts(shape[0], max(1, BLOCK // self._row))
        kept = plain if plain in ("uint8", "float32", "float64") else "float32"
        held = np.diff(starts) * prod(rest) * np.dtype(kept).itemsize
        super().__init__(
            starts, held, hold, rest, kept, path.name, of_files([path], path.parent)
        )

    def read(self, number: int) -> tuple[np.ndarray, int]:
        """Rows of a block, as an array."""
        first, last = self.starts[number : number + 2].tolist()
        wanted = (last - first) * self._row
        found = os.pread(self._file.fileno(), wanted, self._first + first * self._row)
        if len(found) != wanted:
            raise FileFormatError(f"{self._path}: was cut short while it was read.")
        block = np.frombuffer(found, self._stored).reshape(last - first, *self.sample_shape)
        block = block.astype(self.dtype, copy=False)
        return block, block.nbytes


def _unpacked(path: Path) -> BinaryIO:
    """A gzipped file as a temporary one without a name."""
    file = tempfile.TemporaryFile()
    try:
        with gzip.open(path) as unzipped:
            while piece := unzipped.read(1 << 20):
                file.write(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileFormatError(f"{path}: damaged or truncated gzip data ({error}).") from None
    file.flush()
    return file
