"""From a name to an engine."""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from importlib import import_module
from typing import Literal

from sloy.arguments import integer, one_of
from sloy.engines.base import Engine
from sloy.engines.names import DETERMINISTIC, PRECISIONS, TABLE, Arithmetic, Determinism
from sloy.errors import InvalidArgument, NotAvailable

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
        "auto" takes the fastest that is installed and computes in `dtype`: native where it is there, else it says
        once on the error stream why not, and takes reference.
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
        Of the graphs; float64 is the reference engine's alone.

    Raises
    ------
    NotAvailable
        Where the named engine is not installed, or the processor has no instructions for "mixed";
        the message says what to do.
    """
    if isinstance(name, Engine):
        return name
    if not isinstance(name, str) or name not in ("auto", *TABLE):
        raise InvalidArgument(f"`engine` (={name!r}) must be one of {', '.join(('auto', *TABLE))}.")
    threads = integer("engine", "threads", threads, 0, MOST_THREADS)
    one_of("engine", "deterministic", deterministic, DETERMINISTIC)
    one_of("engine", "precision", precision, PRECISIONS)
    found = _fastest(dtype) if name == "auto" else _named(name)
    return found(
        threads, deterministic, found.best_precision() if precision == "auto" else precision
    )


def available(name: str) -> str | None:
    """Why the engine of a name does not run here, and what to do; None where it does."""
    try:
        engine(name)
    except NotAvailable as reason:
        return str(reason)
    return None


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


def _named(name: str) -> type[Engine]:
    """The class of an engine; `NotAvailable` where it is not installed."""
    row = TABLE[name]
    try:
        found: type[Engine] = getattr(import_module(row.module), row.engine)
    except ModuleNotFoundError as error:
        if not row.extra:
            raise
        raise NotAvailable(
            f"the {name} engine needs {error.name}: pip install 'sloy[{row.extra}]'."
        ) from None
    return found


def _fastest(dtype: str) -> type[Engine]:
    """The first of the table that is installed and computes in a dtype; what sloy itself lacks for one is said."""
    missing: list[str] = []
    for name, row in TABLE.items():
        try:
            found = _named(name)
        except NotAvailable as reason:
            if dtype == "float32" and not row.extra:  # another dtype it might not compute in either
                missing.append(str(reason))
            continue
        if found.supports(dtype):
            for sentence in missing:
                _say(f"{sentence} The {name} engine runs.{TABLE[name].pace}")
            return found
    raise InvalidArgument(f"engine: no engine computes in `dtype` (={dtype!r}).")


def _say(sentence: str) -> None:
    """On the error stream, once per process."""
    if sentence not in _said:
        _said.add(sentence)
        with suppress(OSError):
            print(f"sloy: {sentence}", file=sys.stderr or io.StringIO())
