"""`StreamRows`: samples of a stream, or some of them, as `Dataset` and what comes after take them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sloy.data.lazy_rows import LazyRows
from sloy.data.streams.source import FARTHEST, StreamSource, digest
from sloy.errors import InvalidArgument, SloyError
from sloy.graph.threefry import Key, fold_in, make_key, permutation, permutations, uniform

SEEN = 10_000  # rows that figures of all are taken from

Change = Callable[[np.ndarray, str], np.ndarray]  # rows and what they are called → rows


@dataclass(frozen=True, eq=False)
class StreamRows(LazyRows):
    """Rows of a source, read when some of them are taken.

    Parameters
    ----------
    source : StreamSource
    numbers : int64 array, shape (n,), optional
        Rows of the source; by default all, in its order.
    change : callable, optional
        What is done to rows that were read: (rows (n, …), what they are called) → the same shape, of `dtype`.
    changed_dtype : str, optional
        What `change` gives; by default the source's dtype.
    """

    source: StreamSource
    numbers: np.ndarray | None = None
    change: Change | None = None
    changed_dtype: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, …)."""
        count = self.source.count if self.numbers is None else len(self.numbers)
        return count, *self.source.sample_shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of rows that are taken."""
        return np.dtype(self.changed_dtype or self.source.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes that are held at most."""
        return self.source.held + (0 if self.numbers is None else self.numbers.nbytes)

    @property
    def fingerprint(self) -> str:
        """Of the source's files, and of which rows these are."""
        numbers = b"" if self.numbers is None else self.numbers.astype("<i8").tobytes()
        return digest([self.source.fingerprint, numbers.hex()])

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Some rows (a slice, or numbers of rows (n,)), read: a new array (n, …)."""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        chosen = np.atleast_1d(self._of_source(np.asarray(rows, np.int64)))
        read = np.empty((len(chosen), *self.source.sample_shape), self.source.dtype)
        self.source.fill(chosen, read)
        if self.change is None:
            return read
        try:
            return self.change(read, self.source.name)
        except SloyError:
            for row, one in zip(chosen.tolist(), read, strict=True):
                self.change(one[None], self.source.place(row))  # says which one it is
            raise

    def take(self, rows: np.ndarray) -> StreamRows:
        """Some rows, not yet read."""
        return replace(self, numbers=self._of_source(np.asarray(rows, np.int64)))

    def changed(self, change: Change, dtype: str) -> StreamRows:
        """The same rows, each changed when it is read."""
        before = self.change
        both = (
            change if before is None else (lambda rows, where: change(before(rows, where), where))
        )
        return replace(self, change=both, changed_dtype=dtype)

    def some(self, count: int = SEEN) -> np.ndarray:
        """The first rows of a mixed order, read: what figures of all are taken from."""
        return self[self.orders(make_key(0, "some")[None])[0, :count]]

    def expect(self, rows: np.ndarray | None) -> None:
        """See `LazyRows.expect`."""
        self.source.expect(None if rows is None else self._of_source(rows))

    # --- order ------------------------------------------------------------------------------------

    def orders(self, keys: Key) -> np.ndarray:
        """The order of an epoch for each key, uint32 (n, 2): int64 (n, N).

        Blocks come in a random order, and each row is put off by an exponential draw, so that rows of many blocks
        mix while few are held: what a reservoir of that many rows does, but as a function of key and row alone. Where
        rows can be read in any order, or all are held in the end, it is the order of samples in memory.
        """
        mean = self.source.delay
        if mean is None:
            return permutations(len(self), keys)
        return np.stack([self._order(key, mean) for key in keys])

    def _order(self, key: Key, mean: float) -> np.ndarray:
        _, block = np.unique(self._block_of_row, return_inverse=True)
        rank = np.argsort(permutation(int(block.max(initial=-1)) + 1, key))
        by_block = np.argsort(rank[block], kind="stable")
        delay = np.minimum(-np.log1p(-uniform(fold_in(key, 1), (len(self),))), FARTHEST) * mean
        return by_block[np.argsort(np.arange(len(self)) + delay[by_block], kind="stable")]

    def in_blocks(self, fraction: float, seed: int) -> np.ndarray | None:
        """About a share of the rows in whole blocks, drawn, rising; None where rows can be read in any order.

        Raises `InvalidArgument` where there is one block.
        """
        if self.source.delay is None:
            return None
        numbers, block, counts = np.unique(
            self._block_of_row, return_inverse=True, return_counts=True
        )
        if len(numbers) < 2:
            raise InvalidArgument(
                f"{self.source.name} is one block, of which no part can be kept apart; give samples of their own."
            )
        order = permutation(len(numbers), make_key(seed, "split"))
        enough = int(np.searchsorted(np.cumsum(counts[order]), round(fraction * len(self)))) + 1
        taken = np.zeros(len(numbers), bool)
        taken[order[: min(enough, len(numbers) - 1)]] = True
        return np.flatnonzero(taken[block])

    @property
    def _block_of_row(self) -> np.ndarray:
        """The block of each row, int64 (N,)."""
        starts = self.source.starts
        assert starts is not None
        if self.numbers is None:
            return np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        return np.searchsorted(starts, self.numbers, "right") - 1

    def _of_source(self, rows: np.ndarray) -> np.ndarray:
        return rows if self.numbers is None else self.numbers[rows]
