"""Resume is bit-exact: after a stop, an interrupt within an epoch, a SIGKILL at any moment."""

from __future__ import annotations

import signal
from dataclasses import replace

import numpy as np
import pytest

import sloy
from available import installed
from sloy import schedules
from sloy.errors import FileFormatError, InvalidArgument
from sloy.files.container import read_container, write_container
from sloy.training.checkpoint import Store
from training_tasks import Spy, blobs, fit, mlp, run_bytes, train_process

ENGINES = installed()
TIMES = ("seconds", "samples_per_second")


def train(epochs, checkpoint=None, *, stop_after=None, watchers=None, **arguments):
    """Variables at the end, and the history without its times."""
    spy = Spy(lambda run, row: row["epoch"] == stop_after)
    settings = {
        "batch_size": 16, "optimizer": sloy.Adam(0.01), "validation": 0.2, "seed": 4, "threads": 1,
        "callbacks": [spy, *(watchers or [sloy.EarlyStopping(patience=99)])],
    }  # fmt: skip
    settings |= arguments
    _, history = fit(mlp(), blobs(120), epochs=epochs, checkpoint=checkpoint, **settings)
    rows = [{n: v for n, v in row.items() if n not in TIMES} for row in history]
    return run_bytes(spy.runs), rows


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("optimizer", [sloy.Adam(schedules.Cosine(0.05)), sloy.SGD(0.01, 0.9)])
def test_four_epochs_are_two_and_two(tmp_path, engine, optimizer):
    same = {"engine": engine, "optimizer": optimizer}
    whole, rows = train(4, **same)
    half, _ = train(4, tmp_path / "c.sloy", stop_after=2, **same)
    assert half != whole
    resumed, resumed_rows = train(4, tmp_path / "c.sloy", resume=True, **same)
    assert resumed == whole
    assert resumed_rows == rows
    assert any(name.startswith("optimizer/") for name in whole)
    assert mlp().states.keys() <= whole.keys()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_finished_run_goes_on_to_more_epochs(tmp_path, engine):
    train(2, tmp_path / "c.sloy", engine=engine)
    resumed, rows = train(4, tmp_path / "c.sloy", engine=engine, resume=True)
    assert (resumed, rows) == train(4, engine=engine)


def test_resuming_a_finished_run_changes_nothing(tmp_path):
    whole = train(2, tmp_path / "c.sloy")
    assert train(2, tmp_path / "c.sloy", resume=True) == whole


class InterruptAt(Spy):
    """Ctrl-C, as a signal, at a call of `on_progress`."""

    def __init__(self, call):
        super().__init__()
        self.call = call

    def on_progress(self, run, progress):
        super().on_progress(run, progress)
        if len(self.progress) == self.call:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def polls_every_step(monkeypatch):
    """Ask for interrupts between any two steps."""
    monkeypatch.setattr("sloy.engines.base.POLL_SECONDS", 0.0)
    if "jax" in ENGINES:
        monkeypatch.setattr("sloy.engines.jax.program.POLL_SECONDS", 0.0)
    if "native" in ENGINES:
        monkeypatch.setattr("sloy.engines.native.engine.POLL_SECONDS", 0.0)


@pytest.mark.usefixtures("polls_every_step")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("call", [1, 2, 5])
def test_an_interrupt_within_an_epoch(tmp_path, engine, call):
    whole = train(3, engine=engine)
    interrupting = [InterruptAt(call), sloy.EarlyStopping(patience=99)]
    with pytest.raises(KeyboardInterrupt) as caught:
        train(3, tmp_path / "c.sloy", engine=engine, watchers=interrupting)
    assert caught.value.__notes__ == [f"checkpoint saved in {tmp_path / 'c.sloy'}"]
    snapshot = Store(tmp_path / "c.sloy").load()
    assert snapshot.epoch < 3
    assert 0 < snapshot.step <= 6  # 6: between training and validation
    assert {len(values) for values in snapshot.partial.values()} == {snapshot.step}
    assert train(3, tmp_path / "c.sloy", resume=True, engine=engine) == whole


@pytest.mark.usefixtures("polls_every_step")
@pytest.mark.parametrize("engine", ENGINES)
def test_saving_within_an_epoch_changes_nothing(tmp_path, engine):
    often = sloy.Checkpoint(tmp_path / "c.sloy", seconds=0.0)
    assert train(2, often, engine=engine) == train(2, engine=engine)


# (steps of the process that is killed, seconds from there to SIGKILL)
KILLS = [(1, 0.0), (3, 0.0), (9, 0.003), (16, 0.0), (12, 0.0007), (14, 0.011)]


