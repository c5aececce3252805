"""Surroundings of a command that are odd: one line, and the right exit code."""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from command_line import command, environment, exit_code
from sloy.cli.main import explain
from sloy.cli.start import start
from sloy.files.atomic import write_atomically


def test_a_working_folder_that_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert exit_code("train", "mnist", "--samples", "20", "--engine", "reference") == 1
    assert capsys.readouterr().err.endswith(": the folder that it runs in was removed\n")
    missing = FileNotFoundError(2, "No such file or directory", "/there/x.csv")
    assert explain(missing)[1] == "/there/x.csv: No such file or directory"


def test_a_file_where_a_folder_is_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").touch()
    assert exit_code("train", "mnist", "--samples", "20", "--out", str(tmp_path / "a")) == 1
    assert f"{tmp_path / 'a'}: is a file, where a folder is needed\n" in capsys.readouterr().err


def test_a_folder_without_permission_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Any, *_: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(PermissionError) as caught:
        write_atomically(tmp_path / "m.onnx", b"")
    assert caught.value.filename == str(tmp_path / "m.onnx")


def test_texts_that_no_encoding_has(tmp_path: Path) -> None:
    write_atomically(tmp_path / "t.html", "a\ud800\udcffд")
    assert (tmp_path / "t.html").read_text() == "a\\ud800\\udcffд"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "not enough memory"),
        (MemoryError("std::bad_alloc"), "not enough memory: std::bad_alloc"),
        (
            SystemError("error return without exception set"),
            "not enough memory: a library failed without saying at what",
        ),
        (
            ImportError("x.so: failed to map segment " + "y" * 999),
            "not enough memory to load a library: x.so: failed to map segment " + "y" * 79 + "…",
        ),
    ],
)
def test_little_memory(error: Exception, said: str) -> None:
    assert explain(error, "info") == (1, said)


def test_a_batch_size_is_named_where_there_is_one() -> None:
    said = explain(MemoryError(), "train", ["--batch-size"])[1]
    assert said == "not enough memory: a smaller --batch-size needs less"


def test_an_import_that_fails(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    imported = builtins.__import__

    def failing(name: str, *rest: Any) -> Any:
        if name == "sloy.cli.main":
            raise OSError(24, "Too many\nopen files", "x.py")
        return imported(name, *rest)

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(builtins, "__import__", failing)
    try:
        assert start() == 1
    finally:  # which the end of a process ignores
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert capfd.readouterr() == (
        "",
        "sloy: cannot begin: [Errno 24] Too many open files: 'x.py'\n",
    )


def limited(limit: str, path: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """`sloy info` within a limit of the shell's."""
    words = ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *command("info", path)]
    return subprocess.run(
        words, env=environment(**changes), capture_output=True, text=True, check=False
    )


def test_a_process_with_little_room(tmp_path: Path) -> None:
    """Where OpenBLAS, with a thread for each core, would send this process Ctrl-C."""
    done = limited("-v 143360", tmp_path / "m.sloy", HOME="/proc/1/none")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_few_files_at_once(tmp_path: Path) -> None:
    (tmp_path / "m.sloy").write_bytes(b"nothing")
    done = limited("-n 8", tmp_path / "m.sloy")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"sloy info: {tmp_path / 'm.sloy'}: "), done.stderr


def test_the_backend_of_pictures_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "nonsense")
    assert exit_code("engines") == 0
    assert "MPLBACKEND" not in os.environ
