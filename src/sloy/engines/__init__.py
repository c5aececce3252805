"""Engines: implementations of the ops.

`engine("auto")` takes the fastest that this installation has.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Literal, get_args

from sloy.arguments import integer
from sloy.engines.base import Arithmetic, BatchRun, Determinism, Engine, Executable
from sloy.engines.reference import ReferenceEngine
from sloy.errors import InvalidArgument, NotAvailable

__all__ = [
    "DETERMINISTIC",
    "NAMES",
    "PRECISIONS",
    "Arithmetic",
    "BatchRun",
    "Determinism",
    "Engine",
    "Executable",
    "ReferenceEngine",
    "engine",
]

NAMES = ("auto", "native", "reference")
DETERMINISTIC = get_args(Determinism)
PRECISIONS = ("auto", *get_args(Arithmetic))
MOST_THREADS = 1024

_said: set[str] = set()


def engine(
    name: str | Engine = "auto",
    threads: int = 0,
    deterministic: Determinism = "same-threads",
    precision: Arithmetic | Literal["auto"] = "float32",
    dtype: str = "float32",
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
    precision : "float32", "mixed", "auto" or "emulated"
        "mixed" computes float32 graphs in mixed precision, see `sloy.graph.mixed`; "auto" does so
        where the native engine runs on a processor with AMX, which multiplies bfloat16 several
        times as fast as float32. "emulated" gives the numbers of "mixed" on any processor, slower
        than float32.
    dtype : "float32" or "float64"
        Of the graphs: for float64 "auto" takes reference.

    Raises
    ------
    NotAvailable
        Where the named engine is not installed, or the processor has no instructions for "mixed";
        the message says what to do.
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
    if precision not in PRECISIONS:
        raise InvalidArgument(
            f"`precision` (={precision!r}) must be one of {', '.join(PRECISIONS)}."
        )
    if name == "auto" and dtype == "float64":
        name = "reference"
    native = None if name == "reference" else _native(required=name == "native")
    if native is None:
        arithmetic = "float32" if precision == "auto" else precision
        return ReferenceEngine(threads, deterministic, arithmetic)
    if precision == "auto":
        precision = "mixed" if native.bfloat16_support() == "amx" else "float32"
    return native.NativeEngine(threads, deterministic, precision)


def restored(threads: int, deterministic: Determinism, precision: Arithmetic) -> Engine:
    """The engine that a pickle of a native one stands for, on the machine that reads it.

    Where it cannot be had, the next best: the reference engine without the native one, float32 without
    instructions for bfloat16; why is said once on the error stream.
    """
    try:
        return engine("auto", threads, deterministic, precision)
    except NotAvailable as reason:
        _say(f"an engine of precision {precision!r} was pickled, float32 runs here: {reason}")
        return engine("auto", threads, deterministic)


def _native(*, required: bool) -> ModuleType | None:
    """The package of the native engine; without it None, and why is said once, unless it is required."""
    try:
        return import_module("sloy.engines.native")
    except NotAvailable as reason:
        if required:
            raise
        _say(f"{reason} The reference engine runs.")
        return None


def _say(sentence: str) -> None:
    """On the error stream, once per process."""
    if sentence not in _said:
        _said.add(sentence)
        print(f"sloy: {sentence}", file=sys.stderr)
