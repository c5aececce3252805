"""The graphs of a problem: the network in use, and what is measured of each sample."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sloy import losses
from sloy.engines import ReferenceEngine
from sloy.errors import InvalidArgument
from sloy.graph import Graph
from sloy.layers import Dense, Layer, Reshape, Sigmoid, Softmax
from sloy.losses import SquaredError
from sloy.metrics import MeanAbsoluteError, RSquared
from sloy.problem import Network, Problem
from sloy.problem.graphs import evaluation_graph, inference_graph
from sloy.training.step import gradient_graph, training_graph
from step_tasks import DESCENT, PLAIN, X, Y, problem_of
from tolerances import SAME_FORMULA, assert_close

PARAMETERS = PLAIN.initialize(0, "float64")


def logits() -> tuple[np.ndarray, np.ndarray]:
    """What the plain network makes of X, hidden and in the end, in NumPy."""
    hidden = np.tanh(X @ PARAMETERS["dense_1/weight"] + PARAMETERS["dense_1/bias"])
    return hidden, hidden @ PARAMETERS["dense_2/weight"] + PARAMETERS["dense_2/bias"]


def test_evaluation_gives_each_sample() -> None:
    _, z = logits()
    graph = evaluation_graph(problem_of(), 6)
    found = ReferenceEngine().compile(graph, PARAMETERS).run({"x": X, "y": Y})
    assert_close(found["loss"], np.log(np.exp(z).sum(1)) - z[np.arange(6), Y], SAME_FORMULA)
    assert_close(found["accuracy"], (z.argmax(1) == Y).astype(float), SAME_FORMULA)


def test_evaluation_gives_every_metric_what_it_aggregates() -> None:
    regression = problem_of(
        loss=SquaredError(),
        metrics=(MeanAbsoluteError(), RSquared()),
        target_shape=(3,),
        target_dtype="float64",
    )
    graph = evaluation_graph(regression, 2)
    shapes = {name: graph.nodes[i].spec.shape for name, i in graph.outputs.items()}
    assert shapes == {"loss": (2,), "mean_absolute_error": (2,), "r2": (2, 6)}


def test_inference() -> None:
    hidden, z = logits()
    graph = inference_graph(problem_of(), 6, ["tanh_1"])
    found = ReferenceEngine().compile(graph, PARAMETERS).run({"x": X})
    assert_close(found["activation/tanh_1"], hidden, SAME_FORMULA)
    assert_close(found["output"], z, SAME_FORMULA, scale=1.0)
    expected = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    assert_close(found["prediction"], expected, SAME_FORMULA)
    with pytest.raises(InvalidArgument, match="'relu_1'; there are dense_1, tanh_1, dense_2"):
        inference_graph(problem_of(), 6, ["relu_1"])


def test_evaluation_may_give_the_predictions_too() -> None:
    _, z = logits()
    graph = evaluation_graph(problem_of(), 6, prediction=True)
    assert list(graph.outputs) == ["loss", "accuracy", "prediction"]
    found = ReferenceEngine().compile(graph, PARAMETERS).run({"x": X, "y": Y})
    expected = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    assert_close(found["prediction"], expected, SAME_FORMULA)


GRAPHS: dict[str, Callable[[Problem], Graph]] = {
    "training": lambda problem: training_graph(problem, DESCENT, 2),
    "gradient": lambda problem: gradient_graph(problem, 2, training=False),
    "evaluation": lambda problem: evaluation_graph(problem, 2),
    "inference": lambda problem: inference_graph(problem, 2),
}


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize(
    ("loss", "ending"),
    [
        ("categorical_crossentropy", [Softmax()]),
        ("categorical_crossentropy", [Softmax(), Reshape((3,))]),
        ("binary_crossentropy", [Sigmoid()]),
        ("categorical_crossentropy", [Sigmoid()]),
    ],
)
def test_a_softmax_before_a_loss_from_logits(loss: str, ending: list[Layer], graph: str) -> None:
    problem = problem_of(Network((4,), [Dense(3), *ending]), loss=losses.loss(loss))
    with pytest.raises(InvalidArgument, match=r"takes logits.*remove the last layer"):
        GRAPHS[graph](problem)
