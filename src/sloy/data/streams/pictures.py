"""Streams of pictures: files of their own, or encoded within Parquet files and tar archives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sloy.data.images import Encoded
from sloy.data.pictures import PictureReader, read_pictures
from sloy.data.streams.source import BlockSource, StreamSource, digest, of_files


class PictureFiles(StreamSource):
    """Picture files, decoded by several threads whenever they are taken.

    Parameters
    ----------
    paths : sequence of Path
    reader : PictureReader
    name : str
    base : Path
        Names of files count from it, so that a folder that was moved is the same.
    threads : int
        That decode; 0 takes the cores that this process may use.
    """

    def __init__(
        self, paths: Sequence[Path], reader: PictureReader, name: str, base: Path, threads: int = 0
    ) -> None:
        self._paths = tuple(paths)
        self.reader = reader
        self._threads = threads
        told = digest([of_files(paths, base), str(reader)])
        super().__init__(len(self._paths), reader.shape, "uint8", name, told)

    def fill(self, rows: np.ndarray, out: np.ndarray) -> None:
        """See `StreamSource.fill`."""
        paths = [self._paths[row] for row in rows.tolist()]
        decode(self.reader, paths, out, self._threads)
        self.counts.samples += len(paths)
        self.counts.nbytes += sum(os.stat(path).st_size for path in paths)

    def place(self, row: int) -> str:
        """The file."""
        return str(self._paths[row])


class EncodedPictures(BlockSource):
    """Pictures within other files, which are read in blocks; they are held as they are encoded.

    Parameters
    ----------
    starts, sizes, hold, name, fingerprint
        See `BlockSource`.
    reader : PictureReader
    threads : int
        That decode; 0 takes the cores that this process may use.
    """

    def __init__(
        self,
        starts: Sequence[int] | np.ndarray,
        sizes: np.ndarray,
        hold: int,
        name: str,
        fingerprint: str,
        *,
        reader: PictureReader,
        threads: int = 0,
    ) -> None:
        self.reader = reader
        self._threads = threads
        told = digest([fingerprint, str(reader)])
        super().__init__(starts, sizes, hold, reader.shape, "uint8", name, told, encoded=True)

    def deliver(self, held: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
        """Decode pictures; see `BlockSource.deliver`."""
        named = zip(held.tolist(), rows.tolist(), strict=True)
        sources = [Encoded(content, self.place(row)) for content, row in named]
        decode(self.reader, sources, out, self._threads)


def objects(values: Sequence[bytes]) -> np.ndarray:
    """Files' contents as an array of objects (n,)."""
    found = np.empty(len(values), object)
    found[:] = values
    return found


def decode(
    reader: PictureReader, sources: Sequence[Path | Encoded], out: np.ndarray, threads: int
) -> None:
    """Pictures into an array uint8 (n, H, W, C); what the first that fails raises is raised."""
    failures = read_pictures(reader, sources, out, threads=threads, stop_at_first=True)
    if failures:
        raise failures[min(failures)]
