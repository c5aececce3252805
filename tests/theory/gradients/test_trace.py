"""Backprop by hand: the formulas in plain loops, the library's gradients, the page, the figure (L9, L10)."""

from __future__ import annotations

import re

import numpy as np
import pytest

import sloy
from legible import assert_legible, texts
from sloy import ops, theory
from sloy.errors import InvalidArgument, ShapeError
from sloy.layers import (
    ELU,
    Activation,
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    PerNeuron,
    ReLU,
    Sigmoid,
    Tanh,
)
from sloy.regularizers import L2, MaxNorm
from sloy.theory import DenseTrace, StepTrace, trace_step
from sloy.theory.notation import decimal_text

RANDOM = np.random.default_rng(9)
TWO_LAYERS = sloy.Network((3,), [Dense(4), Tanh(), Dense(2), Sigmoid()])


def cubed(z: sloy.graph.Tensor) -> sloy.graph.Tensor:
    return z * z * z


def quartic(output: sloy.graph.Tensor, target: sloy.graph.Tensor) -> sloy.graph.Tensor:
    return ops.square(ops.square(output - target))


NETWORKS = {
    "one neuron": (sloy.Network((2,), [Dense(1)]), 0.5, "squared_error"),
    "two layers": (TWO_LAYERS, [0.0, 1.0], "squared_error"),
    "cross-entropy": (
        sloy.Network((3,), [Dense(5), ReLU(), Dense(4)]),
        2,
        "categorical_crossentropy",
    ),
    "binary": (sloy.Network((3,), [Dense(5), LeakyReLU(), Dense(1)]), 1, "binary_crossentropy"),
    "deep": (
        sloy.Network((3,), [Dense(6), Tanh(), Dense(5), ELU(), Dense(4), Sigmoid(), Dense(2)]),
        [1.0, -1.0],
        "huber",
    ),
    "own σ and L": (
        sloy.Network((3,), [Dense(4), Activation(cubed), Dense(2)]),
        [0.3, -0.2],
        quartic,
    ),
    "without bias": (
        sloy.Network((3,), [Dense(4, use_bias=False), Tanh(), Dense(1, use_bias=False)]),
        3.0,
        "squared_error",
    ),
    "per neuron": (
        sloy.Network((3,), [Dense(4), PerNeuron([(Tanh(), 2), (ReLU(), 2)]), Dense(1)]),
        1.0,
        "squared_error",
    ),
    "a picture": (
        sloy.Network((2, 3, 1), [Flatten(), Dense(4), Tanh(), Dense(3)]),
        1,
        "categorical_crossentropy",
    ),
    "penalties": (
        sloy.Network((3,), [Dense(4, weight_regularizer=L2(0.1)), Tanh(), Dense(1)]),
        1.0,
        "squared_error",
    ),
}


def traced(name: str) -> tuple[StepTrace, dict[str, np.ndarray], np.ndarray]:
    network, y, loss = NETWORKS[name]
    parameters = {
        n: np.random.default_rng(i).normal(0, 0.4, shape)
        for i, (n, shape) in enumerate(network.shapes.items())
    }
    x = np.random.default_rng(5).normal(size=network.input_shape)
    return trace_step(network, x, y, parameters=parameters, loss=loss), parameters, x


