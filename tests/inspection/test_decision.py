"""Decision figures: every kind of model, by its own rule; against decisions computed here."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import sloy
from legible import assert_legible, texts
from sloy.errors import InvalidArgument, ShapeError
from sloy.inspection import decision_figure
from sloy.inspection.plane import look
from sloy.language import speak
from sloy.layers import BatchNorm, Dense, Dropout, ReLU, Sigmoid, Softmax, Tanh
from sloy.theory import AND, ready_model, xor_by_layers, xor_by_product

RANDOM = np.random.default_rng(4)
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR = np.array([0, 1, 1, 0])
ANGLES = RANDOM.uniform(0, 2 * np.pi, 90)
POINTS = (np.stack([np.cos(ANGLES), 3 + 50 * np.sin(ANGLES)], 1)).astype(np.float32)
THIRDS = (ANGLES // (2 * np.pi / 3)).astype(int)
HALVES = (POINTS[:, 0] > 0).astype(int)


@cache
def model(kind: str) -> sloy.Model:
    """Trained on points whose two coordinates have scales that differ fifty times."""
    last, y, loss = {
        "logit": ([Dense(1)], HALVES, "binary_crossentropy"),
        "two logits": ([Dense(2)], HALVES, None),
        "sigmoid": ([Dense(1), Sigmoid()], HALVES[:, None].astype(float), "squared_error"),
        "tanh": ([Dense(1), Tanh()], 2.0 * HALVES[:, None] - 1, "squared_error"),
        "linear to 0 and 1": ([Dense(1)], HALVES[:, None].astype(float), "squared_error"),
        "hinge": ([Dense(1)], HALVES, "hinge"),
        "three logits": ([Dense(3)], THIRDS, None),
        "three by softmax": ([Dense(3), Softmax()], np.eye(3)[THIRDS], "squared_error"),
        "hinge of three": ([Dense(3)], THIRDS, "hinge"),
        "values": ([Dense(1)], POINTS[:, :1] * POINTS[:, 1:] / 50, "squared_error"),
    }[kind]
    network = sloy.Network((2,), [Dense(5), Tanh(), *last])
    found, _ = sloy.fit(
        network, (POINTS, y), loss=loss, epochs=60, optimizer=sloy.Adam(0.05), seed=2,
        preprocessing="standardize", verbose=False,
    )  # fmt: skip
    return found


def by_hand(found: sloy.Model, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sums of the hidden and of the output layer, written out."""
    given = {name: np.asarray(value, np.float64) for name, value in found.parameters.items()}
    before = found.problem.preprocessing
    assert before is not None
    scaled = (points - np.array(before.mean)) / np.array(before.deviation)
    hidden = scaled @ given["dense_1/weight"] + given["dense_1/bias"]
    return hidden, np.tanh(hidden) @ given["dense_2/weight"] + given["dense_2/bias"]


def shaded(figure: Figure) -> tuple[np.ndarray, np.ndarray]:
    """What is drawn at each point, and the points (n, 2)."""
    (image,) = figure.axes[0].get_images()
    left, right, bottom, top = image.get_extent()
    rows, columns = image.get_array().shape[:2]
    x, y = np.meshgrid(np.linspace(left, right, columns), np.linspace(bottom, top, rows))
    array = np.asarray(image.get_array())
    return array.reshape(rows * columns, *array.shape[2:]), np.stack([x.ravel(), y.ravel()], 1)


