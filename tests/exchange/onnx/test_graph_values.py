"""What goes in and comes out of a graph: one of several outputs, whole numbers, weights in 8 bits, tokens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from available import available
from onnx_graphs import helper, ints, node, numpy_helper, onnx, weight, write
from sloy.errors import InvalidArgument
from sloy.model import Model

CLOSE = 1e-5


def test_a_class_token_for_each_of_however_many_samples(tmp_path: Path) -> None:
    """`token.expand(x.shape[0], -1, -1)`, as PyTorch writes it: one parameter."""
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n", axis=0),
        node("Concat", "n rest", "t", axis=0),
        node("Expand", "token t", "k"),
        node("Concat", "k x", "y", axis=1),
    ]
    weights = [weight("token", 1, 1, 6), ints("zero", 0), ints("rest", 1, 6)]
    model = Model.from_onnx(
        write(tmp_path / "m.onnx", nodes, weights, ("N", 4, 6)), engine="reference"
    )
    x = np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float32)
    (token,) = model.parameters.values()
    assert token.shape == (1, 1, 6)
    assert np.array_equal(model(x), np.concatenate([np.repeat(token, 3, 0), x], 1))


def test_of_several_outputs_the_first_and_a_word_of_the_others(tmp_path: Path) -> None:
    path = write(
        tmp_path / "m.onnx", [node("Relu", "x", "y"), node("Neg", "x", "boxes")], [], ("N", 4)
    )
    model = onnx.load(path)
    model.graph.output.append(helper.make_tensor_value_info("boxes", 1, None))
    path.write_bytes(model.SerializeToString())
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    with pytest.warns(UserWarning, match=r"it has 2 outputs; the first is read.*: boxes\."):
        first = Model.from_onnx(path, engine="reference")
    assert np.array_equal(first(x), np.maximum(x, 0))
    assert np.array_equal(Model.from_onnx(path, output="boxes", engine="reference")(x), -x)
    assert np.array_equal(
        Model.from_onnx(path, output="y", engine="reference")(x), np.maximum(x, 0)
    )
    with pytest.raises(InvalidArgument, match="is no value of the graph; its outputs are y, boxes"):
        Model.from_onnx(path, output="bxes")


@pytest.mark.parametrize("kind", ["INT32", "INT64"])
def test_integers_that_choose_rows(kind: str, tmp_path: Path) -> None:
    """Numbers of words: an embedding, its mean, a dense layer; and numbers that are cast."""
    nodes = [
        node("Gather", "table x", "e", axis=0),
        node("ReduceMean", "e", "m", axes=[1], keepdims=0),
        node("Cast", "x", "f", to=1),
        node("Concat", "m f", "c", axis=1),
        node("Gemm", "c w b", "y"),
    ]
    graph = helper.make_graph(
        nodes,
        "words",
        [helper.make_tensor_value_info("x", getattr(onnx.TensorProto, kind), ("N", 5))],
        [helper.make_tensor_value_info("y", 1, None)],
        [weight("table", 11, 6), weight("w", 11, 3), weight("b", 3)],
    )
    path = tmp_path / "m.onnx"
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(made.SerializeToString())
    x = np.random.default_rng(0).integers(-11, 11, (4, 5)).astype(kind.lower())
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": x})
    model = Model.from_onnx(path, engine=available("native", threads=1))
    assert np.abs(model(x) - expected).max() < CLOSE * np.abs(expected).max()
    assert (11, 6) in [v.shape for v in model.parameters.values()]


def test_weights_in_8_bits_train_on_as_floats(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    eight = rng.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    scale = rng.uniform(0.01, 0.02, 4).astype(np.float32)
    nodes = [
        node("DequantizeLinear", "q s z", "w", axis=0),
        node("Conv", "x w", "c"),
        node("GlobalAveragePool", "c", "g"),
        node("Flatten", "g", "y"),
    ]
    zero = np.arange(4, dtype=np.int8)
    weights = [numpy_helper.from_array(a, n) for a, n in ((eight, "q"), (scale, "s"), (zero, "z"))]
    model = Model.from_onnx(
        write(tmp_path / "m.onnx", nodes, weights, ("N", 3, 8, 8)), engine="reference"
    )
    (found,) = model.parameters.values()
    whole = (eight.astype(np.float32) - zero.reshape(4, 1, 1, 1)) * scale.reshape(4, 1, 1, 1)
    assert np.array_equal(found, whole.transpose(2, 3, 1, 0))


def _integer_product(op: str, rng: np.random.Generator) -> tuple[list[object], list[object]]:
    """x in bytes, a product with a weight in bytes, and numbers again; all is exact in float32.

    Weights are small: on AVX2 onnxruntime adds pairs of products in 16 bits, which larger ones saturate.
    """

    def held(name: str, values: object, dtype: object) -> object:
        return numpy_helper.from_array(np.asarray(values, dtype), name)

    conv = "Conv" in op
    shape = (4, 3, 3, 3) if conv else (6, 5)
    weights = [
        held("xs", 0.125, np.float32), held("xz", 100, np.uint8),
        held("w", rng.integers(-60, 60, shape), np.int8), held("ys", 8.0, np.float32), held("yz", 90, np.uint8),
        held("ws", [0.5, 0.25, 1.0, 0.5] if conv else 0.5, np.float32),
        held("wz", [0] * 4 if conv else 3, np.int8), held("one_z", 3, np.int8),
        held("b", [-100, 50, 7, 900], np.int32),
    ]  # fmt: skip
    first = node("QuantizeLinear", "x xs xz", "q")
    if "QLinear" in op:
        names = "q xs xz w ws wz ys yz" + (" b" if conv else "")
        return [first, node(op, names, "p"), node("DequantizeLinear", "p ys yz", "y")], weights
    zeros = "" if conv else " one_z"  # onnxruntime has no zero points of weights here
    return [first, node(op, f"q w xz{zeros}", "p"), node("Cast", "p", "y", to=1)], weights


@pytest.mark.parametrize("op", ["QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"])
@pytest.mark.parametrize("batch", ["N", 1])
def test_products_of_integers(op: str, batch: object, tmp_path: Path) -> None:
    """Of quantised networks: equal to onnxruntime's, the weights floats that can be trained."""
    onnxruntime = pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(0)
    nodes, weights = _integer_product(op, rng)
    shape = (3, 5, 6) if "Conv" in op else (4, 6)
    path = write(tmp_path / "m.onnx", nodes, weights, (batch, *shape))
    model = Model.from_onnx(path, engine="reference")
    x = (rng.integers(-90, 90, (3, *shape)) / 8).astype(np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = np.concatenate([session.run(None, {"x": row[None]})[0] for row in x])
    assert np.ptp(wanted) > 100
    np.testing.assert_array_equal(model(x), wanted)
    assert any(p.size == np.prod(weights[2].dims) for p in model.parameters.values())


def _windows(values: np.ndarray, size: int, stride: int, op: str) -> np.ndarray:
    """Of each row of values (N, C, W) the one window from its beginning, what lies beyond the end left out."""
    inside = values[..., :size]
    assert inside.shape[-1] < size <= values.shape[-1] + stride - 1
    if op == "LpPool":
        return np.sqrt(np.square(inside).sum(-1, keepdims=True))
    return inside.max(-1, keepdims=True) if op == "MaxPool" else inside.mean(-1, keepdims=True)


@pytest.mark.parametrize(
    ("op", "ceil_mode"),
    [("MaxPool", 0), ("MaxPool", 1), ("AveragePool", 0), ("AveragePool", 1), ("LpPool", 0)],
)
def test_a_window_larger_than_its_input_by_less_than_a_stride(
    op: str, ceil_mode: int, tmp_path: Path
) -> None:
    """It has one place, as in onnxruntime and in onnx's shapes; of PyTorch such come with `ceil_mode`."""
    said = {"ceil_mode": 1} if ceil_mode else {}
    nodes = [node(op, "x", "y", kernel_shape=[3], strides=[2], **said)]
    file = write(tmp_path / "m.onnx", nodes, [], ("N", 2, 2))
    x = np.random.default_rng(0).normal(size=(5, 2, 2)).astype(np.float32)
    y = Model.from_onnx(file, engine="reference")(x)
    np.testing.assert_allclose(y, _windows(x, 3, 2, op), rtol=1e-6)
