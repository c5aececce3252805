"""A run as one HTML file, in a real browser: its answers against the model's own, its controls, what it must not do."""

from __future__ import annotations

import io
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageOps

import sloy
from browser import accessible, open_page
from command_line import write_idx
from sloy import layers
from sloy.cli.main import main
from sloy.data import Dataset
from sloy.errors import FileFormatError, NotAvailable
from sloy.experiments import Experiment, report, run
from sloy.language import speak
from sloy.model.page import precision_for

if TYPE_CHECKING:
    from playwright.sync_api import Page

CLOSE = 1e-4
NAMES = """() => [...document.querySelectorAll("a, button, input, select, summary, [tabindex='0']")].filter(e => !(
  e.getAttribute("aria-label") || [...(e.labels || [])].map(l => l.textContent).join("")
  || e.textContent.trim())).map(e => e.outerHTML.slice(0, 120))"""


@dataclass(frozen=True)
class Digits:
    folder: Path
    html: Path
    model: sloy.Model
    test: Dataset


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    """A convolutional network of a few digits; its report."""
    folder = tmp_path_factory.mktemp("report")
    both = sloy.data.mnist()
    train, test = both.train, both.test
    data = folder / "digits"
    data.mkdir()
    for part, name, count in ((train, "train", 600), (test, "t10k", 1000)):
        write_idx(data / f"{name}-images-idx3-ubyte", np.asarray(part.x[:count, ..., 0]))
        write_idx(data / f"{name}-labels-idx1-ubyte", np.asarray(part.y[:count], np.uint8))
    experiment = Experiment.of(str(data), network="cnn", epochs=3, batch_size=64)
    run(experiment, folder / "run", diagnose=True)
    html = folder / "report.html"
    report(folder / "run", html, language="en")
    return Digits(folder / "run", html, sloy.load(folder / "run"), test.take(np.arange(1000)))


def numbers(browser: Page, name: str) -> np.ndarray:
    return np.array(json.loads(browser.get_attribute(*name.split("@")) or "[]"))


def answer(browser: Page) -> np.ndarray:
    return numbers(browser, ".score@data-value")


def draw(browser: Page, strokes: list[tuple[float, float]]) -> None:
    """A line on the sheet, in shares of its side."""
    pad = browser.query_selector("canvas.pad")
    assert pad is not None
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    places = [(box["x"] + a * box["width"], box["y"] + b * box["width"]) for a, b in strokes]
    browser.mouse.move(*places[0])
    browser.mouse.down()
    for place in places[1:]:
        browser.mouse.move(*place, steps=6)
    browser.mouse.up()


def test_a_drawn_digit_and_what_is_made_of_it(digits: Digits, shared_browser: Any) -> None:
    """Drawn in the page and read from its picture by sloy: the same sample, and the same probabilities of it."""
    assert digits.html.stat().st_size < 2e6
    with open_page(digits.html, within=shared_browser) as browser:
        draw(browser, [(0.25, 0.2), (0.75, 0.22), (0.45, 0.8)])
        x = numbers(browser, "#network@data-x").reshape(1, 28, 28, 1).astype(np.uint8)
        found = answer(browser)
        canvas = browser.evaluate("document.querySelector('canvas.pad').toDataURL().split(',')[1]")
        assert np.abs(found - digits.model.predict_proba(x)[0]).max() < CLOSE
        assert (
            browser.inner_text(".score").split(",")[0]
            == str(int(digits.model.predict(x)[0]))
            == "7"
        )
        scores = digits.model(x)[0].astype(np.float64)  # raw, as the last layer gives them
        shares = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
        assert np.abs(numbers(browser, "[data-name=softmax]@data-value") - shares).max() < CLOSE
        browser.click("[data-name=softmax] summary")
        cells = browser.inner_text("[data-name=softmax] tbody tr >> nth=7").split("\t")
        assert float(cells[1].replace("−", "-")) == pytest.approx(scores[7], rel=2e-3)
        picture = Image.open(io.BytesIO(b64decode(canvas)))
        reader = digits.model.picture_reader
        assert reader is not None
        by_sloy = reader.read(picture).astype(int)
        assert (
            np.abs(by_sloy - x).mean() < 2
        )  # the ink of an antialiased edge is told apart a little otherwise
        browser.get_by_role("button", name="clear the sheet").click()
        assert browser.get_attribute(".score", "data-value") == ""
        browser.focus("canvas.pad")  # by keys: a stroke down
        for key in [*["ArrowUp"] * 8, " ", *["ArrowDown"] * 16, " "]:
            browser.keyboard.press(key)
        assert answer(browser).sum() == pytest.approx(1, abs=1e-4)


