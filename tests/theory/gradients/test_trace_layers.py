"""Steps through all kinds of layers: by plain loops, by the library, on the page, drawn (L9, L13–L22)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sloy
from legible import assert_legible, texts
from network_by_hand import by_hand, error_of
from plain_loops import numbers
from sloy import ops, theory
from sloy.errors import InvalidArgument
from sloy.language import speak
from sloy.layers import (
    Activation,
    AdaptiveAveragePool2D,
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
    Reshape,
    Residual,
    Sigmoid,
    Softmax,
    Tanh,
)
from sloy.theory import (
    BatchNormTrace,
    ConvolutionTrace,
    DropoutTrace,
    MaxoutTrace,
    MaxPoolTrace,
    OtherTrace,
    SoftmaxTrace,
    StepTrace,
    half_squared_error,
    log_loss,
    trace_step,
)
from sloy.theory.gradients.trace.drawing import short
from traced_networks import CASES

TOLERANCE = 1e-12


def traced(name: str) -> tuple[StepTrace, sloy.Network, dict[str, np.ndarray], np.ndarray, Any]:
    shape, layers, loss = CASES[name]
    network = sloy.Network(shape, layers)
    random = np.random.default_rng(len(name))
    parameters = {n: random.normal(0, 0.6, s) for n, s in network.shapes.items()}
    for n in network.states:
        parameters[n] = np.abs(parameters[n]) + 0.5
    x = random.normal(size=shape)
    y = np.eye(network.output_shape[0])[0] if network.output_shape[0] > 1 else np.ones(1)
    trace = trace_step(
        network, x, y, parameters=parameters, loss=loss, training=True, seed=7, step=3
    )
    return trace, network, parameters, x, (y, loss)


@pytest.mark.parametrize("name", CASES)
def test_plain_loops_find_the_same(name: str) -> None:
    """u and ε of every layer, and every gradient, by loops that share no code with the library."""
    trace, network, parameters, x, (y, loss) = traced(name)
    masks = {t.name: numbers(t.factor) for t in trace.layers if isinstance(t, DropoutTrace)}
    us, errors, gradients = by_hand(network, parameters, x, error_of(loss, y), masks)
    at = dict(zip(network.layer_names, range(len(us)), strict=True))
    places = [at[t.name] for t in trace.layers]
    for t, begin, end in zip(trace.layers, places, [*places[1:], len(us)], strict=True):
        last = end - 1  # an activation belongs to the layer before it
        found = (t.u, us[last]), (t.error, errors[last])
        for array, expected in found:
            assert {k: array[k] for k in np.ndindex(*array.shape)}.keys() == expected.keys()
            for k, value in expected.items():
                assert abs(array[k] - value) <= TOLERANCE * max(1, abs(value)), (t.name, k)
        assert begin <= last
    assert any(np.abs(g).max() > 1e-6 for g in trace.gradients.values())
    for key, gradient in trace.gradients.items():
        for k, value in gradients[key].items():
            assert abs(gradient[k] - value) <= TOLERANCE * max(1, abs(value)), (key, k)
            after = parameters[key][k] - 0.1 * value
            assert abs(trace.updated[key][k] - after) <= TOLERANCE * max(1, abs(after))


@pytest.mark.parametrize("name", CASES)
def test_equal_to_the_gradients_of_the_library(name: str) -> None:
    trace, network, parameters, x, (y, loss) = traced(name)
    found = sloy.gradients(
        network, parameters, x[None], y[None], loss, training=True, seed=7, step=3
    )
    for key, gradient in found.items():
        assert np.abs(trace.gradients[key] - gradient).max() <= TOLERANCE
    in_use = trace_step(network, x, y, parameters=parameters, loss=loss)
    for key, gradient in sloy.gradients(network, parameters, x[None], y[None], loss).items():
        assert np.abs(in_use.gradients[key] - gradient).max() <= TOLERANCE


@pytest.mark.parametrize("name", CASES)
def test_each_sum_on_the_page_is_right(name: str) -> None:
    """Every "… = sum = value" of the page, recomputed from what is printed."""
    page = traced(name)[0].text(7).replace("−", "-").replace("·", "*")
    page = re.sub(r"\n +\+ ", " + ", page)  # a convolution's lines of products
    page = re.sub(r"\n +(= )", r" \1", page)
    page = re.sub(r"\w+\((-?[\d.e-]+)\) = ", "", page)  # tanh(…)
    checked = 0
    for left, right in re.findall(r"= ([-+*/() \d.e]+?) = (-?[\d.]+(?:e-\d+)?)(?=\s|$)", page):
        if re.fullmatch(r"-?[\d.]+(e-\d+)?", left):
            continue
        value = eval(
            re.sub(r"(?<=[\d)]) (?=\()", "*", left)
        )  # digits and signs only, by the pattern
        parts = [abs(float(n)) for n in re.findall(r"[\d.]+(?:e-\d+)?", left)]
        assert value == pytest.approx(float(right), rel=5e-3, abs=2e-4 * max(1, *parts)), left
        checked += 1
    assert checked > 10


def test_ties_go_to_the_first_of_a_window_and_are_shared_by_pieces() -> None:
    pool = sloy.Network((2, 2, 1), [Reshape((2, 2, 1)), MaxPool2D(2), Flatten(), Dense(1)])
    trace = trace_step(pool, [[[1], [3]], [[3], [2]]], 5)
    found = next(t for t in trace.layers if isinstance(t, MaxPoolTrace))
    assert found.winner((0, 0, 0)) == (0, 1, 0)
    assert np.count_nonzero(found.input_error) == 1
    assert found.input_error[0, 1, 0] == found.error[0, 0, 0] != 0
    assert "winner: x(0, 1), the first of 2 equal" in str(trace)
    maxout = sloy.Network((2,), [Maxout(1, pieces=3)])
    weights = {"maxout_1/weight": np.array([[1.0, 1, 0], [1, 1, 0]]), "maxout_1/bias": np.zeros(3)}
    (tied,) = trace_step(maxout, [1, 1], 0, parameters=weights).layers
    assert isinstance(tied, MaxoutTrace)
    assert tied.share.tolist() == [[0.5, 0.5, 0]]
    assert tied.parameters["weight"].gradient.tolist() == [[1, 1, 0], [1, 1, 0]]  # ε = 2, shared


def test_the_masks_are_those_of_training() -> None:
    network = sloy.Network((8,), [Dense(8), Tanh(), Dropout(0.5), Dense(1)])
    masks = theory.dropout_masks(network, 3, seed=5)["dropout_1"]
    for step in range(3):
        trace = trace_step(network, np.ones(8), 1, training=True, seed=5, step=step)
        dropout = trace.layers[1]
        assert isinstance(dropout, DropoutTrace)
        assert dropout.kept.tolist() == masks[step].astype(bool).tolist()
        assert set(np.unique(dropout.factor)) <= {0.0, 2.0}
        said = re.search(r"\((\d) neurons? dropped\)", str(trace))
        assert said is not None
        assert int(said[1]) == (masks[step] == 0).sum()


def test_the_jacobian_of_softmax_and_of_ones_own_activation() -> None:
    trace, *_ = traced("softmax in the middle")
    softmax = trace.layers[1]
    assert isinstance(softmax, SoftmaxTrace)
    u = softmax.u
    assert softmax.jacobian is not None
    np.testing.assert_allclose(softmax.jacobian, np.diag(u) - np.outer(u, u), atol=1e-14)
    assert "∂u^m/∂u^k = u^m ([m = k] − u^k)" in str(trace)

    def centred(z: sloy.graph.Tensor) -> sloy.graph.Tensor:
        return z - ops.reduce_mean(z, -1, keepdims=True)

    own = sloy.Network((3,), [Dense(4), Activation(centred), Dense(1)])
    other = trace_step(own, [1, 2, 3], 1).layers[1]
    assert isinstance(other, OtherTrace)
    np.testing.assert_allclose(other.jacobian, np.eye(4) - 0.25, atol=1e-14)
    np.testing.assert_allclose(other.input_error, other.error - other.error.mean(), atol=1e-14)


def test_any_other_layer_is_shown_by_what_goes_in_and_out() -> None:
    body = [Conv2D(2, 3, padding="same"), ReLU()]
    layers = [Residual(body), AdaptiveAveragePool2D(2), Flatten(), Dense(1)]
    network = sloy.Network((5, 5, 2), layers)
    x = np.random.default_rng(1).normal(size=(5, 5, 2))
    trace = trace_step(network, x, 1)
    residual = trace.layers[0]
    assert isinstance(residual, OtherTrace)
    assert set(residual.parameters) == {"conv2d_1/weight", "conv2d_1/bias"}
    found = sloy.gradients(
        network, network.initialize(0, "float64"), x[None], np.ones((1, 1)), half_squared_error
    )
    for key, gradient in found.items():
        assert np.abs(trace.gradients[key] - gradient).max() <= TOLERANCE
    assert "Residual, residual_1: 5 × 5 × 2 → 5 × 5 × 2" in str(trace)


def test_states_go_on_with_the_step() -> None:
    network = sloy.Network((4, 4, 2), [BatchNorm(), Flatten(), Dense(1)])
    x = np.random.default_rng(3).normal(2, 3, (4, 4, 2))
    in_use, trained = (trace_step(network, x, 1, training=mode) for mode in (False, True))
    assert set(in_use.updated) == set(network.shapes)
    assert in_use.updated["batch_norm_1/running_mean"].tolist() == [0, 0]
    expected = 0.1 * x.mean((0, 1))
    np.testing.assert_allclose(trained.updated["batch_norm_1/running_mean"], expected)
    for trace, mean in ((in_use, np.zeros(2)), (trained, x.mean((0, 1)))):
        norm = trace.layers[0]
        assert isinstance(norm, BatchNormTrace)
        np.testing.assert_allclose(norm.mean, mean)
        np.testing.assert_allclose(norm.u, (x - mean) / norm.deviation, atol=1e-12)
    assert "running μ, s" in str(in_use)
    assert "the 16 positions of each map" in str(trained)
    again = trace_step(network, x, 1, parameters=trained.updated, training=True)
    assert again.loss == pytest.approx(trained.new_loss)


def test_one_object_has_no_variance() -> None:
    network = sloy.Network((3,), [Dense(4), BatchNorm(), Tanh(), Dense(1)])
    assert trace_step(network, [1, 2, 3], 1).loss > 0
    with pytest.raises(
        InvalidArgument, match=r"`batch_norm_1` \(BatchNorm\) takes the mean and the"
    ):
        trace_step(network, [1, 2, 3], 1, training=True)


def test_losses_by_formula() -> None:
    network = sloy.Network((2,), [Dense(3)])
    page = str(trace_step(network, [1, 2], 1, loss="categorical_crossentropy"))
    assert "ε^m = ∂L/∂a^m = P^m − y^m" in page
    assert "y = (0, 1, 0)" in page
    assert re.search(r"ε\^2 = 0\.\d+ − 1 = −0\.\d+", page)
    one = sloy.Network((2,), [Dense(1)])
    assert "ε^m = ∂L/∂a^m = P^m − y^m" in str(
        trace_step(one, [1, 2], 1, loss="binary_crossentropy")
    )
    sigmoid = sloy.Network((2,), [Dense(1), Sigmoid()])
    by_probability = trace_step(sigmoid, [1, 2], 1, loss=log_loss)
    assert "(a^m − y^m) / (a^m (1 − a^m))" in str(by_probability)
    by_logit = trace_step(one, [1, 2], 1, loss="binary_crossentropy")
    assert by_probability.loss == pytest.approx(by_logit.loss, rel=1e-12)
    for key, gradient in by_logit.gradients.items():
        np.testing.assert_allclose(by_probability.gradients[key], gradient, rtol=1e-12)
    assert "the ½ makes it ε^m = a^m − y^m" in str(trace_step(one, [1, 2], 1))


def test_the_table_has_every_number() -> None:
    trace, network, *_ = traced("maxima")
    table = trace.table()
    assert table.columns[-3:] == ("w", "∂L/∂w", "w − η ∂L/∂w")
    weights = [row for row in table.rows if row[6] is not None]
    neurons = [row for row in table.rows if row[6] is None]
    assert len(weights) == network.parameter_count
    assert len(neurons) == sum(t.u.size for t in trace.layers)
    assert len({row[:2] for row in table.rows}) == len(table.rows)
    conv = trace.layers[0]
    assert isinstance(conv, ConvolutionTrace)
    (row,) = [row for row in table.rows if row[:2] == ("conv2d_1", "w_21(0, 1)")]
    expected = [a[0, 1, 1, 0] for a in (conv.weight, conv.weight_gradient, conv.new_weight)]
    assert list(row[6:]) == expected
    (row,) = [row for row in table.rows if row[:2] == ("conv2d_1", "u_2(1, 2)")]
    assert list(row[2:6]) == [a[1, 2, 1] for a in (conv.z, conv.u, conv.slope, conv.error)]
    html = table._repr_html_()
    assert html.count("<tr>") == len(table.rows) + 1
    assert "ε" in html
    assert trace._repr_html_().startswith("<pre")


def test_pages_stay_readable() -> None:
    network = sloy.zoo.lenet5((28, 28, 1), 10)
    trace = trace_step(network, np.ones((28, 28, 1)), 3, loss="categorical_crossentropy")
    page = str(trace)
    assert len(page.splitlines()) < 700
    assert max(map(len, page.splitlines())) < 200
    assert re.search(r"… \d[\d ]+ more weights", page)
    assert re.search(r"… \d[\d ]+ more rows", str(trace.table()))
    with pytest.raises(
        InvalidArgument, match=r"28 × 28 × 1 numbers in `x`; maps of at most 8 × 8 × 3"
    ):
        theory.trace_figure(trace)


def example() -> StepTrace:
    layers = [Conv2D(1, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(2), Softmax()]
    network = sloy.Network((6, 6, 1), layers)
    x = np.random.default_rng(0).integers(0, 10, (6, 6, 1)) / 10
    return trace_step(network, x, [0, 1], loss=log_loss, learning_rate=0.5)


FIGURES: dict[str, Callable[[], StepTrace]] = {
    "convolution": example,
    "two filters": lambda: trace_step(
        sloy.Network((5, 5, 1), [Conv2D(2, 2), Tanh(), MaxPool2D(2), Flatten(), Dense(2)]),
        np.random.default_rng(0).normal(size=(5, 5, 1)),
        1,
        loss="categorical_crossentropy",
    ),
    "neurons": lambda: trace_step(
        sloy.Network((3,), [Dense(3), Tanh(), Dropout(0.5), Maxout(2), Softmax(), Dense(2)]),
        [0.2, 0.4, -1],
        [0, 1],
        training=True,
    ),
    "normalisation": lambda: trace_step(
        sloy.Network(
            (4, 4, 1),
            [Conv2D(1, 2, padding="same"), BatchNorm(), ReLU(), AveragePool2D(2), GlobalAveragePool2D(), Dense(1)],
        ),
        np.random.default_rng(0).normal(size=(4, 4, 1)),
        1,
        training=True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_legible(name: str, language: str) -> None:
    with speak(language):
        trace = FIGURES[name]()
        assert_legible(theory.trace_figure(trace))
        page = str(trace)
    assert bool(re.search("[а-яё]", page)) == (language == "ru")


def test_the_figure_shows_values_and_gradients() -> None:
    trace = example()
    shown = set(texts(theory.trace_figure(trace)))
    conv = trace.layers[0]
    assert isinstance(conv, ConvolutionTrace)
    for array in (conv.weight, conv.weight_gradient, conv.u, conv.error, trace.layers[1].error):
        assert {short(float(v)) for v in array.flat} <= shown
    network = sloy.Network((4, 4, 2), [Conv2D(3, 2), GlobalAveragePool2D(), Dense(1)])
    large = trace_step(network, np.ones((4, 4, 2)), 1)
    with pytest.raises(InvalidArgument, match="6 filters × channels in `conv2d_1`; at most 4"):
        theory.trace_figure(large)
