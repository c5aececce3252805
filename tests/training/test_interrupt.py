"""Ctrl-C and SIGTERM: quick, and nothing half done."""

from __future__ import annotations

import signal
import threading
import time

import numpy as np
import pytest

import sloy
from available import installed
from sloy.layers import Dense, ReLU
from sloy.training.interrupt import Deferred
from training_tasks import Spy, blobs, fit, mlp, train_process

LIMIT = 0.1  # seconds from the signal to the exception


class SignalAfter(Spy):
    """Sends a signal to this process from another thread, while the engine computes.

    The clock starts when the accuracy of an epoch so far has reached a goal.
    """

    def __init__(self, seconds, number=signal.SIGINT, goal=0.0):
        super().__init__()
        self.seconds, self.number, self.goal, self.sent = seconds, number, goal, 0.0
        self.started = False

    def on_progress(self, run, progress):
        super().on_progress(run, progress)
        if not self.started and progress.values["accuracy"] >= self.goal:
            self.started = True
            threading.Timer(self.seconds, self._send).start()

    def _send(self):
        self.sent = time.perf_counter()
        signal.raise_signal(self.number)


def wide(count=4000):
    """A net and data that take long enough to be interrupted, in steps that are short."""
    x = np.random.default_rng(0).normal(size=(count, 64)).astype(np.float32)
    return sloy.Network((64,), [Dense(64), ReLU(), Dense(2)]), (x, (x[:, 0] > 0).astype(int))


def interrupted(engine, checkpoint):
    """A run that was stopped in the middle, and the seconds from the signal to the exception."""
    network, data = wide()
    spy = SignalAfter(0.03, goal=0.95)
    with pytest.raises(KeyboardInterrupt) as caught:
        fit(
            network, data, epochs=100_000, batch_size=16, engine=engine, callbacks=[spy],
            checkpoint=checkpoint,
        )  # fmt: skip
    late = time.perf_counter() - spy.sent
    assert caught.value.__notes__ == [f"checkpoint saved in {checkpoint}"]
    assert caught.value.history is spy.runs[0].history
    assert spy.calls[-1] == "fit ends"
    assert caught.value.model.evaluate(data)["accuracy"] > 0.9
    return late


@pytest.mark.parametrize("engine", installed())
def test_it_stops_within_a_tenth_of_a_second(tmp_path, engine):
    """The best of three tries: another program may hold the machine for longer than that."""
    assert any(interrupted(engine, tmp_path / "c.sloy") < LIMIT for _ in range(3))


def test_the_handler_is_as_before(tmp_path):
    network, data = wide(64)
    with pytest.raises(KeyboardInterrupt):
        fit(network, data, epochs=100_000, callbacks=[SignalAfter(0.1)])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_program_is_called_between_steps(tmp_path):
    class Ended(BaseException):
        pass

    def end(number, frame):
        raise Ended

    before = signal.signal(signal.SIGTERM, end)
    try:
        with pytest.raises(Ended) as caught:
            fit(
                *wide(), epochs=100_000, callbacks=[SignalAfter(0.1, signal.SIGTERM)],
                checkpoint=tmp_path / "c.sloy",
            )  # fmt: skip
        assert caught.value.__notes__ == [f"checkpoint saved in {tmp_path / 'c.sloy'}"]
        assert signal.getsignal(signal.SIGTERM) is end
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_second_signal_does_not_wait():
    with Deferred() as signals:
        signal.raise_signal(signal.SIGINT)
        assert not signals.forced
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert signals.forced
        assert not signals.delivered
        with pytest.raises(KeyboardInterrupt):
            signals.check()


def test_a_signal_that_waits_at_the_end_is_delivered():
    with pytest.raises(KeyboardInterrupt), Deferred():
        signal.raise_signal(signal.SIGINT)


def test_an_error_of_a_callback_is_raised_as_it_is(tmp_path):
    class MineError(Exception):
        pass

    def fail(run, row):
        raise MineError("mine")

    spy = Spy(fail)
    with pytest.raises(MineError, match="mine"):
        fit(mlp(), blobs(), callbacks=[spy], checkpoint=tmp_path / "c.sloy")
    assert spy.calls[-1] == "fit ends"
    assert not (tmp_path / "c.sloy").exists()


def test_training_in_another_thread():
    """Signals belong to the main thread; elsewhere training just trains."""
    found = []
    thread = threading.Thread(target=lambda: found.append(fit(mlp(), blobs(), epochs=1)))
    thread.start()
    thread.join(timeout=60)
    assert len(found[0][1]) == 1


@pytest.mark.parametrize("engine", installed())
@pytest.mark.parametrize("delay", [0.0, 0.002])
def test_ctrl_c_in_a_process_of_its_own(tmp_path, engine, delay):
    paths = (tmp_path / "c.sloy", tmp_path / "r.npz")
    ended = train_process(engine, *paths, signal.SIGINT, 5, delay)
    assert ended.returncode == -signal.SIGINT  # what Python makes of KeyboardInterrupt
    assert "KeyboardInterrupt" in ended.stderr
    assert f"checkpoint saved in {paths[0]}" in ended.stderr
    assert paths[0].exists()
    assert not paths[1].exists()
