"""Remedies are proved where their gain is sure; the run is not touched; reports say what was found."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import sloy
from sloy.diagnosis import Report
from sloy.diagnosis.proof import Proof
from sloy.diagnosis.remedies import Remedy, rounded
from sloy.diagnosis.trial import Trier, _Fork
from sloy.errors import InvalidArgument
from sloy.initializers import Zeros
from sloy.language import Sentence
from sloy.layers import Dense, ReLU
from sloy.training.checkpoint import Snapshot

X = np.random.default_rng(1).normal(size=(400, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
OPTIONS: dict[str, Any] = {
    "epochs": 12,
    "batch_size": 32,
    "learning_rate": 0.01,
    "validation": 0.25,
}


def net(**options: Any) -> sloy.Network:
    return sloy.Network((4,), [Dense(16, **options), ReLU(), Dense(2, **options)])


CASES: dict[str, tuple[str, str, str, Any]] = {
    "rate high": (
        "D08",
        "learning_rate=",
        "from the start",
        lambda: (net(), X, {"learning_rate": 2.0}),
    ),
    "rate of an own optimizer": (
        "D08",
        "optimizer=sloy.Adam(learning_rate=",
        "from the start",
        lambda: (net(), X, {"learning_rate": None, "optimizer": sloy.Adam(2.0)}),
    ),
    "rate low": ("D12", "learning_rate=", "from now", lambda: (net(), X, {"learning_rate": 1e-6})),
    "unscaled": (
        "D02",
        "preprocessing=",
        "from the start",
        lambda: (net(), 100 * X + 300, {"preprocessing": "none"}),
    ),
    "zero weights": (
        "D06",
        "network=",
        "from the start",
        lambda: (net(weight_initializer=Zeros()), X, {}),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_remedy_is_proved(name: str) -> None:
    right, command, start, made = CASES[name]
    network, x, options = made()
    report = sloy.diagnose(network, (x, Y), **{**OPTIONS, **options})
    assert report.first is not None
    assert report.first.id == right
    proof = report.first.proofs[0]
    assert proof.proved, str(report)
    assert proof.after < proof.before
    assert proof.start == start
    assert command in proof.command
    assert f"do       {proof.command}" in str(report)


def test_what_helps_nothing_is_said_so() -> None:
    """Labels that are drawn cannot be learned at any rate."""
    labels = np.random.default_rng(2).permutation(Y)
    report = sloy.diagnose(net(), (X, labels), **{**OPTIONS, "learning_rate": 2.0, "epochs": 4})
    assert report.first is not None
    assert not any(proof.proved for proof in report.first.proofs if proof.after > 0.6)
    healthy = sloy.diagnose(net(), (X, Y), **OPTIONS)
    assert not any(proof.proved for finding in healthy.findings for proof in finding.proofs)


class _Diverges:
    """A run whose forks have numbers that are not finite from some step on."""

    steps = 4

    def __init__(self, good: int) -> None:
        self.good = good
        self.order = SimpleNamespace(recipe=SimpleNamespace(seed=0))

    def fork(self, change: object, steps: int, *, start: Snapshot, **options: object) -> Any:
        first = start.epoch * self.steps + start.step
        finite = first + steps <= self.good
        return SimpleNamespace(
            finite=finite, first=first, losses=[0.0] * steps, variables=start.variables
        )


@pytest.mark.parametrize(
    ("good", "finite"), [(8, [True, True]), (5, [True, False]), (2, [False, False])]
)
def test_a_fork_has_losses_after_half_and_after_all_wherever_it_ends(
    good: int, finite: list[bool]
) -> None:
    begin = Snapshot({}, {}, 0, 0, 0.0, [], {}, {})
    found = _Fork(8, 1, None)._losses(_Diverges(good), begin, 0, lambda values: np.zeros(3))  # type: ignore[arg-type]
    assert [bool(np.isfinite(losses).all()) for losses in found] == finite


def test_what_cannot_be_tried_says_why() -> None:
    def refuses(**arguments: object) -> None:
        raise InvalidArgument("fit: no such thing.")

    remedy = Remedy(Sentence("twice"), {"epochs": 2}, prevents=True)
    evidence: Any = SimpleNamespace(total=9)
    proof = Trier(refuses, evidence).prove(remedy)
    assert str(proof) == "twice: could not be tried (fit: no such thing.)"
    assert str(Proof.of_json(json.loads(json.dumps(proof.to_json())))) == str(proof)


def test_two_forks_without_a_change_differ_by_nothing_and_the_run_is_not_touched() -> None:
    watch = sloy.Diagnosis()
    model, _ = sloy.fit(net(), (X, Y), callbacks=[watch], verbose=False, **OPTIONS)
    before = {name: np.array(v) for name, v in model.parameters.items()}

    def train(**changed: Any) -> Any:
        return sloy.fit(net(), (X, Y), verbose=False, **{**OPTIONS, **changed})

    trier = Trier(train, watch.evidence)
    one, other = (
        trier._course(change, 20, 3, from_start=True) for change in ({}, {"learning_rate": 0.01})
    )
    assert (one.end == other.end).all()
    assert (one.half == other.half).all()
    assert len({losses.tobytes() for losses in one.end}) == 3  # orders
    for name, value in model.parameters.items():
        assert (np.asarray(value) == before[name]).all()


def test_reports_as_json_and_for_notebooks() -> None:
    report = sloy.diagnose(net(), (X, Y), **{**OPTIONS, "learning_rate": 2.0})
    again = Report.of_json(json.loads(json.dumps(report.to_json())))
    assert again == report
    assert str(again) == str(report)
    page = report._repr_html_()
    assert page.count("<section") == len(report.findings)
    assert "step too large" in page
    assert "<script" not in page
    lines = report.lines()
    assert lines[0].startswith("error: step too large (D08)")
    assert lines[0].endswith("learning rate 2 → 0.003")
    assert str(Report((), 10, 3)) == "nothing is wrong: 20 rules, 3 readings in 10 steps"


def test_rates_are_rounded() -> None:
    assert [rounded(rate) for rate in (0.00132, 0.0368, 7.7, 1e-7)] == [0.001, 0.04, 8.0, 1e-7]
