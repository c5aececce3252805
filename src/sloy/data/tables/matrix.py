"""Room for prepared rows: in memory where it fits, else in a temporary file that vanishes with the process."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

SHARE = 0.5  # of the available memory that prepared rows may take


def room(shape: tuple[int, int], bound: int) -> np.ndarray:
    """An empty float32 array, mapped to a file where it has more than `bound` bytes.

    The file has no name: the system frees it when the array goes, even if the process is killed.
    """
    size = 4 * shape[0] * shape[1]
    if size <= bound:
        return np.empty(shape, np.float32)
    with tempfile.TemporaryFile(prefix="sloy-table-") as file:
        os.posix_fallocate(file.fileno(), 0, size)  # a full disk is told now, not by a signal later
        return np.memmap(file, np.float32, "r+", shape=shape)


def available() -> int:
    """Bytes of memory that this process may still take; of the machine, or of its control group if that has less."""
    found = [_meminfo(), _group()]
    return min((size for size in found if size is not None), default=1 << 30)


def _meminfo() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(
            int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")
        )
    except (OSError, StopIteration, ValueError, IndexError):
        return None


def _group() -> int | None:
    """Of control group version 2: the limit less what is used."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = int((folder / "memory.max").read_text())
        return max(0, limit - int((folder / "memory.current").read_text()))
    except (OSError, ValueError):  # no group, or "max"
        return None
