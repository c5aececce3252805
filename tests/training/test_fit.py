"""`sloy.fit`: what it learns, what it computes, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import sloy
from available import installed
from sloy import losses, ops, schedules
from sloy.errors import InvalidArgument, ShapeError, UnknownName
from sloy.graph.threefry import make_key, permutation
from sloy.layers import Dense, Tanh
from sloy.problem import inputs
from training_tasks import Spy, blobs, cnn, fit, mlp, stripes

ENGINES = installed()


@pytest.mark.parametrize("engine", ENGINES)
def test_it_learns_classes(engine):
    data = blobs(300)
    model, history = fit(
        mlp(), data, validation=0.2, epochs=15, batch_size=32, engine=engine,
        optimizer=sloy.Adam(0.02),
    )  # fmt: skip
    assert history["val_accuracy"][-1] > 0.97
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    assert model.evaluate(blobs(300))["accuracy"] > 0.97


@pytest.mark.parametrize("engine", ENGINES)
def test_it_learns_pictures_of_bytes(engine):
    data = stripes()
    model, history = fit(
        cnn(), data, epochs=30, batch_size=16, engine=engine, optimizer=sloy.Adam(0.01)
    )
    assert history["accuracy"][-1] == 1.0
    assert model.problem.data_dtype == "uint8"
    assert model.problem.preprocessing.deviation == (255.0,)
    assert model.class_names == ("row", "column")
    assert (model.predict(data.x) == data.y).all()


def test_it_learns_numbers():
    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    network = sloy.Network((1,), [Dense(16), Tanh(), Dense(1)])
    model, history = fit(network, (x, x[:, 0] ** 2), epochs=300, optimizer=sloy.Adam(0.02))
    assert isinstance(model.loss, losses.SquaredError)
    assert np.abs(model.predict(x) - x**2).max() < 0.1
    assert history.columns[:4] == ("epoch", "loss", "mean_absolute_error", "learning_rate")


# --- the numbers of a run, against a loop written here -------------------------------------------


def _descend(x, y, w, b, orders, batch_size, rate, weights=None):
    """Softmax regression by plain gradient descent, in float64: weights and the mean loss of each epoch."""
    weights = np.ones(len(x)) if weights is None else weights
    losses_of_epochs, norms = [], []
    for order in orders:
        total = 0.0
        for first in range(0, len(x), batch_size):
            rows = order[first : first + batch_size]
            s = weights[rows] / weights[rows].sum()
            z = x[rows] @ w + b
            p = np.exp(z - z.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            total -= weights[rows] @ np.log(p[np.arange(len(rows)), y[rows]])
            g = s[:, None] * (p - np.eye(w.shape[1])[y[rows]])
            dw, db = x[rows].T @ g, g.sum(0)
            norms.append(np.sqrt((dw**2).sum() + (db**2).sum()))
            w, b = w - rate * dw, b - rate * db
        losses_of_epochs.append(total / weights.sum())
    return w, b, losses_of_epochs, norms


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_every_number_of_a_run(shuffle, weighted):
    data = blobs(50)
    network = sloy.Network((4,), [Dense(3)])
    weights = np.random.default_rng(1).random(50) if weighted else None
    start = {"dense_1/weight": np.full((4, 3), 0.1), "dense_1/bias": np.array([0.1, 0.0, -0.1])}
    model, history = fit(
        network, data, epochs=3, batch_size=16, optimizer=sloy.SGD(0.05), seed=9, shuffle=shuffle,
        sample_weight=weights, precision="float64", parameters=start, validation=data,
    )  # fmt: skip
    orders = [
        permutation(50, make_key(9, "shuffle", epoch)) if shuffle else np.arange(50)
        for epoch in range(3)
    ]
    assert len({tuple(order) for order in orders}) == (3 if shuffle else 1)
    x = data.x.astype(np.float64)
    w, b, expected, norms = _descend(
        x, data.y, start["dense_1/weight"], start["dense_1/bias"], orders, 16, 0.05, weights
    )
    np.testing.assert_allclose(model.parameters["dense_1/weight"], w, rtol=1e-12)
    np.testing.assert_allclose(model.parameters["dense_1/bias"], b, rtol=1e-12)
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-12)
    np.testing.assert_allclose(
        history["gradient_norm"], np.reshape(norms, (3, 4)).mean(1), rtol=1e-12
    )
    np.testing.assert_allclose(
        history["gradient_norm_max"], np.reshape(norms, (3, 4)).max(1), rtol=1e-12
    )
    z = x @ w + b
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    np.testing.assert_allclose(
        history["val_loss"][-1], -log_p[np.arange(50), data.y].mean(), rtol=1e-12
    )
    assert history["val_accuracy"][-1] == (z.argmax(1) == data.y).mean()
    assert history["samples_per_second"] == pytest.approx(50 / history["seconds"])


def test_weights_of_classes_are_weights_of_samples():
    data = blobs(30)
    by_class, _ = fit(mlp(), data, class_weight={0: 2.0, 2: 0.5}, epochs=2, batch_size=8)
    by_sample, _ = fit(
        mlp(), data, sample_weight=np.array([2.0, 1.0, 0.5])[data.y], epochs=2, batch_size=8
    )
    neither, _ = fit(mlp(), data, epochs=2, batch_size=8)
    for name, value in by_class.parameters.items():
        assert value.tobytes() == by_sample.parameters[name].tobytes()
    assert (by_class.parameters["last/weight"] != neither.parameters["last/weight"]).any()


def test_balanced_classes():
    y = np.array([0] * 6 + [2] * 3)
    found = inputs.weights(sloy.Dataset(np.zeros((9, 1)), y), None, "balanced")
    np.testing.assert_allclose(found, [0.75] * 6 + [1.5] * 3)


def test_the_same_seed_gives_the_same_bytes():
    first, second, other = (fit(mlp(), blobs(), epochs=2, seed=seed)[0] for seed in (3, 3, 4))
    for name, value in first.parameters.items():
        assert value.tobytes() == second.parameters[name].tobytes()
    assert (first.parameters["last/weight"] != other.parameters["last/weight"]).any()


def test_the_learning_rate_follows_its_schedule():
    spy, rate = Spy(), schedules.Cosine(0.1)
    _, history = fit(
        mlp(), blobs(), epochs=3, batch_size=30, optimizer=sloy.SGD(rate), callbacks=[spy]
    )
    expected = 0.05 * (1 + np.cos(np.pi * np.array([2, 5, 8]) / 9))
    np.testing.assert_allclose(history["learning_rate"], expected)


def test_reduce_on_plateau_watches_the_validation():
    rate = schedules.ReduceOnPlateau(0.5, factor=0.1, patience=0, threshold=0.999)
    _, history = fit(
        mlp(), blobs(), epochs=3, validation=0.3, optimizer=sloy.SGD(rate), batch_size=30
    )
    expected = [rate.rate_after(history["val_loss"][:k].tolist()) for k in range(3)]
    assert history["learning_rate"].tolist() == pytest.approx(expected)
    assert expected[2] < expected[0]


def test_the_split_is_stratified_and_a_function_of_the_seed():
    data = sloy.Dataset(np.arange(100.0)[:, None], np.repeat([0, 1], [80, 20]))
    rows, held_out = inputs.split(data, 0.25, seed=1)
    assert np.bincount(held_out.y).tolist() == [20, 5]
    assert sorted([*rows, *held_out.x[:, 0].astype(int)]) == list(range(100))
    again, _ = inputs.split(data, 0.25, seed=1)
    other, _ = inputs.split(data, 0.25, seed=2)
    assert (rows == again).all()
    assert (rows != other).any()


def test_a_frozen_layer_stays():
    network = mlp()
    start = network.initialize(0)
    model, _ = fit(network, blobs(), epochs=1, trainable=["last/*"])
    assert (model.parameters["dense_1/weight"] == start["dense_1/weight"]).all()
    assert (model.parameters["last/weight"] != start["last/weight"]).any()


def test_given_parameters_are_copied():
    network = mlp()
    start = network.initialize(7)
    before = {name: value.copy() for name, value in start.items()}
    model, _ = fit(network, blobs(), epochs=1, parameters=start)
    for name, value in before.items():
        assert (start[name] == value).all()
        assert not np.shares_memory(model.parameters[name], start[name])


def test_a_loss_of_ones_own():
    def log_cosh(output, target):
        return ops.softplus(2.0 * (output - target)) - (output - target)

    x = np.linspace(-1, 1, 32, dtype=np.float32)[:, None]
    network = sloy.Network((1,), [Dense(1)])
    model, _ = fit(network, (x, 3 * x + 1), loss=log_cosh, epochs=400, optimizer=sloy.Adam(0.05))
    assert model.parameters["dense_1/weight"].item() == pytest.approx(3, abs=0.01)


def test_callbacks_are_called_in_order():
    spy = Spy()
    _, history = fit(mlp(), blobs(), epochs=2, callbacks=[spy], validation=0.3, batch_size=20)
    assert spy.calls == [
        "fit begins", "epoch 1 begins", "epoch 1 ends", "epoch 2 begins", "epoch 2 ends", "fit ends"
    ]  # fmt: skip
    assert spy.runs[0].columns == history.columns
    last = spy.progress[-1]
    assert (last.epoch, last.step, last.samples) == (2, 4, 63)
    assert last.values["loss"] == history["loss"][-1]


def test_a_callback_stops_the_run():
    _, history = fit(mlp(), blobs(), epochs=9, callbacks=[Spy(lambda run, row: row["epoch"] == 2)])
    assert len(history) == 2


# --- what it refuses -----------------------------------------------------------------------------

X = np.zeros((6, 4), np.float32)
Y = np.array([0, 1, 2, 0, 1, 2])
NAN = X.copy()
NAN[3, 1] = np.nan

BAD = {
    "network": ({"network": [Dense(3)]}, "fit: `network` .*must be a Network"),
    "epochs": ({"epochs": 0}, r"fit: `epochs` \(=0\) must be an integer of at least 1"),
    "float epochs": ({"epochs": 2.5}, r"`epochs` \(=2.5\) must be an integer"),
    "batch size": ({"batch_size": -1}, r"`batch_size` \(=-1\)"),
    "seed": ({"seed": -1}, r"`seed` \(=-1\)"),
    "shuffle": ({"shuffle": "yes"}, "`shuffle` .*must be True or False"),
    "optimizer": ({"optimizer": "best"}, "`optimizer` .*must be one of sgd, .*adam"),
    "loss": ({"loss": "best"}, "`loss` .*must be one of .*categorical_crossentropy"),
    "metric": ({"metrics": ["best"]}, "metric 'best' must be one of accuracy"),
    "metric of another task": ({"metrics": ["r2"]}, "'r2' does not fit"),
    "engine": ({"engine": "fast"}, "`engine` .*must be one of auto, jax, native, reference"),
    "threads": ({"threads": -2}, r"`threads` \(=-2\)"),
    "precision": ({"precision": "half"}, "`precision` .*must be one of auto, float32"),
    "preprocessing": ({"preprocessing": "magic"}, "`preprocessing` .*auto, unit, standardize"),
    "callbacks": ({"callbacks": [print]}, "`callbacks` .*must be a Callback"),
    "one callback": ({"callbacks": sloy.EarlyStopping()}, "`callbacks` .*must be a list or tuple"),
    "resume": ({"resume": True}, r"`resume` \(=True\) needs the `checkpoint`"),
    "validation": ({"validation": 1.5}, r"`validation` \(=1.5\) must be a fraction between 0 and 1"),
    "validation flag": ({"validation": True}, "`validation`"),
    "small validation": ({"validation": 0.01}, "leaves one side empty"),
    "data": ({"data": X}, r"`data` is of type ndarray; it must be a Dataset or a pair \(x, y\)"),
    "empty data": ({"data": (X[:0], Y[:0])}, "`data` holds no sample"),
    "lengths": ({"data": (X, Y[:5])}, "`x` has 6 samples .*`y` has 5"),
    "NaN": ({"data": (NAN, Y)}, "NaN or infinite, first in sample 3"),
    "too large": ({"data": (X.astype(float) + 1e300, Y)}, r"x\[0, 0\] is 1e\+300; too large for float32"),
    "complex numbers": ({"data": (X.astype(complex), Y)}, "`x` has dtype complex128"),
    "shape": ({"data": (X[:, :3], Y)}, r"`x` has shape \(6, 3\); the network takes \(N, 4\)"),
    "flat": ({"data": (X.reshape(6, 2, 2), Y)}, r"flatten the samples with x.reshape\(len\(x\), -1\)"),
    "labels": ({"data": (X, Y + 1)}, r"y\[2\] is 3; targets must be labels from 0 to 2"),
    "targets": ({"data": (X, Y.astype(float)), "loss": "categorical_crossentropy"}, "labels have dtype"),
    "weights": ({"sample_weight": np.ones(5)}, r"`sample_weight` is float64 of shape \(5,\).*\(6,\)"),
    "negative": ({"sample_weight": -np.ones(6)}, r"`sample_weight`\[0\] is -1.0"),
    "zero": ({"sample_weight": np.zeros(6)}, "all samples have weight 0"),
    "class": ({"class_weight": {7: 1.0}}, r"`class_weight`: 7 is no label of the data \(0 to 2\)"),
    "class weight": ({"class_weight": {1: -1.0}}, r"`class_weight\[1\]` \(=-1.0\)"),
    "unknown parameter": ({"parameters": {"w": np.zeros(3)}}, r"`parameters`: unknown \['w'\]"),
    "parameter": ({"parameters": {"last/bias": np.zeros(2)}}, r"`last/bias` has shape \(2,\)"),
    "NaN parameter": ({"parameters": {"last/bias": [np.nan] * 3}}, "`last/bias` holds .* not finite in float32"),
    "ragged": ({"data": ([[1.0] * 4, [1.0]], [0, 1])}, "data: `x` must be an array, or lists of equal"),
    "masked": ({"data": (np.ma.masked_equal(X, 0), Y)}, "data: `x` has masked elements"),
    "labels as floats": ({"data": (X, Y * 1.0)}, r"labels of classes must be integers \(`y.astype"),
    "huge weights": ({"sample_weight": [1e38] * 6}, "are too large: their sum may not be finite in float32"),
    "ragged weights": ({"sample_weight": [[1], [1, 2]]}, "`sample_weight` must be an array, or lists"),
    "complex weight": ({"class_weight": {0: np.complex64(1)}}, r"`class_weight\[0\]` .* a finite number"),
    "flag as a label": ({"class_weight": {True: 1.0}}, "`class_weight`: True is no label"),
    "list of optimizers": ({"optimizer": ["adam"]}, "`optimizer` .*must be one of sgd"),
    "metrics": ({"metrics": 3}, "fit: `metrics` .*must be a list or tuple"),
    "unhashable metric": ({"metrics": [[]]}, r"metric \[\] must be one of"),
    "list of engines": ({"engine": []}, "`engine` .*must be one of auto"),
    "many threads": ({"threads": 10_000}, "`threads` .* at most 1024"),
    "great seed": ({"seed": 2**64}, "fit: `seed` .* at most 18446744073709551615"),
    "huge parameter": ({"parameters": {"last/bias": [1e300] * 3}}, "not finite in float32"),
    "ragged parameter": ({"parameters": {"last/bias": [[1], [1, 2]]}}, "last/bias.* lists of equal"),
    "text as parameter": ({"parameters": {"last/bias": ["a"] * 3}}, "must hold real numbers"),
    "list of parameters": ({"parameters": [1]}, "fit: `parameters` .*must be a Mapping"),
    "number as trainable": ({"trainable": 3}, "fit: `trainable` .*must be a list or tuple"),
    "numbers as trainable": ({"trainable": [3]}, "fit: `trainable` .*must be a str"),
    "watched": (
        {"optimizer": sloy.SGD(schedules.ReduceOnPlateau(0.1, monitor="f1"))},
        "ReduceOnPlateau: `monitor` .*'f1'.* is not measured",
    ),
    "folder of a file": ({"checkpoint": f"{__file__}/c.sloy"}, "its folder cannot be made"),
    "trainable": ({"trainable": ["nothing"]}, "fits none of the parameters"),
    "checkpoint": ({"checkpoint": 3}, "`path` .*must be a path"),
    "monitor": ({"callbacks": [sloy.EarlyStopping()]}, "`monitor` .*'val_loss'.* is not measured"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_argument_is_one_clear_error(case):
    arguments, message = BAD[case]
    given = {"network": mlp(), "data": (X, Y), **arguments}
    with pytest.raises(InvalidArgument, match=message) as caught:
        fit(**given)
    assert "\n" not in str(caught.value)


def test_a_missing_channel_axis_is_named():
    with pytest.raises(ShapeError, match=r"add the channel axis with x\[..., None\]"):
        fit(cnn(), (np.zeros((4, 8, 8), np.uint8), [0, 1, 0, 1]))


@pytest.mark.parametrize(
    "given",
    [
        {"epochs": np.int64(1), "batch_size": np.int32(3), "seed": np.uint8(2), "threads": np.int64(1)},
        {"data": (X.tolist(), Y.tolist())},
        {"data": (np.asfortranarray(X)[::-1], Y.astype(np.uint8))},
        {"data": (X.astype(">f4"), Y.astype(">i8"))},
        {"data": (X[:1], Y[:1])},
        {"batch_size": 10**9},
        {"validation": np.float32(0.5)},
        {"sample_weight": [1] * 6, "class_weight": {0: 2, np.int64(1): np.float32(0.5)}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("engine", ENGINES)
def test_what_it_takes(engine, given):
    """Numbers of NumPy, lists, any layout and byte order, a single sample."""
    model, history = fit(**{"network": mlp(), "data": (X, Y), "engine": engine, **given})
    assert len(history) == 1
    assert np.isfinite(model(X)).all()


def test_arrays_that_must_not_change_do_not():
    frozen = np.random.default_rng(1).normal(size=X.shape)
    frozen.setflags(write=False)
    before = frozen.copy()
    fit(mlp(), (frozen, Y), preprocessing="standardize", precision="float64")
    assert (frozen == before).all()


def test_metrics_of_whole_data_sets_are_told_where_nothing_is_validated():
    x = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    y, network = (x[:, 0] > 0).astype(int), sloy.Network((2,), [sloy.layers.Dense(2)])
    how = {"epochs": 1, "engine": "reference", "verbose": False}
    with pytest.warns(UserWarning, match="`metrics` auc, f1: of whole data sets, measured on `val"):
        model, _ = sloy.fit(network, (x, y), metrics=["accuracy", "auc", "f1"], **how)
    assert {"auc", "f1"} <= set(model.evaluate((x, y)))
    _, history = sloy.fit(network, (x, y), metrics=["auc"], validation=0.5, **how)
    with pytest.raises(UnknownName, match=r"named 'auc' \('val_auc' is measured, on what is vali"):
        history["auc"]
