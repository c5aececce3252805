"""Common blocks of other tools' graphs become ordinary layers, equal to onnxruntime, under the names of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from sloy import ops
from sloy.graph.tensor import Tensor
from sloy.layers import (
    ELU,
    GELU,
    Conv2D,
    HardSigmoid,
    HardSwish,
    Imported,
    Layer,
    LayerNorm,
    LeakyReLU,
    Mish,
    ReLU6,
    Residual,
    Sigmoid,
    SiLU,
    Softplus,
    SqueezeExcitation,
)
from sloy.layers.recognised import activation_of
from sloy.model import Model
from sloy.training.stages import layered, unfolded

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from onnx_graphs import ints, node, weight, write  # noqa: E402

SPELLED: dict[str, tuple[Any, Layer | None]] = {
    "x sigmoid(x)": (lambda x: x * ops.sigmoid(x), SiLU()),
    "x / (1 + exp(-x))": (lambda x: x / (1.0 + ops.exp(-x)), SiLU()),
    "1 / (1 + exp(-x))": (lambda x: 1.0 / (1.0 + ops.exp(-x)), Sigmoid()),
    "x clip(x + 3) / 6": (lambda x: x * ops.clip(x + 3.0, 0.0, 6.0) / 6.0, HardSwish()),
    "x min(max(x/6 + 1/2))": (lambda x: x * ops.minimum(ops.maximum(x / 6 + 0.5, 0.0), 1.0), HardSwish()),
    "clip(x/6 + 1/2)": (lambda x: ops.clip(x * (1 / 6) + 0.5, 0.0, 1.0), HardSigmoid()),
    "min(max(x, 0), 6)": (lambda x: ops.minimum(ops.relu(x), 6.0), ReLU6()),
    "max(x, x / 100)": (lambda x: ops.maximum(x, 0.01 * x), LeakyReLU(0.01)),
    "x or e^x - 1": (lambda x: ops.where(x > 0.0, x, ops.exp(x) - 1.0), ELU()),
    "x/2 (1 + erf)": (lambda x: x * 0.5 * (ops.erf(x / 1.41421354) + 1.0), GELU()),
    "x tanh(softplus(x))": (lambda x: x * ops.tanh(ops.softplus(x)), Mish()),
    "log(1 + e^x)": (lambda x: ops.maximum(x, 0.0) + ops.log(1.0 + ops.exp(-ops.maximum(x, -x))), Softplus()),
    "x + 0": (lambda x: x + 0.0, None),
}  # fmt: skip


@pytest.mark.parametrize("spelled", SPELLED)
def test_activations_by_what_they_compute(spelled: str) -> None:
    function, layer = SPELLED[spelled]
    x = ops.input("x", (2, 4, 4, 3))
    assert activation_of(x, function(x)) == layer


def test_what_has_no_name_keeps_its_ops() -> None:
    """As near to a named one as a factor of 0.2 instead of 1/6; it fits samples of any shape."""
    x = ops.input("x", (2, 4))

    def function(x: Tensor) -> Tensor:
        return ops.clip(x * 0.2 + 0.5, 0.0, 1.0)

    layer = activation_of(x, function(x))
    assert layer is not None
    assert layer.kind == "Activation"
    network = sloy.Network((3, 3, 2), [layer])
    again = sloy.Network.from_config(network.to_config())
    model = Model(sloy.Problem(again, sloy.losses.SquaredError()), {}, engine="reference")
    given = np.linspace(-4, 4, 18, dtype=np.float32).reshape(1, 3, 3, 2)
    np.testing.assert_allclose(model(given), np.clip(given * 0.2 + 0.5, 0, 1), atol=1e-6)


def block(path: Path) -> Path:
    """Convolution, MobileNetV3's block with squeeze and excitation, layer normalisation written out, a head."""
    hard = {"alpha": 0.2, "beta": 0.5}
    norms = [f"{role}" for role in ("gamma", "beta", "mean", "var")]
    nodes = [
        node("Conv", "x stem.weight stem.bias", "a", strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Clip", "a zero six", "b"),
        node("Conv", "b block.up.weight", "c"),
        node("BatchNormalization", "c " + " ".join(f"block.bn.{n}" for n in norms), "d"),
        node("HardSwish", "d", "e"),
        node("Conv", "e block.depth.weight block.depth.bias", "f", group=8, pads=[1, 1, 1, 1]),
        node("GlobalAveragePool", "f", "g"),
        node("Conv", "g block.se.reduce.weight block.se.reduce.bias", "h"),
        node("Relu", "h", "i"),
        node("Conv", "i block.se.expand.weight block.se.expand.bias", "j"),
        node("HardSigmoid", "j", "k", **hard),
        node("Mul", "k f", "l"),
        node("Conv", "l block.down.weight block.down.bias", "m"),
        node("Add", "m b", "n"),
        node("Transpose", "n", "o", perm=[0, 2, 3, 1]),
        node("ReduceMean", "o last", "p"),
        node("Sub", "o p", "q"),
        node("Mul", "q q", "r"),
        node("ReduceMean", "r last", "s"),
        node("Add", "s eps", "t"),
        node("Sqrt", "t", "u"),
        node("Div", "q u", "v"),
        node("Mul", "v norm.weight", "w"),
        node("Add", "w norm.bias", "z"),
        node("ReduceMean", "z maps", "features", keepdims=0),
        node("Gemm", "features fc.weight fc.bias", "y", transB=1),
    ]  # fmt: skip
    shapes = {
        "stem.weight": (4, 3, 3, 3), "stem.bias": (4,), "block.up.weight": (8, 4, 1, 1),
        **{f"block.bn.{n}": (8,) for n in norms}, "block.depth.weight": (8, 1, 3, 3), "block.depth.bias": (8,),
        "block.se.reduce.weight": (2, 8, 1, 1), "block.se.reduce.bias": (2,), "block.se.expand.weight": (8, 2, 1, 1),
        "block.se.expand.bias": (8,), "block.down.weight": (4, 8, 1, 1), "block.down.bias": (4,),
        "norm.weight": (4,), "norm.bias": (4,), "fc.weight": (5, 4), "fc.bias": (5,),
    }  # fmt: skip
    weights = [weight(name, *shape) for name, shape in shapes.items() if name != "block.bn.var"]
    numbers = {
        "zero": [0.0],
        "six": [6.0],
        "eps": [1e-3],
        "block.bn.var": [0.5, 1, 2, 3, 0.2, 1, 1, 4],
    }
    for name, values in numbers.items():
        array = np.array(values if name == "block.bn.var" else values[0], np.float32)
        weights.append(onnx_array(array, name))
    weights += [ints("last", -1), ints("maps", 1, 2)]
    return write(path, nodes, weights, ["n", 3, 9, 8])


def onnx_array(array: np.ndarray, name: str) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(array, name)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Model]:
    path = block(tmp_path_factory.mktemp("recognised") / "block.onnx")
    return path, Model.from_onnx(path, channels_last=True, engine="reference")


