"""Graphs of other tools: what they give, in which layout sloy computes them, and that they train further."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from available import ENGINES, available
from onnx_graphs import helper, ints, node, numpy_helper, onnx, weight, write
from sloy.errors import InvalidArgument, NotAvailable
from sloy.exchange.onnx.conversion import Conversion
from sloy.exchange.onnx.reading import OnnxGraph
from sloy.exchange.onnx.values import known
from sloy.graph import Graph
from sloy.model import Model
from sloy.problem.graphs import inference_graph

GOLDEN = Path(__file__).parent / "golden"
CLOSE = 1e-5

# file → (numbers, name of the expected output, transposes left, names of the parameters within the layer)
FOLDED = ["conv1/weight", "conv1/bias", "conv2/weight", "conv2/bias", "fc/weight", "fc/bias"]
NORMS = [
    f"bn{i}/{role}"
    for i in (1, 2)
    for role in ("scale", "shift", "running_mean", "running_variance")
]
FILES: dict[str, tuple[str, str, int, set[str]]] = {
    "pytorch_torchscript": ("pytorch", "y", 1, set(FOLDED)),
    "pytorch_one_sample": ("pytorch", "y", 1, set(FOLDED)),
    "pytorch_dynamo": ("pytorch", "y", 1, set(FOLDED)),
    "pytorch_training": (
        "pytorch", "y_training", 1,
        {"conv1/weight", "conv1/bias", "conv2/weight", "fc/weight", "fc/bias", *NORMS},
    ),
    "keras_tf2onnx": (
        "keras", "y", 0,
        {
            f"functional_1/{name}"
            for name in (
                "conv2d_1/weight", "batch_normalization_1/batchnorm/scale", "batch_normalization_1/batchnorm/bias",
                "conv2d_1_2/weight", "head_1/weight",
            )
        },
    ),
}  # fmt: skip


def numbers(name: str) -> tuple[np.ndarray, np.ndarray]:
    file, output, _, _ = FILES[name]
    with np.load(GOLDEN / f"{file}.npz") as found:
        return found["x"], found[output]


def imported(name: str, **options: Any) -> Model:
    return Model.from_onnx(GOLDEN / f"{name}.onnx", **options)


def ops_of(model: Model, n: int = 2) -> Counter[str]:
    return Counter(node.op for node in inference_graph(model.problem, n).nodes)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", FILES)
def test_the_tools_own_numbers(name: str, engine: str) -> None:
    x, expected = numbers(name)
    model = imported(name, engine=available(engine))
    found = model(x)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < CLOSE
    assert np.abs(expected).max() > 0.1
    assert np.abs(model(x[:1]) - expected[:1]).max() < CLOSE


@pytest.mark.parametrize("name", FILES)
def test_channels_last_inside(name: str) -> None:
    """At most the input is transposed; weights are permuted once, when the file is read."""
    _, _, transposes, names = FILES[name]
    model = imported(name, engine="reference")
    assert ops_of(model)["transpose"] == transposes
    assert {key.removeprefix("imported_1/") for key in model.parameters} == names


@pytest.mark.parametrize("name", FILES)
def test_saved_without_onnx(name: str, tmp_path: Path) -> None:
    model, path = imported(name, engine="reference"), tmp_path / "model.sloy"
    model.save(path)
    x, _ = numbers(name)
    again = sloy.load(path, engine="reference")
    assert np.array_equal(again(x), model(x))
    assert again.network == model.network
    assert b"onnx" not in path.read_bytes()


def test_values_inside_have_names() -> None:
    model = imported("pytorch_torchscript", engine="reference")
    x, _ = numbers("pytorch_torchscript")
    found = model.activations(x, ["imported_1/relu_1", "imported_1/fc"])
    assert found["imported_1/relu_1"].shape == (4, 10, 6, 8)
    assert np.array_equal(found["imported_1/fc"], model(x))
    assert "conv1" in model.summary()


# --- training further ----------------------------------------------------------------------------------------------


def task(name: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures that a label shows in."""
    shape = numbers(name)[0].shape[1:]
    random = np.random.default_rng(2)
    y = random.integers(0, classes, 96)
    x = random.normal(size=(96, *shape)).astype(np.float32)
    x[np.arange(96), :, y, y % shape[-1]] += 4.0 if name.startswith("pytorch") else 0.0
    return x, y


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["pytorch_torchscript", "pytorch_training"])
def test_it_learns_and_what_is_frozen_stays_to_the_bit(name: str, engine: str) -> None:
    model = imported(name, loss="categorical_crossentropy", engine=available(engine))
    before = {key: value.copy() for key, value in model.parameters.items()}
    x, y = task(name, 7)
    first = model.evaluate((x, y))["loss"]
    tuned, _ = sloy.fit(
        model.network,
        (x, y),
        parameters=model.parameters,
        trainable=("*/fc/*",),
        epochs=16,
        batch_size=32,
        optimizer=sloy.Adam(0.01),
        engine=model.engine,
        verbose=False,
    )
    assert tuned.evaluate((x, y))["loss"] < 0.5 * first
    for key, value in before.items():
        assert np.array_equal(model.parameters[key], value), key
        followed = "running" in key  # statistics are no parameters: they follow the data
        if "/fc/" in key or followed:
            assert not np.array_equal(tuned.parameters[key], value), key
        else:
            assert np.array_equal(tuned.parameters[key], value), key


