"""Linear models solved, beside scikit-learn's solutions and its leaving out of rows one by one."""

from __future__ import annotations

import numpy as np
import pytest

import sloy
from sloy.data import Dataset
from sloy.layers import Categories, Rescale
from sloy.losses import SquaredError
from sloy.problem import Problem
from sloy.training import ridge, wide

sklearn = pytest.importorskip("sklearn")
from sklearn.linear_model import Ridge  # noqa: E402
from sklearn.model_selection import LeaveOneOut, cross_val_predict  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 120))
Y = np.stack([X[:, :3].sum(1) + RNG.normal(size=30), X[:, 5] - 2], 1)


@pytest.mark.parametrize("alpha", [0.01, 1.0, 50.0, 1e4])
def test_solutions_and_answers_to_rows_left_out(alpha):
    paths = ridge._Paths(X, Y, None)
    weight, bias = paths.solution(alpha)
    theirs = Ridge(alpha=alpha).fit(X, Y)
    np.testing.assert_allclose(weight, theirs.coef_.T, atol=1e-10)
    np.testing.assert_allclose(bias, theirs.intercept_, atol=1e-10)
    left_out = cross_val_predict(Ridge(alpha=alpha), X, Y, cv=LeaveOneOut())
    np.testing.assert_allclose(paths.left_out(alpha), left_out, atol=1e-9)


def test_weights_are_those_of_scikit_learn():
    weights = RNG.random(30) * 3
    paths = ridge._Paths(X, Y, weights)
    weight, bias = paths.solution(7 * 30 / weights.sum())  # they are scaled to a mean of 1
    theirs = Ridge(alpha=7).fit(X, Y, sample_weight=weights)
    np.testing.assert_allclose(weight, theirs.coef_.T, atol=1e-10)
    np.testing.assert_allclose(bias, theirs.intercept_, atol=1e-10)


def test_the_constant_answer_where_nothing_is_better():
    found = [
        ridge.fit_numbers(RNG.normal(size=(40, 200)), RNG.normal(size=(40, 1))) for _ in range(20)
    ]
    still = [linear for linear in found if not linear.weight.any()]
    assert len(still) > 2
    assert all(linear.gain == 0 and linear.strength == np.inf for linear in still)
    labels = np.arange(40) % 2
    chosen = [ridge.fit_classes(RNG.normal(size=(40, 200)), labels, 2) for _ in range(10)]
    assert min(linear.gain for linear in chosen) == 0


def test_it_is_a_minimum_of_the_networks_own_loss():
    y = 1e4 * Y + 3e5
    mean, deviation = y.mean(0), y.std(0)
    ends = [Rescale(tuple(deviation), tuple(mean))]
    data = Dataset(X.astype(np.float32), y)
    found = wide.linear_start(data, 2, ends=ends)
    loss = SquaredError(unit=tuple(deviation))
    _, history = sloy.fit(
        found.network, data, loss=loss, parameters=found.parameters, batch_size=30, verbose=False,
        preprocessing="none", **wide.STILL,
    )  # fmt: skip
    assert history["gradient_norm"][0] < 1e-5
    assert "in place of a network" in found.note


def test_codes_are_spread_as_the_layer_does():
    x = np.array([[0.5, 2, 0], [1.5, -1, 1]], np.float32)
    network = sloy.Network((3,), [Categories((3, 2), (0, 0))])
    squared = SquaredError()
    problem = Problem(network, squared, target_shape=(6,), target_dtype="float32")
    assert np.array_equal(wide.spread(x, (3, 2)), sloy.Model(problem, {})(x))
