"""The exact gradient of a network: against central differences, its own parts, and every engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from available import ENGINES, available
from sloy.engines import ReferenceEngine
from sloy.errors import InvalidArgument, ShapeError
from sloy.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    ReLU,
    Tanh,
)
from sloy.losses import CategoricalCrossentropy
from sloy.problem import Network
from sloy.problem.graphs import evaluation_graph
from sloy.regularizers import L2
from sloy.training.gradients import gradients
from sloy.training.recipe import Recipe
from sloy.training.step import initial_variables, training_graph
from step_tasks import PLAIN, WEIGHTS, Arrays, X, Y, feeds_of, problem_of
from tolerances import CENTRAL_DIFFERENCE, SAME_FORMULA, assert_close

RNG = np.random.default_rng(11)
IMAGES = RNG.normal(size=(5, 5, 5, 2))
IMAGE_LABELS = np.array([0, 1, 2, 2, 1], np.int32)
FULL = Network(
    (5, 5, 2),
    [
        Conv2D(3, 3, weight_regularizer=L2(0.1)),
        BatchNorm(),
        Tanh(),
        Flatten(),
        Dropout(0.3),
        Dense(3),
    ],
)


@pytest.mark.parametrize("training", [True, False])
def test_gradient_by_central_differences(training: bool) -> None:
    """Along random directions over all parameters at once; masks are those of the step."""
    start = FULL.initialize(3, "float64")
    weights = np.array([1.0, 2, 0.5, 1, 3])
    found = gradients(
        FULL,
        start,
        IMAGES,
        IMAGE_LABELS,
        "categorical_crossentropy",
        weights,
        training=training,
        seed=4,
        step=9,
    )
    assert found.keys() == FULL.parameters.keys()
    problem, recipe = problem_of(FULL), Recipe(optimizer="sgd", seed=4)
    graph = training_graph(problem, recipe, 5) if training else evaluation_graph(problem, 5)

    def objective(parameters: Arrays) -> float:
        variables = initial_variables(problem, recipe, parameters)
        feeds = feeds_of(graph, IMAGES, IMAGE_LABELS, weights, step=np.array(9, np.uint32))
        outputs = ReferenceEngine().compile(graph, variables).run(feeds)
        if training:
            return float(outputs["loss"])
        penalty = 0.1 * np.sum(parameters["conv2d_1/weight"] ** 2)
        return float(np.average(outputs["loss"], weights=weights) + penalty)

    for seed in range(3):
        rng, h = np.random.default_rng(seed), 1e-5
        along = {name: rng.normal(size=g.shape) for name, g in found.items()}
        moved = [
            objective({**start, **{n: start[n] + sign * h * d for n, d in along.items()}})
            for sign in (1, -1)
        ]
        products = [np.sum(found[name] * d) for name, d in along.items()]
        scale = sum(np.abs(found[name] * d).sum() for name, d in along.items())
        expected = np.float64((moved[0] - moved[1]) / (2 * h))
        assert_close(np.float64(sum(products)), expected, CENTRAL_DIFFERENCE, scale=scale)


def test_gradient_of_a_batch_is_the_mean_of_its_parts() -> None:
    start = PLAIN.initialize(0, "float64")

    def of(rows: Sequence[int]) -> Arrays:
        return gradients(PLAIN, start, X[rows], Y[rows], CategoricalCrossentropy(), WEIGHTS[rows])

    whole, one, other = of(range(6)), of([0, 1, 2, 3]), of([4, 5])
    for name, g in whole.items():
        parts = (one[name] * WEIGHTS[:4].sum() + other[name] * WEIGHTS[4:].sum()) / WEIGHTS.sum()
        assert_close(g, parts, SAME_FORMULA, scale=np.abs(g).max(), name=name)


@pytest.mark.parametrize("on", ENGINES)
def test_gradients_on_every_engine(on: str) -> None:
    start = FULL.initialize(3, "float64")
    arguments = (IMAGES, IMAGE_LABELS, "categorical_crossentropy")
    truth = gradients(FULL, start, *arguments, training=True)
    found = gradients(FULL, start, *arguments, training=True, dtype="float32", engine=available(on))
    for name, g in truth.items():
        assert found[name].dtype == np.float32
        # BatchNorm makes the gradient of the bias before it 0 up to rounding.
        np.testing.assert_allclose(found[name], g, rtol=2e-4, atol=2e-6, err_msg=name)


def test_gradients_with_wrong_arguments() -> None:
    start = PLAIN.initialize(0)
    with pytest.raises(ShapeError, match=r"`x` has shape \(6, 3\)"):
        gradients(PLAIN, start, X[:, :3], Y, "hinge")
    with pytest.raises(ShapeError, match="`y` has 5 samples, `x` has 6"):
        gradients(PLAIN, start, X, Y[:5], "hinge")
    with pytest.raises(InvalidArgument, match="sample_weight"):
        gradients(PLAIN, start, X, Y, "hinge", -WEIGHTS)
    rest = {name: w for name, w in start.items() if name != "dense_2/weight"}
    with pytest.raises(InvalidArgument, match=r"missing \['dense_2/weight'\]"):
        gradients(PLAIN, rest, X, Y, "hinge")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"network": [PLAIN]}, "gradients: `network` .*must be a Network"),
        ({"parameters": [1]}, "gradients: `parameters` .*must be a Mapping"),
        ({"parameters": PLAIN.initialize(0) | {"dense_1/bias": ["a"] * 5}}, "must hold real numbers"),
        ({"parameters": PLAIN.initialize(0) | {"dense_1/bias": [np.nan] * 5}}, "not finite in float64"),
        ({"x": X.astype(str)}, "gradients: `x` has dtype"),
        ({"x": X * np.nan}, r"gradients: x\[0, 0\] is nan"),
        ({"sample_weight": ["a"] * 6}, "gradients: `sample_weight` is <U1"),
        ({"training": 1}, "gradients: `training` .*must be True or False"),
        ({"seed": "x"}, "`seed` .*'x'"),
        ({"step": -1}, "gradients: `step` .*at least 0"),
        ({"dtype": "float16"}, "gradients: `dtype` .*must be one of float32, float64"),
    ],
)  # fmt: skip
def test_a_wrong_argument_of_gradients_is_one_clear_error(
    changed: dict[str, Any], message: str
) -> None:
    given = {"network": PLAIN, "parameters": PLAIN.initialize(0), "x": X, "y": Y, "loss": "hinge"}
    with pytest.raises(InvalidArgument, match=message):
        gradients(**(given | changed))


def test_relu_of_nothing_is_a_graph_too() -> None:
    """A network without parameters can be evaluated, and its gradient has no entries."""
    network = Network((3,), [ReLU()])
    assert gradients(network, {}, X[:, :3], Y, "hinge") == {}
