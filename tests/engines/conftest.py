"""The engines in turn, and the native one's instruction sets in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from available import installed
from device_engine import ROW
from sloy.engines import TABLE, Engine, engine


@pytest.fixture(params=[*installed(), "device"])
def any_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Each engine in turn, on one thread; and one with memory of its own, as a row of the table."""
    monkeypatch.setitem(TABLE, "device", ROW)
    return engine(request.param, threads=1)


def instruction_sets() -> list[str]:
    """Those that this processor has and the native kernels are compiled for."""
    if "native" not in installed():
        return []
    from sloy.engines.native.engine import _native

    return list(_native.available_isas())


@pytest.fixture(params=instruction_sets())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set in turn, which all kernels take for the time of the test."""
    from sloy.engines.native.engine import _native

    _native.force_isa(request.param)
    yield request.param
    _native.force_isa("")
