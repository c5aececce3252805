"""Ways of descent on one surface, and the algorithm object by object at the engine's speed (L7, L9, L10)."""

from __future__ import annotations

import numpy as np
import pytest

import sloy
from available import available
from legible import assert_legible, texts
from sloy import theory
from sloy.errors import InvalidArgument
from sloy.language import speak
from sloy.layers import BatchNorm, Dense, Sigmoid, Tanh
from sloy.theory import Descent, compare_descents, learn_per_object

RANDOM = np.random.default_rng(1)
X = RANDOM.uniform(-1, 2, (24, 1))
Y = 1.5 * X - 0.5 + RANDOM.normal(0, 0.3, (24, 1))
LINE = sloy.Network((1,), [Dense(1)])
START = {"dense_1/weight": np.array([[-1.0]]), "dense_1/bias": np.array([2.0])}


@pytest.fixture(scope="module")
def line() -> Descent:
    return compare_descents(LINE, (X, Y), epochs=6, parameters=START)


def test_full_batch_descent_is_the_formula(line: Descent) -> None:
    """w := w - η ∇Q, written out for a straight line."""
    w, b = -1.0, 2.0
    path = line.paths["full batch"]
    assert path.weights.shape == (7, 2)
    for found in path.weights[1:]:
        error = w * X + b - Y
        w, b = w - 0.1 * float((2 * error * X).mean()), b - 0.1 * float((2 * error).mean())
        np.testing.assert_allclose(found, [w, b], rtol=2e-6, atol=1e-6)


def test_every_step_is_kept(line: Descent) -> None:
    assert {name: len(path.weights) for name, path in line.paths.items()} == {
        "full batch": 7,
        "mini-batches of 8": 19,
        "object by object": 145,
    }
    for path in line.paths.values():
        assert path.weights[0].tolist() == [-1.0, 2.0]
        assert path.objects[[0, -1]].tolist() == [0, 144]
        assert path.losses[-1] < 0.5 * path.losses[0]


def test_the_surface_is_the_loss(line: Descent) -> None:
    assert line.labels == ("dense_1/weight", "dense_1/bias")
    for i, j in ((0, 0), (10, 30), (44, 7)):
        loss = float(((line.across[j] * X + line.up[i] - Y) ** 2).mean())
        assert line.surface[i, j] == pytest.approx(loss, rel=1e-12)
    ends = np.array([path.weights[-1] for path in line.paths.values()])
    assert line.across[0] < ends[:, 0].min() < ends[:, 0].max() < line.across[-1]


def test_more_parameters_are_seen_in_the_plane_of_the_paths() -> None:
    network = sloy.Network((1,), [Dense(3), Tanh(), Dense(1)])
    found = compare_descents(network, (X, Y), epochs=4, ways={"all": 0, "one": 1})
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(2), atol=1e-12)
    path = found.paths["all"]
    start = (path.weights[0] - found.centre) @ found.directions.T
    nearest = found.surface[
        np.abs(found.up - start[1]).argmin(), np.abs(found.across - start[0]).argmin()
    ]
    assert nearest == pytest.approx(path.losses[0], rel=0.3)
    assert_legible(theory.descent_figure(found))


def test_the_figure(line: Descent) -> None:
    figure = theory.descent_figure(line, "A straight line")
    assert_legible(figure)
    assert {"dense_1/weight", "objects seen", "object by object, 144 steps"} <= set(texts(figure))
    wider = sloy.Network((1,), [Dense(2), Tanh(), Dense(1)])
    with speak("ru"):
        russian = theory.descent_figure(line, "Прямая")
        assert_legible(russian)
        assert {"объект за объектом, 144 шага", "начало"} <= set(texts(russian))
        assert_legible(theory.descent_figure(compare_descents(wider, (X, Y), epochs=2)))


def test_object_by_object_until_it_converges() -> None:
    network = sloy.Network((1,), [Dense(1)])
    run = learn_per_object(network, (X, Y), learning_rate=0.02, tolerance=1e-6)
    assert run.converged
    assert run.objects == 24 * len(run.history)
    best = np.polyfit(X[:, 0], Y[:, 0], 1)  # least squares
    assert run.model.parameters["dense_1/weight"][0, 0] == pytest.approx(best[0], abs=0.05)
    assert run.model.parameters["dense_1/bias"][0] == pytest.approx(best[1], abs=0.05)
    assert str(run).startswith(f"the loss stopped falling after {len(run.history)} passes")
    short = learn_per_object(network, (X, Y), learning_rate=0.02, max_epochs=2)
    assert not short.converged
    assert "the loss is still falling after 2 passes" in str(short)


def test_xor_is_learned_object_by_object() -> None:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    network = sloy.Network((2,), [Dense(4), Tanh(), Dense(1), Sigmoid()])
    run = learn_per_object(network, (x, np.array([[0.0], [1], [1], [0]])), learning_rate=1.0)
    assert np.abs(run.model.predict(x).ravel() - [0, 1, 1, 0]).max() < 0.2


def test_it_runs_on_the_native_engine_as_on_the_reference() -> None:
    """Same order, same start: the same weights, to float32's rounding."""
    network = sloy.Network((1,), [Dense(8), Tanh(), Dense(1)])
    runs = [
        learn_per_object(network, (X, Y), max_epochs=5, patience=9, engine=available(name, 1))
        for name in ("reference", "native")
    ]
    one, other = (run.model.parameters for run in runs)
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-5)


def test_it_runs_at_the_engines_speed() -> None:
    """The online path of the native engine, not a loop in Python: many times the reference (70 times when measured)."""
    network = sloy.zoo.mlp((28, 28, 1), 10)
    x = RANDOM.random((2000, 28, 28, 1), np.float32) * (RANDOM.random((2000, 28, 28, 1)) < 0.2)
    y = np.eye(10)[RANDOM.integers(0, 10, 2000)]

    def rate(engine: str, objects: int) -> float:
        run = learn_per_object(
            network, (x[:objects], y[:objects]), max_epochs=2, engine=available(engine, 1)
        )
        return float(run.history["samples_per_second"].max())

    assert rate("native", 2000) > 5 * rate("reference", 60)


def test_bad_input() -> None:
    with pytest.raises(InvalidArgument, match="two parameters or more"):
        compare_descents(sloy.Network((1,), [Dense(1, use_bias=False)]), (X, Y))
    with pytest.raises(InvalidArgument, match="2 running"):
        compare_descents(sloy.Network((1,), [Dense(2), BatchNorm(), Dense(1)]), (X, Y))
    with pytest.raises(InvalidArgument, match="must name the ways"):
        compare_descents(LINE, (X, Y), learning_rate={"full": 0.1})
    with pytest.raises(InvalidArgument, match=r"`learning_rate` \(=-1\)"):
        compare_descents(LINE, (X, Y), learning_rate=-1)
    with pytest.raises(InvalidArgument, match=r"`max_epochs` \(=0\)"):
        learn_per_object(LINE, (X, Y), max_epochs=0)
    with pytest.raises(InvalidArgument, match=r"`tolerance` \(='x'\)"):
        learn_per_object(LINE, (X, Y), tolerance="x")  # type: ignore[arg-type]
