"""Gradients by differences, what they cost, and the activations' slopes (L8, L10, L15)."""

from __future__ import annotations

import numpy as np
import pytest

import sloy
from legible import assert_legible, texts
from sloy import ops, theory
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Graph, Tensor
from sloy.language import speak
from sloy.layers import (
    ELU,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    LeakyReLU,
    Maxout,
    ReLU,
    Sigmoid,
    Sign,
    Softmax,
    Tanh,
)
from sloy.regularizers import L2
from sloy.theory import (
    GradientCost,
    check_gradient,
    count_operations,
    gradient_cost,
    loss_values,
    naive_gradients,
    numeric_gradient,
)
from sloy.theory.gradients.cost import CostRow

RANDOM = np.random.default_rng(6)


def test_numeric_gradient_of_known_functions() -> None:
    x = np.array([0.3, -1.2, 2.0])
    np.testing.assert_allclose(numeric_gradient(lambda v: np.sin(v).sum(), x), np.cos(x), atol=1e-9)
    M = RANDOM.normal(size=(3, 3))
    np.testing.assert_allclose(numeric_gradient(lambda v: v @ M @ v, x), (M + M.T) @ x, atol=1e-8)
    assert numeric_gradient(lambda v: float(v), np.array(5.0)).shape == ()


def swish(z: Tensor) -> Tensor:
    return z * ops.sigmoid(z)


@pytest.mark.parametrize(
    "function", [swish, Tanh(), Sigmoid(), ReLU(), LeakyReLU(), ELU(), Softmax(), ops.erf],
    ids=lambda function: getattr(function, "__name__", str(function)),
)  # fmt: skip
def test_right_gradients_pass(function: object) -> None:
    check = check_gradient(function)
    assert check.passed
    assert str(check).startswith("passed: 41 numbers")
    assert np.abs(check.numeric).max() > 0.1 or isinstance(
        function, Softmax
    )  # Σ softmax = 1 is flat


def test_a_kink_passes_with_any_slope_between() -> None:
    check = check_gradient(ReLU(), np.array([[-1.0, 0.0, 1.0]]))
    assert check.kinks.tolist() == [[False, True, False]]
    assert check.passed
    assert "1 of the points at a kink" in str(check)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda z: ops.stop_gradient(z) * z,  # half of it
        lambda z: 1.01 * ops.stop_gradient(ops.tanh(z)) + ops.stop_gradient(z),  # none of it
        lambda z: ops.tanh(z) + 0.01 * z - ops.stop_gradient(0.01 * z),  # 1 % too much
    ],
)
def test_wrong_gradients_fail(wrong: object) -> None:
    check = check_gradient(wrong)
    assert not check.passed
    assert "FAILED" in str(check)
    assert "backprop gives" in str(check)


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "categorical_crossentropy"]
)
def test_losses(loss: str) -> None:
    output = RANDOM.normal(size=(5, 3))
    y = (
        np.array([0, 1, 2, 1, 0])
        if loss == "categorical_crossentropy"
        else RANDOM.normal(size=(5, 3))
    )
    assert check_gradient(loss, output, y).passed


def test_a_loss_of_ones_own_by_either_operand() -> None:
    def loss(a: Tensor, y: Tensor) -> Tensor:
        return ops.reduce_sum(ops.exp(a - y), (1,))

    a, y = RANDOM.normal(size=(4, 2)), RANDOM.normal(size=(4, 2))
    np.testing.assert_allclose(check_gradient(loss, a, y).backprop, np.exp(a - y), rtol=1e-12)
    by_target = check_gradient(loss, a, y, wrt=1)
    assert by_target.passed
    np.testing.assert_allclose(by_target.backprop, -np.exp(a - y), rtol=1e-12)