@pytest.mark.parametrize("engine", ENGINES)
def test_killed_at_any_moment(tmp_path, engine):
    """SIGKILL between steps, in a step, while a checkpoint is written: again and again, then to the end.

    Jax, whose every process compiles for seconds, by every second kill.
    """
    kills = KILLS[::2] if engine == "jax" else KILLS

    def run(name, *ending):
        paths = (tmp_path / f"{name}.sloy", tmp_path / f"{name}.npz")
        return train_process(engine, *paths, *ending).returncode

    assert run("whole") == 0
    places = []
    for call, delay in kills:
        assert run("killed", signal.SIGKILL, call, delay) == -signal.SIGKILL
        snapshot = Store(tmp_path / "killed.sloy").load()
        places.append((snapshot.epoch, snapshot.step) if snapshot else (0, 0))
        assert not (tmp_path / "killed.npz").exists()
    # the step that was not saved yet is lost, no more
    assert places[: 1 + (kills is KILLS)] == [(0, 0), (0, 2)][: 1 + (kills is KILLS)]
    assert places == sorted(places)
    assert run("killed") == 0
    whole, killed = (dict(np.load(tmp_path / f"{name}.npz")) for name in ("whole", "killed"))
    assert {n: v.tobytes() for n, v in whole.items()} == {n: v.tobytes() for n, v in killed.items()}


# --- what is kept of a run ------------------------------------------------------------------------


def test_early_stopping_resumes_with_what_it_remembers(tmp_path):
    def hot(**more):
        watchers = [sloy.EarlyStopping("val_loss", patience=2)]
        return train(30, optimizer=sloy.SGD(0.4), watchers=watchers, **more)

    whole, rows = hot()
    assert len(rows) < 30, "the test needs a run that is stopped early"
    hot(checkpoint=tmp_path / "c.sloy", stop_after=len(rows) - 1)
    for _ in range(2):  # the second finds a run that was stopped
        assert hot(checkpoint=tmp_path / "c.sloy", resume=True) == (whole, rows)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"batch_size": 8}, "batch_size"),
        ({"seed": 5}, "seed"),
        ({"optimizer": sloy.SGD(0.01)}, "optimizer"),
        ({"shuffle": False}, "shuffle"),
        ({"validation": 0.3}, "data"),
        ({"loss": "hinge"}, "loss"),
        ({"precision": "float64"}, "dtype"),
        ({"precision": "emulated"}, "precision"),
        ({"class_weight": {0: 2.0}}, "data"),
        ({"watchers": [Spy()]}, "callbacks"),
        ({"preprocessing": "standardize"}, "preprocessing"),
    ],
)
def test_another_run_is_refused(tmp_path, changed, named):
    train(1, tmp_path / "c.sloy")
    with pytest.raises(InvalidArgument, match=f"cannot be resumed: its .*{named}.* differed"):
        train(2, tmp_path / "c.sloy", resume=True, **changed)


def test_another_function_is_refused(tmp_path):
    """Two lambdas have the same name; what they do differs."""

    def run(power, **more):
        network = sloy.Network((4,), [sloy.layers.Dense(1)])
        data = (blobs(20).x, np.arange(20.0))
        fit(network, data, loss=lambda a, y: abs(a - y) ** power, checkpoint=tmp_path / "c", **more)

    run(1.5)
    run(1.5, epochs=2, resume=True)
    with pytest.raises(InvalidArgument, match="functions differed"):
        run(1.25, epochs=3, resume=True)


def test_fewer_epochs_than_done_is_refused(tmp_path):
    train(3, tmp_path / "c.sloy")
    with pytest.raises(InvalidArgument, match=r"`epochs` \(=2\).* has done 3"):
        train(2, tmp_path / "c.sloy", resume=True)


def test_another_machine_is_said(tmp_path):
    train(1, tmp_path / "c.sloy")
    with pytest.warns(UserWarning, match="reference engine on 1 thread in float32,.* on 2 threads"):
        train(2, tmp_path / "c.sloy", resume=True, threads=2)


def test_another_precision_of_a_given_engine_is_said(tmp_path):
    train(1, tmp_path / "c.sloy")
    emulating = sloy.engines.engine("reference", 1, precision="emulated")
    with pytest.warns(UserWarning, match="1 thread in float32, .* on 1 thread in emulated"):
        train(2, tmp_path / "c.sloy", resume=True, engine=emulating)