def test_a_report_without_samples(digits: Digits, tmp_path: Path, shared_browser: Any) -> None:
    """No sample is in it, whole or as a mistake; figures of all together are, and the network runs."""
    html = tmp_path / "alone.html"
    assert main(["report", str(digits.folder), str(html), "--no-samples", "--lang", "en"]) == 0
    page, own = html.read_text(), digits.html.read_text()
    parts = [b64encode(np.ascontiguousarray(x).tobytes()).decode() for x in digits.test.x]
    assert sum(part in own for part in parts) > 10  # how they would be in it
    assert not any(part in page for part in parts)
    with open_page(html, within=shared_browser) as browser:
        assert browser.evaluate("[told.samples.length, told.wrong.length]") == [0, 0]
        assert "Samples of the data are left out" in browser.inner_text("#summary")
        assert browser.locator("#confusion td").count() == 101
        assert not browser.locator("#mistakes").count()
        draw(browser, [(0.25, 0.2), (0.75, 0.22), (0.45, 0.8)])
        assert answer(browser).sum() == pytest.approx(1, abs=1e-4)


def test_a_thousand_digits(digits: Digits, shared_browser: Any) -> None:
    x = np.asarray(digits.test.x)
    expected = digits.model.predict_proba(x)
    with open_page(digits.html, within=shared_browser) as browser:
        found = browser.evaluate(
            """(all) => { const bytes = numbersOf(all, "bytes"), given = [];
            for (let i = 0; i < bytes.length; i += 784) {
              network.run(bytes.subarray(i, i + 784)); given.push([...network.output(told.answer.output)]); }
            return given; }""",
            b64encode(x.tobytes()).decode(),
        )
    assert np.abs(np.array(found) - expected).max() < CLOSE
    assert (np.array(found).argmax(1) == expected.argmax(1)).mean() >= 0.999


def test_what_happens_layer_by_layer(digits: Digits, shared_browser: Any) -> None:
    """The window's sum is the number of the map; the maps are the model's; pooling's winner; the receptive field."""
    x = np.asarray(digits.test.x[:1])
    maps = digits.model.activations(x, ["conv2d_2", "max_pool2d_1", "dense_1"])
    with open_page(digits.html, within=shared_browser) as browser:
        samples = browser.query_selector_all("#network .sample")
        assert len(samples) == 10
        samples[int(digits.test.y[0])].click()  # of each class the first: that of this sample too
        layers_of = browser.locator("#layers select").first
        names = browser.eval_on_selector_all(
            "#layers select option", "all => all.map(o => o.textContent)"
        )
        layers_of.select_option(index=[n.split(":")[0] for n in names].index("conv2d_2"))
        tile = browser.locator(".tile").nth(5)
        tile.click()
        assert tile.get_attribute("aria-pressed") == "true"
        browser.focus('[data-name="map"]')
        browser.keyboard.press("ArrowRight")
        i, j = maps["conv2d_2"].shape[1] // 2, maps["conv2d_2"].shape[2] // 2 + 1
        value = maps["conv2d_2"][0, i, j, 5]
        shown = float(browser.get_attribute('p[data-name="window"]', "data-value") or "nan")
        assert shown == pytest.approx(float(value), abs=1e-3)
        assert f"row {i}, column {j}" in (
            browser.get_attribute('[data-name="map"]', "aria-label") or ""
        )
        box = numbers(browser, '[data-name="field"]@data-box').tolist()
        seen = sloy.inspection.receptive_field(digits.model.network, "conv2d_2")
        assert tuple(box) == seen.box(i, j)
        layers_of.select_option(index=[n.split(":")[0] for n in names].index("max_pool2d_1"))
        won = browser.locator('p[data-name="window"]:visible')
        middle = maps["max_pool2d_1"].shape[1] // 2
        best = maps["max_pool2d_1"][0, middle, middle, 5]
        assert float(won.get_attribute("data-value") or "nan") == pytest.approx(
            float(best), abs=1e-3
        )
        assert browser.locator(".winner:visible").count() == 1
        layers_of.select_option(index=[n.split(":")[0] for n in names].index("dense_1"))
        largest = browser.locator("#layers tbody:visible tr").first.inner_text().split()[0]
        assert int(largest) == int(maps["dense_1"][0].argmax())


