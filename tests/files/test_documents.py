"""JSON from files: what does not follow its schema is refused with its place, whatever it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sloy.errors import FileFormatError
from sloy.files.documents import DEEPEST, hold, parse, read_document

SCHEMA = {
    "name": str,
    "sizes": [int],
    "rate?": (None, float),
    "kind": {"a", "b"},
    "inner": {"seed": int, "*": (bool, [{"x": float}])},
}
SOUND = {
    "name": "n",
    "sizes": [1, 2],
    "kind": "a",
    "inner": {"seed": 3, "on": True, "list": [{"x": 1}]},
}


def test_what_follows_its_schema() -> None:
    for more in ({}, {"rate": None}, {"rate": 1}, {"rate": 0.5}):
        hold({**SOUND, **more}, SCHEMA)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": 3}, "`name` is 3, not a text"),
        ({"name": None}, "`name` is None, not a text"),
        ({"sizes": 3}, "`sizes` is 3, not a list"),
        ({"sizes": [1, True]}, r"`sizes\[1\]` is True, not an integer"),
        ({"sizes": [1, 2.5]}, r"`sizes\[1\]` is 2.5, not an integer"),
        ({"rate": "1"}, "`rate` is '1', not null or a number"),
        ({"kind": "c"}, "`kind` is 'c', not one of a, b"),
        ({"inner": {}}, "`inner.seed` is missing"),
        ({"inner": {"seed": 1, "x": 3}}, "`inner.x` is 3, not true or false or a list"),
        ({"inner": {"seed": 1, "x": [{"x": "y"}]}}, r"`inner.x\[0\].x` is 'y', not a number"),
        ({"other": 1}, "`other` is no key that it has"),
        ({"name": ["Q" * 500] * 500}, "`name` is .*…, not a text"),
        ({"Q" * 500: 1}, "`Q{50,60}….* is no key"),
        ({"name": 10**300}, "`name` is an integer of 997 bits, not a text"),
    ],
)
def test_what_does_not(change: dict[str, Any], said: str) -> None:
    with pytest.raises(FileFormatError, match=said) as caught:
        hold({**SOUND, **change}, SCHEMA)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "text",
    ["", "[1", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100_000, "[" * (DEEPEST + 3) + "]" * (DEEPEST + 3), "1" * 5000,
     '{"a": 1e999}', "-1e999", "1" * 400],
)  # fmt: skip
def test_what_is_no_document(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(FileFormatError, match="is not a plan ") as caught:
        read_document(path, object, "a plan")
    assert len(str(caught.value)) < 300 + len(str(path))


def test_nesting_up_to_the_bound() -> None:
    deep = "[" * DEEPEST + "]" * DEEPEST
    assert parse(deep) == json.loads(deep)
