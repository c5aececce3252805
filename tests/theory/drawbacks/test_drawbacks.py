"""The experiments of L11 and L12: their numbers against others that are computed here, by formulas and plain loops."""

from __future__ import annotations

from functools import cache
from math import inf, sqrt

import numpy as np
import pytest
from matplotlib.figure import Figure

import sloy
from legible import assert_legible, texts
from sloy.errors import InvalidArgument
from sloy.language import speak
from sloy.layers import Dense, Dropout, ReLU, Sigmoid, Tanh
from sloy.theory import (
    REMEDIES,
    Estimate,
    drawbacks_figure,
    half_squared_error,
    local_minima,
    overfitting,
    paralysis,
    slow_convergence,
)

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
XOR = np.array([0, 1, 1, 0])

minima = cache(lambda: local_minima((2, 8), seeds=12, epochs=400))
slow = cache(lambda: slow_convergence((0.03, 0.3, 1.0), epochs=200, seeds=2))
scales = cache(lambda: paralysis((1, 100), epochs=5, seeds=2))
remedies = cache(lambda: overfitting(epochs=3, seeds=2))


def test_an_estimate_is_a_mean_with_its_standard_error() -> None:
    values = [1.0, 2.0, 4.0, 7.0]
    deviation = sqrt(sum((value - 3.5) ** 2 for value in values) / 3)
    found = Estimate.of(values)
    assert found.mean == 3.5
    assert found.error == pytest.approx(deviation / 2)
    assert np.isnan(Estimate.of([2.5]).error)


@pytest.mark.parametrize(
    ("estimate", "shown"),
    [
        ((0.0151, 0.0014), "0.0151 ± 0.0014"),
        ((1115.3, 47.2), "1115 ± 47"),
        ((0.18, 0.03), "0.18 ± 0.03"),
        ((60.0, 0.0), "60"),
        ((0.5, np.nan), "0.5"),
    ],
)
def test_an_estimate_shows_the_digits_that_count(estimate: tuple[float, float], shown: str) -> None:
    assert str(Estimate(*estimate)) == shown


