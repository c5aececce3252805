"""How many cores this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")


def usable_cores() -> int:
    """Physical cores in the process's affinity mask, at most its cgroup's quota of processor time, at least 1."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    cores = len({_siblings(cpu) for cpu in allowed}) or os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, min(cores, math.ceil(quota)) if quota else cores)


def _siblings(cpu: int) -> str:
    """The hardware threads of a core, as the kernel lists them; the thread itself where it does not."""
    try:
        return (_CPUS / f"cpu{cpu}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def _cgroup_quota() -> float | None:
    """Processors' worth of time that the cgroup (version 2, else 1) grants, None where it sets no limit."""
    own = Path("/sys/fs/cgroup") / _cgroup_path()
    for folder in (own, *own.parents):
        if (quota := _quota_of(folder)) is not None:
            return quota
        if folder == Path("/sys/fs/cgroup"):
            break
    return None


def _cgroup_path() -> str:
    try:
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            hierarchy, _, path = line.split(":", 2)
            if hierarchy == "0":
                return path.lstrip("/")
    except (OSError, ValueError):
        pass
    return ""


def _quota_of(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
            return None if quota == "max" else int(quota) / int(period)
        quota = (folder / "cpu/cpu.cfs_quota_us").read_text()
        period = (folder / "cpu/cpu.cfs_period_us").read_text()
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError):
        return None
