"""The probe says what a step does, in numbers that are checked against others, and does not change one bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sloy
from available import available
from sloy.layers import Dense, Flatten, LeakyReLU, ReLU, Residual, Sigmoid, Tanh
from sloy.regularizers import L2
from sloy.training import probe as probing
from sloy.training.probe import Probe, Reading, spread
from sloy.training.probe_graph import constant_losses
from sloy.training.run import Run
from sloy.training.state import TrainingState
from training_tasks import blobs, cnn, fit, mlp, stripes


def bits(model: sloy.Model, history: sloy.History) -> dict[str, bytes]:
    found = {name: np.asarray(v).tobytes() for name, v in model.parameters.items()}
    measured = [name for name in history.columns if "second" not in name]
    return found | {name: history[name].tobytes() for name in measured}


@pytest.mark.parametrize("engine", ["reference", "native"])
@pytest.mark.parametrize("case", ["together", "validated", "pictures", "each batch"])
def test_not_one_bit_changes(engine: str, case: str) -> None:
    """Many epochs in one call, single ones, pooling that is fused, and a callback that wants each batch."""
    runs = available(engine, threads=1)
    network, data = (cnn(), stripes()) if case == "pictures" else (mlp(), blobs())
    options: dict[str, Any] = {"engine": runs, "epochs": 5, "batch_size": 16, "learning_rate": 0.02}
    if case == "validated":
        options |= {"validation": 0.2, "schedule": "cosine", "patience": 3}

    class EachBatch(sloy.Callback):
        def on_batch_end(self, run: Run, batch: Any) -> None: ...

    others = [EachBatch()] if case == "each batch" else []
    probe = Probe(samples=40, least=5)
    without = bits(*fit(network, data, callbacks=others, **options))
    assert bits(*fit(network, data, callbacks=[probe, *others], **options)) == without
    steps = [reading.step for reading in probe.readings]
    assert steps == sorted(set(steps))
    assert steps[:3] == [0, 1, 2] or steps[:3] == [0, 1, 4]
    assert len(steps) >= 5


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_what_is_kept_is_read_as_it_was(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later the same numbers as at once, though the variables have gone on; the run compiles and reads nothing."""
    runs, found = available(engine, threads=1), []
    network = sloy.Network((4,), [Dense(6), ReLU(), sloy.layers.Dropout(0.2), Dense(3)])
    for most in (0, probing.KEPT):
        monkeypatch.setattr(probing, "KEPT", most)
        watch, state = Probe(samples=40, least=5), TrainingState()
        options: dict[str, Any] = {"engine": runs, "batch_size": 16, "optimizer": "adam"}
        with monkeypatch.context() as patch:
            if most:
                patch.setattr(probing, "Prober", None)
            fit(network, blobs(), epochs=5, state=state, callbacks=[watch], **options)
        fit(network, blobs(), state=state, **options)
        found.append({reading.step: reading.values for reading in watch.readings})
    both = sorted(found[0].keys() & found[1].keys())
    assert len(both) >= 6
    for step in both:
        at_once, later = found[0][step], found[1][step]
        assert at_once.keys() == later.keys()
        for name, value in at_once.items():
            assert value.tobytes() == later[name].tobytes(), (step, name)


def test_it_is_read_while_the_run_goes_on_where_that_is_paid_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probing, "COMPILED", 0.0)
    read: list[int] = []

    class Read(probing.Prober):
        def read(self, moment: probing.Moment) -> Reading:
            read.append(moment.step)
            return super().read(moment)

    monkeypatch.setattr(probing, "Prober", Read)
    watch = Probe(samples=20, least=5, budget=0.99)
    fit(mlp(), blobs(), epochs=20, batch_size=16, callbacks=[watch])
    in_the_run = list(read)
    assert len(in_the_run) >= 5
    steps = [reading.step for reading in watch.readings]
    assert read == sorted(set(read))
    assert set(steps) <= set(read)


def first_reading(network: sloy.Network, data: sloy.Dataset, **options: Any) -> tuple[Reading, Run]:
    """Of the initial network on all samples, and its run."""
    runs: list[Run] = []

    class Seen(sloy.Callback):
        def on_fit_begin(self, run: Run) -> bool:
            runs.append(run)
            return True

    probe = Probe(samples=len(data))
    fit(network, data, callbacks=[probe, Seen()], precision="float64", **options)
    return probe.readings[0], runs[0]


def test_the_numbers_are_those_of_the_step() -> None:
    """Gradients of `sloy.gradients`, and the step that is really done."""
    network = sloy.Network((4,), [Dense(6, weight_regularizer=L2(0.1)), Tanh(), Dense(3)])
    data = blobs()
    options: dict[str, Any] = {"learning_rate": 0.5, "optimizer": "sgd", "preprocessing": "none"}
    reading, run = first_reading(network, data, **options)
    start = {name: np.array(run.weights[name]) for name in network.shapes}
    x = data.x.astype(np.float64)
    loss = "categorical_crossentropy"
    gradients = sloy.gradients(network, start, x, data.y, loss)
    for name, gradient in gradients.items():
        size = np.linalg.norm(gradient)
        assert reading.values[f"gradient_norm/{name}"] == pytest.approx(size, rel=1e-9)
        assert reading.values[f"norm/{name}"] == pytest.approx(np.linalg.norm(start[name]))
        assert reading.values[f"update_norm/{name}"] == pytest.approx(0.5 * size, rel=1e-9)
    penalty = np.linalg.norm(2 * 0.1 * start["dense_1/weight"])
    assert reading.values["penalty_norm/dense_1/weight"] == pytest.approx(penalty)
    ratios = [
        0.5
        * np.linalg.norm(gradients[f"dense_{i}/weight"])
        / np.linalg.norm(start[f"dense_{i}/weight"])
        for i in (1, 2)
    ]
    assert reading.moved == pytest.approx(np.median(ratios))
    rms = [np.sqrt(np.mean(gradients[f"dense_{i}/weight"] ** 2)) for i in (1, 2)]
    assert reading.gradient_ratio == pytest.approx(rms[1] / rms[0])


