"""Greys and masks of a picture: running maxima, connected regions, the width of strokes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels that hang together.

    Attributes
    ----------
    rows, columns : arrays of int
        Of its pixels.
    """

    rows: np.ndarray
    columns: np.ndarray

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Top, left, bottom, right; the last two are the first beyond."""
        top, left = int(self.rows.min()), int(self.columns.min())
        return top, left, int(self.rows.max()) + 1, int(self.columns.max()) + 1

    @property
    def area(self) -> int:
        """In pixels."""
        return len(self.rows)


def running(values: np.ndarray, size: int, axis: int, op: Callable[..., np.ndarray]) -> np.ndarray:
    """Maximum or minimum over windows of `size` (odd) along an axis; beyond the border its values go on.

    Windows of 1, 2, 4, … are made of two of half the size: log₂(size) passes.
    """
    pad = [(0, 0)] * values.ndim
    pad[axis] = (size // 2, size // 2)
    now, length = np.moveaxis(np.pad(values, pad, mode="edge"), axis, 0), 1
    while 2 * length <= size:
        now = op(now[:-length], now[length:])
        length *= 2
    if length < size:
        now = op(now[: len(now) - (size - length)], now[size - length :])
    return np.moveaxis(now, 0, axis)


def closing(values: np.ndarray, size: int) -> np.ndarray:
    """The picture (H, W) without what is dark and narrower than `size` pixels; steps stay where they are."""
    wide = running(running(values, size, 0, np.maximum), size, 1, np.maximum)
    return running(running(wide, size, 0, np.minimum), size, 1, np.minimum)


def grown(mask: np.ndarray, radius: float) -> np.ndarray:
    """A mask (H, W) and all within `radius` pixels of it; of a negative radius what is farther than that within."""
    if radius < 0:
        return ~grown(~mask, -radius)
    reach = int(radius)
    padded = np.pad(mask, reach)
    found = np.zeros_like(mask)
    height, width = mask.shape
    for down in range(-reach, reach + 1):
        across = int((radius**2 - down**2) ** 0.5)
        row = padded[reach + down : reach + down + height, reach - across : reach + across + width]
        found |= running(row, 2 * across + 1, 1, np.maximum)[:, across : across + width]
    return found


def regions(mask: np.ndarray) -> list[Region]:
    """The regions of a mask (H, W) that hang together by edges or corners, by their first pixels."""
    height = len(mask)
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)  # of the same runs
    parent = np.arange(len(rows))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = int(parent[run])
        return run

    first = np.searchsorted(rows, np.arange(height + 1))
    for row in range(1, height):
        above, here = int(first[row - 1]), int(first[row])
        while above < first[row] and here < first[row + 1]:
            if starts[here] <= ends[above] and starts[above] <= ends[here]:
                one, two = root(above), root(here)
                parent[max(one, two)] = min(one, two)
            if ends[above] < ends[here]:
                above += 1
            else:
                here += 1
    of_run: dict[int, list[int]] = {}
    for run in range(len(rows)):
        of_run.setdefault(root(run), []).append(run)
    found = []
    for runs in of_run.values():
        lengths = (ends - starts)[runs]
        offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        found.append(
            Region(np.repeat(rows[runs], lengths), np.repeat(starts[runs], lengths) + offsets)
        )
    return found


def stroke_width(mask: np.ndarray) -> float:
    """The mean width of the strokes of a mask (H, W): twice the area by the length of the edge."""
    padded = np.pad(mask, 1)
    down, across = padded[1:] != padded[:-1], padded[:, 1:] != padded[:, :-1]
    edge = int(down.sum()) + int(
        across.sum()
    )  # along axes; 4/π times too long for all directions alike
    return 2.0 * int(mask.sum()) / max(1.0, edge * np.pi / 4)
