"""What a file that is refused must do: one clear error, little memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from sloy.errors import FileFormatError
from sloy.exchange.weights.readers import read_tensors


def read_all(path: Path) -> None:
    for tensor in read_tensors(path).tensors.values():
        tensor.load()


def refused(path: Path, reason: str) -> str:
    """The one error, raised by reading the list or a tensor; memory stays small."""
    tracemalloc.start()
    try:
        with pytest.raises(FileFormatError, match=reason) as caught:
            read_all(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    assert len(text) < 500 + len(str(path))
    return text
