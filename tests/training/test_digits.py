"""Data far from 0 keep their digits: float64 is scaled before it is rounded, float32 less its mean first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sloy
from sloy import losses, ops
from sloy.augmentation import Augment
from sloy.graph import Graph
from sloy.layers import Dense, ReLU
from sloy.preprocessing import Preprocessing

RANDOM = np.random.default_rng(11)
X = RANDOM.normal(size=(300, 3)) * [1.0, 0.1, 5.0]
Y = (X[:, 0] > 0).astype(int)
OFFSETS = {
    "none": 0.0, "1e8": 1e8, "seconds since 1970": 1.7e9, "by column": np.array([1e8, -3e9, 0.0]),
}  # fmt: skip
OPTIONS = {"epochs": 15, "learning_rate": 0.05, "verbose": False, "engine": "reference"}


def network() -> sloy.Network:
    return sloy.Network((3,), [Dense(8), ReLU(), Dense(2)])


def by_hand(model: sloy.Model, x: np.ndarray) -> np.ndarray:
    """Scaled as scikit-learn would, and the layers, all in float64."""
    w = {name: np.asarray(value, np.float64) for name, value in model.parameters.items()}
    z = (x - X.mean(0)) / X.std(0)
    hidden = np.maximum(z @ w["dense_1/weight"] + w["dense_1/bias"], 0)
    return np.asarray(hidden @ w["dense_2/weight"] + w["dense_2/bias"])


@pytest.mark.parametrize("name", OFFSETS)
def test_training_evaluation_and_prediction(name: str, tmp_path: Path) -> None:
    x = X + OFFSETS[name]
    model, history = sloy.fit(
        network(), (x, Y), validation=(x, Y), preprocessing="standardize", **OPTIONS
    )
    assert np.abs(model(x) - by_hand(model, X)).max() < 1e-4
    accuracy = float((by_hand(model, X).argmax(1) == Y).mean())
    assert accuracy > 0.97
    assert model.evaluate((x, Y))["accuracy"] == pytest.approx(accuracy)
    assert history["val_accuracy"][-1] == pytest.approx(accuracy)
    figures, answers = model.examine((x, Y))
    assert figures["accuracy"] == pytest.approx(accuracy)
    assert np.array_equal(answers.argmax(1), model.predict(x))
    model.save(tmp_path / "m.sloy")
    assert np.array_equal(sloy.load(tmp_path / "m.sloy", engine="reference")(x), model(x))
    hidden = model.activations(x, ["dense_2"])["dense_2"]
    assert np.array_equal(hidden, model(x))


@pytest.mark.parametrize("name", OFFSETS)
def test_estimators(name: str) -> None:
    x = X + OFFSETS[name]
    found = sloy.Classifier((Dense(8), ReLU()), **OPTIONS).fit(x, Y)
    assert found.score(x, Y) > 0.97
    target = X[:, 0] + X[:, 2]
    regressor = sloy.Regressor((Dense(8), ReLU()), **(OPTIONS | {"epochs": 40})).fit(x, target)
    assert regressor.score(x, target) > 0.97


def test_large_integers() -> None:
    """Beyond 2^24 not every integer is a float32; here the answer is in the last bit."""
    codes = 20_000_000 + RANDOM.integers(0, 3, size=(300, 1))
    y = codes[:, 0] % 2
    small = sloy.Network((1,), [Dense(8), ReLU(), Dense(2)])
    model, _ = sloy.fit(
        small, (codes, y), preprocessing="standardize", **(OPTIONS | {"epochs": 40})
    )
    assert model.evaluate((codes, y))["accuracy"] == 1.0
    assert np.array_equal(model.predict(codes.astype(np.int64)), y)


def test_float32_less_its_mean_first() -> None:
    """16 777 217 + k, exact in float32 only as even numbers: the sum x / s − m / s has none of these digits."""
    x = (16_777_216 + 2 * np.arange(8, dtype=np.float64)).astype(np.float32)[:, None]
    for mean in (16_777_223.0, 16_777_222.3):
        scale = Preprocessing((mean,), (4.6,))
        graph = Graph.of({"y": scale.apply(ops.input("x", (8, 1), "float32"))})
        engine = sloy.engines.engine("reference")
        found = engine.compile(graph, {}).run({"x": x})["y"]
        assert np.abs(found - (x.astype(np.float64) - mean) / 4.6).max() < 1e-6


def test_blocks_and_single_numbers() -> None:
    scale = Preprocessing((1e9, 2.0), (2.0, 0.5))
    x = 1e9 + RANDOM.normal(size=(200_000, 2))
    expected = ((x - [1e9, 2.0]) / [2.0, 0.5]).astype(np.float32)
    found = scale.compute(x, "float32")
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)
    assert Preprocessing((1.0,), (2.0,)).compute(np.float64(5.0)).tolist() == 2.0
    assert scale.compute(np.empty((0, 2))).shape == (0, 2)


def test_what_is_scaled_is_what_must_be_finite() -> None:
    x = X * 1e39
    model, _ = sloy.fit(network(), (x, Y), preprocessing="standardize", **OPTIONS)
    assert model.evaluate((x, Y))["accuracy"] > 0.95
    with pytest.raises(sloy.errors.InvalidArgument, match=r"x\[0, 0\] is inf"):
        model(np.full((1, 3), np.inf))


def test_mixed_and_resumed(tmp_path: Path) -> None:
    x = X + 1e8
    options = {**OPTIONS, "augment": Augment(mixup=0.2), "preprocessing": "standardize"}
    whole, _ = sloy.fit(network(), (x, Y), **options)
    assert whole.evaluate((x, Y))["accuracy"] > 0.95
    path = tmp_path / "c.sloy"
    sloy.fit(network(), (x, Y), checkpoint=path, **(options | {"epochs": 7}))
    again, _ = sloy.fit(network(), (x, Y), checkpoint=path, resume=True, **options)
    assert np.array_equal(again(x), whole(x))


def test_double_precision_keeps_its_graph() -> None:
    x = X + 1e8
    options = {**OPTIONS, "precision": "float64", "preprocessing": "standardize"}
    model, _ = sloy.fit(network(), (x, Y), loss=losses.CategoricalCrossentropy(), **options)
    assert np.abs(model(x) - by_hand(model, X)).max() < 1e-6
