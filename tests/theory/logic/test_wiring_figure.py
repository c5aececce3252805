"""Wiring drawn: what circles and edges say, and that all of it can be read, on many networks."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import combinations, pairwise

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Circle

import sloy
from legible import assert_legible, texts
from sloy.errors import InvalidArgument
from sloy.inspection.style import BLUE, ORANGE
from sloy.language import speak
from sloy.layers import (
    BatchNorm,
    Dense,
    Dropout,
    Heaviside,
    Layer,
    LeakyReLU,
    PerNeuron,
    ReLU,
    Sigmoid,
    Sign,
    Softmax,
    Tanh,
)
from sloy.model import Model
from sloy.theory import network_from_expression, ready_model, wiring_figure, xor_by_layers
from sloy.theory.label_places import label_places

ACTIVATIONS: tuple[Callable[[], Layer], ...] = (Tanh, Sigmoid, ReLU, LeakyReLU, Heaviside, Sign)


def network(sizes: list[int], activation: Callable[[], Layer], seed: int, scale: float) -> Model:
    """Of random weights, as training leaves them."""
    random = np.random.default_rng(seed)
    layers: list[Layer] = []
    numbers = {}
    for k, (i, o) in enumerate(pairwise(sizes), 1):
        layers += [Dense(o), activation()]
        numbers[f"dense_{k}/weight"] = random.normal(0, scale, (i, o))
        numbers[f"dense_{k}/bias"] = random.normal(0, scale, o)
    return ready_model(sloy.Network((sizes[0],), layers), numbers)


def assert_all_inside(figure: Figure) -> None:
    """Text in a circle is inside it; other text touches none."""
    figure.draw_without_rendering()
    (axes,) = figure.axes
    circles = []
    for patch in axes.patches:
        assert isinstance(patch, Circle)
        middle = axes.transData.transform(patch.center)
        edge = axes.transData.transform((patch.center[0] + patch.radius, patch.center[1]))
        circles.append((middle, edge[0] - middle[0]))
    for (a, r), (b, s) in combinations(circles, 2):
        assert np.hypot(*(a - b)) > r + s
    for text in axes.texts:
        box = text.get_window_extent()
        corners = box.corners()
        for middle, radius in circles:
            nearest = np.clip(middle, (box.x0, box.y0), (box.x1, box.y1))
            if np.hypot(*(nearest - middle)) > radius:
                continue  # outside
            away = np.hypot(*(corners - middle).T)
            assert (away <= radius).all(), f"{text.get_text()!r} leaves its circle"
            assert text.get_zorder() > 3


@pytest.mark.parametrize("seed", range(18))
def test_trained_looking_networks_can_be_read(seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = [*random.integers(2, 9, 1 + random.integers(1, 3)).tolist(), int(random.integers(1, 4))]
    model = network(sizes, ACTIVATIONS[seed % 6], seed, float(10 ** random.uniform(-2, 2)))
    for language in ("en", "ru"):
        with speak(language):
            figure = wiring_figure(model)
        assert_legible(figure)
        assert_all_inside(figure)


def test_a_trained_network_says_its_activation_and_bias() -> None:
    x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0.0], [1.0], [1.0], [0.0]]
    model, _ = sloy.fit(
        sloy.Network((2,), [Dense(3), Tanh(), Dropout(0.1), Dense(1), Sigmoid()]),
        (np.array(x, np.float32), np.array(y)), epochs=20, verbose=False, preprocessing=None,
    )  # fmt: skip
    figure = wiring_figure(model, ["a", "b"])
    assert_all_inside(figure)
    said = texts(figure)
    assert not [text for text in said if text.startswith(">")]
    assert "activation and bias" in said
    shown = [text for text in said if text.startswith("tanh\n")]
    numbers = [float(text.split("\n")[1].replace("−", "-")) for text in shown]
    np.testing.assert_allclose(numbers, model.parameters["dense_1/bias"], rtol=6e-3)
    assert len([text for text in said if text.startswith("σ\n")]) == 1


@pytest.mark.parametrize("threshold", [Heaviside, Sign])
def test_threshold_neurons_say_their_threshold(threshold: Callable[[], Layer]) -> None:
    numbers = {"dense_1/weight": [[1], [0.5]], "dense_1/bias": [-1.5]}
    model = ready_model(sloy.Network((2,), [Dense(1), threshold()]), numbers)
    said = texts(wiring_figure(model))
    assert {"> 3/2", "1/2", "> t: what the sum must exceed"} <= set(said)
    assert "weight above 0; 1 where no number stands" in said


def test_neurons_may_differ_and_have_nothing() -> None:
    mixed = PerNeuron([Tanh(), (ReLU(), 2)])
    layers = [Dense(3), mixed, Dense(2, use_bias=False), Dense(2, use_bias=False), Softmax()]
    made = sloy.Network((2,), layers)
    said = texts(wiring_figure(ready_model(made, made.initialize())))
    assert [said.count(text) for text in ("tanh\n+0", "relu\n+0", "Σ", "softmax")] == [1, 2, 2, 2]


def test_edges_carry_the_weights_and_widths_stand_for_too_many() -> None:
    model = network([3, 4, 1], Tanh, 5, 1.0)
    figure = wiring_figure(model)
    weights = np.concatenate([model.parameters[f"dense_{k}/weight"].ravel() for k in (1, 2)])
    said = [t.get_text() for t in figure.axes[0].texts if re.fullmatch(r"−?[\d.]+", t.get_text())]
    numbers = [float(text.replace("−", "-")) for text in said]
    np.testing.assert_allclose(sorted(numbers), sorted(weights), rtol=6e-3)

    model = network([8, 8, 1], Tanh, 5, 1.0)
    figure = wiring_figure(model)
    first, last = (model.parameters[f"dense_{k}/weight"] for k in (1, 2))
    weights = np.concatenate([first.ravel(), last.ravel()])
    lines = figure.axes[0].get_lines()
    widths = [line.get_linewidth() for line in lines]
    assert np.corrcoef(widths, np.abs(weights))[0, 1] > 0.999
    colours = [matplotlib.colors.to_hex(line.get_color()).upper() for line in lines]
    assert colours == [BLUE if weight > 0 else ORANGE for weight in weights]
    assert f"the thicker, the larger; this one is {np.abs(weights).max():.3g}" in texts(figure)


def test_labels_stand_on_their_edges_and_on_no_other() -> None:
    left, right = ([(x, y) for y in range(3)] for x in (0.0, 3.0))
    ends = [(a, b) for a in left for b in right]
    starts, stops = (np.array([pair[k] for pair in ends], float) for k in (0, 1))
    size = (0.3, 0.12)
    circles = np.array([*left, *right], float)
    places = label_places(starts, stops, [size] * len(ends), circles, 0.25)
    assert places is not None
    for k, place in enumerate(np.array(places)):
        for m, (a, b) in enumerate(zip(starts, stops, strict=True)):
            along = a + np.linspace(0, 1, 2001)[:, None] * (b - a)
            inside = (np.abs(along - place) <= np.array(size) / 2).all(1).any()
            assert inside == (k == m)
    for one, other in combinations(np.array(places), 2):
        assert (np.abs(one - other) >= size).any()
    assert label_places(starts, stops, [(2.9, 1.0)] * len(ends), circles, 0.25) is None


def test_long_names_stand_beside_their_circles() -> None:
    names = ["temperature of the water", "b"]
    figure = wiring_figure(xor_by_layers(), names)
    assert_legible(figure)
    assert_all_inside(figure)
    assert set(names) <= set(texts(figure))
    assert_all_inside(wiring_figure(network_from_expression("a & ~b"), ["a", "b"]))


@pytest.mark.parametrize(
    "layers", [[ReLU(), Dense(1)], [Dense(2), BatchNorm(), Dense(1)], [Tanh()]]
)
def test_other_networks_are_refused(layers: list[Layer]) -> None:
    made = sloy.Network((2,), layers)
    with pytest.raises(InvalidArgument, match="of dense layers and activations after them"):
        wiring_figure(ready_model(made, made.initialize()))
