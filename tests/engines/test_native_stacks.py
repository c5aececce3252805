"""Products of stacks of matrices: what they take in, threads, pieces, mixed precision, steps of training."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from instructions import run_instruction, widened
from sloy import ops
from sloy.engines import engine
from sloy.engines.native import NativeEngine
from sloy.engines.native.plan.planner import plan
from sloy.graph import Graph, Tensor, backprop, evaluate

LAYOUTS = tuple(product((0, 1), repeat=3))
# Groups, M, K and N: none whole registers, many of few numbers, several blocks of each thread.
SIZES = ((3, 50, 30, 20), (40, 33, 16, 3), (2, 130, 65, 130))


def shapes(
    sizes: tuple[int, ...], transposed: tuple[bool, bool], axes: tuple[int, ...]
) -> list[tuple[int, ...]]:
    """Of a, b and the result."""
    groups, m, k, n = sizes
    matrices = ((k, m) if transposed[0] else (m, k), (n, k) if transposed[1] else (k, n), (m, n))
    return [
        (rows, groups, columns) if axis else (groups, rows, columns)
        for (rows, columns), axis in zip(matrices, axes, strict=True)
    ]


def whole(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Small integers, whose sums of products are exact in any order."""
    return rng.integers(-4, 5, shape).astype(np.float32)


def expected(
    a: np.ndarray, b: np.ndarray, transposed: tuple[bool, bool], axes: tuple[int, ...]
) -> np.ndarray:
    """By `einsum`."""
    left = "km" if transposed[0] else "mk"
    right = "nk" if transposed[1] else "kn"
    pairs = zip((left, right, "mn"), axes, strict=True)
    words = [w[0] + "g" + w[1] if axis else "g" + w for w, axis in pairs]
    return np.einsum(f"{words[0]},{words[1]}->{words[2]}", a, b)


@pytest.mark.parametrize("axes", LAYOUTS)
@pytest.mark.parametrize("sizes", SIZES)
def test_every_number_of_threads_and_pieces(
    sizes: tuple[int, ...], axes: tuple[int, ...], isa: str
) -> None:
    rng = np.random.default_rng(1)
    for transposed in product((False, True), repeat=2):
        of_a, of_b, of_y = shapes(sizes, transposed, axes)
        a, b = whole(rng, of_a), whole(rng, of_b)
        attributes: dict[str, Any] = {
            "transpose_a": int(transposed[0]), "transpose_b": int(transposed[1]), "batch_axes": list(axes),
        }  # fmt: skip
        right = expected(a, b, transposed, axes)
        for how in ({}, {"threads": 3}, {"threads": 3, "any_threads": True}):
            (y,) = run_instruction("batched_matmul", [a, b], [(of_y, "float32")], attributes, **how)
            np.testing.assert_array_equal(y, right)


@pytest.mark.parametrize("of_result", [0, 1])
@pytest.mark.parametrize("each", [False, True])
def test_a_bias_and_an_activation_are_taken_in(each: bool, of_result: int, isa: str) -> None:
    groups, m, k, n = 5, 33, 12, 7
    rng = np.random.default_rng(2)
    of_x, of_w, of_y = shapes((groups, m, k, n), (False, False), (1, 0, of_result))
    of_bias = ((groups, n) if of_result else (groups, 1, n)) if each else (n,)
    given = {
        name: whole(rng, shape) for name, shape in (("x", of_x), ("w", of_w), ("bias", of_bias))
    }
    x, w, bias = (ops.input(name, array.shape) for name, array in given.items())
    y = ops.relu(ops.batched_matmul(x, w, batch_axes=(1, 0, of_result)) + bias)
    graph = Graph.of({"y": y})
    (step,) = plan(graph).steps
    assert (step.kernel, step.attributes["activation"]) == ("batched_matmul", "relu")
    right = expected(given["x"], given["w"], (False, False), (1, 0, of_result)) + given["bias"]
    for threads, mode in ((1, "same-threads"), (3, "same-threads"), (3, "any-threads")):
        found = engine("native", threads, mode).compile(graph, {}).run(given)["y"]
        np.testing.assert_array_equal(found, np.maximum(right, 0))
    assert found.shape == of_y


