"""The file of a model: nothing is lost, and nothing that is damaged or foreign gets through."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy

import sloy
from available import installed
from model_tasks import affine, trained_cnn
from sloy import losses, metrics, ops
from sloy.errors import FileFormatError, InvalidArgument
from sloy.files.container import read_container, write_container
from sloy.layers import Activation, Dense, Flatten, Reshape
from sloy.model import Model
from training_tasks import blobs, fit, mlp, stripes

ENGINES = installed()


@pytest.fixture(scope="module")
def trained() -> Model:
    """A model of pictures of bytes, with class names."""
    return trained_cnn()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_comes_back_whole(tmp_path, trained, engine):
    trained.save(tmp_path / "m.sloy")
    again = sloy.load(tmp_path / "m.sloy", engine=engine)
    assert again.class_names == ("row", "column")
    assert again.network == trained.network
    assert again.problem == trained.problem
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
    assert sloy.load(tmp_path / "m.sloy", engine="reference").problem.metrics == ()
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
    with pytest.raises(FileFormatError, match="is not a model"):
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


@pytest.mark.parametrize("path", [None, 3, "", ".", "missing/m.sloy"])
def test_a_path_that_is_none(path):
    with pytest.raises(InvalidArgument, match=r"Model.save: `path`"):
        affine(losses.SquaredError()).save(path)
