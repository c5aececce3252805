"""The lecture's numbers up to L14 and of L24 and L25, expected ones computed here by loops and formulas that know
nothing of `sloy.theory`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest

import sloy
from plain_loops import four_loops
from sloy import theory
from sloy.layers import Conv2D, Dense, Dropout, Flatten, Sigmoid, Tanh

RANDOM = np.random.default_rng(13)
PAIRS = list(itertools.product((0, 1), repeat=2))


# --- L2–L4: logic -----------------------------------------------------------------------------------


def threshold_layers(model: Any, row: tuple[int, ...]) -> float:
    """[w · x + b > 0], layer after layer, from the numbers in a model."""
    x = [float(v) for v in row]
    numbers = {name: value.tolist() for name, value in model.parameters.items()}
    for k in itertools.count(1):
        if f"dense_{k}/weight" not in numbers:
            (answer,) = x
            return answer
        W, b = numbers[f"dense_{k}/weight"], numbers[f"dense_{k}/bias"]
        sums = [b[h] + sum(x[j] * W[j][h] for j in range(len(x))) for h in range(len(b))]
        x = [1.0 if z > 0 else 0.0 for z in sums]
    raise AssertionError


def test_and_or_not_xor() -> None:
    for x1, x2 in PAIRS:
        assert theory.AND([[x1, x2]]).tolist() == [x1 and x2] == [int(x1 + x2 - 3 / 2 > 0)]
        assert theory.OR([[x1, x2]]).tolist() == [x1 or x2] == [int(x1 + x2 - 1 / 2 > 0)]
        expected = int(x1 != x2)
        assert expected == int(x1 + x2 - 2 * x1 * x2 - 1 / 2 > 0)
        assert theory.xor_by_product()([[x1, x2]]).ravel().tolist() == [expected]
        assert theory.xor_by_layers()([[x1, x2]]).ravel().tolist() == [expected]
        assert threshold_layers(theory.xor_by_layers(), (x1, x2)) == expected
    assert theory.NOT([[0], [1]]).tolist() == [1, 0]


def test_which_functions_one_neuron_is_by_trying_weights() -> None:
    """14 of 16 of two variables: weights and thresholds of halves from -2 to 2 reach all there are."""
    halves = [k / 2 for k in range(-4, 5)]
    reached = {
        tuple(int(a * x1 + b * x2 + c > 0) for x1, x2 in PAIRS)
        for a, b, c in itertools.product(halves, repeat=3)
    }
    for table in itertools.product((0, 1), repeat=4):
        assert bool(theory.separable(list(table))) == (table in reached)
    assert len(reached) == 14


def test_every_table_of_three_variables() -> None:
    rows = list(itertools.product((0, 1), repeat=3))
    for table in itertools.product((0, 1), repeat=8):
        model = theory.network_from_truth_table(list(table))
        assert [threshold_layers(model, row) for row in rows] == list(table)


# --- L5: approximation ------------------------------------------------------------------------------

SIGMAS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sigmoid": lambda z: 0.5 * (1 + np.tanh(z / 2)),
    "relu": lambda z: np.maximum(z, 0),
}


@pytest.mark.parametrize(
    ("activation", "tolerance"), [("sigmoid", 0.1), ("sigmoid", 0.01), ("relu", 0.001)]
)
def test_a_sine_within_the_tolerance(activation: str, tolerance: float) -> None:
    found = theory.approximate(np.sin, (0, 2 * math.pi), tolerance, activation=activation)
    W, b, c, d = (found.model.parameters[f"dense_{i}/{name}"].astype(float)
                  for i in (1, 2) for name in ("weight", "bias"))  # fmt: skip
    x = np.linspace(0, 2 * math.pi, 200_003).astype(np.float32).astype(float)
    for part in np.array_split(x, 100):
        network = SIGMAS[activation](part[:, None] @ W + b) @ c[:, 0] + d
        assert np.abs(network - np.sin(part)).max() <= tolerance


def test_a_bump_within_the_tolerance() -> None:
    def f(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.exp(-3 * (x**2 + y**2))

    found = theory.approximate(f, ((-1, 1), (-1, 1)), 0.02)
    W, b, c, d = (found.model.parameters[f"dense_{i}/{name}"].astype(float)
                  for i in (1, 2) for name in ("weight", "bias"))  # fmt: skip
    for x in np.linspace(-1, 1, 431):
        points = np.column_stack([np.full(431, x), np.linspace(-1, 1, 431)])
        network = SIGMAS["sigmoid"](points @ W + b) @ c[:, 0] + d
        assert np.abs(network - f(*points.T)).max() <= 0.02


# --- L6, L24, L25: parameters -----------------------------------------------------------------------


def test_parameters_of_a_two_layer_network() -> None:
    for n, H, M in ((1, 1, 1), (2, 20, 3), (784, 128, 10)):
        network = sloy.Network((n,), [Dense(H), Sigmoid(), Dense(M)])
        assert network.parameter_count == H * (n + M + 1) + M


def test_parameters_of_lenet5() -> None:
    convolutions = 6 * (5 * 5 * 1 + 1) + 16 * (5 * 5 * 6 + 1)
    dense = 120 * (5 * 5 * 16 + 1) + 84 * (120 + 1) + 10 * (84 + 1)
    assert sloy.zoo.lenet5((28, 28, 1), 10).parameter_count == convolutions + dense == 61_706


VGG = {  # table 1 of Simonyan and Zisserman: convolutions of 64, 128, 256, 512 and 512 channels
    11: ((1, 1, 2, 2, 2), 132_863_336),
    13: ((2, 2, 2, 2, 2), 133_047_848),
    16: ((2, 2, 3, 3, 3), 138_357_544),
    19: ((2, 2, 4, 4, 4), 143_667_240),
}


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("depth", VGG)
def test_parameters_of_vgg(depth: int, batch_norm: bool) -> None:
    blocks, without = VGG[depth]
    assert sum(blocks) + 3 == depth
    weights, channels, normalised = 0, 3, 0
    for count, filters in zip(blocks, (64, 128, 256, 512, 512), strict=True):
        for _ in range(count):
            weights += filters * (3 * 3 * channels + 1)
            normalised += 2 * filters  # a scale and a shift of each channel
            channels = filters
    side = 224 // 2**5
    weights += 4096 * (side * side * 512 + 1) + 4096 * (4096 + 1) + 1000 * (4096 + 1)
    assert weights == without
    network = sloy.zoo.vgg(depth, (224, 224, 3), 1000, batch_norm=batch_norm)
    assert network.parameter_count == weights + batch_norm * normalised


# --- L7–L9: backpropagation -------------------------------------------------------------------------


def logistic(z: float) -> float:
    return 1 / (1 + math.exp(-z))


class Slide:
    """The algorithm of the slide for sigmoids: lists and loops, w[0] the weights of the constant input 1."""

    def __init__(self, parameters: dict[str, np.ndarray]) -> None:
        self.hidden, self.last = (
            [parameters[f"dense_{k}/bias"].tolist(), *parameters[f"dense_{k}/weight"].tolist()]
            for k in (1, 2)
        )

    def step(self, x: list[float], y: list[float], rate: float) -> dict[str, np.ndarray]:
        """Forward, backward, w := w - η g; gives the gradients."""
        H, M = range(len(self.hidden[0])), range(len(self.last[0]))
        ones = [1.0, *x]
        u = [
            1.0,
            *(logistic(sum(ones[j] * self.hidden[j][h] for j in range(len(ones)))) for h in H),
        ]
        a = [logistic(sum(u[h] * self.last[h][m] for h in range(len(u)))) for m in M]
        error = [a[m] - y[m] for m in M]
        slope = [a[m] * (1 - a[m]) for m in M]
        inner = [sum(error[m] * slope[m] * self.last[h + 1][m] for m in M) for h in H]
        last = [[error[m] * slope[m] * u[h] for m in M] for h in range(len(u))]
        hidden = [
            [inner[h] * u[h + 1] * (1 - u[h + 1]) * ones[j] for h in H] for j in range(len(ones))
        ]
        for weights, gradients in ((self.last, last), (self.hidden, hidden)):
            for row, moves in zip(weights, gradients, strict=True):
                row[:] = [w - rate * g for w, g in zip(row, moves, strict=True)]
        return self.named(hidden, last)

    @staticmethod
    def named(hidden: list[list[float]], last: list[list[float]]) -> dict[str, np.ndarray]:
        """As sloy names them."""
        found = {}
        for k, rows in ((1, hidden), (2, last)):
            found[f"dense_{k}/bias"], found[f"dense_{k}/weight"] = (
                np.array(rows[0]),
                np.array(rows[1:]),
            )
        return found


NETWORK = sloy.Network((3,), [Dense(4), Sigmoid(), Dense(2), Sigmoid()])


def test_one_step_of_the_slide() -> None:
    parameters = NETWORK.initialize(3, "float64")
    parameters = {name: RANDOM.normal(size=value.shape) for name, value in parameters.items()}
    x, y = RANDOM.normal(size=3), RANDOM.uniform(size=2)
    slide = Slide(parameters)
    expected = slide.step(x.tolist(), y.tolist(), rate=0.7)
    trace = theory.trace_step(NETWORK, x, y, parameters=parameters, learning_rate=0.7)
    library = sloy.gradients(NETWORK, parameters, x[None], y[None], theory.half_squared_error)
    moved = slide.named(slide.hidden, slide.last)
    for name, gradient in expected.items():
        np.testing.assert_allclose(trace.gradients[name], gradient, rtol=0, atol=1e-12)
        np.testing.assert_allclose(library[name], gradient, rtol=0, atol=1e-12)
        np.testing.assert_allclose(trace.updated[name], moved[name], rtol=0, atol=1e-12)


def test_many_steps_of_the_slide() -> None:
    """Of one object, so that there is one order to show it in; in float32."""
    x, y = [0.5, -1.0, 2.0], [0.9, 0.2]
    slide = Slide(NETWORK.initialize(5))
    for _ in range(50):
        slide.step(x, y, rate=0.5)
    run = theory.learn_per_object(
        NETWORK, ([x], [y]), learning_rate=0.5, max_epochs=50, tolerance=0.0, patience=50, seed=5
    )
    assert run.objects == 50
    for name, expected in slide.named(slide.hidden, slide.last).items():
        np.testing.assert_allclose(run.model.parameters[name], expected, atol=2e-5)


def test_a_step_of_fit_goes_down_the_mean() -> None:
    """L7: with η, one step of all N objects is a step of the sum with η / N."""
    x, y = RANDOM.normal(size=(10, 1)), RANDOM.normal(size=(10, 1))
    line = sloy.Network((1,), [Dense(1)])
    start = {"dense_1/weight": np.array([[0.3]]), "dense_1/bias": np.array([-0.2])}
    descent = theory.compare_descents(
        line, (x, y), ways={"all": 0}, learning_rate=0.1, epochs=1, parameters=start
    )
    errors = [0.3 * a - 0.2 - b for a, b in zip(x[:, 0], y[:, 0], strict=True)]
    by_sum = [
        sum(2 * e * a for e, a in zip(errors, x[:, 0], strict=True)),
        sum(2 * e for e in errors),
    ]
    expected = [0.3 - 0.1 / 10 * by_sum[0], -0.2 - 0.1 / 10 * by_sum[1]]
    found = dict(zip(line.parameters, descent.paths["all"].weights[1], strict=True))
    assert found["dense_1/weight"] == pytest.approx(expected[0], abs=1e-6)
    assert found["dense_1/bias"] == pytest.approx(expected[1], abs=1e-6)


# --- L13: the loss of a classifier ------------------------------------------------------------------


def log_loss(logits: list[Any], k: int) -> float:
    """-ln(exp z_k / Σ exp z), in 60 digits with exponents without bound."""
    with localcontext() as context:
        context.prec, context.Emax, context.Emin = 60, 10**17, -(10**17)
        powers = [Decimal(float(z)).exp() for z in logits]
        return float(-(powers[k] / sum(powers)).ln())


@pytest.mark.parametrize("scale", [1.0, 40.0, 1e3, 1e6])
def test_log_loss(scale: float) -> None:
    z = (scale * RANDOM.normal(size=(12, 4))).round(3)
    classes = np.arange(12) % 4
    expected = [log_loss(row, k) for row, k in zip(z.tolist(), classes.tolist(), strict=True)]
    found = theory.loss_values("categorical_crossentropy", z, classes)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)
    one, yes = z[:, :1], np.arange(12) % 2
    expected = [log_loss([0, a], k) for a, k in zip(one[:, 0], yes.tolist(), strict=True)]
    found = theory.loss_values("binary_crossentropy", one, yes)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-55)


def test_log_loss_by_the_formula() -> None:
    for z in (-3.0, 0.0, 0.5, 4.0):
        a = logistic(z)
        for y in (0, 1):
            (found,) = theory.loss_values("binary_crossentropy", [[z]], [y])
            assert found == pytest.approx(-(y * math.log(a) + (1 - y) * math.log(1 - a)), rel=1e-12)


# --- L14: dropout -----------------------------------------------------------------------------------

THINNED = {
    "dense": sloy.Network((3,), [Dense(6), Tanh(), Dropout(0.4), Dense(2)]),
    "twice": sloy.Network((3,), [Dropout(0.2), Dense(4), Tanh(), Dropout(0.5), Dense(2)]),
    "convolution": sloy.Network((4, 4, 1), [Conv2D(2, 3), Tanh(), Dropout(0.25), Flatten(), Dense(2)]),
    "σ behind": sloy.Network((3,), [Dense(6), Dropout(0.4), Tanh(), Dense(2)]),
}  # fmt: skip


def forward(
    network: Any, parameters: dict[str, Any], x: np.ndarray, masks: list[Any]
) -> np.ndarray:
    """The layers above by NumPy, with masks for its dropout layers."""
    used = iter(masks)
    for name, layer in zip(network.layer_names, network.layers, strict=True):
        W, b = (parameters.get(f"{name}/{part}") for part in ("weight", "bias"))
        if isinstance(layer, Dense):
            x = x @ W + b
        elif isinstance(layer, Conv2D):
            x = np.stack(
                [four_loops(x[..., 0], W[:, :, 0, o]) + b[o] for o in range(len(b))], axis=-1
            )
        elif isinstance(layer, Dropout):
            x = x * np.reshape(next(used), x.shape) / (1 - layer.rate)
        else:
            x = np.tanh(x) if isinstance(layer, Tanh) else x.reshape(-1)
    return x


@pytest.mark.parametrize("name", THINNED)
def test_the_mean_over_all_masks(name: str) -> None:
    network = THINNED[name]
    parameters = {n: RANDOM.normal(size=v.shape) for n, v in network.initialize(0).items()}
    x = RANDOM.normal(size=network.input_shape)
    sizes = {"dense": [6], "twice": [3, 4], "convolution": [8], "σ behind": [6]}[name]
    rates = [layer.rate for layer in network.layers if isinstance(layer, Dropout)]
    mean = np.zeros(2)
    for bits in itertools.product((0, 1), repeat=sum(sizes)):
        masks = [bits[sum(sizes[:k]) : sum(sizes[: k + 1])] for k in range(len(sizes))]
        probability = math.prod(
            1 - rate if bit else rate
            for mask, rate in zip(masks, rates, strict=True)
            for bit in mask
        )
        mean += probability * forward(network, parameters, x, masks)
    found = theory.exact_dropout_mean(network, parameters, x)
    np.testing.assert_allclose(found, mean, rtol=1e-12)
    in_use = forward(
        network, parameters, x, [np.ones(s) * (1 - r) for s, r in zip(sizes, rates, strict=True)]
    )
    linear_behind = name in ("dense", "convolution")
    assert np.allclose(in_use, mean, rtol=1e-12) == linear_behind
    drawn = theory.thinned_outputs(network, parameters, x, 4000)
    assert (np.abs(drawn.mean(0) - mean) < 5 * drawn.std(0) / math.sqrt(4000)).all()
