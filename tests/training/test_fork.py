"""A fork does what its run would do next, with a change, and leaves the run as it was, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sloy
from available import available
from sloy.errors import InvalidArgument
from sloy.training.fork import OF_THE_PLAN
from sloy.training.run import Run
from training_tasks import Spy, blobs, cnn, fit, mlp, stripes

OPTIONS: dict[str, Any] = {
    "epochs": 4, "batch_size": 16, "learning_rate": 0.02, "schedule": "one-cycle", "seed": 3
}  # fmt: skip


def watched(at: Callable[[Run, int], Any], each: str = "on_epoch_begin") -> sloy.Callback:
    """A callback that calls a function with the run and the number of steps done."""

    def call(self: sloy.Callback, run: Run, _: Any) -> None:
        at(run, run.epoch * run.steps + run.step)

    return type("Watched", (sloy.Callback,), {each: call})()


def losses_of(network: sloy.Network, data: sloy.Dataset, **options: Any) -> list[float]:
    """The loss of every step of a run that nothing else watches."""
    found: list[float] = []

    class Losses(sloy.Callback):
        def on_batch_end(self, run: Run, batch: Any) -> None:
            found.append(batch.values["loss"])

    fit(network, data, callbacks=[Losses()], **options)
    return found


@pytest.mark.parametrize("engine", ["reference", "native"])
@pytest.mark.parametrize("case", ["masks and statistics", "augmented pictures"])
def test_without_a_change_it_is_the_run_s_own_future(engine: str, case: str) -> None:
    """Partial batches, masks, running statistics, augmentation, the schedule's clock: the same bits."""
    runs = available(engine, threads=1)
    network, data = (mlp(), blobs()) if case.startswith("masks") else (cnn(), stripes())
    options = {**OPTIONS, "engine": runs}
    if case.startswith("augmented"):
        options["augment"] = "flip=horizontal,shift=0.1"
    whole = losses_of(network, data, **options)
    checked = 0

    def compare(run: Run, done: int) -> None:
        nonlocal checked
        branch = run.fork({}, 9)
        assert branch.first == done
        assert branch.finite
        assert branch.losses.tolist() == whole[done : done + 9]
        checked += 1

    model, _ = fit(network, data, callbacks=[watched(compare)], **options)
    plain, _ = fit(network, data, **options)
    assert checked == OPTIONS["epochs"]
    for name, value in plain.parameters.items():
        assert np.array_equal(value, model.parameters[name]), name


def test_within_an_epoch_and_to_the_end_of_the_run() -> None:
    whole, asked = losses_of(mlp(), blobs(), **OPTIONS), []

    def compare(run: Run, done: int) -> None:
        if done in (4, 17):
            asked.append(done)
            assert run.fork({}, 1000).losses.tolist() == whole[done:]

    fit(mlp(), blobs(), callbacks=[watched(compare, "on_batch_end")], **OPTIONS)
    assert asked == [4, 17]


def test_the_variables_of_a_fork_are_those_that_the_run_reaches() -> None:
    spy, found = Spy(), {}

    def fork(run: Run, done: int) -> None:
        if done == 0:
            found.update(run.fork({}, 1000).variables)

    fit(mlp(), blobs(), callbacks=[spy, watched(fork)], **OPTIONS)
    for name, value in spy.runs[0].variables.items():
        assert np.array_equal(value, found[name]), name


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 0.3},
        {"optimizer": "momentum"},
        {"optimizer": "sgd", "learning_rate": 0.5, "schedule": "constant"},
        {"weight_decay": 0.5},
        {"trainable": ("last/*",)},
        {"rate_factors": {"*": 0.1}},
        {"augment": sloy.Augment(mixup=0.4)},
    ],
    ids=str,
)
def test_a_change_counts_and_the_run_stays_as_it_is(change: dict[str, Any]) -> None:
    def fork(run: Run, done: int) -> None:
        own, other = run.fork({}, 6), run.fork(change, 6)
        assert own.losses[1:].tolist() != other.losses[1:].tolist()
        if "augment" not in change:  # the first step's loss is before any change can count
            assert own.losses[0] == other.losses[0]

    stopping = sloy.EarlyStopping(patience=3)
    watchers = [stopping, watched(fork)]
    plain, rows = fit(
        mlp(), blobs(), validation=0.2, callbacks=[sloy.EarlyStopping(patience=3)], **OPTIONS
    )
    model, forked = fit(mlp(), blobs(), validation=0.2, callbacks=watchers, **OPTIONS)
    assert rows["val_loss"].tolist() == forked["val_loss"].tolist()
    for name, value in plain.parameters.items():
        assert np.array_equal(value, model.parameters[name]), name


