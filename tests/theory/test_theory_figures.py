"""Figures of neurons, logic and approximations: legible, and what they draw is right."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.figure import Figure

from legible import assert_legible, texts
from sloy.errors import InvalidArgument, ShapeError
from sloy.inspection.style import BLUE, ORANGE
from sloy.language import LANGUAGES, speak
from sloy.theory import (
    AND,
    NOT,
    Neuron,
    approximate,
    approximation_figure,
    half_planes_figure,
    network_from_expression,
    neuron_figure,
    wiring_figure,
    xor_by_layers,
    xor_by_product,
)

RANDOM = np.random.default_rng(3)
POINTS = RANDOM.normal(size=(60, 2))


def bump(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.exp(-4 * (x**2 + y**2))


FIGURES: dict[str, Callable[[], Figure]] = {
    "and": lambda: neuron_figure(AND),
    "sigmoid": lambda: neuron_figure(
        Neuron([2, -1], 0.3), POINTS, POINTS[:, 0] > 0, ["height (m)", "mass (kg)"]
    ),
    "nothing": lambda: neuron_figure(Neuron([0, 0], 1, "sign")),
    "xor": lambda: half_planes_figure(xor_by_layers()),
    "wiring": lambda: wiring_figure(network_from_expression("(a & ~b) | c"), ["a", "b", "c"]),
    "wiring of ten": lambda: wiring_figure(
        network_from_expression(" ^ ".join("abcd") + " | e & f & g | ~h & i & ~j"),
        list("abcdefghij"),
    ),
    "steps": lambda: approximation_figure(approximate(np.sin, (0, 6.28), 0.1)),
    "ramps": lambda: approximation_figure(approximate(np.sin, (0, 6.28), 1e-3, activation="relu")),
    "bump": lambda: approximation_figure(approximate(bump, ((-1, 1), (-1, 1)), 0.01)),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", FIGURES)
def test_text_is_legible(name: str, language: str) -> None:
    with speak(language):
        assert_legible(FIGURES[name]())


def test_the_line_is_where_the_neuron_is_zero() -> None:
    figure = neuron_figure(AND)
    (contour,) = [c for c in figure.axes[0].collections if hasattr(c, "levels")]
    places = np.concatenate([path.vertices for path in contour.get_paths()])
    np.testing.assert_allclose(places.sum(1), 1.5, atol=1e-9)  # x1 + x2 = 3/2
    assert "a(x) = [x1 + x2 - 3/2 > 0]" in texts(figure)


def test_wiring_has_a_line_for_each_weight() -> None:
    model = network_from_expression("(a & ~b) | c")
    figure = wiring_figure(model, ["a", "b", "c"])
    lines = [line for line in figure.axes[0].get_lines() if len(line.get_xdata())]
    colours = [matplotlib.colors.to_hex(line.get_color()).upper() for line in lines]
    assert (colours.count(BLUE), colours.count(ORANGE)) == (4, 1)  # a, c, two hidden; ~b
    assert {"a", "b", "c", "> 1/2"} <= set(texts(figure))


def test_the_approximation_draws_its_error_and_curve() -> None:
    found = approximate(np.sin, (0, 6), 0.05, activation="relu")
    figure = approximation_figure(found)
    x, error = figure.axes[2].get_lines()[0].get_data()
    np.testing.assert_allclose(error, np.sin(x) - found(x), atol=1e-12)
    assert np.abs(error).max() <= found.error
    units, errors = figure.axes[3].get_lines()[0].get_data()
    assert list(zip(units, errors, strict=True)) == list(found.curve)
    assert len(figure.axes[1].get_lines()) == found.units


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="1 inputs; a plane shows 2"):
        neuron_figure(NOT)
    with pytest.raises(ShapeError, match=r"\(3,\); it must be \(N, 2\)"):
        neuron_figure(AND, [1, 2, 3])
    with pytest.raises(InvalidArgument, match="up to 24 can be drawn"):
        wiring_figure(network_from_expression(" ^ ".join("abcdef")))
    with pytest.raises(InvalidArgument, match="dense layers"):
        wiring_figure(xor_by_product())
    for figure, drawn in ((wiring_figure, xor_by_layers()), (neuron_figure, AND)):
        with pytest.raises(InvalidArgument, match="has 1 names; it needs 2"):
            figure(drawn, names=["a"])
