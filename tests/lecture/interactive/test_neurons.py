"""Neurons, logic and XOR in a page, in a real browser: what it computes against Python."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

import sloy
from sloy.theory import Neuron

if TYPE_CHECKING:
    pass

from moving_pages import CONTENTS, CORNERS, EXACT, Opened, enter, number, output, places, press


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
