"""`Model`: its answers, its parameters, its file."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy

import sloy
from sloy import losses, metrics, ops
from sloy.errors import FileFormatError, InvalidArgument, ShapeError
from sloy.exchange.container import read_container, write_container
from sloy.layers import Activation, Dense, Flatten, Reshape
from sloy.model import Model, default_batch
from sloy.steps.graphs import StepSpec
from training_tasks import blobs, cnn, engines, fit, mlp, stripes

ENGINES = engines()


@pytest.fixture(scope="module")
def trained() -> Model:
    """A model of pictures of bytes, with class names."""
    return fit(cnn(), stripes(), epochs=4, batch_size=16, optimizer=sloy.Adam(0.01))[0]


def affine(loss, outputs=1, **more):
    """A model of one dense layer, a = 2 x1 + 3 x2 + 1 in each output times (1, 2, …)."""
    network = sloy.Network((2,), [Dense(outputs)])
    target = {"target_shape": (outputs,), "target_dtype": "float32"} | more
    model = Model(StepSpec(network, loss, **target), network.initialize(0), engine="reference")
    k = np.arange(1, outputs + 1)
    model.parameters["dense_1/weight"] = np.array([[2.0], [3.0]]) * k
    model.parameters["dense_1/bias"] = k
    return model


X = np.array([[1.0, 1.0], [-2.0, 0.0], [0.0, 0.5]], np.float32)
A = np.array([[6.0], [-3.0], [2.5]])


def test_regression_gives_values():
    model = affine(losses.SquaredError())
    assert (model(X) == A).all()
    assert (model.predict(X) == A).all()
    assert (model.predict_proba(X) == A).all()


def test_yes_or_no():
    model = affine(losses.BinaryCrossentropy())
    assert model.predict(X).tolist() == [1, 0, 1]
    np.testing.assert_allclose(model.predict_proba(X), 1 / (1 + np.exp(-A)), rtol=1e-6)
    two = affine(losses.BinaryCrossentropy(), outputs=2)
    assert two.predict(X).tolist() == [[1, 1], [0, 0], [1, 1]]


def test_classes():
    model = affine(losses.CategoricalCrossentropy(), 3, target_shape=(), target_dtype="int32")
    logits = A * [1, 2, 3]
    assert (model(X) == logits).all()
    assert model.predict(X).tolist() == [2, 0, 2]
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-5)


def test_evaluate_is_the_mean_over_samples():
    model = affine(losses.SquaredError())
    assert model.evaluate((X, A[:, 0])) == {"loss": 0.0}
    errors = np.array([1.0, -2.0, 3.0])
    found = model.evaluate((X, A[:, 0] + errors), batch_size=2)
    one = StepSpec(model.network, losses.SquaredError(), target_shape=(1,), target_dtype="float32")
    per_sample = [
        Model(one, model.parameters, engine="reference").evaluate((X[i : i + 1], A[i] + errors[i]))
        for i in range(3)
    ]
    assert found["loss"] == pytest.approx(np.mean([row["loss"] for row in per_sample]))
    assert found["loss"] == pytest.approx(np.mean(errors**2) * per_sample[0]["loss"])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 37])
@pytest.mark.parametrize("batch_size", [None, 1, 8])
def test_batches_do_not_matter(engine, count, batch_size):
    network = cnn()
    spec = StepSpec(network, losses.CategoricalCrossentropy(), data_dtype="uint8")
    model = Model(spec, network.initialize(1), engine=engine)
    x = stripes(count).x
    together = model(x, batch_size)
    assert together.shape == (count, 2)
    alone = np.concatenate([model(x[i : i + 1]) for i in range(count)])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-2)


def test_no_samples(trained):
    none = np.zeros((0, 8, 8, 1), np.uint8)
    assert trained(none).shape == (0, 2)
    assert trained.predict(none).shape == (0,)
    with pytest.raises(InvalidArgument, match="no sample"):
        trained.evaluate((none, np.zeros(0, int)))


def test_few_executables_serve_all_numbers_of_samples():
    model = affine(losses.SquaredError())
    for count in range(1, 40):
        model(np.zeros((count, 2), np.float32), batch_size=16)
    assert len(model._runners["infer"]._executables) == 5  # 1, 2, 4, 8, 16


def test_large_samples_go_in_small_batches():
    assert default_batch(cnn(), "float32") == 256
    assert default_batch(sloy.Network((512, 512, 64), [Flatten()]), "float32") == 1
    assert default_batch(sloy.Network((512, 512, 8), [Flatten()]), "float32") == 8


def test_activations_of_layers(trained):
    x = stripes(5).x
    found = trained.activations(x, trained.network.layer_names[:2])
    raw, rectified = found.values()
    assert raw.shape == (5, 6, 6, 4)
    assert (rectified == np.maximum(raw, 0)).all()
    assert (raw < 0).any()
    with pytest.raises(InvalidArgument, match="no layer is named 'conv'"):
        trained.activations(x, ["conv"])


# --- parameters -----------------------------------------------------------------------------------


def test_parameters_are_seen_by_the_next_call():
    model = affine(losses.SquaredError())
    model.parameters["dense_1/bias"] = [10]
    assert (model(X) == A + 9).all()
    model.parameters["dense_1/bias"] += 1
    assert (model(X) == A + 10).all()
    model.parameters["dense_1/weight"][...] = 0
    assert (model(X) == 11).all()
    assert list(model.parameters) == ["dense_1/weight", "dense_1/bias"]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_sees_them(engine):
    network = sloy.Network((2,), [Dense(1)])
    spec = StepSpec(network, losses.SquaredError(), target_shape=(1,), target_dtype="float32")
    model = Model(spec, network.initialize(0), engine=engine)
    model(X)
    model.parameters["dense_1/weight"] = [[2.0], [3.0]]
    model.parameters["dense_1/bias"] = [1.0]
    np.testing.assert_allclose(model(X), A, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("dense_1/bias", [1.0, 2.0], ShapeError, r"`dense_1/bias` has shape \(1,\), got \(2,\)"),
        ("dense_1/bias", [np.nan], InvalidArgument, "not finite in float32"),
        ("dense_1/bias", [1e300], InvalidArgument, "not finite in float32"),
        ("dense_1/bias", ["a"], InvalidArgument, "is no real number"),
        ("dense_1/bias", [1j], InvalidArgument, "is no real number"),
        ("dense_2/bias", [1.0], KeyError, "no parameter is named 'dense_2/bias'"),
    ],
)
def test_a_wrong_parameter(name, value, error, message):
    model = affine(losses.SquaredError())
    with pytest.raises(error, match=message):
        model.parameters[name] = value
    assert (model(X) == A).all()
    with pytest.raises(InvalidArgument, match="cannot be removed"):
        del model.parameters["dense_1/bias"]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((3, 3), np.float32), r"`x` has shape \(3, 3\); the network takes \(N, 2\)"),
        (np.zeros(2, np.float32), r"for a single sample write x\[None\]"),
        (np.zeros((3, 2), int), "`x` has dtype int64"),
        (np.array([["a", "b"]]), "`x` has dtype <U1"),
        (np.array([[0.0, np.inf]]), r"x\[0, 1\] is inf; it must be finite"),
    ],
)
def test_wrong_samples(x, message):
    with pytest.raises(InvalidArgument, match=message):
        affine(losses.SquaredError())(x)


def test_bytes_and_fractions_are_not_confused(trained):
    x = stripes(4).x
    assert (trained(x) == trained(x.astype(np.float64))).all()
    with pytest.raises(InvalidArgument, match="trained on uint8 data and scales them itself"):
        trained(x / 255)


def test_parameters_that_do_not_fit_the_network():
    network = sloy.Network((2,), [Dense(1)])
    spec = StepSpec(network, losses.SquaredError(), target_shape=(1,), target_dtype="float32")
    with pytest.raises(InvalidArgument, match=r"unknown \['w'\], missing \['dense_1/bias'"):
        Model(spec, {"w": np.zeros(1)})
    start = network.initialize(0)
    with pytest.raises(ShapeError, match=r"`dense_1/bias` has shape \(2,\)"):
        Model(spec, start | {"dense_1/bias": np.zeros(2)})


# --- the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_comes_back_whole(tmp_path, trained, engine):
    trained.save(tmp_path / "m.sloy")
    again = sloy.load(tmp_path / "m.sloy", engine=engine)
    assert again.class_names == ("row", "column")
    assert again.network == trained.network
    assert again.spec == trained.spec
    for name, value in trained.parameters.items():
        assert again.parameters[name].tobytes() == value.tobytes()
    data = stripes(40, seed=9)
    np.testing.assert_allclose(again(data.x), trained(data.x), rtol=1e-4, atol=1e-4)
    if engine == "reference":
        assert again(data.x).tobytes() == trained(data.x).tobytes()
        assert again.evaluate(data) == trained.evaluate(data)
    again.save(tmp_path / "again.sloy")
    assert (tmp_path / "again.sloy").read_bytes() == (tmp_path / "m.sloy").read_bytes()


def test_states_are_kept(tmp_path):
    model, _ = fit(mlp(), blobs(), epochs=2)
    model.save(tmp_path / "m.sloy")
    again = sloy.load(tmp_path / "m.sloy", engine="reference")
    assert set(again.parameters) == {*mlp().parameters, *mlp().states}
    assert again(blobs().x).tobytes() == model(blobs().x).tobytes()


def test_functions_of_ones_own_are_kept(tmp_path):
    def swish(z):
        return z * ops.sigmoid(1.5 * z)

    def log_cosh(output, target):
        return ops.softplus(2.0 * (output - target)) - (output - target)

    network = sloy.Network((4,), [Dense(5), Activation(swish), Dense(1)])
    data = (blobs(40).x, np.arange(40.0))
    model, _ = fit(network, data, loss=log_cosh, preprocessing="standardize")
    model.save(tmp_path / "m.sloy")
    again = sloy.load(tmp_path / "m.sloy", engine="reference")
    assert again(data[0]).tobytes() == model(data[0]).tobytes()
    assert again.evaluate(data) == model.evaluate(data)
    more, _ = sloy.fit(
        again.network, data, loss=again.loss, parameters=again.parameters, engine="reference",
        verbose=False,
    )  # fmt: skip
    assert np.isfinite(more(data[0])).all()


def test_safetensors_reads_the_tensors(tmp_path, trained):
    trained.save(tmp_path / "m.sloy")
    tensors = safetensors.numpy.load_file(tmp_path / "m.sloy")
    assert tensors.keys() == set(trained.parameters)
    for name, value in trained.parameters.items():
        assert tensors[name].dtype == value.dtype
        assert tensors[name].tobytes() == value.tobytes()


def test_what_no_file_can_hold(tmp_path):
    class Mine(losses.SquaredError):
        pass

    class Own(metrics.MeanAbsoluteError):
        pass

    with pytest.raises(InvalidArgument, match=r"the loss .* is of a class of your own"):
        affine(Mine()).save(tmp_path / "m.sloy")
    assert not (tmp_path / "m.sloy").exists()
    with pytest.warns(UserWarning, match="not stored: mean_absolute_error"):
        affine(losses.SquaredError(), metrics=(Own(),)).save(tmp_path / "m.sloy")
    assert sloy.load(tmp_path / "m.sloy", engine="reference").spec.metrics == ()
    with pytest.raises(InvalidArgument, match="in a folder that is missing"):
        affine(losses.SquaredError()).save(tmp_path / "none" / "m.sloy")


@pytest.fixture
def saved(tmp_path, trained):
    """The path of a sound file."""
    path = tmp_path / "m.sloy"
    trained.save(path)
    return path


def test_truncated_at_any_length(saved):
    content = saved.read_bytes()
    for length in sorted({*range(200), *range(0, len(content), 61), len(content) - 1}):
        saved.write_bytes(content[:length])
        with pytest.raises(FileFormatError, match=r"m\.sloy"):
            sloy.load(saved)


def test_any_flipped_bit(saved):
    content = saved.read_bytes()
    for place in sorted({*range(200), *range(200, len(content), 47)}):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        saved.write_bytes(damaged)
        with pytest.raises(FileFormatError, match=r"m\.sloy"):
            sloy.load(saved)


def test_foreign_files(tmp_path, trained):
    path = tmp_path / "f.sloy"
    with pytest.raises(FileFormatError, match="No such file"):
        sloy.load(path)
    safetensors.numpy.save_file(dict(trained.parameters), path)
    with pytest.raises(FileFormatError, match="not a sloy file"):
        sloy.load(path)
    path.write_bytes(b"\x80\x04" + b"pickle" * 100)
    with pytest.raises(FileFormatError, match="not a sloy file"):
        sloy.load(path)
    write_container(path, {}, {"kind": "sloy.checkpoint"})
    with pytest.raises(FileFormatError, match="is no model"):
        sloy.load(path)
    with pytest.raises(FileFormatError):
        sloy.load(tmp_path)


def nested(depth):
    layer = {"layer": "Flatten"}
    for _ in range(depth):
        layer = {"layer": "Residual", "layers": [layer]}
    return layer


LIES = {
    "version": lambda d: d.update(version=2),
    "no loss": lambda d: d.pop("loss"),
    "more": lambda d: d.update(code="import os"),
    "loss": lambda d: d.update(loss={"loss": "os.system"}),
    "loss arguments": lambda d: d["loss"].update(label_smoothing="0"),
    "loss number": lambda d: d["loss"].update(label_smoothing=7),
    "loss list": lambda d: d.update(loss=[1]),
    "function": lambda d: d.update(
        loss={"loss": "CustomLoss", "targets": "values", "function": {"nodes": []}}
    ),
    "metric": lambda d: d.update(metrics=[{"metric": "Worst"}]),
    "metrics": lambda d: d.update(metrics="Accuracy"),
    "metric that does not fit": lambda d: d.update(metrics=[{"metric": "RSquared"}]),
    "layer": lambda d: d["network"]["layers"].append({"layer": "Eval", "code": "1"}),
    "layer arguments": lambda d: d["network"]["layers"][0].update(filters="many"),
    "layers": lambda d: d["network"].update(layers=3),
    "deep": lambda d: d["network"]["layers"].insert(0, nested(200)),
    "shape": lambda d: d["network"].update(input_shape=[8, 8, -1]),
    "large shape": lambda d: d["network"].update(input_shape=[2**40, 2**40, 1]),
    "another shape": lambda d: d["network"].update(input_shape=[12, 12, 1]),
    "fewer layers": lambda d: d["network"]["layers"].pop(),
    "names": lambda d: d.update(class_names=[1, 2]),
    "dtype": lambda d: d.update(dtype="float16"),
    "data dtype": lambda d: d.update(data_dtype="object"),
    "target": lambda d: d.update(target_shape=[3]),
    "target shape": lambda d: d.update(target_shape=["x"]),
    "preprocessing": lambda d: d["preprocessing"].update(deviation=[0.0]),
    "preprocessing channels": lambda d: d["preprocessing"].update(mean=[0.0, 1.0, 2.0]),
    "preprocessing list": lambda d: d.update(preprocessing=[]),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_sound_container_with_a_lie_inside(saved, lie):
    """Checksums hold, for whoever wrote the file wrote them too."""
    tensors, document = read_container(saved)
    document = json.loads(json.dumps(document))
    LIES[lie](document)
    write_container(saved, tensors, document)
    with pytest.raises(FileFormatError, match=r"m\.sloy: ") as caught:
        sloy.load(saved)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.pop("conv2d_1/bias"),
        lambda t: t.update(more=np.zeros(3, np.float32)),
        lambda t: t.update({"conv2d_1/bias": np.zeros(5, np.float32)}),
        lambda t: t.update({"conv2d_1/bias": np.zeros(4, np.float64)}),
    ],
)
def test_tensors_that_are_not_the_networks(saved, change):
    tensors, document = read_container(saved)
    change(tensors)
    write_container(saved, tensors, document)
    with pytest.raises(FileFormatError, match="tensor"):
        sloy.load(saved)


def test_loading_is_lazy(saved):
    """No engine is looked for before the first computation."""
    model = sloy.load(saved, engine="auto")
    assert model._engine is None
    assert repr(model).startswith("Model(Network((8, 8, 1), [Conv2D(")


def test_float64_models(tmp_path):
    model, _ = fit(mlp(), blobs(), precision="float64")
    model.save(tmp_path / "m.sloy")
    again = sloy.load(tmp_path / "m.sloy", engine="reference")
    assert again(blobs().x).dtype == np.float64
    assert again(blobs().x).tobytes() == model(blobs().x).tobytes()


def test_shapes_that_a_reshape_makes_are_bounded(tmp_path):
    network = sloy.Network((4,), [Reshape((2, 2)), Flatten(), Dense(3)])
    model, _ = fit(network, blobs())
    model.save(tmp_path / "m.sloy")
    tensors, document = read_container(tmp_path / "m.sloy")
    document["network"]["layers"][0]["shape"] = [2**62, 2**62]
    write_container(tmp_path / "m.sloy", tensors, document)
    with pytest.raises(FileFormatError, match=r"m\.sloy: "):
        sloy.load(tmp_path / "m.sloy")
