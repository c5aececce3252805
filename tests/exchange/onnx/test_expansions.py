"""Branches, loops, sequences, recurrent cells, sampled pictures and transforms, in open and fixed batches."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sloy.errors import FileFormatError, NotAvailable
from sloy.model import Model

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
helper, numpy_helper = onnx.helper, onnx.numpy_helper

R = np.random.default_rng(0)
CLOSE = 1e-5
FLOAT, INT64, BOOL = (getattr(onnx.TensorProto, name) for name in ("FLOAT", "INT64", "BOOL"))


def node(op: str, inputs: list[str], outputs: str, **attributes: Any) -> Any:
    return helper.make_node(op, inputs, outputs.split(","), **attributes)


def weight(*shape: int) -> np.ndarray:
    return (R.normal(size=shape) / 2).astype(np.float32)


def integers(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def value(name: str, shape: Any = None, kind: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def body(
    name: str, nodes: list[Any], inputs: list[Any], outputs: list[Any], **constants: Any
) -> Any:
    given = [numpy_helper.from_array(np.asarray(a), key) for key, a in constants.items()]
    return helper.make_graph(nodes, name, inputs, outputs, given)


def saved(
    folder: Path, nodes: list[Any], arrays: dict[str, np.ndarray], shape: Any, opset: int
) -> Path:
    graph = helper.make_graph(
        nodes, "g", [value("x", shape)], [value("y")],
        [numpy_helper.from_array(a, name) for name, a in arrays.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = min(model.ir_version, 10)
    path = folder / "net.onnx"
    onnx.save(model, path)
    return path


def assert_as_onnxruntime(
    folder: Path,
    nodes: list[Any],
    arrays: dict[str, np.ndarray],
    shape: tuple[int, ...],
    opset: int = 20,
    batches: tuple[Any, ...] = ("N", 1),
    close: float = CLOSE,
) -> None:
    """Three samples at once where the batch is open, else each alone."""
    x = np.random.default_rng(1).normal(size=(3, *shape)).astype(np.float32)
    for first in batches:
        path = saved(folder, nodes, arrays, (first, *shape), opset)
        session = runtime.InferenceSession(path.read_bytes())
        if first == "N":
            expected = session.run(None, {"x": x})[0]
        else:
            alone = [session.run(None, {"x": x[i : i + 1]})[0] for i in range(3)]
            rows = alone[0].ndim > 0 and alone[0].shape[0] == 1
            expected = np.concatenate(alone) if rows else np.stack(alone)
        found = Model.from_onnx(path).predict(x)
        assert found.shape == expected.shape, first
        assert expected.any()
        size = float(np.abs(expected).max())
        np.testing.assert_allclose(
            found, expected, rtol=close, atol=close * size, err_msg=f"{first}"
        )


# --- recurrent cells -------------------------------------------------------------------------------------------------

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def cell(
    op: str, directions: int = 1, *, biased: bool = True, **said: Any
) -> tuple[list[Any], dict[str, np.ndarray]]:
    """x (N, T, I) turned to (T, N, I), the cell, all states as (N, T, D · H)."""
    gates, i, h = GATES[op], 3, 4
    arrays = {
        "W": weight(directions, gates * h, i), "R": weight(directions, gates * h, h), "s": integers(0, 0, -1),
    }  # fmt: skip
    inputs = ["t", "W", "R"]
    if biased:
        arrays["B"] = weight(directions, 2 * gates * h)
        inputs.append("B")
    direction = {1: said.pop("direction", "forward"), 2: "bidirectional"}[directions]
    return [
        node("Transpose", ["x"], "t", perm=[1, 0, 2]),
        node(op, inputs, "Y", hidden_size=h, direction=direction, name="/rnn/cell", **said),
        node("Transpose", ["Y"], "q", perm=[2, 0, 1, 3]),  # (N, T, D, H)
        node("Reshape", ["q", "s"], "y"),
    ], arrays


CELLS = {
    **{op: cell(op) for op in GATES},
    **{f"{op} of two directions": cell(op, 2) for op in GATES},
    "RNN backwards": cell("RNN", direction="reverse", biased=False),
    "RNN, rectified": cell("RNN", activations=["Relu"], clip=0.7),
    "GRU, reset behind the product": cell("GRU", linear_before_reset=1),
    "GRU, of two directions, reset behind": cell("GRU", 2, linear_before_reset=1),
    "GRU, without a bias, reset behind": cell("GRU", linear_before_reset=1, biased=False),
    "LSTM, without a bias": cell("LSTM", biased=False),
    "LSTM, one gate for two": cell("LSTM", input_forget=1),
    "LSTM, other activations": cell(
        "LSTM", activations=["HardSigmoid", "Softsign", "Affine"], activation_alpha=[0.3, 1.5],
        activation_beta=[0.4, 0.1]),
}  # fmt: skip


@pytest.mark.parametrize("name", CELLS)
def test_recurrent_cells(name: str, tmp_path: Path) -> None:
    assert_as_onnxruntime(tmp_path, *CELLS[name], (5, 3), 14)


def test_last_states_from_given_ones_with_peepholes(tmp_path: Path) -> None:
    arrays = {
        "W": weight(1, 16, 3), "R": weight(1, 16, 4), "B": weight(1, 32), "h": weight(1, 1, 4), "c": weight(1, 1, 4),
        "P": weight(1, 12), "a": integers(0),
    }  # fmt: skip
    nodes = [
        node("Transpose", ["x"], "t", perm=[1, 0, 2]),
        node("LSTM", ["t", "W", "R", "B", "", "h", "c", "P"], ",H,C", hidden_size=4),
        node("Concat", ["H", "C"], "b", axis=2),
        node("Squeeze", ["b", "a"], "y"),
    ]
    assert_as_onnxruntime(tmp_path, nodes, arrays, (5, 3), 14, batches=(1,))


def test_cells_train(tmp_path: Path) -> None:
    """A network of PyTorch's kind learns which of two numbers comes first."""
    nodes, arrays = cell("LSTM")
    nodes[-1] = node("Reshape", ["q", "s"], "r")
    nodes += [node("Flatten", ["r"], "f"), node("Gemm", ["f", "G", "g"], "y")]
    arrays |= {"G": weight(20, 2), "g": weight(2)}
    path = saved(tmp_path, nodes, arrays, ("N", 5, 3), 14)
    model = Model.from_onnx(path, loss="categorical_crossentropy")
    names = {n.removeprefix("imported_1/") for n in model.parameters}
    assert names >= {"rnn/input/weight", "rnn/input/bias", "rnn/state/weight"}
    import sloy

    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 5, 3)).astype(np.float32)
    y = (x[:, 0, 0] > x[:, 4, 0]).astype(int)
    before = np.array(model.parameters["imported_1/rnn/state/weight"])
    trained, history = sloy.fit(
        model.network, (x, y), loss="categorical_crossentropy", epochs=12, batch_size=16,
        optimizer=sloy.Adam(0.02), parameters=model.parameters, engine="reference",
    )  # fmt: skip
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert not np.allclose(before, trained.parameters["imported_1/rnn/state/weight"])


