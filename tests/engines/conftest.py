"""The engines in turn."""

from __future__ import annotations

import pytest

from available import installed
from sloy.engines import Engine, engine


@pytest.fixture(params=installed())
def any_engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn, on one thread."""
    return engine(request.param, threads=1)