def test_what_is_no_bias_is_added_apart() -> None:
    """As many numbers as a bias has, but one for each row, or for each matrix."""
    x, w = ops.input("x", (4, 4, 4)), ops.input("w", (4, 4, 4))
    for shape in ((4, 4, 1), (4, 1, 4), (1, 4, 4), (4, 1, 1)):
        for axes in ((0, 0, 0), (1, 0, 1)):
            v = ops.input("v", shape)
            graph = Graph.of({"y": ops.batched_matmul(x, w, batch_axes=axes) + v})
            rng = np.random.default_rng(3)
            given = {name: whole(rng, spec.shape) for name, spec in graph.inputs.items()}
            found = NativeEngine(1).compile(graph, {}).run(given)["y"]
            np.testing.assert_array_equal(found, evaluate(graph, given)[graph.outputs["y"]])
            fused = shape == ((1, 4, 4) if axes[2] else (4, 1, 4))
            assert len(plan(graph).steps) == (1 if fused else 2)


def test_operands_in_bfloat16() -> None:
    """In mixed precision they are widened, whole or some samples at a time."""
    rng = np.random.default_rng(4)
    for groups, m, k, n in ((3, 50, 30, 20), (4, 4000, 30, 8)):
        narrow = [
            (whole(rng, shape).view(np.uint32) >> 16).astype(np.uint16)
            for shape in ((m, groups, k), (groups, k, n))
        ]
        attributes = {"transpose_a": 0, "transpose_b": 0, "batch_axes": [1, 0, 1]}
        right = expected(widened(narrow[0]), widened(narrow[1]), (False, False), (1, 0, 1))
        for dtype in ("float32", "bfloat16"):
            output = ((m, groups, n), dtype)
            (y,) = run_instruction("batched_matmul", narrow, [output], attributes, threads=2)
            found = y if dtype == "float32" else widened(y)
            scale = np.abs(right).max()
            np.testing.assert_allclose(found, right, atol=0 if dtype == "float32" else scale / 256)


def step_graph(groups: int, samples: int) -> Graph:
    """Two layers of groups side by side, and the steps of their weights."""
    x, t = ops.input("x", (samples, groups, 5)), ops.input("t", (samples, groups, 3))
    values: list[Tensor] = [
        ops.variable("w1", (groups, 5, 8)), ops.variable("b1", (groups, 8)),
        ops.variable("w2", (groups, 8, 3)), ops.variable("b2", (groups, 3)),
    ]  # fmt: skip
    w1, b1, w2, b2 = values
    hidden = ops.tanh(ops.batched_matmul(x, w1, batch_axes=(1, 0, 1)) + b1)
    error = ops.batched_matmul(hidden, w2, batch_axes=(1, 0, 1)) + b2 - t
    loss = ops.reduce_mean(error * error)
    gradients = backprop(loss, values)
    updates = {v.attributes["name"]: v - 0.1 * g for v, g in zip(values, gradients, strict=True)}
    return Graph.of({"loss": loss}, updates)


@pytest.mark.parametrize("precision", ["float32", "emulated"])
@pytest.mark.parametrize(("groups", "samples"), [(1, 7), (6, 1), (6, 33)])
def test_a_step_as_the_reference(groups: int, samples: int, precision: str) -> None:
    graph, rng = step_graph(groups, samples), np.random.default_rng(5)
    given = {
        name: rng.standard_normal(s.shape).astype(np.float32) for name, s in graph.inputs.items()
    }
    made = {
        name: rng.standard_normal(s.shape).astype(np.float32) for name, s in graph.variables.items()
    }
    results = []
    for name in ("native", "reference"):
        variables = {key: value.copy() for key, value in made.items()}
        found = engine(name, 2, precision=precision).compile(graph, variables).run(given)
        results.append({"loss": found["loss"], **variables})
    for key, value in results[0].items():
        np.testing.assert_allclose(value, results[1][key], rtol=2e-5, atol=2e-6)
