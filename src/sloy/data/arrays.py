"""Large arrays: in memory as far as it is there, else in a file without a name; their rows moved in place."""

from __future__ import annotations

import os
import resource
import tempfile
from math import prod
from pathlib import Path

import numpy as np

from sloy.errors import NotAvailable


def allocate(
    shape: tuple[int, ...], dtype: str, in_memory: int, folder: str | Path | None = None
) -> tuple[np.ndarray, bool]:
    """An array in memory, or beyond `in_memory` bytes in a temporary file; and whether it is the latter.

    The file has no name: it is gone when the array is, however the process ends.

    Raises
    ------
    NotAvailable
        Where the disk has no room for it.
    """
    count = prod(shape) * np.dtype(dtype).itemsize
    if count <= in_memory:
        return np.empty(shape, dtype), False
    directory = str(folder or tempfile.gettempdir())
    with tempfile.TemporaryFile(dir=directory) as file:
        try:
            os.posix_fallocate(
                file.fileno(), 0, count
            )  # a full disk is found now, not by a signal later
        except OSError as error:
            raise NotAvailable(
                f"{directory}: has no room for the {count / 1e9:.1f} GB of numbers"
                f" ({error.strerror}); choose another disk by TMPDIR."
            ) from None
        return np.memmap(file, dtype, "r+", shape=shape), True


def reorder(array: np.ndarray, order: np.ndarray) -> None:
    """Move rows within the array: row k becomes what row order[k] was; rows beyond are what is left.

    Parameters
    ----------
    array : shape (N, …)
    order : integers, shape (n,), n ≤ N, each at most once
    """
    left = np.setdiff1d(np.arange(len(array)), order)
    source = np.concatenate([order, left]).astype(np.int64)
    done = source == np.arange(len(array))
    for start in np.flatnonzero(~done):
        if done[start]:
            continue
        first, row = array[start].copy(), int(start)
        while source[row] != start:  # along the cycle, one row in hand
            array[row] = array[source[row]]
            done[row] = True
            row = int(source[row])
        array[row] = first
        done[row] = True


def available() -> int:
    """Bytes of memory that this process may still take: of the machine, its control group, or `ulimit -v`."""
    found = [_meminfo(), _group(), limited()]
    return min((size for size in found if size is not None), default=1 << 30)


def limited() -> int | None:
    """What the limit of the address space (`ulimit -v`) leaves; None without one."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    try:
        held = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
    return max(0, limit - held)


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
