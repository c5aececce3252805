"""The processes of a search, each with one trial: started, heard, answered, ended."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

PATIENCE = 20.0  # seconds for processes to save what they have in
PROGRAM = "sloy.search.worker"


@dataclass(eq=False)
class Worker:
    """A process that runs a trial."""

    trial: FrozenTrial
    question: Mapping[str, Any]
    process: subprocess.Popen[bytes] = field(init=False)
    epochs: int = 0  # that the trial has at most, once that is known
    told: int = 0  # epochs
    answered: bool = False  # whether it has said how the trial ended
    waited: float = 0.0  # seconds for another process to leave its folder
    _said: IO[bytes] = field(init=False, repr=False)
    _words: str = field(default="", init=False, repr=False)
    _unread: bytes = field(default=b"", init=False, repr=False)

    def start(self) -> None:
        """Begin; what the process writes to its error stream is kept for `last_words`."""
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
        path = os.pathsep.join(filter(None, sys.path))
        self.process = subprocess.Popen(
            [sys.executable, "-m", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C comes to who asks alone, who ends it
        )
        self.answer({**self.question, "parent": os.getpid()})

    def answer(self, message: Mapping[str, Any]) -> None:
        """Tell the process; one that is gone hears nothing."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def lines(self) -> Iterator[dict[str, Any] | None]:
        """What it has said meanwhile; None at last where it has ended."""
        assert self.process.stdout is not None
        read = os.read(self.process.stdout.fileno(), 1 << 16)
        *whole, self._unread = (self._unread + read).split(b"\n")
        for line in whole:
            yield json.loads(line)
        if not read:
            yield None

    def last_words(self) -> str:
        """How it ended, which it did without an answer."""
        code, words = self.process.wait(), self._words
        if code < 0:
            return f"its process was killed ({signal.Signals(-code).name})"
        return f"its process ended with exit code {code}" + (f": {words[:200]}" if words else "")

    def close(self) -> None:
        """Wait for its end, and forget it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(OSError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self._said.seek(0)
        self._words = self._said.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
        self._said.close()


class Workers:
    """Those that run."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.running: list[Worker] = []

    def start(self, trial: FrozenTrial, question: Mapping[str, Any]) -> Worker:
        """A process for a trial."""
        worker = Worker(trial, question)
        worker.start()
        self.running.append(worker)
        self._selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]
        return worker

    def ready(self, seconds: float) -> list[Worker]:
        """Those that have said something, or ended; none where a time is over before."""
        return [key.data for key, _ in self._selector.select(max(seconds, 0.0))]

    def forget(self, worker: Worker) -> None:
        """One has ended."""
        self._selector.unregister(worker.process.stdout)  # type: ignore[arg-type]
        worker.close()
        self.running.remove(worker)

    def stop(self) -> None:
        """End them all; each saves its checkpoint."""
        for worker in self.running:
            with suppress(ProcessLookupError):
                worker.process.terminate()
        latest = time.monotonic() + PATIENCE
        for worker in self.running:
            with suppress(OSError):  # one that waits for an answer gets none
                worker.process.stdin.close()  # type: ignore[union-attr]
            try:
                worker.process.wait(max(0.1, latest - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
        for worker in list(self.running):
            self.forget(worker)
