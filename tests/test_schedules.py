"""Schedules: every rate against its formula, one step at a time; `test_golden.py` compares with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, floor, log2, pi

import numpy as np
import pytest

from sloy import schedules
from sloy.errors import InvalidArgument
from sloy.schedules import (
    Constant,
    Cosine,
    CosLog,
    Exponential,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    WarmUp,
)
from tolerances import SAME_FORMULA, assert_close

TOTAL = 100


def half_cosine(start: float, end: float, part: float) -> float:
    return start + (end - start) * (1 - cos(pi * part)) / 2


def one_cycle(t: int) -> float:
    if t <= 29:
        return half_cosine(0.02, 0.5, t / 29)
    return half_cosine(0.5, 2e-6, (t - 29) / 70)


CASES: dict[str, tuple[Schedule, Callable[[int], float]]] = {
    "constant": (Constant(0.3), lambda t: 0.3),
    "step": (StepDecay(0.5, 30), lambda t: 0.5 * 0.1 ** floor(t / 30)),
    "exponential": (Exponential(0.5, 0.5, 10), lambda t: 0.5 * 2 ** (-t / 10)),
    "cosine": (Cosine(0.5, 0.1), lambda t: half_cosine(0.5, 0.1, t / 100)),
    "cosine_short": (Cosine(0.5, 0.1, 40), lambda t: half_cosine(0.5, 0.1, min(t / 40, 1))),
    "cos_log": (CosLog(0.5), lambda t: 0.25 * (1 - cos(2 * pi * log2(1 + 15 * (t + 0.5) / 100)))),
    "one_cycle": (OneCycle(0.5), one_cycle),
    "warm_up": (WarmUp(0.3, 10, 0.0), lambda t: 0.3 * min(t / 10, 1)),
    "warm_up_cosine": (
        WarmUp(Cosine(0.5), 10),
        lambda t: half_cosine(0.5, 0, t / 100) * (1 / 3 + 2 / 3 * min(t / 10, 1)),
    ),
    "plateau": (ReduceOnPlateau(0.3), lambda t: 0.3),  # no epoch has ended
}


def test_every_schedule_has_a_case() -> None:
    kinds = {type(schedule) for schedule, _ in CASES.values()}
    assert kinds == set(Schedule.__subclasses__())


@pytest.mark.parametrize("name", CASES)
def test_rates(name: str) -> None:
    schedule, formula = CASES[name]
    actual = schedule.rates(0, TOTAL, TOTAL)
    expected = np.array([float(formula(t)) for t in range(TOTAL)])
    assert_close(actual, expected, SAME_FORMULA, scale=np.maximum(expected, 0.01))


@pytest.mark.parametrize("name", CASES)
def test_rates_do_not_depend_on_how_they_are_asked_for(name: str) -> None:
    """A resumed run asks from its own first step on, and gets the very same bits."""
    schedule, _ = CASES[name]
    whole = schedule.rates(0, TOTAL, TOTAL)
    for first, count in ((0, 0), (37, 1), (37, 63), (99, 1)):
        np.testing.assert_array_equal(
            schedule.rates(first, count, TOTAL), whole[first : first + count]
        )


@pytest.mark.parametrize("total", [1, 2, 3, 4])
def test_short_runs(total: int) -> None:
    for schedule in (OneCycle(0.5), Cosine(0.5), WarmUp(OneCycle(0.5), 10)):
        rates = schedule.rates(0, total, total)
        assert np.isfinite(rates).all(), schedule
        assert (rates >= 0).all(), schedule
        assert rates.max() <= 0.5, schedule


def test_one_cycle_reaches_its_ends() -> None:
    rates = OneCycle(1.0).rates(0, 1000, 1000)
    assert rates[0] == pytest.approx(1 / 25)
    assert rates.argmax() == 299
    assert rates[299] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(1 / 25 / 1e4)


def test_reduce_on_plateau() -> None:
    """Patience 1: the second bad epoch in a row changes the rate of the next."""
    schedule = ReduceOnPlateau(1.0, 0.5, 1, threshold=0.0)
    figures = [3.0, 2.0, 2.0, 2.0, 1.0, 1.5, float("nan"), 0.5]
    expected = [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert [schedule.rate_after(figures[:n]) for n in range(9)] == expected
    assert schedule.rates(70, 3, 100, figures[:7]).tolist() == [0.25] * 3


def test_reduce_on_plateau_holds_its_minimum_and_cools_down() -> None:
    schedule = ReduceOnPlateau(1.0, 0.1, 0, cooldown=2, minimum=0.05)
    assert [schedule.rate_after([1.0] * n) for n in range(7)] == [1, 1, 0.1, 0.1, 0.1, 0.05, 0.05]


def test_reduce_on_plateau_upwards() -> None:
    schedule = ReduceOnPlateau(1.0, 0.5, 0, mode="max", threshold=0.01)
    assert schedule.rate_after([0.5, 0.6, 0.7]) == 1.0
    assert schedule.rate_after([0.5, 0.504]) == 0.5


def test_what_is_watched() -> None:
    assert Cosine(0.1).watched is None
    assert ReduceOnPlateau(0.1, monitor="accuracy", mode="max").watched == "accuracy"
    assert WarmUp(ReduceOnPlateau(0.1), 5).watched == "loss"
    rates = WarmUp(ReduceOnPlateau(1.0, 0.5, 0), 2, 0.5).rates(0, 3, 9, [1.0, 1.0])
    assert rates.tolist() == [0.25, 0.375, 0.5]


def test_a_number_is_a_schedule() -> None:
    assert schedules.schedule(0.1) == Constant(0.1)
    assert schedules.schedule(np.float32(0.5)) == Constant(0.5)
    for wrong in ("0.1", None, True):
        with pytest.raises(InvalidArgument, match="learning_rate"):
            schedules.schedule(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Constant(-1.0), "learning_rate"),
        (lambda: Constant(float("inf")), "learning_rate"),
        (lambda: StepDecay(0.1, 0), "every"),
        (lambda: StepDecay(0.1, 2, -0.1), "factor"),
        (lambda: Exponential(0.1, 0.9, 0), "every"),
        (lambda: Cosine(0.1, -0.1), "final"),
        (lambda: Cosine(0.1, steps=0), "steps"),
        (lambda: OneCycle(0.1, 1.0), "warm_up"),
        (lambda: OneCycle(0.1, initial_divisor=0.0), "initial_divisor"),
        (lambda: WarmUp(0.1, 0), "steps"),
        (lambda: WarmUp(0.1, 5, 1.5), "start"),
        (lambda: WarmUp("x", 5), "learning_rate"),  # type: ignore[arg-type]
        (lambda: ReduceOnPlateau(0.1, 1.0), "factor"),
        (lambda: ReduceOnPlateau(0.1, patience=-1), "patience"),
        (lambda: ReduceOnPlateau(0.1, mode="less"), "mode"),
        (lambda: Constant(0.1).rates(-1, 1, 1), "first"),
        (lambda: Constant(0.1).rates(0, 1, 0), "total_steps"),
    ],
)
def test_wrong_parameters(make: Callable[[], object], text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        make()
