"""Rows that members held out: who answers which, and what is made of their answers."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import scipy.special

import sloy
from sloy.errors import InvalidArgument
from sloy.layers import MeanOfMembers
from sloy.training.calibration import calibrate
from sloy.training.held_out import HeldOut, held_out_by_members
from sloy.training.members import holders
from sloy.training.threshold import choose_threshold

SHARE, SEED = 0.2, 3


@pytest.fixture(scope="module")
def ensemble() -> tuple[sloy.Model, sloy.Dataset]:
    random = np.random.default_rng(0)
    x = random.normal(size=(240, 3)).astype(np.float32)
    y = (x[:, 0] + random.logistic(size=240) > 1).astype(np.int32)
    table = sloy.Tabular(sloy.Dataset(x, y), members=3, seed=SEED)
    model, _ = sloy.fit_members(
        table.network,
        table.data,
        parameters=table.start(),
        validation=SHARE,
        epochs=6,
        seed=SEED,
        preprocessing="none",
        engine="reference",
        verbose=False,
    )
    return model, table.data


def test_each_row_is_answered_by_who_held_it_out(
    ensemble: tuple[sloy.Model, sloy.Dataset],
) -> None:
    """The answers of each member stand behind the layers before the mean."""
    model, data = ensemble
    found = held_out_by_members(model, data, SHARE, SEED)
    holder = holders(data, 3, SHARE, SEED)
    place = [isinstance(layer, MeanOfMembers) for layer in model.network.layers].index(True)
    name = model.network.layer_names[place - 1]
    each = model.activations(data.x, [name])[name]
    rows = [row for row in range(len(data)) if holder[row] >= 0]
    assert len(rows) == 3 * 48
    assert np.array_equal(found.data.y, data.y[rows])
    for own, row in zip(found.output, rows, strict=True):
        assert own == pytest.approx(each[row, holder[row]], rel=1e-5, abs=1e-5)


def best_temperature(held: HeldOut) -> float:
    """By SciPy's search."""
    found = scipy.optimize.minimize_scalar(
        lambda b: losses(held, np.exp(b)).mean(),
        bounds=(-3, 3),
        method="bounded",
        options={"xatol": 1e-9},
    )
    return float(np.exp(found.x))


def losses(held: HeldOut, t: float) -> np.ndarray:
    log = scipy.special.log_softmax(held.output / t, axis=1)
    return np.asarray(-log[np.arange(len(log)), held.data.y])


@pytest.mark.parametrize("t", [6.0, 1.05])
def test_the_mean_gets_the_root_where_the_gain_is_sure(
    ensemble: tuple[sloy.Model, sloy.Dataset], t: float
) -> None:
    """Answers of members that are too sure by a factor."""
    model, data = ensemble
    held = held_out_by_members(model, data, SHARE, SEED)
    held = held.divided(best_temperature(held) / t)
    assert best_temperature(held) == pytest.approx(t, rel=1e-4)
    gained = losses(held, 1.0) - losses(held, t)
    sure = gained.mean() > 2 * gained.std(ddof=1) / np.sqrt(len(gained))
    assert sure == (t == 6)
    again, found = calibrate(model, held)
    assert found.of_member == pytest.approx(t, rel=1e-4)
    assert found.temperature == pytest.approx(t**0.5, rel=1e-4)
    assert found.kept == sure
    expected = model(data.x) / (t**0.5 if sure else 1)
    assert again(data.x) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_a_threshold_by_members(ensemble: tuple[sloy.Model, sloy.Dataset]) -> None:
    """None of all cuts gives a greater F1 of the answers of those who held the rows out."""
    model, data = ensemble
    held = held_out_by_members(model, data, SHARE, SEED)
    p = scipy.special.softmax(held.output, axis=1)[:, 1]
    yes = held.data.y == 1

    def f1(cut: float) -> float:
        return float(2 * ((p > cut) & yes).sum() / ((p > cut).sum() + yes.sum()))

    again, found = choose_threshold(model, held, "f1")
    assert again.threshold == found.value
    assert f1(found.value) == pytest.approx(max(map(f1, [0, *p])))


def test_a_single_network_has_no_members() -> None:
    data = sloy.Dataset(np.zeros((8, 2), np.float32), np.arange(8) % 2)
    model, _ = sloy.fit(
        sloy.Network((2,), [sloy.layers.Dense(2)]),
        data,
        epochs=1,
        engine="reference",
        verbose=False,
    )
    with pytest.raises(InvalidArgument, match="has no members"):
        held_out_by_members(model, data, 0.2, 0)
