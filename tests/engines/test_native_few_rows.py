"""Products of few rows or few columns, and the descent on a single sample, whose weight gradient is never written."""

from __future__ import annotations

import numpy as np
import pytest

from instructions import run_instruction
from sloy.engines import BatchRun
from sloy.engines.base import Poll
from sloy.engines.native import NativeEngine
from sloy.graph import Graph, backprop, input, variable
from sloy.graph.ops import elementwise as e
from sloy.graph.ops.linear import matmul
from sloy.graph.ops.reduction import reduce_sum
from tolerances import EXACT, accumulation, assert_close

RATE = 0.25


@pytest.mark.parametrize("activation", [None, e.relu, e.tanh, e.sigmoid])
@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize(
    ("m", "k", "n"),
    [
        (1, 784, 128),
        (2, 10, 131),
        (3, 33, 7),
        (4, 1, 1),
        (1, 128, 10),
        (33, 20, 17),
        (1, 3, 40),
        (2, 31, 300),
    ],
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


def one_by_one(
    w: np.ndarray, x: np.ndarray, t: np.ndarray, poll: Poll | None = None, rate: float = 2.0**-9
) -> tuple[BatchRun, np.ndarray]:
    """Descent on the samples x (N, I), t (N, O) in turn, in one run of the engine; and the weights after it."""
    variables = {"w": w.copy()}
    engine = NativeEngine(1)
    executable = engine.compile(single_sample_step(*w.shape), variables, ["norm"])
    rates = np.full(len(x), rate, np.float32)
    order = np.arange(len(x))
    feeds = {"x": x, "t": t}
    return engine.run_batches({1: executable}, feeds, order, 1, {"rate": rates}, poll), variables[
        "w"
    ]


def sparse_samples(count: int, inputs: int, outputs: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((count, inputs)) * (rng.random((count, inputs)) < 0.2)
    w, t = rng.standard_normal((inputs, outputs)), rng.standard_normal((count, outputs))
    return w.astype(np.float32), x.astype(np.float32), t.astype(np.float32)


@pytest.mark.parametrize(("inputs", "outputs"), [(784, 128), (128, 10), (9, 3), (40, 300)])
def test_zeros_skipped_change_no_bit(inputs: int, outputs: int, isa: str) -> None:
    """Within a run zeros are skipped once the weights are known to be finite; a run of one step reads everything."""
    w, x, t = sparse_samples(50, inputs, outputs)
    w[3] = -0.0
    together, weights = one_by_one(w, x, t)
    assert together.status == "done"
    for k in range(len(x)):
        single, w = one_by_one(w, x[k : k + 1], t[k : k + 1])
        assert single.outputs["norm"].tobytes() == together.outputs["norm"][k].tobytes()
        assert single.outputs["error"].tobytes() == together.outputs["error"][k : k + 1].tobytes()
    assert w.tobytes() == weights.tobytes()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_found_behind_zeros(bad: float, isa: str) -> None:
    w, x, t = sparse_samples(20, 30, 20)
    w[7, 11], x[:, 7] = bad, 0.0
    done, weights = one_by_one(w, x, t)
    assert (done.status, done.steps) == ("not finite", 0)
    assert weights.tobytes() == w.tobytes()


def test_a_weight_that_leaves_the_range_is_found_behind_zeros(isa: str) -> None:
    w, x, t = np.zeros((30, 20), np.float32), np.zeros((9, 30), np.float32), np.zeros((9, 20))
    x[:, 0] = 1.0
    x[4, 7], t[4, 11] = 1e12, 1e6  # rate 1e21: w[7, 11] becomes infinite, the norm is not
    x[4, 0] = 0.0
    done, weights = one_by_one(w, x, t.astype(np.float32), rate=1e21)
    assert (done.status, done.steps) == ("not finite", 5)
    assert np.argwhere(~np.isfinite(weights)).tolist() == [[7, 11]]


def test_what_a_poll_writes_is_read(isa: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sloy.engines.native.engine.POLL_SECONDS", 0.0)
    w, x, t = sparse_samples(20, 30, 20)
    x[:, 7] = 0.0
    engine, variables = NativeEngine(1), {"w": w}
    executable = engine.compile(single_sample_step(30, 20), variables, ["norm"])

    def poll(steps: int, outputs: object) -> None:
        if steps == 12:
            w[7, 11] = np.nan

    rates = {"rate": np.full(20, 2.0**-9, np.float32)}
    done = engine.run_batches({1: executable}, {"x": x, "t": t}, np.arange(20), 1, rates, poll)
    assert (done.status, done.steps) == ("not finite", 12)


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


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(
    ("rows", "depth", "columns"),
    [
        (
            32,
            784,
            128,
        ),  # small sums of a large right operand, which threads share by its depth if it is written
        (47, 1201, 64),
        (49, 960, 320),  # a panel packed by the block that reads it
        (128, 784, 128),
        (256, 410, 37),
        (200, 64, 600),
        (257, 500, 96),
    ],
)
@pytest.mark.parametrize("updates", [False, True])
@pytest.mark.parametrize("transpose", [False, True])
def test_products_of_few_rows_are_exact(
    rows: int, depth: int, columns: int, transpose: bool, updates: bool, threads: int
) -> None:
    rng = np.random.default_rng(rows)
    a = rng.integers(-4, 5, (rows, depth)).astype(np.float32)
    b = rng.integers(-4, 5, (depth, columns)).astype(np.float32)
    bias = rng.integers(-9, 10, columns).astype(np.float32)
    attributes = {"transpose_a": 0, "transpose_b": int(transpose), "has_bias": 1, "activation": "relu"}  # fmt: skip
    given = np.ascontiguousarray(b.T) if transpose else b
    (y,) = run_instruction(
        "matmul",
        [a, given, bias],
        [((rows, columns), "float32")],
        attributes,
        threads=threads,
        updates=updates,
    )
    np.testing.assert_array_equal(y, np.maximum(a.astype(np.float64) @ b + bias, 0))
