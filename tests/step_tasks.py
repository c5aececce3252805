"""A small network, its data, and one step of it: what the tests of the graphs, of steps and of gradients share."""

from __future__ import annotations

from typing import Any

import numpy as np

from sloy.engines import ReferenceEngine
from sloy.graph import Graph
from sloy.layers import Dense, Tanh
from sloy.losses import CategoricalCrossentropy
from sloy.metrics import Accuracy
from sloy.optimizers import SGD
from sloy.problem import Network, Problem
from sloy.training.recipe import Recipe
from sloy.training.step import training_graph

RNG = np.random.default_rng(11)
X = RNG.normal(size=(6, 4))
Y = np.array([0, 2, 1, 1, 0, 2], np.int32)
WEIGHTS = np.array([1.0, 0.5, 2.0, 1.5, 0.25, 3.0])
PLAIN = Network((4,), [Dense(5), Tanh(), Dense(3)])
DESCENT = Recipe(optimizer=SGD(0.1))

Arrays = dict[str, np.ndarray]


def problem_of(network: Network = PLAIN, **changes: Any) -> Problem:
    """K-class cross-entropy in float64, changed."""
    settings: dict[str, Any] = {
        "loss": CategoricalCrossentropy(),
        "data_dtype": "float64",
        "dtype": "float64",
        "metrics": (Accuracy(),),
    }
    return Problem(network, **(settings | changes))


def feeds_of(
    graph: Graph, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None, **others: Any
) -> Arrays:
    """What a training graph is fed: the given samples, learning rate 0.1, step 0."""
    given: Arrays = {"x": x, "y": y, "sample_weight": np.ones(len(x))} | others
    if weights is not None:
        given["sample_weight"] = weights
    given.setdefault("learning_rate", np.array(0.1))
    given.setdefault("step", np.array(0, np.uint32))
    return {
        name: np.asarray(given[name], spec.dtype) if spec.is_float else np.asarray(given[name])
        for name, spec in graph.inputs.items()
    }


def step(
    problem: Problem,
    variables: Arrays,
    x: np.ndarray,
    y: np.ndarray,
    *rest: Any,
    recipe: Recipe = DESCENT,
    **others: Any,
) -> Arrays:
    """One step, of plain descent unless another recipe is given, the variables changed in place: the outputs."""
    graph = training_graph(problem, recipe, len(x))
    executable = ReferenceEngine().compile(graph, variables, ("loss", "gradient_norm"))
    return executable.run(feeds_of(graph, x, y, *rest, **others))
