"""The loop of examples/loop_by_hand.py is that of `sloy.fit`, to the last bit."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/loop_by_hand.py"


def test_the_loop_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    *epochs, last = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in epochs] == ["epoch 1", "epoch 2", "epoch 3"]
    assert last.endswith("the same weights to the last bit: True")
    text = EXAMPLE.read_text(encoding="utf-8")
    loop = text[text.index("    graph = ") : text.index("    same, history")]
    assert len(loop.splitlines()) <= 25
