"""The lecture's numbers of L15 and L17 to L22, expected ones computed here by loops and formulas."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import sloy
from plain_loops import four_loops
from sloy import theory
from sloy.layers import (
    ELU,
    Conv2D,
    Dense,
    Flatten,
    LeakyReLU,
    Maxout,
    MaxPool2D,
    ReLU,
    Sigmoid,
    Sign,
    Tanh,
)

RANDOM = np.random.default_rng(15)


def logistic(z: float) -> float:
    return 1 / (1 + math.exp(-z))


# --- L15: activations -------------------------------------------------------------------------------

ACTIVATIONS: dict[str, tuple[Any, Callable[[float], float], Callable[[float], float]]] = {
    "sign": (Sign(), lambda z: math.copysign(1, z), lambda z: 0.0),
    "sigmoid": (Sigmoid(), logistic, lambda z: logistic(z) * (1 - logistic(z))),
    "tanh": (Tanh(), math.tanh, lambda z: 1 - math.tanh(z) ** 2),
    "ReLU": (ReLU(), lambda z: max(0.0, z), lambda z: float(z > 0)),
    "Leaky ReLU": (LeakyReLU(0.1), lambda z: max(0.1 * z, z), lambda z: 1.0 if z > 0 else 0.1),
    "ELU": (ELU(), lambda z: z if z >= 0 else math.exp(z) - 1, lambda z: 1.0 if z >= 0 else math.exp(z)),
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_and_their_slopes(name: str) -> None:
    layer, value, slope = ACTIVATIONS[name]
    z = [-5.0, -1.3, -0.2, 0.1, 0.9, 4.0]
    values, slopes = theory.activation_values(layer, z)
    np.testing.assert_allclose(values, [value(v) for v in z], rtol=1e-13)
    np.testing.assert_allclose(slopes, [slope(v) for v in z], rtol=1e-12, atol=1e-16)


def test_maxout() -> None:
    """max(w1·x + b1, w2·x + b2) of each neuron."""
    network = sloy.Network((3,), [Maxout(4, pieces=2)])
    parameters = {n: RANDOM.normal(size=v.shape) for n, v in network.initialize(0).items()}
    W = parameters["maxout_1/weight"].reshape(3, -1)
    b = parameters["maxout_1/bias"].reshape(-1)
    x = [0.5, -1.0, 2.0]
    lines = [b[k] + sum(x[j] * W[j, k] for j in range(3)) for k in range(8)]
    model = theory.ready_model(network, parameters, dtype="float64")
    found = sorted(model(np.array([x]))[0])
    pairs = (
        [max(lines[2 * k : 2 * k + 2]) for k in range(4)],
        [max(lines[k::4]) for k in range(4)],
    )
    assert any(np.allclose(found, sorted(pair), rtol=1e-12) for pair in pairs)


# --- L17–L22: convolution and pooling ---------------------------------------------------------------

CURVE = [
    [0, 0, 0, 0, 0, 30, 0],
    [0, 0, 0, 0, 30, 0, 0],
    *([0, 0, 0, 30, 0, 0, 0] for _ in range(4)),
    [0] * 7,
]
ON_IT = [
    [0, 0, 0, 0, 0, 0, 30], [0, 0, 0, 0, 50, 50, 50], [0, 0, 0, 20, 50, 0, 0],
    *([0, 0, 0, 50, 50, 0, 0] for _ in range(4)),
]  # fmt: skip
OFF_IT = [
    [0] * 7, [0, 40, 0, 0, 0, 0, 0], [40, 0, 40, 0, 0, 0, 0], [40, 20, 0, 0, 0, 0, 0],
    [0, 50, 0, 0, 0, 0, 0], [0, 0, 50, 0, 0, 0, 0], [25, 25, 0, 50, 0, 0, 0],
]  # fmt: skip
MATRIX = [[7, 2, 3, 3, 8], [4, 5, 3, 8, 4], [3, 3, 2, 8, 4], [2, 8, 7, 2, 7], [5, 4, 4, 5, 4]]
EDGES = [[1, 0, -1]] * 3


def test_the_curve_detector() -> None:
    assert four_loops(ON_IT, CURVE).tolist() == [[6600]] == [[(50 * 30) * 4 + 20 * 30]]
    assert four_loops(OFF_IT, CURVE).tolist() == [[0]]
    assert np.array_equal(CURVE, theory.CURVE_FILTER)
    assert np.array_equal(ON_IT, theory.CURVE_PATCH)
    assert np.array_equal(OFF_IT, theory.OTHER_PATCH)
    assert theory.convolve(ON_IT, CURVE, edges="valid").tolist() == [[6600]]
    assert theory.convolve(OFF_IT, CURVE, edges="valid").tolist() == [[0]]


def test_the_convolution_by_hand() -> None:
    expected = four_loops(MATRIX, EDGES)
    assert expected[0, 0] == 7 + 4 + 3 - 3 - 3 - 2 == 6
    assert theory.convolve(MATRIX, EDGES, edges="valid").tolist() == expected.tolist()
    around = np.pad(MATRIX, 1).tolist()  # beyond the edges F is 0
    assert (
        theory.convolve(MATRIX, EDGES, edges="zero").tolist() == four_loops(around, EDGES).tolist()
    )
    F, G = RANDOM.integers(-9, 10, (9, 11)), RANDOM.integers(-9, 10, (3, 5))
    assert theory.convolve(F, G, edges="valid").tolist() == four_loops(F, G).tolist()


def test_the_convolutional_layer() -> None:
    network = sloy.Network((5, 5, 1), [Conv2D(1, 3)])
    weights = {
        "conv2d_1/weight": np.array(EDGES, float).reshape(3, 3, 1, 1),
        "conv2d_1/bias": np.zeros(1),
    }
    found = theory.ready_model(network, weights)(
        np.reshape(MATRIX, (1, 5, 5, 1)).astype(np.float32)
    )
    assert found[0, ..., 0].tolist() == four_loops(MATRIX, EDGES).tolist()


def test_max_pooling() -> None:
    picture = RANDOM.integers(-50, 50, (6, 8))
    expected = [
        [max(picture[2 * i + k][2 * j + m] for k in (0, 1) for m in (0, 1)) for j in range(4)]
        for i in range(3)
    ]
    assert theory.max_pool(picture, 2).tolist() == expected
    model = theory.ready_model(sloy.Network((6, 8, 1), [MaxPool2D(2)]), {})
    assert model(picture.reshape(1, 6, 8, 1).astype(np.float32))[0, ..., 0].tolist() == expected
    without = sloy.Network((28, 28, 1), [Conv2D(8, 3), Flatten(), Dense(10)])
    pooled = sloy.Network((28, 28, 1), [Conv2D(8, 3), MaxPool2D(2), Flatten(), Dense(10)])
    filters = 8 * (3 * 3 + 1)
    assert without.parameter_count == filters + 10 * (26 * 26 * 8 + 1) == 54_170
    assert pooled.parameter_count == filters + 10 * (13 * 13 * 8 + 1) == 13_610
