"""`LazyRows`: samples that are no array; some of them are made one when they are needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from sloy.graph.threefry import Key, permutations


class LazyRows(ABC):
    """Samples (N, …) of which some, ``rows[numbers]``, are made an ordinary array.

    Where samples are taken, by `Dataset` and what comes after, they may be such rows.

    Attributes
    ----------
    shape : tuple of int
        (N, …).
    dtype : dtype
    nbytes : int
        Bytes that are held.
    """

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """(N, …)."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """Of what `__getitem__` gives."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes that are held."""

    @abstractmethod
    def __getitem__(self, rows: Any) -> np.ndarray:
        """Some rows (a slice, or numbers of rows (n,)) as a new array (n, …)."""

    @abstractmethod
    def take(self, rows: np.ndarray) -> LazyRows:
        """Some rows, not yet an array."""

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Axes."""
        return len(self.shape)

    @property
    def fingerprint(self) -> str | None:
        """What tells these samples from others without reading them; None where only they themselves do."""
        return None

    def expect(self, rows: np.ndarray | None) -> None:
        """Say which rows will be taken, each once, until the next such word; None where that is not known."""
        return

    def orders(self, keys: Key) -> np.ndarray:
        """The order of an epoch for each key, uint32 (n, 2): int64 (n, N)."""
        return permutations(len(self), keys)
