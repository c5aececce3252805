"""A count that goes up while something long is done, shown on the error stream."""

from __future__ import annotations

import os
import threading
import time
from typing import IO

from sloy.files.streams import Stream, to_draw_on

_EVERY = 0.1  # seconds between two drawings


class Count:
    """Shows "what 120/400" in place on a terminal, and a line at the end everywhere.

    Parameters
    ----------
    stream : text file, optional
        The error stream by default.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._what: str | None = None
        self._drawn = self._begun = 0.0

    def show(self, what: str, done: int, total: int) -> None:
        """So much is done; from any thread, the last time with `done` equal to `total`."""
        with self._lock:
            out, now = to_draw_on(self._stream), time.perf_counter()
            if what != self._what:
                self._what, self._begun, self._drawn = what, now, 0.0
            if done >= total:
                self._clear(out)
                seconds = now - self._begun
                print(f"{what}: {done} of {total} in {seconds:.1f} s", file=out, flush=True)
            elif _is_live(out) and now - self._drawn > _EVERY:
                self._drawn = now
                out.write(f"\r{what} {done}/{total}")
                out.flush()

    def clear(self) -> None:
        """Take away what stands there, of something that was not done to its end."""
        with self._lock:
            if self._what is not None:
                self._clear(to_draw_on(self._stream))

    def _clear(self, out: Stream) -> None:
        if _is_live(out):
            out.write("\r\033[K")
        self._what = None


def _is_live(out: Stream) -> bool:
    return out.isatty() and os.environ.get("TERM") != "dumb"
