"""Networks drawn at random: a training step of the native engine moves every parameter as the definitions do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sloy import layers, losses, optimizers
from sloy.engines import Engine, ReferenceEngine
from sloy.engines.native import NativeEngine
from sloy.errors import ShapeError
from sloy.problem import Network, Problem
from sloy.problem.graphs import KEY
from sloy.training.recipe import Recipe
from sloy.training.step import training_graph
from step_tasks import Arrays, feeds_of
from tolerances import accumulation, assert_close

ACTIVATIONS = (
    layers.ReLU,
    layers.Tanh,
    layers.Sigmoid,
    layers.LeakyReLU,
    layers.ELU,
    layers.GELU,
    layers.SiLU,
    layers.Softplus,
    layers.ReLU,
)
LENGTH = 4096  # of the sums behind an element, about: pixels of a batch, or inputs of a layer


def drawn_layers(random: np.random.Generator) -> list[layers.Layer]:
    """Convolutions, poolings and more, then dense layers."""

    def one_of(*choices: Any) -> Any:
        return choices[random.integers(len(choices))]

    def activation() -> list[layers.Layer]:
        return [one_of(*ACTIVATIONS)()] if random.random() < 0.7 else []

    def pool() -> layers.Layer:
        kind = one_of(layers.MaxPool2D, layers.MaxPool2D, layers.AveragePool2D)
        return kind(
            one_of(2, 2, 3), stride=one_of(None, None, 1, 2), padding=one_of("valid", "same")
        )  # type: ignore[no-any-return]

    def convolution() -> layers.Layer:
        return layers.Conv2D(
            one_of(1, 2, 6, 8, 16, 20, 32),
            one_of(1, 3, 3, 5, (2, 4)),
            stride=one_of(1, 1, 1, 2),
            padding=one_of("valid", "same"),
            dilation=one_of(1, 1, 1, 2),
        )

    found: list[layers.Layer] = []
    for _ in range(random.integers(1, 4)):
        found += [convolution(), *activation()]
        found += one_of(
            [], [], [pool()], [pool(), *activation()], [layers.BatchNorm()], [layers.Dropout(0.25)]
        )
    found.append(one_of(layers.Flatten(), layers.Flatten(), layers.GlobalAveragePool2D()))
    for _ in range(random.integers(0, 2)):
        found += [layers.Dense(one_of(1, 7, 16, 84)), *activation()]
    return [*found, layers.Dense(one_of(2, 3, 10))]


def drawn_network(seed: int) -> tuple[Network, int]:
    """A network and the number of samples of its step."""
    random = np.random.default_rng(seed)
    while True:
        shape = (*(int(n) for n in random.integers(3, 15, 2)), int(random.choice([1, 2, 3, 8, 16])))
        try:
            network = Network(shape, drawn_layers(random))
        except ShapeError:  # a window larger than what is left of the picture
            continue
        return network, int(random.choice([1, 2, 7, 16, 17]))


def moved(
    network: Network, start: Arrays, x: np.ndarray, y: np.ndarray, engine: Engine, dtype: str
) -> Arrays:
    """By how much a step of gradient descent with rate 1 moves each parameter and state."""
    problem = Problem(network, losses.CategoricalCrossentropy(), data_dtype=dtype, dtype=dtype)
    variables = {name: value.astype(dtype) for name, value in start.items()}
    variables[KEY] = np.array([3, 4], np.uint32)
    graph = training_graph(problem, Recipe(optimizer=optimizers.SGD(1.0)), len(x))
    executable = engine.compile(graph, variables, ("loss", "gradient_norm"))
    executable.run(feeds_of(graph, x, y, learning_rate=np.array(1.0)))
    return {name: variables[name] - value for name, value in start.items()}


@pytest.mark.parametrize("seed", range(40))
def test_a_step_of_a_random_network(seed: int) -> None:
    network, samples = drawn_network(seed)
    random = np.random.default_rng([seed, 1])
    x = random.standard_normal((samples, *network.input_shape)).astype(np.float32)
    y = random.integers(0, network.output_shape[0], samples).astype(np.int32)
    start = network.initialize(seed)
    wanted = moved(network, start, x, y, ReferenceEngine(), "float64")
    largest = max(np.abs(value).max() for value in wanted.values())
    for engine in (NativeEngine(1), NativeEngine(2), NativeEngine(2, "any-threads")):
        found = moved(network, start, x, y, engine, "float32")
        for name, value in wanted.items():
            # Gradients that nearly cancel, as before a normalisation, have the errors of what they are sums of.
            scale = max(np.abs(value).max(), largest / 20, np.abs(start[name]).max() / 100)
            assert_close(
                found[name], value, accumulation(LENGTH), scale=scale, name=f"{network} {name}"
            )


def test_a_strided_1x1_convolution_has_one_gradient() -> None:
    """oneDNN's own kernel for it races: one gradient in three was wrong on two threads."""
    x = np.random.default_rng(5).standard_normal((2, 6, 10, 3)).astype(np.float32)
    network = Network(
        (6, 10, 3), [layers.Conv2D(20, 1, stride=2), layers.Flatten(), layers.Dense(3)]
    )
    start, y = network.initialize(0), np.array([0, 2], np.int32)
    first = moved(network, start, x, y, NativeEngine(2), "float32")
    for _ in range(30):
        again = moved(network, start, x, y, NativeEngine(2), "float32")
        assert all((again[name] == value).all() for name, value in first.items())
