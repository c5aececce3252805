"""What shifts and turns do to responses: against NumPy's shifts, SciPy's turns, and networks whose answer is known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import scipy.ndimage

import sloy
from legible import assert_legible, texts
from sloy.errors import InvalidArgument, ShapeError
from sloy.language import speak
from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D
from sloy.theory import Invariance, invariance, invariance_figure, ready_model
from sloy.theory.pictures.invariance import shifted, turned

RANDOM = np.random.default_rng(5)


def strokes(count: int = 6, side: int = 16) -> np.ndarray:
    """Pictures with a margin of five pixels."""
    x = np.zeros((count, side, side, 1), np.float32)
    x[:, 5:-5, 5:-5] = RANDOM.normal(size=(count, side - 10, side - 10, 1))
    return x


def small(kernel: np.ndarray | None = None) -> sloy.Model:
    layers = [Conv2D(3, 3), MaxPool2D(2), Conv2D(4, 2), Flatten(), Dense(5)]
    network = sloy.Network((16, 16, 1), layers)
    parameters = network.initialize(2)
    if kernel is not None:
        parameters["conv2d_1/weight"] = np.repeat(kernel[..., None, None], 3, axis=3)
    return ready_model(network, parameters)


@cache
def measured() -> Invariance:
    x, y = strokes(), np.arange(6) % 5
    model, _ = sloy.fit(small().network, (x, y), preprocessing=None, verbose=False)
    return invariance(model, x, y, shifts=(1, 2, 3), turns=(30, 90))


def test_shifts_are_those_of_slices() -> None:
    x = strokes()
    np.testing.assert_array_equal(shifted(x, 3), np.roll(x, 3, axis=2))
    np.testing.assert_array_equal(shifted(x, -3), np.roll(x, -3, axis=2))
    assert shifted(np.ones((1, 2, 3, 1)), 2)[0, :, :, 0].tolist() == [[0, 0, 1], [0, 0, 1]]


@pytest.mark.parametrize("degrees", [-75, 10, 33.3, 90, 135, 180, 270, 401])
def test_turns_are_scipys(degrees: float) -> None:
    x = strokes().astype(np.float64)
    expected = scipy.ndimage.rotate(x, degrees, axes=(2, 1), reshape=False, order=1)
    np.testing.assert_allclose(turned(x, degrees), expected, atol=1e-9)


def test_bytes_are_turned_to_the_nearest() -> None:
    x = RANDOM.integers(0, 256, (2, 9, 9, 1), np.uint8)
    exact = turned(x.astype(np.float64), 20)
    assert turned(x, 20).dtype == np.uint8
    np.testing.assert_array_equal(turned(x, 20), np.rint(exact))


def test_a_convolution_moves_with_the_picture() -> None:
    """Behind a pooling of 2 it does so for shifts by 2."""
    found = measured()
    back = dict(zip(found.layers, found.moved_back[:, :3], strict=True))
    np.testing.assert_allclose(back["picture"], 0)
    np.testing.assert_allclose(back["conv2d_1"], 0, atol=1e-6)
    np.testing.assert_allclose(back["max_pool2d_1"][1], 0, atol=1e-6)
    np.testing.assert_allclose(back["conv2d_2"][1], 0, atol=1e-6)
    assert (back["max_pool2d_1"][[0, 2]] > 0.05).all()
    assert np.isnan(back["dense_1"]).all()


def test_changes_by_the_formula() -> None:
    x, model = strokes(), small()
    found = invariance(model, x, shifts=[2], turns=[], layers=["conv2d_2"])
    before = model.activations(x, ["conv2d_2"])["conv2d_2"]
    after = model.activations(np.roll(x, 2, axis=2), ["conv2d_2"])["conv2d_2"]
    moved = sum(np.sum((a - b) ** 2) for a, b in zip(after, before, strict=True))
    other = sum(np.sum((before[i] - before[i - 1]) ** 2) for i in range(len(x)))
    assert found.changes[1, 0] == pytest.approx(np.sqrt(moved / other), rel=1e-5)
    assert found.accuracy is None


def test_a_kernel_that_looks_the_same_from_all_sides_turns_with_the_picture() -> None:
    round_kernel = np.array([[1, 2, 1], [2, -3, 2], [1, 2, 1]], np.float32)
    x = strokes()
    same = invariance(small(round_kernel), x, shifts=[], turns=[90], layers=["conv2d_1"])
    assert same.moved_back[1, 0] == pytest.approx(0, abs=1e-6)
    assert same.changes[1, 0] > 0.5
    edges = np.array([[1, 0, -1]] * 3, np.float32)
    other = invariance(small(edges), x, shifts=[], turns=[90], layers=["conv2d_1"])
    assert other.moved_back[1, 0] > 0.5


def test_the_largest_of_all_places_is_invariant() -> None:
    network = sloy.Network((16, 16, 1), [Conv2D(3, 3), MaxPool2D(14), Flatten()])
    model = ready_model(network, network.initialize(0))
    found = invariance(model, strokes(), shifts=[1, 3], turns=[30])
    assert found.layers == ("picture", "conv2d_1", "max_pool2d_1", "flatten_1")
    np.testing.assert_allclose(found.changes[2:, :2], 0, atol=1e-6)
    assert (found.changes[1] > 0.3).all()
    assert (found.changes[2:, 2] > 0.05).all()


def test_accuracy_is_that_of_the_changed_pictures() -> None:
    x, classifier = strokes(40), sloy.Network((16, 16, 1), [Conv2D(3, 3), Flatten(), Dense(3)])
    y = np.arange(40) % 3
    model, _ = sloy.fit(classifier, (x, y), epochs=20, batch_size=8, verbose=False)
    found = invariance(model, x, y, shifts=[2], turns=[90])
    assert found.accuracy is not None
    changed = (x, np.roll(x, 2, axis=2), np.rot90(x, axes=(1, 2)))
    assert found.accuracy.tolist() == [(model.predict(each) == y).mean() for each in changed]


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_table_and_the_figure(language: str) -> None:
    with speak(language):
        found = measured()
        figure = invariance_figure(found)
        assert_legible(figure)
        said, shown = str(found), texts(figure)
    assert ("moved back" in said, "возвращённый" in said) == (language == "en", language == "ru")
    assert ("picture" in shown, "картинка" in shown) == (language == "en", language == "ru")
    for value in found.changes.ravel():
        assert f"{value:.2f}" in said
        assert f"{value:.2f}" in shown
    assert len(said.splitlines()) == 1 + 6 + 5 + 2  # dense_1 has no places


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"shifts": [16]}, InvalidArgument, "`shifts` \\(=16\\)"),
        ({"shifts": [], "turns": []}, InvalidArgument, "both empty"),
        ({"layers": ["dense_9"]}, InvalidArgument, "no layer is named 'dense_9'"),
        ({"labels": [0] * 6}, InvalidArgument, "`labels` need a classifier"),
        ({"labels": [1, 2]}, ShapeError, "`labels` has shape \\(2,\\)"),
        ({"pictures": np.zeros((1, 16, 16, 1))}, ShapeError, "`pictures` has shape"),
    ],
)
def test_what_makes_no_sense_is_refused(
    options: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        invariance(small(), **{"pictures": strokes(), **options})  # type: ignore[arg-type]
