"""sloy's child programs in forks of this process, which has their libraries; a new process takes far longer."""

from __future__ import annotations

import os
import runpy
import signal
import tempfile
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from sloy.files import apart


@cache
def _answer(program: str) -> Callable[[dict[str, Any]], apart.Answer]:
    return runpy.run_path(program)["answer"]  # type: ignore[no-any-return]


def ended(program: str, question: dict[str, Any]) -> apart.Ended:
    """What `apart` makes of a new process, here of a fork: how it ended, and what it wrote."""
    answer = _answer(program)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if (child := os.fork()) == 0:
            try:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                times = os.times()
                used = int(times.user + times.system) + 1
                apart.limit({**question, "seconds": question["seconds"] + used})
                with os.fdopen(1, "wb") as file:
                    file.writelines(apart.written(*answer(question)))
                os._exit(0)
            except BaseException as error:
                os.write(2, repr(error).encode("utf-8", "replace"))
            os._exit(1)
        status = _waited(child, apart.PATIENCE * question["seconds"])
        out.seek(0)
        err.seek(0)
        return apart.Ended(os.waitstatus_to_exitcode(status), out.read(), err.read())


def _waited(child: int, seconds: float) -> int:
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
    raise apart.Endless
