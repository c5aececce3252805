"""Intervals: what they hold of distributions that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

import sloy
from sloy.errors import InvalidArgument
from sloy.layers import Dense, ReLU
from sloy.losses import CustomLoss, Intervals, SquaredError
from sloy.training.intervals import least_samples, widen


def fixed(share: float = 0.9) -> sloy.Model:
    """Always 0, from 1 to -1: the ends in the wrong order."""
    problem = sloy.Problem(
        sloy.Network((1,), [Dense(3)]),
        Intervals(share),
        metrics=sloy.metrics.default_metrics(Intervals(), (3,)),
        target_shape=(1,),
        target_dtype="float32",
    )
    parameters = {
        "dense_1/weight": np.zeros((1, 3), np.float32),
        "dense_1/bias": np.array([0, 1, -1], np.float32),
    }
    return sloy.Model(problem, parameters, engine="reference")


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_coverage_is_what_is_promised_on_average(share: float) -> None:
    """y ~ N(0, 1), so that what [-1 - b, 1 + b] holds is known exactly; 99 samples give b, 300 times.

    The coverage then has the Beta(r, n + 1 - r) distribution with r = (n + 1) share, of mean `share`.
    """
    model, random, held = fixed(share), np.random.default_rng(0), []
    for _ in range(300):
        y = random.normal(size=99)
        found, widening = widen(model, (np.zeros((99, 1)), y))
        low, high = found.predict_interval(np.zeros((1, 1)))[0].astype(float)
        assert high == pytest.approx(max(1 + widening.by, 0), abs=1e-6)
        held.append(norm.cdf(high) - norm.cdf(low))
        assert widening.covered == pytest.approx(np.mean(np.abs(y) <= 1))
    error = np.sqrt(share * (1 - share) / 101 / 300)
    assert np.mean(held) == pytest.approx(share, abs=4 * error)


def test_learned_intervals_follow_the_noise() -> None:
    """y = x + s(x) e with e normal and s(x) = ¼ + |x|: the middle 80 % are x ± 1.28 s(x) wide."""
    random = np.random.default_rng(1)
    x = random.uniform(-2, 2, size=(6000, 1)).astype(np.float32)
    scale = 0.25 + np.abs(x[:, 0])
    y = (x[:, 0] + scale * random.normal(size=len(x))).astype(np.float32)
    network = sloy.Network((1,), [Dense(32), ReLU(), Dense(3)])
    model, history = sloy.fit(
        network, (x[:3000], y[:3000]), loss=Intervals(0.8), epochs=60, batch_size=64,
        learning_rate=0.01, schedule="one-cycle", threads=1, verbose=False,
    )  # fmt: skip
    assert "mean_absolute_error" in history
    model, _ = widen(model, (x[3000:4000], y[3000:4000]))
    low, high = model.predict_interval(x[4000:]).T
    held = np.mean((low <= y[4000:]) & (y[4000:] <= high))
    assert held == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / 2000 + 0.16 / 1000))
    ideal = 2 * norm.ppf(0.9) * scale[4000:]
    assert np.mean(np.abs(high - low - ideal)) < 0.15 * np.mean(ideal)
    assert model.predict(x).shape == (6000, 1)
    assert np.mean(np.abs(model.predict(x)[:, 0] - x[:, 0])) < 0.2
    found = model.evaluate((x[4000:], y[4000:]))
    assert found["mean_absolute_error"] == pytest.approx(
        np.mean(np.abs(model.predict(x[4000:])[:, 0] - y[4000:])), rel=1e-5
    )


def test_the_file_and_the_exports_have_them(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    x, y = random.normal(size=(50, 1)).astype(np.float32), random.normal(size=50)
    model, _ = widen(fixed(), (x, y))
    model.save(tmp_path / "m.sloy")
    again = sloy.load(tmp_path / "m.sloy", engine="reference")
    assert again.loss == model.loss
    assert np.array_equal(again.predict_interval(x), model.predict_interval(x))
    model.export(tmp_path / "m.c")
    assert "y[1] and y[2] the ends of its interval (0.9)" in (tmp_path / "m.c").read_text()
    runtime = pytest.importorskip("onnxruntime")
    model.export(tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    found = session.run(["output"], {session.get_inputs()[0].name: x})[0]
    assert np.allclose(found, model(x), atol=1e-6)
    assert "probabilities" not in [output.name for output in session.get_outputs()]


def test_a_file_with_a_main_loss_of_one_s_own(tmp_path: Path) -> None:
    x, y = np.ones((40, 2), np.float32), np.arange(40.0)
    loss = Intervals(0.5, CustomLoss(lambda a, t: sloy.ops.absolute(a - t)), unit=12.0)
    network = sloy.Network((2,), [Dense(3)])
    model, _ = sloy.fit(network, (x, y), loss=loss, engine="reference", verbose=False)
    model.save(tmp_path / "m.sloy")
    again = sloy.load(tmp_path / "m.sloy", engine="reference")
    assert again.evaluate((x, y)) == model.evaluate((x, y))


def test_how_many_samples_are_needed() -> None:
    assert [least_samples(s) for s in (0.01, 0.5, 0.8, 0.9, 0.95, 0.99)] == [1, 1, 4, 9, 19, 99]
    y = np.random.default_rng(0).normal(size=9)
    assert np.isclose(widen(fixed(), (np.zeros((9, 1)), y))[1].by, np.abs(y).max() - 1)
    with pytest.raises(InvalidArgument, match="need at least 9 samples, got 8"):
        widen(fixed(), (np.zeros((8, 1)), y[:8]))


def test_what_is_refused() -> None:
    problem = sloy.Problem(sloy.Network((1,), [Dense(1)]), SquaredError())
    plain = sloy.Model(problem, problem.network.initialize(0), engine="reference")
    with pytest.raises(InvalidArgument, match="knows no intervals"):
        plain.predict_interval(np.zeros((1, 1)))
    with pytest.raises(InvalidArgument, match="knows no intervals"):
        widen(plain, (np.zeros((9, 1)), np.zeros(9)))
    with pytest.raises(InvalidArgument, match="`share` \\(=1\\)"):
        Intervals(1)
    with pytest.raises(InvalidArgument, match=r"`main` .* must be a loss on numbers"):
        Intervals(0.5, sloy.losses.CategoricalCrossentropy())
    with pytest.raises(InvalidArgument, match="must be \\(3,\\)"):
        Intervals().target(np.zeros(2), (1,))


def test_the_number_is_within_its_interval_and_as_many_targets_as_promised() -> None:
    """A number that was learned by another loss than its ends, far from them: y ~ N(0, 1), ends ±1, a = 3."""
    model, random, held = fixed(0.9), np.random.default_rng(0), []
    model.parameters["dense_1/bias"] = np.array([3, -1, 1], np.float32)
    for _ in range(200):
        y = random.normal(size=99)
        found, _ = widen(model, (np.zeros((99, 1)), y))
        low, high = found.predict_interval(np.zeros((1, 1)))[0].astype(float)
        assert low < high == found.predict(np.zeros((1, 1)))[0, 0] == 3
        held.append(norm.cdf(high) - norm.cdf(low))
    assert np.mean(held) == pytest.approx(0.9, abs=4 * np.sqrt(0.09 / 101 / 200))
    found, widening = widen(model, (np.zeros((99, 1)), np.linspace(0, 3, 99)))
    assert widening.by == -1  # all between the number and the middle
    assert found.predict_interval(np.zeros((1, 1))).tolist() == [[0, 3]]
