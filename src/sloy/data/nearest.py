"""Nearest neighbours, by brute force over few samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEIGHBOURS = 5
_BLOCK = 1 << 23  # distances computed together


@dataclass(frozen=True, eq=False)
class Nearest:
    """What the nearest of some samples answer.

    Parameters
    ----------
    x : array, shape (N, …)
        Numbers of one scale.
    y : array, shape (N,)
        Labels, or numbers.
    classes : int
        K; 0 for numbers.
    codes : int
        How many of the last numbers of a flat x (N, F) are codes of categories: two that differ are √2 apart.
    neighbours : int
        k.

    Examples
    --------
    >>> near = Nearest(np.array([[0.0], [1.0], [5.0]]), np.array([0, 0, 1]), classes=2, neighbours=1)
    >>> near(np.array([[4.0]])).tolist()
    [[0.0, 1.0]]
    """

    x: np.ndarray
    y: np.ndarray
    classes: int = 0
    codes: int = 0
    neighbours: int = NEIGHBOURS

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """What samples (M, …) are told: the shares of the classes, (M, K), or the mean of the numbers, (M, 1)."""
        return self.of(self.indices(x))

    def of(self, near: np.ndarray) -> np.ndarray:
        """What samples answer together whose numbers, from 0, are in each row of `near` (M, k)."""
        if not self.classes:
            return self.y[near].astype(np.float64).mean(1, keepdims=True)
        found = np.zeros((len(near), self.classes))
        np.add.at(found, (np.arange(len(near))[:, None], self.y[near]), 1 / near.shape[1])
        return found

    def indices(self, x: np.ndarray, *, beside: bool = False) -> np.ndarray:
        """The numbers, from 0, of the k nearest of each sample, int64 (M, k), the nearest first.

        Parameters
        ----------
        x : array, shape (M, …)
        beside : bool
            Whether they are the own samples, none of which is its own neighbour.
        """
        own, new = self._flat(self.x), self._flat(x)
        split = own.shape[1] - self.codes
        k = min(self.neighbours, len(own) - beside)
        squares = np.square(own[:, :split]).sum(1)
        found = np.empty((len(new), k), np.int64)
        step = max(1, _BLOCK // len(own))
        for start in range(0, len(new), step):
            block = new[start : start + step]
            apart = squares - 2 * (block[:, :split] @ own[:, :split].T)
            for code in range(split, own.shape[1]):
                apart += 2.0 * (block[:, code, None] != own[:, code])
            if beside:
                rows = np.arange(len(block))
                apart[rows, start + rows] = np.inf
            best = np.argpartition(apart, k - 1, axis=1)[:, :k]
            order = np.take_along_axis(apart, best, 1).argsort(1, kind="stable")
            found[start : start + step] = np.take_along_axis(best, order, 1)
        return found

    @staticmethod
    def _flat(x: np.ndarray) -> np.ndarray:
        return np.asarray(x).reshape(len(x), -1).astype(np.float32)
