"""Runs of the native engine: guard, order of writes, batches, interruption, refusals."""

from __future__ import annotations

import gc
import signal
import threading
import time
import weakref
from collections.abc import Mapping

import numpy as np
import pytest

from sloy.engines import BatchRun, Engine, ReferenceEngine
from sloy.engines.base import Poll
from sloy.engines.native import NativeEngine
from sloy.engines.native.rewrite import lowering
from sloy.errors import InvalidArgument, NonFiniteError, NotAvailable, ShapeError
from sloy.graph import Graph, backprop, input, variable
from sloy.graph.ops.elementwise import cast, log, relu, tanh
from sloy.graph.ops.linear import matmul
from sloy.graph.ops.pooling import max_pool2d
from sloy.graph.ops.probability import softmax_cross_entropy
from sloy.graph.ops.random import dropout_mask
from sloy.graph.ops.reduction import argmax, reduce_mean, reduce_sum
from sloy.graph.ops.shape import broadcast_to, one_hot, reshape
from sloy.graph.tensor import apply
from tolerances import Tolerance, assert_close

EPSILON = {"epsilon": 1e-5}
THREADS = pytest.mark.parametrize("threads", [1, 2])


def training_graph(rows: int) -> Graph:
    """One step of gradient descent of a small network on uint8 pictures and labels."""
    x = cast(input("x", (rows, 5, 7), "uint8"), "float32") * (1 / 255)
    y = input("y", (rows,), "int32")
    w1, b1 = variable("w1", (35, 17)), variable("b1", (17,))
    w2, b2 = variable("w2", (17, 3)), variable("b2", (3,))
    hidden = relu(matmul(reshape(x, (rows, 35)), w1) + b1)
    logits = matmul(hidden, w2) + b2
    loss = reduce_mean(softmax_cross_entropy(logits, one_hot(y, 3)))
    parameters = [w1, b1, w2, b2]
    gradients = backprop(loss, parameters)
    rate = input("rate", ())
    updates = {
        p.attributes["name"]: p - rate * g for p, g in zip(parameters, gradients, strict=True)
    }
    return Graph.of({"loss": loss, "class": argmax(logits, -1), "logits": logits}, updates)


def new_variables() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    shapes = {"w1": (35, 17), "b1": (17,), "w2": (17, 3), "b2": (3,)}
    return {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}


