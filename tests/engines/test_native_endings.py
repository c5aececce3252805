"""What follows a convolution, done by its kernel; and sums of channels in elementwise groups."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from instructions import elementwise, run_instruction
from sloy.engines import ReferenceEngine
from sloy.engines.native import NativeEngine
from sloy.graph import Spec
from sloy.graph.opdef import REGISTRY
from sloy.layers import BatchNorm, Conv2D, Layer, ReLU, ReLU6, Residual
from sloy.losses import SquaredError
from sloy.problem import Network, Problem
from sloy.problem.graphs import inference_graph

RNG = np.random.default_rng(3)
CONVOLUTIONS = {  # images, height and width, channels, outputs, window, stride, groups
    "a product": (2, 7, 24, 40, 1, 1, 1),
    "a product of patches": (1, 9, 17, 33, 1, 2, 1),
    "a product of few pixels": (1, 4, 256, 464, 3, 1, 1),
    "Winograd": (2, 9, 16, 24, 3, 1, 1),
    "depthwise": (2, 8, 24, 24, 3, 1, 24),
    "one pass behind": (2, 9, 12, 20, 3, 2, 1),
    "few channels": (2, 9, 3, 8, 3, 1, 1),
    "groups": (2, 6, 12, 8, 3, 1, 4),
}
ACTIVATIONS = {
    "": lambda y: y,
    "relu": lambda y: np.maximum(y, 0),
    "relu6": lambda y: np.clip(y, 0, 6),
}


def _integers(*shape: int) -> np.ndarray:
    """Whose sums of products are exact in any order."""
    return RNG.integers(-3, 4, shape).astype(np.float32)


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_endings_of_every_kernel(name: str) -> None:
    n, size, channels, outputs, window, stride, groups = CONVOLUTIONS[name]
    padding = window // 2
    shared: dict[str, Any] = {
        "stride": (stride, stride), "dilation": (1, 1), "padding": (padding,) * 4, "groups": groups,
    }  # fmt: skip
    x, w = (
        _integers(n, size, size, channels),
        _integers(window, window, channels // groups, outputs),
    )
    plain = REGISTRY["conv2d"].reference([x, w], shared)
    bias, scale, residual = _integers(outputs), _integers(outputs), _integers(*plain.shape)
    for scaled, added, straight, activation in product((0, 1), (0, 1), (0, 1), ACTIVATIONS):
        given = [x, w, *[bias] * added, *[scale] * scaled, *[residual] * straight]
        attributes = {**shared, "has_bias": added, "has_scale": scaled, "has_residual": straight}
        if activation:
            attributes["activation"] = activation
        (y,) = run_instruction("conv2d", given, [(plain.shape, "float32")], attributes, threads=2)
        whole = plain * (scale if scaled else 1) + bias * added + residual * straight
        np.testing.assert_array_equal(y, ACTIVATIONS[activation](whole), err_msg=str(attributes))


def test_nan_passes_a_relu6() -> None:
    x, w = _integers(1, 6, 6, 16), _integers(1, 1, 16, 16)
    x[0, 2, 3, 4] = np.nan
    attributes = {
        "stride": (1, 1), "dilation": (1, 1), "padding": (0,) * 4, "groups": 1, "activation": "relu6",
    }  # fmt: skip
    (y,) = run_instruction("conv2d", [x, w], [((1, 6, 6, 16), "float32")], attributes)
    assert np.isnan(y[0, 2, 3]).all()
    assert np.isfinite(y).sum() == y.size - 16


BODY: list[Layer] = [
    Conv2D(16, 3, padding="same", use_bias=False),
    BatchNorm(),
    ReLU6(),
    Conv2D(16, 1),
    BatchNorm(),
]
NETWORK = Network(
    (12, 12, 3),
    [Conv2D(16, 3, stride=2, padding="same"), BatchNorm(), ReLU6(), Residual(BODY), ReLU(),
     Conv2D(16, 3, groups=16, padding="same", use_bias=False), BatchNorm(), ReLU6()],
)  # fmt: skip


def _parameters() -> dict[str, np.ndarray]:
    """Running means that are not 0, variances and scales that are not 1."""
    drawn = {}
    for name, value in NETWORK.initialize(0).items():
        drawn[name] = value
        if "batch_norm" in name:
            drawn[name] = RNG.uniform(0.5, 1.5, value.shape).astype(np.float32)
    return drawn


def test_normalisation_in_use_is_part_of_the_convolution() -> None:
    graph = inference_graph(Problem(NETWORK, SquaredError()), 2)
    parameters = _parameters()
    native = NativeEngine(2).compile(graph, parameters)
    x = RNG.random((2, 12, 12, 3), np.float32)
    y = native.run({"x": x})["output"]
    expected = ReferenceEngine().compile(graph, parameters).run({"x": x})["output"]
    np.testing.assert_allclose(y, expected, rtol=0, atol=2e-6 * float(np.abs(expected).max()))
    maps = [op for op, _, results, _ in native.instructions if len(results[0][1]) == 4]
    assert maps == ["conv2d"] * 4


def test_what_another_reads_stays_apart() -> None:
    """An output in the middle, and a normalisation whose convolution is an output."""
    problem = Problem(NETWORK, SquaredError())
    for layer in ("conv2d_1", "batch_norm_1", "residual_1"):
        graph = inference_graph(problem, 2, [layer])
        parameters = _parameters()
        x = RNG.random((2, 12, 12, 3), np.float32)
        found = NativeEngine(1).compile(graph, parameters).run({"x": x})
        expected = ReferenceEngine().compile(graph, parameters).run({"x": x})
        for name, value in expected.items():
            size = float(np.abs(value).max())
            np.testing.assert_allclose(found[name], value, rtol=0, atol=2e-6 * size, err_msg=name)


@pytest.mark.parametrize(
    "shape", [(3, 2), (1, 40), (1000, 3), (77, 5, 24), (9, 31, 600), (513, 16), (2, 3, 1032)]
)
def test_sums_of_channels_in_a_group(shape: tuple[int, ...]) -> None:
    """Integers, so that sums are exact; the same bits at every number of threads for others."""
    a, b = _integers(*shape), _integers(*shape)
    row = _integers(shape[-1])
    text = "mul 0 1; sub 3 2; relu 4"
    for draw in (_integers, lambda *s: RNG.standard_normal(s).astype(np.float32)):
        a, b = draw(*shape), draw(*shape)
        results = []
        for threads in (1, 2, 3):
            strides = [s // 4 for x in (a, b, row) for s in np.broadcast_to(x, shape).strides]
            attributes = {
                "shape": shape,
                "strides": strides,
                "program": text,
                "results": [5, 4, 0],
                "sums": 2,
            }
            channels = (shape[-1:], "float32")
            outputs = [(shape, "float32"), channels, channels]
            given = [a, b, row]
            results.append(run_instruction("elementwise", given, outputs, attributes, threads=threads))  # fmt: skip
        for other in results[1:]:
            for one, two in zip(results[0], other, strict=True):
                np.testing.assert_array_equal(one, two)
        if draw is _integers:
            whole = a * b - row
            axes = tuple(range(len(shape) - 1))
            for found, expected in zip(
                results[0], (np.maximum(whole, 0), whole.sum(axes), a.sum(axes)), strict=True
            ):
                np.testing.assert_array_equal(found, expected)


def test_a_sum_must_fit_the_last_axis() -> None:
    x = _integers(4, 6)
    attributes = {"shape": (4, 6), "strides": [6, 1], "program": "", "results": [0], "sums": 1}
    with pytest.raises(ValueError, match="output of other size"):
        run_instruction("elementwise", [x], [((4,), "float32")], attributes)
    assert elementwise("relu 0", [x], ["float32"], [1])[0].shape == Spec((4, 6), "float32").shape


@pytest.mark.parametrize(
    "case", [(3, 11, 16, 24, 3, 2), (2, 9, 40, 17, 5, 3), (1, 14, 32, 600, 3, 2)]
)
def test_the_weight_gradient_of_a_convolution_with_a_stride(case: tuple[int, ...]) -> None:
    n, size, channels, outputs, window, stride = case
    attributes: dict[str, Any] = {
        "stride": (stride, stride), "dilation": (1, 2), "padding": (1, 0, 2, 3), "groups": 1,
        "kernel_size": (window, window),
    }  # fmt: skip
    x = _integers(n, size, size, channels)
    shapes = [Spec(x.shape, "float32"), Spec((window, window, channels, outputs), "float32")]
    g = _integers(*REGISTRY["conv2d"].infer(shapes, attributes).shape)
    expected = REGISTRY["conv2d_weight_grad"].reference([x, g], attributes)
    for threads in (1, 2):
        outputs = [(expected.shape, "float32")]
        (dw,) = run_instruction("conv2d_weight_grad", [x, g], outputs, attributes, threads=threads)
        np.testing.assert_array_equal(dw, expected)
