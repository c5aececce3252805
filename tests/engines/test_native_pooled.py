"""A convolution with the max-pooling of its result in one kernel: the numbers of both apart, ties and NaN included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from sloy.engines import ReferenceEngine
from sloy.engines.native import NativeEngine
from sloy.engines.native.engine import NativeExecutable
from sloy.graph import Graph, Tensor, backprop, input
from sloy.graph.ops.convolution import conv2d
from sloy.graph.ops.elementwise import relu, tanh
from sloy.graph.ops.pooling import average_pool2d, max_pool2d
from sloy.graph.ops.reduction import reduce_sum
from tolerances import EXACT, assert_close

Arrays = dict[str, np.ndarray]
Block = Callable[[Tensor], Tensor]
BLOCKS: dict[str, Block] = {
    "pool": max_pool2d,
    "relu, pool": lambda z: max_pool2d(relu(z)),
    "pool, relu": lambda z: relu(max_pool2d(z)),
    "pool, tanh": lambda z: tanh(max_pool2d(z)),
}


@dataclass(frozen=True)
class Case:
    """y = block(conv2d(x, w) + b) and its gradients, that of x not in a first layer."""

    x: tuple[int, int, int, int]
    outputs: int
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    bias: bool = True
    window: tuple[int, int] = (3, 3)
    first: bool = False

    def graph(self, block: Block, dtype: str = "float32", *, shows_z: bool = False) -> Graph:
        shapes: dict[str, tuple[int, ...]] = {
            "x": self.x,
            "w": (*self.window, self.x[3], self.outputs),
        }
        if self.bias:
            shapes["b"] = (self.outputs,)
        operands = {name: input(name, shape, dtype) for name, shape in shapes.items()}
        z = conv2d(operands["x"], operands["w"], padding=self.padding)
        z = z + operands["b"] if self.bias else z
        y = block(z)
        g = input("g", y.shape, dtype)
        wanted = [name for name in operands if name != "x" or not self.first]
        gradients = backprop(reduce_sum(y * g), [operands[name] for name in wanted])
        names = (f"d{name}" for name in wanted)
        shown = {"z": z} if shows_z else {}
        return Graph.of({"y": y, **dict(zip(names, gradients, strict=True)), **shown})


WINOGRAD = (
    Case((3, 12, 12, 24), 32),
    Case((2, 14, 10, 16), 24, (1, 1, 1, 1)),
    Case((2, 12, 13, 40), 16, (2, 0, 1, 0)),  # the input gradient's tiles begin within windows
    Case((1, 13, 16, 16), 48, (0, 1, 2, 2)),
    Case((5, 8, 8, 32), 16, (1, 1, 1, 1), bias=False),
    Case((2, 11, 9, 16), 16, (1, 2, 1, 2)),
)
FEW_CHANNELS = (
    Case((3, 28, 28, 1), 24, window=(5, 5), first=True),
    Case((2, 14, 10, 3), 8, (1, 1, 1, 1), first=True),
    Case((2, 9, 11, 2), 13, (0, 2, 2, 0), window=(2, 2), bias=False, first=True),
    Case((1, 17, 20, 1), 64, (2, 2, 0, 3), window=(8, 8), first=True),
    Case((2, 9, 11, 5), 39, window=(4, 4), first=True),
    Case((5, 8, 8, 8), 16, (1, 1, 1, 1), first=True),
    Case((2, 10, 9, 1), 6, (1, 0, 0, 0), window=(10, 2), first=True),
    Case((1, 12, 12, 3), 96, window=(1, 7), first=True),
)
CASES = (*WINOGRAD, *FEW_CHANNELS)
every_case = pytest.mark.parametrize("case", CASES, ids=str)
winograd = pytest.mark.parametrize("case", WINOGRAD, ids=str)


def kernels(executable: NativeExecutable) -> list[str]:
    return [step.kernel for step in executable.plan.steps]


def integers(graph: Graph, seed: int, values: tuple[int, ...] = (-3, -2, -1, 1, 2, 3)) -> Arrays:
    rng = np.random.default_rng(seed)
    return {
        name: rng.choice(values, spec.shape).astype(np.float32)
        for name, spec in graph.inputs.items()
    }


def normal(graph: Graph, seed: int) -> Arrays:
    rng = np.random.default_rng(seed)
    return {
        name: rng.standard_normal(spec.shape, np.float32) for name, spec in graph.inputs.items()
    }


def in_float64(graph: Graph, feeds: Arrays) -> Arrays:
    wide = {name: value.astype(np.float64) for name, value in feeds.items()}
    return ReferenceEngine().compile(graph, {}).run(wide)


@every_case
@pytest.mark.parametrize("block", ["pool", "relu, pool", "pool, relu"])
@pytest.mark.parametrize("threads", [1, 2])
def test_exact_on_integers(case: Case, block: str, isa: str, threads: int) -> None:
    graph = case.graph(BLOCKS[block])
    feeds = integers(graph, seed=1)
    executable = NativeEngine(threads).compile(graph, {})
    assert ("conv2d_pooled" in kernels(executable)) == (isa != "baseline")
    actual = executable.run(feeds)
    for name, expected in in_float64(case.graph(BLOCKS[block], "float64"), feeds).items():
        assert np.any(expected)
        assert_close(actual[name], expected, EXACT, name=name)


@every_case
@pytest.mark.parametrize("block", ["pool", "relu, pool"])
def test_first_of_equal_ones_takes_the_gradient(case: Case, block: str, isa: str) -> None:
    """x is 0 almost everywhere and w has two values: most windows hold two to four equal maxima."""
    graph = case.graph(BLOCKS[block])
    feeds = integers(graph, seed=2, values=(1, 2))
    feeds["x"] *= np.random.default_rng(3).random(case.x) < 1 / case.x[3] / 8
    actual = NativeEngine(1).compile(graph, {}).run(feeds)
    expected = in_float64(case.graph(BLOCKS[block], "float64"), feeds)
    z = in_float64(case.graph(BLOCKS[block], "float64", shows_z=True), feeds)["z"]
    windows = z.reshape(z.shape[0], z.shape[1] // 2, 2, z.shape[2] // 2, 2, z.shape[3])
    tied = (windows == windows.max((2, 4), keepdims=True)).sum((2, 4))
    assert all(np.any(tied == count) for count in (2, 3, 4))
    for name, value in expected.items():
        assert_close(actual[name], value, EXACT, name=name)


@pytest.mark.parametrize("case", [WINOGRAD[0], FEW_CHANNELS[0]], ids=str)
def test_nan_and_infinities_take_the_gradient(case: Case, isa: str) -> None:
    graph = case.graph(max_pool2d)
    feeds = integers(graph, seed=4)
    feeds["b"][:3] = np.nan, np.inf, -np.inf
    actual = NativeEngine(1).compile(graph, {}).run(feeds)
    assert np.isnan(actual["y"][..., 0]).all()
    for name, value in in_float64(case.graph(max_pool2d, "float64"), feeds).items():
        assert_close(actual[name], value, EXACT, name=name)


@winograd
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("deterministic", ["same-threads", "any-threads"])
@pytest.mark.parametrize("special", [False, True])
def test_same_bits_as_apart(case: Case, block: str, deterministic: Any, *, special: bool) -> None:
    """With special values too: where a Winograd tile reads a NaN, all four of its places are NaN."""
    engine = NativeEngine(2, deterministic=deterministic)
    together, apart = (case.graph(BLOCKS[block], shows_z=shows) for shows in (False, True))
    feeds = normal(together, seed=5)
    feeds["w"][..., 3] = 0.0
    if case.bias:
        feeds["b"][3] = -0.0
    if special:
        rng = np.random.default_rng(6)
        feeds["x"][rng.random(case.x) < 1e-3] = np.nan
        feeds["x"][rng.random(case.x) < 1e-3] = np.inf
    executables = [engine.compile(graph, {}) for graph in (together, apart)]
    assert "conv2d_pooled" in kernels(executables[0])
    assert "max_pool2d_grad" in kernels(executables[1])
    expected = executables[1].run(feeds)
    for name, value in executables[0].run(feeds).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)
        numbers = ~np.isnan(value)
        assert special or np.all(numbers)
        np.testing.assert_array_equal(
            np.signbit(value[numbers]), np.signbit(expected[name][numbers])
        )


@pytest.mark.parametrize("case", [WINOGRAD[1], FEW_CHANNELS[1]], ids=str)
def test_any_threads_gives_the_same_bits(case: Case) -> None:
    graph = case.graph(BLOCKS["relu, pool"])
    feeds = normal(graph, seed=6)
    runs = [
        NativeEngine(threads, deterministic="any-threads").compile(graph, {}).run(feeds)
        for threads in (1, 2, 3)
    ]
    for name in graph.outputs:
        assert len({run[name].tobytes() for run in runs}) == 1


@pytest.mark.parametrize("channels", [16, 2])
def test_inference_writes_no_places(channels: int) -> None:
    def graph(dtype: str) -> Graph:
        shapes = {"x": (2, 12, 12, channels), "w": (3, 3, channels, 32), "b": (32,)}
        x, w, b = (input(name, shape, dtype) for name, shape in shapes.items())
        return Graph.of({"y": max_pool2d(tanh(conv2d(x, w) + b))})

    executable = NativeEngine(1).compile(graph("float32"), {})
    (step,) = executable.plan.steps
    assert (step.kernel, len(step.outputs)) == ("conv2d_pooled", 1)
    feeds = integers(graph("float32"), seed=7)
    feeds["w"] /= 16
    expected = in_float64(graph("float64"), feeds)["y"]
    np.testing.assert_allclose(executable.run(feeds)["y"], expected, rtol=0, atol=5e-7)


@pytest.mark.parametrize("case", [WINOGRAD[0], FEW_CHANNELS[0]], ids=str)
def test_a_relu_behind_the_pooling_is_inside(case: Case) -> None:
    x, w, b = (
        input(name, shape)
        for name, shape in (("x", case.x), ("w", (*case.window, case.x[3], 24)), ("b", (24,)))
    )
    y = max_pool2d(conv2d(x, w) + b)
    for shown, names in (({}, ["conv2d_pooled"]), ({"y": y}, ["conv2d_pooled", "elementwise"])):
        graph = Graph.of({"relu": relu(y), **shown})
        assert kernels(NativeEngine(1).compile(graph, {})) == names


def test_memory_and_arithmetic_of_a_training_step() -> None:
    """The tensor of four times the size is gone; the multiplications counted stay those of the definition."""
    case = Case((8, 14, 14, 32), 64)
    together, apart = (
        NativeEngine(1).compile(case.graph(BLOCKS["relu, pool"], shows_z=shows), {})
        for shows in (False, True)
    )
    result = 4 * 8 * 12 * 12 * 64
    assert together.memory < apart.memory - result
    operations = [[row.flops for row in e.profile(1) if row.flops] for e in (together, apart)]
    assert sorted(operations[0]) == sorted(operations[1]) == 3 * [2 * 9 * 32 * result // 4]


NOT_TOGETHER: dict[str, Graph] = {
    "odd": Case((2, 13, 12, 16), 16).graph(max_pool2d),
    "wider windows": Case((2, 14, 14, 16), 16).graph(lambda z: max_pool2d(z, 3)),
    "overlapping windows": Case((2, 14, 14, 16), 16).graph(lambda z: max_pool2d(z, 2, stride=1)),
    "padded windows": Case((2, 12, 12, 16), 16).graph(lambda z: max_pool2d(z, 2, padding=1)),
    "few channels": Case((2, 12, 12, 8), 16).graph(max_pool2d),
    "wide windows of few channels": Case((2, 12, 15, 7), 16, window=(3, 4), first=True).graph(
        max_pool2d
    ),
    "few outputs": Case((2, 12, 12, 3), 5, first=True).graph(max_pool2d),
    "few pixels": Case((40, 6, 6, 16), 16).graph(max_pool2d),
    "the result shown": Case((2, 12, 12, 16), 16).graph(max_pool2d, shows_z=True),
    "the result read": Case((2, 12, 12, 16), 16).graph(lambda z: max_pool2d(z) + average_pool2d(z)),
    "its gradient read": Case((2, 12, 12, 16), 16).graph(lambda z: max_pool2d(tanh(z))),
    "pooled twice": Case((2, 14, 14, 16), 16).graph(
        lambda z: max_pool2d(z) + max_pool2d(z, 3, stride=2, padding=1)
    ),
}


@pytest.mark.parametrize("name", NOT_TOGETHER)
def test_apart_where_the_result_is_needed(name: str) -> None:
    graph = NOT_TOGETHER[name]
    executable = NativeEngine(1).compile(graph, {})
    assert "max_pool2d_grad" in kernels(executable)
    assert "conv2d_pooled" not in kernels(executable)


def test_apart_in_mixed_precision() -> None:
    graph = WINOGRAD[0].graph(max_pool2d)
    executable = NativeEngine(1, precision="emulated").compile(graph, {})
    assert "conv2d_pooled" not in kernels(executable)
