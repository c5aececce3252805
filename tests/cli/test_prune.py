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
        (
            ("--keep", "0.5", "--loss-rise", "0.1"),
            "--keep (=0.5) and --loss-rise (=0.1) both say how far to go",
        ),
        (("--rounds", "3"), "--rounds (=3) is for --weights"),
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


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on a table, beside its data, and others without the target and with another class."""
    folder = tmp_path_factory.mktemp("rows")
    lines = [f"{k % 7},{k % 5},{'up' if k % 7 > k % 5 else 'down'}" for k in range(120)]
    for name, changed in (("t", lines), ("other", [*lines, "1,2,left"])):
        (folder / f"{name}.csv").write_text("\n".join(["a,b,side", *changed]) + "\n")
    less = [line.rpartition(",")[0] for line in lines]
    (folder / "less.csv").write_text("\n".join(["a,b", *less]) + "\n")
    words = (
        "train",
        str(folder / "t.csv"),
        "--target",
        "side",
        "--members",
        "2",
        "--epochs",
        "4",
        "--quiet",
    )
    assert exit_code(*words, "--threads", "1", "--out", str(folder / "run")) == 0
    assert exit_code("prune", str(folder / "run"), *OPTIONS) == 0
    return folder


def test_files_of_tables(rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pruned model once more: by its run's rows, or by those of a table, whose target it knows."""
    run = rows / "run"
    assert exit_code("prune", str(run / "pruned.sloy"), *OPTIONS, "--out", str(tmp_path / "a")) == 0
    assert "on 24 samples to test" in capsys.readouterr().out
    words = ("--data", str(rows / "t.csv"), *OPTIONS, "--out", str(tmp_path / "b"))
    apart = tmp_path / "apart.sloy"  # not known as that run's
    apart.write_bytes((run / "pruned.sloy").read_bytes())
    assert exit_code("prune", str(apart), *words) == 0
    shown = capsys.readouterr().out
    assert "samples to validate on" in shown
    assert "is not known" in shown
    small, smaller = sloy.load(run / "pruned.sloy"), sloy.load(tmp_path / "b/pruned.sloy")
    assert smaller.network.parameter_count < small.network.parameter_count
    assert list(smaller.predict({"a": [6, 0], "b": [0, 4]})) == ["up", "down"]


@pytest.mark.parametrize(
    ("model", "data", "said"),
    [
        ("linear", "t.csv", "sloy prune: no unit of the network can be removed"),
        ("linear", None, "sloy prune: no unit of the network can be removed"),
        ("pruned", "less.csv", "less.csv: lacks the column `side`"),
        ("model", "other.csv", "left"),
        (
            "model",
            "mnist",
            "takes rows of a table with the columns 'a', 'b', 'side'; mnist is none",
        ),
    ],
)
def test_what_models_of_tables_are_not_pruned_by(
    model: str,
    data: str | None,
    said: str,
    rows: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = () if data is None else ("--data", data if data == "mnist" else str(rows / data))
    assert (
        exit_code("prune", str(rows / f"run/{model}.sloy"), *given, "--out", str(tmp_path / "x"))
        != 0
    )
    error = capsys.readouterr().err
    assert said in error
    assert "target` COLUMN" not in error
    assert not (tmp_path / "x").exists()