# --- branches and loops ----------------------------------------------------------------------------------------------


def branches(condition: list[Any], **more: np.ndarray) -> tuple[list[Any], dict[str, np.ndarray]]:
    """x W + b where a condition holds, else relu(x) W."""
    then = body(
        "t",
        [node("MatMul", ["x", "W"], "m"), node("Add", ["m", "b"], "yes")],
        [],
        [value("yes")],
        b=weight(2),
    )
    other = body(
        "e", [node("Relu", ["x"], "r"), node("MatMul", ["r", "W"], "no")], [], [value("no")]
    )
    return [*condition, node("If", ["c"], "y", then_branch=then, else_branch=other)], {
        "W": weight(4, 2),
        **more,
    }


def loop(count: int = 4) -> tuple[list[Any], dict[str, np.ndarray]]:
    """h = tanh(h W + k) a few times; the mean of all of them, and the last."""
    turn = [
        node("Cast", ["k"], "f", to=FLOAT), node("MatMul", ["h", "W"], "m"), node("Add", ["m", "f"], "a"),
        node("Tanh", ["a"], "h2"), node("Identity", ["h2"], "row"), node("Identity", ["go"], "end"),
    ]  # fmt: skip
    inner = body(
        "b", turn, [value("k", [], INT64), value("go", [], BOOL), value("h")],
        [value("end", [], BOOL), value("h2"), value("row")],
    )  # fmt: skip
    nodes = [
        node("Loop", ["M", "", "x"], "last,rows", body=inner),
        node("ReduceMean", ["rows", "ax"], "mean", keepdims=0),
        node("Sub", ["last", "mean"], "y"),
    ]
    return nodes, {"M": np.array(count, np.int64), "W": weight(4, 4), "ax": integers(0)}


