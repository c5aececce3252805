"""Targets far from 0, several of them, counts and quantiles: what `Regressor` learns and answers."""

from __future__ import annotations

import numpy as np
import pytest

import sloy
from sloy.errors import InvalidArgument

N = 160
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(N, 2))
FAR = 1e8 + 100 * X[:, 0] - 50 * X[:, 1]
BOTH = np.stack([FAR, 3 * X[:, 0] + 1], 1)


def regressor(**words: object) -> sloy.Regressor:
    return sloy.Regressor(**{"epochs": 30, "threads": 1, "optimizer": sloy.Adam(0.02), **words})


def test_a_target_far_from_0_is_learned_and_answered_in_float64() -> None:
    net = regressor().fit(X, FAR)
    answers = net.predict(X)
    assert answers.dtype == np.float64
    assert (
        net.score(X, FAR) > 0.95
    )  # in float32, 8 apart, answers would be 1 % of the variance off, and no different
    near = regressor().fit(X, FAR - np.round(FAR.mean())).predict(X)
    np.testing.assert_allclose(answers - np.round(FAR.mean()), near, atol=1e-3)
    assert sloy.Regressor(epochs=1).fit(X, FAR - 1e8).predict(X).dtype == np.float32


def test_training_that_goes_on_keeps_the_origin() -> None:
    net = regressor(warm_start=True, epochs=15).fit(X, FAR)
    origin = net._origin
    assert net.fit(X, FAR + 1).score(X, FAR) > 0.9
    assert (net._origin, len(net.history_)) == (origin, 30)
    net = regressor()
    for _ in range(3):
        net.partial_fit(X, FAR)
    assert abs(net.predict(X) - FAR).max() < 1000


@pytest.mark.parametrize("words", [{}, {"recipe": "fast", "optimizer": "adamw", "epochs": 40}])
def test_several_targets_each_in_its_own_units(words: dict[str, object]) -> None:
    net = regressor(**words).fit(X, BOTH)
    answers = net.predict(X)
    assert answers.shape == (N, 2)
    error = np.square(answers - BOTH).mean(0) / BOTH.var(0)
    assert (error < 0.5).all(), error
    assert net.score(X, BOTH) == pytest.approx(1 - error.mean())


def test_counts_and_quantiles() -> None:
    counts = RANDOM.poisson(np.exp(X[:, 0])).astype(float)
    net = regressor(loss="poisson").fit(X, counts)
    means = net.predict(X)
    assert (means > 0).all()
    assert means.mean() == pytest.approx(counts.mean(), rel=0.2)
    assert np.corrcoef(means, np.exp(X[:, 0]))[0, 1] > 0.8
    with pytest.raises(
        InvalidArgument, match=r"y\[0, 0\] is -1.0; targets must be numbers of at least 0"
    ):
        regressor(loss="poisson").fit(X, np.where(np.arange(N) == 0, -1.0, counts))
    y = X[:, 0] + RANDOM.normal(size=N)
    upper = regressor(loss="quantile=0.9").fit(X, y).predict(X)
    assert 0.75 < np.mean(y < upper) <= 1


def test_recipes_have_the_names_of_the_command_line() -> None:
    fast = sloy.Regressor(recipe="fast", epochs=2, threads=1).fit(X, X[:, 0])
    one = sloy.Regressor(recipe="tabular", members=1, epochs=2, threads=1).fit(X, X[:, 0])
    assert np.array_equal(fast.predict(X), one.predict(X))
    with pytest.raises(InvalidArgument, match="must be one of auto, tabular, fast"):
        sloy.Regressor(recipe="quick").fit(X, X[:, 0])


def test_a_target_far_from_all_others_is_named() -> None:
    y = X[:, 0].copy()
    y[7] = 1e9
    message = r"Regressor: y is 1e\+09 in row 7 \(from 0\), \d+ times as far"
    with pytest.warns(UserWarning, match=message):
        regressor(epochs=1).fit(X, y)
    with pytest.warns(UserWarning, match=message):
        regressor(epochs=1).fit(X, np.stack([X[:, 0], y], 1))
    regressor(epochs=1).fit(X, FAR)  # far from 0, not from each other


@pytest.mark.parametrize("unit", [1e-30, 1e-15, 1e30])
def test_units_do_not_matter(unit: float) -> None:
    """Of samples and of targets alike: nothing counts as constant for being small."""
    y = BOTH[:, 1]
    best = regressor().fit(X, y).score(X, y)
    assert best > 0.9
    assert regressor().fit(X, y * unit).score(X, y * unit) == pytest.approx(best, abs=1e-3)
    assert regressor().fit(X * unit, y).score(X * unit, y) == pytest.approx(best, abs=1e-3)
    one = X * [unit, 1]
    assert regressor().fit(one, y).score(one, y) == pytest.approx(best, abs=1e-3)


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (X[:, 0] * 1e39, r"y has numbers up to \d.\d+e\+39, and float32 holds"),
        (X[:, 0] * 1e-60, r"y has numbers that differ by 5\.\d+e-60, and float32 holds"),
        (np.array(["429.950,92 €"] * N), "y holds words, such as '429.950,92 €'; numbers"),
        (np.array([1.0, None] * (N // 2), object), "y has missing values"),
    ],
)
def test_targets_that_cannot_be_learned(y: np.ndarray, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        regressor().fit(X, y)


@pytest.mark.parametrize("gap", [None, float("nan")])
def test_missing_labels_are_no_class(gap: object) -> None:
    for y in (["a", gap] * (N // 2), np.array(["a", gap] * (N // 2), object)):
        with pytest.raises(InvalidArgument, match="Classifier: y has missing values"):
            sloy.Classifier().fit(X, y)
