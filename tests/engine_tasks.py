"""Small jobs that every engine is given, and what the tests of the protocol share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from sloy import ops
from sloy.engines import BatchRun, Engine, Executable
from sloy.graph import Graph, backprop, threefry

COUNT, BATCH = 23, 5  # samples, batch size: a last batch of 3

Variables = dict[str, np.ndarray]


# --- a small training step -----------------------------------------------------------------------


def step_graph(rows: int) -> Graph:
    """One step of gradient descent of a linear model with dropout, on `rows` samples."""
    x, y = ops.input("x", (rows, 3)), ops.input("y", (rows,))
    rate, step = ops.input("learning_rate", ()), ops.input("step", (), "uint32")
    w, b, key = (
        ops.variable("w", (3, 1)),
        ops.variable("b", (1,)),
        ops.variable("key", (2,), "uint32"),
    )
    mask = ops.dropout_mask(key, step, stream=3, keep=0.75, shape=(rows, 3))
    output = ops.reshape(x * mask @ w + b, (rows,))
    loss = ops.reduce_mean(ops.square(output - y))
    dw, db = backprop(loss, [w, b])
    return Graph.of(
        {"loss": loss, "output": output, "pairs": ops.reshape(mask, (rows, 3)), "copy": b},
        {"w": w - rate * dw, "b": b - rate * db},
    )


def new_variables() -> Variables:
    """Fresh parameters and key."""
    return {
        "w": np.array([[0.5], [-1.0], [0.25]], np.float32),
        "b": np.array([0.125], np.float32),
        "key": threefry.make_key(7),
    }


def samples(count: int) -> dict[str, np.ndarray]:
    """Columns x (count, 3) and y (count,)."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((count, 3)).astype(np.float32)
    return {"x": x, "y": (x @ np.array([1.0, 2.0, -1.0])).astype(np.float32)}


def step_inputs(steps: int) -> dict[str, np.ndarray]:
    """A learning rate that changes, and the number of the step."""
    rates = np.linspace(0.1, 0.05, steps).astype(np.float32)
    return {"learning_rate": rates, "step": np.arange(steps, dtype=np.uint32)}


def compiled(
    chosen: Engine, variables: Variables, sizes: Iterable[int], guard: Iterable[str] = ("loss",)
) -> dict[int, Executable]:
    """Executables for those batch sizes, sharing the variables."""
    return {rows: chosen.compile(step_graph(rows), variables, guard) for rows in sizes}


def by_hand(
    executables: Mapping[int, Executable],
    order: np.ndarray,
    batch_size: int,
    steps: int,
    of: int,
) -> list[dict[str, np.ndarray]]:
    """The first `steps` of so many steps, each run on its own."""
    columns, inputs = samples(COUNT), step_inputs(of)
    found = []
    for step in range(steps):
        rows = order[step * batch_size : (step + 1) * batch_size]
        feeds = {name: np.ascontiguousarray(column[rows]) for name, column in columns.items()}
        feeds |= {name: np.asarray(values[step]) for name, values in inputs.items()}
        found.append(executables[len(rows)].run(feeds))
    return found


def assert_same(actual: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    """Equal to the last bit."""
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert actual[name].dtype == value.dtype, name
        assert actual[name].shape == value.shape, name
        assert actual[name].tobytes() == value.tobytes(), name


def one_feed(rows: int = 4, **changes: Any) -> dict[str, Any]:
    """What one run is fed."""
    feeds: dict[str, Any] = {name: column[:rows] for name, column in samples(rows).items()}
    feeds |= {"learning_rate": np.array(0.1, np.float32), "step": np.array(0, np.uint32)}
    return feeds | changes


def order_of(count: int = COUNT) -> np.ndarray:
    """A fixed random order."""
    return threefry.permutation(count, threefry.make_key(1))


LONG = 2_000_000  # single-sample steps: seconds on any engine, so that a poll comes long before the end


def long_run(
    chosen: Engine, variables: Variables, poll: Callable[[int, Mapping[str, np.ndarray]], None]
) -> BatchRun:
    """A run that only a poll ends soon."""
    x, w = ops.input("x", (1, 3)), ops.variable("w", (3,))
    next_w = w * 0.5 + ops.reshape(x, (3,))
    graph = Graph.of({"loss": ops.reduce_sum(w), "row": x}, {"w": next_w})
    executable = chosen.compile(graph, variables, ["loss"])
    columns = {"x": samples(COUNT)["x"]}
    order = np.arange(LONG, dtype=np.int64) % COUNT
    return chosen.run_batches({1: executable}, columns, order, 1, {}, poll)