def until() -> tuple[list[Any], dict[str, np.ndarray]]:
    """A loop that ends by its own condition, which numbers known beforehand decide."""
    turn = [
        node("Add", ["n", "one"], "n2"), node("Less", ["n2", "most"], "end"), node("Mul", ["h", "half"], "h2"),
    ]  # fmt: skip
    inner = body(
        "b", turn, [value("k", [], INT64), value("go", [], BOOL), value("n", [], INT64), value("h")],
        [value("end", [], BOOL), value("n2", [], INT64), value("h2")], one=integers(1)[0], most=integers(3)[0],
        half=np.float32(0.5),
    )  # fmt: skip
    return [node("Loop", ["", "on", "n0", "x"], "n,y", body=inner)], {
        "on": np.array(True), "n0": integers(0)[0],
    }  # fmt: skip


def scan(**said: Any) -> tuple[list[Any], dict[str, np.ndarray]]:
    """A running sum along the second axis, over a half in each step."""
    inner = body(
        "b", [node("Mul", ["s", "half"], "d"), node("Add", ["d", "part"], "s2"), node("Identity", ["s2"], "row")],
        [value("s"), value("part")], [value("s2"), value("row")], half=np.float32(0.5),
    )  # fmt: skip
    nodes = [
        node("ReduceSum", ["x", "a"], "zero", keepdims=0), node("Sub", ["zero", "zero"], "s0"),
        node("Scan", ["s0", "x"], "last,y", body=inner, num_scan_inputs=1, scan_input_axes=[1], scan_output_axes=[1],
             **said),
    ]  # fmt: skip
    return nodes, {"a": integers(1)}


KNOWN = [
    node("Shape", ["x"], "sh"),
    node("Gather", ["sh", "one"], "w"),
    node("Greater", ["w", "three"], "c"),
]
COMPUTED = [node("ReduceMax", ["x"], "m0", keepdims=0), node("Greater", ["m0", "level"], "c")]
ON_CONTROL = {
    "a branch by a shape": (
        *branches(KNOWN, one=integers(1)[0], three=integers(3)[0]),
        (4,),
        ("N", 1),
    ),
    "a branch for each sample": (*branches(COMPUTED, level=np.float32(1)), (4,), (1,)),
    "turns": (*loop(), (4,), ("N", 1)),
    "turns until a number": (*until(), (4,), ("N", 1)),
    "a scan": (*scan(), (5, 3), ("N", 1)),
    "a scan backwards": (
        *scan(scan_input_directions=[1], scan_output_directions=[1]),
        (5, 3),
        ("N", 1),
    ),
}


@pytest.mark.parametrize("name", ON_CONTROL)
def test_branches_and_loops(name: str, tmp_path: Path) -> None:
    nodes, arrays, shape, batches = ON_CONTROL[name]
    assert_as_onnxruntime(tmp_path, nodes, arrays, shape, 18, batches)


def test_what_all_samples_decide_each_decides_alone(tmp_path: Path) -> None:
    """A condition of all samples would make an answer depend on its neighbours; each is taken as a batch of one."""
    nodes, arrays = branches(COMPUTED, level=np.float32(1))
    path = saved(tmp_path, nodes, arrays, ("N", 4), 18)
    x = np.array([[0, 0, -1, 0], [0, 2, -1, 0]], np.float32)
    session = runtime.InferenceSession(path.read_bytes())
    expected = np.concatenate([session.run(None, {"x": row[None]})[0] for row in x])
    found = Model.from_onnx(path).predict(x)
    np.testing.assert_allclose(found, expected, rtol=CLOSE, atol=CLOSE)


