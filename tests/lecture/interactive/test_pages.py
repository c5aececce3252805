"""All pages to move things in: names, languages, what they hold."""

from __future__ import annotations

import itertools
import json
import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser import open_page
from sloy.errors import UnknownName
from sloy.language import say, speak
from sloy.lecture import ROWS_WITH_PAGES, find, page
from sloy.lecture.pages import write_index
from sloy.lecture.pages.document import script_of

if TYPE_CHECKING:
    pass

from moving_pages import CONTENTS

NAMES = """() => [...document.querySelectorAll("a, button, input, select, summary, [tabindex]")].map(e => [
  e.outerHTML.slice(0, 120),
  (e.getAttribute("aria-label") || [...(e.labels || [])].map(l => l.textContent).join(" ")
    || (e.matches("a, button, summary, output") ? e.textContent : "")).trim(),
  e.tabIndex])"""
PICTURES = """() => [...document.querySelectorAll("svg, canvas")].every(e =>
  e.getAttribute("aria-label") || e.closest("[aria-hidden=true]"))"""

CUT = """() => [...document.querySelectorAll(".scroll")].filter(e => e.scrollWidth > e.clientWidth)
  .map(e => [e.ariaLabel, e.scrollWidth, e.clientWidth])"""


def test_every_page_in_both_languages(tmp_path: Path, shared_browser: Any) -> None:
    """Each control has a name and is reached by the Tab key, nothing sticks out of a narrow window, no table is cut."""
    with speak("ru"):
        russian_footer = say("Everything is computed in this page; nothing is loaded or sent.")
    for language in ("en", "ru"):
        (tmp_path / language).mkdir()
        for row in ROWS_WITH_PAGES:
            page(row, language=language).save(tmp_path / language / f"{row}.html")
        with speak(language):
            write_index(tmp_path / language, [find(row) for row in ROWS_WITH_PAGES])
    with open_page(tmp_path / "en" / "index.html", within=shared_browser, width=320) as browser:
        links = browser.eval_on_selector_all("a", "all => all.map(a => a.getAttribute('href'))")
        assert links == [f"{row}.html" for row in ROWS_WITH_PAGES]
        for language, row in itertools.product(("en", "ru"), ROWS_WITH_PAGES):
            browser.goto((tmp_path / language / f"{row}.html").as_uri())
            controls = browser.evaluate(NAMES)
            assert len(controls) > 5
            assert not [html for html, name, index in controls if not name or index != 0], row
            assert browser.evaluate(PICTURES)
            assert browser.evaluate("document.documentElement.scrollWidth") <= 320, (language, row)
            assert browser.get_attribute("html", "lang") == language
            text = browser.inner_text("body")
            assert "undefined" not in text
            assert "NaN" not in text
            assert not re.search(r"\{\w+\}", text)
            if row == "L3":
                browser.check('input[value="layers"]')  # the widest table
            assert browser.evaluate(CUT) == [], (language, row)
            assert (russian_footer in text) == (language == "ru")


@pytest.mark.parametrize("row", ROWS_WITH_PAGES)
def test_texts_and_scripts_know_each_other(row: str) -> None:
    """Every text is used by some script, and every key in one of a page's scripts has a text."""
    content = CONTENTS[row]
    subject = "".join(map(script_of, content.scripts))
    used = script_of("widgets") + subject + json.dumps(content.start)
    for key in content.texts:
        ending = f"_{key.rpartition('_')[2]}`"  # say(`${name}_plane`)
        assert f'"{key}"' in used or f"{key}:" in used or ending in used, key
    same = [one for one in CONTENTS.values() if one.scripts == content.scripts]
    known = set().union(*(one.texts for one in same))
    assert set(re.findall(r'\b(?:say|hint)\("(\w+)"', subject)) <= known


def test_a_page_holds_all_it_needs() -> None:
    html = page("L17").html
    assert "default-src 'none'" in html
    assert "unsafe" not in html
    assert not re.search(r"""(src|href)=|url\(["']?http|@import|https?://(?!www\.w3\.org)""", html)
    assert len(html) < 60_000


def test_nothing_else_runs_in_a_page(tmp_path: Path, shared_browser: Any) -> None:
    path = tmp_path / "changed.html"
    path.write_text(page("L3").html.replace("</body>", "<script>window.other = 1</script></body>"))
    with (
        pytest.raises(AssertionError, match="Content Security Policy"),
        open_page(path, within=shared_browser) as browser,
    ):
        assert browser.evaluate("window.other") is None


def test_a_notebook_shows_a_page(tmp_path: Path, shared_browser: Any) -> None:
    found = page("L3", language="ru")
    assert repr(found).startswith("Page(L3, 'ru', ")
    shown = found._repr_html_()
    assert escape(found.html, quote=True) in shown
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><meta charset=utf-8><title>x</title>{shown}", "utf-8")
    with open_page(path, within=shared_browser) as browser:
        inside = browser.frame_locator("iframe")
        assert inside.locator("h1").inner_text() == "Исключающее ИЛИ"
        inside.locator('[data-name="one w0 number"]').fill("9")
        assert inside.locator(".score").get_attribute("data-value") == "2"


def test_rows_without_a_page() -> None:
    with pytest.raises(UnknownName, match=r"`row` \(='L4'\) has no page .*L1, L2, L3"):
        page("L4")
    with pytest.raises(UnknownName, match="`language` \\(='de'\\)"):
        page("L3", language="de")
