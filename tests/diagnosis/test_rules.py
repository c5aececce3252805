"""Planted faults are named first; healthy runs have no error and no warning."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import numpy as np
import pytest

import sloy
from sloy.diagnosis import RULES, Report
from sloy.diagnosis.rules import with_limits
from sloy.errors import InvalidArgument, NonFiniteError
from sloy.initializers import Constant, Normal, Zeros
from sloy.layers import Dense, Dropout, ReLU, Sigmoid, Tanh
from sloy.regularizers import L2

RNG = np.random.default_rng(0)
X = RNG.normal(size=(480, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
NUMBERS = (X[:, 0] * X[:, 1] + X[:, 2]).astype(np.float32)
FAR = np.where(np.arange(480) == 17, np.float32(5000), NUMBERS)
SIDE = (X[:, 3] > 0).astype(np.int64)
TWICE = 2 * SIDE + np.arange(480) % 2


def net(
    act: Any = ReLU, outputs: int = 2, depth: int = 2, ending: Any = (), **options: Any
) -> sloy.Network:
    hidden = [part for _ in range(depth) for part in (Dense(16, **options), act())]
    last = {n: v for n, v in options.items() if not n.startswith("bias")}
    return sloy.Network((4,), [*hidden, Dense(outputs, **last), *ending])


def diagnosed(network: sloy.Network, data: Any = (X, Y), **options: Any) -> Report:
    watch = sloy.Diagnosis()
    arguments = {
        "epochs": 15,
        "batch_size": 32,
        "learning_rate": 0.01,
        "validation": 0.25,
        "verbose": False,
    }
    with contextlib.suppress(NonFiniteError):
        sloy.fit(network, data, **{**arguments, "callbacks": [watch], **options})
    return watch.report


HEALTHY: dict[str, Any] = {
    "adam": lambda: diagnosed(net()),
    "sgd": lambda: diagnosed(net(), optimizer="sgd", learning_rate=0.1, epochs=40),
    "tanh, dropout": lambda: diagnosed(
        sloy.Network((4,), [Dense(32), Tanh(), Dropout(0.2), Dense(2)]), epochs=30
    ),
    "numbers": lambda: diagnosed(net(outputs=1), (X, NUMBERS)),
    "one cycle": lambda: diagnosed(net(), schedule="one-cycle"),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_said_of_what_is_well(name: str) -> None:
    report = HEALTHY[name]()
    assert report.first is None, str(report)


def rare() -> Report:
    kept = np.concatenate([np.nonzero(Y == 0)[0], np.nonzero(Y == 1)[0][:10]])
    x = X[kept] + RNG.normal(size=(len(kept), 4)).astype(np.float32)
    return diagnosed(net(), (x, Y[kept]))


def weighed(*, signal: bool) -> Report:
    """One class of fifteen, its errors as dear as those of all others; of what tells it, or of nothing."""
    x = np.random.default_rng(3).normal(size=(900, 4)).astype(np.float32)
    chance = np.random.default_rng(4).random(900)
    y = (chance < 0.2 / (1 + np.exp(-3 * x[:, 0] + 2))).astype(np.int64)
    x = x if signal else np.random.default_rng(5).normal(size=x.shape).astype(np.float32)
    network = sloy.Network((4,), [Dense(4), Tanh(), Dense(2)])
    return diagnosed(network, (x, y), class_weight="balanced", epochs=10)


def test_weighed_classes_are_judged_by_balanced_accuracy() -> None:
    """Whose accuracy is below that of always the same answer, as was asked for."""
    found = {finding.rule.id for finding in weighed(signal=True).findings}
    assert not found & {"D15", "D18"}
    told = str(weighed(signal=False))
    assert "D15" in told
    assert "the balanced accuracy of" in told


def leaked() -> Report:
    return diagnosed(net(), (X, Y), validation=(X[:60], Y[:60]))


def telling() -> Report:
    answer = RNG.permutation(Y)
    x = np.hstack([X, answer[:, None] + 0.01 * RNG.normal(size=(480, 1))]).astype(np.float32)
    return diagnosed(sloy.Network((5,), [Dense(16), ReLU(), Dense(2)]), (x, answer))


FAULTS: dict[str, tuple[str, Any]] = {
    "diverges": ("D08", lambda: diagnosed(net(), optimizer="sgd", learning_rate=1e4)),
    "rate high": ("D08", lambda: diagnosed(net(), learning_rate=1.0)),
    "rate low": ("D12", lambda: diagnosed(net(), learning_rate=1e-6)),
    "unscaled": ("D02", lambda: diagnosed(net(), (X * 100 + 300, Y), preprocessing="none")),
    "rare class": ("D03", rare),
    "leaked rows": ("D04", leaked),
    "telling column": ("D04", telling),
    "large weights": ("D05", lambda: diagnosed(net(weight_initializer=Normal(3.0)))),
    "zero weights": ("D06", lambda: diagnosed(net(weight_initializer=Zeros()))),
    "last activation": (
        "D07",
        lambda: diagnosed(net(outputs=1, ending=(Sigmoid(),)), (X, NUMBERS)),
    ),
    "saturated": (
        "D09",
        lambda: diagnosed(
            sloy.Network((4,), [Dense(16, bias_initializer=Constant(9.0)), Tanh(), Dense(2)]),
            epochs=3,
        ),
    ),
    "dead": ("D10", lambda: diagnosed(net(bias_initializer=Constant(-8.0)))),
    "deep sigmoids": ("D11", lambda: diagnosed(net(Sigmoid, depth=8))),
    "shuffled": ("D15", lambda: diagnosed(net(), (X, RNG.permutation(Y)), epochs=5)),
    "narrow": (
        "D18",
        lambda: diagnosed(sloy.Network((4,), [Dense(1), ReLU(), Dense(4)]), (X, X.argmax(1))),
    ),
    "narrow, dead": (
        "D18",
        lambda: diagnosed(
            sloy.Network((4,), [Dense(1, bias_initializer=Constant(-8.0)), ReLU(), Dense(4)]),
            (X, X.argmax(1)),
        ),
    ),
    "few samples": (
        "D19",
        lambda: diagnosed(net(), (X[:40], Y[:40]), validation=(X[60:], Y[60:]), epochs=200),
    ),
    "all samples alike": ("D02", lambda: diagnosed(net(), (np.full_like(X, 3), Y))),
    "other part shifted": (
        "D02",
        lambda: diagnosed(net(), (X[120:], Y[120:]), validation=(X[:120] + 4, Y[:120])),
    ),
    "other part wider": (
        "D02",
        lambda: diagnosed(net(), (X[120:], Y[120:]), validation=(X[:120] * 20, Y[:120])),
    ),
    "one label": ("D03", lambda: diagnosed(net(), (X, 0 * Y))),
    "constant target": ("D03", lambda: diagnosed(net(outputs=1), (X, 0 * NUMBERS + 7))),
    "one target far out": ("D03", lambda: diagnosed(net(outputs=1), (X, FAR), epochs=30)),
    "a class under two names": ("D03", lambda: diagnosed(net(outputs=4), (X, TWICE), epochs=8)),
    "targets not scaled": (
        "D05",
        lambda: diagnosed(net(outputs=1), (X, 250_000 + 80_000 * NUMBERS)),
    ),
    "deaf loss": (
        "D07",
        lambda: diagnosed(net(outputs=1), (X, NUMBERS), loss=lambda a, y: y * y + 0.0 * a),
    ),
    "momentum high": (
        "D08",
        lambda: diagnosed(
            net(outputs=1), (X, NUMBERS), optimizer="momentum", learning_rate=0.1, momentum=0.999
        ),
    ),
    "signal shrinks": (
        "D11",
        lambda: diagnosed(net(depth=12, weight_initializer=Normal(0.0, 0.02))),
    ),
    "frozen": ("D12", lambda: diagnosed(net(), trainable=("dense_3/bias",))),
    "clipped": (
        "D12",
        lambda: diagnosed(
            net(), optimizer=sloy.optimizers.SGD(0.05, clip_norm=1e-5), learning_rate=None
        ),
    ),
    "rate falls early": (
        "D12",
        lambda: diagnosed(net(), learning_rate=sloy.schedules.StepDecay(1e-3, 8, 0.05)),
    ),
    "decay": ("D20", lambda: diagnosed(net(), optimizer="adamw", weight_decay=30.0)),
    "dropout": (
        "D20",
        lambda: diagnosed(
            sloy.Network((4,), [Dense(16), ReLU(), Dropout(0.95), Dense(16), ReLU(), Dense(2)]),
            epochs=8,
        ),
    ),
    "regularised": ("D20", lambda: diagnosed(net(weight_regularizer=L2(1.0)), optimizer="sgd")),
}


@functools.cache
def report_of(fault: str) -> Report:
    report: Report = FAULTS[fault][1]()
    return report


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_first(name: str) -> None:
    right, report = FAULTS[name][0], report_of(name)
    assert report.first is not None, str(report)
    assert report.first.id == right, str(report)


def test_what_ended_the_run_is_under_its_cause() -> None:
    report = report_of("diverges")
    (end,) = (finding for finding in report.findings if finding.id == "D01")
    assert end.under == "D08"
    assert "epoch 1" in end.sentence


def test_dead_units_are_under_the_layer_that_is_too_narrow() -> None:
    """Though a network too small is mostly under its dead units."""
    under = {finding.id: finding.under for finding in report_of("narrow, dead").findings}
    assert under["D10"] == under["D15"] == "D18"
    assert under["D18"] == ""


def test_few_samples_that_do_little_harm_are_noted() -> None:
    side = (X[:, 0] > 0).astype(np.int64)
    data, others = (X[:24], side[:24]), (X[60:], side[60:])
    found = diagnosed(net(), data, validation=others, epochs=200).findings
    assert [(one.id, one.severity) for one in found if one.id == "D19"] == [("D19", "note")]


def test_states_are_kept() -> None:
    """Units that are dead at first, and live again after their biases are put right."""

    class Mend(sloy.Callback):
        def on_epoch_end(self, run: Any, row: Any) -> None:
            if run.epoch == 5:
                run.weights.write("dense_1/bias", np.full(16, 0.1, np.float32))

    watch = sloy.Diagnosis()
    network = sloy.Network((4,), [Dense(16, bias_initializer=Constant(-20.0)), ReLU(), Dense(2)])
    options: dict[str, Any] = {
        "epochs": 15,
        "batch_size": 32,
        "learning_rate": 0.01,
        "verbose": False,
    }
    sloy.fit(network, (X, Y), callbacks=[watch, Mend()], **options)
    (dead,) = (finding for finding in watch.report.findings if finding.id == "D10")
    assert dead.since == 0
    assert dead.cured is not None
    assert 5 * 15 <= dead.cured <= 8 * 15
    assert dead.severity == "note"


def test_a_loss_that_is_not_defined_is_named_before_what_follows() -> None:
    report = diagnosed(net(outputs=1), (X, NUMBERS), loss=lambda a, y: sloy.ops.log(a) * y)
    assert report.first is not None
    assert report.first.id == "D01"
    assert "NaN before the first step" in report.first.sentence
    assert report.first.remedies == ["another loss"]


def test_classes_that_are_given_as_numbers_are_noted() -> None:
    sides = (SIDE + 2.0 * Y).astype(np.float32)
    found = diagnosed(net(outputs=1), (X, sides)).findings
    assert ["4 whole numbers, 0 to 3" in one.sentence for one in found if one.id == "D07"] == [True]


def test_a_loss_without_the_output_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="does not use its `output`"):
        diagnosed(net(outputs=1), (X, NUMBERS), loss=lambda a, y: y * y)


def test_few_twins_are_no_leak() -> None:
    """One sample that is there twice, and whole tables of few different values."""
    report = diagnosed(net(), (X[60:], Y[60:]), validation=(np.vstack([X[:39], X[99:100]]), Y[:40]))
    assert "D04" not in {one.id for one in report.findings}
    x = (X > 0.3).astype(np.float32)
    report = diagnosed(net(), (x, Y))
    assert "D04" not in {one.id for one in report.findings}


def test_columns_and_classes_have_their_names() -> None:
    extra = np.ones((len(X), 1), np.float32)
    data = sloy.Dataset(
        np.hstack([X, extra]), np.where(X[:, 0] > 2.2, 2, Y), ("low", "high", "top")
    )
    watch = sloy.Diagnosis(columns=("a", "b", "c", "d", "year"))
    other = sloy.Dataset(
        data.x[:50] * [1, 1, 1, 30, 1], np.minimum(data.y[:50], 1), data.class_names
    )
    network = sloy.Network((5,), [Dense(16), ReLU(), Dense(3)])
    options: dict[str, Any] = {"epochs": 2, "verbose": False, "callbacks": [watch]}
    sloy.fit(network, data, validation=other, **options)
    said = {one.id: one.sentence for one in watch.report.findings}
    assert said["D02"].startswith("the samples to validate on are others: d has mean")
    sloy.fit(network, data, **options)
    said = {one.id: one.sentence for one in watch.report.findings}
    assert said["D02"] == "1 column all alike (year)"


def test_columns_are_noted() -> None:
    n = len(X)
    extra = np.stack([np.arange(n), np.ones(n), X[:, 0]], 1).astype(np.float32)
    report = diagnosed(
        sloy.Network((7,), [Dense(16), ReLU(), Dense(2)]),
        (np.hstack([X, extra]), Y),
        preprocessing="standardize",
    )
    (noted,) = (finding for finding in report.findings if finding.id == "D02")
    assert noted.severity == "note"
    assert noted.remedies == ["leave the column out"]
    assert Report.of_json(report.to_json()) == report
    for words in ("all alike (5)", "equal to another (6)", "counting the rows (4)"):
        assert words in noted.sentence


def test_contradictions_and_missing_classes() -> None:
    x, y = np.vstack([X, X[:50]]), np.concatenate([Y, 1 - Y[:50]])
    report = diagnosed(net(), (x, y), validation=None)
    assert report.first is not None
    assert (report.first.id, report.first.sentence.split()[0]) == ("D03", "100")
    some = Y[:40] == 0
    report = diagnosed(net(), (X[60:], Y[60:]), validation=(X[:40][some], Y[:40][some]))
    assert report.first is not None
    assert report.first.sentence == "classes without samples in a part: 1"


def test_the_rules_are_twenty_in_order_with_causes_that_exist() -> None:
    ids = [rule.id for rule in RULES]
    assert sorted(ids) == [f"D{number:02}" for number in range(1, 21)]
    for rule in RULES:
        assert rule.name
        assert rule.about
        assert rule.causes
        assert rule.remedies
        assert set(rule.after) <= set(ids) - {rule.id}


def test_limits_can_be_set() -> None:
    rules = {rule.id: rule for rule in with_limits({"D08.first": 9.0})}
    assert rules["D08"].limits == {"first": 9.0, "later": 0.03}
    for wrong in (
        {"D08.none": 1.0},
        {"D99.first": 1.0},
        {"D08.first": -1.0},
        {"D08.first": "much"},
    ):
        with pytest.raises(InvalidArgument, match="`limits"):
            sloy.Diagnosis(limits=wrong)
