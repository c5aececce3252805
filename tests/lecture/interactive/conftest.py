"""A page of a row of the lecture, opened in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser import open_page
from moving_pages import Opened
from sloy.lecture import page

if TYPE_CHECKING:
    from playwright.sync_api import Page as Browser


@pytest.fixture
def opened(tmp_path: Path, shared_browser: Any) -> Opened:
    @contextmanager
    def inner(row: str, language: str = "en", **size: int) -> Iterator[Browser]:
        path = page(row, language=language).save(tmp_path / f"{row}.html")
        with open_page(path, within=shared_browser, **size) as browser:
            yield browser

    return inner