def test_a_loop_without_an_end_is_refused(tmp_path: Path) -> None:
    inner = body(
        "b", [node("Identity", ["go"], "end"), node("Identity", ["h"], "h2")],
        [value("k", [], INT64), value("go", [], BOOL), value("h")], [value("end", [], BOOL), value("h2")],
    )  # fmt: skip
    arrays = {"M": np.array(1 << 62, np.int64)}
    path = saved(tmp_path, [node("Loop", ["M", "", "x"], "y", body=inner)], arrays, ("N", 4), 18)
    with pytest.raises(FileFormatError, match=r"\(Loop\): it makes more than 65536 operators"):
        Model.from_onnx(path)


def test_a_branch_of_another_shape_is_refused(tmp_path: Path) -> None:
    nodes, arrays = branches(COMPUTED, level=np.float32(1))
    wide = body("e", [node("Concat", ["x", "x"], "no", axis=1)], [], [value("no")])
    nodes[-1] = node("If", ["c"], "y", then_branch=nodes[-1].attribute[1].g, else_branch=wide)
    path = saved(tmp_path, nodes, arrays, (1, 4), 18)
    with pytest.raises(
        NotAvailable, match=r"\(If\): a computed condition that chooses between shapes"
    ):
        Model.from_onnx(path)


def test_values_of_a_body_are_made_once(tmp_path: Path) -> None:
    hidden = body("t", [node("Relu", ["x"], "x")], [], [value("x")])
    nodes = [node("If", ["c"], "y", then_branch=hidden, else_branch=hidden)]
    path = saved(tmp_path, nodes, {"c": np.array(True)}, ("N", 4), 18)
    with pytest.raises(FileFormatError, match="'x' is made twice"):
        Model.from_onnx(path)


# --- sequences -------------------------------------------------------------------------------------------------------