@pytest.mark.parametrize("name", NETWORKS)
def test_equal_to_the_gradients_of_the_library(name: str) -> None:
    network, y, loss = NETWORKS[name]
    trace, parameters, x = traced(name)
    found = sloy.gradients(network, parameters, x[None], np.asarray([y]), loss)
    assert list(trace.gradients) == list(network.parameters)
    assert any(np.abs(g).max() > 1e-3 for g in found.values())
    for parameter, gradient in found.items():
        assert np.abs(trace.gradients[parameter] - gradient).max() <= 1e-12
        after = parameters[parameter] - 0.1 * gradient
        assert np.abs(trace.updated[parameter] - after).max() <= 1e-12
    assert trace.new_loss < trace.loss


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"penalties"}))
def test_the_formulas_of_the_lecture(name: str) -> None:
    """u, ε and the gradients by the slide's formulas, in loops, from the traced σ′ and output errors alone."""
    trace, parameters, x = traced(name)
    layers = [layer for layer in trace.layers if isinstance(layer, DenseTrace)]
    u = [float(v) for v in x.reshape(-1)]
    for layer in layers:
        W, b = parameters[f"{layer.name}/weight"], parameters.get(f"{layer.name}/bias")
        z = [
            sum(W[j, h] * u[j] for j in range(len(u))) + (0 if b is None else b[h])
            for h in range(W.shape[1])
        ]
        np.testing.assert_allclose(layer.inputs, u, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(layer.z, z, rtol=1e-12, atol=1e-12)
        u = [float(v) for v in layer.u]
    for number_, layer in enumerate(layers):
        if number_ + 1 < len(layers):
            after = layers[number_ + 1]
            for h in range(len(layer.u)):  # ε_h = Σ_m ε_m σ'_m w_hm
                hidden = sum(
                    after.error[m] * after.slope[m] * after.weight[h, m]
                    for m in range(len(after.u))
                )
                assert abs(layer.error[h] - hidden) <= 1e-12
        for h in range(len(layer.u)):
            for j in range(len(layer.inputs)):  # ∂L/∂w_jh = ε_h σ'_h x_j
                gradient = layer.error[h] * layer.slope[h] * layer.inputs[j]
                assert abs(layer.weight_gradient[j, h] - gradient) <= 1e-12
            if layer.bias_gradient is not None:
                assert abs(layer.bias_gradient[h] - layer.error[h] * layer.slope[h]) <= 1e-12


def test_the_slopes_are_those_of_the_functions() -> None:
    trace, _, _ = traced("two layers")
    hidden, output = trace.layers
    np.testing.assert_allclose(hidden.slope, 1 - np.tanh(hidden.z) ** 2, rtol=1e-12)
    np.testing.assert_allclose(output.slope, output.u * (1 - output.u), rtol=1e-12)
    mixed = traced("per neuron")[0].layers[0]
    np.testing.assert_allclose(mixed.slope[:2], 1 - np.tanh(mixed.z[:2]) ** 2, rtol=1e-12)
    assert mixed.slope[2:].tolist() == (mixed.z[2:] > 0).astype(float).tolist()


def test_the_error_of_the_lecture_is_a_minus_y() -> None:
    trace = trace_step(TWO_LAYERS, [1, 2, 3], [0.5, -1])
    assert trace.loss_name == "half_squared_error"
    np.testing.assert_allclose(trace.layers[-1].error, trace.output - [0.5, -1], rtol=1e-12)


def test_steps_by_hand_are_the_online_algorithm() -> None:
    """Object after object by hand: the weights of `fit` with batches of one, without shuffling."""
    x, y = RANDOM.normal(size=(7, 3)), RANDOM.normal(size=(7, 2))
    start = TWO_LAYERS.initialize(3, "float64")
    by_hand = start
    for one, target in zip(np.tile(x, (3, 1)), np.tile(y, (3, 1)), strict=True):
        by_hand = trace_step(
            TWO_LAYERS, one, target, parameters=by_hand, loss="squared_error", learning_rate=0.3
        ).updated
    model, _ = sloy.fit(
        TWO_LAYERS, (x, y), epochs=3, batch_size=1, optimizer=sloy.SGD(0.3), loss="squared_error",
        parameters=start, shuffle=False, preprocessing=None, precision="float64", verbose=False,
    )  # fmt: skip
    for name, value in by_hand.items():
        assert np.abs(model.parameters[name] - value).max() <= 1e-12
        assert np.abs(value - start[name]).max() > 1e-2


def test_dropout_drops_nothing_and_constraints_are_kept() -> None:
    plain = sloy.Network((2,), [Dense(3), Tanh(), Dense(1)])
    with_dropout = sloy.Network((2,), [Dense(3), Tanh(), Dropout(0.5), Dense(1)])
    one, other = (trace_step(n, [1, 2], 3).output.tolist() for n in (plain, with_dropout))
    assert one == other
    bound = sloy.Network((2,), [Dense(1, weight_constraint=MaxNorm(0.1))])
    trace = trace_step(bound, [1, 2], 30)
    assert np.linalg.norm(trace.updated["dense_1/weight"]) == pytest.approx(0.1)
    assert "projected onto their constraints" in str(trace)


def test_the_page_says_the_numbers() -> None:
    trace, _, _ = traced("two layers")
    page = trace.text()
    hidden, output = trace.layers
    for value in (
        *hidden.u,
        *output.u,
        *hidden.error,
        *output.slope,
        *trace.updated["dense_2/bias"],
    ):
        assert decimal_text(value) in page
    for formula in (
        "u^h = tanh(z^h)",
        "z^m = w_0m + Σ_h w_hm u^h",
        "ε^h = Σ_m ε^m σ′_m w_hm",
        "∂L/∂w_jh = ε^h σ′_h x^j",
    ):
        assert formula in page
    assert len(re.findall(r"w_\d\d := ", page)) == TWO_LAYERS.parameter_count
    assert max(map(len, page.splitlines())) < 150


def test_every_product_on_the_page_is_right() -> None:
    """Each "a·b + … = c" of the page, recomputed from what is printed."""
    page = trace_step(TWO_LAYERS, [0.5, -1.5, 2], [1, 0]).text().replace("−", "-")
    checked = 0
    for line in page.splitlines():
        for left, right in re.findall(
            r"= ((?:[-\d.e()]+(?:·[-\d.e()]+)?(?: \+ )?)+) = (-?[\d.e-]+)", line
        ):
            value = eval(left.replace("·", "*"))  # digits, signs and brackets only, by the pattern
            assert value == pytest.approx(float(right), rel=2e-3, abs=2e-4), line
            checked += 1
    assert checked > 30


def test_large_layers_are_shortened() -> None:
    trace = trace_step(
        sloy.zoo.mlp((28, 28, 1), 10), np.ones((28, 28, 1)), 3, loss="categorical_crossentropy"
    )
    page = trace.text(4)
    assert "… 124 more neurons" in page
    assert "+ …" in page
    assert len(page) < 9000


@pytest.mark.parametrize("name", ["one neuron", "two layers", "own σ and L", "binary"])
def test_the_figure_is_legible(name: str) -> None:
    figure = theory.trace_figure(traced(name)[0])
    assert_legible(figure)
    assert sum("ε" in text for text in texts(figure)) >= 2


def test_bad_input() -> None:
    with pytest.raises(ShapeError, match=r"`x` has shape \(2, 3\); it must be one object, \(3,\)"):
        trace_step(TWO_LAYERS, np.ones((2, 3)), [0, 1])
    with pytest.raises(InvalidArgument, match=r"`learning_rate` \(=0\)"):
        trace_step(TWO_LAYERS, np.ones(3), [0, 1], learning_rate=0)
    with pytest.raises(InvalidArgument, match="has no parameters: there is no step to take"):
        trace_step(sloy.Network((3,), [Flatten()]), np.ones(3), np.ones(3))
    with pytest.raises(InvalidArgument, match=r"`network` \(=3\) must be a Network"):
        trace_step(3, [1], 1)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="targets have shape"):
        trace_step(TWO_LAYERS, np.ones(3), [0, 1, 2])
    with pytest.raises(InvalidArgument, match="at most 24 are legible"):
        theory.trace_figure(trace_step(sloy.Network((9,), [Dense(9)]), np.ones(9), np.ones(9)))
