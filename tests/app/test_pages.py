"""The app's pages in a real browser: what each is for, by mouse and by keyboard, in two languages, narrow and wide."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import sloy
from app_server import Served
from sloy.app.server import WEB
from sloy.app.texts import TEXTS
from sloy.data import HandwritingReader

PAGES = {  # and what is there once each has all its data
    "playground": "#numbers[data-step]",
    "data": "#make-plan",
    "hand": ".hand-svg",
    "look": ".maps button",
    "runs": "#run-run1",
}
NAMES = """() => [...document.querySelectorAll("a, button, input, select, summary, [role=button], [tabindex]")]
  .filter(e => e.id !== "main" && e.checkVisibility()).map(e => [e.outerHTML.slice(0, 150),
  (e.getAttribute("aria-label") || [...(e.labels || [])].map(l => l.textContent).join(" ")
    || (e.matches("a, button, summary, h2") ? e.textContent : "")).trim()])"""
PICTURES = """() => [...document.querySelectorAll("main svg, main canvas")].filter(e => !e.closest(".uplot") &&
  !e.getAttribute("aria-label") && !e.closest("[aria-hidden=true]")).map(e => e.outerHTML)"""


def texts(key: str, language: str = "en") -> str:
    return TEXTS[key][language == "ru"]


def data(page: Any, name: str) -> float:
    """A number that the playground shows."""
    return float(page.get_attribute("#numbers", f"data-{name}"))


def until(page: Any, condition: str, seconds: float = 60) -> None:
    """Wait for a condition in JavaScript; Playwright's own waiting evaluates texts, which the page's policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(30)


# --- texts --------------------------------------------------------------------------------------------


def test_every_text_is_used_and_none_is_missing() -> None:
    scripts = {p.name: p.read_text("utf-8") for p in WEB.glob("*.js") if "uPlot" not in p.name}
    every = "".join(scripts.values())
    for name, script in scripts.items():
        assert set(re.findall(r'\bsay\("(\w+)"', script)) <= set(TEXTS), name
    starts = re.findall(r"`(\w+_)\$\{", every)
    assert not [
        key for key in TEXTS if f'"{key}"' not in every and not key.startswith(tuple(starts)) and key not in PAGES
    ]  # fmt: skip
    for key, (english, russian) in TEXTS.items():
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", russian))
        assert re.search("[а-яё]", russian.lower()) or key in ("r2",), key


# --- all pages ------------------------------------------------------------------------------------------


