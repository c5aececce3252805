"""The scripts of examples/ on the lecture's topics run, say what they should, and draw."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

from lecture_examples import LECTURE_EXAMPLES

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("name", LECTURE_EXAMPLES)
def test_example(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, patterns, pictures = LECTURE_EXAMPLES[name]
    path = EXAMPLES / name
    monkeypatch.setattr(sys, "argv", [name, *arguments, "--out", str(tmp_path / "pictures")])
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")
    said = capsys.readouterr().out
    for pattern in patterns:
        assert re.search(pattern, said), f"{pattern!r} is not in:\n{said}"
    assert len(list((tmp_path / "pictures").glob("*.png"))) == pictures
    assert [entry.name for entry in tmp_path.iterdir()] == ["pictures"]
    assert len(path.read_text(encoding="utf-8").splitlines()) < 80
