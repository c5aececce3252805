"""How sloy writes quantities: counts, bytes, shapes."""

from __future__ import annotations

from collections.abc import Sequence


def count(number: int) -> str:
    """60000 → 60 000, the thousands apart."""
    return f"{number:,}".replace(",", " ")


def many(number: int, noun: str) -> str:
    """1 thread, 2 threads."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def size(number: int | float) -> str:
    """Bytes in the unit that fits: 512 B, 1.5 kB, 98 MB, 1.2 GB (powers of 1000)."""
    for unit in ("B", "kB", "MB"):
        if number < 999.5:
            return f"{number:.0f} {unit}" if number >= 10 or unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def shape(extents: Sequence[int]) -> str:
    """(28, 28, 1) → 28 × 28 × 1."""
    return " × ".join(map(str, extents))
