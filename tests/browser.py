"""Pages in a real browser: Debian's Chromium, cut off from every network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
# Nothing is asked of anybody: no updates, no first-run pages.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, whose start takes longer than most pages; while it runs nothing else can use asyncio."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def open_page(
    path: Path, *, within: Browser | None = None, width: int = 1000, height: int = 800
) -> Iterator[Page]:
    """A file as a browser shows it; what its scripts complain about, or ask of a network, fails the test.

    Parameters
    ----------
    path : Path
        Of an HTML file.
    within : Browser, optional
        One that runs; else one is started. Pages share nothing in it.
    width, height : int
        Of the window, in pixels.
    """
    complaints: list[str] = []
    with nullcontext(within) if within else chromium() as browser:
        context = browser.new_context(
            offline=True,
            viewport={"width": width, "height": height},
            reduced_motion="no-preference",
        )
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda line: (
                complaints.append(line.text) if line.type in ("error", "warning") else None
            ),
        )
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith(("file:", "data:", "blob:", "about:"))
                else complaints.append(f"asked for {asked.url}")
            ),
        )
        page.goto(path.resolve().as_uri())
        try:
            yield page
        finally:
            context.close()
    assert not complaints, complaints


def accessible(page: Page) -> list[str]:
    """What axe-core finds wrong with a page: rule, help and the first element of each."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:160]}" for one in found]
