"""The gradient of a ReLU inside the input gradient of the convolution above it: the numbers of both apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sloy.engines import ReferenceEngine
from sloy.engines.native import NativeEngine
from sloy.engines.native.engine import NativeExecutable
from sloy.graph import Graph, Tensor, backprop, input
from sloy.graph.ops.convolution import conv2d
from sloy.graph.ops.elementwise import relu
from sloy.graph.ops.pooling import max_pool2d
from sloy.graph.ops.reduction import reduce_sum
from tolerances import EXACT, assert_close

Arrays = dict[str, np.ndarray]
Block = Callable[[Tensor], Tensor]
BLOCKS: dict[str, Block] = {"plain": lambda z: z, "pooled": max_pool2d}
CASES = {  # x, padding, outputs
    "24 channels": ((3, 12, 14, 24), 0, 32),
    "16 channels, padded": ((2, 14, 10, 16), 1, 24),
    "odd": ((2, 11, 13, 32), (2, 1, 0, 1), 16),
}
every_block = pytest.mark.parametrize("block", BLOCKS)
every_case = pytest.mark.parametrize("case", CASES)


def graph_of(
    case: str, block: str, dtype: str = "float32", *, shows_gradient: bool = False
) -> Graph:
    shape, padding, outputs = CASES[case]
    x, w = input("x", shape, dtype), input("w", (3, 3, shape[3], outputs), dtype)
    h = relu(x)
    y = BLOCKS[block](conv2d(h, w, padding=padding))
    g = input("g", y.shape, dtype)
    dx, dh = backprop(reduce_sum(y * g), [x, h])
    return Graph.of({"y": y, "dx": dx, **({"dh": dh} if shows_gradient else {})})


def kernels(executable: NativeExecutable) -> list[tuple[str, bool]]:
    return [(step.kernel, "gated" in step.attributes) for step in executable.plan.steps]


def integers(graph: Graph, seed: int) -> Arrays:
    rng = np.random.default_rng(seed)
    return {
        name: rng.choice([-3, -2, -1, 0, 1, 2, 3], spec.shape).astype(np.float32)
        for name, spec in graph.inputs.items()
    }


@every_case
@every_block
@pytest.mark.parametrize("threads", [1, 2])
def test_exact_on_integers(case: str, block: str, isa: str, threads: int) -> None:
    graph = graph_of(case, block)
    feeds = integers(graph, seed=1)
    executable = NativeEngine(threads).compile(graph, {})
    assert any(gated for _, gated in kernels(executable)) == (isa != "baseline")
    wide = {name: value.astype(np.float64) for name, value in feeds.items()}
    expected = ReferenceEngine().compile(graph_of(case, block, "float64"), {}).run(wide)
    actual = executable.run(feeds)
    for name in ("y", "dx"):
        assert np.any(expected[name])
        assert_close(actual[name], expected[name], EXACT, name=name)


@every_case
@every_block
@pytest.mark.parametrize("deterministic", ["same-threads", "any-threads"])
def test_same_bits_as_apart(case: str, block: str, deterministic: str) -> None:
    engine = NativeEngine(2, deterministic=deterministic)  # type: ignore[arg-type]
    together, apart = (graph_of(case, block, shows_gradient=shows) for shows in (False, True))
    rng = np.random.default_rng(2)
    feeds = {
        name: rng.standard_normal(spec.shape, np.float32) for name, spec in together.inputs.items()
    }
    special = rng.choice(np.float32([0.0, -0.0, np.nan, np.inf, 1e-45]), feeds["x"].shape)
    feeds["x"] = np.where(rng.random(feeds["x"].shape) < 1 / 8, special, feeds["x"])
    feeds["g"][rng.random(feeds["g"].shape) < 1e-2] = np.nan
    executables = [engine.compile(graph, {}) for graph in (together, apart)]
    assert any(gated for _, gated in kernels(executables[0]))
    assert not any(gated for _, gated in kernels(executables[1]))
    dx, expected = (executable.run(feeds)["dx"] for executable in executables)
    assert np.any(dx)
    np.testing.assert_array_equal(dx, expected)
    numbers = ~np.isnan(dx)
    assert dx[numbers].tobytes() == expected[numbers].tobytes()


def test_apart_without_a_kernel_for_both() -> None:
    """Eight channels go to oneDNN, and mixed precision has other kernels."""
    x, w = input("x", (2, 12, 12, 8)), input("w", (3, 3, 8, 16))
    y = conv2d(relu(x), w)
    graph = Graph.of({"dx": backprop(reduce_sum(y * input("g", y.shape)), [x])[0]})
    assert ("conv2d_input_grad", False) in kernels(NativeEngine(1).compile(graph, {}))
    mixed = NativeEngine(1, precision="emulated").compile(graph_of("24 channels", "plain"), {})
    assert not any(gated for _, gated in kernels(mixed))
