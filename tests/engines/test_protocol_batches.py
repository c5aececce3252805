"""What every engine promises of an epoch: batches, order, guard, interruption, refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from engine_tasks import (
    BATCH,
    COUNT,
    LONG,
    assert_same,
    by_hand,
    compiled,
    long_run,
    new_variables,
    order_of,
    samples,
    step_inputs,
)
from sloy import ops
from sloy.engines import Engine
from sloy.errors import InvalidArgument
from sloy.graph import Graph
from tolerances import SAME_FORMULA, assert_close

# --- run_batches ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "batch_size"),
    [(23, 5), (20, 5), (4, 5), (5, 5), (1, 1), (23, 23), (23, 1), (6, 5)],
)
def test_batches_are_the_steps_one_by_one(any_engine: Engine, count: int, batch_size: int) -> None:
    order = order_of()[:count]
    steps = -(-count // batch_size)
    sizes = {batch_size, count % batch_size or batch_size}
    variables, again = new_variables(), new_variables()
    done = any_engine.run_batches(
        compiled(any_engine, variables, sizes),
        samples(COUNT),
        order,
        batch_size,
        step_inputs(steps),
    )
    assert (done.status, done.steps, done.error) == ("done", steps, None)
    assert done.seconds > 0
    rows = by_hand(compiled(any_engine, again, sizes), order, batch_size, steps, steps)
    assert_same(variables, again)
    assert list(done.outputs) == ["loss", "output", "pairs", "copy"]
    assert_same({"loss": done.outputs["loss"]}, {"loss": np.array([r["loss"] for r in rows])})
    for name in ("output", "pairs"):  # one row per sample, in the order fed
        together = np.concatenate([r[name] for r in rows])
        assert len(together) == count
        assert_same({name: done.outputs[name]}, {name: together})


def test_the_order_is_followed(any_engine: Engine) -> None:
    graphs = {n: Graph.of({"id": ops.input("id", (n,), "int32")}) for n in (4, 3)}
    executables = {n: any_engine.compile(graph, {}) for n, graph in graphs.items()}
    ids = np.arange(100, 110, dtype=np.int32)
    for order in ([9, 0, 3, 3, 3, 8, 1], [0, 1, 2, 3, 4, 5, 6], [5] * 7):
        done = any_engine.run_batches(executables, {"id": ids}, np.array(order), 4, {})
        assert done.outputs["id"].tolist() == ids[order].tolist()
        assert done.outputs["id"].dtype == np.int32


@pytest.mark.parametrize("batch_size", [5, 23, 40, 1])
def test_epochs_in_one_call_are_epochs_one_by_one(any_engine: Engine, batch_size: int) -> None:
    orders = np.stack([np.roll(order_of(), k)[:23] for k in range(3)])
    steps = -(-23 // batch_size)
    sizes = {min(batch_size, 23), 23 % batch_size or batch_size}
    inputs = step_inputs(3 * steps)
    together, apart = new_variables(), new_variables()
    executables = compiled(any_engine, together, sizes)
    done = any_engine.run_batches(executables, samples(COUNT), orders, batch_size, inputs)
    assert (done.status, done.steps, done.error) == ("done", 3 * steps, None)
    executables = compiled(any_engine, apart, sizes)
    runs = [
        any_engine.run_batches(
            executables,
            samples(COUNT),
            order,
            batch_size,
            {name: values[k * steps :] for name, values in inputs.items()},
        )
        for k, order in enumerate(orders)
    ]
    assert_same(together, apart)
    expected = {n: np.concatenate([run.outputs[n] for run in runs]) for n in runs[0].outputs}
    assert_same(done.outputs, expected)


def test_a_run_over_epochs_ends_within_one(any_engine: Engine) -> None:
    columns, orders = samples(COUNT), np.stack([order_of(), order_of()])
    variables = new_variables()
    executables = compiled(any_engine, variables, [BATCH, 3])
    inputs = step_inputs(10)
    inputs["learning_rate"][7] = np.nan  # the third step of the second epoch spoils the fourth
    done = any_engine.run_batches(executables, columns, orders, BATCH, inputs)
    assert (done.status, done.steps) == ("not finite", 8)
    assert len(done.outputs["loss"]) == 8
    assert len(done.outputs["output"]) == COUNT + 3 * BATCH


def test_bytes_are_gathered_too(any_engine: Engine) -> None:
    x = ops.input("x", (2, 2, 2), "uint8")
    executable = any_engine.compile(Graph.of({"y": ops.cast(x, "float32") * (1 / 255)}), {})
    pixels = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    order = np.array([5, 0, 2, 2])
    done = any_engine.run_batches({2: executable}, {"x": pixels}, order, 2, {})
    expected = pixels[order].astype(np.float32) * np.float32(1 / 255)
    assert_same(done.outputs, {"y": expected})


def test_no_samples_are_no_steps(any_engine: Engine) -> None:
    variables = new_variables()
    executables = compiled(any_engine, variables, [BATCH])
    nothing = np.zeros(0, np.int64)
    done = any_engine.run_batches(executables, samples(COUNT), nothing, BATCH, step_inputs(0))
    assert (done.status, done.steps, done.error) == ("done", 0, None)
    assert_same(variables, new_variables())


def test_longer_step_inputs_are_welcome(any_engine: Engine) -> None:
    order = order_of()
    runs = []
    for steps in (5, 9):
        variables = new_variables()
        executables = compiled(any_engine, variables, [BATCH, 3])
        inputs = {name: values[:steps] for name, values in step_inputs(9).items()}
        runs.append(any_engine.run_batches(executables, samples(COUNT), order, BATCH, inputs))
    assert_same(runs[0].outputs, runs[1].outputs)


def test_a_guarded_step_ends_the_run_with_the_last_good_values(any_engine: Engine) -> None:
    columns = samples(COUNT)
    order = order_of()
    columns["x"][order[3 * BATCH + 2]] = np.nan  # a sample of step 3
    variables, again = new_variables(), new_variables()
    executables = compiled(any_engine, variables, [BATCH, 3])
    done = any_engine.run_batches(executables, columns, order, BATCH, step_inputs(5))
    assert (done.status, done.steps, done.error) == ("not finite", 3, None)
    rows = by_hand(compiled(any_engine, again, [BATCH, 3]), order, BATCH, 3, 5)
    assert_same(variables, again)
    assert np.isfinite(variables["w"]).all()
    assert done.outputs["loss"].tolist() == [float(r["loss"]) for r in rows]
    assert len(done.outputs["output"]) == 3 * BATCH


def test_a_guarded_first_step_leaves_everything(any_engine: Engine) -> None:
    variables = new_variables()
    columns = samples(COUNT)
    columns["x"][:] = np.inf
    executables = compiled(any_engine, variables, [BATCH, 3])
    done = any_engine.run_batches(executables, columns, order_of(), BATCH, step_inputs(5))
    assert (done.status, done.steps) == ("not finite", 0)
    assert_same(variables, new_variables())


# --- poll ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("enough"), SystemExit(3)])
def test_what_poll_raises_ends_the_run_between_two_steps(
    any_engine: Engine, error: BaseException
) -> None:
    calls: list[tuple[int, np.ndarray]] = []

    def poll(steps: int, outputs: Mapping[str, np.ndarray]) -> None:
        calls.append((steps, np.array(outputs["loss"])))
        if len(calls) == 3:
            raise error

    variables = {"w": np.ones(3, np.float32)}
    done = long_run(any_engine, variables, poll)
    assert done.status == "interrupted"
    assert done.error is error
    assert 0 < done.steps < LONG
    assert done.steps >= calls[-1][0] > calls[0][0]
    for steps, losses in calls:  # the scalar outputs of the steps done so far
        assert losses.tobytes() == done.outputs["loss"][:steps].tobytes()
        assert len(losses) == steps
    assert len(done.outputs["loss"]) == done.steps
    x = samples(COUNT)["x"]
    order = np.arange(done.steps) % COUNT
    assert done.outputs["row"].tobytes() == x[order].tobytes()
    # Each step halves w: its value tells how many whole steps were written.
    w = np.ones(3, np.float32)
    for row in order[-60:]:
        w = w * np.float32(0.5) + x[row]
    assert_close(variables["w"], w.astype(np.float64), SAME_FORMULA)


def test_a_poll_that_raises_nothing_changes_nothing(any_engine: Engine) -> None:
    runs = []
    for poll in (None, lambda steps, outputs: None):
        variables = new_variables()
        executables = compiled(any_engine, variables, [BATCH, 3])
        order = np.tile(order_of(), 100)[: 400 * BATCH]
        done = any_engine.run_batches(
            executables, samples(COUNT), order, BATCH, step_inputs(400), poll
        )
        assert done.status == "done"
        runs.append({**done.outputs, **variables})
    assert_same(*runs)


@pytest.mark.parametrize("call", [1, 2, 5, 9])
def test_a_long_step_is_interrupted_between_its_operations(
    any_engine: Engine, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """Asked all the time, within the only step too: it ends there, and nothing is written."""
    if not any_engine.interrupts:
        pytest.skip(f"the {any_engine.name} engine asks between steps alone")
    for module in {"sloy.engines.base", type(any_engine).__module__}:
        monkeypatch.setattr(f"{module}.POLL_SECONDS", 0.0, raising=False)
    x, w = ops.input("x", (1, 7)), ops.variable("w", (7, 7))
    y = x
    for _ in range(20):
        y = y @ w
    loss = ops.reduce_sum(y)
    variables = {"w": np.eye(7, dtype=np.float32)}
    executable = any_engine.compile(Graph.of({"loss": loss}, {"w": w + loss}), variables)
    asked: list[int] = []

    def poll(steps: int, outputs: Mapping[str, np.ndarray]) -> None:
        asked.append(steps)
        if len(asked) == call:
            raise KeyboardInterrupt

    columns = {"x": np.ones((1, 7), np.float32)}
    done = any_engine.run_batches({1: executable}, columns, np.zeros(1, int), 1, {}, poll)
    assert (done.status, done.steps, type(done.error)) == ("interrupted", 0, KeyboardInterrupt)
    assert asked == [0] * call
    assert variables["w"].tolist() == np.eye(7).tolist()


# --- refusals ------------------------------------------------------------------------------------

WRONG_BATCHES: dict[str, tuple[dict[str, Any], str]] = {
    "no tail": ({"sizes": [5]}, r"no executable for batches of \[3\]"),
    "no full": ({"sizes": [3]}, r"no executable for batches of \[5\]"),
    "row beyond": ({"order": np.array([0, 23, 1, 2, 3])}, "`order` must hold rows from 0 to 22"),
    "row below": ({"order": np.array([0, -1, 1, 2, 3])}, "`order` must hold rows from 0 to 22"),
    "float order": ({"order": np.zeros(5)}, r"`order` is float64\[5\]; it must be row numbers"),
    "mask as order": ({"order": np.ones(5, bool)}, r"`order` is bool\[5\]; it must be"),
    "order of three axes": (
        {"order": np.zeros((5, 1, 1), int)},
        r"`order` is int64\[5, 1, 1\]; it must be row numbers in one axis",
    ),
    "batch of 0": ({"batch_size": 0}, r"`batch_size` \(=0\) must be an integer of at least 1"),
    "batch of -5": ({"batch_size": -5}, r"`batch_size` \(=-5\) must be"),
    "batch of 2.5": ({"batch_size": 2.5}, r"`batch_size` \(=2.5\) must be"),
    "columns of two lengths": (
        {"columns": {**samples(23), "y": np.zeros(22, np.float32)}},
        "columns have different numbers of samples",
    ),
    "column of another dtype": (
        {"columns": {**samples(23), "x": np.zeros((23, 3))}},
        r"input `x` is float64\[5, 3\]; the graph needs float32\[5, 3\]|float64\[3, 3\]",
    ),
    "column of another shape": (
        {"columns": {**samples(23), "x": np.zeros((23, 2), np.float32)}},
        r"input `x` is float32\[., 2\]; the graph needs float32\[., 3\]",
    ),
    "missing column": ({"columns": {"x": samples(23)["x"]}}, r"missing \['y'\]"),
    "unknown column": ({"columns": {**samples(23), "z": np.zeros(23)}}, r"unknown \['z'\]"),
    "short step input": (
        {"inputs": step_inputs(4)},
        "step input `learning_rate` has 4 rows, needs 5",
    ),
    "step input of another shape": (
        {"inputs": {**step_inputs(5), "learning_rate": np.zeros((5, 1), np.float32)}},
        r"input `learning_rate` is float32\[1\]; the graph needs float32\[\]",
    ),
    "fed twice": (
        {"inputs": {**step_inputs(23), "y": samples(23)["y"]}},
        r"\['y'\] are columns and step inputs at once",
    ),
}


@pytest.mark.parametrize("kind", WRONG_BATCHES)
@pytest.mark.parametrize("with_poll", [False, True])
def test_wrong_batches_are_refused_before_the_first_step(
    any_engine: Engine,
    kind: str,
    with_poll: bool,
) -> None:
    changes, message = WRONG_BATCHES[kind]
    variables = new_variables()
    executables = compiled(any_engine, variables, changes.get("sizes", [BATCH, 3]))
    with pytest.raises(InvalidArgument, match=message):
        any_engine.run_batches(
            executables,
            changes.get("columns", samples(COUNT)),
            changes.get("order", order_of()),
            changes.get("batch_size", BATCH),
            changes.get("inputs", step_inputs(5)),
            (lambda steps, outputs: None) if with_poll else None,
        )
    assert_same(variables, new_variables())


def test_a_last_batch_that_cannot_be_fed_is_refused_before_the_first_step(
    any_engine: Engine,
) -> None:
    variables = new_variables()
    executables = compiled(any_engine, variables, [BATCH])
    more = Graph.of({"loss": ops.input("x", (3, 3)), "more": ops.input("more", (3,))})
    executables[3] = any_engine.compile(more, variables)
    columns = {"x": samples(COUNT)["x"], "y": samples(COUNT)["y"]}
    with pytest.raises(InvalidArgument, match=r"missing \['more'\]"):
        any_engine.run_batches(executables, columns, order_of(), BATCH, step_inputs(5))
    assert_same(variables, new_variables())
