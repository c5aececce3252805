"""Ctrl-C and SIGTERM, whenever they come: one exception, one line, one exit code."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, NoReturn

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM  # exit codes
PATIENCE = 2.0  # seconds for a command to end in, before another signal ends it at once
AGAIN = 0.01  # seconds after which an exception that was lost is raised again


class Terminated(BaseException):
    """SIGTERM came. Like KeyboardInterrupt, what can be saved is saved on the way out."""


def say_at_once(line: str) -> None:
    """A line on the error stream, whatever state that is in."""
    with suppress(OSError):
        os.write(2, f"{line}\n".encode())


class Stopping:
    """While entered, the first SIGINT raises `KeyboardInterrupt` or the first SIGTERM `Terminated`, once.

    Signals after it are ignored, so that what is saved on the way out is; `PATIENCE` later they end the process at
    once. An exception that Python cannot pass on, as it came while an object was freed, is raised again. Signals that
    the process was told to ignore, as by nohup, stay so.

    Parameters
    ----------
    last : bool
        Whether nothing runs afterwards but the end of the process, which signals do not disturb.

    Attributes
    ----------
    code : int
        The exit code, 0 where no signal came.
    """

    def __init__(self, *, last: bool = False) -> None:
        self.code = 0
        self._last = last
        self._since = 0.0
        self._before: dict[int, Any] = {}
        self._hook = sys.unraisablehook

    def __enter__(self) -> Stopping:
        self._hook, sys.unraisablehook = sys.unraisablehook, self._not_raised
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler is not signal.SIG_IGN:
                self._before[number] = handler
                signal.signal(number, self._stop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not (self._last and self.code):
            sys.unraisablehook = self._hook
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_IGN if self._last else handler)

    @property
    def word(self) -> str:
        """What came."""
        return "terminated" if self.code == TERMINATED else "interrupted"

    def said(self, command: str = "sloy") -> int:
        """Say on the error stream that the process was stopped, whatever state that is in; the exit code."""
        say_at_once(f"{command}: {self.word}")
        return self.code or INTERRUPTED

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.code:
            if time.monotonic() - self._since > PATIENCE:
                os._exit(self.said())
            return
        self.code, self._since = 128 + number, time.monotonic()
        self._raise()

    def _raise(self) -> NoReturn:
        raise KeyboardInterrupt if self.code == INTERRUPTED else Terminated

    def _not_raised(self, what: Any) -> None:
        """Of an exception in a finaliser or a callback of a weak reference, which nobody above hears of."""
        if self.code and issubclass(what.exc_type, ResourceWarning):
            return  # of a file that an import had open when the signal came
        if not issubclass(what.exc_type, KeyboardInterrupt | Terminated) or not self.code:
            self._hook(what)
            return
        signal.signal(signal.SIGALRM, self._again)
        signal.setitimer(signal.ITIMER_REAL, AGAIN)

    def _again(self, number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code is Stopping._not_raised.__code__:  # not yet
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
            return
        self._raise()
