"""Descent, dropout and activations in a page, in a real browser, against Python."""

from __future__ import annotations

import itertools
import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

import sloy

if TYPE_CHECKING:
    pass

from moving_pages import CONTENTS, EXACT, Opened, enter, output, press


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
