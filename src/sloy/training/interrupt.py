"""Signals as requests that the loop answers between two steps, so that nothing stays half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from sloy.engines.processes import ONE, Processes

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

Handler = Callable[[int, FrameType | None], Any]


class Deferred:
    """While entered, SIGINT (Ctrl-C) and SIGTERM wait for `check`, which calls their handlers.

    A second signal of the kind calls its handler at once, as without this. Only handlers written
    in Python are deferred (for SIGINT, Python has one from the start: it raises
    `KeyboardInterrupt`), and only in the main thread, which alone receives signals.

    Parameters
    ----------
    processes : Processes
        All of them `check` together; a signal to one calls the handlers of all.

    Attributes
    ----------
    delivered : bool
        Whether `check` called a handler.
    forced : bool
        Whether a second signal did not wait.
    """

    def __init__(self, processes: Processes = ONE) -> None:
        self._processes = processes
        self.delivered = False
        self.forced = False
        self._handlers: dict[int, Handler] = {}
        self._waiting: list[int] = []

    def check(self) -> None:
        """Call the handlers of the signals that wait; they usually raise."""
        number = int(self._processes.largest(self.waiting))
        self.answer(number)

    def answer(self, number: int) -> None:
        """Call the handler of a signal, and those of others that wait; 0 is none."""
        if number:
            self._processes.end_together()
            self._waiting = [number, *(other for other in self._waiting if other != number)]
        while self._waiting:
            number = self._waiting.pop(0)
            self.delivered = True
            self._handlers.get(number, signal.default_int_handler)(number, None)

    @property
    def waiting(self) -> int:
        """The signal that waits, to be agreed on; 0 where none does."""
        return self._waiting[0] if self._waiting else 0

    def __enter__(self) -> Deferred:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, self._defer)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if error is None:
            self.check()

    def _defer(self, number: int, frame: FrameType | None) -> None:
        if number in self._waiting:
            self.forced = True
            self._handlers[number](number, frame)
        else:
            self._waiting.append(number)
