"""Convolutions and matrix products on the native engine, each of its methods at its borders.

Small integers make every sum exact in float32, Winograd's quarters included: the native engine must then give the
reference's float64 values to the last bit, whatever the order of summation, the instruction set or the threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from instructions import run_instruction
from sloy.engines import ReferenceEngine
from sloy.engines.native import NativeEngine
from sloy.graph import Graph, backprop, input
from sloy.graph.ops import elementwise as e
from sloy.graph.ops.convolution import conv2d
from sloy.graph.ops.linear import matmul
from sloy.graph.ops.pooling import average_pool2d, max_pool2d
from sloy.graph.ops.reduction import reduce_sum
from tolerances import EXACT, accumulation, assert_close

Pair = tuple[int, int]
Shape = tuple[int, ...]
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Convolution:
    """y = relu(conv2d(x, w) + b) and its three gradients."""

    x: tuple[int, int, int, int]
    outputs: int
    kernel: Pair = (3, 3)
    stride: Pair = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            "x": self.x,
            "w": (*self.kernel, self.x[3] // self.groups, self.outputs),
            "b": (self.outputs,),
        }

    @property
    def depth(self) -> int:
        return self.kernel[0] * self.kernel[1] * self.x[3] // self.groups

    def graph(self, dtype: str) -> Graph:
        operands = {name: input(name, shape, dtype) for name, shape in self.shapes.items()}
        z = conv2d(
            operands["x"],
            operands["w"],
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )
        y = e.relu(z + operands["b"])
        g = input("g", y.shape, dtype)
        gradients = backprop(reduce_sum(y * g), list(operands.values()))
        names = (f"d{name}" for name in operands)
        return Graph.of({"y": y, **dict(zip(names, gradients, strict=True))})


def winograd_cases() -> Iterator[Convolution]:
    yield Convolution((3, 12, 14, 16), 16)
    yield Convolution((2, 13, 11, 16), 48)  # odd outputs, a panel of one register
    yield Convolution((2, 11, 12, 48), 32, padding=(1, 1, 1, 1))
    yield Convolution((1, 9, 10, 32), 64, padding=(2, 0, 1, 2))
    yield Convolution((1, 8, 8, 64), 16, padding=(0, 2, 2, 0))
    yield Convolution((40, 2, 2, 16), 16, padding=(1, 1, 1, 1))
    yield Convolution((3, 12, 12, 24), 32)  # multiples of 8
    yield Convolution((2, 11, 14, 40), 24, padding=(1, 1, 1, 1))
    yield Convolution((2, 7, 7, 24), 24, padding=(1, 1, 1, 1))
    yield Convolution((1, 9, 10, 16), 56, padding=(2, 0, 1, 2))
    yield Convolution((1, 14, 16, 192), 200, padding=(1, 1, 1, 1))  # weights beyond a near cache
    yield Convolution((5, 13, 14, 256), 144)


def first_layer_cases() -> Iterator[Convolution]:
    yield Convolution((3, 28, 28, 1), 32)
    yield Convolution((2, 12, 13, 3), 64, padding=(1, 1, 1, 1))
    yield Convolution((2, 12, 13, 1), 6, (5, 5), padding=(2, 2, 2, 2))
    yield Convolution((2, 14, 14, 6), 16, (5, 5))
    yield Convolution((2, 15, 13, 8), 24, (3, 2), stride=(2, 3), padding=(1, 0, 1, 0))
    yield Convolution((2, 15, 13, 3), 17, (7, 7), stride=(2, 2), padding=(3, 3, 3, 3))
    yield Convolution((1, 12, 9, 2), 8, dilation=(2, 1))
    yield Convolution((1, 3, 70, 5), 16, (3, 66))
    yield Convolution((1, 1, 1, 1), 8, (1, 1))
    yield Convolution((3, 9, 8, 2), 1)  # several pixels in a register
    yield Convolution((3, 9, 8, 1), 9, (2, 3), stride=(1, 3))
    yield Convolution((2, 28, 28, 1), 6, (5, 5), padding=(2, 2, 2, 2))
    yield Convolution((3, 11, 17, 1), 5, (4, 3), stride=(2, 1), padding=(0, 3, 2, 0))
    yield Convolution((2, 9, 21, 1), 11, (3, 8), padding=(4, 0, 9, 1), dilation=(2, 1))
    yield Convolution((3, 5, 40, 1), 3, (7, 6), stride=(3, 1), padding=(6, 5, 0, 5))
    yield Convolution(
        (2, 13, 12, 7), 13, (4, 5), stride=(3, 2), padding=(2, 1, 3, 2), dilation=(2, 1)
    )


def other_cases() -> Iterator[Convolution]:
    yield Convolution((1, 1, 1, 17), 3, (1, 1))
    yield Convolution((2, 1, 1, 16), 16, padding=(1, 1, 1, 1))
    yield Convolution((1, 7, 6, 17), 17, padding=(1, 1, 1, 1))
    yield Convolution((2, 9, 8, 16), 16, stride=(2, 2), padding=(1, 0, 1, 0))
    yield Convolution((2, 9, 8, 16), 16, dilation=(2, 3), padding=(2, 2, 3, 3))
    yield Convolution((2, 6, 7, 17), 17, groups=17, padding=(1, 1, 1, 1))
    yield Convolution((2, 6, 7, 16), 32, groups=2)
    yield Convolution((1, 8, 8, 3), 9, (5, 5), groups=3, padding=(2, 2, 2, 2))


CONVOLUTIONS = (*winograd_cases(), *first_layer_cases(), *other_cases())
every_convolution = pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)


def integers(graph: Graph, seed: int) -> Arrays:
    rng = np.random.default_rng(seed)
    return {
        name: rng.choice([-3, -2, -1, 1, 2, 3], spec.shape).astype(np.float32)
        for name, spec in graph.inputs.items()
    }


def in_float64(graph: Graph, feeds: Arrays) -> Arrays:
    wide = {name: value.astype(np.float64) for name, value in feeds.items()}
    return ReferenceEngine().compile(graph, {}).run(wide)


@every_convolution
@pytest.mark.parametrize("threads", [1, 2])
def test_convolution_is_exact_on_integers(case: Convolution, isa: str, threads: int) -> None:
    graph = case.graph("float32")
    feeds = integers(graph, seed=1)
    actual = NativeEngine(threads).compile(graph, {}).run(feeds)
    for name, expected in in_float64(case.graph("float64"), feeds).items():
        assert np.any(expected)
        assert_close(actual[name], expected, EXACT, name=name)


@pytest.mark.parametrize("case", [*winograd_cases(), *first_layer_cases()], ids=str)
def test_convolution_rounds_within_its_bound(case: Convolution, isa: str) -> None:
    """The bound of a sum in any order, on the sizes of what is summed; all positive, so that ReLU cuts nothing."""
    graph = case.graph("float32")
    rng = np.random.default_rng(2)
    sizes = {name: rng.random(spec.shape, np.float32) for name, spec in graph.inputs.items()}
    signs = {name: rng.choice([-1, 1], value.shape) for name, value in sizes.items()}
    scale = in_float64(case.graph("float64"), sizes)
    feeds = {name: (sizes[name] * signs[name]).astype(np.float32) for name in sizes}
    feeds["b"] = np.full_like(sizes["b"], case.depth)
    actual = NativeEngine(2).compile(graph, {}).run(feeds)
    expected = in_float64(case.graph("float64"), feeds)
    positions = expected["y"].size // case.outputs
    lengths = {
        "y": case.depth + 1,
        "dx": case.kernel[0] * case.kernel[1] * case.outputs,
        "dw": positions,
        "db": positions,
    }
    for name, length in lengths.items():
        sizes_of_sum = scale[name] + (case.depth if name == "y" else 0)
        assert_close(
            actual[name], expected[name], accumulation(length), scale=sizes_of_sum, name=name
        )


@pytest.mark.parametrize("case", CONVOLUTIONS[:12:3], ids=str)
@pytest.mark.parametrize("threads", [1, 2])
def test_convolution_repeats_its_bits(case: Convolution, threads: int) -> None:
    graph = case.graph("float32")
    rng = np.random.default_rng(3)
    feeds = {
        name: rng.standard_normal(spec.shape, np.float32) for name, spec in graph.inputs.items()
    }
    runs = [NativeEngine(threads).compile(graph, {}).run(feeds) for _ in range(2)]
    for name in graph.outputs:
        assert runs[0][name].tobytes() == runs[1][name].tobytes()


@every_convolution
def test_convolution_shows_nan(case: Convolution) -> None:
    """A ReLU that turned NaN into 0 would hide that training has failed."""
    graph = case.graph("float32")
    feeds = integers(graph, seed=4)
    feeds["w"][..., 0] = np.nan
    y = NativeEngine(2).compile(graph, {}).run(feeds)["y"]
    assert np.isnan(y[..., 0]).all()
    assert np.isfinite(y[..., 1:]).all()


PRODUCTS = [
    (m, k, n)
    for m in (1, 2, 7, 33, 1024)
    for k in (1, 5, 32, 300)
    for n in (1, 10, 17, 64, 128)
    if m * k * n < 3_000_000
]


@pytest.mark.parametrize(("m", "k", "n"), PRODUCTS)
@pytest.mark.parametrize("threads", [1, 2])
def test_dense_layer_is_exact_on_integers(m: int, k: int, n: int, threads: int) -> None:
    """relu(x w + b) with M = `m` as the batch, and with it as the inputs: their gradients transpose operands."""
    for batch, inputs in ((m, k), (k, m)):
        feeds: Arrays = {}
        results = []
        for dtype in ("float32", "float64"):
            x, w = input("x", (batch, inputs), dtype), input("w", (inputs, n), dtype)
            b = input("b", (n,), dtype)
            y = e.relu(matmul(x, w) + b)
            g = input("g", y.shape, dtype)
            dx, dw, db = backprop(reduce_sum(y * g), [x, w, b])
            graph = Graph.of({"y": y, "dx": dx, "dw": dw, "db": db})
            if dtype == "float32":
                feeds = integers(graph, seed=5)
                results.append(NativeEngine(threads).compile(graph, {}).run(feeds))
            else:
                results.append(in_float64(graph, feeds))
        for name, expected in results[1].items():
            assert_close(results[0][name], expected, EXACT, name=name)


@pytest.mark.parametrize("activation", [e.relu, e.tanh, e.sigmoid])
@pytest.mark.parametrize("inputs", [20, 1024])
def test_dense_layer_shows_nan(activation: object, inputs: int) -> None:
    x, w, b = input("x", (10, inputs)), input("w", (inputs, 10)), input("b", (10,))
    graph = Graph.of({"y": activation(matmul(x, w) + b)})  # type: ignore[operator]
    feeds = integers(graph, seed=6)
    feeds["x"][3, 4] = np.nan
    y = NativeEngine(2).compile(graph, {}).run(feeds)["y"]
    assert np.isnan(y[3]).all()
    assert np.isfinite(y[[0, 9]]).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 7, 8, 17, 64])
@pytest.mark.parametrize("columns", [2, 6, 26])
def test_average_pool_of_even_tiles(channels: int, columns: int, isa: str) -> None:
    """2 × 2 windows that tile the image have kernels of their own; quarters of small integers are exact."""
    shape = (3, 8, columns, channels)
    graphs = []
    for dtype in ("float32", "float64"):
        x, g = input("x", shape, dtype), input("g", (3, 4, columns // 2, channels), dtype)
        y = average_pool2d(x, 2)
        (dx,) = backprop(reduce_sum(y * g), [x])
        graphs.append(Graph.of({"y": y, "dx": dx}))
    feeds = integers(graphs[0], seed=9)
    for threads in (1, 2):
        actual = NativeEngine(threads).compile(graphs[0], {}).run(feeds)
        for name, expected in in_float64(graphs[1], feeds).items():
            assert_close(actual[name], expected, EXACT, name=name)


@pytest.mark.parametrize("channels", [1, 3, 8, 17, 64])
@pytest.mark.parametrize("values", ["ties", "distinct", "nan"])
def test_max_pool_of_even_tiles(channels: int, values: str, isa: str) -> None:
    """2 × 2 windows that tile the image have kernels of their own."""
    graphs = []
    for dtype in ("float32", "float64"):
        x, g = input("x", (3, 28, 26, channels), dtype), input("g", (3, 14, 13, channels), dtype)
        y = max_pool2d(x, 2)
        (dx,) = backprop(reduce_sum(y * g), [x])
        graphs.append(Graph.of({"y": y, "dx": dx}))
    feeds = integers(graphs[0], seed=7)
    if values == "distinct":
        feeds["x"] = np.random.default_rng(8).standard_normal(feeds["x"].shape, np.float32)
    if values == "nan":
        feeds["x"].flat[::7] = np.nan
    for threads in (1, 2):
        actual = NativeEngine(threads).compile(graphs[0], {}).run(feeds)
        for name, expected in in_float64(graphs[1], feeds).items():
            assert_close(actual[name], expected, EXACT, name=name)


def convolve(x: Shape, w: Shape, y: Shape, *more: Shape, **changed: object) -> None:
    attributes = {"stride": [1, 1], "dilation": [1, 1], "padding": [0, 0, 0, 0], **changed}
    inputs = [np.ones(shape, np.float32) for shape in (x, w, *more)]
    run_instruction("conv2d", inputs, [(y, "float32")], attributes)


@pytest.mark.parametrize(
    ("message", "shapes", "changed"),
    [
        ("`stride` and `dilation` must be at least 1", (), {"stride": [1, 0]}),
        ("`stride` and `dilation` must be at least 1", (), {"dilation": [0, 1]}),
        ("one number for each output channel", ((3,),), {"has_bias": 1}),
        ("wrong number of inputs", (), {"has_bias": 1}),
        ("height and width do not fit", (), {"stride": [2, 1]}),
    ],
)
def test_wrong_convolutions_are_refused(
    message: str, shapes: tuple[Shape, ...], changed: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=message):
        convolve((2, 6, 6, 4), (3, 3, 4, 5), (2, 4, 4, 5), *shapes, **changed)
