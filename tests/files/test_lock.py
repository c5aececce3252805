"""Locks: one holder, named in the refusal; what the dead and other boots left is taken over."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from command_line import environment
from sloy.errors import InUse
from sloy.files import lock
from sloy.files.lock import Lock

HOLDER = """
import sys
from pathlib import Path
from sloy.files.lock import Lock
with Lock(Path(sys.argv[1]), "the folder"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    """A process that holds the lock until its input ends."""
    program = [sys.executable, "-c", HOLDER, str(path)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(program, env=environment(), **pipes)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_named_and_its_end_frees(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    for end in ("kill", "exit"):
        with holder(path) as process:
            who = f"in use by process {process.pid} on {re.escape(socket.gethostname())} since 2"
            with pytest.raises(InUse, match=who), Lock(path, "x"):
                pass
            if end == "kill":
                process.kill()
        assert path.exists() == (end == "kill")
    path.write_text("what a process of another boot left")
    with Lock(path, "x"):
        with pytest.raises(InUse, match=rf"^x: is in use by process {os.getpid()} \(this one\)"):
            Lock(path, "x").__enter__()
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert not path.exists()


def test_a_folder_that_was_replaced_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with Lock(path, "x"):
        path.unlink()
        with Lock(path, "x"):  # of somebody else, who made the folder anew
            pass
        path.touch()
    assert path.exists()


FORKS = """
import os, sys, time
from pathlib import Path
from sloy.errors import InUse
from sloy.files.lock import Lock
path = Path(sys.argv[1])

def child(body):
    number = os.fork()
    if number == 0:
        os._exit(body())
    return number

def code(number):
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])

# Of eight that begin at once, one holds it; the others are told so while it does.
for attempt in range(25):
    start, done = os.pipe(), os.pipe()
    def racer():
        os.close(start[1]); os.close(done[1])
        os.read(start[0], 1)
        try:
            with Lock(path, "x"):
                os.read(done[0], 1)
                return 0
        except InUse:
            return 3
    racers = [child(racer) for _ in range(8)]
    os.close(start[1])
    lost = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(7)]
    assert lost == [3] * 7, lost
    os.close(done[1])
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
    os.close(start[0]); os.close(done[0])
    assert not path.exists()

# The child of a fork neither frees the lock nor keeps it.
with Lock(path, "x") as held:
    def inside():
        held.__exit__(None, None, None)
        try:
            with Lock(path, "x"):
                return 1
        except InUse:
            return 0
    assert code(child(inside)) == 0 and path.exists()
    ready, ending = os.pipe(), os.pipe()
    def dies():
        with Lock(path.with_name("other"), "y"):
            if os.fork() == 0:
                os.close(ending[1])
                os.write(ready[1], b".")  # it has let go of the lock
                os.read(ending[0], 1)
                os._exit(0)
            os.kill(os.getpid(), 9)
    assert code(child(dies)) == -9
    os.read(ready[0], 1)
    with Lock(path.with_name("other"), "y"):  # though the grandchild lives
        pass
    os.close(ending[1])
print("done")
"""


def test_forks(tmp_path: Path) -> None:
    program = [sys.executable, "-c", FORKS, str(tmp_path / ".lock")]
    done = subprocess.run(program, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_without_locks_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    path = tmp_path / ".lock"
    monkeypatch.setattr(lock.fcntl, "flock", refused)
    with Lock(path, "x"):
        own = json.loads(path.read_text())
        with pytest.raises(InUse, match=r"this one.*if it does not run, remove"), Lock(path, "x"):
            pass
        assert json.loads(path.read_text()) == own
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    boot, start = own["life"].split()
    for left in ({"pid": dead.pid}, {"life": f"{boot} {int(start) - 1}"}, {"life": f"no {start}"}):
        path.write_text(json.dumps({**own, **left}))
        with Lock(path, "x"):
            pass
    path.write_text(json.dumps({**own, "host": "elsewhere"}))
    with pytest.raises(InUse, match="on elsewhere since"), Lock(path, "x"):
        pass
