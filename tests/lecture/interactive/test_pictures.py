"""Convolution, detectors and pooling in a page, in a real browser, against Python."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import sloy
from sloy.theory import CURVE_FILTER, EDGE_FILTER, EXAMPLE_MATRIX, convolve

if TYPE_CHECKING:
    pass

from moving_pages import Opened, enter, fill_grid, number, press, shown_grid


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
