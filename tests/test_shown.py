"""What theory and inspection find is shown in a notebook as it prints."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import sloy
from sloy import text

ROOMS = (sloy.theory, sloy.inspection)
ONE_LINE: dict[
    str, Callable[[], str]
] = {  # functions whose text is of one line, which a notebook shows as a string
    "to_expression": lambda: sloy.theory.to_expression(
        sloy.theory.network_from_expression("(a & ~b) | (b & c)")
    ),
}


def public(kind: Callable[[Any], bool]) -> Iterator[tuple[str, Any]]:
    for room in ROOMS:
        for name, found in vars(room).items():
            if not name.startswith("_") and kind(found):
                yield f"{room.__name__}.{name}", found


def test_results_that_print_are_shown() -> None:
    own = [(name, kind) for name, kind in public(inspect.isclass) if "__str__" in vars(kind)]
    assert len(own) >= 8
    assert [name for name, kind in own if not hasattr(kind, "_repr_html_")] == []


def test_texts_of_several_lines_are_shown() -> None:
    returned = {
        name: inspect.unwrap(function).__annotations__.get("return")
        for name, function in public(inspect.isfunction)
    }
    strings = [name for name, kind in returned.items() if kind in ("str", str)]
    assert [name for name in strings if name.rpartition(".")[2] not in ONE_LINE] == []
    assert len([name for name, kind in returned.items() if kind in ("Text", text.Text)]) >= 2


@pytest.mark.parametrize("name", ONE_LINE)
def test_a_text_is_of_one_line(name: str) -> None:
    assert "\n" not in ONE_LINE[name]()


def test_what_is_shown_is_what_prints() -> None:
    found = text.Text("a < b\n  & c")
    assert found == "a < b\n  & c"
    assert found._repr_html_() == '<pre style="line-height: 1.25">a &lt; b\n  &amp; c</pre>'