NETWORKS = {
    "dense": (sloy.Network((3,), [Dense(4), Tanh(), Dense(2)]), RANDOM.normal(size=(5, 2))),
    "convolution": (
        sloy.Network((4, 4, 1), [Conv2D(2, 3), ELU(), Flatten(), Dense(2)]), RANDOM.normal(size=(5, 2)),
    ),
    "penalty": (
        sloy.Network((3,), [Dense(2, weight_regularizer=L2(0.5))]), RANDOM.normal(size=(5, 2)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_the_naive_gradient_is_that_of_backprop(name: str) -> None:
    network, y = NETWORKS[name]
    parameters = network.initialize(2, "float64")
    x = np.random.default_rng(1).normal(size=(5, *network.input_shape))
    kept = {n: v.copy() for n, v in parameters.items()}
    naive = naive_gradients(network, parameters, x, y)
    exact = sloy.gradients(network, parameters, x, y, "squared_error")
    for parameter, gradient in exact.items():
        np.testing.assert_allclose(naive[parameter], gradient, rtol=1e-4, atol=1e-5)
        assert np.array_equal(parameters[parameter], kept[parameter])  # nothing is left moved


def test_operations_are_counted() -> None:
    x, w = ops.input("x", (2, 5, 6, 3)), ops.variable("w", (3, 3, 3, 4))
    y = ops.conv2d(x, w)  # (2, 3, 4, 4)
    assert count_operations(Graph.of({"y": y})) == 2 * 3 * 4 * 4 * 27
    gradients = sloy.graph.backprop(ops.reduce_sum(ops.square(y)), [x, w])
    products = 3 * 2 * 3 * 4 * 4 * 27  # forward, by the input, by the weights
    elements = 2 * 3 * 4 * 4
    counted = count_operations(Graph.of({"dx": gradients[0], "dw": gradients[1]}))
    assert products <= counted <= products + 4 * elements
    a, b = ops.input("a", (7, 5)), ops.input("b", (7, 2))
    assert count_operations(Graph.of({"y": ops.matmul(a, b, transpose_a=True)})) == 5 * 2 * 7
    assert count_operations(Graph.of({"y": ops.reduce_sum(a)})) == 35
    assert count_operations(Graph.of({"y": ops.max_pool2d(x, 2)})) == 2 * 2 * 3 * 3 * 4
    assert (
        count_operations(Graph.of({"y": ops.reshape(a, (35,)), "z": ops.transpose(a, (1, 0))})) == 0
    )
    shared = ops.tanh(a)
    assert count_operations(Graph.of({"y": shared + shared, "z": ops.tanh(a)})) == 70  # tanh once


def test_the_exponents_of_the_lecture() -> None:
    cost = gradient_cost(timing=False)
    assert 1.8 <= cost.naive_exponent <= 2.2
    assert 0.9 <= cost.backprop_exponent <= 1.2
    assert len(cost.rows) >= 7
    assert cost.rows[-1].parameters > 10_000 * cost.rows[0].parameters
    for row in cost.rows:
        assert row.naive_operations > row.parameters**2  # P + 1 passes of P multiply-adds and more
        assert row.backprop_operations < 4 * row.parameters  # a constant times the P of one pass
    assert f"P^{cost.naive_exponent:.2f}" in str(cost)
    assert "seconds" not in str(cost)


def test_the_cost_is_timed_and_drawn() -> None:
    cost = gradient_cost((4, 16, 64))
    assert all(row.naive_seconds > row.backprop_seconds > 0 for row in cost.rows)
    assert "≈" in str(cost)  # the largest is timed in part, and says so
    figure = theory.gradient_cost_figure(cost)
    assert_legible(figure)
    with speak("ru"):
        assert_legible(theory.gradient_cost_figure(cost))
        assert_legible(theory.activations_figure())
    assert {"parameters P", "seconds for one gradient", "operations for one gradient"} <= set(
        texts(figure)
    )
    assert_legible(theory.gradient_cost_figure(gradient_cost((4, 8), timing=False)))


def test_the_time_of_small_networks_is_that_of_starting() -> None:
    """Times made up: 5 µs for a pass whatever its size up to 8 320 parameters, then growing with it."""
    sizes = [40, 144, 544, 2112, 8320, 33024, 131584, 525312]
    rows = tuple(
        CostRow(P, P * P, 3 * P, (P + 1) * max(5e-6, 5e-10 * P), max(1e-5, 1e-9 * P), 1000)
        for P in sizes
    )
    cost = GradientCost(rows, "reference")
    assert cost.fixed_until == 8320
    assert "up to 8 320 parameters: a pass costs no more than starting it" in str(cost)
    assert "way, grow as P^1.0, and backprop as P^0.0" in str(cost)
    assert (
        "from there on: arithmetic tells, and they grow as P^2.0 the naive way and as P^1.0"
        in str(cost)
    )
    assert gradient_cost((4, 8), timing=False).fixed_until is None
    assert "<pre" in cost._repr_html_()


def test_slopes_of_activations() -> None:
    z = np.array([-2.0, -0.5, 0.5, 3.0])
    for activation, value, slope in (
        (Sigmoid(), 1 / (1 + np.exp(-z)), np.exp(-z) / (1 + np.exp(-z)) ** 2),
        (Tanh(), np.tanh(z), 1 / np.cosh(z) ** 2),
        (LeakyReLU(), np.maximum(0.1 * z, z), np.where(z > 0, 1, 0.1)),
        (ELU(), np.where(z > 0, z, np.exp(z) - 1), np.where(z > 0, 1, np.exp(z))),
        (Sign(), np.sign(z), 0 * z),
    ):
        found = theory.activation_values(activation, z)
        np.testing.assert_allclose(found[0], value, rtol=1e-12)
        np.testing.assert_allclose(found[1], slope, rtol=1e-12, atol=1e-15)
    figure = theory.activations_figure()
    assert_legible(figure)
    assert {"sign", "sigmoid", "tanh", "ReLU", "Leaky ReLU", "Maxout (two lines)", "ELU"} <= set(
        texts(figure)
    )


def test_maxout_is_the_larger_of_its_lines() -> None:
    """max(w1·x + b1, w2·x + b2), and its slope the weights of the larger."""
    network = sloy.Network((3,), [Maxout(1, 2)])
    random = np.random.default_rng(0)
    parameters = {name: random.normal(size=shape) for name, shape in network.shapes.items()}
    x = random.normal(size=(20, 3))
    W, b = (parameters[f"maxout_1/{name}"] for name in ("weight", "bias"))
    lines = x @ W.reshape(3, 2) + b.reshape(2)  # (N, 2)
    found = theory.ready_model(network, parameters, dtype="float64", engine="reference")(x)
    np.testing.assert_allclose(found[:, 0], lines.max(axis=1), rtol=1e-12)
    assert 3 < (lines[:, 0] > lines[:, 1]).sum() < 17
    naive = naive_gradients(network, parameters, x, np.zeros((20, 1)))
    exact = sloy.gradients(network, parameters, x, np.zeros((20, 1)), "squared_error")
    for name, gradient in exact.items():
        np.testing.assert_allclose(naive[name], gradient, rtol=1e-4, atol=1e-4)


def test_the_losses_of_a_classifier() -> None:
    """L13: -y log a - (1 - y) log(1 - a), and -Σ_k [y = k] log P(k), from what comes before the last σ."""

    z, yes = RANDOM.normal(0, 3, (9, 1)), np.arange(9) % 2
    a = 1 / (1 + np.exp(-z[:, 0]))
    formula = -(yes * np.log(a) + (1 - yes) * np.log(1 - a))
    np.testing.assert_allclose(loss_values("binary_crossentropy", z, yes), formula, rtol=1e-12)

    logits, k = RANDOM.normal(0, 3, (9, 4)), np.arange(9) % 4
    P = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    formula = -sum((k == c) * np.log(P[:, c]) for c in range(4))
    np.testing.assert_allclose(
        loss_values("categorical_crossentropy", logits, k), formula, rtol=1e-12
    )

    for wrong in (1e3, 1e30, 1e300):  # certain and wrong: a large loss, never infinity or NaN
        assert loss_values("binary_crossentropy", np.array([[wrong]]), np.array([0])) == wrong
        two = np.array([[wrong, -wrong]])
        assert loss_values("categorical_crossentropy", two, np.array([1])) == 2 * wrong


BAD = {
    "not a function": (lambda: numeric_gradient(3, np.ones(2)), r"`function` \(=3\) must be callable"),
    "NaN": (lambda: numeric_gradient(lambda x: float("nan"), np.ones(2)), r"`function` gives nan"),
    "many numbers": (lambda: numeric_gradient(lambda x: x, np.ones(2)), r"one finite number"),
    "step": (lambda: numeric_gradient(np.sum, np.ones(2), step=0), r"`step` \(=0\)"),
    "words": (lambda: numeric_gradient(np.sum, ["a"]), r"`x` has dtype <U1"),
    "NaN in x": (lambda: check_gradient(swish, [[np.nan]]), r"`operands\[0\]` holds NaN"),
    "no tensor": (lambda: check_gradient(lambda z: 3), r"must give a float Tensor"),
    "parameters": (lambda: check_gradient(Maxout(2), np.ones((1, 2))), r"has parameters"),
    "statistics": (lambda: check_gradient(BatchNorm(), np.ones((3, 2))), r"has parameters"),
    "one operand": (lambda: check_gradient("huber", np.ones((1, 2))), r"output and targets; 1 are"),
    "wrt": (lambda: check_gradient(swish, np.ones((1, 2)), wrt=1), r"`wrt` \(=1\)"),
    "labels": (
        lambda: check_gradient("categorical_crossentropy", np.ones((1, 2)), [0], wrt=1),
        r"operand of integers",
    ),
    "network": (lambda: naive_gradients(3, {}, np.ones(2), np.ones(2)), r"`network` \(=3\)"),
    "samples": (
        lambda: naive_gradients(NETWORKS["dense"][0], None, np.ones((2, 3)), np.ones((3, 2))),
        r"`y` has 3 samples, `x` has 2",
    ),
    "one width": (lambda: gradient_cost((8,)), r"two different sizes"),
    "width 0": (lambda: gradient_cost((0, 8)), r"`widths` \(=0\)"),
    "outputs of no objects": (lambda: loss_values("huber", [1.0], [1.0]), r"`outputs` has shape \(1,\)"),
    "NaN in outputs": (lambda: loss_values("huber", [[np.nan]], [1.0]), r"`outputs` holds NaN"),
    "other objects": (lambda: loss_values("huber", [[1.0]], [1.0, 2.0]), r"of 2 objects, `outputs` of 1"),
    "no graph": (lambda: count_operations(3), r"must be a Graph"),
    "softmax is not alone": (lambda: theory.activation_values(Softmax(), np.ones(2)), r"each neuron"),
    "no activations": (lambda: theory.activations_figure({}), r"is empty"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises((InvalidArgument, ShapeError), match=message):
        call()