def sigma(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


ONE_NUMBER: dict[str, tuple[Any, Callable[[np.ndarray], np.ndarray], str]] = {
    "logit": (HALVES, lambda z: sigma(z[:, 0]), "probability of class 1"),
    "two logits": (HALVES, lambda z: sigma(z[:, 1] - z[:, 0]), "probability of class 1"),
    "sigmoid": (HALVES, lambda z: sigma(z[:, 0]), "answer"),
    "tanh": (2 * HALVES - 1, lambda z: np.tanh(z[:, 0]), "answer"),
    "linear to 0 and 1": (HALVES, lambda z: z[:, 0], "answer"),
    "hinge": (HALVES, lambda z: z[:, 0], "answer"),
    "values": (POINTS[:, 0] * POINTS[:, 1] / 50, lambda z: z[:, 0], "answer"),
}


@pytest.mark.parametrize("kind", ONE_NUMBER)
def test_shades_are_the_numbers_computed_by_hand(kind: str) -> None:
    y, output, label = ONE_NUMBER[kind]
    figure = decision_figure(model(kind), POINTS, y)
    values, points = shaded(figure)
    np.testing.assert_allclose(values, output(by_hand(model(kind), points)[1]), atol=2e-4)
    assert label in texts(figure)


@pytest.mark.parametrize("kind", [kind for kind in ONE_NUMBER if kind != "values"])
def test_the_border_is_where_the_answer_changes(kind: str) -> None:
    y, output, _ = ONE_NUMBER[kind]
    axes = decision_figure(model(kind), POINTS, y).axes[0]
    border = next(c for c in axes.collections if to_rgb(c.get_edgecolor()[0]) == (0, 0, 0))
    places = np.concatenate([path.vertices for path in border.get_paths()])
    middle = {"tanh": 0.0, "hinge": 0.0}.get(kind, 0.5)
    assert abs(output(by_hand(model(kind), places)[1]) - middle).max() < 0.05


@pytest.mark.parametrize("kind", ["three logits", "three by softmax", "hinge of three"])
def test_colours_are_the_classes_computed_by_hand(kind: str) -> None:
    colours, points = shaded(decision_figure(model(kind), POINTS, THIRDS))
    z = by_hand(model(kind), points)[1]
    powers = np.exp(z - z.max(1, keepdims=True))
    chances = powers / powers.sum(1, keepdims=True)
    depth = 1 - colours  # white where nothing is sure
    pure = 1 - np.array([to_rgb(look(k)[0]) for k in range(3)])
    strength = depth.sum(1) / pure.sum(1)[z.argmax(1)]
    np.testing.assert_allclose(depth, strength[:, None] * pure[z.argmax(1)], atol=1e-3)
    if kind != "hinge of three":
        order = np.argsort(chances.max(1))
        assert (np.diff(strength[order]) > -1e-4).all(), "the surer, the deeper"


def test_lines_of_hidden_neurons_in_the_inputs_own_units() -> None:
    """The inputs are standardised within the model; the lines are where the sums by hand are 0."""
    axes = decision_figure(model("logit"), POINTS, HALVES).axes[0]
    dashed = [c for c in axes.collections if to_rgb(c.get_edgecolor()[0]) != (0, 0, 0)]
    spread = abs(by_hand(model("logit"), POINTS)[0]).max()
    found = set()
    for line in dashed:
        places = np.concatenate([path.vertices for path in line.get_paths()])
        sums = abs(by_hand(model("logit"), places)[0]).max(0)
        found.add(int(sums.argmin()))
        assert sums.min() < 1e-3 * spread
    assert len(found) == len(dashed) >= 3


def test_objects_are_marked_by_class() -> None:
    axes = decision_figure(model("logit"), POINTS, HALVES).axes[0]
    for line, number in zip(axes.get_lines(), (0, 1), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), POINTS[number == HALVES].astype(float))
    assert len({line.get_marker() for line in axes.get_lines()}) == 2
    many = np.arange(90) % 12
    found, _ = sloy.fit(sloy.Network((2,), [Dense(12)]), (POINTS, many), epochs=1, verbose=False)
    lines = decision_figure(found, POINTS, many).axes[0].get_lines()
    assert len({(line.get_marker(), line.get_color()) for line in lines}) == 12


def test_the_window_follows_the_data() -> None:
    axes = decision_figure(model("logit"), POINTS, HALVES).axes[0]
    for (low, high), values in zip((axes.get_xlim(), axes.get_ylim()), POINTS.T, strict=True):
        assert low < values.min()
        assert high > values.max()
        assert high - low < 1.5 * (values.max() - values.min())


def test_a_neuron_that_sees_the_product_has_two_borders_and_no_hidden_neurons() -> None:
    figure = decision_figure(xor_by_product(), CORNERS, XOR)
    values, points = shaded(figure)
    x1, x2 = points.T
    assert (values == (x1 + x2 - 2 * x1 * x2 > 0.5)).all()
    assert not any("hidden" in text for text in texts(figure))
    two = decision_figure(xor_by_layers(), CORNERS, XOR)
    assert "lines of the hidden neurons (2)" in texts(two)


def test_layers_before_the_first_dense_one_and_own_thresholds() -> None:
    network = sloy.Network((2,), [BatchNorm(), Dropout(0.5), Dense(3), ReLU(), Dense(1)])
    found, _ = sloy.fit(network, (POINTS, HALVES[:, None].astype(float)), epochs=2, verbose=False)
    assert not any("hidden" in text for text in texts(decision_figure(found, POINTS, HALVES)))
    halves = ready_model(
        sloy.Network((2,), [Dense(1)]), {"dense_1/weight": [[1], [0]], "dense_1/bias": [0]}
    )
    axes = decision_figure(halves, CORNERS, XOR, threshold=0.25).axes[0]
    places = np.concatenate([path.vertices for path in axes.collections[0].get_paths()])
    np.testing.assert_allclose(places[:, 0], 0.25, atol=1e-9)


# --- scikit-learn ---------------------------------------------------------------------------------


