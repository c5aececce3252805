"""`Classifier` and `Regressor`: probabilities and intervals by samples that are held out."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse
import scipy.special
import sklearn
import sklearn.metrics
from sklearn.datasets import load_diabetes

from estimator_tasks import X, Y, classifier, regressor
from sloy.errors import InvalidArgument


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("held_out", [{}, {"early_stopping": True}, {"validation_fraction": 0.3}])
def test_probabilities_are_calibrated(classes, held_out):
    """Labels by chance beside what can be learned, and a network that learns them by heart."""
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 8))
    y = np.where(
        random.random(400) < 0.3, random.integers(0, classes, 400), (x[:, 0] > 0).astype(int)
    )
    options = {"epochs": 150, "learning_rate": 0.01, "batch_size": 16, **held_out}
    plain, net = classifier(**options).fit(x, y), classifier(calibrate=True, **options)
    assert not hasattr(plain, "calibration_")
    net.fit(x, y)
    assert net.calibration_.samples == {0.3: 120}.get(held_out.get("validation_fraction"), 40)
    assert np.array_equal(net.predict(x), net.classes_[net.predict_proba(x).argmax(1)])
    if not net.calibration_.kept:
        assert held_out == {"early_stopping": True}
        return
    fresh = random.normal(size=(2000, 8))
    truth = np.where(
        random.random(2000) < 0.3, random.integers(0, classes, 2000), (fresh[:, 0] > 0).astype(int)
    )
    raw = net.model_.activations(fresh, [net._network.layer_names[-1]])
    raw = next(iter(raw.values()))
    scaled = net.decision_function(fresh).reshape(len(fresh), -1)
    assert np.allclose(scaled, raw / net.calibration_.temperature, rtol=1e-5)
    assert sklearn.metrics.log_loss(truth, net.predict_proba(fresh)) < sklearn.metrics.log_loss(
        truth, _softened(raw, 1.0)
    )
    assert net.get_feature_names_out().tolist() == plain.get_feature_names_out().tolist()
    assert net.transform(x).shape == plain.transform(x).shape


def _softened(raw, temperature):
    raw = raw / temperature
    if raw.shape[1] == 1:
        raw = np.concatenate([0 * raw, raw], axis=1)
    return scipy.special.softmax(raw.astype(float), axis=1)


def test_calibration_goes_on_with_warm_start():
    """The temperature is no part of what is trained."""
    options = {"calibrate": True, "validation_fraction": 0.3, "epochs": 4}
    net = classifier(warm_start=True, **options).fit(X, Y).fit(X, Y)
    whole = classifier(**{**options, "epochs": 8}).fit(X, Y)
    assert net._network == whole._network
    for name, value in net.model_.parameters.items():
        assert np.array_equal(value, whole.model_.parameters[name])
    assert pickle.loads(pickle.dumps(net)).calibration_ == net.calibration_


def test_calibration_needs_probabilities():
    with pytest.raises(InvalidArgument, match=r"`calibrate` \(=True\) needs probabilities"):
        classifier(loss="hinge", calibrate=True).fit(X, Y)


@pytest.mark.parametrize("loss", [None, "absolute_error", "huber"])
@pytest.mark.parametrize("unit", [1.0, 1e5])
def test_intervals_hold_what_they_promise(loss, unit):
    """y = x + (0.3 + |x|) e, in units of the target that should not matter."""
    random = np.random.default_rng(0)
    x = random.normal(size=(3000, 2))
    y = unit * (x[:, 0] + (0.3 + abs(x[:, 0])) * random.normal(size=3000) + 7)
    net = regressor(loss=loss, intervals=0.8, validation_fraction=0.25, epochs=80)
    net.fit(x[:1500], y[:1500])
    ends = net.predict_interval(x[1500:])
    held = np.mean((ends[:, 0] <= y[1500:]) & (y[1500:] <= ends[:, 1]))
    assert held == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / 1500 + 0.16 / 375))
    assert net.predict(x).shape == (3000,)
    assert net.score(x[1500:], y[1500:]) > 0.25
    assert net.widening_.samples == 375
    widths = (ends[:, 1] - ends[:, 0]) / unit
    inner, outer = abs(x[1500:, 0]) < 0.3, abs(x[1500:, 0]) > 1.2
    assert widths[outer].mean() > 2 * widths[inner].mean()


def test_what_intervals_refuse():
    data = load_diabetes(return_X_y=True)
    with pytest.raises(InvalidArgument, match="needs one number for each sample"):
        regressor(intervals=0.9).fit(X, X[:, :2])
    with pytest.raises(
        InvalidArgument, match="needs at least 9 samples that are held out, there are 4"
    ):
        regressor(intervals=0.9).fit(X[::4], X[::4, 0])
    with pytest.raises(InvalidArgument, match="needs a fit with `intervals`"):
        regressor(epochs=1).fit(*data).predict_interval(data[0])