def test_every_page_narrow_and_in_both_languages(window: Any) -> None:
    """Each control and picture has a name, nothing sticks out at 320 pixels, axe finds nothing."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for language in ("en", "ru"):
        with window("playground", 320 if language == "ru" else 1000, language) as page:
            for name, there in PAGES.items():
                page.evaluate(f"location.hash = '{name}'")
                page.wait_for_selector(f"h1:text-is('{texts(name, language)}')")
                page.wait_for_selector(there)
                if name == "hand" and language == "ru":
                    page.check("#source-picture")
                    page.wait_for_selector(".cells")
                assert page.get_attribute("html", "lang") == language
                assert not [html for html, label in page.evaluate(NAMES) if not label], name
                assert page.evaluate(PICTURES) == [], name
                assert page.evaluate("document.documentElement.scrollWidth") <= max(
                    320, 1000 * (language == "en")
                )
                text = page.inner_text("body")
                assert not re.search(r"undefined|NaN|\[object|\{\w+\}", text), name
                if language == "ru":
                    found = axe.run(page).response["violations"]
                    assert not found, [(one["id"], one["nodes"][0]["html"][:200]) for one in found]


def test_the_link_lets_one_browser_in(served: Served, browser: Any) -> None:
    keys = served.local.keys
    keys.used = False
    contexts = [browser.new_context(locale="en") for _ in range(2)]
    first, second = (context.new_page() for context in contexts)
    first.goto(keys.link)
    first.wait_for_selector("h1")
    assert first.inner_text("h1") != texts("closed")
    assert "token" not in first.url
    first.reload()
    first.wait_for_selector("nav a")
    second.goto(keys.link)
    second.wait_for_selector("h1")
    assert second.inner_text("h1") == texts("closed")
    for context in contexts:
        context.close()


# --- the playground -----------------------------------------------------------------------------------


def test_learn_go_back_branch_and_compare(served: Served, window: Any) -> None:
    scene = {"name": "moons", "count": 500, "noise": 0.1, "seed": 0}
    served.local.desk.playground.command({"do": "scene", **scene}).result(20)
    with window("playground") as page:
        page.wait_for_selector("#numbers[data-step]")
        page.click("#play")
        until(page, "document.querySelector('#numbers').dataset.test > 0.95")
        page.click("#play")
        until(page, "document.querySelector('#play').getAttribute('aria-pressed') === 'false'")
        last = data(page, "step")
        assert last > 50
        page.evaluate(
            "s => { s.value = 0; s.dispatchEvent(new Event('change')) }",
            page.query_selector("#rewind"),
        )
        until(page, "document.querySelector('#numbers').dataset.step === '0'")
        page.click("#one-epoch")
        until(page, "document.querySelector('#numbers').dataset.step === '35'")
        page.click("#branch")
        page.wait_for_selector("#choose-1[aria-pressed=true]")
        page.select_option("#design-rate", "0.1")
        page.check("#together")
        page.click("#one-epoch")
        until(page, "document.querySelector('#numbers').dataset.step === '70'")
        page.click("summary:text-is('as a table') >> nth=0")
        head = page.inner_text(".chart-box .scroll thead")
        assert all(f"{line}: {what} loss" in head for line in "AB" for what in ("training", "test"))
        own = served.local.desk.playground.lines
        assert [line.design.learning_rate for line in own] == [0.01, 0.1]
        assert own[0].curve.rows[-1][1] != own[1].curve.rows[-1][1]
        page.click("li:has(#choose-1) >> text=Remove")
        page.wait_for_selector("#choose-1", state="detached")


def test_the_network_is_changed_by_keyboard_alone(served: Served, window: Any) -> None:
    playground = served.local.desk.playground

    def focus(page: Any, name: str) -> None:
        page.focus(f'[aria-label="{name}"]')

    def layers(page: Any, wanted: list[int]) -> None:
        found = (
            "[...document.querySelectorAll('.column')].map(c => c.querySelectorAll('.unit').length)"
        )
        until(page, f"{found}.filter(n => n).join() === '{','.join(map(str, wanted))}'")

    with window("playground") as page:
        layers(page, [8, 8])
        for name, wanted in (("more units in layer 1", [9, 8]), ("add a hidden layer", [9, 8, 4]),
                             ("fewer units in layer 3", [9, 8, 3]), ("remove layer 2", [9, 3])):  # fmt: skip
            focus(page, name)
            page.keyboard.press("Enter")
            layers(page, wanted)
        focus(page, "activation of layer 2")
        page.keyboard.press("r")  # one key: the select may be made anew before another
        until(
            page,
            "document.querySelectorAll('[aria-label*=\"layer 2, unit 1, relu\"]').length === 1",
        )
        page.focus('[aria-label^="layer 1, unit 2"]')
        page.keyboard.press("Space")
        page.wait_for_selector("text=What unit 2 of layer 1 gives")
        page.focus(".side select")
        page.keyboard.press("s")
        until(
            page,
            "document.querySelectorAll('[aria-label*=\"layer 1, unit 2, sigmoid\"]').length === 1",
        )
        page.focus("canvas.plane")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowUp")
        assert re.match(r"x1 = .+, x2 = .+ → ", page.inner_text(".reading"))
        for _ in range(12):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.matches(':focus-visible')")
        (line,) = playground.lines
        assert [layer.activation for layer in line.design.layers] == ["tanh", "relu"]
        assert dict(line.design.layers[0].own) == {1: "sigmoid"}
        page.fill("#design-l2", "99")
        page.keyboard.press("Tab")
        assert "from 0 to 10" in page.inner_text("#told")
        page.select_option("#scene-count >> xpath=../../div[1]/select", "clouds")
        until(page, "document.querySelectorAll('.legend li').length === 4")


def test_clicks_that_follow_fast_all_count(served: Served, window: Any) -> None:
    """Each changes what came of those before it, though nothing of that has been seen yet."""
    playground = served.local.desk.playground
    playground.command(
        {"do": "scene", "name": "moons", "count": 60, "noise": 0.1, "seed": 0}
    ).result(20)
    with window("playground") as page:
        page.wait_for_selector("#numbers[data-step]")
        page.evaluate("""() => {
          const press = (name, times) => {
            const made = document.querySelector(`[aria-label="${name}"]`);
            for (let k = 0; k < times; k++) made.click();
          };
          press("more units in layer 1", 3);
          press("fewer units in layer 2", 2);
          const rate = document.querySelector("#design-rate");
          rate.value = "0.1";
          rate.dispatchEvent(new Event("change"));
          for (let k = 0; k < 3; k++) document.querySelector("#branch").click();
        }""")
        page.wait_for_selector("#choose-3[aria-pressed=true]")
        design = playground.lines[0].design
        assert ([layer.units for layer in design.layers], design.learning_rate) == ([11, 6], 0.1)
        keys = [line.key for line in playground.lines]
        page.evaluate(
            "{ const made = document.querySelector('#remove-1'); made.click(); made.click(); made.click(); }"
        )
        page.wait_for_selector("#choose-3", state="detached")
        page.click("#one-step")  # which is answered after them
        until(page, "document.querySelector('#numbers').dataset.step === '1'")
        assert [line.key for line in playground.lines] == [keys[0], keys[2], keys[3]]
    playground.command(
        {"do": "scene", "name": "moons", "count": 500, "noise": 0.1, "seed": 0}
    ).result(20)


def test_a_reload_and_a_second_tab_see_the_same_run(served: Served, window: Any) -> None:
    with window("playground") as page:
        page.select_option("#scene-count >> xpath=../../div[1]/select", "moons")
        page.click("#play")
        until(page, "document.querySelector('#numbers').dataset.step > 100")
        page.reload()
        until(page, "document.querySelector('#numbers')?.dataset.step > 100")
        assert page.get_attribute("#play", "aria-pressed") == "true"
        other = page.context.new_page()
        other.goto(f"{served.base}/#playground")
        until(other, "document.querySelector('#numbers')?.dataset.step > 100")
        other.click("#play")
        until(page, "document.querySelector('#play').getAttribute('aria-pressed') === 'false'")
        until(other, "document.querySelector('#play').getAttribute('aria-pressed') === 'false'")
        step = served.local.desk.playground.lines[0].step
        for tab in (page, other):
            until(tab, f"document.querySelector('#numbers').dataset.step === '{step}'")


# --- by hand ----------------------------------------------------------------------------------------------


def test_by_hand_the_numbers_are_those_of_the_trace(served: Served, window: Any) -> None:
    with window("hand") as page:
        page.wait_for_selector(".hand-svg")
        page.fill("#hand-sample", "3")
        page.keyboard.press("Tab")
        trace = served.do("hand", sample=3, learning_rate=0.1, language="en")
        until(
            page,
            f"Number(document.querySelector('#hand-loss').dataset.loss) === {trace['loss']!r}",
        )
        shown = page.eval_on_selector_all(
            ".hand-svg g text:nth-of-type(1)", "all => all.map(t => Number(t.dataset.value))"
        )
        assert shown == [*trace["x"], *(u for layer in trace["layers"] for u in layer["u"])]
        page.click("#phase-update")
        page.focus('[data-unit="1 2"]')
        page.keyboard.press("Enter")
        weight = trace["layers"][1]["parameters"]["weight"]
        for key, values in (
            ("value", weight["value"]),
            ("gradient", weight["gradient"]),
            ("new", weight["new"]),
        ):
            found = page.eval_on_selector_all(
                "[data-weight]", f"all => all.map(t => Number(t.dataset.{key}))"
            )
            assert found == [row[2] for row in values]
        page.click("#phase-backward")
        error = page.get_attribute("dd[data-name^='ε =']", "data-value")
        assert float(error) == trace["layers"][1]["error"][2]
        before = page.inner_text("#hand-unit h2")
        page.click("#walk-on")
        assert page.inner_text("#hand-unit h2") != before


def test_by_hand_a_window_and_its_products(served: Served, window: Any) -> None:
    with window("hand") as page:
        page.check("#source-picture")
        page.wait_for_selector(".cells")
        trace = served.do(
            "hand_picture", name="cross", pixels=None, learning_rate=0.1, seed=1, language="en"
        )
        page.click('[data-unit="0 17"]')  # of 6 × 6 × 2: row 1, column 2, channel 1
        seen = page.eval_on_selector_all(".seen", "all => all.map(cell => cell.dataset.unit)")
        assert seen == [f"-1 {8 * i + j}" for i in (1, 2, 3) for j in (2, 3, 4)]
        cells = page.eval_on_selector_all(
            "#hand-unit tbody tr", "all => all.map(r => r.lastChild.textContent)"
        )
        total = sum(float(cell.replace("−", "-")) for cell in cells)
        assert total == pytest.approx(trace["layers"][0]["z"][1][2][1], abs=2e-3)
        page.click('[data-unit="-1 0"]')
        until(page, "document.querySelector('[data-unit=\"-1 0\"]').dataset.value === '1'")


def test_by_hand_a_network_of_any_size(served: Served, window: Any) -> None:
    with window("hand") as page:
        page.check("#source-model")
        page.wait_for_selector(".layer-list")
        model = next(one for one in served.do("hand_models") if one["name"] == "digits")
        page.select_option(".controls select >> nth=0", model["id"])
        page.click("summary:has-text('dense_1')")
        page.click("[data-unit='3 7']")
        page.wait_for_selector("h2:text-is('dense_1, 7')")
        step = {"id": model["id"], "sample": 0, "learning_rate": 0.1}
        unit = served.do("hand_unit", **step, layer=3, unit=7)
        assert float(page.get_attribute("dd[data-name=z]", "data-value")) == unit["z"]
        drawn = page.eval_on_selector_all(
            ".hand-svg text.label", "all => all.map(t => t.textContent)"
        )
        largest = sorted(unit["parts"], key=lambda part: -abs(part["product"]))[: len(drawn)]
        weights = [float(text.replace("−", "-")) for text in drawn]
        assert weights == pytest.approx([part["w"] for part in largest], rel=6e-3)
        page.click("#phase-backward")
        page.click("[data-unit^='0 '] >> nth=0")
        page.wait_for_selector("h2:has-text('conv2d_1')")


@contextmanager
def slowed(page: Any, *late: tuple[str, str]) -> Iterator[None]:
    """Hold back the answers to what is asked with these words of an action, as a busy server does."""

    def hold(route: Any) -> None:
        asked = route.request
        answer = route.fetch()
        if any(asked.url.endswith(f"/{name}") and word in asked.post_data for name, word in late):
            page.wait_for_timeout(400)
        route.fulfill(response=answer)

    page.route("**/api/do/*", hold)
    yield
    page.unroute("**/api/do/*")


READY = "!document.querySelector('main [aria-busy]')"


@pytest.mark.parametrize("late", ["first", "second"])
def test_what_was_asked_last_is_shown(served: Served, window: Any, late: str) -> None:
    """By hand, whichever answer comes late: the numbers are those of the controls, and of one sample."""
    model = next(one["id"] for one in served.do("hand_models") if one["name"] == "digits")
    with window("hand") as page:
        page.check("#source-model")
        page.wait_for_selector(".layer-list")
        page.select_option(".controls select >> nth=0", model)
        until(page, READY)
        with slowed(page, ("hand_model", f'"sample":{3 if late == "first" else 5}')):
            for sample in (3, 5):
                page.fill("#hand-sample", str(sample))
                page.keyboard.press("Enter")
            assert page.evaluate(
                "document.querySelector('.layer-lists').closest('[inert]') !== null"
            )
            until(page, READY)
        step = {"id": model, "sample": 5, "learning_rate": 0.1}
        trace = served.do("hand_model", **step, language="en")
        assert float(page.get_attribute("#hand-loss", "data-loss")) == trace["loss"]
        page.click("summary:has-text('dense_1')")
        with slowed(page, ("hand_unit", f'"unit":{2 if late == "first" else 7}')):
            page.focus("[data-unit='3 2']")
            page.keyboard.press("Enter")
            page.focus("[data-unit='3 7']")
            page.keyboard.press("Enter")
            page.wait_for_selector("h2:text-is('dense_1, 7')")
            page.wait_for_timeout(500)  # the other one, were it still under way
        served.do("hand_model", **step | {"sample": 1}, language="en")  # of another page
        unit = served.do("hand_unit", **step, layer=3, unit=7)
        assert page.inner_text("#hand-unit h2") == "dense_1, 7"
        assert float(page.get_attribute("dd[data-name=z]", "data-value")) == unit["z"]
        assert page.evaluate("document.activeElement.dataset.unit") == "3 7"


@pytest.mark.parametrize("late", ["first", "second"])
def test_late_answers_in_the_other_pages(served: Served, window: Any, late: str) -> None:
    """Look, Data and Runs show what was chosen last, and no maps of one picture beside the answers of another."""
    ids = {one["name"]: one["id"] for one in served.do("start")["things"]}
    first = late == "first"
    with window("look") as page:
        page.wait_for_selector(".maps button")
        with slowed(page, ("sample", f'"number":{1 if first else 2}'), ("maps", "")):
            page.focus("#next-sample")
            page.keyboard.press("Enter")
            page.keyboard.press("Enter")
            until(page, "document.querySelector('#sample').value === '2'")
            until(page, READY)
            assert page.evaluate("document.activeElement.id") == "next-sample"
        model = sloy.load(served.folder / "runs/digits", engine="reference")
        x = sloy.data.mnist().test.x[2:3]
        best = page.locator("#answers [data-class]").first
        assert float(best.get_attribute("data-value")) == pytest.approx(
            model.predict_proba(x).max(), abs=1e-4
        )
        page.focus(".maps button >> nth=1")
        page.keyboard.press("Enter")
        page.wait_for_selector(".patch")
        (layer,) = model.activations(x, ["conv2d_1"]).values()
        value = re.findall(r"It gives (\S+);", page.inner_text("main"))[0].replace("−", "-")
        assert float(value) == pytest.approx(layer[0, 12, 12, 1], rel=1e-3)
    with window("data") as page:
        page.wait_for_selector("#make-plan")
        table, digits = ids["table.csv"], ids["MNIST"]
        with slowed(page, ("columns", f'"{table if first else digits}"')):
            page.click(f"#thing-{table}")
            page.click(f"#thing-{digits}")
            until(page, READY)
        assert page.inner_text("h2 >> nth=0") == "MNIST"
        assert page.get_attribute(f"#thing-{digits}", "aria-pressed") == "true"
    with window("runs") as page:
        page.wait_for_selector("#run-run1")
        with slowed(page, ("run", f'"run{1 if first else 2}"')):
            page.check("#run-run1")
            page.uncheck("#run-run1")
            page.check("#run-run2")
            page.click("#more-run1")
            page.click("#more-run2")
            until(page, READY)
        assert page.inner_text("h2 >> nth=-1") == "slow"
        shown = page.inner_text(".chart-box .u-legend")
        assert "slow: loss" in shown
        assert "digits: loss" not in shown


# --- look -------------------------------------------------------------------------------------------------


def test_a_drawn_digit_is_answered_as_predict_does(
    served: Served, window: Any, tmp_path: Path
) -> None:
    model = sloy.load(served.folder / "runs/digits", engine="reference")
    strokes = [[(70, 70), (200, 70)], [(200, 70), (130, 220)]]
    with window("look") as page:
        page.wait_for_selector("#answers span")
        box = page.locator(".sheet").bounding_box()
        page.evaluate("window.scrollTo(0, 0)")
        before = page.inner_text("#answers")
        for stroke in strokes:
            (x, y), (to_x, to_y) = stroke
            page.mouse.move(box["x"] + x, box["y"] + y)
            page.mouse.down()
            page.mouse.move(box["x"] + to_x, box["y"] + to_y, steps=6)
            page.mouse.up()
        until(page, f"document.querySelector('#answers').innerText !== {json.dumps(before)}")
        page.wait_for_timeout(600)
        pixels = page.eval_on_selector(
            ".sheet",
            "c => [...c.getContext('2d').getImageData(0, 0, 280, 280).data].filter((_, k) => k % 4 === 0)",
        )
        drawn = Image.fromarray(np.array(pixels, np.uint8).reshape(280, 280))
        expected = model.predict_proba(HandwritingReader().read(drawn))[0]
        found = page.eval_on_selector_all(
            "#answers [data-class]",
            "all => all.map(e => [Number(e.dataset.class), Number(e.dataset.value)])",
        )
        assert len(found) == 10
        for k, value in found:
            assert value == pytest.approx(expected[k], abs=1e-4)
        page.click("#why-saliency")
        page.wait_for_selector("#told:not(:empty)")
        own = tmp_path / "one.png"
        page_ = Image.new("L", (200, 200), 255)
        ImageDraw.Draw(page_).line([(100, 30), (100, 170)], fill=0, width=16)
        page_.save(own)
        page.set_input_files("#own-picture", own)
        best = int(model.predict(HandwritingReader().read(page_))[0])
        until(page, f"document.querySelector('#answers [data-class]').dataset.class === '{best}'")


def test_maps_and_what_a_unit_sees(served: Served, window: Any) -> None:
    with window("look") as page:
        page.wait_for_selector(".maps button")
        assert page.locator(".maps button").count() == 4
        page.focus(".maps button >> nth=1")
        page.keyboard.press("Enter")
        page.wait_for_selector(".patch")
        assert "12–16, 12–16" in page.inner_text("main")
        assert page.locator(".patch").count() == 8
        page.click("#synthesize")
        page.wait_for_selector("#synthesised canvas")
        rose = page.inner_text("#synthesised").replace("−", "-")
        before, after = map(float, re.findall(r"from (\S+) to (\S+) in", rose)[0])
        assert after > before
        page.click("[aria-label$='→']")
        page.wait_for_selector("text=13–17, 12–16")
        page.click("#next-sample")
        until(page, "document.querySelector('#label').textContent.endsWith('2')")


def test_pictures_that_are_none(served: Served, window: Any, tmp_path: Path) -> None:
    broken, huge = tmp_path / "broken.png", tmp_path / "huge.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 50)
    Image.new("1", (20_000, 10_000)).save(huge)
    with window("look") as page:
        page.wait_for_selector("#answers span")
        for path in (broken, huge):
            page.evaluate("document.querySelector('#told').textContent = ''")
            page.set_input_files("#own-picture", path)
            page.wait_for_selector("#told.bad:not(:empty)")
        page.complaints[:] = [one for one in page.complaints if "400 (Bad Request)" not in one]


# --- data and runs ----------------------------------------------------------------------------------------


def test_data_of_ones_own(served: Served, window: Any, tmp_path: Path) -> None:
    table = tmp_path / "own table.csv"
    rows = [f"{k % 9},{k % 5},{k * k % 7},{'ab'[k % 2]}" for k in range(80)]
    table.write_text("\n".join(["first,second,third,letter", *rows]))
    with window("data") as page:
        page.wait_for_selector("#thing-data2[aria-pressed=true]")  # what the command named
        page.set_input_files("#files", table)
        page.wait_for_selector("h2:text-is('own table.csv')")
        assert "letter" in page.inner_text("thead")
        page.uncheck("[aria-label='learn from third']")
        page.click("#to-playground")
        page.wait_for_selector("#numbers[data-step]")
        until(
            page,
            "[...document.querySelectorAll('.input')].map(e => e.textContent).join() === 'first,second'",
        )
        kinds = page.query_selector_all("select:has([data-own]), #scene-count, #scene-noise")
        assert [one.is_visible() for one in kinds] == [True, False, False]
        assert kinds[0].input_value() == "own table.csv"
        assert page.inner_text(".across") == "first"
        kinds[0].select_option("rings")
        page.wait_for_selector("#scene-count")
        assert page.input_value("#scene-count") == "500"
        assert not page.query_selector("[data-own]")
    with window("data") as page:
        page.click("button:has-text('own table.csv')")
        across, up = (
            "#to-playground >> xpath=../div[1]/select",
            "#to-playground >> xpath=../div[2]/select",
        )
        page.select_option(across, "second")
        assert page.input_value(up) == "first", "two columns or none"
        page.select_option(up, "")
        assert page.input_value(across) == ""
        page.click("#to-playground")
        page.wait_for_selector("#numbers[data-step]")
    scene = served.local.desk.playground.scene
    assert (scene.columns, scene.classes) == (("first", "second", "third"), ("a", "b"))


AXIS = """async (values) => {
  const {Chart} = await import("/web/charts.js"), chart = new Chart("t", "x");
  document.querySelector("main").append(chart.element);
  chart.show([{label: "a", colour: 0, dash: 0, points: values.map((value, k) => [k, value])}]);
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const found = chart.plot.axes[1]._values;
  chart.element.remove();
  return found;
}"""


def test_axes_of_runs_that_ran_away_have_numbers(window: Any) -> None:
    with window("runs") as page:
        page.wait_for_selector("#run-run1")
        wide = page.evaluate(AXIS, [2.0, 3e10, 1e30, None, 1e34])
        assert 5 <= len(wide) <= 9
        assert 1e28 < float(wide[-1]) <= 1e34
        assert [word for word in page.evaluate(AXIS, [0.82, 0.93]) if word] == ["0.8", "0.9", "1"]


def test_files_that_are_no_data(served: Served, window: Any, tmp_path: Path) -> None:
    """One clear line in the page for each, without a path of this machine; nothing new among the data."""
    files = {
        "notes.txt": (b"a text", "Neither a table nor pictures in folders of their classes: notes.txt."),
        "net.sloy": (b"model", "net.sloy is a model: sloy app net.sloy opens it."),
        "net.csv": (b"\0\1\2", "net.csv: line 1: holds a zero byte; this is no text table in UTF-8."),
        "text.csv": (b"hello, you\nall\n", "text.csv: line 2 has 1 field, the header 2 (separated by commas)."),
        "empty.csv": (b"", "empty.csv: is empty."),
    }  # fmt: skip
    with window("data") as page:
        page.wait_for_selector("#thing-data2[aria-pressed=true]")
        before = page.locator(".things button").count()
        for name, (content, said) in files.items():
            (tmp_path / name).write_bytes(content)
            page.set_input_files("#files", tmp_path / name)
            page.wait_for_selector("#told.bad:not(:empty)")
            until(page, f"document.querySelector('#told').textContent === {json.dumps(said)}")
        assert page.locator(".things button").count() == before
        page.complaints[:] = [one for one in page.complaints if "400 (Bad Request)" not in one]


def test_runs_side_by_side(served: Served, window: Any) -> None:
    with window("runs") as page:
        page.wait_for_selector("#run-run1")
        assert page.locator("tbody tr").count() == 2
        assert page.inner_text("tbody tr >> nth=1").lstrip().startswith("↳")
        page.check("#run-run1")
        page.check("#run-run2")
        heads = page.inner_text("thead >> nth=0").strip().split("\t")
        row = page.inner_text("tbody tr >> nth=0").strip().split("\t")
        assert heads[-3:] == ["accuracy", "loss", "state"]
        assert row[-3:] == ["90.00 %", "0.01", "finished"]
        page.click("summary:text-is('as a table')")
        page.wait_for_selector(".chart-box .scroll tbody tr")
        cells = page.eval_on_selector_all(
            ".chart-box .scroll tbody tr",
            "all => all.map(r => [...r.children].map(c => c.textContent))",
        )
        assert cells == [["1", "0.09", "1", "0.009", "1"], ["2", "0.045", "0.5", "0.0045", "0.5"]]
        page.click("#more-run2")
        page.wait_for_selector(".warning")
        assert "by 20% between readings" in page.inner_text(".warning")
        assert "lower rate" in page.inner_text(".warning")
    with window("runs", language="ru") as page:
        page.wait_for_selector("#run-run1")
        assert "доля верных" in page.inner_text("thead >> nth=0")
        page.click("#more-run2")
        page.wait_for_selector(".warning")
        assert "слишком большой шаг (ошибка)" in page.inner_text(".warning")
        assert "потери скачут на 20%" in page.inner_text(".warning")
        assert "меньший темп обучения" in page.inner_text(".warning")


def test_a_run_reported_and_pruned(served: Served, window: Any) -> None:
    """The report opens from where the browser keeps it; a smaller model stands under its run."""
    with window("runs") as page:
        page.wait_for_selector("#run-run1")
        page.click("#more-run1")
        page.click("#report")
        page.wait_for_selector("#report-link")
        with page.expect_download() as kept:
            page.click("#report-link")
        assert kept.value.suggested_filename == "digits-report.html"
        text = Path(kept.value.path()).read_text("utf-8")
        assert text == (served.folder / "runs/digits/report.html").read_text("utf-8")
        assert '<html lang="en">' in text
        page.fill("#prune-keep", "50")
        page.click("#prune")
        page.wait_for_selector("h2:text-is('digits-pruned-1')")
        found = json.loads((served.folder / "runs/digits-pruned-1/pruning.json").read_text())
        cells = page.inner_text("tr:has(th:text-is('multiply-adds')) >> nth=0").split("\t")
        expected = [found[when]["multiply_adds"] for when in ("before", "after")]
        assert [int(re.sub(r"\D", "", cell)) for cell in cells[1:3]] == expected
        assert expected[1] <= 0.55 * expected[0]
        assert page.inner_text("tbody tr >> nth=1").lstrip().startswith("↳")
        assert any(one["name"] == "digits-pruned-1" for one in served.do("models"))
    shutil.rmtree(served.folder / "runs/digits-pruned-1")
    (served.folder / "runs/digits/report.html").unlink()
    assert all(one["name"] != "digits-pruned-1" for one in served.do("models"))
