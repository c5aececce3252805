"""The processes of a search: started, asked for trials, heard, answered, ended."""

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
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

PATIENCE = 20.0  # seconds in which processes save what they have
PROGRAM = "sloy.search.worker"


@dataclass
class Task:
    """A trial that a process runs.

    Attributes
    ----------
    trial : FrozenTrial
    question : mapping
        What the process is asked.
    epochs, told : int
        That the trial has at most, once that is known, and that it has told.
    waited : float
        Seconds, for another process to leave its folder.
    """

    trial: FrozenTrial
    question: Mapping[str, Any]
    epochs: int = 0
    told: int = 0
    waited: float = 0.0


class Worker:
    """A process that runs trials one after another, each in a child of its own."""

    def __init__(self) -> None:
        self.task: Task | None = None
        self.gone = False  # whether nothing is to be heard any more
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by `close`
        self._unread = b""
        path = os.pathsep.join(filter(None, sys.path))
        self.process = subprocess.Popen(
            [sys.executable, "-m", PROGRAM, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C comes to who asks alone, who ends it
        )

    @property
    def output(self) -> int:
        """Where it is heard."""
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def answer(self, message: Mapping[str, Any]) -> None:
        """Tell the process; one that is gone hears nothing."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def lines(self) -> Iterator[dict[str, Any]]:
        """What it has said meanwhile; at last that it was ``killed``, where it has ended."""
        read = os.read(self.output, 1 << 16)
        *whole, self._unread = (self._unread + read).split(b"\n")
        for line in whole:
            yield json.loads(line)
        if not read:  # by the child that runs the trial neither
            self.gone = True
            yield {"ended": "killed", "why": self._last_words()}

    def _last_words(self) -> str:
        code = self.process.wait()
        self._said.seek(0)
        words = self._said.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
        if code < 0:
            return f"its process was killed ({signal.Signals(-code).name})"
        return f"its process ended with exit code {code}" + (f": {words[:200]}" if words else "")

    def terminate(self) -> None:
        """End it; the trial that it runs is saved."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGTERM)
        self._close_input()

    def close(self, seconds: float) -> None:
        """Wait for its end, for some time."""
        self._close_input()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._said.close()

    def _close_input(self) -> None:
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()


class Workers:
    """All of a search."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._all: list[Worker] = []

    @property
    def busy(self) -> int:
        """How many run a trial."""
        return sum(worker.task is not None for worker in self._all)

    def begin(self, task: Task) -> None:
        """Have a process run a trial."""
        worker = next((one for one in self._all if one.task is None and not one.gone), None)
        if worker is None:
            worker = Worker()
            self._all.append(worker)
            self._selector.register(worker.output, selectors.EVENT_READ, worker)
        worker.task = task
        worker.answer(task.question)

    def ready(self, seconds: float) -> list[Worker]:
        """Those that have said something, or ended; none where a time is over before."""
        return [key.data for key, _ in self._selector.select(max(seconds, 0.0))]

    def forget(self, worker: Worker) -> None:
        """One has ended."""
        self._selector.unregister(worker.output)
        worker.close(PATIENCE)
        self._all.remove(worker)

    def stop(self) -> None:
        """End them all; each saves its checkpoint."""
        latest = time.monotonic() + PATIENCE
        for worker in self._all:
            worker.terminate()
        for worker in self._all:
            worker.close(max(0.1, latest - time.monotonic()))
        self._all.clear()
