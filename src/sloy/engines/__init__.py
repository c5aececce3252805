"""Engines: implementations of the ops.

`engine("auto")` takes the fastest that this installation has.
"""

from __future__ import annotations

import sys
from typing import get_args

from sloy.arguments import integer
from sloy.engines.base import BatchRun, Determinism, Engine, Executable
from sloy.engines.reference import ReferenceEngine
from sloy.errors import InvalidArgument, NotAvailable

__all__ = [
    "DETERMINISTIC",
    "NAMES",
    "BatchRun",
    "Determinism",
    "Engine",
    "Executable",
    "ReferenceEngine",
    "engine",
]

NAMES = ("auto", "native", "reference")
DETERMINISTIC = get_args(Determinism)
MOST_THREADS = 1024

_said: set[str] = set()


def engine(
    name: str | Engine = "auto", threads: int = 0, deterministic: Determinism = "same-threads"
) -> Engine:
    """The engine of a name.

    Parameters
    ----------
    name : "auto", "native", "reference" or an Engine
        "auto" takes native where it is installed, else says once on the error stream why not, and takes reference.
    threads : int
        Number of threads; 0 takes the physical cores that this process may use.
    deterministic : "same-threads" or "any-threads"
        Whether the same bits need the same number of threads, or come at any number of them.

    Raises
    ------
    NotAvailable
        Where the named engine is not installed; the message says what to do.
    """
    if isinstance(name, Engine):
        return name
    if not isinstance(name, str) or name not in NAMES:
        raise InvalidArgument(f"`engine` (={name!r}) must be one of {', '.join(NAMES)}.")
    threads = integer("engine", "threads", threads, 0, MOST_THREADS)
    if deterministic not in DETERMINISTIC:
        raise InvalidArgument(
            f"`deterministic` (={deterministic!r}) must be one of {', '.join(DETERMINISTIC)}."
        )
    if name == "reference":
        return ReferenceEngine(threads, deterministic)
    try:
        from sloy.engines.native import NativeEngine

        return NativeEngine(threads, deterministic)
    except NotAvailable as reason:
        if name == "native":
            raise
        if str(reason) not in _said:
            _said.add(str(reason))
            print(f"sloy: {reason} The reference engine runs.", file=sys.stderr)
        return ReferenceEngine(threads, deterministic)
