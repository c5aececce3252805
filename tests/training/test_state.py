"""Runs that continue others: `fit(..., state=TrainingState())`."""

from __future__ import annotations

import pickle
import signal

import numpy as np
import pytest

import sloy
from available import installed
from sloy import schedules
from sloy.errors import InvalidArgument, NonFiniteError
from sloy.training.state import TrainingState
from training_tasks import Spy, blobs, fit, mlp

ENGINES = installed()


def train(state=None, network=None, **arguments):
    settings = {"batch_size": 16, "optimizer": sloy.Adam(0.01), "seed": 4, "threads": 1}
    return fit(network or mlp(), blobs(120), **{**settings, **arguments}, state=state)


def bytes_of(state):
    return {name: value.tobytes() for name, value in state.variables.items()}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "optimizer",
    [sloy.Adam(0.01), sloy.SGD(0.02, 0.9), sloy.SGD(schedules.StepDecay(0.05, every=13))],
)
def test_two_runs_of_one_state_are_one_run(engine, optimizer):
    """With dropout, batch normalisation and validation, to the last bit."""
    same = {"engine": engine, "optimizer": optimizer, "validation": 0.2}
    whole, parts = TrainingState(), TrainingState()
    _, history = train(whole, epochs=5, **same)
    _, first = train(parts, epochs=2, **same)
    _, second = train(parts, epochs=3, **same)
    assert bytes_of(parts) == bytes_of(whole)
    assert (parts.epochs, parts.steps) == (whole.epochs, whole.steps) == (5, 30)
    for column in ("loss", "val_loss", "learning_rate", "gradient_norm"):
        joined = np.concatenate([first[column], second[column]])
        assert (joined == history[column]).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_state_survives_pickle(engine):
    whole, parts = TrainingState(), TrainingState()
    train(whole, epochs=3, engine=engine)
    train(parts, epochs=1, engine=engine)
    parts = pickle.loads(pickle.dumps(parts))
    train(parts, epochs=2, engine=engine)
    assert bytes_of(parts) == bytes_of(whole)


def test_other_data_and_batches_follow():
    state = TrainingState()
    train(state)
    before = bytes_of(state)
    model, _ = fit(mlp(), blobs(10), batch_size=5, optimizer=sloy.Adam(0.01), state=state)
    assert state.steps == 8 + 2
    assert bytes_of(state) != before
    assert np.shares_memory(model.parameters["last/weight"], state.variables["last/weight"])


def test_what_is_compiled_is_kept(monkeypatch):
    compiled = []
    reference = sloy.engines.ReferenceEngine
    compile_ = reference.compile
    monkeypatch.setattr(
        reference, "compile", lambda self, *rest: (compiled.append(1), compile_(self, *rest))[1]
    )
    state, network = TrainingState(), mlp()
    for _ in range(3):
        train(state, network)  # 120 samples: batches of 16 and a rest of 8
    assert len(compiled) == 2
    train(state, network, optimizer=sloy.Adam(0.02))  # a rate is fed
    assert len(compiled) == 2
    train(state, network, optimizer=sloy.Adam(0.02, beta1=0.8))
    assert len(compiled) == 4
    train(
        state, mlp(), optimizer=sloy.Adam(0.02, beta1=0.8)
    )  # equal, but a layer of one's own may not say so
    assert len(compiled) == 6


def test_what_a_class_does_not_compare_is_not_taken_for_equal():
    """A metric of one's own that is no dataclass: two are equal, and measure different things."""

    class Number(sloy.metrics.Metric):
        name = "number"

        def __init__(self, number):
            object.__setattr__(self, "number", number)

        def per_sample(self, output, target):
            return sloy.ops.reduce_sum(output, (1,)) * 0.0 + self.number

    assert Number(1.0) == Number(2.0)
    state, network = TrainingState(), mlp()
    for number in (1.0, 2.0):
        _, history = fit(network, blobs(), metrics=[Number(number)], state=state)
        assert history["number"].tolist() == [number]


