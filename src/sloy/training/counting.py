"""A count that goes up while something long is done, shown on the error stream."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

_EVERY = 0.1  # seconds between two drawings


@contextmanager
def counting(
    what: str, total: int, *, shown: bool = True, stream: IO[str] | None = None
) -> Iterator[Callable[[int], None]]:
    """Show "what 120/400" in place on a terminal, a line at the end elsewhere.

    Parameters
    ----------
    what : str
        Such as "pictures decoded".
    total : int
    shown : bool
    stream : text file, optional
        The error stream by default.

    Yields
    ------
    callable
        To be told how many more are done, from any thread.
    """
    out = stream or sys.stderr
    live = shown and out.isatty() and os.environ.get("TERM") != "dumb"
    lock, started = threading.Lock(), time.perf_counter()
    done, drawn = 0, 0.0

    def more(count: int) -> None:
        nonlocal done, drawn
        with lock:
            done += count
            now = time.perf_counter()
            if live and now - drawn > _EVERY:
                drawn = now
                out.write(f"\r{what} {done}/{total}")
                out.flush()

    try:
        yield more
    finally:
        if live:
            out.write("\r\033[K")
    if shown:
        seconds = time.perf_counter() - started
        print(f"{what}: {done} of {total} in {seconds:.1f} s", file=out, flush=True)
