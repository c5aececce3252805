"""Products of few rows or few columns, and the descent on a single sample, whose weight gradient is never written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from sloy.engines.native import NativeEngine
from sloy.engines.native.engine import _native
from sloy.graph import Graph, backprop, input, variable
from sloy.graph.ops import elementwise as e
from sloy.graph.ops.linear import matmul
from sloy.graph.ops.reduction import reduce_sum
from tolerances import EXACT, accumulation, assert_close

RATE = 0.25


@pytest.fixture(params=_native.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    _native.force_isa(request.param)
    yield request.param
    _native.force_isa("")


@pytest.mark.parametrize("activation", [None, e.relu, e.tanh, e.sigmoid])
@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize(
    ("m", "k", "n"),
    [(1, 784, 128), (2, 10, 131), (3, 33, 7), (4, 1, 1), (1, 128, 10), (33, 20, 17)],
)
def test_products_of_few_rows(
    m: int, k: int, n: int, transpose_b: bool, activation: object, isa: str
) -> None:
    rng = np.random.default_rng(1)
    x, b = input("x", (m, k)), input("b", (n,))
    w = input("w", (n, k) if transpose_b else (k, n))
    z = matmul(x, w, transpose_b=transpose_b) + b
    y = z if activation is None else activation(z)  # type: ignore[operator]
    feeds = {
        name: rng.integers(-3, 4, spec.shape).astype(np.float32)
        for name, spec in Graph.of({"y": y}).inputs.items()
    }
    right = (feeds["w"].T if transpose_b else feeds["w"]).astype(np.float64)
    exact = feeds["x"].astype(np.float64) @ right + feeds["b"]
    expected = {
        None: exact,
        e.relu: np.maximum(exact, 0.0),
        e.tanh: np.tanh(exact),
        e.sigmoid: 1.0 / (1.0 + np.exp(-exact)),
    }[activation]
    actual = NativeEngine(1).compile(Graph.of({"y": y}), {}).run(feeds)["y"]
    assert_close(actual, expected, EXACT if activation in (None, e.relu) else accumulation(4))


def single_sample_step(inputs: int, outputs: int, momentum: float = 0.0) -> Graph:
    """Descent on ½‖x w - t‖², with the gradient's norm."""
    x, t, w = input("x", (1, inputs)), input("t", (1, outputs)), variable("w", (inputs, outputs))
    error = matmul(x, w) - t
    (gradient,) = backprop(reduce_sum(error * error) * 0.5, [w])
    updates = {"w": w - input("rate", ()) * gradient}
    if momentum:
        slot = variable("slot", w.shape)
        velocity = slot * momentum + gradient
        updates = {"slot": velocity, "w": w - input("rate", ()) * velocity}
    return Graph.of({"norm": e.sqrt(reduce_sum(gradient * gradient)), "error": error}, updates)


def run_step(
    graph: Graph, variables: dict[str, np.ndarray], x: np.ndarray, t: np.ndarray
) -> dict[str, np.ndarray]:
    executable = NativeEngine(1).compile(graph, variables)
    kernels = [step.kernel for step in executable.plan.steps]
    assert kernels.count("matmul") == (x.shape[1] > 1)  # the forward one
    assert "reduce_sum" not in kernels
    return executable.run({"x": x, "t": t, "rate": np.asarray(RATE, np.float32)})


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize(("inputs", "outputs"), [(784, 128), (5, 3), (17, 33), (2, 1), (1, 1)])
def test_descent_on_a_single_sample(inputs: int, outputs: int, momentum: float, isa: str) -> None:
    """Integers, a sparse x: exact; the norm is |x| |error|."""
    rng = np.random.default_rng(2)
    x = (rng.integers(-2, 3, (1, inputs)) * (rng.random((1, inputs)) < 0.3)).astype(np.float32)
    w = rng.integers(-2, 3, (inputs, outputs)).astype(np.float32)
    t = rng.integers(-2, 3, (1, outputs)).astype(np.float32)
    variables = {"w": w.copy()} | ({"slot": np.ones_like(w)} if momentum else {})
    results = run_step(single_sample_step(inputs, outputs, momentum), variables, x, t)
    error = x.astype(np.float64) @ w - t
    gradient = x.T.astype(np.float64) @ error
    velocity = gradient + momentum
    assert_close(results["error"], error, EXACT)
    assert_close(variables["w"], w - RATE * velocity, EXACT)
    if momentum:
        assert_close(variables["slot"], velocity, EXACT)
    norm = np.sqrt(np.sum(gradient**2))
    assert_close(results["norm"], np.asarray(norm), accumulation(inputs))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_zeros_of_a_sample_do_not_hide_what_is_not_finite(bad: float, isa: str) -> None:
    """0 · NaN and 0 · ∞ reach the weights, although rows of zeros are left alone otherwise."""
    w = np.ones((4, 9), np.float32)
    x = np.array([[1, 0, 2, 0]], np.float32)
    t = np.zeros((1, 9), np.float32)
    t[0, 5] = bad
    variables = {"w": w.copy()}
    run_step(single_sample_step(4, 9), variables, x, t)
    assert np.isnan(variables["w"][[1, 3], 5]).all()
    assert np.isfinite(np.delete(variables["w"], 5, axis=1)).all()


@pytest.mark.parametrize("size", [1, 7, 8, 65, 2047, 2048, 2049, 100352])
@pytest.mark.parametrize("threads", [1, 2])
def test_sum_of_squares(size: int, threads: int, isa: str) -> None:
    x = input("x", (size,))
    executable = NativeEngine(threads).compile(Graph.of({"s": reduce_sum(x * x)}), {})
    kernels = [step.kernel for step in executable.plan.steps]
    assert size == 1 or kernels == ["sum_of_squares"]
    values = np.random.default_rng(3).integers(-4, 5, size).astype(np.float32)
    expected = np.asarray(np.sum(values.astype(np.float64) ** 2))
    assert_close(executable.run({"x": values})["s"], expected, EXACT)
