"""HDF5 is read here in this process: what starting a child costs would be most of these tests."""

from __future__ import annotations

from typing import Any

import pytest

from sloy.errors import FileFormatError
from sloy.exchange.weights import hdf5_child, keras_file


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """But for tests that take the fixture `child_process`."""
    if "child_process" in request.fixturenames:
        return

    def asked(program: str, library: str, question: dict[str, Any], **limits: int) -> Any:
        said, data = hdf5_child.answer(question)
        if "error" in said:
            raise FileFormatError(f"{question['path']}: {said['error']}.")
        return said, data

    monkeypatch.setattr(keras_file, "asked", asked)


@pytest.fixture
def child_process() -> None:
    """Asks for the child process that users have."""
