"""From a name to an engine."""

from __future__ import annotations

import io
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Literal

from sloy.arguments import integer, one_of, word
from sloy.engines.base import Engine
from sloy.engines.names import DETERMINISTIC, PRECISIONS, TABLE, Arithmetic, Determinism
from sloy.engines.processes import ONE, Processes, here
from sloy.errors import InvalidArgument, NotAvailable
from sloy.text import shown

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
    name : "auto", "native", "reference", "jax" or an Engine
        "auto" takes the fastest that is installed and computes in `dtype`: jax where it has a GPU or TPU, else native;
        where that is not there it says once on the error stream why not, and takes reference. "jax:4" takes four
        devices, "jax" all that there are.
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
        Of the graphs; the native engine computes in float32 alone.

    Raises
    ------
    NotAvailable
        Where the named engine is not installed, or the processor has no instructions for "mixed";
        the message says what to do.
    """
    if isinstance(name, Engine):
        return name
    plain, devices = _split(name)
    threads = integer("engine", "threads", threads, 0, MOST_THREADS)
    one_of("engine", "deterministic", deterministic, DETERMINISTIC)
    one_of("engine", "precision", precision, PRECISIONS)
    found = _fastest(dtype) if plain == "auto" else _named(plain)
    chosen = found.best_precision() if precision == "auto" else precision
    with _undisturbed():
        return found(threads, deterministic, chosen, **devices)


def _split(name: str) -> tuple[str, dict[str, int]]:
    """An engine's name, and the devices that stand behind it: "jax:4"."""
    plain, colon, count = name.partition(":") if isinstance(name, str) else ("", "", "")
    whole = not colon or (plain in TABLE and TABLE[plain].devices and count.isdecimal())
    if plain not in ("auto", *TABLE) or not whole or (colon and int(count) < 1):
        raise InvalidArgument(
            f"`engine` (={shown(name)}) must be one of {', '.join(('auto', *TABLE))}, or a number of devices"
            " behind a colon, such as jax:4."
        )
    return plain, {"devices": int(count)} if colon else {}


def processes_of(name: str | Engine) -> Processes:
    """Those that would compute together with an engine of a name, see `Engine.processes`."""
    if isinstance(name, Engine):
        return name.processes
    plain, _ = _split(name)
    return here() if plain in TABLE and TABLE[plain].devices else ONE


def distributed(where: str = "auto") -> AbstractContextManager[Processes]:
    """While entered, this process computes with others, each of which runs the same program.

    An engine of several devices, such as "jax", takes those of all processes; each process makes the same calls. Files
    are written, and progress is shown, by the first process alone. A signal to one stops all after a step they agree
    on; where one fails, the others end too, with a sentence. It is entered before JAX computes anything.

    Parameters
    ----------
    where : str
        "auto" where SLURM, Open MPI, Kubernetes or Cloud TPU has started the processes. Else "HOST:PORT,N,RANK": where
        process 0 listens, how many there are, and which this is, from 0.

    Returns
    -------
    context manager
        Entering gives the `Processes`.

    Raises
    ------
    InvalidArgument
        Where `where` is none of these, or JAX has computed already.
    NotAvailable
        Where JAX is not installed, no launcher is found, or the others do not answer.

    Examples
    --------
    >>> import sloy
    >>> with sloy.engines.distributed("localhost:9000,four,0"):
    ...     pass
    Traceback (most recent call last):
    sloy.errors.InvalidArgument: `distributed` (='localhost:9000,four,0') must be HOST:PORT,N,RANK: ...
    """
    (name,) = [name for name, row in TABLE.items() if row.devices]
    _named(name)
    found: AbstractContextManager[Processes] = import_module(TABLE[name].module).joined(where)
    return found


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
        with _undisturbed():
            found: type[Engine] = getattr(import_module(row.module), row.engine)
    except ModuleNotFoundError as error:
        if not row.extra:
            raise
        raise NotAvailable(
            f"the {name} engine needs {error.name}: pip install 'sloy[{row.extra}]'."
        ) from None
    return found


def automatic(dtype: str = "float32") -> str:
    """The name of what "auto" takes here for a dtype."""
    return _found(dtype)[0]


def _fastest(dtype: str) -> type[Engine]:
    """The engine that "auto" takes; what sloy itself lacks for a faster one is said."""
    name, missing = _found(dtype)
    for sentence in missing:
        _say(f"{sentence} The {name} engine runs.{TABLE[name].pace}")
    return _named(name)


def _found(dtype: str) -> tuple[str, list[str]]:
    """The first of the table that is installed and suits a dtype; and why those of sloy itself before it do not run."""
    word("engine", "dtype", dtype)
    missing: list[str] = []
    for name, row in TABLE.items():
        if row.auto_needs and not any(find_spec(module) for module in row.auto_needs):
            continue
        try:
            found = _named(name)
        except NotAvailable as reason:
            if dtype == "float32" and not row.extra:  # another dtype it might not compute in either
                missing.append(str(reason))
            continue
        if found.suits(dtype):
            return name, missing
    raise InvalidArgument(f"engine: no engine computes in `dtype` (={shown(dtype)}).")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals wait: a library in C++ may end the process where one comes while it is loaded or begins."""
    if threading.current_thread() is not threading.main_thread():  # which alone hears signals
        yield
        return
    came: list[int] = []
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(n))]
    before = {n: signal.signal(n, lambda number, frame: came.append(number)) for n in numbers}
    try:
        yield
    finally:
        for replaced, handler in before.items():
            signal.signal(replaced, handler)
    for number in came:
        signal.raise_signal(number)


def _say(sentence: str) -> None:
    """On the error stream, once per process."""
    if sentence not in _said:
        _said.add(sentence)
        with suppress(OSError):
            print(f"sloy: {sentence}", file=sys.stderr or io.StringIO())