def test_a_report_shows_the_run(digits: Digits, shared_browser: Any) -> None:
    """Its sections, a mistake that loads into the network, and what it may not do: sizes, names, requests, colours."""
    wrong = np.flatnonzero(digits.model.predict(digits.test.x) != digits.test.y)
    summary = json.loads((digits.folder / "summary.json").read_text())
    with open_page(digits.html, within=shared_browser, width=320) as browser:
        text = browser.inner_text("body")
        for title in (
            "Summary",
            "Try it",
            "Mistakes",
            "Curves",
            "Diagnosis",
            "The data",
            "The run",
        ):
            assert title in text
        assert f"{100 * summary['test_accuracy']:.2f} %" in text
        cells = browser.eval_on_selector_all(
            ".matrix td[data-share]", "all => all.map(c => Number(c.textContent))"
        )
        counts = np.zeros((10, 10), int)
        np.add.at(counts, (digits.test.y, digits.model.predict(digits.test.x)), 1)
        assert np.array_equal(np.reshape(cells, (10, 10)), counts)
        assert browser.evaluate("document.documentElement.scrollWidth") <= 320
        assert browser.evaluate(NAMES) == []
        assert "undefined" not in text
        assert "NaN" not in text
        browser.locator("[data-samples] .sample").first.click()
        x = numbers(browser, "#network@data-x").reshape(1, 28, 28, 1).astype(np.uint8)
        assert any(np.array_equal(x[0], digits.test.x[k]) for k in wrong)
        away = """curveChart({ title: "loss", epochs: [1, 2, 3], lines: [{ name: "a", values: [2, 1e30, null] }] })
          .textContent"""  # of a run that ran away: exponents, and a cross where there was no number
        assert browser.evaluate(away).startswith("lossa× not finite123")
        assert browser.evaluate(away).endswith("102030epochlog₁₀×")
        assert accessible(browser) == []
        browser.emulate_media(color_scheme="dark")
        ground = "getComputedStyle(document.body).backgroundColor"
        assert browser.evaluate(ground) == "rgb(20, 24, 29)"
        assert accessible(browser) == []  # contrast among it
    html = digits.html.read_text("utf-8")
    assert "default-src 'none'" in html
    assert "unsafe-inline" not in html
    assert not re.search(r"""(src|href)=["'](?!#)|url\(["']?http|@import""", html)


LATE = """() => {
  const decode = createImageBitmap;
  let late = 300;
  window.read = 0;
  window.createImageBitmap = async (...given) => {
    const wait = late;
    late = 0;
    await new Promise(done => setTimeout(done, wait));
    const found = await decode(...given);
    setTimeout(() => { window.read += 1; }, 50);
    return found;
  };
}"""
BOTH_READ = """() => new Promise(done => {
  const look = () => window.read === 2 ? done() : setTimeout(look, 20);
  look();
})"""


