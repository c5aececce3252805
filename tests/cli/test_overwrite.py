"""What is there already stays, unless a command is told to replace it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from command_line import exit_code
from sloy.cli.main import COMMANDS, build_parser

EXCEPT = {  # commands that write, and have no --overwrite
    "branch": "a folder that holds a run is refused",
    "lecture": "pictures and pages of a row, which are made anew",
}
FILES = {  # of each command, what it is told and which file it would write
    "export": (["model.sloy", "{}/o.onnx"], "o.onnx"),
    "report": (["run", "{}/o.html"], "o.html"),
    "import": (["resnet18", "{}/o.sloy"], "o.sloy"),
    "plan": (["t.csv", "--target", "y", "--out", "{}/plan.json"], "plan.json"),
    "find-rate": (["t.csv", "--target", "y", "--out", "{}/rate.png"], "rate.png"),
    "samples": (["run", "--out", "{}"], "samples.png"),
    "inspect": (["run", "--out", "{}"], ""),  # below, as the names follow from the network
    "test": (["run", "data", "--out", "{}"], ""),  # see test_test.py
    "train": (["mnist", "--out", "{}"], ""),  # see test_train.py
    "tune": (["mnist", "--out", "{}"], ""),  # see test_tune.py
    "prune": (["run", "--out", "{}"], ""),  # see test_prune.py
}


def test_commands_that_write_can_be_told_to_replace() -> None:
    writing = {}
    for command in COMMANDS:
        actions = (
            build_parser(command.NAME)._subparsers._group_actions[0].choices[command.NAME]._actions
        )  # type: ignore[union-attr]
        if any(action.dest == "out" for action in actions):
            writing[command.NAME] = {word for action in actions for word in action.option_strings}
    assert set(writing) == {*FILES, *EXCEPT}
    for name, options in writing.items():
        assert ("--overwrite" in options) == (name not in EXCEPT), name


@pytest.mark.parametrize("name", [name for name, (_, file) in FILES.items() if file])
def test_a_file_stays(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, file = FILES[name]
    path = tmp_path / file
    path.write_text("mine")
    given = [name, *(word.format(tmp_path) for word in words)]
    assert exit_code(*given) == 1
    said = capsys.readouterr().err
    assert said == (
        f"sloy {name}: {path}: is there already; --overwrite replaces it, another name keeps it.\n"
    )
    assert exit_code(*given, "--overwrite") in (1, 2)  # what is read is not there
    assert "is there already" not in capsys.readouterr().err
    assert path.read_text() == "mine"


def test_types_beside_javascript_stay_too(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "net.d.ts").write_text("mine")
    given = ("export", str(trained), str(tmp_path / "net.js"))
    assert exit_code(*given) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["net.d.ts"]
    assert exit_code(*given, "--overwrite") == 0
    assert (tmp_path / "net.d.ts").read_text() != "mine"
    assert exit_code(*given) == 1


def test_pictures_stay(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    Image.new("L", (8, 9)).save(tmp_path / "bar.png")
    given = ("inspect", str(trained), str(tmp_path / "bar.png"), "--out", str(tmp_path / "look"))
    assert exit_code(*given) == 0
    drawn = {path: path.stat().st_mtime_ns for path in (tmp_path / "look").iterdir()}
    capsys.readouterr()
    assert exit_code(*given) == 1
    assert "is there already; --overwrite" in capsys.readouterr().err
    assert drawn == {path: path.stat().st_mtime_ns for path in (tmp_path / "look").iterdir()}
    assert exit_code(*given, "--overwrite") == 0


def test_a_pipe_takes_a_model(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe, came = tmp_path / "net.c", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: came.append(pipe.read_bytes()), daemon=True)
    reader.start()
    assert exit_code("export", str(trained), str(pipe)) == 0
    reader.join(20)
    assert b"net_predict" in came[0]
    assert f"written   {pipe}\n" in capsys.readouterr().out
