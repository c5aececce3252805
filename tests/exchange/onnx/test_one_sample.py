"""Files that are written for one sample: each of several goes through as if it were alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from available import ENGINES, available
from sloy.errors import NotAvailable
from sloy.model import Model

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
helper, numpy_helper = onnx.helper, onnx.numpy_helper

R = np.random.default_rng(0)
SHAPE = (1, 3, 8, 8)
CLOSE = 1e-5


def node(op: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    return helper.make_node(op, inputs, [output], **attributes)


def weight(*shape: int) -> np.ndarray:
    return R.normal(size=shape).astype(np.float32)


def integers(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


CONV = node("Conv", ["x", "W"], "c", pads=[1, 1, 1, 1])
TOKENS = [CONV, node("Reshape", ["c", "s"], "r"), node("Transpose", ["r"], "t", perm=[0, 2, 1])]
W = {"W": weight(4, 3, 3, 3)}
S = {**W, "s": integers(1, 4, 64)}
MILD = (
    weight(4, 8) / 8
)  # of attention: large logits would make errors of the seventh digit ones of the third

# name → (nodes that make y, initialisers)
GRAPHS: dict[str, tuple[list[Any], dict[str, np.ndarray]]] = {
    "resized to a size": (
        [CONV, node("Resize", ["c", "", "", "z"], "y", mode="linear")],
        {**W, "z": integers(1, 4, 16, 16)},
    ),
    "resized by scales": (
        [CONV, node("Resize", ["c", "", "z"], "y", mode="nearest")],
        {**W, "z": np.array([1, 1, 2, 2], np.float32)},
    ),
    "squeezed of every one": ([CONV, node("GlobalAveragePool", ["c"], "g"), node("Squeeze", ["g"], "y")], W),
    "a class token": ([*TOKENS, node("Concat", ["k", "t"], "y", axis=1)], {**S, "k": weight(1, 1, 4)}),
    "a class token, expanded": (
        [*TOKENS, node("Expand", ["k", "e"], "f"), node("Concat", ["f", "t"], "y", axis=1)],
        {**S, "k": weight(1, 1, 4), "e": integers(1, 1, 4)},
    ),
    "attention, (1, L, h, d)": (
        [
            *TOKENS,
            node("MatMul", ["t", "Q"], "q"),
            node("Reshape", ["q", "h"], "hh"),
            node("Transpose", ["hh"], "ht", perm=[0, 2, 1, 3]),
            node("Transpose", ["hh"], "kt", perm=[0, 2, 3, 1]),
            node("MatMul", ["ht", "kt"], "a"),
            node("Softmax", ["a"], "m", axis=-1),
            node("MatMul", ["m", "ht"], "o"),
            node("Transpose", ["o"], "ot", perm=[0, 2, 1, 3]),
            node("Reshape", ["ot", "b"], "y"),
        ],
        {**S, "Q": MILD, "h": integers(1, 64, 2, 4), "b": integers(1, 64, 8)},
    ),
    "attention, (L, 1 · h, d)": (
        [
            *TOKENS,
            node("Transpose", ["t"], "l", perm=[1, 0, 2]),  # (L, 1, E)
            node("MatMul", ["l", "Q"], "q"),
            node("Reshape", ["q", "h"], "hh"),  # (L, 1 · h, d)
            node("Transpose", ["hh"], "ht", perm=[1, 0, 2]),
            node("Transpose", ["hh"], "kt", perm=[1, 2, 0]),
            node("MatMul", ["ht", "kt"], "a"),
            node("Softmax", ["a"], "m", axis=-1),
            node("MatMul", ["m", "ht"], "o"),
            node("Transpose", ["o"], "ot", perm=[1, 0, 2]),
            node("Reshape", ["ot", "f"], "ff"),  # (L · 1, E)
            node("Gemm", ["ff", "P", "p"], "g", transB=1),
            node("Reshape", ["g", "b"], "bb"),  # (L, 1, E)
            node("Transpose", ["bb"], "y", perm=[1, 0, 2]),
        ],
        {**S, "Q": MILD, "h": integers(64, 2, 4), "f": integers(64, 8), "P": weight(4, 8), "p": weight(4),
         "b": integers(64, 1, 4)},
    ),
    "a gate of each channel": (
        [
            CONV,
            node("GlobalAveragePool", ["c"], "g"),
            node("Reshape", ["g", "v"], "a"),
            node("Sigmoid", ["a"], "b"),
            node("Reshape", ["b", "u"], "d"),
            node("Mul", ["c", "d"], "y"),
        ],
        {**W, "v": integers(1, 4), "u": integers(1, 4, 1, 1)},
    ),
    "a gate without the first axis": (
        [
            CONV,
            node("GlobalAveragePool", ["c"], "g"),
            node("Reshape", ["g", "v"], "a"),
            node("Reshape", ["a", "u"], "d"),
            node("Mul", ["c", "d"], "y"),
        ],
        {**W, "v": integers(4), "u": integers(4, 1, 1)},
    ),
    "a mean over all axes but one": ([CONV, node("ReduceMean", ["c"], "y", axes=[0, 2, 3])], W),
    "repeated": ([CONV, node("Tile", ["c", "t"], "y")], {**W, "t": integers(1, 1, 2, 2)}),
    "the first sample": (
        [CONV, node("Gather", ["c", "z"], "g", axis=0), node("Unsqueeze", ["g", "a"], "y")],
        {**W, "z": np.array(0, np.int64), "a": integers(0)},
    ),
    "rows of a product": (
        [CONV, node("Squeeze", ["c", "a"], "g"), node("Einsum", ["g", "E"], "y", equation="chw,wk->chk")],
        {**W, "a": integers(0), "E": weight(8, 5)},
    ),
}  # fmt: skip


def write(path: Path, nodes: list[Any], weights: dict[str, np.ndarray], shape: Any = SHAPE) -> Path:
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [info("x", 1, shape)],
        [info("y", 1, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def each(path: Path, x: np.ndarray) -> np.ndarray:
    """What onnxruntime makes of each sample."""
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = [session.run(None, {"x": x[i : i + 1]})[0] for i in range(len(x))]
    return np.concatenate(found) if found[0].shape[:1] == (1,) else np.stack(found)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", GRAPHS)
def test_for_any_number(name: str, engine: str, tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", *GRAPHS[name])
    x = R.normal(size=(3, *SHAPE[1:])).astype(np.float32)
    expected = each(path, x)
    model = Model.from_onnx(path, engine=available(engine))
    for n in (3, 1):
        found = model(x[:n])
        assert found.shape == expected[:n].shape
        assert np.abs(found - expected[:n]).max() < CLOSE * max(1.0, np.abs(expected).max())
    assert np.abs(expected[0] - expected[1]).max() > 0.01


def test_a_class_token_is_a_parameter(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", *GRAPHS["a class token"])
    model = Model.from_onnx(path, engine="reference")
    assert sorted(v.shape for v in model.parameters.values()) == [(1, 1, 4), (3, 3, 3, 4)]


@pytest.mark.parametrize(
    "name", ["attention, (1, L, h, d)", "a class token", "a gate of each channel"]
)
def test_open_outside_and_for_one_inside(name: str, tmp_path: Path) -> None:
    """A file that was traced with one sample says so in its shapes, whatever it says of its input."""
    path = write(tmp_path / "m.onnx", *GRAPHS[name], shape=("N", *SHAPE[1:]))
    x = R.normal(size=(3, *SHAPE[1:])).astype(np.float32)
    found = Model.from_onnx(path, engine="reference")(x)
    expected = each(path, x)
    assert np.abs(found - expected).max() < CLOSE * max(1.0, np.abs(expected).max())


def test_several_at_once(tmp_path: Path) -> None:
    """A file for two is read where every operator keeps to its samples."""
    nodes = [CONV, node("Reshape", ["c", "s"], "r"), node("Softmax", ["r"], "y", axis=-1)]
    path = write(tmp_path / "m.onnx", nodes, {**W, "s": integers(2, 4, 64)}, (2, *SHAPE[1:]))
    x = R.normal(size=(4, *SHAPE[1:])).astype(np.float32)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = np.concatenate([session.run(None, {"x": x[i : i + 2]})[0] for i in (0, 2)])
    found = Model.from_onnx(path, engine="reference")(x)
    assert np.abs(found - expected).max() < CLOSE


@pytest.mark.parametrize(
    ("nodes", "weights", "count"),
    [
        ([CONV, node("Transpose", ["c"], "y", perm=[1, 0, 2, 3])], W, 2),
        ([CONV, node("ReduceMax", ["c"], "y", axes=[0])], W, 2),
        ([node("Softmax", ["x"], "y", axis=0)], {}, 2),
        ([CONV, node("Add", ["c", "k"], "y")], {**W, "k": weight(2, 4, 8, 8)}, 2),
        ([CONV, node("Reshape", ["c", "s"], "w"), node("Conv", ["x", "w"], "y")],
         {"W": weight(9, 3, 3, 3), "s": integers(64, 3, 3, 1)}, 1),
    ],
    ids=["transposed", "the largest of all", "softmax over samples", "numbers for each", "weights of samples"],
)  # fmt: skip
def test_what_mixes_samples_is_refused_with_a_way_out(
    nodes: list[Any], weights: dict[str, np.ndarray], count: int, tmp_path: Path
) -> None:
    path = write(tmp_path / "m.onnx", nodes, weights, (count, *SHAPE[1:]))
    with pytest.raises(
        NotAvailable, match=r"export it with a dynamic batch axis: torch\.onnx\.export\("
    ):
        Model.from_onnx(path)