def test_sloys_own_classifier_by_its_labels() -> None:
    words = np.array(["left", "right"])[HALVES]
    found = sloy.Classifier((Dense(4), Tanh()), epochs=30, learning_rate=0.05).fit(POINTS, words)
    figure = decision_figure(found, POINTS, words)
    values, points = shaded(figure)
    assert ((values > 0.5) == (found.predict(points) == "right")).all()
    assert {"left", "right", "probability of right", "lines of the hidden neurons (4)"} <= set(
        texts(figure)
    )


ESTIMATORS: dict[str, Callable[[Any], Any]] = {
    "logistic": lambda linear: linear.LogisticRegression(),
    "perceptron": lambda linear: linear.Perceptron(),
    "ridge": lambda linear: linear.RidgeClassifier(),
}


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("y", [HALVES, THIRDS], ids=["two", "three"])
def test_estimators_decide_by_their_own_predictions(name: str, y: np.ndarray) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    found = ESTIMATORS[name](linear).fit(POINTS, y + 5)
    values, points = shaded(decision_figure(found, POINTS, y + 5))
    said = found.predict(points.astype(np.float32)) - 5
    if y is HALVES:
        middle = 0.5 if name == "logistic" else 0.0
        assert ((values > middle) == (said == 1)).mean() > 0.9999
    else:
        pure = 1 - np.array([to_rgb(look(k)[0]) for k in range(3)])
        hues = pure / pure.sum(1, keepdims=True)
        drawn = (1 - values) / (1 - values).sum(1, keepdims=True)
        nearest = abs(drawn[:, None] - hues).sum(2).argmin(1)
        assert (nearest == said).mean() > 0.9999


def test_an_estimator_that_only_predicts_and_a_regressor() -> None:
    neighbours = pytest.importorskip("sklearn.neighbors")

    class Only:
        classes_ = np.array([0, 1])

        def predict(self, x: np.ndarray) -> np.ndarray:
            return (x[:, 0] > 0.25).astype(int)

    values, points = shaded(decision_figure(Only(), POINTS, HALVES))
    assert (values == (points[:, 0] > 0.25)).all()
    y = POINTS[:, 0] ** 2
    found = neighbours.KNeighborsRegressor(3).fit(POINTS, y)
    values, points = shaded(decision_figure(found, POINTS, y))
    np.testing.assert_allclose(values, found.predict(points))


def test_a_table_names_the_inputs() -> None:
    pandas = pytest.importorskip("pandas")
    linear = pytest.importorskip("sklearn.linear_model")
    table = pandas.DataFrame(POINTS, columns=["height", "mass"])
    axes = decision_figure(linear.LogisticRegression().fit(table, HALVES), table, HALVES).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("height", "mass")


# --- what is refused, what is read ----------------------------------------------------------------

BAD: dict[str, tuple[Callable[[], Figure], str]] = {
    "no model": (lambda: decision_figure(AND, POINTS, HALVES), "must be a Model or a fitted estimator"),
    "three inputs": (
        lambda: decision_figure(
            ready_model(n := sloy.Network((3,), [Dense(1)]), n.initialize(0)), POINTS, HALVES
        ), r"\(3,\) → \(1,\); it must have two inputs",
    ),
    "several labels": (
        lambda: decision_figure(
            sloy.Classifier(epochs=1).fit(POINTS, POINTS > 0), POINTS, HALVES
        ), "gives 2 answers for an object",
    ),
    "points": (lambda: decision_figure(model("logit"), POINTS[:, :1], HALVES), r"must be \(N, 2\)"),
    "classes": (lambda: decision_figure(model("logit"), POINTS, HALVES[:3]), r"it must be \(90,\)"),
    "a stranger": (
        lambda: decision_figure(model("three logits"), POINTS, THIRDS + 1), "holds 3; the classes are 0, 1, 2"
    ),
    "names": (lambda: decision_figure(model("logit"), POINTS, HALVES, names=["a"]), "has 1 names"),
    "class names": (
        lambda: decision_figure(model("logit"), POINTS, HALVES, class_names=["a"]), "1 names for 2 classes"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_mistakes_are_named(name: str) -> None:
    draw, message = BAD[name]
    with pytest.raises((InvalidArgument, ShapeError), match=message):
        draw()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_text_is_legible(language: str) -> None:
    with speak(language):
        for kind, y in (("logit", HALVES), ("three logits", THIRDS), ("values", POINTS[:, 0])):
            figure = decision_figure(model(kind), POINTS, y, names=["a (m)", "b (kg)"], title="T")
            assert_legible(figure)
        names = ["a class of a long name", "another of a long name", "and a third one, longer"]
        assert_legible(decision_figure(model("three logits"), POINTS, THIRDS, class_names=names))
    with speak("ru"):
        words = texts(decision_figure(model("logit"), POINTS, HALVES))
        assert {"граница", "вероятность: класс 1", "прямые скрытых нейронов (5)"} <= set(words)
