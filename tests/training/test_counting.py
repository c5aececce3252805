"""The count of something long: in place on a terminal, one line elsewhere, nothing where it fails."""

from __future__ import annotations

import io
import re

import pytest

from sloy.training.counting import counting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_it_is_one_line() -> None:
    out = io.StringIO()
    with counting("pictures", 3, stream=out) as more:
        for _ in range(3):
            more(1)
    assert re.fullmatch(r"pictures: 3 of 3 in \d+\.\d s\n", out.getvalue())


def test_on_a_terminal_it_is_drawn_in_place_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    with counting("pictures", 300, stream=out) as more:
        more(120)
        more(180)
    drawn, _, end = out.getvalue().partition("\r\033[K")
    assert drawn == "\rpictures 120/300"  # the second comes within a tenth of a second
    assert end.startswith("pictures: 300 of 300")


def test_it_is_silent_where_it_is_not_shown_or_fails() -> None:
    out = io.StringIO()
    with counting("pictures", 1, shown=False, stream=out) as more:
        more(1)
    with pytest.raises(ValueError, match="no"), counting("pictures", 1, stream=out):
        raise ValueError("no")
    assert out.getvalue() == ""
