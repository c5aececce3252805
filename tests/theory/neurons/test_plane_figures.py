"""Half-planes of a network: what is shaded is what the network says, by its output's own threshold."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import sloy
from legible import assert_legible, texts
from sloy.errors import InvalidArgument, ShapeError
from sloy.inspection.style import ORANGE
from sloy.language import speak
from sloy.layers import (
    Activation,
    Conv2D,
    Dense,
    Flatten,
    Heaviside,
    Layer,
    Maxout,
    PerNeuron,
    Reshape,
    Sigmoid,
    Softmax,
    Tanh,
)
from sloy.theory import (
    Neuron,
    half_planes_figure,
    network_from_expression,
    neuron_figure,
    ready_model,
    xor_by_layers,
    xor_by_product,
)

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR = np.array([0, 1, 1, 0])
Forward = Callable[[np.ndarray], np.ndarray]


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


# Last layers, what it is trained on, and when the sum z of the output layer means yes.
KINDS: dict[str, tuple[list[Layer], Any, dict[str, Any], Forward]] = {
    "sigmoid": ([Dense(1), Sigmoid()], XOR[:, None].astype(float), {}, lambda z: sigmoid(z) > 0.5),
    "own sigmoid": (
        [Dense(1), Activation(lambda z: sloy.ops.sigmoid(z))],
        XOR[:, None].astype(float), {}, lambda z: sigmoid(z) > 0.5,
    ),
    "tanh": ([Dense(1), Tanh()], 2.0 * XOR[:, None] - 1, {}, lambda z: np.tanh(z) > 0),
    "linear": ([Dense(1)], 2.0 * XOR[:, None] - 1, {}, lambda z: z > 0),
    "logit": ([Dense(1)], XOR, {"loss": "binary_crossentropy"}, lambda z: z > 0),
    "hinge": ([Dense(1)], XOR, {"loss": "hinge"}, lambda z: z > 0),
    "logits": ([Dense(2)], XOR, {}, lambda z: z[:, 1:] > z[:, :1]),
    "softmax": ([Dense(2), Softmax()], np.eye(2)[XOR], {}, lambda z: z[:, 1:] > z[:, :1]),
}  # fmt: skip


@cache
def trained(name: str) -> sloy.Model:
    layers, y, options, _ = KINDS[name]
    network = sloy.Network((2,), [Dense(6), Tanh(), *layers])
    options = {"loss": "squared_error" if y.dtype == float else None, **options}
    model, _ = sloy.fit(
        network, (CORNERS, y), epochs=300, optimizer=sloy.Adam(0.05), seed=1,
        preprocessing="standardize" if name == "linear" else None, verbose=False, **options,
    )  # fmt: skip
    return model


def by_hand(model: sloy.Model, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sums of the hidden neurons and of the output, written out."""
    given = {name: np.asarray(value, np.float64) for name, value in model.parameters.items()}
    if before := model.problem.preprocessing:
        points = (points - np.array(before.mean)) / np.array(before.deviation)
    hidden = points @ given["dense_1/weight"] + given["dense_1/bias"]
    return hidden, np.tanh(hidden) @ given["dense_2/weight"] + given["dense_2/bias"]


def grid(axes: Any) -> np.ndarray:
    """The points of a panel's picture, (count², 2)."""
    (picture,) = axes.get_images()
    left, right, bottom, top = picture.get_extent()
    rows, columns = picture.get_array().shape[:2]
    x, y = np.meshgrid(np.linspace(left, right, columns), np.linspace(bottom, top, rows))
    return np.stack([x.ravel(), y.ravel()], 1)


def marked(axes: Any) -> dict[str, list[tuple[float, float]]]:
    """What the legend says → where it is drawn."""
    found = {}
    for line in axes.get_lines():
        found[line.get_label()] = [tuple(map(float, point)) for point in line.get_xydata()]
    return found


@pytest.mark.parametrize("name", KINDS)
def test_a_trained_network_says_yes_at_xors_two_corners_alone(name: str) -> None:
    figure = half_planes_figure(trained(name))
    assert len(figure.axes) == 7
    for axes in figure.axes:
        said = marked(axes)
        assert sorted(said["yes"]) == [(0, 1), (1, 0)]
        assert sorted(said["no"]) == [(0, 0), (1, 1)]


@pytest.mark.parametrize("name", KINDS)
def test_the_shades_are_what_is_computed_by_hand(name: str) -> None:
    model = trained(name)
    *panels, last = half_planes_figure(model).axes
    hidden, output = by_hand(model, grid(last))
    for sums, axes in zip(hidden.T, panels, strict=True):
        drawn = np.asarray(axes.get_images()[0].get_array()).ravel() > 0.5
        assert (drawn == (sums > 0))[abs(sums) > 1e-5].all()
    expected = KINDS[name][3](output).ravel()
    drawn = np.asarray(last.get_images()[0].get_array()).ravel() > 0.5
    sums = output[:, 0] if output.shape[1] == 1 else output[:, 1] - output[:, 0]
    assert (drawn == expected)[abs(sums) > 1e-4].all()
    assert 0.1 < drawn.mean() < 0.9


def test_lines_are_those_of_the_inputs_as_they_are_given() -> None:
    """A network that standardises its inputs: the formula above a panel is 0 on the line in it."""
    model = trained("linear")
    assert model.problem.preprocessing is not None
    for axes in half_planes_figure(model).axes[:-1]:
        formula = axes.get_title().split(":")[1].split(">")[0].replace("\n", " ")
        formula = formula.replace(" x1", " * x1").replace(" x2", " * x2")
        for line in (c for c in axes.collections if hasattr(c, "levels")):
            for path in line.get_paths():
                for x1, x2 in path.vertices:
                    assert abs(eval(formula, {"x1": x1, "x2": x2})) < 0.01


