"""Exported files: what onnxruntime makes of them, what is in them, and the way back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import every_elementwise
import sloy
import stacks
from layer_cases import CASES, Case
from model_tasks import trained_cnn
from sloy import layers, losses, ops
from sloy.errors import InvalidArgument, NotAvailable
from sloy.graph import REGISTRY
from sloy.model import Model
from sloy.problem import Network, Problem

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

CLOSE = 1e-5  # of the largest number, or of 1


def model_of(network: Network, parameters: Any, dtype: str = "float32") -> Model:
    shape = network.output_shape
    problem = Problem(
        network,
        losses.SquaredError(),
        target_shape=shape,
        target_dtype=dtype,
        dtype=dtype,
        data_dtype=dtype,
    )
    return Model(problem, {k: v.astype(dtype) for k, v in parameters.items()}, engine="reference")


def run(path: Path, x: np.ndarray) -> list[np.ndarray]:
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return list(session.run(None, {"input": x}))


def operators(path: Path) -> list[str]:
    return [n.op_type for n in onnx.load(path).graph.node if n.op_type != "Constant"]


def first(x: np.ndarray) -> np.ndarray:
    """(N, …, C) as (N, C, …)."""
    return np.ascontiguousarray(np.moveaxis(x, -1, 1)) if x.ndim > 2 else x


def close(found: np.ndarray, expected: np.ndarray) -> bool:
    scale = max(1.0, float(np.abs(expected).max()))
    return found.shape == expected.shape and bool(np.abs(found - expected).max() < CLOSE * scale)


@pytest.mark.parametrize("channels_first", [False, True], ids=["channels last", "channels first"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_layer(case: Case, channels_first: bool, tmp_path: Path) -> None:
    """Against onnxruntime, and back into sloy with the same numbers under the same names."""
    model, path = model_of(case.network(), case.variables()), tmp_path / "layer.onnx"
    model.export(path, channels_first=channels_first)
    x = case.x().astype(np.float32)
    given, expected = (first(x), first(model(x))) if channels_first else (x, model(x))
    (found,) = run(path, given)
    assert close(found, expected)
    again = Model.from_onnx(path, engine="reference")
    assert close(again(given), expected)  # NumPy's products add up by layout and instruction set
    read = {name.removeprefix("imported_1/"): value for name, value in again.parameters.items()}
    assert set(read) == set(model.parameters)
    for name, value in model.parameters.items():
        assert np.array_equal(np.sort(read[name], axis=None), np.sort(value, axis=None)), name
    if type(case.layer).__name__ not in AS_BESIDE:
        shapes = {name: value.shape for name, value in model.parameters.items()}
        assert {name: value.shape for name, value in read.items()} == shapes


# Layers whose factors and shifts are written in the layout of what they meet: (C, 1, 1) beside maps (C, H, W).
AS_BESIDE = ("LayerNorm", "Scale", "GroupedDense", "Periodic", "Blend")


# Ops of training steps, which no exported network computes with.
NOT_OF_INFERENCE = {"conv2d_weight_grad"}
KINDS_NOT_OF_INFERENCE = ("augmentation", "gradient", "random", "sparse")


def test_every_op_of_inference_has_a_form() -> None:
    """In ONNX and in C; a new op gets a writer in each, or an `expand`, or a place in the list above."""
    from sloy.exchange.onnx.writing import WRITERS
    from sloy.exchange.source.program import SUPPORTED

    composed = {name for name, op in REGISTRY.items() if op.expand is not None}
    for known in (set(WRITERS), SUPPORTED):
        missing = set(REGISTRY) - known - composed
        inference = {op for op in missing if REGISTRY[op].kind not in KINDS_NOT_OF_INFERENCE}
        assert inference == NOT_OF_INFERENCE


EXPECTED = {
    "Conv2D": ["Transpose", "Conv", "Transpose"],
    "Dense": ["Gemm"],
    "BatchNorm": ["BatchNormalization"],
    "LeakyReLU": ["LeakyRelu"],
    "ELU": ["Elu"],
    "Softplus": ["Softplus"],
    "Softmax": ["Softmax"],
    "GlobalAveragePool2D": ["Transpose", "GlobalAveragePool", "Flatten"],
    "Dropout": ["Identity"],
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_layer_is_the_operator_that_onnx_has(kind: str, tmp_path: Path) -> None:
    case, path = next(c for c in CASES if c.kind == kind), tmp_path / "layer.onnx"
    model_of(case.network(), case.variables()).export(path)
    assert operators(path) == EXPECTED[kind]


FUNCTIONS: dict[str, Any] = {
    **every_elementwise.FUNCTIONS,
    **stacks.FUNCTIONS,
    "comparisons": lambda z: ops.less(z, 0.5) * z + ops.greater_equal(z, 0.0) - ops.not_equal(z, z),
    "extrema": lambda z: ops.maximum(z, ops.minimum(-z, 0.3)) - ops.reduce_max(z, 1, keepdims=True),
    "clip power": lambda z: ops.clip(z, -0.5, 0.75) ** 2.0 + ops.power(2.0, z),
    "slice pad": lambda z: ops.pad(ops.slice(z, (0, 1), (z.shape[0], 3)), (0, 1), (0, 2), 0.5),
    "concatenate": lambda z: ops.concatenate([z, z * 2.0], -1),
    "centred": lambda z: z - ops.reduce_mean(z, -1, keepdims=True),
    "log softmax": lambda z: ops.log_softmax(z) * ops.reduce_min(z, -1, keepdims=True),
    "one hot": lambda z: ops.one_hot(ops.argmax(z, -1), z.shape[1], z.dtype) * z,
    "by channel": lambda z: z * np.arange(5.0) - np.linspace(0, 1, 5),
    "matrix": lambda z: z @ ops.constant(np.arange(10.0).reshape(5, 2), z.dtype),
    "repeated": lambda z: ops.broadcast_to(ops.reduce_sum(z, -1, keepdims=True), z.shape),
    "where": lambda z: ops.where(z > 0.0, ops.sqrt(ops.absolute(z)), ops.sign(z) / 2.0),
    "cross-entropy": lambda z: ops.sigmoid_cross_entropy(z, ops.sigmoid(z)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_a_user_are_their_ops(name: str, tmp_path: Path) -> None:
    network = Network((5,), [layers.Dense(5), layers.Activation(FUNCTIONS[name])])
    model, path = model_of(network, network.initialize(3)), tmp_path / "own.onnx"
    model.export(path)
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    assert close(run(path, x)[0], model(x))
    again = Model.from_onnx(path, engine="reference")
    assert np.abs(again(x) - model(x)).max() < CLOSE
    assert len(again.parameters) == 2  # constants stay constants


def test_pictures_of_a_users_function(tmp_path: Path) -> None:
    """Elementwise work goes on in the order that the convolution left."""
    own = layers.Activation(lambda z: z * ops.sigmoid(z * np.array([1.0, 2.0, 3.0])) + 0.5)
    network = Network(
        (6, 5, 2),
        [layers.Conv2D(3, 3), own, layers.Conv2D(2, 2), layers.Flatten(), layers.Dense(4)],
    )
    model, path = model_of(network, network.initialize(1)), tmp_path / "own.onnx"
    model.export(path)
    x = np.random.default_rng(0).normal(size=(3, 6, 5, 2)).astype(np.float32)
    assert close(run(path, x)[0], model(x))
    assert Counter(operators(path))["Transpose"] == 1


# --- whole models ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Path]:
    model, path = trained_cnn(), tmp_path_factory.mktemp("onnx") / "cnn.onnx"
    model.export(path)
    return model, path


def pictures(model: Model, n: int = 5) -> np.ndarray:
    shape = (n, *model.network.input_shape)
    return np.random.default_rng(4).integers(0, 256, shape).astype(model.problem.data_dtype)


def test_a_model_takes_raw_data(exported: tuple[Model, Path]) -> None:
    model, path = exported
    assert model.problem.data_dtype == "uint8"
    x = pictures(model)
    output, probabilities = run(path, x)
    assert close(output, model(x))
    assert close(probabilities, model.predict_proba(x))


def test_what_is_in_the_file(exported: tuple[Model, Path]) -> None:
    model, path = exported
    found = onnx.load(path)
    onnx.checker.check_model(found, full_check=True)
    assert [(o.domain, o.version) for o in found.opset_import] == [("", 18)]
    assert (found.producer_name, found.producer_version) == ("sloy", sloy.__version__)
    (given,) = found.graph.input
    dims = given.type.tensor_type.shape.dim
    assert (given.name, dims[0].dim_param) == ("input", "N")
    assert tuple(d.dim_value for d in dims[1:]) == model.network.input_shape
    assert [o.name for o in found.graph.output] == ["output", "probabilities"]
    kept = {t.name: tuple(t.dims) for t in found.graph.initializer}
    assert set(kept) == set(model.parameters)
    conv = next(name for name in kept if len(kept[name]) == 4)
    kh, kw, inputs, outputs = model.parameters[conv].shape
    assert kept[conv] == (outputs, inputs, kh, kw)
    metadata = {entry.key: entry.value for entry in found.metadata_props}
    assert json.loads(metadata["class_names"]) == list(model.class_names)
    assert json.loads(metadata["sloy"])["loss"] == "categorical_crossentropy"
    names = [n.name for n in found.graph.node]
    assert len(set(names)) == len(names)
    assert f"{conv.removesuffix('/weight')}/Conv" in names


def test_one_transpose_and_no_more(exported: tuple[Model, Path], tmp_path: Path) -> None:
    model, path = exported
    assert Counter(operators(path))["Transpose"] == 1
    model.export(tmp_path / "first.onnx", channels_first=True)
    assert "Transpose" not in operators(tmp_path / "first.onnx")
    x = pictures(model)
    assert close(run(tmp_path / "first.onnx", first(x))[0], model(x))


def test_colours_are_standardised_inside(tmp_path: Path) -> None:
    """A mean and a deviation for each channel, in both layouts; the reader goes along where it fits."""
    network = Network(
        (6, 5, 3),
        [layers.Conv2D(4, 3), layers.ReLU(), layers.GlobalAveragePool2D(), layers.Dense(2)],
    )
    problem = Problem(
        network,
        losses.CategoricalCrossentropy(),
        preprocessing=sloy.Preprocessing((120.0, 110.0, 100.0), (60.0, 50.0, 40.0)),
        data_dtype="uint8",
    )
    model = Model(problem, network.initialize(5), class_names=("a", "b"), engine="reference")
    x = pictures(model)
    for channels_first in (False, True):
        path = tmp_path / f"{channels_first}.onnx"
        model.export(path, channels_first=channels_first)
        given = first(x) if channels_first else x
        assert close(run(path, given)[0], model(x))
        again = Model.from_onnx(path, channels_last=channels_first, engine="reference")
        assert np.array_equal(again(x), model(x))
        assert [n.split("/", 1)[1] for n in again.parameters] == list(model.parameters)


def test_the_way_back(exported: tuple[Model, Path]) -> None:
    model, path = exported
    again = Model.from_onnx(path, engine=model.engine)
    x = pictures(model)
    assert np.array_equal(again(x), model(x))
    assert again.predict(x).tolist() == model.predict(x).tolist()
    assert again.class_names == model.class_names
    assert again.loss == model.loss
    for name, value in model.parameters.items():
        assert np.array_equal(again.parameters[f"imported_1/{name}"], value), name


def test_there_and_back_and_there_again(exported: tuple[Model, Path], tmp_path: Path) -> None:
    model, path = exported
    Model.from_onnx(path).export(tmp_path / "again.onnx")
    x = pictures(model)
    assert close(run(tmp_path / "again.onnx", x)[0], model(x))
    assert operators(tmp_path / "again.onnx") == operators(path)


def test_what_pytorch_wrote_is_written_again(tmp_path: Path) -> None:
    golden = Path(__file__).parent / "golden"
    model = Model.from_onnx(golden / "pytorch_training.onnx", engine="reference")
    model.export(tmp_path / "again.onnx")
    with np.load(golden / "pytorch.npz") as found:
        assert close(run(tmp_path / "again.onnx", found["x"])[0], found["y_training"])
    assert "Transpose" not in operators(tmp_path / "again.onnx")


def test_double_precision(tmp_path: Path) -> None:
    network = Network((4,), [layers.Dense(3), layers.Tanh(), layers.Dense(2)])
    model, path = (
        model_of(network, network.initialize(0, "float64"), "float64"),
        tmp_path / "d.onnx",
    )
    model.export(path)
    x = np.random.default_rng(0).normal(size=(3, 4))
    (found,) = run(path, x)
    assert found.dtype == np.float64
    assert np.abs(found - model(x)).max() < 1e-14
    assert np.array_equal(Model.from_onnx(path, engine="reference")(x), model(x))


def test_another_opset(exported: tuple[Model, Path], tmp_path: Path) -> None:
    model, _ = exported
    model.export(tmp_path / "m.onnx", opset=21)
    assert onnx.load(tmp_path / "m.onnx").opset_import[0].version == 21
    assert close(run(tmp_path / "m.onnx", pictures(model))[0], model(pictures(model)))
    for wrong in (17, 10_000):
        with pytest.raises(InvalidArgument, match=f"`opset` \\(={wrong}\\) must be from 18"):
            model.export(tmp_path / "m.onnx", opset=wrong)


@pytest.mark.parametrize("name", ["m.onnx", "m.c", "m.h"])
def test_a_model_exports_itself(name: str, exported: tuple[Model, Path], tmp_path: Path) -> None:
    model, path = exported
    model.export(tmp_path / name)
    if name == "m.onnx":
        assert (tmp_path / name).read_bytes() == path.read_bytes()
    else:
        assert "void m_predict(const float *x, float *y)" in (tmp_path / name).read_text()
    with pytest.raises(InvalidArgument, match=r"must end in \.onnx, \.c, \.h or \.js"):
        model.export(tmp_path / "m.pb")


def test_equal_models_make_equal_files(exported: tuple[Model, Path], tmp_path: Path) -> None:
    model, path = exported
    model.export(tmp_path / "same.onnx")
    assert (tmp_path / "same.onnx").read_bytes() == path.read_bytes()


def test_what_has_no_form_in_onnx_is_named(tmp_path: Path) -> None:
    own = layers.Activation(lambda z: z + ops.slice(z, (0, 0), (1, 3)))
    network = Network((3,), [own])
    with pytest.raises(NotAvailable, match="a slice of the samples has no form in ONNX"):
        model_of(network, {}).export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing(exported: tuple[Model, Path], tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="a folder that is missing"):
        exported[0].export(tmp_path / "no" / "m.onnx")


@pytest.mark.parametrize(
    ("word", "outputs"),
    [
        ("categorical_crossentropy", 3), ("categorical_crossentropy=0.1", 3), ("focal=1.5", 3),
        ("binary_crossentropy=0.05", 1), ("quantile=0.9", 1), ("huber=2.0", 1), ("absolute_error", 1),
    ],
)  # fmt: skip
def test_the_loss_comes_back_with_its_number(word: str, outputs: int, tmp_path: Path) -> None:
    network = Network((4,), [layers.Dense(outputs)])
    loss = losses.loss(word)
    model = Model(Problem(network, loss), network.initialize(0), engine="reference")
    model.export(tmp_path / "net.onnx")
    assert Model.from_onnx(tmp_path / "net.onnx", engine="reference").loss == loss