def test_a_picture_file(digits: Digits, tmp_path: Path, shared_browser: Any) -> None:
    """A drawing as a file; a file that is none."""
    page = Image.new("L", (300, 200), 235)
    ink = np.kron(np.asarray(digits.test.x[0, ..., 0]) > 100, np.ones((6, 6), bool))
    page.paste(Image.fromarray(np.where(ink, np.uint8(20), np.uint8(235))), (60, 10))
    page.save(tmp_path / "seven.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    with open_page(digits.html, within=shared_browser) as browser:
        browser.set_input_files("input[type=file]", tmp_path / "seven.png")
        browser.wait_for_function("document.querySelector('.score').dataset.value")
        x = numbers(browser, "#network@data-x").reshape(28, 28)
        assert digits.model.picture_reader is not None
        assert np.abs(digits.model.picture_reader.read(page)[0, ..., 0] - x).mean() < 3
        browser.evaluate(LATE)  # the next file, which is read when another was chosen already
        ImageOps.mirror(page).save(tmp_path / "other.png")
        browser.set_input_files("input[type=file]", tmp_path / "other.png")
        browser.set_input_files("input[type=file]", tmp_path / "seven.png")
        browser.evaluate(BOTH_READ)
        assert (numbers(browser, "#network@data-x").reshape(28, 28) == x).all()
        browser.set_input_files("input[type=file]", tmp_path / "broken.png")
        browser.wait_for_selector("text=broken.png cannot be read as a picture.")


@pytest.fixture
def opened(tmp_path: Path, shared_browser: Any) -> Any:
    def inner(model: sloy.Model, **more: Any) -> Iterator[Page]:
        return open_page(model.to_html(tmp_path / "page.html", **more), within=shared_browser)

    return inner


def test_a_plane_and_hostile_names(opened: Any) -> None:
    """A point in the plane is answered as the model does; names of classes are text."""
    random = np.random.default_rng(0)
    x = random.normal(size=(80, 2)).astype(np.float32)
    y = (x[:, 0] > x[:, 1]).astype(int)
    names = ("</script><script>alert(1)</script>", '<img src=x onerror="alert(1)">')
    model, _ = sloy.fit(sloy.zoo.mlp((2,), 2), Dataset(x, y, names), epochs=2, verbose=False)
    with opened(model, data=(x, y), title="<b>moons</b>") as browser:
        browser.focus('[data-kind="point"]')
        for key in ("ArrowRight", "ArrowUp", "ArrowUp"):
            browser.keyboard.press(key)
        place = numbers(browser, '[data-kind="point"]@data-place').astype(np.float32)
        assert np.abs(answer(browser) - model.predict_proba(place[None])[0]).max() < CLOSE
        assert names[0] in browser.inner_text(".answer")
        assert browser.query_selector("script[src], img, b") is None


def test_fewer_bits_where_the_network_is_larger(opened: Any) -> None:
    """float16 and int8: the page's weights are what `rounded` says; too large a network is refused."""
    network = sloy.Network((20,), [layers.Dense(30), layers.Tanh(), layers.Dense(3)])
    loss = sloy.losses.CategoricalCrossentropy()
    problem = sloy.Problem(network, loss, target_shape=(), target_dtype="int32")
    model = sloy.Model(problem, network.initialize(0))
    x = np.random.default_rng(0).normal(size=(4, 20)).astype(np.float32)
    expected = model.predict_proba(x)
    for precision, least, most in (
        ("auto", 0, 1e-6),
        ("float16", 1e-7, 2e-3),
        ("int8", 1e-5, 3e-2),
    ):
        with opened(model, data=(x, np.array([0, 1, 2, 0])), precision=precision) as browser:
            browser.locator("#network .sample").first.click()
            assert least <= np.abs(answer(browser) - expected[0]).max() < most
    for numbers_of, precision in (
        (375_000, "float32"),
        (2_000_000, "float16"),
        (3_000_000, "int8"),
    ):
        weights = {"w": np.broadcast_to(np.float32(0), (numbers_of, 1))}
        assert precision_for(model.parts._replace(parameters=weights)) == precision
    huge = {"w": np.broadcast_to(np.float32(0), (4000, 4000))}
    with pytest.raises(NotAvailable, match="a page holds at most 15 000 000"):
        precision_for(model.parts._replace(parameters=huge))


def test_a_notebook_shows_a_model(digits: Digits) -> None:
    found = digits.model._repr_html_()
    assert found.startswith("<iframe srcdoc=")
    assert 'sandbox="allow-scripts"' in found


def test_the_command(digits: Digits, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it prints; Russian; a folder that holds no run; data that are gone."""
    out = tmp_path / "r.html"
    assert main(["report", str(digits.folder), str(out), "--lang", "ru"]) == 0
    assert "written" in capsys.readouterr().out
    assert '<html lang="ru"' in out.read_text("utf-8")
    with speak("en"):
        assert "Try it" not in out.read_text("utf-8")
    assert main(["report", str(tmp_path), str(out), "--overwrite"]) == 1
    assert "holds no run" in capsys.readouterr().err
    with pytest.raises(FileFormatError, match="holds no run"):
        report(tmp_path, out)
