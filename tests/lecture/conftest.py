"""The digits are unpacked once for all programs of the lecture."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

import sloy


@pytest.fixture(scope="session", autouse=True)
def digits() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sloy.data, "mnist", cache(sloy.data.mnist))
        yield
