"""`Callback.on_batch_end`: after every step, at its cost, changing nothing."""

from __future__ import annotations

import signal

import numpy as np
import pytest

import sloy
from available import installed
from sloy import schedules
from training_tasks import Spy, blobs, fit, mlp, run_bytes

ENGINES = installed()


class Batches(Spy):
    """Remembers every batch; stops at one."""

    def __init__(self, stop_at: int = 0) -> None:
        super().__init__()
        self.batches = []
        self.stop_at = stop_at

    def on_batch_end(self, run, batch):
        self.batches.append(batch)
        return len(self.batches) == self.stop_at


def train(watcher, **arguments):
    settings = {
        "batch_size": 16, "optimizer": sloy.Adam(schedules.Cosine(0.05)), "validation": 0.2,
        "epochs": 3, "seed": 4, "threads": 1, "callbacks": [watcher],
    }  # fmt: skip
    return fit(mlp(), blobs(120), **{**settings, **arguments})


@pytest.mark.parametrize("engine", ENGINES)
def test_every_batch_is_told_and_nothing_changes(engine):
    spy, watcher = Spy(), Batches()
    _, history = train(spy, engine=engine)
    _, watched = train(watcher, engine=engine)
    assert run_bytes(spy.runs) == run_bytes(watcher.runs)
    assert (history["loss"] == watched["loss"]).all()
    batches = watcher.batches
    assert [(b.epoch, b.step) for b in batches] == [(e, s) for e in (1, 2, 3) for s in range(1, 7)]
    assert [b.steps for b in batches] == [6] * 18
    rates = schedules.Cosine(0.05).rates(0, 18, 18)
    np.testing.assert_allclose([b.learning_rate for b in batches], rates)
    sizes = [16] * 6  # 96 samples to train on
    of_first = np.average([b.values["loss"] for b in batches[:6]], weights=sizes)
    assert of_first == pytest.approx(history["loss"][0], rel=1e-12)
    assert max(b.values["gradient_norm"] for b in batches[6:12]) == history["gradient_norm_max"][1]
    assert set(batches[0].values) == {"loss", "accuracy", "gradient_norm"}


@pytest.mark.parametrize("engine", ENGINES)
def test_it_stops_within_an_epoch_and_resumes(engine, tmp_path):
    whole, half, rest = Batches(), Batches(stop_at=8), Batches()
    train(whole, engine=engine)
    _, history = train(half, engine=engine, checkpoint=tmp_path / "c.sloy")
    assert len(half.batches) == 8
    assert len(history) == 1
    train(rest, engine=engine, checkpoint=tmp_path / "c.sloy", resume=True)
    assert [b.values for b in half.batches + rest.batches] == [b.values for b in whole.batches]
    assert run_bytes(whole.runs) == run_bytes(rest.runs)


def test_stopping_at_the_last_batch_ends_the_epoch():
    _, history = train(Batches(stop_at=12))
    assert len(history) == 2
    assert "val_loss" in history


def test_others_see_progress_and_ctrl_c_acts(monkeypatch):
    monkeypatch.setattr("sloy.training.loop.POLL_SECONDS", 0.0)
    watcher = Batches()
    train(watcher)
    assert [p.step for p in watcher.progress] == [1, 2, 3, 4, 5, 6, 6] * 3

    class Interrupting(Batches):
        def on_batch_end(self, run, batch):
            super().on_batch_end(run, batch)
            if len(self.batches) == 9:
                signal.raise_signal(signal.SIGINT)

    interrupting = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        train(interrupting)
    assert len(interrupting.batches) == 9


def test_only_those_who_ask_pay():
    assert Batches().wants_batches
    assert not any(c.wants_batches for c in (Spy(), sloy.EarlyStopping(), sloy.ProgressBar()))