def test_a_network_of_blocks_is_ordinary_layers(model: tuple[Path, Model]) -> None:
    path, imported = model
    network, parameters = unfolded(imported)
    names = "stem relu6_1 block norm global_average_pool2d_1 fc"
    assert " ".join(network.layer_names) == names
    stem, clip, residual, norm = network.layers[:4]
    assert stem == Conv2D(4, 3, stride=2, padding=1, name="stem")
    assert clip == ReLU6()
    assert isinstance(residual, Residual)
    assert [layer.kind for layer in residual.layers] == [
        "Conv2D", "BatchNorm", "HardSwish", "Conv2D", "SqueezeExcitation", "Conv2D",
    ]  # fmt: skip
    assert residual.layers[3] == Conv2D(8, 3, padding=1, groups=8, name="depth")
    assert isinstance(residual.layers[4], SqueezeExcitation)
    assert isinstance(norm, LayerNorm)
    assert norm.epsilon == 1e-3
    assert not any(isinstance(layer, Imported) for layer in network.layers)
    assert {
        "block/up/weight",
        "block/bn/running_variance",
        "block/se/expand/bias",
        "norm/scale",
    } <= set(parameters)
    x = np.random.default_rng(0).normal(size=(3, 3, 9, 8)).astype(np.float32)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"x": x})
    chain = layered(imported)
    assert chain.network == network
    assert layered(chain) is chain
    found = chain(np.ascontiguousarray(x.transpose(0, 2, 3, 1)))
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_a_head_is_made_anew_behind_features_too(tmp_path: Path, model: tuple[Path, Model]) -> None:
    """A convolution whose activation is what was asked for is no head."""
    path, _ = model
    features = Model.from_onnx(path, channels_last=True, output="b", engine="reference")
    rng = np.random.default_rng(0)
    data = sloy.data.Dataset(
        rng.normal(size=(8, 9, 8, 3)).astype(np.float32), np.arange(8) % 2, ("a", "b")
    )
    tuned, _ = sloy.fine_tune(
        features, data, engine="reference", epochs=1, batch_size=8, verbose=False
    )
    assert " ".join(tuned.network.layer_names) == "stem relu6_1 global_average_pool2d_1 head"
    assert np.array_equal(
        tuned.parameters["stem/weight"], features.parameters["imported_1/stem/weight"]
    )
    file = tmp_path / "tuned.sloy"
    tuned.save(file)
    assert np.array_equal(sloy.load(file, engine="reference")(data.x), tuned(data.x))


def test_weights_that_are_constant_nodes(tmp_path: Path) -> None:
    """As older converters write them all: parameters under their names, biases that are reshaped first, too."""
    from onnx import helper

    arrays = {"c1_weights": weight("c1_weights", 2, 3, 1, 1), "c1_offset": weight("c1_offset", 2)}
    nodes = [
        helper.make_node("Constant", [], [name], value=value) for name, value in arrays.items()
    ]
    nodes += [
        node("Constant", "", "shape", value_ints=[1, 2, 1, 1]),
        node("Conv", "x c1_weights", "a"),
        node("Reshape", "c1_offset shape", "b"),
        node("Add", "a b", "y"),
    ]
    path = write(tmp_path / "constants.onnx", nodes, [], ["n", 3, 4, 4])
    network, parameters = unfolded(Model.from_onnx(path, channels_last=True, engine="reference"))
    assert network.layers[0] == Conv2D(2, 1, name="c1")
    assert {name: value.shape for name, value in parameters.items()} == {
        "c1/weight": (1, 1, 3, 2),
        "c1/bias": (2,),
    }
