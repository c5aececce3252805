"""What the tests of the pages to move things in share: fields, outputs and drawn places of a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.lecture import ROWS_WITH_PAGES, find
from sloy.lecture.pages.document import SUBJECTS

if TYPE_CHECKING:
    from playwright.sync_api import Page as Browser

EXACT = {"rtol": 1e-9, "atol": 1e-12}
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
CONTENTS = {row: SUBJECTS[find(row).number]() for row in ROWS_WITH_PAGES}
Opened = Callable[..., Any]


def enter(browser: Browser, **numbers: float) -> None:
    """Type numbers into the fields beside sliders."""
    for name, value in numbers.items():
        browser.fill(f'[data-name="{name.replace("_", " ")} number"]', repr(float(value)))


def number(browser: Browser, selector: str) -> float:
    return float(browser.get_attribute(selector, "data-value") or "nan")


def output(browser: Browser, name: str) -> float:
    return number(browser, f'output[data-name="{name}"]')


def press(browser: Browser, text: str) -> None:
    browser.get_by_role("button", name=text, exact=True).click()


def places(browser: Browser, kind: str) -> list[list[float]]:
    found = browser.eval_on_selector_all(
        f'[data-kind="{kind}"]', "all => all.map(one => one.dataset.place)"
    )
    return [json.loads(place) for place in found]


def fill_grid(browser: Browser, label: str, numbers: np.ndarray) -> None:
    for (i, j), value in np.ndenumerate(numbers):
        browser.fill(f'[aria-label="{label}"] [data-at="{i},{j}"]', str(value))


def shown_grid(browser: Browser, label: str, shape: tuple[int, ...]) -> np.ndarray:
    cells = browser.eval_on_selector_all(
        f'[aria-label="{label}"] output', "all => all.map(one => Number(one.dataset.value))"
    )
    return np.array(cells).reshape(shape)