def test_units_margins_and_losses() -> None:
    """Against the formula in NumPy, of a saturated, a leaky, and a dead layer."""
    network = sloy.Network(
        (4,), [Dense(5), Tanh(), Dense(5), LeakyReLU(0.3), Dense(4), ReLU(), Dense(3)]
    )
    data = blobs()
    start = network.initialize(0, "float64")
    start["dense_1/weight"][:, :2] *= 100
    start["dense_3/bias"][:3] = -1000
    reading, run = first_reading(network, data, parameters=start, preprocessing="none")
    x = data.x[spread(run.order.data, len(data), 0)].astype(np.float64)
    y = data.y[spread(run.order.data, len(data), 0)]
    one = np.tanh(x @ start["dense_1/weight"] + start["dense_1/bias"])
    two = one @ start["dense_2/weight"] + start["dense_2/bias"]
    two = np.where(two > 0, two, 0.3 * two)
    three = np.maximum(two @ start["dense_3/weight"] + start["dense_3/bias"], 0)
    z = three @ start["dense_4/weight"] + start["dense_4/bias"]
    for name, value in (("tanh_1", one), ("leaky_relu_1", two), ("relu_1", three)):
        np.testing.assert_allclose(reading.values[f"max/{name}"], value.max(0), rtol=1e-9)
        np.testing.assert_allclose(reading.values[f"mean/{name}"], value.mean(0), rtol=1e-9)
        np.testing.assert_allclose(
            reading.values[f"mean_square/{name}"], (value**2).mean(0), rtol=1e-9
        )
    slope = 1 - one**2
    flat = (slope <= 0.05 * max(slope.max(), 0.2)).mean(0)
    np.testing.assert_allclose(reading.values["flat/tanh_1"], flat)
    assert not reading.values["flat/leaky_relu_1"].any()
    assert reading.dead == {
        "tanh_1": 0.0,
        "leaky_relu_1": 0.0,
        "relu_1": pytest.approx((three == 0).all(0).mean()),
    }
    assert reading.flat["tanh_1"] == pytest.approx((flat >= 0.9).mean())
    others = np.where(np.eye(3)[y] > 0, -np.inf, z).max(1)
    margins = z[np.arange(len(y)), y] - others
    np.testing.assert_allclose(reading.values["margin"], margins, rtol=1e-9)
    assert reading.accuracy == pytest.approx((z.argmax(1) == y).mean())
    losses = np.log(np.exp(z - z.max(1, keepdims=True)).sum(1)) + z.max(1) - z[np.arange(len(y)), y]
    np.testing.assert_allclose(reading.values["loss"], losses, rtol=1e-9)
    np.testing.assert_allclose(reading.values["mean/input"], x.mean(0))


def test_functions_within_layers_are_found() -> None:
    """Also those inside residual layers, a user's own, and not those that are linear."""
    own = sloy.layers.Activation(lambda z: z * sloy.ops.sigmoid(z), name="swish")
    network = sloy.Network(
        (2, 2, 1),
        [
            Flatten(),
            Residual([Dense(4), Sigmoid(), Dense(4)]),
            own,
            sloy.layers.Dropout(0.5),
            Dense(2),
        ],
    )
    x = np.random.default_rng(0).normal(size=(12, 2, 2, 1))
    reading, _ = first_reading(network, sloy.Dataset(x, np.arange(12) % 2))
    assert set(reading.of("flat")) == {"residual_1/sigmoid_1", "swish"}


def test_the_best_constant_answer() -> None:
    """Entropy of the shares of classes; variance of numbers."""
    data = sloy.Dataset(np.zeros((8, 4), np.float32), [0, 0, 0, 0, 0, 0, 1, 1])
    _, run = first_reading(sloy.Network((4,), [Dense(2)]), data)
    losses = constant_losses(run.order, run.order.data.y)
    assert losses is not None
    assert losses.mean() == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))
    numbers = np.array([1.0, 2.0, 3.0, 10.0], np.float32)
    _, run = first_reading(
        sloy.Network((4,), [Dense(1)]), sloy.Dataset(np.zeros((4, 4), np.float32), numbers)
    )
    losses = constant_losses(run.order, run.order.data.y)
    assert losses is not None
    assert losses.mean() == pytest.approx(numbers.var())


def test_rows_are_spread_over_the_classes() -> None:
    y = np.repeat([0, 1, 2], [60, 30, 10]).astype(np.int32)
    data = sloy.problem.inputs.Columns(np.zeros((100, 1)), y, np.ones(100))
    rows = spread(data, 20, 0)
    assert np.bincount(y[rows]).tolist() == [12, 6, 2]
    assert len(set(rows.tolist())) == 20
    assert rows.tolist() == spread(data, 20, 0).tolist() != spread(data, 20, 1).tolist()


def test_pauses_come_after_the_step_that_was_asked_for() -> None:
    asked = [3, 7, 8, 20]
    seen: list[int] = []

    class Pauses(sloy.Callback):
        def pause_after(self, run: Run) -> int | None:
            return next((step for step in asked if step > run.steps_done), None)

        def on_pause(self, run: Run) -> bool:
            seen.append(run.steps_done)
            run.snapshot()  # stands between two steps
            return run.steps_done >= 20

    _, history = fit(mlp(), blobs(), epochs=9, batch_size=16, callbacks=[Pauses()], validation=0.2)
    assert seen == asked
    assert len(history) == 4  # 5 steps each: the last stops with its epoch
