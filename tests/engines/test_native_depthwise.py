"""Convolutions of every channel by itself, and their gradients: all windows, strides and paddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from instructions import run_instruction
from sloy.graph.opdef import REGISTRY
from sloy.graph.spec import Spec

RNG = np.random.default_rng(0)
CASES = [  # height, width, channels, window, stride, padding (top, bottom, left, right)
    (9, 9, 32, (3, 3), (1, 1), (1, 1, 1, 1)),
    (14, 13, 40, (3, 3), (2, 2), (1, 1, 1, 1)),
    (8, 11, 24, (3, 3), (2, 2), (0, 1, 0, 1)),
    (7, 7, 17, (5, 5), (1, 1), (2, 2, 2, 2)),
    (12, 10, 19, (5, 5), (2, 2), (2, 1, 1, 2)),
    (9, 8, 48, (7, 7), (1, 1), (3, 3, 3, 3)),
    (11, 12, 16, (7, 7), (2, 2), (3, 3, 3, 3)),
    (5, 23, 9, (2, 4), (1, 3), (0, 0, 5, 1)),
    (4, 6, 33, (6, 1), (3, 1), (3, 2, 0, 0)),
    (10, 9, 300, (3, 3), (3, 4), (1, 0, 2, 0)),
    (3, 2, 64, (5, 5), (1, 1), (4, 4, 4, 4)),
    (6, 5, 20, (1, 1), (2, 2), (0, 0, 0, 0)),
]


def _operands(case: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Small integers, whose sums are exact, so that nothing is tolerated; x, w, g."""
    height, width, channels, kernel, stride, padding = case
    attributes = {"stride": stride, "dilation": (1, 1), "padding": padding, "groups": channels}
    x = RNG.integers(-4, 5, (3, height, width, channels)).astype(np.float32)
    w = RNG.integers(-4, 5, (*kernel, 1, channels)).astype(np.float32)
    specs = [Spec(x.shape, "float32"), Spec(w.shape, "float32")]
    shape = REGISTRY["conv2d"].infer(specs, attributes).shape
    return x, w, RNG.integers(-4, 5, shape).astype(np.float32), attributes


def _meaning(op: str, arrays: list[np.ndarray], attributes: dict[str, Any]) -> np.ndarray:
    return REGISTRY[op].reference(arrays, attributes)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_forward_pass_and_both_gradients(case: Any, threads: int) -> None:
    x, w, g, attributes = _operands(case)
    bias = RNG.integers(-4, 5, x.shape[-1]).astype(np.float32)
    epilogue = {**attributes, "has_bias": 1, "activation": "relu"}
    (y,) = run_instruction(
        "conv2d", [x, w, bias], [(g.shape, "float32")], epilogue, threads=threads
    )
    expected = np.maximum(_meaning("conv2d", [x, w], attributes) + bias, 0)
    np.testing.assert_array_equal(y, expected)
    by_input = {**attributes, "extents": x.shape[1:3]}
    (dx,) = run_instruction("conv2d_input_grad", [g, w], [(x.shape, "float32")], by_input, threads=threads)  # fmt: skip
    np.testing.assert_array_equal(dx, _meaning("conv2d_input_grad", [g, w], by_input))
    by_weights = {**attributes, "kernel_size": w.shape[:2], "has_bias": 1}
    outputs = [(w.shape, "float32"), (bias.shape, "float32")]
    dw, db = run_instruction("conv2d_weight_grad", [x, g], outputs, by_weights, threads=threads)  # fmt: skip
    np.testing.assert_array_equal(dw, _meaning("conv2d_weight_grad", [x, g], by_weights))
    np.testing.assert_array_equal(db, g.sum((0, 1, 2)))


def test_the_same_bits_at_every_number_of_threads() -> None:
    case = (28, 28, 72, (3, 3), (1, 1), (1, 1, 1, 1))
    x, w, g, attributes = _operands(case)
    x, g = (RNG.standard_normal(a.shape, np.float32) for a in (x, g))
    by_weights = {**attributes, "kernel_size": w.shape[:2]}
    by_input = {**attributes, "extents": x.shape[1:3]}
    for op, operands, result, given in (
        ("conv2d", [x, w], g, attributes),
        ("conv2d_input_grad", [g, w], x, by_input),
        ("conv2d_weight_grad", [x, g], w, by_weights),
    ):
        one, two, three = (
            run_instruction(op, operands, [(result.shape, "float32")], given, threads=threads)[0]
            for threads in (1, 2, 3)
        )
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
