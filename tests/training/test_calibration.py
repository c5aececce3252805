"""One temperature: against SciPy's minimum, on probabilities whose truth is known, inside the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax

import sloy
from sloy.errors import InvalidArgument
from sloy.layers import Dense
from sloy.losses import BinaryCrossentropy, CategoricalCrossentropy, Hinge, Loss
from sloy.metrics.figures import calibration_error, reliability
from sloy.training.calibration import calibrate, log_losses, temperature_of, uncalibrated
from sloy.training.threshold import with_threshold

RNG = np.random.default_rng(3)


def linear(weight: np.ndarray, loss: Loss | None = None) -> sloy.Model:
    """A model whose raw outputs are x @ weight."""
    outputs = weight.shape[1]
    loss = loss or CategoricalCrossentropy()
    target = ((), "int32") if loss.task((outputs,)) == "classification" else ((outputs,), "float32")
    problem = sloy.Problem(
        sloy.Network((len(weight),), [Dense(outputs)]),
        loss,
        metrics=sloy.metrics.default_metrics(loss, (outputs,)),
        target_shape=target[0],
        target_dtype=target[1],
    )
    parameters = {
        "dense_1/weight": weight.astype(np.float32),
        "dense_1/bias": np.zeros(outputs, np.float32),
    }
    return sloy.Model(problem, parameters, engine="reference")


def drawn(z: np.ndarray, seed: int = 0) -> np.ndarray:
    """Labels with the probabilities softmax(z)."""
    random = np.random.default_rng(seed)
    return np.array([random.choice(z.shape[1], p=row) for row in softmax(z, axis=1)])


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 4.0])
def test_the_temperature_is_that_of_scipy_s_minimum(sharpness: float) -> None:
    true = RNG.normal(size=(600, 4)) * 1.5
    labels = drawn(true)
    z, t = true * sharpness, np.eye(4)[labels]

    def log_loss(b: float) -> float:
        return float(-log_softmax(b * z, axis=1)[np.arange(600), labels].mean())

    least = minimize_scalar(log_loss, bounds=(1e-3, 30), method="bounded", options={"xatol": 1e-10})
    assert temperature_of(z, t, "softmax") == pytest.approx(1 / least.x, rel=1e-5)
    assert temperature_of(z, t, "softmax") == pytest.approx(sharpness, rel=0.2)
    assert log_losses(z, t, "softmax").mean() == pytest.approx(log_loss(1.0))


def test_the_temperature_of_yes_or_no_outputs() -> None:
    true = RNG.normal(size=(2000, 2)) * 2
    yes = (RNG.random((2000, 2)) < expit(true)).astype(float)
    z = 3 * true

    def log_loss(b: float) -> float:
        p = expit(b * z)
        return float(-(yes * np.log(p) + (1 - yes) * np.log1p(-p)).mean())

    least = minimize_scalar(log_loss, bounds=(1e-3, 2), method="bounded", options={"xatol": 1e-10})
    assert temperature_of(z, yes, "sigmoid") == pytest.approx(1 / least.x, rel=1e-5)
    assert log_losses(z, yes, "sigmoid").mean() == pytest.approx(log_loss(1.0))


def test_what_has_no_least_log_loss_stays_within_the_range() -> None:
    """All right: T falls without end; no better than chance reversed: no T above 0 is best."""
    z, t = np.array([[2.0, 0.0], [0.0, 1.0]]), np.eye(2)
    assert temperature_of(z, t, "softmax") == pytest.approx(0.05)
    assert temperature_of(z, 1 - t, "softmax") == pytest.approx(20)


def test_a_model_that_is_too_sure() -> None:
    x = RNG.normal(size=(3000, 3))
    labels = drawn(1.5 * x)
    model = linear(np.eye(3) * 6)
    found, calibration = calibrate(model, (x, labels))
    assert calibration.kept
    assert calibration.temperature == pytest.approx(4, rel=0.1)
    assert calibration.samples == 3000
    z = model(x)
    assert np.allclose(found(x), z / calibration.temperature, rtol=1e-6)
    assert np.allclose(
        found.predict_proba(x), softmax(z / calibration.temperature, axis=1), atol=1e-6
    )
    assert np.array_equal(found.predict(x), model.predict(x))
    assert found.evaluate((x, labels))["loss"] == pytest.approx(calibration.after, rel=1e-5)
    assert model.evaluate((x, labels))["loss"] == pytest.approx(calibration.before, rel=1e-5)
    assert found.network.layer_names[-1] == "temperature"
    before = calibration_error(
        labels, uncalibrated(found.predict_proba(x), calibration.temperature)
    )
    assert before == pytest.approx(calibration_error(labels, model.predict_proba(x)), abs=1e-4)
    assert calibration_error(labels, found.predict_proba(x)) < before / 3


def test_a_model_that_is_right_stays_as_it_is() -> None:
    """By more than its error the log-loss falls in about 1 of 20 such samples only."""
    kept = 0
    for seed in range(60):
        x = np.random.default_rng(seed).normal(size=(300, 3))
        model = linear(np.eye(3) * 1.5)
        found, calibration = calibrate(model, (x, drawn(1.5 * x, seed)))
        assert (found is model) == (not calibration.kept)
        kept += calibration.kept
    assert kept <= 9  # of 60 with a chance of 1 in 20 each: more than 9 in 1 of 1000


def test_the_file_and_the_exports_have_the_temperature(tmp_path: Path) -> None:
    x = RNG.normal(size=(500, 3)).astype(np.float32)
    found, _ = calibrate(linear(np.eye(3) * 6), (x, drawn(1.5 * x)))
    found.save(tmp_path / "m.sloy")
    again = sloy.load(tmp_path / "m.sloy", engine="reference")
    assert np.array_equal(again.predict_proba(x), found.predict_proba(x))
    runtime = pytest.importorskip("onnxruntime")
    found.export(tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(None, {session.get_inputs()[0].name: x}), strict=True))
    assert np.allclose(outputs["probabilities"], found.predict_proba(x), atol=1e-6)


def test_a_loss_without_probabilities_is_refused() -> None:
    x = np.eye(3)
    with pytest.raises(InvalidArgument, match="has no probabilities"):
        calibrate(linear(np.eye(3), Hinge()), (x, [0, 1, 2]))
    one = linear(np.ones((3, 1)), BinaryCrossentropy())
    assert calibrate(one, (x, [0, 1, 1]))[1].samples == 3


@pytest.mark.parametrize("classes", [2, 5])
def test_the_calibration_error_bin_by_bin(classes: int) -> None:
    p = RNG.dirichlet(np.ones(classes), 500)
    y = drawn(RNG.normal(size=(500, classes)))
    given = p[:, 1] if classes == 2 else p.max(1)
    right = y == 1 if classes == 2 else p.argmax(1) == y
    expected = 0.0
    for b in range(15):
        inside = (given >= b / 15) & (given < (b + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - given[inside].mean())
    assert calibration_error(y, p) == pytest.approx(expected)
    assert reliability(y, p).samples.sum() == 500


def test_certainty_is_in_the_last_bin_and_nothing_has_no_error() -> None:
    p = np.array([[0.0, 1.0], [1.0, 0.0]])
    found = reliability(np.array([1, 0]), p)
    assert found.samples[[0, -1]].tolist() == [1, 1]
    assert calibration_error(np.array([1, 0]), p) == 0.0
    assert np.isnan(calibration_error(np.zeros(0, int), np.zeros((0, 2))))


def test_a_model_is_calibrated_twice_and_tuned_further() -> None:
    """A second temperature multiplies the first; layers before the head run once, with a threshold too."""
    x = RNG.normal(size=(300, 2))
    labels = drawn(1.5 * x)
    once, first = calibrate(linear(np.eye(2) * 6), (x, labels))
    flat = np.random.default_rng(0).permutation(labels)  # such as have nothing to do with x
    twice, second = calibrate(once, (x, flat))
    assert first.kept
    assert second.kept
    assert np.allclose(twice(x) * first.temperature * second.temperature, 6 * x, rtol=1e-4)
    layers = [Dense(4), sloy.layers.ReLU(), Dense(2)]
    options = {"engine": "reference", "verbose": False, "epochs": 2}
    model, _ = sloy.fit(sloy.Network((2,), layers), (x, labels), **options)
    model = with_threshold(model, 0.3)
    tuned, _ = sloy.fine_tune(model, (x, labels), freeze="head", **options)
    assert tuned.threshold is None