def test_thresholds_shade_the_lectures_half_planes() -> None:
    first, second, last = half_planes_figure(xor_by_layers()).axes
    x, y = grid(last).T
    for axes, expected in (
        (first, x + y > 0.5), (second, x + y > 1.5), (last, (x + y > 0.5) & (x + y <= 1.5)),
    ):  # fmt: skip
        drawn = np.asarray(axes.get_images()[0].get_array()).ravel() > 0.5
        unclear = np.minimum(abs(x + y - 0.5), abs(x + y - 1.5)) < 1e-6
        assert (drawn == expected)[~unclear].all()


def test_classes_by_colour() -> None:
    """Three classes: one weight each, so that the largest of (x1, x2, 1/2) wins."""
    model = ready_model(
        sloy.Network((2,), [Dense(3)]),
        {"dense_1/weight": [[1, 0, 0], [0, 1, 0]], "dense_1/bias": [0, 0, 0.5]},
    )
    (axes,) = half_planes_figure(model, x=[[2, 0], [0, 2], [0, 0]]).axes
    assert marked(axes) == {"0": [(2, 0)], "1": [(0, 2)], "2": [(0, 0)]}
    points = grid(axes)
    best = np.column_stack([points, np.full(len(points), 0.5)]).argmax(1)
    colours = np.asarray(axes.get_images()[0].get_array()).reshape(-1, 3)
    seen = [np.unique(colours[best == k], axis=0) for k in range(3)]
    assert [len(rows) for rows in seen] == [1, 1, 1]
    assert len({tuple(rows[0]) for rows in seen}) == 3


def test_neurons_that_do_not_fit_are_told() -> None:
    model = ready_model(
        sloy.Network((2,), [Dense(12), Tanh(), Dense(1)]),
        sloy.Network((2,), [Dense(12), Tanh(), Dense(1)]).initialize(0),
    )
    figure = half_planes_figure(model)
    assert "The first 8 of 12 neurons" in texts(figure)
    with speak("ru"):
        assert "Первые 8, всего 12 нейронов" in texts(half_planes_figure(model))


def test_a_threshold_of_ones_own() -> None:
    """A linear output that was fitted to 0 and 1 means yes above a half, which only its user knows."""
    model = ready_model(
        sloy.Network((2,), [Dense(1)]), {"dense_1/weight": [[0.4], [0.4]], "dense_1/bias": [0]}
    )
    (axes,) = half_planes_figure(model, threshold=0.5).axes
    assert marked(axes)["yes"] == [(1, 1)]


def test_a_neuron_means_yes_by_its_own_output() -> None:
    """tanh stays above 0 on these objects, and is yes on each."""
    (axes, *_) = neuron_figure(Neuron([1, 1], 0.1, "tanh"), [[0, 0], [0, 0.2]]).axes
    assert marked(axes) == {"no": [], "yes": [(0, 0), (0, 0.2)]}
    (axes, *_) = neuron_figure(Neuron([1, 1], -0.5, "sigmoid")).axes
    assert marked(axes)["no"] == [(0, 0)]
    assert to_hex(axes.get_lines()[0].get_markeredgecolor()).upper() == ORANGE


def network(layers: list[Layer], shape: tuple[int, ...] = (2,)) -> sloy.Model:
    made = sloy.Network(shape, layers)
    return ready_model(made, made.initialize(0))


REFUSED: dict[str, tuple[Callable[[], Figure], str]] = {
    "three inputs": (lambda: half_planes_figure(network_from_expression("a & b & c")), "two inputs"),
    "a picture": (
        lambda: half_planes_figure(network([Flatten(), Dense(1)], (1, 2, 1))), "must have two inputs"
    ),
    "a product first": (
        lambda: half_planes_figure(xor_by_product()), r"begins with Activation\(.*must be Dense"
    ),
    "maxout first": (lambda: half_planes_figure(network([Maxout(3), Dense(1)])), "begins with Maxout"),
    "a convolution": (
        lambda: half_planes_figure(
            network([Reshape((1, 2, 1)), Conv2D(3, 1), Flatten(), Dense(1)])
        ),
        "begins with Reshape",
    ),
    "no model": (lambda: half_planes_figure(Neuron([1, 1])), "`model`"),
    "names": (lambda: half_planes_figure(xor_by_layers(), ["a"]), "has 1 names; it needs 2"),
    "questions": (
        lambda: half_planes_figure(
            sloy.Model(
                sloy.Problem(
                    (two := sloy.Network((2,), [Dense(2)])), sloy.losses.BinaryCrossentropy(),
                    target_shape=(2,), target_dtype="float32",
                ),
                two.initialize(0),
            )
        ),
        "2 questions of yes or no",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_half_planes_is_refused(name: str) -> None:
    draw, message = REFUSED[name]
    with pytest.raises(InvalidArgument, match=message):
        draw()
    with pytest.raises(ShapeError, match=r"\(N, 2\)"):
        half_planes_figure(xor_by_layers(), x=[1, 2])


@pytest.mark.parametrize("language", ["en", "ru"])
def test_text_is_legible(language: str) -> None:
    several = network([Dense(10), PerNeuron([(Tanh(), 5), (Heaviside(), 5)]), Dense(3)])
    with speak(language):
        assert_legible(half_planes_figure(trained("sigmoid"), ["temperature", "pressure"]))
        assert_legible(half_planes_figure(several))
        assert_legible(half_planes_figure(xor_by_layers()))
        assert_legible(neuron_figure(Neuron([1, 2], -1.5)))
    with speak("ru"):
        assert "да" in texts(half_planes_figure(xor_by_layers()))
