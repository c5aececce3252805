"""Atomic writes: the old file or the new one, whole, whatever happens in between."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sloy.files import atomic
from sloy.files.atomic import link_over, write_atomically


def test_bytes_and_functions(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"one")
    assert (tmp_path / "a").read_bytes() == b"one"
    write_atomically(str(tmp_path / "a"), lambda file: file.write(b"two"))
    assert (tmp_path / "a").read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a"]


def test_the_mode_is_the_umasks_then_the_files_own(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        write_atomically(tmp_path / "a", b"")
    finally:
        os.umask(previous)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    (tmp_path / "a").chmod(0o604)
    write_atomically(tmp_path / "a", b"new")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o604


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "real")
    write_atomically(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "real").read_bytes() == b"x"


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
def test_a_failing_function_leaves_the_old_file_alone(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def content(file) -> None:
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        write_atomically(tmp_path / "a", content)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_alone(tmp_path: Path, monkeypatch, call: str) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, call, full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(tmp_path / "a", b"new")
    assert caught.value.filename == str(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_the_order_of_the_system_calls(tmp_path: Path, monkeypatch) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def recorded_fsync(descriptor: int) -> None:
        calls.append(
            "folder" if Path(f"/proc/self/fd/{descriptor}").resolve() == tmp_path else "file"
        )
        fsync(descriptor)

    def recorded_replace(source: Path, target: Path) -> None:
        calls.append("replace")
        replace(source, target)

    monkeypatch.setattr(atomic.os, "fsync", recorded_fsync)
    monkeypatch.setattr(atomic.os, "replace", recorded_replace)
    write_atomically(tmp_path / "a", b"x")
    assert calls == ["file", "replace", "folder"]


def test_the_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "a", b"x")


def test_what_dead_processes_left_is_swept(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f".a.{dead.pid}-0123abcd.tmp"
    ours = tmp_path / f".a.{os.getpid()}-0123abcd.tmp"
    other = tmp_path / f".b.{dead.pid}-0123abcd.tmp"
    before = tmp_path / f".a.{os.getpid()}-0123abcd0123abcd.tmp"  # of another boot or container
    for path in (left, ours, other, before):
        path.touch()
    write_atomically(tmp_path / "a", b"x")
    assert sorted(os.listdir(tmp_path)) == sorted(["a", ours.name, other.name])
    link_over(tmp_path / "a", tmp_path / "b")
    assert sorted(os.listdir(tmp_path)) == sorted(["a", "b", ours.name])
    link_over(tmp_path / "a", tmp_path / "b")  # one file of both names already
    assert sorted(os.listdir(tmp_path)) == sorted(["a", "b", ours.name])


def test_a_kill_between_link_and_rename_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    program = (
        "import os, sys; from pathlib import Path; from sloy.files import atomic;"
        "atomic.os.replace = lambda *_: os.kill(os.getpid(), 9);"
        "atomic.link_over(Path('a'), Path('b'))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(os.listdir(tmp_path)) == 2
    link_over(tmp_path / "a", tmp_path / "b")
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


WRITER = """
import sys, itertools
import numpy as np
from sloy.files.container import write_container
for n in itertools.count():
    write_container(sys.argv[1], {"w": np.full(200_000, n, np.float32)}, {"n": n})
    if n == 0:
        print("started", flush=True)
"""


def test_killed_writers_leave_a_whole_file(tmp_path: Path) -> None:
    from sloy.files.container import read_container

    path = tmp_path / "model.sloy"
    seen = set()
    for attempt in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "started\n"
            time.sleep(0.003 * attempt)
            writer.send_signal(signal.SIGKILL)
        tensors, metadata = read_container(path)
        assert (tensors["w"] == metadata["n"]).all()
        seen.add(metadata["n"])
    assert len(seen) > 1  # the kills came at different moments
    write_atomically(path, b"")
    assert os.listdir(tmp_path) == ["model.sloy"]  # nothing is left of the killed
