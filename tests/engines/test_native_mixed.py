"""Mixed precision on the native engine, beside the reference: one step of networks whose graphs differ in kind.

Both round the same operands; sums in another order may round to the neighbour now and then, by 2^-8 of one number.
"""

from __future__ import annotations

import numpy as np
import pytest

from available import available
from sloy.engines import Engine, engine
from sloy.layers import (
    GELU,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    Maxout,
    MaxPool2D,
    ReLU,
    Residual,
    Tanh,
)
from sloy.losses import CategoricalCrossentropy, SquaredError
from sloy.optimizers import SGD, Adam, Optimizer
from sloy.problem import Network, Problem
from sloy.problem.graphs import inference_graph
from sloy.regularizers import L2
from sloy.training.recipe import Recipe
from sloy.training.step import initial_variables, training_graph

BATCH = 20

NETWORKS = {
    "dense": [Flatten(), Dense(32), ReLU(), Dense(3)],
    "one layer": [Flatten(), Dense(3)],
    "dropout and batch norm": [
        Flatten(), Dense(32), BatchNorm(), ReLU(), Dropout(0.3), Dense(16), GELU(), Dense(3),
    ],
    "maxout": [Flatten(), Maxout(8, 3), Dense(3)],
    "convolution and pooling": [
        Conv2D(8, 3), ReLU(), Conv2D(16, 3, padding="same"), ReLU(), MaxPool2D(2), Dropout(0.25), Flatten(), Dense(3),
    ],
    "pooling before the activation": [Conv2D(8, 3), MaxPool2D(2), ReLU(), Conv2D(4, 3), ReLU(), Flatten(), Dense(3)],
    "overlapping windows": [Conv2D(8, 3), ReLU(), MaxPool2D(3, stride=2), Conv2D(4, 2), Tanh(), Flatten(), Dense(3)],
    "averages": [Conv2D(6, 5), Tanh(), AveragePool2D(2), Conv2D(8, 3), Tanh(), Flatten(), Dense(3)],
    "strides, groups, global average": [
        Conv2D(8, 3, stride=2, padding="same"), BatchNorm(), ReLU(), Conv2D(16, 3, groups=4), ReLU(),
        GlobalAveragePool2D(), Dense(3),
    ],
    "residual": [  # a bias before BatchNorm has no gradient but what rounding leaves
        Conv2D(8, 3, padding="same", use_bias=False), BatchNorm(), ReLU(),
        Residual([Conv2D(8, 3, padding="same", use_bias=False), BatchNorm(), ReLU(), Conv2D(8, 3, padding="same")]),
        ReLU(),
        GlobalAveragePool2D(), Dense(3),
    ],
    "weights that cost": [
        Flatten(), Dense(16, weight_regularizer=L2(0.01)), ReLU(), Dense(3, weight_regularizer=L2(0.01)),
    ],
}  # fmt: skip


def emulating(name: str, threads: int = 1) -> Engine:
    available(name)
    return engine(name, threads, precision="emulated")


def problem_of(name: str) -> Problem:
    return Problem(Network((12, 12, 3), NETWORKS[name]), CategoricalCrossentropy())


def step(
    problem: Problem, optimizer: Optimizer, on: Engine, steps: int = 1
) -> dict[str, np.ndarray]:
    """Loss and all variables after some steps."""
    rng = np.random.default_rng(4)
    columns = {
        "x": rng.integers(0, 256, (BATCH, 12, 12, 3)).astype(np.float32) / 255,
        "y": rng.integers(0, 3, BATCH).astype(np.int32),
        "sample_weight": np.ones(BATCH, np.float32),
    }
    if problem.target_dtype == "float32":
        columns["y"] = rng.standard_normal((BATCH, 3)).astype(np.float32)
    recipe = Recipe(optimizer=optimizer, seed=1)
    variables = initial_variables(problem, recipe)
    graph = training_graph(problem, recipe, BATCH)
    executable = on.compile(graph, variables, guard=("loss",))
    for number in range(steps):
        fed = {"learning_rate": np.float32(0.05), "step": np.uint32(number), **columns}
        outputs = executable.run({name: np.asarray(fed[name]) for name in graph.inputs})
    return {**variables, "loss": outputs["loss"]}


def assert_near(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        if value.dtype == np.float32:
            scale = max(float(np.abs(value).max()), 1e-2)
            np.testing.assert_allclose(
                actual[name], value, rtol=0, atol=scale * 2**-8, err_msg=name
            )
        else:
            np.testing.assert_array_equal(actual[name], value, err_msg=name)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_is_that_of_the_reference(name: str) -> None:
    problem, optimizer = problem_of(name), SGD(0.05, 0.9)
    actual, expected = (step(problem, optimizer, emulating(on)) for on in ("native", "reference"))
    assert_near(actual, expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_in_use_is_that_of_the_reference(name: str) -> None:
    """Without gradients each value has one reader, so that more is fused."""
    problem = problem_of(name)
    x = np.random.default_rng(4).random((BATCH, 12, 12, 3)).astype(np.float32)
    variables = initial_variables(problem, Recipe(seed=1))
    actual, expected = (
        emulating(on).compile(inference_graph(problem, BATCH), variables).run({"x": x})
        for on in ("native", "reference")
    )
    assert_near(actual, expected)


def test_targets_that_are_numbers() -> None:
    network = Network((12, 12, 3), NETWORKS["dense"])
    problem = Problem(network, SquaredError(), target_shape=(3,), target_dtype="float32")
    actual, expected = (step(problem, SGD(0.05), emulating(on)) for on in ("native", "reference"))
    assert_near(actual, expected)


@pytest.mark.parametrize("name", ["dense", "convolution and pooling", "residual"])
def test_the_same_bits_with_the_same_threads_and_the_same_numbers_with_others(name: str) -> None:
    problem = problem_of(name)
    one, two, again = (
        step(problem, Adam(0.01), emulating("native", n), steps=3) for n in (1, 2, 2)
    )
    for key, value in two.items():
        np.testing.assert_array_equal(again[key], value)
    assert_near(two, one)


@pytest.mark.parametrize("name", ["dense", "convolution and pooling"])
def test_the_same_bits_with_any_threads(name: str) -> None:
    available("native")
    problem = problem_of(name)
    results = [
        step(problem, Adam(0.01), engine("native", threads, "any-threads", "emulated"), steps=2)
        for threads in (1, 2, 3)
    ]
    for result in results[1:]:
        for key, value in results[0].items():
            np.testing.assert_array_equal(result[key], value)
