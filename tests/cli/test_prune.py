"""`sloy prune` as its user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sloy
from command_line import exit_code

OPTIONS = ("--keep", "0.5", "--retrain", "1", "--threads", "1")


@pytest.fixture(autouse=True)
def shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sloy.pruning.pruning.TIMED", 0.01)


def test_a_run(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the samples of the run itself; its folder is left as it was."""
    before = sorted(path.name for path in trained.iterdir())
    assert exit_code("prune", str(trained), *OPTIONS, "--out", str(tmp_path)) == 0
    shown = capsys.readouterr().out
    assert sorted(path.name for path in trained.iterdir()) == before
    assert "on 90 samples to test" in shown
    document = json.loads((tmp_path / "pruning.json").read_text("utf-8"))
    sizes = document["before"], document["after"]
    assert sizes[1]["multiply_adds"] <= 0.5 * sizes[0]["multiply_adds"]
    for name, count in sizes[1]["widths"].items():
        assert f"{name}" in shown
        assert f"{sizes[0]['widths'][name]} → {count}" in shown
    assert (tmp_path / "pruning.png").read_bytes()[:4] == b"\x89PNG"
    small, whole = sloy.load(tmp_path / "pruned.sloy"), sloy.load(trained / "model.sloy")
    assert small.network.parameter_count == sizes[1]["parameters"]
    assert small.class_names == whole.class_names
    assert exit_code("prune", str(trained), "--out", str(tmp_path)) == 1
    assert "holds pruned.sloy already; --overwrite replaces it" in capsys.readouterr().err


def test_a_file_and_its_data(
    trained: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Single weights, and the note that it may have learned from what it is measured on."""
    file = tmp_path / "model.sloy"
    file.write_bytes((trained / "model.sloy").read_bytes())
    words = ("--weights", "--rounds", "1", *OPTIONS, "--json")
    assert exit_code("prune", str(file), "--data", str(data), *words) == 0
    document = json.loads(capsys.readouterr().out)
    assert any("is not known" in note for note in document["notes"])
    assert any("no faster" in note for note in document["notes"])
    assert document["after"]["zeros"] > 0.4 * document["after"]["parameters"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--keep", "2"), "--keep: '2' is not a share above 0 and below 1"),
        (("--loss-rise", "-1"), "--loss-rise: '-1' is not a share from 0 to below 1"),
        (("--out", "other"), "--data: {file} is no run's model"),
        (("--data", "mnist"), "the model takes samples of 9 × 8 × 1"),
    ],
)
def test_what_it_refuses(
    words: tuple[str, str],
    said: str,
    trained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "m.sloy"
    file.write_bytes((trained / "model.sloy").read_bytes())
    assert exit_code("prune", str(file), *words) == 2
    assert said.format(file=file) in capsys.readouterr().err
