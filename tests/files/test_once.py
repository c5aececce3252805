"""Pipes and standard input as files that can be read again."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

from sloy.files.once import called, is_read_once, readable


def test_a_file_is_itself(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x")
    with readable(file) as path:
        assert path == file
    assert not is_read_once(file)
    assert not is_read_once(tmp_path / "missing")
    assert not is_read_once(tmp_path)
    assert file.exists()


def test_a_pipe_is_copied_and_the_copy_removed(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert is_read_once(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"abc" * 100_000,))
    writer.start()
    with readable(pipe) as path:
        place = os.fspath(path)
        assert f"{path}" == str(pipe)
        assert place != str(pipe)
        assert path.read_bytes() == path.read_bytes() == b"abc" * 100_000
    writer.join()
    assert not Path(place).exists()


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"1,2")))
    with readable("-") as path:
        place = os.fspath(path)
        assert (str(path), path.read_bytes()) == ("standard input", b"1,2")
    assert not Path(place).exists()
    assert called("-") == "standard input"
    assert called("./-") == "./-"
