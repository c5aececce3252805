"""The pages to move things in, in a real browser: what they compute against Python, their controls and keys."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import sloy
from browser import open_page
from sloy.errors import UnknownName
from sloy.language import say, speak
from sloy.lecture import ROWS_WITH_PAGES, find, page
from sloy.lecture.pages import write_index
from sloy.lecture.pages.document import SUBJECTS, script_of
from sloy.theory import CURVE_FILTER, EDGE_FILTER, EXAMPLE_MATRIX, Neuron, convolve

if TYPE_CHECKING:
    from playwright.sync_api import Page as Browser

EXACT = {"rtol": 1e-9, "atol": 1e-12}
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
CONTENTS = {row: SUBJECTS[find(row).number]() for row in ROWS_WITH_PAGES}
Opened = Callable[..., Any]


@pytest.fixture
def opened(tmp_path: Path, shared_browser: Any) -> Opened:
    @contextmanager
    def inner(row: str, language: str = "en", **size: int) -> Iterator[Browser]:
        path = page(row, language=language).save(tmp_path / f"{row}.html")
        with open_page(path, within=shared_browser, **size) as browser:
            yield browser

    return inner


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


# --- all pages ------------------------------------------------------------------------------------

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


# --- neurons --------------------------------------------------------------------------------------


def test_a_neuron_answers_as_its_formula_says(opened: Opened) -> None:
    with opened("L1") as browser:
        ((x1, x2),) = places(browser, "probe")
        for kind in ("heaviside", "sign", "sigmoid", "tanh"):
            browser.check(f'input[value="{kind}"]')
            for w in ((0.3, -1.7, 2.25), (-20.5, 3, 0.125)):
                enter(browser, w0=w[0], w1=w[1], w2=w[2])
                expected = Neuron(w[1:], w[0], kind)([x1, x2])
                np.testing.assert_allclose(output(browser, "answer"), expected, **EXACT)
        browser.focus('[data-name="w0"]')
        browser.fill('[data-name="w0 number"]', "1")
        browser.focus('[data-name="w0"]')
        browser.keyboard.press("ArrowRight")
        assert float(browser.input_value('[data-name="w0 number"]')) == 1.05
        browser.focus('[data-kind="probe"]')
        for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowUp"):
            browser.keyboard.press(key)
        np.testing.assert_allclose(places(browser, "probe"), [[x1 - 0.05, x2 + 0.3]])


def test_a_neuron_learns_and_its_objects_move(opened: Opened) -> None:
    start = CONTENTS["L1"].start
    x = np.array([one["x"] for one in start["objects"]])
    yes = np.array([one["yes"] for one in start["objects"]])
    with opened("L1") as browser:
        w = np.array(start["weights"], float)
        assert number(browser, ".score") == np.sum((w[0] + x @ w[1:] > 0) == yes)
        for _ in range(3):
            press(browser, "learn: one pass over the objects")
            for one, y in zip(x, yes, strict=True):
                a = 1 / (1 + np.exp(-(w[0] + one @ w[1:])))
                w -= 0.1 * (a - y) * np.array([1, *one])
        fields = [f'[data-name="w{j} number"]' for j in range(3)]
        found = [float(browser.input_value(field)) for field in fields]
        np.testing.assert_allclose(found, w, rtol=1e-9)
        z = w[0] + x @ w[1:]
        loss = np.mean(np.log1p(np.exp(-np.where(yes, z, -z))))
        told = browser.get_by_text("mean log-loss").get_attribute("data-value")
        np.testing.assert_allclose(float(told), loss, rtol=1e-9)

        browser.check('input[value="heaviside"]')  # the perceptron rule
        enter(browser, w0=0, w1=0, w2=0)
        press(browser, "learn: one pass over the objects")
        weights, bias, _ = sloy.theory.perceptron_rule(x, yes, max_epochs=1, engine="reference")
        found = [float(browser.input_value(field)) for field in fields]
        np.testing.assert_allclose(found, [bias, *weights], rtol=1e-6)

        objects = browser.locator('[data-kind="object"]')
        assert "class 0" in (objects.first.get_attribute("aria-label") or "")
        objects.first.focus()
        browser.keyboard.press("Enter")
        assert "class 1" in (objects.first.get_attribute("aria-label") or "")
        browser.keyboard.press("Delete")
        assert objects.count() == 19
        assert browser.evaluate("document.activeElement.dataset.kind") == "object"
        press(browser, "add one of class 1")
        assert objects.count() == 20
        box = objects.first.bounding_box()
        before = places(browser, "object")[0]
        browser.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        browser.mouse.down()
        browser.mouse.move(box["x"] + box["width"] / 2 + 40, box["y"] + box["height"] / 2)
        browser.mouse.up()
        after = places(browser, "object")[0]
        assert after[0] > before[0] + 0.2
        assert abs(after[1] - before[1]) < 0.05


def test_logic_by_one_neuron(opened: Opened) -> None:
    with opened("L2", language="ru") as browser:
        for name, russian in (("AND", "И"), ("OR", "ИЛИ"), ("NOT", "НЕ")):
            start = CONTENTS["L2"].start
            browser.get_by_role("button", name=re.compile(rf"\({russian}\)")).click()
            assert browser.input_value("select") == name
            assert number(browser, ".score") == 4
            bias, *weights = start["presets"][name]
            cells = browser.locator("tbody tr td:nth-child(4)").all_inner_texts()
            expected = Neuron(weights, bias, "heaviside")(CORNERS)
            assert [float(cell) for cell in cells] == list(expected) == start["targets"][name]
        random = np.random.default_rng(0)
        browser.select_option("select", "NAND")
        for w in random.uniform(-5, 5, (6, 3)):
            enter(browser, w0=w[0], w1=w[1], w2=w[2])
            expected = np.sum((w[0] + CORNERS @ w[1:] > 0) == (CORNERS.sum(axis=1) < 2))
            assert number(browser, ".score") == expected


def test_xor(opened: Opened) -> None:
    target = CORNERS.sum(axis=1) == 1
    random = np.random.default_rng(1)
    with opened("L3") as browser:
        for w in [*random.uniform(-3, 3, (6, 3)), (-0.5, 1, 1)]:
            enter(browser, one_w0=w[0], one_w1=w[1], one_w2=w[2])
            right = np.sum((w[0] + CORNERS @ np.array(w[1:]) > 0) == target)
            assert number(browser, ".score") == right <= 3
        grid = np.linspace(-3, 3, 13)
        script = """grid => Math.max(...grid.flatMap(a => grid.flatMap(b => grid.map(c =>
          CORNERS.filter((x, i) => step(productSum([a, b, c], x)) === XOR[i]).length))))"""
        assert browser.evaluate(script, grid.tolist()) == 3

        browser.check('input[value="product"]')
        assert number(browser, ".score") < 4
        enter(browser, product_w3=-2)
        assert number(browser, ".score") == 4
        assert "this is XOR" in browser.inner_text("main")

        browser.check('input[value="layers"]')
        assert number(browser, ".score") < 4
        press(browser, "the lecture's weights")
        assert number(browser, ".score") == 4
        rows = browser.locator("tbody tr").all_inner_texts()
        assert [row.split()[:4] for row in rows] == [
            [str(a), str(b), str(int(a or b)), str(int(a and b))] for a, b in CORNERS
        ]
        enter(browser, first_w0=-1.5)  # both are AND now
        assert number(browser, ".score") == 2
        assert len(browser.query_selector_all(".planes svg")) == 4


# --- learning -------------------------------------------------------------------------------------


def test_descent_takes_the_steps_of_the_formula(opened: Opened) -> None:
    start = CONTENTS["L7"].start
    x, y = np.array(start["xs"]), np.array(start["ys"])
    design = np.stack([np.ones_like(x), x], axis=1)  # (n, 2), for w0 and w1
    with opened("L7") as browser:

        def path() -> np.ndarray:
            return np.array(json.loads(browser.get_attribute("tbody", "data-path") or ""))

        curvatures = np.linalg.eigvalsh(2 * design.T @ design / len(x))
        bounds = browser.locator("[data-steep]")
        for name, expected in (("flat", curvatures[0]), ("steep", curvatures[1])):
            found = float(bounds.get_attribute(f"data-{name}") or "")
            np.testing.assert_allclose(found, expected, rtol=1e-9)

        def walked(rate: float, steps: int, single: bool) -> np.ndarray:
            w = np.array(start["start"], float)
            found = [w]
            for number in range(steps):
                rows = [start["order"][number % len(x)]] if single else slice(None)
                error = design[rows] @ w - y[rows]
                w = w - rate * 2 * design[rows].T @ error / len(error)
                found.append(w)
            return np.array(found)

        press(browser, "ten steps")
        press(browser, "one step")
        np.testing.assert_allclose(path(), walked(0.1, 11, single=False), **EXACT)
        browser.check('input[value="single"]')
        for _ in range(3):
            press(browser, "ten steps")
        np.testing.assert_allclose(path(), walked(0.1, 30, single=True), **EXACT)

        browser.check('input[value="full"]')
        verdict = browser.locator("[data-key]")
        for rate in (1.9 / curvatures[1], 2.1 / curvatures[1]):
            enter(browser, η=rate)
            press(browser, "back to the start")
            for _ in range(20):
                press(browser, "ten steps")
            losses = [float(np.mean((design @ w - y) ** 2)) for w in path()]
            runs_away = rate > 2 / curvatures[1]
            assert (losses[-1] > losses[0]) == runs_away
            assert verdict.get_attribute("data-key") == ("diverges" if runs_away else "swings")

        browser.focus('[data-kind="start"]')
        browser.keyboard.press("ArrowRight")
        np.testing.assert_allclose(path(), [[2, -0.9]])
        browser.locator('[data-kind="object"]').first.focus()
        browser.keyboard.press("Shift+ArrowRight")
        assert float(bounds.get_attribute("data-steep") or "") != curvatures[1]


@pytest.mark.parametrize(
    ("rate", "key", "english", "russian"),
    [
        (0.25, "direct", "not above 1/λ = 0.2781: down without", "не больше 1/λ = 0.2781: вниз без"),
        (0.3, "swings", "between 1/λ = 0.2781 and 2/λ = 0.5562", "между 1/λ = 0.2781 и 2/λ = 0.5562"),
        (0.4, "swings", "between 1/λ = 0.2781 and 2/λ = 0.5562", "раскачивается поперёк долины, но"),
        (0.6, "diverges", "not below 2/λ = 0.5562", "не меньше 2/λ = 0.5562"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_rate_is_what_the_path_does(
    opened: Opened, rate: float, key: str, english: str, russian: str
) -> None:
    start = CONTENTS["L7"].start
    x, y = np.array(start["xs"]), np.array(start["ys"])
    design = np.stack([np.ones_like(x), x], axis=1)  # (N, 2)
    minimum = np.linalg.lstsq(design, y, rcond=None)[0]
    steepest = np.linalg.svd(design)[2][0]  # (2,)
    for language, said in (("en", english), ("ru", russian)):
        with opened("L7", language=language) as browser:
            enter(browser, η=rate)
            press(browser, "ten steps" if language == "en" else "десять шагов")
            path = np.array(json.loads(browser.get_attribute("tbody", "data-path") or ""))
            offset = (path - minimum) @ steepest  # (11,)
            told = browser.locator("[data-key]")
            assert told.get_attribute("data-key") == key
            assert said in told.inner_text()
            factor = f"{offset[1] / offset[0]:.2g}".replace("-", "−")
            assert told.inner_text().endswith(f"1 − ηλ = {factor}.")
            assert (offset[1] * offset[0] < 0) == (key != "direct")
            assert (abs(offset[-1]) < abs(offset[0])) == (key != "diverges")


def test_descent_plays_and_pauses(opened: Opened) -> None:
    with opened("L7") as browser:
        press(browser, "play")
        browser.locator("tbody th").get_by_text(re.compile(r"^\d*[3-9]$")).wait_for()
        press(browser, "pause")
        steps = browser.inner_text("tbody th")
        browser.wait_for_timeout(300)
        assert browser.inner_text("tbody th") == steps
        browser.emulate_media(reduced_motion="reduce")
        press(browser, "back to the start")
        press(browser, "play")
        assert browser.inner_text("tbody th") == "25"


def test_dropout_means_what_is_used(opened: Opened) -> None:
    net = CONTENTS["L14"].start["network"]
    u = np.maximum(0, np.array(net["x"]) @ np.array(net["weights"]) + net["biases"])
    v = np.array(net["v"])

    def with_mask(mask: np.ndarray, p: float, sigmoid: bool) -> float:
        z = net["v0"] + np.sum(v * u * mask / (1 - p))
        return float(1 / (1 + np.exp(-z)) if sigmoid else z)

    with opened("L14") as browser:
        for p, sigmoid in itertools.product((0, 0.3, 0.9), (False, True)):
            browser.check(f'input[value="{"sigmoid" if sigmoid else "linear"}"]')
            enter(browser, p=p)
            mean = sum(
                (1 - p) ** sum(mask) * p ** (6 - sum(mask)) * with_mask(np.array(mask), p, sigmoid)
                for mask in itertools.product((0, 1), repeat=6)
            )
            np.testing.assert_allclose(output(browser, "exact"), mean, **EXACT)
            in_use = with_mask(np.ones(6), 0, sigmoid)
            np.testing.assert_allclose(output(browser, "in use"), in_use, **EXACT)
            equal = "The exact mean is the output in use." in browser.inner_text("main")
            assert equal == (not sigmoid or p == 0)

        browser.check('input[value="linear"]')
        enter(browser, p=0.25)
        boxes = browser.locator('input[type="checkbox"]')
        for box, kept in enumerate((1, 1, 0, 1, 0, 0)):
            boxes.nth(box).set_checked(bool(kept))
        expected = with_mask(np.array([1, 1, 0, 1, 0, 0]), 0.25, False)
        np.testing.assert_allclose(output(browser, "thinned"), expected, **EXACT)
        boxes.nth(2).focus()
        browser.keyboard.press("Space")
        expected = with_mask(np.array([1, 1, 1, 1, 0, 0]), 0.25, False)
        np.testing.assert_allclose(output(browser, "thinned"), expected, **EXACT)
        browser.locator("svg [cursor=pointer]").nth(5).click()
        expected = with_mask(np.array([1, 1, 1, 1, 0, 1]), 0.25, False)
        np.testing.assert_allclose(output(browser, "thinned"), expected, **EXACT)
        press(browser, "100 masks")
        press(browser, "new mask")
        assert "(101)" in browser.inner_text("main")
        spread = np.sqrt(0.25 / 0.75 * np.sum((v * u) ** 2) / 101)
        assert abs(output(browser, "mean") - with_mask(np.ones(6), 0, False)) < 6 * spread


def test_activations_and_their_slopes(opened: Opened) -> None:
    from sloy.layers import ELU, LeakyReLU, ReLU, Sigmoid, Sign, Tanh

    layers = {
        "sign": Sign(), "sigmoid": Sigmoid(), "tanh": Tanh(), "relu": ReLU(), "leaky": LeakyReLU(0.3), "elu": ELU(1.5),
    }  # fmt: skip
    with opened("L15") as browser:
        for kind, layer in layers.items():
            browser.select_option("select", kind)
            if kind in ("leaky", "elu"):
                enter(browser, **({"slope": 0.3} if kind == "leaky" else {"alpha": 1.5}))
            for z in (-4.2, -0.35, 0.8, 3.1):
                enter(browser, z=z)
                value, slope = sloy.theory.activation_values(layer, [z])
                np.testing.assert_allclose(output(browser, "value"), value[0], **EXACT)
                np.testing.assert_allclose(output(browser, "slope"), slope[0], **EXACT)
        browser.select_option("select", "maxout")
        enter(browser, z=-1.5, w1=1, b1=0.5, w2=-1, b2=0.25)
        assert (output(browser, "value"), output(browser, "slope")) == (1.75, -1)
        browser.focus('[data-kind="probe"]')
        browser.keyboard.press("ArrowRight")
        assert float(browser.input_value('[data-name="z number"]')) == pytest.approx(-1.4)
        for kind, z, said in (
            ("sign", 1, "σ′ = 0: nothing comes back"),
            ("tanh", 4, "nearly nothing comes back"),
            ("relu", 1, "is multiplied by σ′ = 1."),
        ):
            browser.select_option("select", kind)
            enter(browser, z=z)
            assert said in browser.inner_text("main")


def test_activations_have_russian_names(opened: Opened) -> None:
    with opened("L15", language="ru") as browser:
        assert browser.locator("option").all_inner_texts()[:3] == ["знак", "сигмоида", "tanh"]


# --- pictures -------------------------------------------------------------------------------------


def fill_grid(browser: Browser, label: str, numbers: np.ndarray) -> None:
    for (i, j), value in np.ndenumerate(numbers):
        browser.fill(f'[aria-label="{label}"] [data-at="{i},{j}"]', str(value))


def shown_grid(browser: Browser, label: str, shape: tuple[int, ...]) -> np.ndarray:
    cells = browser.eval_on_selector_all(
        f'[aria-label="{label}"] output', "all => all.map(one => Number(one.dataset.value))"
    )
    return np.array(cells).reshape(shape)


def test_convolution_is_that_of_the_theory(opened: Opened) -> None:
    random = np.random.default_rng(2)
    with opened("L17") as browser:
        for size, edges in itertools.product((1, 3, 5, 7), ("zero", "valid")):
            picture, kernel = random.normal(size=(9, 11)), random.normal(size=(size, size))
            found = browser.evaluate(
                "([F, G, edges]) => convolve(F, G, edges)",
                [picture.tolist(), kernel.tolist(), edges],
            )
            np.testing.assert_allclose(found, convolve(picture, kernel, edges=edges), rtol=1e-9)

        digit = sloy.data.mnist().train.x[0, :, :, 0].astype(float)
        kernel = random.integers(-4, 5, (3, 3)).astype(float)
        fill_grid(browser, "kernel G", kernel)
        response = convolve(digit, kernel)
        strongest = browser.locator("[data-at*='[']")
        at = np.unravel_index(response.argmax(), response.shape)
        assert json.loads(strongest.get_attribute("data-at") or "") == [int(k) for k in at]
        press(browser, "go there")
        assert number(browser, ".formula") == response.max()
        browser.focus('[data-name="picture"]')
        for key in ("ArrowDown", "ArrowLeft", "Shift+ArrowUp"):
            browser.keyboard.press(key)
        i, j = at[0] + 1 - 5, at[1] - 1
        assert number(browser, ".formula") == response[i, j]
        padded = np.pad(digit, 1)
        window = padded[i : i + 3, j : j + 3]
        np.testing.assert_array_equal(shown_grid(browser, "under the window", (3, 3)), window)
        np.testing.assert_array_equal(shown_grid(browser, "products", (3, 3)), window * kernel)
        box = browser.locator('[data-name="response"]').bounding_box()
        browser.mouse.click(
            box["x"] + box["width"] * 14.5 / 28, box["y"] + box["height"] * 7.5 / 28
        )
        assert number(browser, ".formula") == response[7, 14]


def test_the_curve_detector(opened: Opened) -> None:
    with opened("L18") as browser:
        mouse = sloy.theory.curve_drawing()
        enter(browser, row=20, column=17)
        assert number(browser, ".formula") == convolve(mouse, CURVE_FILTER)[20, 17]
        pictures = browser.get_by_label("picture", exact=True).first
        largest = browser.locator('[data-name="largest"]')
        for name, text, response in (
            ("curve_patch", "(50·30)·4 + 20·30 = 6600", 6600),
            ("other_patch", "= 0 = 0", 0),
        ):
            pictures.select_option(name)
            assert text in browser.inner_text(".formula")
            assert largest.inner_text() == f"Largest response: {response} at row 0, column 0."
            assert browser.is_checked('input[value="valid"]')
        pictures.select_option("mouse")  # at its edges there are zeros, as before
        assert browser.is_checked('input[value="zero"]')
        response = convolve(mouse, CURVE_FILTER)
        i, j = np.unravel_index(response.argmax(), response.shape)
        told = f"Largest response: {response.max():.0f} at row {i}, column {j}."
        assert largest.inner_text() == told


FRAME = """([row, column]) => {
  const box = document.querySelector('[data-name="picture"]').getBoundingClientRect();
  const [x, y] = [box.left + column * box.width / 7, box.top + row * box.height / 7];
  return document.elementFromPoint(x, y)?.matches('[data-name="picture"] rect') ?? false; // null outside the page
}"""


def test_the_frame_of_the_window_stays_in_the_picture(opened: Opened) -> None:
    with opened("L18", height=1400) as browser:
        browser.get_by_label("picture", exact=True).first.select_option("curve_patch")
        browser.check('input[value="zero"]')
        for i, j in ((6, 6), (0, 0), (6, 0), (3, 3)):
            enter(browser, row=i, column=j)
            across = [-2.5 + k for k in range(7)]  # middles of the window's cells, from its own
            sides = [
                *((i + side, j + middle) for side in (-3, 4) for middle in across),
                *((i + middle, j + side) for side in (-3, 4) for middle in across),
            ]
            for row, column in sides:
                inside = 0 <= min(row, column) <= max(row, column) <= 7
                assert browser.evaluate(FRAME, [row, column]) == inside, (i, j, row, column)


def test_nine_places_by_hand(opened: Opened) -> None:
    result = convolve(EXAMPLE_MATRIX, EDGE_FILTER, edges="valid")
    with opened("L19") as browser:
        assert browser.inner_text(".formula") == (
            "f(0, 0) = 7·1 + 2·0 + 3·(−1) + 4·1 + 5·0 + 3·(−1) + 3·1 + 3·0 + 2·(−1) = 6"
        )
        for (i, j), value in np.ndenumerate(result):
            enter(browser, row=i, column=j)
            assert number(browser, ".formula") == value
        changed = np.array(EXAMPLE_MATRIX)
        changed[4, 4] = -3.5
        browser.fill('details [data-at="4,4"]', "-3.5")
        assert number(browser, ".formula") == convolve(changed, EDGE_FILTER, edges="valid")[2, 2]
        browser.check('input[value="zero"]')
        enter(browser, row=4, column=4)
        assert number(browser, ".formula") == convolve(changed, EDGE_FILTER)[4, 4]


def test_a_picture_of_ones_own(opened: Opened, tmp_path: Path) -> None:
    from PIL import Image

    grey = np.tile(np.arange(0, 240, 8, dtype=np.uint8), (20, 1))  # (20, 30)
    Image.fromarray(grey).save(tmp_path / "own.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with opened("L17") as browser:
        browser.set_input_files('input[type="file"]', tmp_path / "own.png")
        browser.locator("option[value=own]").wait_for(state="attached")
        enter(browser, row=10, column=12)
        window = grey[9:12, 11:14].astype(float)  # as `convolve(path, kernel)` reads it
        np.testing.assert_array_equal(shown_grid(browser, "under the window", (3, 3)), window)
        browser.set_input_files('input[type="file"]', tmp_path / "broken.png")
        browser.get_by_text("broken.png cannot be read as a picture.").wait_for()


def test_max_pooling_and_its_gradient(opened: Opened) -> None:
    random = np.random.default_rng(3)
    with opened("L22") as browser:
        for name, size, stride in (("lecture", 2, 2), ("larger", 3, 1), ("larger", 2, 3)):
            for label, value in (("picture", name), ("window", size), ("stride", stride)):
                browser.locator(
                    f"xpath=//label[.='{label}']/following-sibling::select"
                ).select_option(str(value))
            sides = 4 if name == "lecture" else 6
            picture = random.integers(0, 5, (sides, sides))  # with ties
            fill_grid(browser, "picture", picture)
            result = sloy.theory.max_pool(picture, size, stride)
            found = shown_grid(browser, "largest of each window", result.shape)
            np.testing.assert_array_equal(found, result)
            incoming = random.integers(-9, 10, result.shape)
            fill_grid(browser, "gradient by the result", incoming)
            expected = np.zeros(picture.shape)
            for i, j in np.ndindex(*result.shape):
                window = picture[i * stride : i * stride + size, j * stride : j * stride + size]
                k, m = divmod(int(window.argmax()), size)  # the first of equal ones
                expected[i * stride + k, j * stride + m] += incoming[i, j]
            found = shown_grid(browser, "gradient by the picture", picture.shape)
            np.testing.assert_array_equal(found, expected)
        cell = browser.locator('[aria-label="largest of each window"] output').first
        cell.focus()
        assert (cell.get_attribute("aria-label") or "").startswith("largest of window (0, 0)")
