"""`SparseRows`: samples that are mostly zeros, made arrays a batch at a time: of their entries, or whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sloy.data.lazy_rows import LazyRows
from sloy.errors import InvalidArgument


@dataclass(frozen=True, eq=False)
class SparseRows(LazyRows):
    """Rows (N, d) of which the zeros are not held (compressed sparse rows, CSR).

    Parameters
    ----------
    starts : int64 array, shape (N + 1,)
        Row n holds the entries from ``starts[n]`` to ``starts[n + 1]``.
    places : integer array, shape (entries,)
        Their columns, each once in a row.
    values : float array, shape (entries,)
    width : int
        d.

    Examples
    --------
    >>> rows = SparseRows(np.array([0, 1, 3]), np.array([2, 0, 1]), np.array([5.0, 6.0, 7.0]), 3)
    >>> len(rows), rows.shape, rows[1:].tolist()
    (2, (2, 3), [[6.0, 7.0, 0.0]])
    """

    starts: np.ndarray
    places: np.ndarray
    values: np.ndarray
    width: int

    @classmethod
    def of(cls, matrix: Any) -> SparseRows:
        """Those of SciPy's CSR matrix."""
        matrix.sum_duplicates()
        return cls(matrix.indptr.astype(np.int64), matrix.indices, matrix.data, matrix.shape[1])

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def shape(self) -> tuple[int, int]:
        """(N, d)."""
        return len(self), self.width

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        return self.values.dtype

    @property
    def nbytes(self) -> int:
        """Bytes that are held."""
        return self.starts.nbytes + self.places.nbytes + self.values.nbytes

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Some rows (a slice, or numbers of rows (n,)) as an array (n, d)."""
        chosen = self.take(np.arange(len(self))[rows])
        dense = np.zeros(chosen.shape, self.dtype)
        owner = np.repeat(np.arange(len(chosen)), np.diff(chosen.starts))
        dense[owner, chosen.places] = chosen.values
        return dense

    @cached_property
    def most(self) -> int:
        """The entries of the row that has most, up to the next power of two, so that there are few such numbers."""
        return 1 << max(0, int(np.diff(self.starts).max(initial=1)) - 1).bit_length()

    @property
    def is_worth_it(self) -> bool:
        """Whether products with the entries are less work than with whole rows: there are few, in each row.

        A product of whole rows does several times as many multiplications in a second.
        """
        return 16 * len(self.values) <= len(self) * self.width and 4 * self.most <= self.width

    def take(self, rows: np.ndarray) -> SparseRows:
        """Some rows, sparse."""
        first, counts = self.starts[rows], np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(counts)])
        entries = np.repeat(first - starts[:-1], counts) + np.arange(starts[-1])
        return SparseRows(starts, self.places[entries], self.values[entries], self.width)

    def astype(self, dtype: str) -> SparseRows:
        """The same rows with values of another dtype."""
        values = self.values.astype(dtype, copy=False)
        return SparseRows(self.starts, self.places, values, self.width)

    def moments(self, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of each column, float64 (d,); a row of weight 2 counts as two."""
        weight = np.ones(len(self)) if weights is None else weights.astype(np.float64)
        of_entry, total = np.repeat(weight, np.diff(self.starts)), weight.sum()
        values = self.values.astype(np.float64)
        mean = np.bincount(self.places, of_entry * values, self.width) / total
        there = np.bincount(self.places, of_entry, self.width)
        # Around the mean, the zeros counted together: sums of squares would cancel.
        square = np.bincount(self.places, of_entry * (values - mean[self.places]) ** 2, self.width)
        square += np.maximum(total - there, 0) * mean**2
        return mean, np.sqrt(square / total)


@dataclass(frozen=True, eq=False)
class Entries:
    """The places or the values of sparse rows as a column (N, P), P what `SparseRows.most` says.

    Some of them, ``column[numbers]``, are an array: rows with fewer entries end in places -1 and values 0.

    Parameters
    ----------
    rows : SparseRows
    of : "places" or "values"

    Raises
    ------
    InvalidArgument
        Where a place is no column.
    """

    rows: SparseRows
    of: str

    def __post_init__(self) -> None:
        places, width = self.rows.places, self.rows.width
        if len(places) and not 0 <= places.min() <= places.max() < width:
            raise InvalidArgument(
                f"SparseRows: `places` are from {places.min()} to {places.max()}; the columns are 0 to {width - 1}."
            )

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, P)."""
        return len(self.rows), self.rows.most

    @property
    def dtype(self) -> np.dtype[Any]:
        """int32 of places."""
        return np.dtype(np.int32) if self.of == "places" else self.rows.dtype

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Of some rows (a slice, or numbers of rows (n,)), (n, P)."""
        chosen = self.rows.take(np.arange(len(self.rows))[rows])
        found = np.full((len(chosen), self.rows.most), -1 if self.of == "places" else 0, self.dtype)
        counts = np.diff(chosen.starts)
        owner = np.repeat(np.arange(len(chosen)), counts)
        position = np.arange(len(owner)) - np.repeat(chosen.starts[:-1], counts)
        found[owner, position] = getattr(chosen, self.of)
        return found
