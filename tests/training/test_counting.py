"""The count of something long: in place on a terminal, one line elsewhere, nothing where it fails."""

from __future__ import annotations

import io
import re

import pytest

from sloy.training.counting import Count


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_elsewhere_it_is_one_line() -> None:
    out = io.StringIO()
    count = Count(out)
    for done in range(1, 4):
        count.show("pictures", done, 3)
    assert re.fullmatch(r"pictures: 3 of 3 in \d+\.\d s\n", out.getvalue())


def test_on_a_terminal_it_is_drawn_in_place_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    count = Count(out)
    for done in (120, 180, 300):
        count.show("pictures", done, 300)
    drawn, _, end = out.getvalue().partition("\r\033[K")
    assert drawn == "\rpictures 120/300"  # the second comes within a tenth of a second
    assert end.startswith("pictures: 300 of 300")


def test_what_is_not_done_to_its_end_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    count = Count(out)
    count.clear()
    assert out.getvalue() == ""
    count.show("pictures", 1, 2)
    count.clear()
    count.clear()
    assert out.getvalue() == "\rpictures 1/2\r\033[K"
