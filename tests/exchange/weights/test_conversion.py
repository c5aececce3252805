"""Weights of other tools in sloy's layers: names, layouts and the order of flattened maps, proven by equal outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import sloy
from golden.pretrained_problems import BLOCKED, VARIANTS, weight
from sloy import Network, zoo
from sloy.errors import FileFormatError, InvalidArgument
from sloy.exchange.weights.conversion import find
from sloy.exchange.weights.layouts import TOOLS, shape_of
from sloy.exchange.weights.pretrained import fitting
from sloy.exchange.weights.tensors import FileTensor, TensorFile
from sloy.layers import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, ReLU, Residual
from sloy.losses import SquaredError
from sloy.pretrained import read_weights
from sloy.problem import Problem

GOLDEN = Path(__file__).parents[2] / "golden/pretrained"
OUTPUTS = np.load(GOLDEN / "outputs.npz")
LAYOUTS = json.loads((GOLDEN / "layouts.json").read_text())
for _source, _found in json.loads((GOLDEN / "blocked.json").read_text()).items():
    LAYOUTS[_source].update(_found)


def chain(epsilon: float = 1e-5) -> Network:
    """The chain that the golden files hold; 3 × 5 × 4 numbers are flattened."""
    return Network(
        (6, 10, 3),
        [
            Conv2D(4, 3, padding=1), BatchNorm(epsilon=epsilon), ReLU(), MaxPool2D(2), Flatten(),
            BatchNorm(epsilon=epsilon), Dense(6), ReLU(), Dense(3),
        ],
    )  # fmt: skip


def outputs(network: Network, parameters: dict[str, np.ndarray]) -> np.ndarray:
    problem = Problem(network, SquaredError(), target_shape=(3,), target_dtype="float32")
    return sloy.Model(problem, parameters, threads=1)(OUTPUTS["tiny x"])


def close(found: np.ndarray, expected: np.ndarray, relative: float = 1e-4) -> bool:
    return bool(np.abs(found - expected).max() <= relative * np.abs(expected).max())


@pytest.mark.parametrize(
    "name",
    [
        "tiny.pth",
        "tiny_legacy.pth",
        "tiny_checkpoint.pth",
        "tiny_parameters.pth",
        "tiny.safetensors",
    ],
)
def test_pytorch_in_order(name: str) -> None:
    network = chain()
    parameters = read_weights(network, GOLDEN / name)
    assert set(parameters) == set(network.shapes)
    for key, array in parameters.items():
        assert array.shape == network.shapes[key]
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
    assert close(outputs(network, parameters), OUTPUTS["tiny torch"], 1e-5)


def test_the_order_of_a_flattened_map_matters() -> None:
    """Without the permutation every shape fits and the answers are wrong: this test would notice."""
    network = chain()
    parameters = read_weights(network, GOLDEN / "tiny.pth")
    straight = dict(parameters)
    straight["dense_1/weight"] = np.ascontiguousarray(weight("6.weight", (6, 60)).T)
    assert straight["dense_1/weight"].shape == parameters["dense_1/weight"].shape
    assert not close(outputs(network, straight), OUTPUTS["tiny torch"], 0.05)
    norm = dict(parameters)
    norm["batch_norm_2/scale"] = weight("5.weight", (60,))
    assert not close(outputs(network, norm), OUTPUTS["tiny torch"], 0.05)


def test_bfloat16() -> None:
    network = chain()
    for name in ("tiny_bfloat16.pth", "tiny_bfloat16.safetensors"):
        found = outputs(network, read_weights(network, GOLDEN / name))
        assert close(found, OUTPUTS["tiny torch"], 0.03)
        assert not close(found, OUTPUTS["tiny torch"], 1e-5)


@pytest.mark.parametrize("name", ["tiny.h5", "tiny_model.h5", "tiny.weights.h5"])
def test_keras_in_order(name: str) -> None:
    network = chain(epsilon=1e-3)  # Keras's default
    if name == "tiny_model.h5":  # its training's state is none of the weights
        assert b"adam" in (GOLDEN / name).read_bytes()
    assert close(
        outputs(network, read_weights(network, GOLDEN / name)), OUTPUTS["tiny keras"], 1e-5
    )


def test_by_name() -> None:
    network = chain()
    modules = {
        "conv2d_1": "0",
        "batch_norm_1": "1",
        "batch_norm_2": "5",
        "dense_1": "6",
        "dense_2": "8",
    }
    found = read_weights(network, GOLDEN / "tiny.pth", modules)
    assert close(outputs(network, found), OUTPUTS["tiny torch"], 1e-5)
    with pytest.raises(
        InvalidArgument, match=r"`names` has \['conv2d_9'\]; the layers with weights are conv2d_1"
    ):
        read_weights(network, GOLDEN / "tiny.pth", {**modules, "conv2d_9": "0"})
    with pytest.raises(InvalidArgument, match="says nothing of the layer 'dense_2'"):
        read_weights(
            network, GOLDEN / "tiny.pth", {k: v for k, v in modules.items() if k != "dense_2"}
        )
    with pytest.raises(
        FileFormatError, match=r"no tensor '7.weight', which 'dense_1/weight' needs; it holds 16"
    ):
        read_weights(network, GOLDEN / "tiny.pth", {**modules, "dense_1": "7"})
    with pytest.raises(
        FileFormatError, match=r"'8.weight' has shape \(3, 6\), which is \(6, 3\) in sloy's layout"
    ):
        read_weights(network, GOLDEN / "tiny.pth", {**modules, "dense_2": "6", "dense_1": "8"})


def test_what_does_not_fit() -> None:
    shorter = Network((6, 10, 3), chain().layers[:-1])
    with pytest.raises(FileFormatError, match=r"weights of 5 layers .*, the network has 4"):
        read_weights(shorter, GOLDEN / "tiny.pth")
    modules = {"conv2d_1": "0", "batch_norm_1": "1", "batch_norm_2": "5", "dense_1": "6"}
    with pytest.raises(FileFormatError, match=r"2 tensors .* no place for: 8.bias, 8.weight"):
        read_weights(shorter, GOLDEN / "tiny.pth", modules)
    nested = Network((6,), [Residual([Dense(6)])])
    with pytest.raises(InvalidArgument, match="`names` is needed"):
        read_weights(nested, GOLDEN / "tiny.pth")
    with pytest.raises(FileFormatError, match="no such file"):
        read_weights(nested, GOLDEN / "none.pth")


def test_values_that_float32_cannot_hold(tmp_path: Path) -> None:
    import safetensors.numpy

    network = Network((2,), [Dense(1)])
    for value in (np.nan, np.inf, 1e300):
        arrays = {"0.weight": np.array([[1.0, value]]), "0.bias": np.zeros(1)}
        safetensors.numpy.save_file(arrays, tmp_path / "x.safetensors")
        with pytest.raises(FileFormatError, match=r"'0.weight' holds a value that is not finite"):
            read_weights(network, tmp_path / "x.safetensors")


def test_safetensors_keep_no_order(tmp_path: Path) -> None:
    """Names are sorted in the file, "10" before "2": numbers give the order back, words do not."""
    import safetensors.numpy

    network = Network((3,), [Dense(3) for _ in range(12)])
    arrays = {f"net.{n}.weight": np.full((3, 3), n, np.float32) for n in range(12)}
    arrays |= {f"net.{n}.bias": np.zeros(3, np.float32) for n in range(12)}
    path = tmp_path / "x.safetensors"
    safetensors.numpy.save_file(arrays, path)
    found = read_weights(network, path)
    assert [found[f"dense_{n + 1}/weight"][0, 0] for n in range(12)] == list(range(12))
    safetensors.numpy.save_file({k.replace("net.2", "net.two"): v for k, v in arrays.items()}, path)
    with pytest.raises(InvalidArgument, match=r"`names` is needed: .*keeps no order"):
        read_weights(network, path)


def of_layout(source: str, variant: str) -> TensorFile:
    """A file of the names and shapes of the real package, without numbers."""
    tensors = {
        name: FileTensor(tuple(shape), "float32", lambda: np.empty(0))
        for name, shape in LAYOUTS[source][variant].items()
    }
    return TensorFile(Path("x"), "keras" if source == "keras" else "torch", tensors)


@pytest.mark.parametrize(
    ("source", "variant"),
    [(source, variant) for source, found in LAYOUTS.items() for variant in found],
)
def test_every_tensor_of_the_real_packages_has_its_place(source: str, variant: str) -> None:
    """Names and shapes of torchvision, timm and Keras: each is used once, each fits."""
    file = of_layout(source, variant)
    network = zoo.make(variant, (224, 224, 3), 1000)
    tool = TOOLS[file.tool]
    naming, names = fitting(variant, file)
    same = variant.startswith("resnet")  # timm's names are torchvision's
    assert naming.source == ("torchvision" if same else source)
    used = set()
    for name, shape in network.shapes.items():
        source_name = find(file, names, name)
        assert shape_of(tool, file.tensors[source_name], shape) == shape
        assert source_name not in used
        used.add(source_name)
    rest = set(file.tensors) - used
    assert all(name.endswith("num_batches_tracked") for name in rest)


def test_all_variants_are_there() -> None:
    assert set(LAYOUTS["torchvision"]) == set(LAYOUTS["timm"]) == {*VARIANTS, *BLOCKED}
    assert set(LAYOUTS["keras"]) == {"vgg16", "vgg19"}
    for variant in VARIANTS:
        counted = sum(
            int(np.prod(shape))
            for name, shape in LAYOUTS["timm"][variant].items()
            if not name.endswith(("running_mean", "running_var", "num_batches_tracked"))
        )
        assert counted == zoo.make(variant, (224, 224, 3), 1000).parameter_count
