"""`sloy tune`: what it says when it is interrupted, and of wrong options."""

from __future__ import annotations

from pathlib import Path

import pytest

from sloy.cli.main import main
from sloy.search.loop import Search

pytest.importorskip("optuna", minversion="5")


def test_ctrl_c_says_how_to_go_on(
    moons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: Search) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, "_start", interrupted)
    out = str(tmp_path / "a search")
    words = ["tune", str(moons), "--target", "side", "--network", "mlp", "--trials", "3"]
    assert main([*words, "--out", out]) == 130
    said, error = capsys.readouterr()
    assert said.startswith("search  3 trials; 1 at a time")
    assert error == f"sloy tune: interrupted; continue with `sloy tune --resume --out '{out}'`\n"
    assert (tmp_path / "a search/search.json").is_file()
    assert main([*words, "--out", out]) == 1
    assert "holds a search already; --resume continues it" in capsys.readouterr().err
    assert main(["tune", "--resume", "--out", out, "--trials", "1"]) == 130


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["mnist", "--trials", "0"], "argument --trials: '0' is not an integer of at least 1"),
        (["mnist", "--workers", "many"], "must be an integer of at least 1, or 'auto'"),
        (["mnist", "--time", "soon"], "must be a time above 0, such as 90s, 2m or 1.5h"),
        ([], "is needed for a search that begins"),
        (["--resume"], "--resume needs --out, the folder of the search"),
    ],
)
def test_wrong_options(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", *words]) == 2
    assert said in capsys.readouterr().err
