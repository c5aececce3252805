"""Ctrl-C and SIGTERM: quick, and nothing half done."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import sloy
from sloy.layers import Dense, ReLU
from sloy.training.interrupt import Deferred
from training_tasks import Spy, blobs, engines, environment, fit, mlp

LIMIT = 0.1  # seconds from the signal to the exception


class SignalAfter(Spy):
    """Sends a signal to this process from another thread, while the engine computes."""

    def __init__(self, seconds, number=signal.SIGINT):
        super().__init__()
        self.seconds, self.number, self.sent = seconds, number, 0.0

    def on_progress(self, run, progress):
        if not self.progress:
            threading.Timer(self.seconds, self._send).start()
        super().on_progress(run, progress)

    def _send(self):
        self.sent = time.perf_counter()
        signal.raise_signal(self.number)


def wide(count=4000):
    """A net and data that take long enough to be interrupted, in steps that are short."""
    x = np.random.default_rng(0).normal(size=(count, 64)).astype(np.float32)
    return sloy.Network((64,), [Dense(64), ReLU(), Dense(2)]), (x, (x[:, 0] > 0).astype(int))


@pytest.mark.parametrize("engine", engines())
def test_it_stops_within_a_tenth_of_a_second(tmp_path, engine):
    network, data = wide()
    spy = SignalAfter(0.3)
    with pytest.raises(KeyboardInterrupt) as caught:
        fit(
            network, data, epochs=100_000, batch_size=16, engine=engine, callbacks=[spy],
            checkpoint=tmp_path / "c.sloy",
        )  # fmt: skip
    late = time.perf_counter() - spy.sent
    assert late < LIMIT
    assert caught.value.__notes__ == [f"checkpoint saved in {tmp_path / 'c.sloy'}"]
    assert caught.value.history is spy.runs[0].history
    model = caught.value.model
    assert all(np.isfinite(value).all() for value in model.parameters.values())
    start = network.initialize(0)
    assert (model.parameters["dense_1/weight"] != start["dense_1/weight"]).any()
    assert np.isfinite(model.evaluate(data)["loss"])
    assert spy.calls[-1] == "fit ends"


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
        assert signals.requested
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


@pytest.mark.parametrize("engine", engines())
def test_ctrl_c_in_a_process_of_its_own(tmp_path, engine):
    script = Path(__file__).with_name("train_process.py")
    paths = [str(tmp_path / "c.sloy"), str(tmp_path / "r.npz")]
    command = [sys.executable, str(script), engine, *paths, "1000", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT  # what Python makes of KeyboardInterrupt
    assert "KeyboardInterrupt" in errors
    assert (tmp_path / "c.sloy").exists()