def test_a_checkpoint_belongs_to_its_place_in_the_training(tmp_path):
    """The second of two runs is interrupted after an epoch, and resumed."""
    whole, parts = TrainingState(), TrainingState()
    train(whole, epochs=2)
    train(whole, epochs=3)
    train(parts, epochs=2)
    kept = pickle.dumps(parts)
    stop = type("Stop", (sloy.Callback,), {"on_epoch_end": lambda self, run, row: True})()
    train(parts, epochs=3, checkpoint=tmp_path / "c.sloy", callbacks=[stop])
    resumed = pickle.loads(kept)
    train(resumed, epochs=3, checkpoint=tmp_path / "c.sloy", resume=True)
    assert bytes_of(resumed) == bytes_of(whole)
    assert (resumed.epochs, resumed.steps) == (whole.epochs, whole.steps)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"optimizer": sloy.SGD(0.1)}, "`state` is of another network, .* optimizer/mean/"),
        ({"trainable": ["last/*"]}, "they differ in optimizer/mean/"),
        ({"precision": "float64"}, "they differ in batch_norm_1"),
        ({"parameters": {"last/bias": np.zeros(3)}}, "`parameters` are given twice"),
    ],
)
def test_what_does_not_fit_is_refused(given, message):
    state = TrainingState()
    train(state)
    before = bytes_of(state)
    with pytest.raises(InvalidArgument, match=message):
        train(state, **given)
    assert bytes_of(state) == before


def test_a_state_is_a_state():
    with pytest.raises(InvalidArgument, match=r"`state` .*must be a TrainingState or None"):
        train({"variables": {}})


# --- epochs that run together ---------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("batch_size", "at_once"), [(120, 5), (40, 5), (50, 5)])
def test_epochs_that_nobody_watches_run_together_and_give_the_same(
    engine, batch_size, at_once, monkeypatch
):
    """One call of the engine for many epochs, whole or partial their last batch; the same bits and the same history."""
    monkeypatch.setattr("sloy.training.order.TOGETHER", 700)  # five epochs at a time
    calls = []
    run_batches = type(sloy.engines.engine(engine)).run_batches
    monkeypatch.setattr(
        type(sloy.engines.engine(engine)),
        "run_batches",
        lambda self, *rest: (calls.append(1), run_batches(self, *rest))[1],
    )
    alone, watched = TrainingState(), TrainingState()
    same = {"epochs": 12, "batch_size": batch_size, "engine": engine}
    same["optimizer"] = sloy.Adam(schedules.Cosine(0.02))
    _, history = train(alone, **same)
    assert len(calls) == -(-12 // at_once)
    _, expected = train(watched, callbacks=[Spy()], **same)
    assert len(calls) == -(-12 // at_once) + 12
    assert bytes_of(alone) == bytes_of(watched)
    assert (alone.epochs, alone.steps) == (watched.epochs, watched.steps)
    assert history.columns == expected.columns
    for column in set(history.columns) - {"seconds", "samples_per_second"}:
        assert (history[column] == expected[column]).all(), column


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("batch_size", [40, 50])
def test_what_is_not_finite_is_found_at_its_place_among_epochs_together(engine, batch_size):
    def run(**more):
        with pytest.raises(NonFiniteError) as caught:
            train(batch_size=batch_size, epochs=50, optimizer=sloy.SGD(1e18), engine=engine, **more)
        return caught.value

    together, one_by_one = run(), run(callbacks=[Spy()])
    assert str(together) == str(one_by_one)
    assert together.epoch == one_by_one.epoch
    assert len(together.history) == len(one_by_one.history) == together.epoch - 1
    for name, value in one_by_one.model.parameters.items():
        assert (together.model.parameters[name] == value).all()


def test_ctrl_c_among_epochs_together_keeps_those_that_are_done(monkeypatch):
    reference = sloy.engines.ReferenceEngine
    run_batches = reference.run_batches

    def run_and_interrupt(self, *given):
        *given, poll = given

        def ask(steps, outputs):
            if steps == 13:
                signal.raise_signal(signal.SIGINT)
            poll(steps, outputs)

        return run_batches(self, *given, ask)

    monkeypatch.setattr(reference, "run_batches", run_and_interrupt)
    monkeypatch.setattr("sloy.engines.base.POLL_SECONDS", 0.0)
    state = TrainingState()
    with pytest.raises(KeyboardInterrupt) as caught:
        train(state, batch_size=50, epochs=9, engine="reference")
    assert caught.value.history["epoch"].tolist() == [1, 2, 3, 4]
    assert (state.epochs, state.steps) == (4, 13)