def test_a_fork_may_start_at_an_earlier_snapshot() -> None:
    whole, kept = losses_of(mlp(), blobs(), **OPTIONS), []

    def later(run: Run, done: int) -> None:
        kept.append(run.snapshot())
        if len(kept) == 3:
            branch = run.fork({}, 5, start=kept[1])
            assert branch.first == run.steps
            assert branch.losses.tolist() == whole[run.steps : run.steps + 5]

    fit(mlp(), blobs(), callbacks=[watched(later)], **OPTIONS)
    first, second = kept[0].variables, kept[1].variables
    assert any(not np.array_equal(first[name], second[name]) for name in first)


def test_a_step_that_is_not_finite_ends_it() -> None:
    branches = []

    def fork(run: Run, done: int) -> None:
        if done == 0:
            change = {"optimizer": "sgd", "learning_rate": 1e30, "schedule": None}
            branches.append(run.fork(change, 50))

    with np.errstate(all="ignore"):
        fit(mlp(), blobs(), callbacks=[watched(fork)], **OPTIONS)
    assert not branches[0].finite
    assert len(branches[0].losses) < 50
    assert np.isfinite(branches[0].losses).all()


@pytest.mark.parametrize("name", OF_THE_PLAN)
def test_what_the_plan_is_made_of_stays(name: str) -> None:
    def fork(run: Run, done: int) -> None:
        with pytest.raises(InvalidArgument, match=f"Run.fork: `change`: {name} cannot differ"):
            run.fork({name: getattr(run.order.recipe, name)}, 1)

    fit(mlp(), blobs(), callbacks=[watched(fork)], **{**OPTIONS, "epochs": 1})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"speed": 1}, 1), "Run.fork: `change`: a Recipe has no option speed"),
        (([1], 1), "Run.fork: `change` .*must be a Mapping"),
        (({}, 0), "Run.fork: `steps` .*at least 1"),
        (({"weight_decay": -1}, 1), "Run.fork: `weight_decay`"),
        (({"rate_factors": {"nothing": 2.0}}, 1), "fits none of the parameters"),
    ],
    ids=["name", "change", "steps", "value", "pattern"],
)
def test_wrong_arguments(arguments: tuple[Any, int], message: str) -> None:
    def fork(run: Run, done: int) -> None:
        with pytest.raises(InvalidArgument, match=message):
            run.fork(*arguments)

    fit(mlp(), blobs(), callbacks=[watched(fork)], **{**OPTIONS, "epochs": 1})


def test_a_change_leaves_the_other_options_as_they_are() -> None:
    """Another optimiser has the run's own learning rate and schedule, another rate its schedule."""

    def fork(run: Run, done: int) -> None:
        same = {name: OPTIONS[name] for name in ("learning_rate", "schedule")}
        for change in ({"optimizer": "sgd"}, {"schedule": "cosine"}, {"learning_rate": 0.3}):
            alone, together = run.fork(change, 6), run.fork({**same, **change}, 6)
            assert alone.losses.tolist() == together.losses.tolist()

    fit(mlp(), blobs(), callbacks=[watched(fork)], **{**OPTIONS, "epochs": 2})


def test_a_first_step_that_is_not_finite_leaves_nothing() -> None:
    def fork(run: Run, done: int) -> None:
        kept = run.weights["last/weight"].copy()
        run.weights.write("last/weight", np.full_like(kept, np.inf))
        branch = run.fork({}, 3)
        run.weights.write("last/weight", kept)
        assert not branch.finite
        assert branch.losses.tolist() == []

    with np.errstate(all="ignore"):
        fit(mlp(), blobs(), callbacks=[watched(fork)], **{**OPTIONS, "epochs": 1})


@pytest.mark.parametrize("epochs", [1, 2])
def test_while_steps_run_there_is_nothing_to_fork(
    monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    monkeypatch.setattr("sloy.engines.base.POLL_SECONDS", 0.0)
    steps: list[int] = []

    class Watching(sloy.Callback):
        def on_progress(self, run: Run, progress: Any) -> None:
            steps.append(progress.step)
            if progress.step < progress.steps:
                with pytest.raises(InvalidArgument, match="in `on_progress`, while steps run"):
                    run.fork({}, 1)

    fit(mlp(), blobs(), callbacks=[Watching()], **{**OPTIONS, "epochs": epochs})
    assert min(steps) == 1


def test_who_does_not_want_epochs_leaves_them_together() -> None:
    class Last(sloy.Callback):
        def on_fit_end(self, run: Run) -> None:
            self.seen = run.epoch

    assert not Last().wants_epochs
    assert Spy().wants_epochs
    last = Last()
    _, history = fit(mlp(), blobs(), callbacks=[last], **OPTIONS)
    assert last.seen == len(history) == OPTIONS["epochs"]
    assert len(set(history["seconds"].tolist())) == 1  # shared alike: they ran together