def test_another_length_of_schedule_is_said(tmp_path):
    falling = {"optimizer": sloy.SGD(schedules.Cosine(0.1))}
    train(1, tmp_path / "c.sloy", **falling)
    with pytest.warns(UserWarning, match="learning rate follows the number of epochs"):
        train(2, tmp_path / "c.sloy", resume=True, **falling)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path):
    path = tmp_path / "c.sloy"
    whole = train(4)
    train(4, path, stop_after=3)
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="damaged.*The checkpoint before it is taken: epoch 3"):
        resumed = train(4, path, stop_after=3, resume=True)
    assert resumed[0] != whole[0]
    # The sound one was not replaced by the damaged one.
    assert Store(path).load().epoch == 3
    assert read_container(tmp_path / "c.sloy.previous")[1]["epoch"] == 2
    assert train(4, path, resume=True) == whole


def test_two_damaged_checkpoints_are_an_error(tmp_path):
    path = tmp_path / "c.sloy"
    train(3, path)
    for file in (path, tmp_path / "c.sloy.previous"):
        file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(FileFormatError, match="truncated"):
        train(4, path, resume=True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"step": 2**40}, "stands at step 1099511627776"),
        ({"step": 1, "partial": {}}, "of its 1 steps is missing"),
    ],
)
def test_a_checkpoint_that_contradicts_itself(tmp_path, change, said):
    store = Store(tmp_path / "c.sloy")
    train(1, store.path)
    store.save(replace(store.load(), **change))
    with pytest.raises(FileFormatError, match=said):
        train(2, store.path, resume=True)


def test_a_model_is_no_checkpoint(tmp_path):
    model, _ = fit(mlp(), blobs())
    model.save(tmp_path / "m.sloy")
    with pytest.raises(FileFormatError, match="is not a checkpoint"):
        train(2, tmp_path / "m.sloy", resume=True)


@pytest.mark.parametrize("name", ["c.sloy", "c.sloy.previous"])
def test_what_is_no_checkpoint_is_not_replaced(name, tmp_path):
    model, _ = fit(mlp(), blobs())
    model.save(tmp_path / "m.sloy")
    for contents in (b"shopping: milk", (tmp_path / "m.sloy").read_bytes()):
        (tmp_path / name).write_bytes(contents)
        with pytest.raises(InvalidArgument, match=rf"/{name}: is there and is not a checkpoint"):
            train(2, tmp_path / "c.sloy")
        assert (tmp_path / name).read_bytes() == contents
        assert not list(tmp_path.glob(".c.sloy*"))
    (tmp_path / name).write_bytes(b"")  # as `tempfile` makes one
    assert train(2, tmp_path / "c.sloy") == train(2)
    damaged = (tmp_path / "c.sloy").read_bytes()[:-9]
    (tmp_path / name).write_bytes(damaged)
    assert train(2, tmp_path / "c.sloy") == train(2)


def test_a_checkpoint_of_an_older_sloy_says_so(tmp_path):
    """What such a file begins with; its configuration has other names, which are not compared."""
    config = {"spec.network": "Network((2,), [Dense(3)])", "plan.epochs": 2, "plan.batch_size": 16}
    document = {
        "kind": "sloy.checkpoint", "version": 1, "config": config, "epoch": 1, "step": 0, "seconds": 0.0,
        "machine": {"engine": "reference", "threads": 1}, "history": [{"epoch": 1}], "callbacks": [],
    }  # fmt: skip
    write_container(tmp_path / "c.sloy", {"variables/dense_1/bias": np.zeros(3, "f4")}, document)
    message = r"c.sloy: is a checkpoint of version 1, of an older sloy; this one reads version 2\.$"
    with pytest.raises(FileFormatError, match=message):
        train(2, tmp_path / "c.sloy", resume=True)
    assert train(2, tmp_path / "c.sloy") == train(2)


def test_the_order_of_a_mapping_is_no_difference(tmp_path):
    weights = {0: 2.0, 1: 0.5, 2: 1.0}
    whole = train(2, class_weight=weights)
    train(1, tmp_path / "c.sloy", class_weight=weights)
    turned = dict(reversed(weights.items()))
    assert train(2, tmp_path / "c.sloy", resume=True, class_weight=turned) == whole


def test_without_resume_a_run_begins_anew(tmp_path):
    train(3, tmp_path / "c.sloy")
    assert train(2, tmp_path / "c.sloy") == train(2)


def test_resume_without_a_file_begins_at_the_start(tmp_path):
    assert train(2, tmp_path / "new" / "c.sloy", resume=True) == train(2)


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(InvalidArgument, match="is a folder; give a file's path"):
        train(1, tmp_path)
