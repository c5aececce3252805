"""What every engine promises of one run: the protocol of `sloy.engines.base`, on each engine that is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from available import installed
from engine_tasks import (
    assert_same,
    compiled,
    new_variables,
    one_feed,
    step_graph,
)
from sloy import ops
from sloy.engines import Engine, engine
from sloy.errors import InvalidArgument, NonFiniteError, ShapeError
from sloy.graph import Graph, threefry
from tolerances import SAME_FORMULA, assert_close


def test_the_reference_engine_is_tested_in_any_case() -> None:
    assert installed()[0] == "reference"


# --- run -----------------------------------------------------------------------------------------


def test_run_gives_outputs_and_changes_variables_in_place(any_engine: Engine) -> None:
    variables = new_variables()
    arrays = dict(variables)
    outputs = compiled(any_engine, variables, [4])[4].run(one_feed())
    x, y = (one_feed()[name].astype(np.float64) for name in ("x", "y"))
    start = new_variables()
    stream = threefry.fold_in(threefry.fold_in(start["key"], 3), 0)
    mask = threefry.keep_mask(stream, (4, 3), 0.75)
    a = (x * mask) @ start["w"].astype(np.float64) + float(start["b"][0])
    error = a[:, 0] - y
    assert_close(outputs["output"], a[:, 0], SAME_FORMULA, scale=1.0)
    assert_close(outputs["loss"], np.mean(error**2), SAME_FORMULA)
    assert outputs["pairs"].tolist() == mask.astype(np.float32).tolist()
    assert outputs["copy"].tolist() == [0.125]  # before its update
    rate = float(np.float32(0.1))
    dw = ((x * mask).T @ error)[:, None] * 2 / 4
    assert_close(variables["w"], start["w"] - rate * dw, SAME_FORMULA, scale=1.0)
    assert_close(variables["b"], start["b"] - rate * np.mean(2 * error), SAME_FORMULA, scale=1.0)
    assert_same({"key": variables["key"]}, {"key": start["key"]})
    for name, array in arrays.items():
        assert variables[name] is array  # in place


def test_outputs_have_the_specs_of_the_graph(any_engine: Engine) -> None:
    executable = compiled(any_engine, new_variables(), [4])[4]
    outputs = executable.run(one_feed())
    graph = step_graph(4)
    assert list(outputs) == list(graph.outputs)
    for name, number in graph.outputs.items():
        assert isinstance(outputs[name], np.ndarray)
        assert outputs[name].shape == graph.nodes[number].spec.shape
        assert outputs[name].dtype == graph.nodes[number].spec.dtype
    assert executable.memory >= 0


def test_outputs_belong_to_the_caller(any_engine: Engine) -> None:
    x, w = ops.input("x", (3,)), ops.variable("w", (3,))
    graph = Graph.of({"x": x, "w": w, "sum": x + w})
    variables = {"w": np.ones(3, np.float32)}
    executable = any_engine.compile(graph, variables)
    fed = np.arange(3, dtype=np.float32)
    first = executable.run({"x": fed})
    for value in first.values():
        value += 100
    assert fed.tolist() == [0, 1, 2]
    assert variables["w"].tolist() == [1, 1, 1]
    second = executable.run({"x": fed})
    assert {name: value.tolist() for name, value in second.items()} == {
        "x": [0, 1, 2],
        "w": [1, 1, 1],
        "sum": [1, 2, 3],
    }
    assert first["sum"].tolist() == [101, 102, 103]  # a later run writes elsewhere


def test_updates_happen_at_once(any_engine: Engine) -> None:
    a, b = ops.variable("a", (2,)), ops.variable("b", (2,))
    graph = Graph.of({"a": a, "b": b}, {"a": b, "b": a, "sum": a + b})
    variables = {
        "a": np.array([1, 2], np.float32),
        "b": np.array([3, 4], np.float32),
        "sum": np.zeros(2, np.float32),
    }
    outputs = any_engine.compile(graph, variables).run({})
    assert {name: value.tolist() for name, value in variables.items()} == {
        "a": [3, 4],
        "b": [1, 2],
        "sum": [4, 6],
    }
    assert (outputs["a"].tolist(), outputs["b"].tolist()) == ([1, 2], [3, 4])


def test_variables_may_be_changed_between_runs(any_engine: Engine) -> None:
    variables = new_variables()
    executable = compiled(any_engine, variables, [4])[4]
    first = executable.run(one_feed())
    for name, value in new_variables().items():
        variables[name][...] = value
    assert_same(executable.run(one_feed()), first)


def test_equal_runs_are_equal_to_the_last_bit(any_engine: Engine) -> None:
    results = []
    for _ in range(2):
        variables = new_variables()
        outputs = compiled(any_engine, variables, [4])[4].run(one_feed())
        results.append({**outputs, **{f"variable {k}": v for k, v in variables.items()}})
    assert_same(*results)


def test_a_graph_may_have_no_inputs_or_no_updates(any_engine: Engine) -> None:
    variables = {"w": np.arange(3, dtype=np.float32)}
    graph = Graph.of({"sum": ops.reduce_sum(ops.variable("w", (3,)))})
    assert any_engine.compile(graph, variables).run({})["sum"] == 3
    constant = Graph.of({"c": ops.constant(np.ones(3)) * 2.0})
    assert any_engine.compile(constant, {}).run({})["c"].tolist() == [2, 2, 2]


def test_an_input_that_nothing_needs_is_still_asked_for(any_engine: Engine) -> None:
    """Folding may find that an input does not matter; the caller must not notice."""
    graph = Graph.of({"y": ops.input("x", (2,)), "label": ops.input("unused", (3,), "int32")})
    executable = any_engine.compile(graph, {})
    outputs = executable.run({"x": np.ones(2, np.float32), "unused": np.arange(3, dtype=np.int32)})
    assert outputs["label"].tolist() == [0, 1, 2]


def test_inputs_need_not_be_dense(any_engine: Engine) -> None:
    x = ops.input("x", (2, 3))
    executable = any_engine.compile(Graph.of({"y": x * 2.0}), {})
    wide = np.arange(12, dtype=np.float32).reshape(3, 4).T
    assert executable.run({"x": wide[::2]})["y"].tolist() == (wide[::2] * 2).tolist()


WRONG_FEEDS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "missing": ({"y": None}, InvalidArgument, r"missing \['y'\]"),
    "unknown": ({"z": np.zeros(3)}, InvalidArgument, r"unknown \['z'\]"),
    "shape": (
        {"x": np.zeros((4, 2), np.float32)},
        ShapeError,
        r"input `x` is float32\[4, 2\]; the graph needs float32\[4, 3\]",
    ),
    "batch": (
        {"x": np.zeros((5, 3), np.float32)},
        ShapeError,
        r"input `x` is float32\[5, 3\]; the graph needs float32\[4, 3\]",
    ),
    "dtype": (
        {"x": np.zeros((4, 3))},
        ShapeError,
        r"input `x` is float64\[4, 3\]; the graph needs float32\[4, 3\]",
    ),
    "a list": ({"y": [1.0, 2.0, 3.0, 4.0]}, ShapeError, r"input `y` is float64\[4\]; the graph"),
    "signed step": ({"step": np.array(0)}, ShapeError, r"input `step` is int64\[\]; the graph"),
}


@pytest.mark.parametrize("kind", WRONG_FEEDS)
def test_wrong_inputs_are_named_and_nothing_happens(any_engine: Engine, kind: str) -> None:
    changes, error, message = WRONG_FEEDS[kind]
    variables = new_variables()
    executable = compiled(any_engine, variables, [4])[4]
    feeds = {name: v for name, v in one_feed(**changes).items() if v is not None}
    with pytest.raises(error, match=message):
        executable.run(feeds)
    assert_same(variables, new_variables())
    executable.run(one_feed())  # and the executable still works


WRONG_VARIABLES: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "missing": ({"w": None}, InvalidArgument, r"variable `w` \(float32\[3, 1\]\) has no value"),
    "shape": (
        {"w": np.zeros((3,), np.float32)},
        ShapeError,
        r"variable `w` is float32\[3\]; it must be a C-contiguous float32\[3, 1\]",
    ),
    "dtype": ({"b": np.zeros(1)}, ShapeError, r"variable `b` is float64\[1\]; it must be"),
    "not dense": (
        {"w": np.zeros((6, 2), np.float32)[::2, :1]},
        ShapeError,
        r"variable `w` is float32\[3, 1\]; it must be a C-contiguous",
    ),
    "read-only": (
        {"w": np.frombuffer(bytes(12), np.float32).reshape(3, 1)},
        InvalidArgument,
        "variable `w` is updated, but its array is read-only",
    ),
}


@pytest.mark.parametrize("kind", WRONG_VARIABLES)
def test_wrong_variables_are_named(any_engine: Engine, kind: str) -> None:
    changes, error, message = WRONG_VARIABLES[kind]
    variables = {k: v for k, v in {**new_variables(), **changes}.items() if v is not None}
    with pytest.raises(error, match=message):
        any_engine.compile(step_graph(4), variables)


@pytest.mark.parametrize(
    ("guard", "message"),
    [
        ("nothing", "`guard` names `nothing`, which is not an output"),
        ("output", r"`guard` names `output` \(float32\[4\]\); it must be a float scalar"),
    ],
)
def test_wrong_guards_are_named(any_engine: Engine, guard: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        any_engine.compile(step_graph(4), new_variables(), [guard])


def test_a_broken_graph_is_refused(any_engine: Engine) -> None:
    good = step_graph(4)
    nodes = (*good.nodes[1:], good.nodes[0])
    with pytest.raises(InvalidArgument, match="must come before the node"):
        any_engine.compile(Graph(nodes, good.outputs, good.updates), new_variables())


# --- guard ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_guard_keeps_variables_from_what_is_not_finite(any_engine: Engine, bad: float) -> None:
    variables = new_variables()
    executable = compiled(any_engine, variables, [4])[4]
    x = one_feed()["x"].copy()
    x[:] = bad
    with pytest.raises(NonFiniteError, match="loss") as raised:
        executable.run(one_feed(x=x))
    assert_same(variables, new_variables())
    assert set(raised.value.outputs) == set(step_graph(4).outputs)
    assert not np.isfinite(raised.value.outputs["loss"])
    assert np.isfinite(executable.run(one_feed())["loss"])


def test_without_a_guard_anything_is_written(any_engine: Engine) -> None:
    variables = new_variables()
    executable = compiled(any_engine, variables, [4], guard=())[4]
    outputs = executable.run(one_feed(x=np.full((4, 3), np.nan, np.float32)))
    assert np.isnan(outputs["loss"])
    assert np.isnan(variables["w"]).all()


# --- choosing an engine --------------------------------------------------------------------------


def test_an_engine_knows_its_name_and_settings(any_engine: Engine) -> None:
    assert (
        any_engine == engine(any_engine.name, 1) != engine(any_engine.name, 1, precision="emulated")
    )
    assert any_engine.settings["precision"] == "float32"
    assert any_engine.settings.get("threads", 1) == 1
    assert str(any_engine) in (
        f"{any_engine.name}, 1 thread, float32",
        f"{any_engine.name}, float32",
        f"{any_engine.name}, 1 device (cpu), float32",
    )
    assert any_engine.supports("float32", any_engine.best_precision())
    assert not any_engine.supports("int32")
    assert engine(any_engine) is any_engine


def test_an_unknown_engine_is_named() -> None:
    with pytest.raises(
        InvalidArgument, match=r"`engine` \(='tpu'\) must be one of auto, jax, native, ref"
    ):
        engine("tpu")


@pytest.mark.parametrize("threads", [-1, 1.5, True, "2"])
def test_bad_threads_are_named(threads: Any) -> None:
    with pytest.raises(
        InvalidArgument, match=r"`threads` \(=.*\) must be an integer of at least 0"
    ):
        engine("reference", threads)
