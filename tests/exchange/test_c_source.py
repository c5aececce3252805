"""C source: compiled by gcc with every warning an error, and compared with the model, layer by layer."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import every_elementwise
import stacks
from layer_cases import CASES
from model_tasks import trained_cnn
from sloy import layers, losses, ops, zoo
from sloy.errors import InvalidArgument, NotAvailable
from sloy.exchange.source import LARGEST, c_name
from sloy.exchange.source.dialect import C
from sloy.exchange.source.expressions import broadcast_index
from sloy.model import Model
from sloy.problem import Network, Problem

CLOSE = 1e-5  # of the largest number, or of 1
FLAGS = ("-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-pedantic")

compiled = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler, gcc")


def model_of(network: Network, parameters: Any) -> Model:
    problem = Problem(
        network,
        losses.SquaredError(),
        target_shape=network.output_shape,
        target_dtype="float32",
    )
    return Model(
        problem, {k: v.astype(np.float32) for k, v in parameters.items()}, engine="reference"
    )


def compile_all(files: Sequence[Path], folder: Path, *flags: str) -> ctypes.CDLL:
    library = folder / "library.so"
    command = [
        "gcc",
        *FLAGS,
        *flags,
        "-shared",
        "-fPIC",
        "-o",
        str(library),
        *map(str, files),
        "-lm",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


def predict(library: ctypes.CDLL, name: str, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The function called for each sample; the y that it is given is full of NaN before."""
    function = getattr(library, f"{name}_predict")
    function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_void_p], None
    y = np.full((len(x), *shape), np.nan, np.float32)
    for sample, row in zip(np.ascontiguousarray(x, np.float32), y, strict=True):
        function(sample.ctypes.data, row.ctypes.data)
    return y


FUNCTIONS: dict[str, Any] = {
    **every_elementwise.FUNCTIONS,
    **stacks.FUNCTIONS,
    "comparisons": lambda z: ops.less(z, 0.5) * z + ops.less_equal(z, 0.0) - ops.not_equal(z, 1.0),
    "more comparisons": lambda z: ops.equal(z, z) * ops.greater_equal(z, 0.1) - ops.greater(z, 0.2),
    "extrema": lambda z: ops.maximum(z, ops.minimum(-z, 0.3)) - ops.reduce_max(z, 1, keepdims=True),
    "smallest": lambda z: z * ops.reduce_min(z, 1, keepdims=True) / ops.reduce_sum(z * z, 1, keepdims=True),
    "clip power": lambda z: ops.clip(z, -0.5, 0.75) ** 2.0 + ops.power(2.0, z),
    "slice pad": lambda z: ops.pad(ops.slice(z, (0, 1), (z.shape[0], 3)), (0, 1), (0, 2), 0.5),
    "concatenate": lambda z: ops.concatenate([z, ops.stop_gradient(z) * 2.0], -1),
    "log softmax": lambda z: ops.log_softmax(z),
    "one hot": lambda z: ops.one_hot(ops.argmax(z, -1), z.shape[1], z.dtype) * z,
    "by channel": lambda z: z * np.arange(5.0) - np.linspace(0, 1, 5),
    "matrix": lambda z: ops.matmul(z, ops.constant(np.arange(10.0).reshape(2, 5), z.dtype), transpose_b=True),
    "rows": lambda z: ops.reshape(ops.transpose(ops.reshape(z, (-1, 5, 1)), (0, 2, 1)), z.shape) * z,
    "where": lambda z: ops.where(z > 0.0, ops.sqrt(ops.absolute(z)), ops.sign(z) / 2.0),
    "cast": lambda z: ops.cast(ops.cast(z * 3.0, "int32"), z.dtype) + ops.softplus(-z),
    "infinite": lambda z: ops.clip(z, float("-inf"), 0.5),
}  # fmt: skip


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[ctypes.CDLL, list[Model]]:
    """A function for every layer, then one for every function of a user, in one library."""
    folder = tmp_path_factory.mktemp("c")
    models = [model_of(case.network(), case.variables()) for case in CASES]
    for function in FUNCTIONS.values():
        network = Network((5,), [layers.Dense(5), layers.Activation(function)])
        models.append(model_of(network, network.initialize(7)))
    files = [folder / f"case{k}.c" for k in range(len(models))]
    for model, file in zip(models, files, strict=True):
        model.export(file)
    together = folder / "together.c"  # one start of the compiler rather than a hundred
    together.write_text("".join(f'#include "{file.name}"\n' for file in files))
    return compile_all([together], folder), models


@compiled
@pytest.mark.parametrize("k", range(len(CASES)), ids=lambda k: str(CASES[k]))
def test_every_layer(k: int, library: tuple[ctypes.CDLL, list[Model]]) -> None:
    code, models = library
    x = CASES[k].x().astype(np.float32)
    expected = models[k](x)
    found = predict(code, f"case{k}", x, expected.shape[1:])
    assert np.abs(found - expected).max() < CLOSE * max(1.0, float(np.abs(expected).max()))


@compiled
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_a_user(name: str, library: tuple[ctypes.CDLL, list[Model]]) -> None:
    code, models = library
    k = len(CASES) + list(FUNCTIONS).index(name)
    x = np.random.default_rng(3).normal(size=(6, 5)).astype(np.float32)
    expected = models[k](x)
    found = predict(code, f"case{k}", x, expected.shape[1:])
    assert np.abs(found - expected).max() < CLOSE * max(1.0, float(np.abs(expected).max()))


