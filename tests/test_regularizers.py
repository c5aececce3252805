"""Penalties and projections against their formulas, and their gradients."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from sloy import ops
from sloy.errors import InvalidArgument
from sloy.graph import Graph, backprop, evaluate
from sloy.layers import Dense
from sloy.problem import Network
from sloy.regularizers import CONSTRAINTS, L1, L1L2, L2, REGULARIZERS, MaxNorm, Regularizer
from tolerances import SAME_FORMULA, assert_close

W = np.array([[0.5, -2.0, 3.0], [0.0, 1.5, -4.0]])

# Regulariser → (penalty, gradient) on W.
PENALTIES: list[tuple[Regularizer, float, np.ndarray]] = [
    (L1(0.1), 0.1 * 11.0, 0.1 * np.array([[1, -1, 1], [0, 1, -1]])),
    (L2(0.1), 0.1 * 31.5, 0.2 * W),
    (L1L2(0.3, 0.2), 0.3 * 11.0 + 0.2 * 31.5, 0.3 * np.sign(W) + 0.4 * W),
    (L2(0.0), 0.0, 0 * W),
]


def test_every_regularizer_is_tested() -> None:
    assert {type(row[0]).__name__ for row in PENALTIES} == set(REGULARIZERS)
    assert set(CONSTRAINTS) == {"MaxNorm"}


@pytest.mark.parametrize(
    ("regularizer", "penalty", "gradient"), PENALTIES, ids=lambda v: str(v)[:30]
)
def test_penalty(regularizer: Regularizer, penalty: float, gradient: np.ndarray) -> None:
    w = ops.variable("w", W.shape, "float64")
    value = regularizer.penalty(w)
    assert value.shape == ()
    (g,) = backprop(value, [w])
    graph = Graph.of({"penalty": value, "gradient": g})
    values = evaluate(graph, {"w": W})
    assert_close(values[graph.outputs["penalty"]], np.float64(penalty), SAME_FORMULA)
    assert_close(values[graph.outputs["gradient"]], gradient, SAME_FORMULA)


def project(constraint: MaxNorm, w: np.ndarray) -> np.ndarray:
    graph = Graph.of({"y": constraint.project(ops.variable("w", w.shape, w.dtype.name))})
    with np.errstate(all="ignore"):
        return evaluate(graph, {"w": w})[graph.outputs["y"]]


def test_max_norm_by_column() -> None:
    expected = W.copy()
    for column in range(3):
        norm = sqrt(sum(v * v for v in W[:, column]))
        if norm > 2:
            expected[:, column] *= 2 / norm
    assert_close(project(MaxNorm(2.0), W), expected, SAME_FORMULA)


def test_max_norm_leaves_what_is_inside_bit_by_bit() -> None:
    w = np.array([[0.1, 0.0], [0.2, 0.0]], np.float32)
    assert np.array_equal(project(MaxNorm(1.0), w), w)


def test_max_norm_of_convolution_bias_and_own_axes() -> None:
    rng = np.random.default_rng(0)
    w = rng.normal(size=(3, 3, 4, 5)) * 3
    norms = np.sqrt((project(MaxNorm(1.5), w) ** 2).sum(axis=(0, 1, 2)))
    assert_close(norms, np.full(5, 1.5), SAME_FORMULA)
    by_row = project(MaxNorm(1.0, axes=(1,)), W)
    assert_close(np.sqrt((by_row**2).sum(axis=1)), np.ones(2), SAME_FORMULA)
    bias = project(MaxNorm(1.0), np.array([3.0, 4.0]))
    assert_close(bias, np.array([0.6, 0.8]), SAME_FORMULA)


def test_a_network_sums_its_penalties() -> None:
    network = Network(
        (2,), [Dense(3, weight_regularizer=L1(0.1), bias_regularizer=L2(0.5)), Dense(1)]
    )
    built = network.build(ops.input("x", (4, 2), "float64"))
    penalty = built.penalty()
    assert penalty is not None
    assert penalty.shape == ()
    graph = Graph.of({"p": built.penalized(ops.constant(2.0, "float64"))})
    feeds = {"dense_1/weight": W, "dense_1/bias": np.array([1.0, 2.0, 3.0])}
    assert_close(evaluate(graph, feeds)[-1], np.float64(2.0 + 1.1 + 7.0), SAME_FORMULA)
    loss = ops.input("loss", ())
    assert Network((2,), [Dense(1)]).build(ops.input("x", (4, 2))).penalized(loss) is loss


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L1(-0.1), r"L1: `strength` \(=-0.1\)"),
        (lambda: L2(float("nan")), r"L2: `strength` \(=nan\)"),
        (lambda: L1L2(0.1, -1), r"L1L2: `l2` \(=-1\)"),
        (lambda: MaxNorm(0.0), r"MaxNorm: `maximum` \(=0.0\) .* greater than 0"),
        (lambda: MaxNorm(1.0, axes=()), r"MaxNorm: `axes` \(=\(\)\)"),
        (lambda: MaxNorm(1.0, axes=(0.5,)), r"MaxNorm: `axes` \(=0.5\)"),
    ],
)
def test_arguments(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidArgument, match=message):
        make()


def test_axes_beyond_the_parameter() -> None:
    with pytest.raises(InvalidArgument, match="axes"):
        MaxNorm(1.0, axes=(5,)).project(ops.variable("w", (2, 3)))