SEQUENCES = {
    "split and put together": (
        [
            node("SplitToSequence", ["x", "two"], "s", axis=1), node("SequenceAt", ["s", "i"], "p"),
            node("SequenceErase", ["s", "i"], "e"), node("SequenceInsert", ["e", "p", "zero"], "f"),
            node("ConcatFromSequence", ["f"], "y", axis=1),
        ],
        {"two": integers(2)[0], "i": integers(-1)[0], "zero": integers(0)[0]},
    ),
    "made, counted and stacked": (
        [
            node("SequenceEmpty", [], "n"), node("SequenceInsert", ["n", "x"], "a"), node("Relu", ["x"], "r"),
            node("SequenceInsert", ["a", "r"], "s"), node("SequenceLength", ["s"], "k"),
            node("Cast", ["k"], "kf", to=FLOAT), node("ConcatFromSequence", ["s"], "c", axis=1, new_axis=1),
            node("Mul", ["c", "kf"], "y"),
        ],
        {},
    ),
    "single ones": (
        [
            node("SplitToSequence", ["x"], "s", axis=1, keepdims=0), node("SequenceAt", ["s", "i"], "p"),
            node("SequenceAt", ["s", "j"], "q"), node("Sub", ["p", "q"], "d"), node("Unsqueeze", ["d", "one"], "y"),
        ],
        {"i": integers(0)[0], "j": integers(3)[0], "one": integers(1)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences(name: str, tmp_path: Path) -> None:
    assert_as_onnxruntime(tmp_path, *SEQUENCES[name], (6,), 18)


# --- pictures at computed places -------------------------------------------------------------------------------------


def sampled(mode: str, padding: str, corners: int) -> tuple[list[Any], dict[str, np.ndarray]]:
    """A spatial transformer: the picture says how it is to be turned."""
    nodes = [
        node("Flatten", ["x"], "f"), node("Gemm", ["f", "W", "b"], "t"), node("Reshape", ["t", "s"], "theta"),
        node("AffineGrid", ["theta", "size"], "grid", align_corners=corners),
        node("GridSample", ["x", "grid"], "y", mode=mode, padding_mode=padding, align_corners=corners),
    ]  # fmt: skip
    return nodes, {
        "W": weight(2 * 5 * 6, 6) / 8, "b": np.array([1.5, 0.3, 0.1, -0.2, 1.3, 0], np.float32),
        "s": integers(-1, 2, 3),
    }  # fmt: skip


GRIDS = list(product(("linear", "nearest", "cubic"), ("zeros", "border", "reflection"), (0, 1)))


@pytest.mark.parametrize(("mode", "padding", "corners"), GRIDS)
def test_grids(mode: str, padding: str, corners: int, tmp_path: Path) -> None:
    nodes, arrays = sampled(mode, padding, corners)
    size = {"size": integers(1, 2, 4, 7)}
    assert_as_onnxruntime(tmp_path, nodes, {**arrays, **size}, (2, 5, 6), 20, batches=(1,))
    del nodes[:4]
    arrays = {
        "grid": np.linspace(-2, 2, 24, dtype=np.float32).reshape(1, 4, 3, 2)
    }  # far outside, too
    assert_as_onnxruntime(tmp_path, nodes, arrays, (2, 5, 6), 20, batches=(1,))


# --- the rest --------------------------------------------------------------------------------------------------------

MIX = [node("MatMul", ["x", "W"], "h")]
REST: dict[str, tuple[list[Any], dict[str, np.ndarray], tuple[int, ...], int, tuple[Any, ...]]] = {
    "products so far": (
        [node("CumProd", ["x", "a"], "y", exclusive=1, reverse=1)], {"a": integers(1)[0]}, (5,), 26, ("N", 1)),
    "chosen columns": (
        [node("Compress", ["x", "c"], "y", axis=1)], {"c": np.array([True, False, True])}, (4, 2), 18, ("N", 1)),
    "a part backwards": (
        [node("ReverseSequence", ["x", "n"], "y", time_axis=1, batch_axis=0)], {"n": integers(3)}, (5, 2), 18, (1,)),
    "cut and padded about the middle": (
        [node("CenterCropPad", ["x", "s"], "y", axes=[2, 3])], {"s": integers(4, 9)}, (2, 7, 6), 18, ("N", 1)),
    "a diagonal": (
        [node("EyeLike", ["W"], "e", k=1), node("Add", ["W", "e"], "w"), node("MatMul", ["x", "w"], "y")],
        {"W": weight(4, 4)}, (4,), 18, ("N", 1)),
    "spectra": ([node("DFT", ["x", "", "a"], "y", onesided=1)], {"a": integers(1)[0]}, (8, 1), 20, ("N", 1)),
    "a spectrogram": (
        [node("STFT", ["x", "step", "w"], "s"), node("ReduceSumSquare", ["s", "last"], "y", keepdims=0)],
        {"step": integers(4)[0], "w": np.hanning(8).astype(np.float32), "last": integers(-1)}, (32,), 18, ("N", 1)),
    "windows folded back": (
        [node("Col2Im", ["x", "i", "b"], "y", strides=[2, 1], pads=[1, 0, 1, 0])],
        {"i": integers(6, 5), "b": integers(3, 2)}, (12, 12), 18, ("N", 1)),
    "products of bytes": (
        [
            node("DynamicQuantizeLinear", ["x"], "q,s,z"), node("MatMulInteger", ["q", "W", "z"], "p"),
            node("Cast", ["p"], "f", to=FLOAT), node("Mul", ["f", "s"], "m"), node("Mul", ["m", "w"], "y"),
        ],
        {"W": R.integers(-9, 9, (4, 3)).astype(np.int8), "w": np.float32(0.1)}, (4,), 18, (1,)),
    "attention": (
        [*MIX, node("Attention", ["h", "h", "h"], "y", q_num_heads=2, kv_num_heads=2, is_causal=1)],
        {"W": weight(8, 8)}, (5, 8), 23, ("N", 1)),
    "turned places": (
        [*MIX, node("RotaryEmbedding", ["h", "cos", "sin", "p"], "y", num_heads=2)],
        {"W": weight(8, 8), "cos": np.cos(weight(5, 2)), "sin": np.sin(weight(5, 2)),
         "p": np.arange(5, dtype=np.int64)[None]}, (5, 8), 23, (1,)),
}  # fmt: skip


@pytest.mark.parametrize("name", REST)
def test_the_rest(name: str, tmp_path: Path) -> None:
    nodes, arrays, shape, opset, batches = REST[name]
    assert_as_onnxruntime(tmp_path, nodes, arrays, shape, opset, batches)
