"""What tells a process from others that have or had its number, and what it does within a limit of addresses."""

from __future__ import annotations

import os
import resource
from pathlib import Path


def save_addresses() -> None:
    """Where addresses are limited, let OpenBLAS reserve none for threads: it ends programs that have none left."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def life(pid: int) -> str:
    """The boot of this machine and the process's start in ticks after it; empty where there is no such process.

    Also empty where the system does not tell: then of two processes of one number none is known to be the other.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{boot} {state[19]}"  # field 22
