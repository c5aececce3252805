"""Averages of a tanh: their gradient with that of the tanh, alone and inside a convolution's weight gradient."""

from __future__ import annotations

import numpy as np
import pytest

from sloy.engines import ReferenceEngine, engine
from sloy.engines.native import NativeEngine
from sloy.graph import Graph, backprop, input
from sloy.graph.ops.convolution import conv2d
from sloy.graph.ops.elementwise import tanh
from sloy.graph.ops.pooling import average_pool2d
from sloy.graph.ops.reduction import reduce_sum
from tolerances import accumulation, assert_close

Shape = tuple[int, int, int, int]
Arrays = dict[str, np.ndarray]
CASES: list[tuple[Shape, int, int, int]] = [  # x, outputs, kernel, padding
    ((3, 12, 28, 1), 6, 5, 2),  # one channel: pixels in registers
    ((2, 6, 10, 1), 3, 3, 1),
    ((2, 11, 9, 1), 11, 4, 0),
    ((1, 4, 4, 1), 13, 1, 0),
    ((3, 14, 14, 6), 16, 5, 0),  # few channels
    ((2, 8, 12, 3), 14, 3, 1),
    ((2, 6, 8, 16), 16, 3, 1),  # many: the gradient is made first
    ((2, 6, 8, 9), 3, 3, 1),
]
every_case = pytest.mark.parametrize(("x", "outputs", "kernel", "padding"), CASES)


def graph_of(
    x: Shape,
    outputs: int,
    kernel: int,
    padding: int,
    dtype: str = "float32",
    *,
    first_layer: bool = True,
    activated: bool = True,
) -> Graph:
    w = input("w", (kernel, kernel, x[3], outputs), dtype)
    b = input("b", (outputs,), dtype)
    pixels = input("x", x, dtype)
    z = conv2d(pixels, w, padding=padding) + b
    y = average_pool2d(tanh(z) if activated else z, 2)
    g = input("g", y.shape, dtype)
    wanted = {"dw": w, "db": b} if first_layer else {"dw": w, "db": b, "dx": pixels}
    gradients = backprop(reduce_sum(y * g), list(wanted.values()))
    return Graph.of({"y": y, **dict(zip(wanted, gradients, strict=True))})


def feeds_of(graph: Graph) -> Arrays:
    """Numbers whose convolution is exact in float32, so that only tanh and the gradients' sums round."""
    rng = np.random.default_rng(4)
    feeds = {
        name: rng.integers(-3, 4, spec.shape).astype(np.float32)
        for name, spec in graph.inputs.items()
    }
    feeds["w"] /= 16
    feeds["g"] = rng.standard_normal(feeds["g"].shape).astype(np.float32)
    return feeds


def in_float64(graph: Graph, feeds: Arrays) -> Arrays:
    wide = {name: value.astype(np.float64) for name, value in feeds.items()}
    return ReferenceEngine().compile(graph, {}).run(wide)


def kernels(native: NativeEngine, graph: Graph) -> list[str]:
    steps = native.compile(graph, {}).plan.steps
    return [f"averaged {s.kernel}" if "averaged" in s.attributes else s.kernel for s in steps]


@every_case
@pytest.mark.parametrize("first_layer", [True, False])
@pytest.mark.parametrize("threads", [1, 2, "any"])
def test_gradients_round_within_their_bound(
    x: Shape,
    outputs: int,
    kernel: int,
    padding: int,
    first_layer: bool,
    threads: int | str,
    isa: str,
) -> None:
    case = (x, outputs, kernel, padding)
    graph = graph_of(*case, first_layer=first_layer)
    feeds = feeds_of(graph)
    any_threads = {"deterministic": "any-threads"} if threads == "any" else {}
    native = engine("native", threads=2 if threads == "any" else threads, **any_threads)
    actual = native.compile(graph, {}).run(feeds)
    expected = in_float64(graph_of(*case, "float64", first_layer=first_layer), feeds)
    sizes = {name: np.abs(value) for name, value in feeds.items()}
    scale = in_float64(graph_of(*case, "float64", first_layer=first_layer, activated=False), sizes)
    # Beside the sum: tanh, twice its error in the slope, and four products.
    lengths = {
        "y": 8,
        "dw": actual["y"].size * 4 // outputs + 16,
        "db": actual["y"].size * 4 // outputs + 16,
    }
    lengths["dx"] = kernel * kernel * outputs + 16
    for name, value in expected.items():
        sizes_of_sum = np.ones_like(value) if name == "y" else scale[name]
        tolerance = accumulation(lengths[name])
        assert_close(actual[name], value, tolerance, scale=sizes_of_sum, name=name)


@every_case
def test_the_weight_gradient_of_a_first_layer_spreads_what_it_reads(
    x: Shape, outputs: int, kernel: int, padding: int
) -> None:
    made = kernels(NativeEngine(1), graph_of(x, outputs, kernel, padding))
    assert "averaged conv2d_weight_grad" in made
    assert not {"average_pool2d_grad", "average_pool2d_tanh_grad"} & set(made)


def test_a_gradient_that_is_read_twice_is_made_once() -> None:
    made = kernels(NativeEngine(1), graph_of((3, 14, 14, 6), 16, 5, 0, first_layer=False))
    assert made.count("average_pool2d_tanh_grad") == 1
    assert "conv2d_weight_grad" in made


def test_windows_that_leave_a_rest_have_no_such_kernel() -> None:
    made = kernels(NativeEngine(1), graph_of((3, 9, 9, 1), 6, 3, 1))
    assert "average_pool2d_grad" in made


def test_nan_stays() -> None:
    """Of y, although g is 0 there, and of g."""
    graph = graph_of((3, 12, 28, 1), 6, 5, 2)
    feeds = feeds_of(graph)
    feeds["g"][:] = 0.0
    feeds["b"][2] = np.nan
    feeds["g"][1, 2, 3, 4] = np.nan
    run = NativeEngine(1).compile(graph, {}).run(feeds)
    assert np.isnan(run["db"]).tolist() == [False, False, True, False, True, False]
    assert np.isnan(run["dw"]).any((0, 1, 2)).tolist() == [False, False, True, False, True, False]
