"""What ends trials: percentiles of those that are complete, and Hyperband, held against Optuna's successive halving."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sloy.search import Int, pruners
from sloy.search.study import Study

optuna = pytest.importorskip("optuna", minversion="5")

SPACE = {"batch_size": Int(1, 1000)}


def study_of(pruner: str, direction: str = "minimize") -> Study:
    """One without trials, in memory."""
    settings = {"direction": direction, "seed": 0, "pruner": pruner}
    return Study(optuna.storages.InMemoryStorage(), "s", settings, several=False)


def ended_at(study: Study, curve: np.ndarray) -> int:
    """The epoch at which a new trial with these values (epochs,) is ended, as often as it is asked; else the last."""
    trial, _ = study.asked(SPACE)
    study.note(trial, pruners.EPOCHS, len(curve))
    for epoch, value in enumerate(curve, 1):
        rows = [(epoch, float(value))]
        if study.report(trial, rows):
            assert study.report(trial, rows)  # taken up after a kill in between
            study.end(trial, "pruned")
            return epoch
    study.complete(trial, {"value": float(curve[-1]), "epochs": len(curve)}, len(curve))
    return len(curve)


def test_percentiles_wait_for_a_fifth_of_the_epochs() -> None:
    """Five complete trials at 1; one at 2 is ended at its sixth epoch of 30."""
    for pruner in pruners.PERCENTILES:
        study = study_of(pruner)
        assert [ended_at(study, np.full(30, value)) for value in (1, 1, 1, 1, 1, 2)] == [30] * 5 + [
            6
        ]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_hyperband_is_successive_halving_bracket_by_bracket(
    direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty curves of 27 epochs: each trial ends where Optuna ends it in a study of its bracket's trials alone."""
    monkeypatch.setattr(pruners, "STARTUP", 0)
    assert pruners.rungs(27) == [3, 9]
    rng = np.random.default_rng(0)
    curves = rng.normal(size=(60, 1)) + 0.3 * rng.normal(size=(60, 27)).cumsum(axis=1)
    brackets = [
        optuna.create_study(
            direction=direction, pruner=optuna.pruners.SuccessiveHalvingPruner(3, 3, passed)
        )
        for passed in range(3)
    ]

    def by_optuna(number: int) -> int:
        study = brackets[pruners.bracket(number, 2)]
        trial = study.ask()
        for epoch, value in enumerate(curves[number], 1):
            trial.report(float(value), epoch)
            if epoch < 27 and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                return epoch
        study.tell(trial, float(curves[number, -1]))
        return 27

    own = study_of("hyperband", direction)
    found = [ended_at(own, curve) for curve in curves]
    assert found == [by_optuna(number) for number in range(60)]
    assert {3, 9, 27} == set(found)


def test_hyperband_ends_what_is_not_a_number_and_nothing_before_five_are_complete() -> None:
    study = study_of("hyperband")
    seen = [n for n in range(40) if pruners.bracket(n, len(pruners.rungs(9))) == 0]
    wrong: dict[int, Any] = {n: np.full(9, np.nan if n in seen[-2:] else 1.0) for n in range(40)}
    found = [ended_at(study, wrong[n]) for n in range(seen[-1] + 1)]
    assert pruners.rungs(9) == [3]
    assert [n for n, epochs in enumerate(found) if epochs < 9] == seen[-2:]
    assert found[seen[-1]] == 3
    others = study_of("hyperband")
    assert [ended_at(others, np.full(9, value)) for value in (1, 2, 3, 4, 5)] == [9] * 5


def test_where_trials_have_several_numbers_of_epochs_those_with_as_many_are_compared() -> None:
    study = study_of("hyperband")
    for number in range(12):
        ended_at(study, np.full(9, 1.0 + number % 2))
    place = next(n for n in range(12, 99) if pruners.bracket(n, 2) == 0)
    for _ in range(12, place):
        ended_at(study, np.full(9, 1.0))
    assert ended_at(study, np.full(27, 5.0)) == 27


def test_none_ends_nothing() -> None:
    study = study_of("none")
    assert [ended_at(study, np.full(9, float(value))) for value in range(9)] == [9] * 9
