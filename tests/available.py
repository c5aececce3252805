"""The engines that a test runs on: those of this installation."""

from __future__ import annotations

import pytest

from sloy.engines import Engine, engine
from sloy.engines import available as engine_missing
from sloy.errors import NotAvailable

ENGINES = ("reference", "native", "jax")


def installed() -> list[str]:
    """The engines of this installation: the reference always, native where it is built."""
    return [name for name in ENGINES if engine_missing(name) is None]


def available(name: str, threads: int = 0) -> Engine:
    """The engine of a name; the test is skipped where this installation lacks it."""
    try:
        return engine(name, threads)
    except NotAvailable as reason:
        pytest.skip(str(reason))
