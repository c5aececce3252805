"""sloy's child programs without the start of a process: forks of one that has their libraries and never used them.

Whoever reads a file asks that process, as the threads of a library that was used would not survive a fork.
"""

from __future__ import annotations

import os
import resource
import runpy
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from sloy.files import apart

_SECONDS, _SHORT = (
    1,
    0.3,
)  # of the processor for a question, in a fork of its own and in one of many:
# the files are small, and what loops does so for ever


@contextmanager
def programs() -> Iterator[None]:
    """A context in which `sloy.files.apart` has its programs forked, in this process and in its forks."""
    here, there = Pipe()
    if (server := os.fork()) == 0:
        here.close()
        try:
            _serve(there)
        finally:
            os._exit(0)
    there.close()
    of_its_own, apart.ended = apart.ended, _Client(here)
    try:
        yield
    finally:
        apart.ended = of_its_own
        here.close()
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)


class _Client:
    def __init__(self, connection: Connection) -> None:
        self._connection, self._asked = connection, 0

    def __call__(self, program: str, question: Any) -> apart.Ended:
        self._asked += 1
        which = (os.getpid(), self._asked)
        seconds = min(question["seconds"], _SECONDS)
        self._connection.send((which, program, {**question, "seconds": seconds}))
        while True:  # before the answer may come one that a killed process has not waited for
            whose, ended = self._connection.recv()
            if whose == which:
                break
        if ended is None:
            raise apart.Endless
        return ended  # type: ignore[no-any-return]


def _serve(connection: Connection) -> None:
    several: dict[str, _Worker] = {}
    while True:
        try:
            which, program, question = connection.recv()
        except EOFError:
            return
        worker = several.get(program) or several.setdefault(program, _Worker(program))
        connection.send((which, worker.ended(question) or _ended(program, question)))


class _Worker:
    """A fork that answers one question after another; where it fails at one, a fork of its own is to answer that."""

    MOST = 500  # questions, so that what a library keeps does not grow

    def __init__(self, program: str) -> None:
        self._program, self._child, self._asked = program, 0, 0

    def ended(self, question: dict[str, Any]) -> apart.Ended | None:
        """An answer, or None."""
        if not self._child:
            self._begin()
        self._asked += 1
        found = None
        with suppress(EOFError, OSError):
            self._pipe.send(question)
            if self._pipe.poll(apart.PATIENCE * question["seconds"]):
                found = apart.Ended(0, self._pipe.recv_bytes(), b"")
        if found is None or self._asked >= self.MOST:
            os.kill(self._child, signal.SIGKILL)
            _, status = os.waitpid(self._child, 0)
            if found is None and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF:
                found = apart.Ended(-signal.SIGXCPU, b"", b"")
            self._pipe.close()
            self._child = self._asked = 0
        return found

    def _begin(self) -> None:
        answer = _answer(self._program)
        self._pipe, there = Pipe()
        self._child = os.fork()
        if self._child:
            there.close()
            return
        with suppress(BaseException):
            self._pipe.close()
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            while True:
                question = there.recv()
                _allow(question)
                signal.setitimer(signal.ITIMER_PROF, _SHORT)
                said = b"".join(apart.written(*answer(question)))
                signal.setitimer(signal.ITIMER_PROF, 0)
                there.send_bytes(said)
        os._exit(1)


def _allow(question: dict[str, Any]) -> None:
    """The limits that a question brings, for it alone."""
    times = os.times()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, value in (
        (resource.RLIMIT_AS, apart.used() + question["memory"]),
        (resource.RLIMIT_CPU, int(times.user + times.system) + 1 + question["seconds"]),
    ):
        resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))


@cache
def _answer(program: str) -> Any:
    return runpy.run_path(program)["answer"]


def _ended(program: str, question: dict[str, Any]) -> apart.Ended | None:
    """How a fork ends, and what it wrote; None where it does not."""
    answer = _answer(program)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if (child := os.fork()) == 0:
            try:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                apart.limit(question)
                with os.fdopen(1, "wb") as file:
                    file.writelines(apart.written(*answer(question)))
                os._exit(0)
            except BaseException as error:
                os.write(2, repr(error).encode("utf-8", "replace"))
            os._exit(1)
        status = _waited(child, apart.PATIENCE * question["seconds"])
        if status is None:
            return None
        out.seek(0)
        err.seek(0)
        return apart.Ended(os.waitstatus_to_exitcode(status), out.read(), err.read())


def _waited(child: int, seconds: float) -> int | None:
    """How it ends; ended where it lasts longer."""
    last, nap = time.monotonic() + seconds, 0.0005
    while time.monotonic() < last:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        time.sleep(nap)
        nap = min(0.02, 2 * nap)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None
