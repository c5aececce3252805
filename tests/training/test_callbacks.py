"""Early stopping, the CSV log, progress on a terminal and elsewhere."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import sloy
from sloy.engines.variables import HostVariables
from sloy.errors import InvalidArgument
from sloy.training.callbacks import EarlyStopping, TimeLimit
from sloy.training.history import History
from sloy.training.progress import Bar, ProgressBar
from training_tasks import Spy, blobs, environment, fit, mlp


class FakeRun:
    """As much of a run as early stopping needs: one weight, which holds the number of the epoch."""

    columns = ("epoch", "val_loss", "val_accuracy")
    rising = frozenset({"accuracy", "val_accuracy"})
    cycle_ends = ()
    epoch = 0

    def __init__(self):
        self.history = History()
        self.weights = HostVariables({"w": np.zeros(1)})


def stopped_after(values, column="val_loss", **arguments):
    """(epoch it stopped after, best epoch, weight at the end) for these figures."""
    stopping, run = EarlyStopping(column, **arguments), FakeRun()
    assert not stopping.on_fit_begin(run)
    epoch = 0
    for epoch, value in enumerate(values, 1):
        run.weights["w"][0] = epoch
        if stopping.on_epoch_end(run, {"epoch": epoch, column: value}):
            break
    stopping.on_fit_end(run)
    return epoch, stopping.best_epoch, run.weights["w"][0]


@pytest.mark.parametrize(
    ("values", "arguments", "expected"),
    [
        ([3, 2, 1, 2, 2, 0], {"patience": 2}, (5, 3, 3)),
        ([3, 2, 1, 2, 0, 1], {"patience": 2}, (6, 5, 5)),
        ([3, 2.9, 2.8, 2.7], {"patience": 2, "min_delta": 0.5}, (3, 1, 1)),
        ([1, 1, 1], {"patience": 2}, (3, 1, 1)),
        ([3, float("nan"), 2, float("nan"), float("nan")], {"patience": 2}, (5, 3, 3)),
        ([float("nan")] * 3, {"patience": 3}, (3, 0, 3)),
        ([float("inf"), 5, 6], {"patience": 1}, (3, 2, 2)),
        ([1, 2, 3], {"patience": 1, "restore_best": False}, (2, 1, 2)),
        ([1, 2, 3, 2, 1], {"patience": 2, "mode": "max"}, (5, 3, 3)),
        ([0.5, 0.7, 0.6, 0.6], {"patience": 2, "column": "val_accuracy"}, (4, 2, 2)),
        ([0.5, 0.7, 0.6, 0.6], {"patience": 1, "column": "val_accuracy", "mode": "min"}, (2, 1, 1)),
    ],
)
def test_when_it_stops_and_what_it_restores(values, arguments, expected):
    assert stopped_after(values, **arguments) == expected


@dataclass(frozen=True)
class Score(sloy.metrics.Accuracy):
    """A metric of one's own, under a name that says nothing."""

    name = "score"


class Error(Score):
    """One of which less is better."""

    name = "wrong"
    larger_is_better = False


@pytest.mark.parametrize(("metric", "more"), [(Score(), True), (Error(), False)])
def test_a_metric_says_what_is_better(metric, more):
    stopping = EarlyStopping(f"val_{metric.name}", patience=1)
    _, history = fit(
        mlp(), blobs(), metrics=[metric], validation=0.3, epochs=30, callbacks=[stopping],
        optimizer=sloy.Adam(0.01),
    )  # fmt: skip
    column = history[f"val_{metric.name}"]
    assert stopping.best == (column.max() if more else column.min())
    assert stopping.best_epoch == 1 + (column.argmax() if more else column.argmin())


def test_the_best_weights_are_in_the_model():
    spy = Spy()
    kept = {}

    def keep(run, row):
        kept[row["epoch"]] = run.weights["last/weight"].copy()

    spy.at_epoch_end = keep
    stopping = EarlyStopping("val_loss", patience=3)
    model, history = fit(
        mlp(), blobs(), epochs=60, validation=0.3, batch_size=16, optimizer=sloy.SGD(0.4),
        callbacks=[spy, stopping],
    )  # fmt: skip
    assert len(history) < 60
    best = int(np.argmin(history["val_loss"]))
    assert stopping.best_epoch == best + 1
    assert len(history) == best + 1 + 3
    assert (model.parameters["last/weight"] == kept[best + 1]).all()
    assert (model.parameters["last/weight"] != kept[len(history)]).any()


