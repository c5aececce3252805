"""Imported graphs as chains of layers: the same numbers, layers frozen by name, new heads, features of named values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from sloy.errors import UnknownName
from sloy.layers import Dense, GlobalAveragePool2D, Imported
from sloy.layers.pieces import pieces
from sloy.model import Model
from sloy.training.stages import unfolded

onnx = pytest.importorskip("onnx")
helper, numpy_helper = onnx.helper, onnx.numpy_helper

GOLDEN = Path(__file__).parent / "golden"
CHAINS = {
    "pytorch_torchscript": "transpose conv1 relu_1 conv2 max_pool2d_1 flatten_1 fc",  # x + conv2(x) is one layer
    "pytorch_training": "transpose conv1 bn1 relu_1 conv2 max_pool2d_1 drop flatten_1 fc",
    "keras_tf2onnx": "functional_1.rescaling_1 functional_1.conv2d_1 relu_1"
    " functional_1.batch_normalization_1.batchnorm functional_1.conv2d_1_2 max_pool2d_1 functional_1.flatten_1"
    " functional_1.head_1",
}


@pytest.mark.parametrize("name", CHAINS)
def test_the_same_numbers(name: str) -> None:
    """Of two training steps, and after them in use."""
    loss = "categorical_crossentropy"
    model = Model.from_onnx(GOLDEN / f"{name}.onnx", loss=loss, engine="reference")
    network, parameters = unfolded(model)
    assert " ".join(network.layer_names) == CHAINS[name]
    assert isinstance(network.layers[-1], Dense)
    assert len(parameters) == len(model.parameters)
    x = np.random.default_rng(0).normal(size=(4, *network.input_shape)).astype(np.float32)
    y = np.arange(4) % network.output_shape[0]
    options: dict[str, Any] = {
        "loss": loss, "engine": "reference", "epochs": 2, "batch_size": 4, "verbose": False,
        "optimizer": "sgd", "learning_rate": 1e-3,
    }  # fmt: skip
    whole, one = sloy.fit(model.network, (x, y), parameters=dict(model.parameters), **options)
    chain, other = sloy.fit(network, (x, y), parameters=parameters, **options)
    assert np.array_equal(whole(x), chain(x))
    assert one["loss"].tolist() == other["loss"].tolist()


def repeated(path: Path) -> Path:
    """A network that uses one convolution two times, then a head."""
    weight = np.random.default_rng(0).normal(size=(3, 3, 1, 1)).astype(np.float32)
    head = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w"], ["c"]),
        helper.make_node("GlobalAveragePool", ["c"], ["d"]),
        helper.make_node("Flatten", ["d"], ["e"]),
        helper.make_node("Gemm", ["e", "v"], ["y"]),
    ]
    info = helper.make_tensor_value_info
    arrays = [numpy_helper.from_array(a, n) for n, a in (("w", weight), ("v", head))]
    graph = helper.make_graph(
        nodes, "g", [info("x", 1, ["n", 3, 5, 5])], [info("y", 1, ["n", 4])], arrays
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def test_shared_weights_are_not_cut_apart(tmp_path: Path) -> None:
    model = Model.from_onnx(repeated(tmp_path / "r.onnx"), engine="reference")
    layer = model.network.layers[0]
    assert isinstance(layer, Imported)
    found = pieces(layer, model.network.input_shape)
    assert [type(piece.layer) for piece in found] == [Imported, GlobalAveragePool2D, Dense]
    names = [name for piece in found for name in piece.names]
    assert len(names) == len(set(names)) == len(model.parameters)


OPTIONS: dict[str, Any] = {"engine": "reference", "verbose": False, "epochs": 4, "batch_size": 8}


def task() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(3).normal(size=(24, 3, 10, 6)).astype(np.float32)
    return x, (x[:, 0].mean((1, 2)) > 0) + 0


def test_layers_are_frozen_by_name_and_the_head_is_made_anew() -> None:
    model = Model.from_onnx(
        GOLDEN / "pytorch_torchscript.onnx", loss="categorical_crossentropy", engine="reference"
    )
    x, y = task()
    given = {name: np.array(value) for name, value in model.parameters.items()}
    tuned, history = sloy.fine_tune(model, (x, y), freeze="conv1", **OPTIONS)
    assert tuned.network.output_shape == (2,)
    assert history["loss"][-1] < history["loss"][0]
    for role in ("weight", "bias"):
        old = given[f"imported_1/conv1/{role}"]
        assert np.array_equal(tuned.parameters[f"conv1/{role}"], old)
        assert not np.array_equal(
            tuned.parameters[f"conv2/conv2/{role}"], given[f"imported_1/conv2/{role}"]
        )
    tuned.parameters["conv1/bias"][:] = 7
    assert all(np.array_equal(model.parameters[name], value) for name, value in given.items())
    with pytest.raises(UnknownName, match="are transpose, conv1, relu_1, conv2, "):
        sloy.fine_tune(model, (x, y), freeze="imported_1", **OPTIONS)


def test_features_at_a_named_value_get_a_head() -> None:
    graph = onnx.load(GOLDEN / "pytorch_torchscript.onnx").graph
    inside = next(n.output[0] for n in graph.node if n.op_type == "MaxPool")
    model = Model.from_onnx(GOLDEN / "pytorch_torchscript.onnx", output=inside, engine="reference")
    x, y = task()
    data = sloy.data.Dataset(x, y, ("dark", "light"))
    tuned, history = sloy.fine_tune(model, data, **OPTIONS)
    assert tuned.class_names == ("dark", "light")
    assert set(tuned.predict(x)) <= {0, 1}
    assert tuned.network.output_shape == (2,)
    assert list(tuned.network.layer_names)[-1] == "head"
    assert history["loss"][-1] < history["loss"][0]