def test_everything_trains() -> None:
    model = imported("pytorch_training", loss="categorical_crossentropy", engine="reference")
    x, y = task("pytorch_training", 7)
    tuned, _ = sloy.fit(
        model.network, (x, y), parameters=model.parameters, epochs=2, batch_size=32, engine="reference",
        verbose=False,
    )  # fmt: skip
    for key, value in model.parameters.items():
        assert not np.array_equal(tuned.parameters[key], value), key


def test_dropout_drops_in_training_only() -> None:
    model = imported("pytorch_training", engine="reference")
    network = model.network
    built = network.build(
        sloy.ops.input("x", (2, *network.input_shape)),
        training=True,
        key=sloy.ops.variable("k", (2,), "uint32"),
        step=sloy.ops.input("s", (), "uint32"),
    )
    masks = [n for n in Graph.of({"y": built.output}).nodes if n.op == "dropout_mask"]
    assert [m.attributes["keep"] for m in masks] == [0.5]
    assert ops_of(model)["dropout_mask"] == 0
    assert set(built.updates) == set(network.states)


# --- against onnxruntime ---------------------------------------------------------------------------------------------


def shape_arithmetic() -> tuple[list[Any], list[Any], Any, int]:
    """What `x.view(x.size(0), -1, 2)` becomes in older exports."""
    nodes = [
        node("Conv", "x w b", "c", pads=[1, 1, 1, 1]),
        node("Shape", "c", "s"),
        node("Gather", "s zero", "n", axis=0),
        node("Unsqueeze", "n axis", "n1"),
        node("Concat", "n1 minus two", "t", axis=0),
        node("Reshape", "c t", "r"),
        node("ReduceMean", "r axis2", "m", keepdims=0),
        node("Gemm", "m v", "y", transB=1),
    ]
    zero = numpy_helper.from_array(np.array(0, np.int64), "zero")
    weights = [
        weight("w", 4, 3, 3, 3), weight("b", 4), zero, ints("axis", 0), ints("minus", -1), ints("two", 2),
        ints("axis2", 2), weight("v", 5, 4 * 6 * 5 // 2),
    ]  # fmt: skip
    return nodes, weights, ("N", 3, 6, 5), 0


def inception() -> tuple[list[Any], list[Any], Any, int]:
    nodes = [
        node("Conv", "x w1 b1", "a"),
        node("Conv", "x w2", "b", pads=[1, 1, 1, 1]),
        node("AveragePool", "x", "p", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
        node("Concat", "a b p", "c", axis=1),
        node("Mul", "c scale", "m"),
        node("GlobalAveragePool", "m", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f v u", "z"),
        node("Softmax", "z", "y", axis=1),
    ]
    weights = [
        weight("w1", 2, 3, 1, 1), weight("b1", 2), weight("w2", 4, 3, 3, 3), weight("scale", 1, 9, 1, 1),
        weight("v", 9, 6), weight("u", 6),
    ]  # fmt: skip
    return nodes, weights, ("N", 3, 7, 6), 1


def segmentation() -> tuple[list[Any], list[Any], Any, int]:
    """Down, up, a bridge: pictures in, pictures out."""
    nodes = [
        node("Conv", "x w1 b1", "a", strides=[2, 2], pads=[1, 1, 1, 1]),
        node("PRelu", "a slope", "r"),
        node("ConvTranspose", "r w2 b2", "u", strides=[2, 2], pads=[0, 0, 0, 0]),
        helper.make_node("Resize", ["r", "", "scales"], ["e"], mode="nearest", nearest_mode="floor",
                         coordinate_transformation_mode="asymmetric"),
        node("Concat", "u e", "c", axis=1),
        node("InstanceNormalization", "c s t", "i"),
        node("Conv", "i w3", "l"),
        node("Sigmoid", "l", "y"),
    ]  # fmt: skip
    scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    weights = [
        weight("w1", 4, 3, 3, 3), weight("b1", 4), weight("slope", 4, 1, 1), weight("w2", 4, 5, 2, 2),
        weight("b2", 5), scales, weight("s", 9), weight("t", 9), weight("w3", 2, 9, 1, 1),
    ]  # fmt: skip
    return nodes, weights, ("N", 3, 8, 6), 2


def sequence() -> tuple[list[Any], list[Any], Any, int]:
    nodes = [
        node("Conv", "x w b", "c", pads=[1, 1], dilations=[1]),
        node("BatchNormalization", "c g h m v", "n"),
        node("Relu", "n", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2], strides=[2]),
        node("Flatten", "p", "f"),
        node("MatMul", "f k", "y"),
    ]
    variance = numpy_helper.from_array(np.linspace(0.5, 2, 4).astype(np.float32), "v")
    weights = [
        weight("w", 4, 2, 3), weight("b", 4), weight("g", 4), weight("h", 4), weight("m", 4), variance,
        weight("k", 4 * 4, 3),
    ]  # fmt: skip
    return nodes, weights, ("N", 2, 9), 1


def tokens() -> tuple[list[Any], list[Any], Any, int]:
    """A mixing block: matrix products of three axes, layer normalisation, GELU from its parts."""
    nodes = [
        node("LayerNormalization", "x g h", "n", axis=-1),
        node("MatMul", "n w1", "a"),
        node("Add", "a b1", "b"),
        node("Div", "b root", "d"),
        node("Erf", "d", "e"),
        node("Add", "e one", "o"),
        node("Mul", "b o", "m"),
        node("Mul", "m half", "q"),
        node("MatMul", "q w2", "r"),
        node("Add", "x r", "s"),
        node("ReduceMean", "s axis", "y", keepdims=0),
    ]
    scalars = [
        numpy_helper.from_array(np.array(v, np.float32), n)
        for n, v in (("root", 2**0.5), ("one", 1.0), ("half", 0.5))
    ]
    weights = [
        weight("g", 6), weight("h", 6), weight("w1", 6, 12), weight("b1", 12), weight("w2", 12, 6), *scalars,
        ints("axis", 1),
    ]  # fmt: skip
    return nodes, weights, ("N", 5, 6), 0


def shared() -> tuple[list[Any], list[Any], Any, int]:
    """One matrix read four times: twice alike, once transposed, once by what a flatten has merged."""
    nodes = [
        node("Conv", "x k", "c", pads=[1, 1, 1, 1]),
        node("Flatten", "c", "f"),
        node("Gemm", "f w", "a"),
        node("Flatten", "x", "g"),
        node("Gemm", "g w", "b"),
        node("Add", "a b", "s"),
        node("Tanh", "s", "t"),
        node("MatMul", "t w", "d"),
        node("Gemm", "d w", "e", transB=1),
        node("Add", "e t", "y"),
    ]
    return nodes, [weight("k", 3, 3, 3, 3), weight("w", 12, 12)], ("N", 3, 2, 2), 1


def attention() -> tuple[list[Any], list[Any], Any, int]:
    """Two heads of three features, then a trained matrix and a vector that every stack is multiplied by."""
    nodes = [
        node("MatMul", "x w1", "a"),
        node("Reshape", "a heads", "b"),
        node("Transpose", "b", "q", perm=[0, 2, 1, 3]),
        node("MatMul", "x w2", "c"),
        node("Reshape", "c heads", "d"),
        node("Transpose", "d", "e", perm=[0, 2, 1, 3]),
        node("Transpose", "e", "k", perm=[0, 1, 3, 2]),
        node("MatMul", "q k", "s"),
        node("Softmax", "s", "p", axis=-1),
        node("MatMul", "p e", "v"),
        node("Transpose", "v", "o", perm=[0, 2, 1, 3]),
        node("Reshape", "o whole", "r"),
        node("MatMul", "mix r", "m"),
        node("MatMul", "m last", "y"),
    ]
    weights = [
        weight("w1", 6, 6), weight("w2", 6, 6), weight("mix", 5, 5), weight("last", 6),
        ints("heads", 0, 5, 2, 3), ints("whole", 0, 5, 6),
    ]  # fmt: skip
    return nodes, weights, ("N", 5, 6), 4


def groups() -> tuple[list[Any], list[Any], Any, int]:
    """A dense layer for each of four groups of features, the samples side by side and one after another."""
    nodes = [
        node("Transpose", "x", "t", perm=[1, 0, 2]),
        node("MatMul", "t w1", "a"),
        node("Add", "a b1", "b"),
        node("Relu", "b", "r"),
        node("MatMul", "r w2", "c"),
        node("Transpose", "c", "y", perm=[1, 0, 2]),
    ]
    weights = [weight("w1", 4, 3, 7), weight("b1", 4, 1, 7), weight("w2", 4, 7, 2)]
    return nodes, weights, ("N", 4, 3), 0


GRAPHS = [shared, shape_arithmetic, inception, segmentation, sequence, tokens, attention, groups]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("make", GRAPHS, ids=lambda make: make.__name__)
def test_as_onnxruntime(make: Any, engine: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    nodes, weights, shape, transposes = make()
    path = write(tmp_path / "model.onnx", nodes, weights, shape)
    model = Model.from_onnx(path, engine=available(engine))
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for n in (1, 3):
        x = np.random.default_rng(n).normal(size=(n, *shape[1:])).astype(np.float32)
        (expected,) = session.run(None, {"x": x})
        scale = max(1.0, float(np.abs(expected).max()))
        assert np.abs(model(x) - expected).max() < CLOSE * scale
    moved = [n for n in inference_graph(model.problem, 2).nodes if n.op == "transpose"]
    if make is not shape_arithmetic:
        assert len(moved) == transposes


# --- what can be asked ------------------------------------------------------------------------------------------------


def test_shared_weights_are_one_parameter_where_their_layout_is(tmp_path: Path) -> None:
    nodes, weights, shape, _ = shared()
    model = Model.from_onnx(write(tmp_path / "m.onnx", nodes, weights, shape), engine="reference")
    matrices = [v for name, v in model.parameters.items() if v.shape == (12, 12)]
    assert len(matrices) == 3  # as it is (twice), transposed, and in the order of the flatten


def test_weights_of_stacks_are_parameters(tmp_path: Path) -> None:
    nodes, weights, shape, _ = groups()
    model = Model.from_onnx(write(tmp_path / "m.onnx", nodes, weights, shape), engine="reference")
    found = sorted(value.shape for value in model.parameters.values())
    assert found == [(4, 3, 7), (4, 7), (4, 7, 2)]


def test_open_extents_are_given_by_the_caller(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "c"), node("GlobalMaxPool", "c", "g"), node("Flatten", "g", "y")]
    path = write(tmp_path / "m.onnx", nodes, [weight("w", 2, 3, 3, 3)], ("N", 3, "height", "width"))
    with pytest.raises(InvalidArgument, match=r"\(N, 3, height, width\); `input_shape`"):
        Model.from_onnx(path)
    model = Model.from_onnx(path, input_shape=(3, 9, 8), engine="reference")
    assert model.network.input_shape == (3, 9, 8)
    assert model(np.zeros((2, 3, 9, 8))).shape == (2, 2)


def test_any_value_can_be_the_output() -> None:
    x, probabilities = numbers("keras_tf2onnx")
    graph = onnx.load(GOLDEN / "keras_tf2onnx.onnx").graph
    (logits,) = next(n for n in graph.node if n.op_type == "Softmax").input
    model = imported(
        "keras_tf2onnx", output=logits, loss="categorical_crossentropy", engine="reference"
    )
    assert np.abs(model.predict_proba(x) - probabilities).max() < CLOSE
    assert model.predict(x).tolist() == probabilities.argmax(1).tolist()
    same = imported("keras_tf2onnx", loss="categorical_crossentropy", engine="reference")
    assert np.array_equal(same(x), model(x))  # the softmax is the loss's


def test_pictures_as_sloy_reads_them() -> None:
    """The same network for (N, H, W, C): no transpose is left at all."""
    x, expected = numbers("pytorch_torchscript")
    model = imported("pytorch_torchscript", channels_last=True, engine="reference")
    assert model.network.input_shape == (10, 6, 3)
    assert np.abs(model(np.moveaxis(x, 1, -1)) - expected).max() < CLOSE
    assert ops_of(model)["transpose"] == 0


def test_class_names_and_loss() -> None:
    names = [f"class {k}" for k in range(7)]
    model = imported("pytorch_dynamo", loss="categorical_crossentropy", class_names=names)
    assert model.class_names == tuple(names)
    x, y = numbers("pytorch_dynamo")
    assert model.predict(x).tolist() == y.argmax(1).tolist()


def test_several_inputs_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", [node("Add", "x z", "y")], [], ("N", 3))
    model = onnx.load(path)
    model.graph.input.append(helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, ("N", 3)))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(NotAvailable, match="takes one input, this graph has 2: 'x', 'z'"):
        Model.from_onnx(path)


def test_operators_that_are_missing_are_named(tmp_path: Path) -> None:
    nodes = [node("RandomUniformLike", "x", "r"), node("Unique", "r", "u"), node("Det", "x", "y")]
    path = write(tmp_path / "m.onnx", nodes, [], ("N", 3, 3))
    with pytest.raises(NotAvailable, match="sloy has no ops for RandomUniformLike, Unique"):
        Model.from_onnx(path)


def test_a_graph_that_counts_its_samples_is_refused(tmp_path: Path) -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Slice", "s a b", "n"),
        node("Cast", "n", "f", to=1),
        node("Div", "x f", "y"),
    ]
    path = write(tmp_path / "m.onnx", nodes, [ints("a", 0), ints("b", 1)], ("N", 3))
    with pytest.raises(NotAvailable, match="depends on the number of samples"):
        Model.from_onnx(path)


def test_half_precision_is_computed_in_single(tmp_path: Path) -> None:
    half = numpy_helper.from_array(np.full((3, 2), 0.1, np.float16), "w")
    path = write(tmp_path / "m.onnx", [node("Cast", "x", "h", to=10), node("MatMul", "h w", "z"),
                                       node("Cast", "z", "y", to=1)], [half], ("N", 3))  # fmt: skip
    model = Model.from_onnx(path, engine="reference")
    assert model(np.ones((1, 3))).dtype == np.float32
    assert np.allclose(model(np.ones((1, 3))), 3 * np.float32(np.float16(0.1)))


def test_a_number_that_is_gone_is_not_taken_for_a_new_one() -> None:
    """CPython gives the memory of one, and so its `id`, to the next."""
    graph = OnnxGraph(18, (), (), (), {}, {}, "")
    conversion = Conversion(graph)
    for k in range(50):
        tensor = conversion.tensor(known(np.full((2, 3), k, np.float32) + np.eye(2, 3)))
        assert tensor.attributes["value"][0, 1] == k
