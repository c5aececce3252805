"""Training on an engine with memory of its own: the same numbers, and nothing is moved that nobody asked for."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from device_engine import ROW, DeviceEngine
from engine_tasks import assert_same
from sloy.engines import TABLE, Engine, ReferenceEngine
from sloy.errors import NonFiniteError
from sloy.training.run import Run
from sloy.training.state import TrainingState
from training_tasks import Spy, blobs, fit, mlp

WEIGHTS = len(mlp().shapes)  # parameters and states
STATES = 2
ALL = WEIGHTS + 2 * (WEIGHTS - STATES) + 1  # with Adam's slots and the key


def both(**arguments: Any) -> tuple[DeviceEngine, list[tuple[sloy.Model, sloy.History]]]:
    """The same run on the device and on the reference engine; callbacks are made for each."""
    device = DeviceEngine()
    callbacks = arguments.pop("callbacks", list)
    engines: list[Engine] = [device, ReferenceEngine()]
    runs = [
        fit(mlp(), blobs(), batch_size=16, engine=e, callbacks=callbacks(), **arguments)
        for e in engines
    ]
    return device, runs


def assert_alike(runs: list[tuple[sloy.Model, sloy.History]]) -> None:
    (one, its_history), (other, expected) = runs
    timed = ("seconds", "samples_per_second")
    rows = [
        [{n: v for n, v in row.items() if n not in timed} for row in history.rows]
        for history in (its_history, expected)
    ]
    assert rows[0] == rows[1]
    assert_same(one.parameters, other.parameters)


def test_a_run_moves_its_variables_there_once() -> None:
    device, runs = both(epochs=3)
    assert device.traffic == {"written": ALL}
    assert_alike(runs)
    assert device.traffic == {"written": ALL, "read": WEIGHTS}


def test_validation_and_early_stopping() -> None:
    device, runs = both(
        epochs=8,
        validation=0.3,
        optimizer=sloy.Adam(0.3),
        callbacks=lambda: [sloy.EarlyStopping(patience=2)],
    )
    history = runs[0][1]
    assert 2 < len(history) < 8  # it stopped, and not at its best epoch
    values = history["val_loss"]
    improved = sum(value < min([np.inf, *values[:i]]) for i, value in enumerate(values))
    assert device.traffic == {"written": ALL + WEIGHTS, "read": improved * WEIGHTS}
    assert_alike(runs)


def test_checkpoint_and_resume(tmp_path: Path) -> None:
    expected = fit(mlp(), blobs(), batch_size=16, epochs=4)
    device, path = DeviceEngine(), tmp_path / "run.sloy"
    done: dict[str, Any] = {"batch_size": 16, "checkpoint": path, "engine": device, "epochs": 4}
    fit(mlp(), blobs(), callbacks=[Spy(lambda run, row: row["epoch"] == 2)], **done)
    # all are read for the fingerprint of the beginning, and for each checkpoint, but for the key, which stays
    assert device.traffic == {"written": ALL, "read": 1 + 3 * (ALL - 1)}
    resumed = fit(mlp(), blobs(), resume=True, **done)
    assert_alike([resumed, expected])


class Halve(sloy.Callback):
    """After each batch, halves a weight."""

    def on_batch_end(self, run: Run, batch: Any) -> None:
        run.weights.write("last/weight", run.weights["last/weight"] / 2)
        run.model.parameters["last/bias"] = np.ones(3)


class Watch(sloy.Callback):
    """Wants each batch, but no weights."""

    def on_batch_end(self, run: Run, batch: Any) -> None:
        assert np.isfinite(batch.values["loss"])


def test_a_weight_written_after_each_batch() -> None:
    device, runs = both(epochs=2, callbacks=lambda: [Halve()])
    steps = 2 * -(-90 // 16)
    assert device.traffic["written"] == ALL + 2 * steps
    assert_alike(runs)
    assert (runs[0][0].parameters["last/bias"] == 1).all()


def test_watching_each_batch_moves_nothing() -> None:
    device, runs = both(epochs=2, callbacks=lambda: [Watch()])
    assert device.traffic == {"written": ALL}
    assert_alike(runs)


def test_writing_in_place_raises_instead_of_vanishing() -> None:
    def spoil(run: Run, row: Any) -> None:
        run.weights["last/bias"][0] = 1

    with pytest.raises(ValueError, match="read-only"):
        fit(mlp(), blobs(), engine=DeviceEngine(), callbacks=[Spy(spoil)])


def test_a_step_that_is_not_finite_is_diagnosed() -> None:
    def spoil(run: Run, row: Any) -> None:
        run.weights.write("last/bias", [np.nan] * 3)

    with pytest.raises(NonFiniteError, match="parameter `last/bias` is not finite"):
        fit(mlp(), blobs(), epochs=2, engine=DeviceEngine(), callbacks=[Spy(spoil)])


def test_a_state_goes_from_engine_to_engine() -> None:
    expected = fit(mlp(), blobs(), batch_size=16, epochs=4)[0]
    state, device = TrainingState(), DeviceEngine()
    for engine in (ReferenceEngine(), device, device, ReferenceEngine()):
        model, _ = fit(mlp(), blobs(), batch_size=16, state=state, engine=engine)
        state = pickle.loads(pickle.dumps(state)) if engine is device else state
    assert_same(model.parameters, expected.parameters)


def test_a_model_computes_there() -> None:
    x, device = blobs().x, DeviceEngine()
    trained, _ = fit(mlp(), blobs())
    model = sloy.Model(trained.problem, trained.parameters, engine=device)
    for _ in range(3):
        assert model(x).tolist() == trained(x).tolist()
    assert device.traffic == {"written": WEIGHTS}
    with pytest.raises(ValueError, match="read-only"):
        model.parameters["last/bias"] *= 2
    for each in (model, trained):
        each.parameters["last/bias"] = [1, 2, 3]
    assert model(x).tolist() == trained(x).tolist()
    assert copy.deepcopy(model).parameters["last/bias"].tolist() == [1, 2, 3]


def test_a_model_finds_it_by_name_on_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLE, "device", ROW)
    x, (trained, _) = blobs().x, fit(mlp(), blobs())
    model = sloy.Model(
        trained.problem, {n: v.copy() for n, v in trained.parameters.items()}, engine="device"
    )
    parameters = model.parameters
    parameters["last/bias"][0] = trained.parameters["last/bias"][0] = 0.5  # in host memory, so far
    assert model(x).tolist() == trained(x).tolist()
    for each in (parameters, trained.parameters):
        each["last/bias"] = [1, 2, 3]
    assert model(x).tolist() == trained(x).tolist()
    with pytest.raises(ValueError, match="read-only"):
        parameters["last/bias"][0] = 1
