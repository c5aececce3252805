"""`StreamSource`: samples that are read when they are needed, one by one or in blocks, some of which are held."""

from __future__ import annotations

import hashlib
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sloy import text
from sloy.errors import InvalidArgument

HOLD = 256_000_000  # bytes of rows that are held
FEWEST = 6  # blocks that must fit into what is held
FARTHEST = 4  # a row is put off by at most so many times the mean
UNEVEN = 1.25  # times the mean size that encoded pictures which are held together may have


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

    def expect(self, rows: np.ndarray | None) -> None:
        """Which rows are to come, each once, before `expect` is called again; None where that is not known."""
        return

    def place(self, row: int) -> str:
        """What a row is called in messages."""
        return f"sample {row} of {self.name}"


class BlockSource(StreamSource):
    """Samples that are read in blocks; rows wait in a store of fixed size until they are taken.

    A row that was taken makes room, so that of a block that is read in the order of `StreamRows` each row is used once
    and all that is held is still to come. Any other order gives the same rows, at the cost of reading blocks again.
    Where the store takes all rows they stay in it.

    Parameters
    ----------
    starts : sequence of int
        The first row of each block and, last, the number of samples.
    sizes : int64 array (blocks,)
        Bytes of each block as it is held, about.
    hold : int
        Bytes of the store.
    encoded : bool
        Whether what is held are objects, of which `deliver` makes samples; else they are samples.

    Raises
    ------
    InvalidArgument
        Where fewer than `FEWEST` blocks fit into the store.
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
        *,
        encoded: bool = False,
    ) -> None:
        self._starts = np.asarray(starts, np.int64)
        super().__init__(int(self._starts[-1]), sample_shape, dtype, name, fingerprint)
        self._sizes = np.asarray(sizes, np.int64)
        self._encoded = encoded
        total, longest = int(self._sizes.sum()), int(np.diff(self._starts).max())
        row = max(1.0, total / self.count) * (UNEVEN if encoded else 1)
        self._places = self.count if total <= hold else int(hold / row)
        if self._places < min(self.count, FEWEST * longest):
            least = int(FEWEST * longest * row) + 1
            raise InvalidArgument(
                f"stream: `hold` (={hold}) must be at least {least} bytes for {name}: {FEWEST} of its blocks, the"
                f" largest of which has {longest} rows of {text.size(row)}; or write it in smaller blocks."
            )
        self._longest = longest
        self.fingerprint = digest([fingerprint, str(self.delay), str(self._starts.tolist())])
        self._lock = threading.RLock()
        self._store: _Store | None = None
        self._expected: np.ndarray | None = None  # bool (count,): rows that are still to come

    @property
    def starts(self) -> np.ndarray:
        """See `StreamSource.starts`."""
        return self._starts

    @property
    def _is_whole(self) -> bool:
        """Whether all rows are held in the end."""
        return self._places >= self.count

    @property
    def _together(self) -> int:
        """Rows that are taken before they make room."""
        return max(1, self._places // 8)

    @property
    def delay(self) -> float | None:
        """Such that the rows of blocks that were read, and are still to come, fit into the store."""
        if self._is_whole:
            return None
        return float(self._places - self._together - 2 * self._longest)

    @property
    def held(self) -> int:
        """See `StreamSource.held`."""
        return int(self._places * int(self._sizes.sum()) / self.count)

    @abstractmethod
    def read(self, number: int) -> np.ndarray:
        """The rows of a block: samples (n, …), or objects (n,)."""

    def deliver(self, held: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
        """Make samples of what is held of rows, where that are objects."""
        raise NotImplementedError

    def fill(self, rows: np.ndarray, out: np.ndarray) -> None:
        """See `StreamSource.fill`; blocks are read for the rows that are not held."""
        with self._lock:
            if self._store is None:
                shape = () if self._encoded else self.sample_shape
                dtype = np.dtype(object) if self._encoded else self.dtype
                self._store = _Store(self.count, self._places, shape, dtype)
            for first in range(0, len(rows), self._together):
                some = slice(first, first + self._together)
                self._fill(self._store, rows[some], out[some])
            self.counts.samples += len(rows)

    def _fill(self, store: _Store, rows: np.ndarray, out: np.ndarray) -> None:
        if self._expected is not None:
            self._expected[rows] = True
        store.ask(rows)
        missing = rows[store.lacks(rows)]
        for number in np.unique(np.searchsorted(self._starts, missing, "right") - 1).tolist():
            first, last = self._starts[number : number + 2].tolist()
            content, own = self.read(number), np.arange(first, last)
            wanted = store.lacks(own)
            if self._expected is not None:
                wanted &= self._expected[first:last]
            store.put(own[wanted], content[wanted])
            store.pin(missing[(missing >= first) & (missing < last)])
            self.counts.blocks += 1
            self.counts.nbytes += int(self._sizes[number])
        if self._encoded:
            self.deliver(store.get(rows), rows, out)
        else:
            store.get(rows, out)
        if not self._is_whole:
            store.free(np.unique(rows))
        if self._expected is not None:
            self._expected[rows] = False

    def expect(self, rows: np.ndarray | None) -> None:
        """See `StreamSource.expect`; what is held beside them makes room."""
        if self._is_whole:
            return
        with self._lock:
            self._expected = None
            if rows is None:
                return
            self._expected = np.zeros(self.count, bool)
            self._expected[rows] = True
            if self._store is not None:
                self._store.free(np.flatnonzero(~self._expected))

    def __getstate__(self) -> dict[str, Any]:
        """What pickle takes: all but what is held."""
        state = {**vars(self), "_store": None, "_expected": None}
        state.pop("_lock")
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = threading.RLock()


class _Store:
    """Rows that are held, each at a place of its own; where there is no room, those that came first go."""

    def __init__(
        self, count: int, places: int, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self._content = np.empty((places, *shape), dtype)
        self._place = np.full(count, -1, np.int64)  # of each row
        self._row = np.full(places, -1, np.int64)  # at each place
        self._age = np.zeros(places, np.int64)
        self._room = np.arange(places)[::-1].copy()  # places that are free, the first so many
        self._free = places
        self._time = 0

    @property
    def used(self) -> int:
        """Rows that are held."""
        return len(self._row) - self._free

    def lacks(self, rows: np.ndarray) -> np.ndarray:
        """Which of some rows are not held."""
        return self._place[rows] < 0

    def ask(self, rows: np.ndarray) -> None:
        """These rows are asked for now: those that are held stay."""
        self._time += 2
        self.pin(rows)

    def pin(self, rows: np.ndarray) -> None:
        """Rows, of those that are asked for, that came."""
        places = self._place[rows]
        self._age[places[places >= 0]] = self._time

    def put(self, rows: np.ndarray, content: np.ndarray) -> None:
        """Hold rows that are not held."""
        if (lacking := len(rows) - self._free) > 0:
            ages = np.where(self._row >= 0, self._age, np.iinfo(np.int64).max)
            self.free(self._row[np.argpartition(ages, lacking - 1)[:lacking]])
        places = self._room[self._free - len(rows) : self._free]
        self._free -= len(rows)
        self._content[places] = content
        self._place[rows], self._row[places], self._age[places] = places, rows, self._time - 1

    def get(self, rows: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """What is held of rows."""
        return np.take(self._content, self._place[rows], axis=0, out=out, mode="clip")

    def free(self, rows: np.ndarray) -> None:
        """Make room of rows, each given once; those that are not held do not count."""
        places = self._place[rows]
        places = places[places >= 0]
        self._room[self._free : self._free + len(places)] = places
        self._free += len(places)
        self._place[self._row[places]] = -1
        self._row[places] = -1
        if self._content.dtype == object:
            self._content[places] = None


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
