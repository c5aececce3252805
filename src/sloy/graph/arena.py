"""Where buffers with known lifetimes lie in one arena."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 64


@dataclass(frozen=True)
class Lifetime:
    """A buffer of some bytes, needed from step `first` to step `last`, both included."""

    size: int
    first: int
    last: int


def assign_offsets(buffers: Sequence[Lifetime]) -> tuple[list[int], int]:
    """Offsets that are multiples of `ALIGNMENT`, and the bytes of the arena.

    Largest first, each at the lowest offset that is free during its whole life (greedy by size).

    References
    ----------
    .. [1] Y. Pisarchyk, J. Lee, "Efficient memory management for deep neural net inference", 2020, section 5.2.
    """
    offsets = [0] * len(buffers)
    placed: list[int] = []
    total = 0
    for i in sorted(range(len(buffers)), key=lambda i: (-buffers[i].size, buffers[i].first, i)):
        buffer, size = buffers[i], _rounded(buffers[i].size)
        offset = 0
        for other in sorted(
            (j for j in placed if _overlap(buffers[j], buffer)), key=offsets.__getitem__
        ):
            if offset + size <= offsets[other]:
                break
            offset = max(offset, offsets[other] + _rounded(buffers[other].size))
        offsets[i] = offset
        placed.append(i)
        total = max(total, offset + size)
    return offsets, total


def _rounded(size: int) -> int:
    return max(1, -(-size // ALIGNMENT)) * ALIGNMENT


def _overlap(a: Lifetime, b: Lifetime) -> bool:
    return a.first <= b.last and b.first <= a.last
