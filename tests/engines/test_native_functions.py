"""The elementary functions of each instruction set, over all magnitudes, against float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from sloy.engines.native import NativeEngine
from sloy.errors import InvalidArgument
from sloy.graph import REGISTRY, Graph, OpDef, Spec, Tensor, input
from sloy.graph.ops import elementwise
from sloy.graph.tensor import elementwise as elementwise_op

SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-45, -1e-45, 2.0**-126, 88.72283, 88.72284,
     -87.4, -103.97, -104.0, 3.4e38, -3.4e38, 0.625, -0.625, 2.0**24, -(2.0**24), 0.5, 1.5, -1.5, 2.5, 3.0,
     -3.0, 16777215.0, 8388607.5], np.float32)  # fmt: skip


def every_magnitude() -> np.ndarray:
    """One float32 in 8209 of all bit patterns, many between 1/4 and 8 of either sign, and the special values."""
    coarse = np.arange(0, 2**32, 8209, dtype=np.uint64).astype(np.uint32).view(np.float32)
    dense = np.arange(0x3E800000, 0x41000000, 331, dtype=np.uint32).view(np.float32)
    return np.concatenate([coarse, dense, -dense, SPECIAL])


def run(function: Callable[..., Tensor], *arrays: np.ndarray) -> np.ndarray:
    operands = [input(f"x{i}", array.shape) for i, array in enumerate(arrays)]
    executable = NativeEngine(1).compile(Graph.of({"y": function(*operands)}), {})
    return executable.run({f"x{i}": array for i, array in enumerate(arrays)})["y"]


def errors_in_ulps(actual: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Distance from the exact value in float32's spacing there; equal NaN and infinities count as 0."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float32)
        np.testing.assert_array_equal(np.isnan(actual), np.isnan(rounded))
        infinite = np.isinf(actual) | np.isinf(rounded)
        np.testing.assert_array_equal(actual[infinite], rounded[infinite])
        np.testing.assert_array_equal(
            np.signbit(actual[rounded == 0]), np.signbit(rounded[rounded == 0])
        )
        distance = np.abs(actual.astype(np.float64) - exact) / np.spacing(np.abs(rounded))
    return np.where(np.isfinite(rounded), distance, 0.0)


def is_function(op: OpDef) -> bool:
    """Of one real number: it has no other attribute, and refuses integers."""
    if not op.elementwise or op.arity != 1 or op.attributes:
        return False
    try:
        op.infer([Spec((3,), "int32")], {})
    except InvalidArgument:
        return True
    return False


FUNCTIONS = [name for name, op in REGISTRY.items() if is_function(op) and name != "relu"]
ULPS = {"sqrt": 0.5000001, "tanh": 2.0, "sigmoid": 2.5, "softplus": 2.0}  # of the others 1.5


@pytest.mark.parametrize("name", FUNCTIONS)
def test_within_a_few_ulps(name: str, isa: str) -> None:
    x = every_magnitude()
    with np.errstate(all="ignore"):
        truth = REGISTRY[name].reference([x.astype(np.float64)], {})
    found = run(lambda t: elementwise_op(name, t), x)
    assert errors_in_ulps(found, truth).max() <= ULPS.get(name, 1.5)


def test_power(isa: str) -> None:
    rng = np.random.default_rng(0)
    x = np.exp(rng.uniform(-20.0, 20.0, 200_000)).astype(np.float32)
    y = rng.uniform(-10.0, 10.0, 200_000).astype(np.float32)
    pairs = np.meshgrid(SPECIAL, SPECIAL)
    x = np.concatenate([x, pairs[0].ravel(), -np.abs(x[:1000])])
    y = np.concatenate([y, pairs[1].ravel(), np.rint(y[:1000])])
    with np.errstate(all="ignore"):
        truth = np.power(x.astype(np.float64), y.astype(np.float64))
    assert errors_in_ulps(run(elementwise.power, x, y), truth).max() <= 0.51


def test_extrema_and_relu_keep_nan(isa: str) -> None:
    x, y = (a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL))
    for name, exact in (("maximum", np.maximum), ("minimum", np.minimum)):
        np.testing.assert_array_equal(run(getattr(elementwise, name), x, y), exact(x, y))
    np.testing.assert_array_equal(run(elementwise.relu, SPECIAL), np.maximum(SPECIAL, 0))
    clipped = run(lambda t: elementwise.clip(t, -1.0, 2.0), SPECIAL)
    np.testing.assert_array_equal(clipped, np.clip(SPECIAL, -1.0, 2.0))
    assert math.isnan(clipped[4])
