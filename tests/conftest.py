"""Settings that every test shares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Tests run in several processes beside each other: threads of NumPy's products that wait awake for a core which another
# process holds would take several times the time that the products do. Read when NumPy is loaded, here and in children.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="module")
def shared_browser() -> Iterator[Browser]:
    """One browser for the pages of a file of tests, see `browser.open_page`."""
    from browser import chromium

    with chromium() as started:
        yield started
