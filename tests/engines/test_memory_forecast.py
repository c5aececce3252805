"""What an engine foretells of its memory is what it takes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from available import available
from engine_tasks import Variables, new_variables, step_graph
from sloy import ops
from sloy.engines import Engine, ReferenceEngine, engine
from sloy.graph import Graph
from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU
from sloy.losses import CategoricalCrossentropy
from sloy.problem import Network, Problem
from sloy.training.recipe import Recipe
from sloy.training.step import training_graph

LAYERS = [Conv2D(16, 3), ReLU(), MaxPool2D(2), Conv2D(16, 3), ReLU(), Flatten(), Dense(10)]


def training_step() -> Graph:
    network = Network((18, 18, 8), LAYERS)
    problem = Problem(network, CategoricalCrossentropy(), data_dtype="uint8")
    return training_graph(problem, Recipe(), 32)


def filled(graph: Graph) -> Variables:
    """Ones for all variables."""
    updated = {name: graph.nodes[number].spec for name, number in graph.updates.items()}
    return {name: np.ones(s.shape, s.dtype) for name, s in {**graph.variables, **updated}.items()}


@pytest.mark.parametrize("precision", ["float32", "emulated"])
def test_the_native_engine_foretells_its_arena(precision: str) -> None:
    available("native")
    native = engine("native", 1, precision=precision)  # type: ignore[arg-type]
    unread = Graph.of({"y": ops.input("x", (1000,)) * 2.0, "z": ops.constant(1.0)})
    step = step_graph(4)
    for graph, variables in (
        (training_step(), filled(training_step())),
        (step, new_variables()),
        (unread, {}),
    ):
        executable = native.compile(
            graph, variables, [name for name in graph.outputs if name == "loss"]
        )
        found = native.memory_forecast(graph, executable.guard)
        assert found == executable.program.arena_bytes  # type: ignore[attr-defined]
        assert found <= executable.memory <= found + 2e6


def peak(chosen: Engine, graph: Graph) -> int:
    """Bytes that a run holds at its peak, with its inputs."""
    executable = chosen.compile(graph, filled(graph))
    feeds = {name: np.ones(spec.shape, spec.dtype) for name, spec in graph.inputs.items()}
    executable.run(feeds)
    tracemalloc.start()
    executable.run(feeds)
    measured = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return measured + sum(value.nbytes for value in feeds.values())


def test_the_reference_engine_foretells_what_it_holds() -> None:
    x, v = ops.input("x", (300, 400)), ops.variable("v", (300, 400))
    y = ops.tanh(x) + v  # tanh is freed
    rows = ops.reshape(y * y, (400, 300))  # a view
    z = ops.exp(ops.relu(rows) * 2.0)
    graph = Graph.of({"z": z}, {"v": ops.reshape(rows, (300, 400))})
    found = ReferenceEngine().memory_forecast(graph)
    assert found == pytest.approx(peak(ReferenceEngine(), graph), rel=0.01)
    assert found == pytest.approx(5 * 300 * 400 * 4, rel=0.01)  # x, y², z and copies of both


@pytest.mark.parametrize("precision", ["float32", "emulated"])
def test_the_reference_engine_foretells_a_training_step(precision: str) -> None:
    reference = engine("reference", precision=precision)  # type: ignore[arg-type]
    graph = training_step()
    assert reference.memory_forecast(graph) == pytest.approx(peak(reference, graph), rel=0.2)


def test_forecasts_grow_with_the_batch(any_engine: Engine) -> None:
    small, large = (
        any_engine.memory_forecast(step_graph(rows), ["loss"]) for rows in (1000, 10000)
    )
    assert 9 < large / small <= 10