def test_a_used_one_begins_afresh():
    stopping = EarlyStopping("loss", patience=1)
    for _ in range(2):
        _, history = fit(mlp(), blobs(), epochs=2, callbacks=[stopping])
        assert stopping.best_epoch == 1 + int(np.argmin(history["loss"]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patience": 0}, "`patience` .*at least 1"),
        ({"min_delta": -1}, "`min_delta`"),
        ({"mode": "least"}, "`mode` .*auto, min, max"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InvalidArgument, match=message):
        EarlyStopping(**arguments)


def test_the_csv_log_has_every_epoch_as_it_ends(tmp_path):
    path, lengths = tmp_path / "log.csv", []
    spy = Spy(lambda run, row: lengths.append(len(History.from_csv(path))))
    _, history = fit(mlp(), blobs(), epochs=3, callbacks=[sloy.CSVLog(path), spy])
    assert lengths == [1, 2, 3]
    assert History.from_csv(path) == history


def test_short_epochs_are_written_together(tmp_path):
    log, place = tmp_path / "log.csv", tmp_path / "c.sloy"
    seen = []
    spy = Spy(lambda run, row: seen.append((len(History.from_csv(log)), place.exists())))
    _, history = fit(
        mlp(), blobs(), epochs=4, checkpoint=sloy.Checkpoint(place, epoch_seconds=1000),
        callbacks=[sloy.CSVLog(log, seconds=1000), spy],
    )  # fmt: skip
    assert seen == [(1, False)] * 4
    assert History.from_csv(log) == history
    assert place.exists()
    assert not place.with_name("c.sloy.previous").exists()
    _, resumed = fit(mlp(), blobs(), epochs=4, checkpoint=place, resume=True)
    assert len(resumed) == 4


def test_lines_where_there_is_no_terminal():
    stream = io.StringIO()
    _, history = fit(
        mlp(), blobs(), epochs=2, validation=0.3, callbacks=[ProgressBar(stream)], verbose=True
    )
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    row = history.rows[1]
    assert lines[1].startswith(
        f"epoch 2/2: loss {row['loss']:.4g}, accuracy {100 * row['accuracy']:.2f} %, val_loss"
    )
    assert "\x1b" not in stream.getvalue()


def test_many_short_epochs_have_few_lines():
    stream, total = io.StringIO(), 60
    bar = Bar(stream)
    bar.open(total, 10)
    for epoch in range(1, total + 1):
        bar.end(
            {
                "epoch": epoch,
                "loss": 0.5,
                "val_member_1": 1.0,
                "seconds": 0.0,
                "samples_per_second": 1.0,
            }
        )
    bar.close()
    first, *_, last = lines = stream.getvalue().splitlines()
    assert first.startswith("epoch  1/60")
    assert last.startswith("epoch 60/60: loss 0.5 ·")
    assert len(lines) < total


def test_silence(capfd):
    fit(mlp(), blobs(), verbose=False)
    assert capfd.readouterr() == ("", "")


def test_progress_is_on_the_error_stream(capfd):
    fit(mlp(), blobs(), verbose=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("epoch 1/1: loss")


def test_a_bar_on_a_terminal():
    """A real pseudo-terminal: a bar that moves, a line for each epoch, nothing left of the bar."""
    script = Path(__file__).with_name("bar_process.py")
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, str(script)], stderr=follower, stdout=follower,
        env=environment() | {"TERM": "xterm-256color", "COLUMNS": "120"},
    ) as process:  # fmt: skip
        os.close(follower)
        seen = b""
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:  # what Linux says at the end
                break
            if not part:
                break
            seen += part
        assert process.wait(timeout=60) == 0
    os.close(leader)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())
    assert re.search(r"epoch 1/2 .*\d+ % loss [\d.]+ accuracy [\d.]+ % [\d,]+/s", text)
    assert len(re.findall(r"epoch [12]/2: loss .* samples/s", text)) == 2
    shown = [int(share) for share in re.findall(r"(\d+) % loss", text)]
    assert len(set(shown)) > 3  # of the ten at which it waits


def test_with_a_schedule_of_cycles_it_looks_at_their_ends():
    """Of 30 epochs cycles end after 2, 6, 14, 30; the best epoch is the first."""
    plain = sloy.Network((4,), [sloy.layers.Dense(3)])
    optimizer = sloy.AdamW(sloy.schedules.CosLog(1e-12))
    stopping = EarlyStopping("val_loss", patience=1, min_delta=1e-3)
    _, history = fit(
        plain, blobs(), epochs=30, optimizer=optimizer, validation=0.2, callbacks=[stopping]
    )
    assert (len(history), stopping.best_epoch) == (6, 1)
    patient = EarlyStopping("val_loss", patience=8, min_delta=1e-3)
    _, history = fit(
        plain, blobs(), epochs=30, optimizer=optimizer, validation=0.2, callbacks=[patient]
    )
    assert len(history) == 14


def test_a_time_limit_stops_before_an_epoch_too_many() -> None:
    """Epochs of 1 s: after the third another one would end after 3.5 s."""
    limit, run, stopped = TimeLimit(3.5), FakeRun(), []
    for epoch in range(1, 5):
        row = {"epoch": epoch, "loss": 1.0, "seconds": 1.0}
        run.history.append(row)
        stopped.append(limit.on_epoch_end(run, row))  # type: ignore[arg-type]
    assert stopped == [False, False, True, True]
    with pytest.raises(InvalidArgument, match="`seconds`"):
        TimeLimit(0.0)


def test_a_method_that_nothing_calls_is_refused():
    with pytest.raises(
        InvalidArgument, match="nothing calls on_epochend; the moments are on_batch_end, "
    ):
        type("Own", (sloy.Callback,), {"on_epochend": lambda self, run, row: None})
