"""What this machine offers: instruction sets, cores, memory, versions of what is installed."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from functools import cache
from pathlib import Path

from sloy.version import __version__

_LOADED = time.monotonic()
PACKAGES = ("numpy", "rich", "matplotlib", "pillow")

# Name as people write it → the flag of /proc/cpuinfo. The order is that of their age.
INSTRUCTION_SETS = {
    "SSE4.2": "sse4_2",
    "AVX": "avx",
    "AVX2": "avx2",
    "FMA": "fma",
    "AVX-512": "avx512f",
    "AVX512-VNNI": "avx512_vnni",
    "AVX512-BF16": "avx512_bf16",
    "AMX": "amx_tile",
    "AMX-BF16": "amx_bf16",
}


def instruction_sets(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, bool] | None:
    """Name → whether the processor has it; None where the system does not tell."""
    try:
        text = cpuinfo.read_text()
    except OSError:
        return None
    for line in text.splitlines():
        name, _, flags = line.partition(":")
        if name.strip() == "flags":
            found = set(flags.split())
            return {name: flag in found for name, flag in INSTRUCTION_SETS.items()}
    return None


def usable_cores() -> int:
    """Logical cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_memory() -> int:
    """Bytes of memory that this process has held at most so far."""
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes if sys.platform == "darwin" else kilobytes * 1024


def held_memory() -> int:
    """Bytes of memory that this process holds now; the peak where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return peak_memory()


def memory() -> int | None:
    """Bytes of physical memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def system() -> str:
    """Processor and system in a few words."""
    return f"{platform.machine() or 'unknown processor'}, {platform.system() or 'unknown system'}"


def seconds_since_start() -> float:
    """Seconds since this process was started, the loading of Python included where the system tells."""
    try:
        after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started = int(after_name[19]) / os.sysconf("SC_CLK_TCK")  # field 22, in ticks since boot
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started
    except (OSError, ValueError, IndexError, AttributeError):
        return time.monotonic() - _LOADED


def versions() -> dict[str, str]:
    """Name → version: Python, sloy and the packages that it uses."""
    found = {"sloy": __version__, "python": platform.python_version()}
    return found | {name: _version(name) or "missing" for name in PACKAGES}


@cache
def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""