@compiled
@pytest.mark.parametrize("suffix", [".c", ".h"])
def test_a_trained_model(suffix: str, tmp_path: Path) -> None:
    """Raw pictures in, probabilities out, class names beside them; calls do not remember each other."""
    model, file = trained_cnn(), tmp_path / f"my net{suffix}"
    model.export(file, name="net")
    source = file
    if suffix == ".h":
        source = tmp_path / "use.c"
        source.write_text(
            f'#define NET_IMPLEMENTATION\n#include "{file.name}"\n#include "{file.name}"\n'
        )
        (tmp_path / "twice.c").write_text(
            f'#include "{file.name}"\nint inputs(void);\nint inputs(void) {{ return NET_INPUTS; }}\n'
        )
    files = [source] if suffix == ".c" else [source, tmp_path / "twice.c"]
    code = compile_all(files, tmp_path, "-O2")
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (4, *model.network.input_shape)).astype(np.uint8)
    expected = model.predict_proba(x)
    found = predict(code, "net", x, expected.shape[1:])
    assert np.abs(found - expected).max() < CLOSE
    assert np.array_equal(predict(code, "net", x[::-1], expected.shape[1:]), found[::-1])
    names = (ctypes.c_char_p * len(model.class_names)).in_dll(code, "net_class_names")
    assert [name.decode() for name in names if name] == list(model.class_names)


@compiled
@pytest.mark.parametrize("name", ["mobilenet_v3_small", "convnext_tiny"])
def test_networks_of_blocks(name: str, tmp_path: Path) -> None:
    network = zoo.make(name, (32, 32, 3), 5, width=0.125)
    random = np.random.default_rng(0)
    parameters = {
        n: array + random.uniform(0, 0.1, array.shape) for n, array in network.initialize(7).items()
    }
    model = model_of(network, parameters)
    model.export(tmp_path / "net.c")
    x = random.normal(size=(2, *network.input_shape)).astype(np.float32)
    expected = model(x)
    found = predict(compile_all([tmp_path / "net.c"], tmp_path), "net", x, expected.shape[1:])
    assert np.abs(found - expected).max() < CLOSE * max(1.0, float(np.abs(expected).max()))


@compiled
def test_cpp_takes_the_header(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("needs a C++ compiler, g++")
    network = Network((3,), [layers.Dense(2), layers.Sigmoid()])
    model_of(network, network.initialize(0)).export(tmp_path / "net.h")
    (tmp_path / "use.cpp").write_text(
        '#define NET_IMPLEMENTATION\n#include "net.h"\nint main()\n{\n    float x[NET_INPUTS] = {}, y[NET_OUTPUTS];\n'
        "    net_predict(x, y);\n    return y[0] == 0.5f && y[1] == 0.5f ? 0 : 1;\n}\n"
    )
    program = tmp_path / "use"
    flags = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-std=c++17"]
    subprocess.run(["g++", *flags, "-o", program, tmp_path / "use.cpp"], check=True)
    assert subprocess.run([program], check=False).returncode == 0


def test_nothing_else_is_included(tmp_path: Path) -> None:
    trained_cnn().export(tmp_path / "net.c")
    text = (tmp_path / "net.c").read_text()
    assert [line for line in text.splitlines() if line.startswith("#include")] == [
        "#include <math.h>"
    ]
    assert not any(word in text for word in ("malloc", "printf", "double "))


def test_equal_models_make_equal_files(tmp_path: Path) -> None:
    model = trained_cnn()
    for name in ("a.c", "b.c"):
        model.export(tmp_path / name, name="net")
    assert (tmp_path / "a.c").read_bytes() == (tmp_path / "b.c").read_bytes()


def test_too_large_a_network(tmp_path: Path) -> None:
    network = Network((2048,), [layers.Dense(1024, use_bias=False), layers.Dense(1)])
    with pytest.raises(NotAvailable, match=f"at most {LARGEST}"):
        model_of(network, network.initialize(0)).export(tmp_path / "net.c")
    assert not list(tmp_path.iterdir())


def test_names_that_c_takes() -> None:
    assert [c_name(n) for n in ("net", "my net-2", "2nd", "double", "сеть", "_")] == [
        "net", "my_net_2", "model_2nd", "model_double", "model", "model",
    ]  # fmt: skip
    with pytest.raises(InvalidArgument, match="`name`"):
        trained_cnn().export("net.c", name="my net")


def test_numbers_keep_every_bit() -> None:
    values = np.random.default_rng(0).normal(size=2000).astype(np.float32) * np.float32(1e-30)
    for value in [*values.tolist(), 0.0, 1.0, -2.0, 3.4e38, 1e-45]:
        text = C("").number(value).strip("()")
        assert text.endswith("f")
        assert np.float32(text[:-1]) == np.float32(value)
        assert "." in text or "e" in text
    assert [C("").number(v) for v in (np.inf, -np.inf, np.nan)] == ["INFINITY", "-INFINITY", "NAN"]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ((3,), (4, 3)), ((1,), (2, 3)), ((2, 1), (2, 3)), ((2, 1, 3), (2, 4, 3)), ((1, 4, 1, 3), (2, 4, 5, 3)),
        ((5, 1), (2, 5, 3)),
    ],
)  # fmt: skip
def test_places_in_what_is_repeated(source: tuple[int, ...], target: tuple[int, ...]) -> None:
    values = np.arange(np.prod(source)).reshape(source)
    text = broadcast_index("i", source, target, C("")).replace("/", "//")
    found = [values.reshape(-1)[eval(text, {"i": i})] for i in range(int(np.prod(target)))]
    assert np.array_equal(np.reshape(found, target), np.broadcast_to(values, target))
