"""What cannot be a path is refused in few words by all that take one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import sloy
from sloy.arguments import path_of
from sloy.data import idx, load_table
from sloy.errors import InvalidArgument
from sloy.files.once import is_read_once

TAKERS: list[Callable[[Any], object]] = [
    lambda path: load_table(path, target="y"),
    idx.read_idx,
    sloy.data.stream,
    sloy.load,
    sloy.Model.from_onnx,
]


@pytest.mark.parametrize("path", ["x" * 256, "x" * 5000, "é" * 128 + ".csv", "a/" * 2500])
@pytest.mark.parametrize("take", TAKERS)
def test_names_longer_than_paths_are(take: Callable[[Any], object], path: str) -> None:
    with pytest.raises(InvalidArgument, match="too long for a path") as refused:
        take(path)
    assert len(str(refused.value)) < 300


def test_a_character_that_no_path_can_have() -> None:
    with pytest.raises(InvalidArgument, match="holds a character that no path can have"):
        path_of("load", "path", "\ud800")
    assert path_of("load", "path", "\udcff.csv").name == "\udcff.csv"  # a name that is not UTF-8
    assert not is_read_once("\ud800")
    assert not is_read_once("a\0b")
