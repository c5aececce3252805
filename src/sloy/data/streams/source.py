"""`StreamSource`: samples that are read when they are needed, one by one or in blocks, some of which are held."""

from __future__ import annotations

import hashlib
import os
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sloy import text
from sloy.errors import InvalidArgument

HOLD = 256_000_000  # bytes of blocks that are held
FEWEST = 6  # blocks that must fit into what is held: beyond the order's reach of four delays, two that end
FARTHEST = 4  # a row is put off by at most so many times the mean


@dataclass
class Counts:
    """What was read so far.

    Attributes
    ----------
    samples, blocks : int
    nbytes : int
        Of the files, where that is known.
    """

    samples: int = 0
    blocks: int = 0
    nbytes: int = 0


class StreamSource(ABC):
    """Samples of one shape and dtype, read when they are needed.

    Parameters
    ----------
    count : int
        Samples.
    sample_shape : tuple of int
    dtype : str
    name : str
        What it is called in messages.
    fingerprint : str
        What tells it from other data: names, sizes and times of its files.

    Attributes
    ----------
    counts : Counts
    """

    def __init__(
        self, count: int, sample_shape: tuple[int, ...], dtype: str, name: str, fingerprint: str
    ) -> None:
        self.count = count
        self.sample_shape = sample_shape
        self.dtype = np.dtype(dtype)
        self.name = name
        self.fingerprint = fingerprint
        self.counts = Counts()

    @property
    def starts(self) -> np.ndarray | None:
        """The first row of each block and, last, the count: int64 (blocks + 1,); None where rows are read alone."""
        return None

    @property
    def delay(self) -> float | None:
        """By how many rows the order puts a row off in the mean; None where any order will do."""
        return None

    @property
    def held(self) -> int:
        """Bytes that are held at most."""
        return 0

    @property
    def nbytes(self) -> int:
        """Bytes of all samples as arrays."""
        return self.count * int(np.prod(self.sample_shape, dtype=np.int64)) * self.dtype.itemsize

    @abstractmethod
    def fill(self, rows: np.ndarray, out: np.ndarray) -> None:
        """Samples of these rows, int64 (n,), into `out` (n, …)."""

    def place(self, row: int) -> str:
        """What a row is called in messages."""
        return f"sample {row} of {self.name}"

    def words(self) -> str:
        """What it holds at most and what it read, in words."""
        read = f"{text.count(self.counts.samples)} samples read"
        return read + (f", {text.size(self.counts.nbytes)}" if self.counts.nbytes else "")


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of a batch that are of one block.

    Attributes
    ----------
    number : int
        Of the block.
    block : Any
        What `BlockSource.read` gave.
    rows : int64 array (n,)
        Within the block.
    places : int64 array (n,)
        Where they stand in the batch.
    """

    number: int
    block: Any
    rows: np.ndarray
    places: np.ndarray


class BlockSource(StreamSource):
    """Samples that are read in blocks; the blocks used last are held, within a number of bytes.

    Parameters
    ----------
    starts : sequence of int
        The first row of each block and, last, the number of samples.
    sizes : int64 array (blocks,)
        Bytes of each block as it is held; where that is only guessed, `read` tells.
    hold : int
        Bytes.

    Raises
    ------
    InvalidArgument
        Where fewer than `FEWEST` blocks would be held.
    """

    def __init__(
        self,
        starts: Sequence[int] | np.ndarray,
        sizes: np.ndarray,
        hold: int,
        sample_shape: tuple[int, ...],
        dtype: str,
        name: str,
        fingerprint: str,
    ) -> None:
        self._starts = np.asarray(starts, np.int64)
        super().__init__(int(self._starts[-1]), sample_shape, dtype, name, fingerprint)
        self._sizes = np.asarray(sizes, np.int64)
        self._hold = hold
        self._blocks: OrderedDict[int, tuple[Any, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.RLock()
        least = FEWEST * int(self._sizes.max(initial=1))
        if not self._is_whole and hold < least:
            raise InvalidArgument(
                f"stream: `hold` (={hold}) must be at least {least} bytes for {name}: {FEWEST} of its blocks, the"
                f" largest of which takes {text.size(least // FEWEST)}; or write it in smaller blocks."
            )
        self.fingerprint = digest([fingerprint, str(self.delay), str(self._starts.tolist())])

    @property
    def starts(self) -> np.ndarray:
        """See `StreamSource.starts`."""
        return self._starts

    @property
    def _is_whole(self) -> bool:
        """Whether all blocks are held in the end."""
        return int(self._sizes.sum()) <= self._hold

    @property
    def delay(self) -> float | None:
        """Such that all blocks of which rows are still to come fit into what is held."""
        if self._is_whole:
            return None
        row = int(self._sizes.sum()) / max(1, self.count)
        blocks = self._hold - 2 * int(self._sizes.max())
        return blocks / row / FARTHEST

    @property
    def held(self) -> int:
        """See `StreamSource.held`."""
        return min(self._hold, int(self._sizes.sum()))

    @abstractmethod
    def read(self, number: int) -> tuple[Any, int]:
        """A block, in a form that `put` takes, and its bytes."""

    def put(self, parts: Sequence[Part], out: np.ndarray) -> None:
        """Rows of blocks into a batch; here blocks are arrays."""
        for part in parts:
            out[part.places] = part.block[part.rows]

    def fill(self, rows: np.ndarray, out: np.ndarray) -> None:
        """See `StreamSource.fill`; the blocks are read where they are not held."""
        with self._lock:
            for places in self._in_turn(rows):
                self.put(list(self._parts(rows, places)), out)
            self.counts.samples += len(rows)

    def _in_turn(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Places of a batch such that the blocks of each fit into what is held; mostly all at once."""
        numbers = np.searchsorted(self._starts, rows, "right") - 1
        several = np.unique(numbers)
        turn = np.cumsum(self._sizes[several]) // max(1, self._hold)
        if not len(turn) or not turn[-1]:
            yield np.arange(len(rows))
            return
        of_row = turn[np.searchsorted(several, numbers)]
        for number in np.unique(turn):
            yield np.flatnonzero(of_row == number)

    def _parts(self, rows: np.ndarray, places: np.ndarray) -> Iterator[Part]:
        numbers = np.searchsorted(self._starts, rows[places], "right") - 1
        order = np.argsort(numbers, kind="stable")
        several, first = np.unique(numbers[order], return_index=True)
        for number, some in zip(several.tolist(), np.split(order, first[1:]), strict=True):
            own = places[some]
            yield Part(number, self._block(number), rows[own] - self._starts[number], own)

    def _block(self, number: int) -> Any:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number][0]
        size = int(self._sizes[number])
        while self._blocks and self._bytes + size > self._hold:
            self._bytes -= self._blocks.popitem(last=False)[1][1]
        block, size = self.read(number)
        self._blocks[number] = block, size
        self._bytes += size
        self.counts.blocks += 1
        self.counts.nbytes += size
        return block

    def __getstate__(self) -> dict[str, Any]:
        """What pickle takes: all but what is held."""
        state = {**vars(self), "_blocks": OrderedDict(), "_bytes": 0}
        state.pop("_lock")
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.RLock()


def digest(words: Iterable[str]) -> str:
    """SHA-256 of words."""
    found = hashlib.sha256()
    for word in words:
        found.update(word.encode(errors="surrogateescape"))
        found.update(b"\0")
    return found.hexdigest()


def of_files(paths: Iterable[Path], base: Path) -> str:
    """A fingerprint of files by their names below a folder, sizes and times of the last change."""

    def words() -> Iterator[str]:
        for path in paths:
            told = path.stat()
            yield f"{os.path.relpath(path, base)} {told.st_size} {told.st_mtime_ns}"

    return digest(words())


def even_starts(count: int, rows: int) -> np.ndarray:
    """Blocks of so many rows, the last of which may have fewer: int64 (blocks + 1,)."""
    return np.minimum(np.arange(0, count + rows, rows, dtype=np.int64), count)