def forward(parameters: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Dense, tanh, dense, sigmoid in float64."""
    own = {name: value.astype(np.float64) for name, value in parameters.items()}
    u = np.tanh(x @ own["dense_1/weight"] + own["dense_1/bias"])
    return 1 / (1 + np.exp(-(u @ own["dense_2/weight"] + own["dense_2/bias"])))


@pytest.mark.parametrize("row", [0, 1])
def test_the_solved_starts_of_xor_are_those_that_answer_right(row: int) -> None:
    found = minima().rows[row]
    right = []
    for start in range(12):
        answers = forward({n: w[start] for n, w in found.parameters.items()}, X)[:, 0]
        np.testing.assert_allclose(found.answers[start], answers, atol=1e-5)
        np.testing.assert_allclose(found.model(start)(X)[:, 0], answers, atol=1e-5)
        right.append([int(a > 0.5) for a in answers] == [0, 1, 1, 0])
    assert found.solved == sum(right)
    assert found.is_solved.tolist() == right
    share = sum(right) / 12
    assert found.error == pytest.approx(sqrt(12 * share * (1 - share)))
    losses = 0.5 * ((found.answers - XOR) ** 2).mean(axis=1)
    np.testing.assert_allclose(found.losses, losses, rtol=1e-5)


def test_some_starts_of_two_neurons_are_stuck_and_none_of_eight() -> None:
    two, eight = minima().rows
    assert 6 <= two.solved < 12
    assert eight.solved == 12
    assert (eight.error, two.gradient_norms[~two.is_solved].max() < 0.01) == (0, True)


@pytest.mark.parametrize("start", [0, 5])
def test_a_start_goes_as_it_would_alone(start: int) -> None:
    """The blocks of one network are the networks of `sloy.fit` with the seeds 0, 1, …."""
    model, _ = sloy.fit(
        sloy.Network((2,), [Dense(2), Tanh(), Dense(1), Sigmoid()]),
        (X, XOR[:, None].astype(np.float32)),
        loss=half_squared_error,
        preprocessing=None,
        optimizer=sloy.SGD(3.0),
        epochs=400,
        batch_size=4,
        seed=start,
        verbose=False,
    )
    np.testing.assert_allclose(minima().rows[0].answers[start], model(X)[:, 0], atol=2e-3)


def test_the_gradient_norm_of_a_start_by_differences() -> None:
    found = minima().rows[0]
    own = {name: w[3].astype(np.float64) for name, w in found.parameters.items()}
    squares = 0.0
    for name, weights in own.items():
        for place in np.ndindex(weights.shape):
            around = []
            for step in (1e-5, -1e-5):
                moved = weights.copy()
                moved[place] += step
                answers = forward({**own, name: moved}, X)[:, 0]
                around.append(0.5 * np.mean((answers - XOR) ** 2))
            squares += ((around[0] - around[1]) / 2e-5) ** 2
    assert found.gradient_norms[3] == pytest.approx(sqrt(squares), rel=1e-4)


def test_epochs_to_a_loss_by_a_loop_of_ones_own() -> None:
    _, fitting, large = slow().rows
    x = np.linspace(-1, 1, 40)[:, None]
    y = np.sin(3 * x)
    for seed in (0, 1):
        w = sloy.Network((1,), [Dense(16), Tanh(), Dense(1)]).initialize(seed, "float64")
        epoch = 0
        while True:
            u = np.tanh(x @ w["dense_1/weight"] + w["dense_1/bias"])
            error = u @ w["dense_2/weight"] + w["dense_2/bias"] - y
            if np.mean(error**2) <= 0.05:
                break
            g = 2 * error / 40
            back = g @ w["dense_2/weight"].T * (1 - u**2)
            steps = {"dense_2/weight": u.T @ g, "dense_2/bias": g.sum(0),
                     "dense_1/weight": x.T @ back, "dense_1/bias": back.sum(0)}  # fmt: skip
            w = {name: value - 0.3 * steps[name] for name, value in w.items()}
            epoch += 1
        assert abs(fitting.epochs[seed] - epoch) <= 1
    assert large.diverged == 2
    assert large.epochs == (inf, inf)


def test_step_sizes_are_told_apart_in_words() -> None:
    small, fitting, large = slow().rows
    assert (str(small), str(large)) == ("not reached", "diverges")
    assert small.reached is None
    assert fitting.reached == Estimate.of(fitting.epochs)
    assert "1         diverges" in str(slow())


def test_slopes_and_gradients_by_scale_by_hand() -> None:
    slopes: dict[int, list[float]] = {1: [], 100: []}
    norms: dict[int, list[float]] = {1: [], 100: []}
    for seed in (0, 1):
        x = np.random.default_rng(seed).uniform(-1, 1, (200, 2))
        y = (x[:, :1] * x[:, 1:] > 0).astype(float)
        layers = [Dense(16), Tanh(), Dense(16), Tanh(), Dense(1), Sigmoid()]
        drawn = sloy.Network((2,), layers).initialize(seed, "float64")
        for scale in (1, 100):
            w = {name.replace("dense_", ""): scale * value for name, value in drawn.items()}
            u = np.tanh(x @ w["1/weight"] + w["1/bias"])
            v = np.tanh(u @ w["2/weight"] + w["2/bias"])
            a = 1 / (1 + np.exp(-(v @ w["3/weight"] + w["3/bias"])))
            slopes[scale].append(np.mean([1 - u**2, 1 - v**2]))
            g = 2 * (a - y) / 200 * a * (1 - a)
            second = g @ w["3/weight"].T * (1 - v**2)
            first = second @ w["2/weight"].T * (1 - u**2)
            pairs = ((v, g), (u, second), (x, first))
            squares = [np.sum((i.T @ e) ** 2) + np.sum(e.sum(0) ** 2) for i, e in pairs]
            norms[scale].append(sqrt(sum(squares)))
    for row in scales().rows:
        for found, values in ((row.slope, slopes), (row.gradient_norm, norms)):
            mean, error = np.mean(values[row.scale]), abs(np.subtract(*values[row.scale])) / 2
            assert found.mean == pytest.approx(mean, rel=1e-6)
            assert found.error == pytest.approx(error, rel=1e-4)
    usual, large = scales().rows
    assert large.loss.mean > usual.loss.mean


def objects(seed: int, part: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng([seed, part]).normal(size=(count, 11))
    noisy = numbers[:, 0] + numbers[:, 1] * numbers[:, 2] + 0.7 * numbers[:, 10]
    return numbers[:, :10], (noisy > 0).astype(int)


def test_losses_of_a_remedy_by_the_formula() -> None:
    row = next(row for row in remedies().rows if row.name == "dropout")
    kept = []
    for seed in (0, 1):
        layers = [Dense(32), ReLU(), Dropout(0.5), Dense(32), ReLU(), Dropout(0.5), Dense(2)]
        few, unseen = objects(seed, 0, 100), objects(seed, 2, 2000)
        model, _ = sloy.fit(
            sloy.Network((10,), layers), few, optimizer=sloy.Adam(0.01), epochs=3, batch_size=20,
            seed=seed, threads=1, verbose=False,
        )  # fmt: skip
        found = []
        for x, y in (few, unseen):
            probability = model.predict_proba(x)[np.arange(len(y)), y].astype(np.float64)
            found += [-np.log(probability).mean(), (probability > 0.5).mean()]
        kept.append(found)
    train, _, loss, accuracy = np.mean(kept, axis=0)
    assert row.train_loss.mean == pytest.approx(train, rel=1e-4)
    assert row.loss.mean == pytest.approx(loss, rel=1e-4)
    assert row.accuracy.mean == pytest.approx(accuracy, abs=2e-3)
    assert row.loss.error == pytest.approx(abs(kept[0][2] - kept[1][2]) / 2, rel=1e-2)


def test_every_remedy_is_measured() -> None:
    found = remedies()
    assert [row.name for row in found.rows] == list(REMEDIES)
    assert {row.name: row.epochs.mean for row in found.rows}["more data"] == 1  # as many steps
    assert len(str(found).splitlines()) == 2 + len(REMEDIES)
    assert "<pre" in found._repr_html_()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_figures_are_legible_and_say_what_they_show(language: str) -> None:
    history = sloy.History([{"epoch": e, "loss": 1 / e, "val_loss": 0.5} for e in range(1, 60)])
    with speak(language):
        for found in ((slow(), minima(), scales(), history), (remedies(),), (slow(), scales())):
            assert_legible(drawbacks_figure(*found))
        said = texts(drawbacks_figure(slow(), remedies()))
        assert ("diverges" in said, "расходится" in said) == (language == "en", language == "ru")
        assert ("early stopping" in said) == (language == "en")
        for found in (slow(), minima(), scales(), remedies()):
            assert (str(found)[0] > "А") == (language == "ru")


def test_a_panel_draws_the_numbers() -> None:
    figure: Figure = drawbacks_figure(minima())
    (axes,) = figure.axes
    assert [bar.get_height() for bar in axes.patches] == [row.solved for row in minima().rows]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: slow_convergence((0.0,)), "`learning_rates` \\(=0.0\\)"),
        (lambda: slow_convergence(()), "`learning_rates` is empty"),
        (lambda: local_minima((0,)), "`hidden` \\(=0\\)"),
        (lambda: local_minima(()), "`hidden` is empty"),
        (lambda: paralysis(()), "`scales` is empty"),
        (lambda: paralysis((1,), seeds=0), "`seeds` \\(=0\\)"),
        (lambda: overfitting(["prayer"]), "`remedies` \\(='prayer'\\) must be one of none, L2"),
        (lambda: overfitting([]), "`remedies` is empty"),
        (lambda: drawbacks_figure(), "`found`"),
        (lambda: drawbacks_figure(3), "must hold one or more of SlowConvergence"),  # type: ignore[arg-type]
        (lambda: minima().rows[0].model(12), "`start` \\(=12\\)"),
    ],
)
def test_what_makes_no_sense_is_refused(call: object, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        call()  # type: ignore[operator]