def columns(samples: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    return {
        "x": rng.integers(0, 256, (samples, 5, 7)).astype(np.uint8),
        "y": rng.integers(0, 3, samples).astype(np.int32),
    }


def epoch(
    engine: Engine, batch_size: int = 8
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    variables = new_variables()
    executables = {
        rows: engine.compile(training_graph(rows), variables, ["loss"]) for rows in (batch_size, 5)
    }
    order = np.random.default_rng(5).permutation(61)[: 7 * batch_size + 5]
    rate = np.linspace(0.5, 0.1, 8).astype(np.float32)
    result = engine.run_batches(executables, columns(61), order, batch_size, {"rate": rate})
    assert (result.status, result.steps, result.error) == ("done", 8, None)
    return dict(result.outputs), variables


@THREADS
def test_an_epoch_equals_the_reference(threads: int) -> None:
    outputs, variables = epoch(NativeEngine(threads))
    expected_outputs, expected_variables = epoch(ReferenceEngine())
    assert outputs["loss"].shape == (8,)
    assert outputs["logits"].shape == (61, 3)
    # Errors of 8 steps: a few roundings of sums of at most 35 terms each.
    for name in ("loss", "logits"):
        size = float(np.abs(expected_outputs[name]).max())
        assert_close(outputs[name], expected_outputs[name], Tolerance(64), scale=size, name=name)
    for name, value in expected_variables.items():
        size = float(np.abs(value).max())
        assert_close(variables[name], value, Tolerance(64), scale=size, name=name)
    np.testing.assert_array_equal(outputs["class"], outputs["logits"].argmax(-1))


@THREADS
def test_twice_the_same_bits(threads: int) -> None:
    first, second = epoch(NativeEngine(threads)), epoch(NativeEngine(threads))
    for a, b in zip(first, second, strict=True):
        assert {k: v.tobytes() for k, v in a.items()} == {k: v.tobytes() for k, v in b.items()}


def test_step_by_step_equals_the_epoch() -> None:
    outputs, variables = epoch(NativeEngine(1))
    again = new_variables()
    order = np.random.default_rng(5).permutation(61)
    rate = np.linspace(0.5, 0.1, 8).astype(np.float32)
    data = columns(61)
    losses = []
    for step in range(8):
        rows = order[8 * step : 8 * step + 8]
        executable = NativeEngine(1).compile(training_graph(len(rows)), again)
        inputs = {"x": data["x"][rows], "y": data["y"][rows], "rate": rate[step]}
        losses.append(executable.run(inputs)["loss"])
    np.testing.assert_array_equal(outputs["loss"], losses)
    for name, value in variables.items():
        np.testing.assert_array_equal(value, again[name])


def test_relu_before_max_pooling_backwards() -> None:
    """The gradient of relu moves before that of the pooling: exactly the same numbers, NaN and ties too."""
    x = input("x", (2, 9, 9, 3))
    hidden = relu(x)
    loss = reduce_sum(max_pool2d(hidden, 3, stride=2) * input("g", (2, 4, 4, 3)))
    (gradient,) = backprop(loss, [x])
    graph = Graph.of({"dx": gradient})
    executable = NativeEngine(2).compile(graph, {})
    assert [step.kernel for step in executable.plan.steps][-1] == "max_pool2d_grad"
    rng = np.random.default_rng(8)
    pictures = rng.integers(-3, 3, (2, 9, 9, 3)).astype(np.float32)
    pictures[0, 2, 3, 1] = np.nan
    feeds = {"x": pictures, "g": rng.integers(-4, 5, (2, 4, 4, 3)).astype(np.float32)}
    expected = ReferenceEngine().compile(graph, {}).run(feeds)["dx"]
    np.testing.assert_array_equal(executable.run(feeds)["dx"], expected)


# --- the guard -------------------------------------------------------------------------------------------------------


def guarded() -> Graph:
    """loss = mean log x; v counts the steps, w follows x."""
    x, v, w = input("x", (4,)), variable("v", ()), variable("w", (4,))
    return Graph.of({"loss": reduce_mean(log(x))}, {"v": v + 1.0, "w": w * 0.5 + x})


@pytest.mark.parametrize("bad", [-1.0, 0.0, np.nan, np.inf])
def test_the_guard_keeps_every_variable(bad: float) -> None:
    variables = {"v": np.zeros((), np.float32), "w": np.ones(4, np.float32)}
    executable = NativeEngine(1).compile(guarded(), variables, ["loss"])
    executable.run({"x": np.ones(4, np.float32)})
    with pytest.raises(NonFiniteError, match="loss") as caught:
        executable.run({"x": np.array([1, bad, 1, 1], np.float32)})
    assert not np.isfinite(caught.value.outputs["loss"])
    assert variables["v"] == 1.0
    np.testing.assert_array_equal(variables["w"], np.full(4, 1.5, np.float32))


def test_the_guard_ends_the_batches() -> None:
    variables = {"v": np.zeros((), np.float32), "w": np.ones(4, np.float32)}
    engine = NativeEngine(1)
    executable = engine.compile(guarded(), variables, ["loss"])
    data = np.ones(40, np.float32)
    data[22] = -1
    result = engine.run_batches({4: executable}, {"x": data}, np.arange(40), 4, {})
    assert (result.status, result.steps) == ("not finite", 5)
    assert result.outputs["loss"].shape == (5,)
    assert variables["v"] == 5.0


# --- the order of writes -------------------------------------------------------------------------------------------


def both(
    graph: Graph, variables: Mapping[str, np.ndarray], inputs: Mapping[str, np.ndarray]
) -> None:
    """The same outputs and variables after two runs of both engines."""
    results = []
    for engine in (NativeEngine(1), ReferenceEngine()):
        state = {name: value.copy() for name, value in variables.items()}
        executable = engine.compile(graph, state)
        results.append([executable.run(inputs), executable.run(inputs), state])
    for actual, expected in zip(*results, strict=True):
        for name, value in expected.items():
            np.testing.assert_array_equal(actual[name], value, err_msg=name)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(6).integers(-8, 9, shape).astype(np.float32)


def test_variables_that_change_places() -> None:
    a, b, c = (variable(name, (5,)) for name in "abc")
    graph = Graph.of({"old": a}, {"a": b, "b": a, "c": c})
    both(graph, {name: numbers(5) + ord(name) for name in "abc"}, {})


def test_updates_that_read_each_other() -> None:
    a, b = variable("a", (40,)), variable("b", (40,))
    graph = Graph.of({}, {"a": a + b, "b": a - b})
    both(graph, {"a": numbers(40), "b": numbers(40) + 1}, {})


def test_updates_in_a_circle_of_shapes() -> None:
    """a reads b by broadcast and b reads a by a sum: no order serves both without a copy."""
    a, b = variable("a", (3, 4)), variable("b", (3, 1))
    both(
        Graph.of({}, {"a": a + b, "b": b + reshape(reduce_sum(a, 1), (3, 1))}),
        {"a": numbers(3, 4), "b": numbers(3, 1)},
        {},
    )
    s, t = variable("s", (6,)), variable("t", (2, 3))
    crossed = Graph.of({}, {"s": s + reshape(t, (6,)), "t": t - reshape(s, (2, 3))})
    both(crossed, {"s": numbers(6), "t": numbers(2, 3)}, {})


def test_an_update_that_is_an_output_a_constant_or_an_input() -> None:
    x, v, w, u = input("x", (3,)), variable("v", (3,)), variable("w", (3,)), variable("u", (3,))
    grown = v + x
    graph = Graph.of(
        {"v": grown, "u": u}, {"v": grown, "w": x, "u": broadcast_to(x * 0 + 2.0, (3,))}
    )
    both(graph, {name: numbers(3) for name in "vwu"}, {"x": numbers(3)})
    assert w.shape == (3,)


def test_an_input_that_nothing_reads() -> None:
    graph = Graph.of({"y": input("x", (3,)) * 2.0, "z": input("unused", (2,)) * 0.0 + 1.0})
    both(graph, {}, {"x": numbers(3), "unused": numbers(2)})


def test_outputs_do_not_change_with_the_next_run() -> None:
    executable = NativeEngine(1).compile(Graph.of({"y": tanh(input("x", (3,)))}), {})
    first = executable.run({"x": np.ones(3, np.float32)})["y"]
    executable.run({"x": np.zeros(3, np.float32)})
    assert (first > 0.7).all()


# --- interruption --------------------------------------------------------------------------------------------------


def endless(engine: NativeEngine, poll: Poll) -> tuple[BatchRun, dict[str, np.ndarray]]:
    """Far more steps than fit before the interruption."""
    variables = new_variables()
    executable = engine.compile(training_graph(8), variables, ["loss"])
    order = np.random.default_rng(5).integers(0, 61, 8 * 2_000_000)
    rate = np.full(len(order) // 8, 0.01, np.float32)
    result = engine.run_batches({8: executable}, columns(61), order, 8, {"rate": rate}, poll)
    return result, variables


def test_poll_sees_progress_and_its_error_ends_the_run() -> None:
    seen: list[tuple[int, int]] = []

    def poll(steps: int, outputs: Mapping[str, np.ndarray]) -> None:
        seen.append((steps, len(outputs["loss"])))
        assert set(outputs) == {"loss"}
        if len(seen) == 3:
            raise KeyError("enough")

    result, _ = endless(NativeEngine(1), poll)
    assert result.status == "interrupted"
    assert isinstance(result.error, KeyError)
    assert [steps for steps, _ in seen] == [length for _, length in seen]
    assert 0 < seen[0][0] < seen[1][0] < seen[2][0] == result.steps
    assert len(result.outputs["loss"]) == result.steps
    assert len(result.outputs["logits"]) == 8 * result.steps


def test_control_c_ends_the_run_between_two_steps() -> None:
    timer = threading.Timer(0.1, signal.raise_signal, [signal.SIGINT])
    pressed: list[float] = []

    def poll(steps: int, outputs: Mapping[str, np.ndarray]) -> None:
        if not pressed:
            pressed.append(time.perf_counter())
            timer.start()

    result, variables = endless(NativeEngine(1), poll)
    seconds = time.perf_counter() - pressed[0]
    timer.join()
    assert result.status == "interrupted"
    assert isinstance(result.error, KeyboardInterrupt)
    assert seconds < 5.0
    assert all(np.isfinite(value).all() for value in variables.values())


# --- refusals ------------------------------------------------------------------------------------------------------


def test_float64_is_refused() -> None:
    graph = Graph.of({"y": tanh(input("x", (3,), "float64"))})
    with pytest.raises(NotAvailable, match=r"float64.*reference"):
        NativeEngine(1).compile(graph, {})


def test_what_a_kernel_refuses_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lowering, "lower", lambda graph, supported, engine: graph)
    graph = Graph.of(
        {"y": apply("batch_norm", [input("x", (2, 3))] + [input("c", (3,))] * 4, EPSILON)}
    )
    with pytest.raises(NotAvailable, match=r"batch_norm.*engine=\"reference\""):
        NativeEngine(1).compile(graph, {})


def test_masks_of_other_dtypes() -> None:
    key, step = input("key", (2,), "uint32"), input("step", (), "uint32")
    mask = dropout_mask(key, step, stream=3, keep=0.5, shape=(100,), dtype="uint8")
    both(
        Graph.of({"mask": mask}),
        {},
        {"key": np.array([1, 2], np.uint32), "step": np.uint32(4)},
    )


def test_wrong_inputs_and_variables_are_refused() -> None:
    graph = training_graph(8)
    with pytest.raises(InvalidArgument, match="variable `w1`"):
        NativeEngine(1).compile(graph, {})
    short = new_variables()
    short["w1"] = np.zeros((35, 16), np.float32)
    with pytest.raises(ShapeError, match="w1"):
        NativeEngine(1).compile(graph, short)
    executable = NativeEngine(1).compile(graph, new_variables())
    data = columns(8)
    with pytest.raises(InvalidArgument, match="missing"):
        executable.run({"x": data["x"]})
    with pytest.raises(ShapeError, match="`x`"):
        executable.run({**data, "x": data["x"].astype(np.float32), "rate": np.float32(1)})


def test_wrong_columns_are_refused() -> None:
    engine = NativeEngine(1)
    executable = engine.compile(training_graph(8), new_variables())
    data, rate = columns(61), np.ones(7, np.float32)
    with pytest.raises(InvalidArgument, match="order"):
        engine.run_batches({8: executable}, data, np.arange(8) + 60, 8, {"rate": rate})
    with pytest.raises(ShapeError, match="`rate`"):
        engine.run_batches(
            {8: executable}, data, np.arange(8), 8, {"rate": np.ones((7, 2), np.float32)}
        )
    with pytest.raises(InvalidArgument, match="executable"):
        engine.run_batches({8: executable}, data, np.arange(11), 8, {"rate": rate})


def test_a_guard_must_be_a_scalar_output() -> None:
    for guard in ("logits", "nothing"):
        with pytest.raises(InvalidArgument, match=guard):
            NativeEngine(1).compile(training_graph(8), new_variables(), [guard])


def test_an_empty_order_runs_nothing() -> None:
    engine = NativeEngine(1)
    executable = engine.compile(training_graph(8), new_variables())
    result = engine.run_batches({8: executable}, columns(8), np.arange(0), 8, {"rate": np.ones(0)})
    assert (result.status, result.steps, result.outputs) == ("done", 0, {})


def test_memory_is_freed_with_the_executable() -> None:
    """At once, not when cycles are searched for: of a large network there may be no room for two."""
    variables = new_variables()
    executable = NativeEngine(1).compile(training_graph(8), variables, ["loss"])
    alive = [weakref.ref(executable), *(weakref.ref(array) for array in variables.values())]
    enabled = gc.isenabled()
    gc.disable()
    try:
        del executable, variables
        assert [reference() for reference in alive] == [None] * len(alive)
    finally:
        if enabled:
            gc.enable()


def test_threads_of_python_take_turns() -> None:
    executable = NativeEngine(1).compile(Graph.of({"y": tanh(input("x", (300, 300))) * 2.0}), {})
    wrong: list[int] = []

    def work(number: int) -> None:
        x = np.full((300, 300), number / 8, np.float32)
        for _ in range(50):
            y = executable.run({"x": x})["y"]
            if not (y == y[0, 0]).all() or abs(y[0, 0] - 2 * np.tanh(number / 8)) > 1e-5:
                wrong.append(number)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def test_poll_must_not_run_the_executable() -> None:
    engine = NativeEngine(1)
    executable = engine.compile(Graph.of({"y": tanh(input("x", (1,)))}), {})
    column = np.zeros(3_000_000, np.float32)

    def poll(steps: int, outputs: Mapping[str, np.ndarray]) -> None:
        executable.run({"x": column[:1]})

    result = engine.run_batches({1: executable}, {"x": column}, np.arange(3_000_000), 1, {}, poll)
    assert isinstance(result.error, InvalidArgument)
    executable.run({"x": column[:1]})  # free again


def test_the_profile_names_every_instruction() -> None:
    executable = NativeEngine(1).compile(training_graph(8), new_variables())
    rows = executable.profile(2)
    assert len(rows) == len(executable.plan.steps)
    assert all(row.seconds >= 0 for row in rows)
    (first,) = [row for row in rows if row.text.startswith("matmul [8, 35] [35, 17] [17]")]
    assert first.flops == 2 * 8 * 35 * 17
    assert first.nbytes == 4 * (8 * 35 + 35 * 17 + 17 + 8 * 17)


def test_memory_counts_arena_and_scratch() -> None:
    executable = NativeEngine(1).compile(training_graph(8), new_variables())
    assert executable.memory >= executable.plan.arena_bytes > 0
    assert "arena" in str(executable.plan)
