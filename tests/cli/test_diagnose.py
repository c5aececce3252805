"""`sloy train --diagnose` and `sloy diagnose`: what they say of runs that ended, were interrupted, or failed."""

from __future__ import annotations

import json
import re
import shutil
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from command_line import exit_code

QUICK = (
    "--network",
    "mlp",
    "--batch-size",
    "16",
    "--threads",
    "1",
    "--engine",
    "reference",
    "--quiet",
)


def train(data: Path, out: Path, *options: object, code: int = 0) -> None:
    assert exit_code("train", str(data), *QUICK, *map(str, options), "--out", str(out)) == code


@pytest.fixture(scope="module")
def watched(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run at a rate that is far too low, and what it printed."""
    out = tmp_path_factory.mktemp("diagnosed") / "run"
    with redirect_stdout(StringIO()) as printed:
        train(data, out, "--epochs", 8, "--learning-rate", 1e-6, "--diagnose")
    return out, printed.getvalue()


@pytest.fixture(scope="module")
def too_slow(watched: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, as if it had not been watched."""
    out = tmp_path_factory.mktemp("not watched") / "run"
    shutil.copytree(watched[0], out)
    (out / "diagnosis.json").unlink()
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_findings_are_printed_after_the_results_and_kept(
    watched: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    out, printed = watched
    line = r"^warning: step too small \(D12\): .* → higher rate$"
    assert re.search(line, printed, re.MULTILINE), printed
    assert "diagnosis.json" in printed
    assert exit_code("diagnose", str(out)) == 0
    shown = "".join(capsys.readouterr())
    assert "written while it ran" in shown
    assert "warning  step too small (D12)" in shown


def test_remedies_are_proved_and_the_run_is_not_touched(
    too_slow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(too_slow)
    assert (
        exit_code("diagnose", str(too_slow), "--try", "--seconds", "20", "--engine", "reference")
        == 0
    )
    shown, told = capsys.readouterr()
    assert contents(too_slow) == before
    assert "run again in memory" in told
    line = re.search(r"^do +(sloy train .*)$", shown, re.MULTILINE)
    assert line is not None, shown
    assert "--learning-rate" in line[1]
    assert "--batch-size 16" in line[1]
    assert "--network mlp" in line[1]


def test_a_run_that_failed(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    options = (
        "--epochs",
        2,
        "--optimizer",
        "sgd",
        "--schedule",
        "constant",
        "--learning-rate",
        1e30,
    )
    train(data, out, *options, code=1)
    capsys.readouterr()
    assert exit_code("diagnose", str(out), "--json", "--engine", "reference") == 0
    found = json.loads(capsys.readouterr().out)
    assert {"D01", "D08"} <= {finding["id"] for finding in found["findings"]}
    assert "run again" in found["source"]
    train(data, out, *options, "--diagnose", "--overwrite", code=1)
    capsys.readouterr()
    assert exit_code("diagnose", str(out), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {"D01", "D08"} <= {finding["id"] for finding in found["findings"]}


def test_a_long_run_is_looked_at_again_where_its_checkpoint_stands(
    too_slow: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        exit_code("diagnose", str(too_slow), "--seconds", "0.000001", "--engine", "reference") == 0
    )
    shown = "".join(capsys.readouterr())
    assert "and its checkpoint after" in shown
    assert "step too small (D12)" in shown


def test_the_rules_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("diagnose", "--rules") == 0
    shown = capsys.readouterr().out
    assert len(re.findall(r"^D\d\d  ", shown, re.MULTILINE)) == 20
    assert "limits: first 0.2, later 0.03" in shown
    assert exit_code("diagnose", "--rules", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["rules"]) == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give the folder of a run"),
        (("nowhere",), "holds no run"),
        (("nowhere", "--seconds", "-1"), "not a positive number"),
    ],
)
def test_wrong_usage_is_a_line(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("diagnose", *arguments) in (1, 2)
    assert message in capsys.readouterr().err
