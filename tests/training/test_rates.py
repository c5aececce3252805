"""`find_rate`: where it begins, what it goes by, and that nothing else is changed by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sloy
from sloy.errors import InvalidArgument
from sloy.layers import BatchNorm, Dense, ReLU
from sloy.training.rates import FACTOR, _Tried, _why
from training_tasks import blobs, fit, mlp

OPTIONS: dict[str, Any] = {"epochs": 2, "batch_size": 16, "engine": "reference"}


def plain(units: int = 8) -> sloy.Network:
    return sloy.Network((4,), [Dense(units, name="a"), ReLU(), Dense(3, name="b")])


def first_step(rate: float, seed: int, optimizer: str) -> float:
    """By what share a first step of a whole run changes the weights, the mean of both matrices."""
    moved: list[float] = []
    before = plain().initialize(seed)

    class Watch(sloy.Callback):
        def on_batch_end(self, run: Any, batch: Any) -> bool:
            for name in ("a/weight", "b/weight"):
                change = np.asarray(run.weights[name]) - before[name]
                moved.append(float(np.linalg.norm(change) / np.linalg.norm(before[name])))
            return True

    data, _ = blobs().split(0.2, 0)
    fit(
        plain(), data, callbacks=[Watch()], learning_rate=rate, seed=seed, optimizer=optimizer,
        **OPTIONS,
    )  # fmt: skip
    return float(np.median(moved))


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_it_begins_where_a_step_moves_the_weights_by_one_percent(optimizer: str) -> None:
    found = sloy.find_rate(plain(), blobs(), optimizer=optimizer, **OPTIONS)
    steps = [first_step(found.first, seed, optimizer) for seed in range(3)]
    assert np.median(steps) == pytest.approx(0.01, rel=0.3)  # batches of other samples
    place = int(np.argmin(abs(found.rates - found.first)))
    assert found.moved[place] == pytest.approx(0.01, rel=0.03)  # the rate is rounded


def test_the_range_holds_the_best_and_losses_are_those_of_whole_runs() -> None:
    train, held = blobs().split(0.25, 1)
    found = sloy.find_rate(plain(), train, validation=held, **OPTIONS)
    assert found.low <= found.best <= found.high
    assert np.diff(np.log(found.rates)) == pytest.approx(np.log(FACTOR))
    rate = float(found.rates[0])
    _, history = fit(
        plain(), train, validation=held, learning_rate=rate, seed=1, **OPTIONS
    )  # the short run is the whole: the second order has the next seed
    assert found.steps == OPTIONS["epochs"] * -(-len(train) // 16)
    assert found.losses[0, 1] == pytest.approx(history["val_loss"][-1], rel=1e-5)


def test_nothing_else_is_changed() -> None:
    """The caller's arrays, and to the bit the run that follows: state, order, masks."""
    data, parameters = blobs(), mlp().initialize(5)
    kept = {name: value.copy() for name, value in parameters.items()}
    x, y = data.x.copy(), data.y.copy()
    options = {**OPTIONS, "parameters": parameters, "seed": 4}
    one, _ = fit(mlp(), data, **options)
    sloy.find_rate(mlp(), data, **options)
    other, _ = fit(mlp(), data, **options)
    assert all(np.array_equal(parameters[name], kept[name]) for name in kept)
    assert np.array_equal(data.x, x)
    assert np.array_equal(data.y, y)
    for name in one.parameters:
        assert one.parameters[name].tobytes() == other.parameters[name].tobytes()


def test_auto_is_the_rate_that_is_found() -> None:
    rate = sloy.find_rate(plain(), blobs(), **OPTIONS).best
    one, history = fit(plain(), blobs(), learning_rate="auto", **OPTIONS)
    other, _ = fit(plain(), blobs(), learning_rate=rate, **OPTIONS)
    assert history["learning_rate"][0] == pytest.approx(rate)
    for name in one.parameters:
        assert one.parameters[name].tobytes() == other.parameters[name].tobytes()


def test_it_is_found_for_a_schedule_by_its_name_alone() -> None:
    found = sloy.find_rate(plain(), blobs(), schedule="one-cycle", **OPTIONS)
    constant = sloy.find_rate(plain(), blobs(), **OPTIONS)
    assert found.first == pytest.approx(4 * constant.first, rel=0.05)
    with pytest.raises(InvalidArgument, match="schedule has rates of its own"):
        sloy.find_rate(plain(), blobs(), optimizer=sloy.Adam(sloy.schedules.Cosine(0.1)), **OPTIONS)
    with pytest.raises(InvalidArgument, match="a finite number greater than 0, or 'auto'"):
        fit(plain(), blobs(), learning_rate="fast", **OPTIONS)


def test_without_weights_that_move_there_is_no_rate() -> None:
    network = sloy.Network(
        (4,), [BatchNorm(), Dense(3, weight_initializer=sloy.initializers.Zeros())]
    )
    with pytest.raises(InvalidArgument, match="changes no weight matrix"):
        sloy.find_rate(network, blobs(), **OPTIONS)


def tried(means: dict[int, float], noise: float) -> _Tried:
    """Losses of 50 samples in three orders, with noise of their own at every rate."""

    def measure(at: int) -> list[np.ndarray]:
        drawn = np.random.default_rng(at + 100)
        return [means.get(at, np.inf) + drawn.normal(0, noise, 50) for _ in range(3)]

    return _Tried(measure)


def test_only_sure_gains_move_it() -> None:
    slope = {at: 1 - 0.1 * at for at in range(-3, 4)} | {4: 0.9}
    assert tried(slope, 0.01).climb() == 3
    assert tried(slope, 10.0).climb() == 0  # nothing is sure
    assert tried({-3: 0.5, -2: 0.7}, 0.01).climb() == -3  # it diverges from −1 on
    flat = tried({-2: 0.9, -1: 0.5, 0: 0.5, 1: 0.5, 2: 0.5, 3: 0.9}, 0.001)
    gain, error = flat.gain(-2, 0)
    assert gain == pytest.approx(0.4, abs=3 * error)
    assert flat.end(0, -1, -8) == -1
    assert flat.end(0, 1, 1) == 1


def test_what_is_lower_but_not_surely_is_said() -> None:
    unsure = tried({-1: 0.9, 0: 0.5, 1: 0.3}, 5.0)
    best = unsure.climb()
    lowest = min(unsure.found, key=unsure.mean)
    said = _why(unsure, best, 60, first=0.1, moved=0.04)
    assert "changes the weights by 4 %" in said
    assert best == 0
    gain, error = unsure.gain(best, lowest)
    assert (f"lower by {gain:.2g} ± {error:.2g}, which is not sure" in said) == (lowest != best)
