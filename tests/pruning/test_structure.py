"""What goes together, and that the smaller network gives what the whole one gives with zeros."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import sloy
from sloy import losses, ops
from sloy.layers import (
    GELU,
    Activation,
    BatchNorm,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePool2D,
    GroupedDense,
    LayerNorm,
    Maxout,
    MaxPool2D,
    PerNeuron,
    ReLU,
    Reshape,
    Residual,
    SqueezeExcitation,
    Tanh,
)
from sloy.pruning.groups import Structure

MIXED = sloy.Network(
    (8, 8, 3),
    [
        Conv2D(6, 3, padding="same"),
        BatchNorm(),
        PerNeuron([(Tanh(), 3), (ReLU(), 3)]),
        Conv2D(12, 3, groups=6, padding="same"),
        ReLU(),
        Conv2D(8, 3, groups=2),
        Residual([Conv2D(8, 3, padding="same"), LayerNorm(), GELU(), Conv2D(8, 1)]),
        SqueezeExcitation(3),
        Flatten(),
        Maxout(7, 3),
        Reshape((7,)),
        Dense(48),
        ReLU(),
        Reshape((4, 4, 3)),
        Conv2D(5, 2),
        GlobalAveragePool2D(),
        Dense(3),
    ],
)
RESIDUAL = sloy.Network(
    (8, 8, 3),
    [
        Conv2D(8, 3, padding="same"),
        Residual([Conv2D(8, 3, padding="same"), BatchNorm(), ReLU(), Conv2D(8, 3, padding=1)]),
        ReLU(),
        Residual([Conv2D(6, 3, padding=1, stride=2), BatchNorm()], [Conv2D(6, 1, stride=2)]),
        MaxPool2D(2),
        Flatten(),
        Dense(4),
    ],
)
MEMBERS = sloy.Network(
    (3, 4),
    [
        GroupedDense(6, normalized=True),
        Activation(lambda z: z * ops.sigmoid(z)),
        GroupedDense(5, normalized=True),
        Flatten(),
        Dense(2),
    ],
)
NETWORKS = {
    "mlp": sloy.zoo.make("mlp", (28, 28, 1), 10),
    "cnn": sloy.zoo.make("cnn", (28, 28, 1), 10),
    "mixed": MIXED,
    "residual": RESIDUAL,
    "members": MEMBERS,
    "resnet20": sloy.zoo.make("resnet20", (16, 16, 3), 10),
    "mobilenet_v3_small": sloy.zoo.make("mobilenet_v3_small", (32, 32, 3), 10),
    "convnext_tiny": sloy.Network(
        (16, 16, 3),
        [*sloy.zoo.make("convnext_tiny", (32, 32, 3), 10).layers[:3], Flatten(), Dense(2)],
    ),
}
SHARE = 0.4


def some(structure: Structure, seed: int = 0) -> np.ndarray:
    """A share of the units of each group."""
    random = np.random.default_rng(seed)
    return np.concatenate(
        [random.permutation(g.units)[: max(1, int(SHARE * len(g.units)))] for g in structure.groups]
    )


def answers(network: sloy.Network, values: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    problem = sloy.Problem(
        network, losses.SquaredError(), target_shape=network.output_shape, target_dtype="float32"
    )
    return sloy.Model(problem, values)(x)


def disturbed(network: sloy.Network) -> dict[str, np.ndarray]:
    """Parameters and states, none of them at its usual beginning."""
    random = np.random.default_rng(1)
    return {
        n: 1.2 * v
        if n.endswith("variance")
        else v + 0.05 * random.normal(size=v.shape).astype(v.dtype)
        for n, v in network.initialize(0).items()
    }


@pytest.mark.parametrize("name", NETWORKS)
def test_the_smaller_network_is_the_masked_one(name: str) -> None:
    network = NETWORKS[name]
    structure, values = Structure(network), disturbed(network)
    removed = some(structure)
    x = np.random.default_rng(2).normal(size=(2, *network.input_shape)).astype(np.float32)
    masked = answers(network, values | structure.masked(values, removed), x)
    small, cut = structure.cut(values, removed)
    found = answers(small, cut, x)
    assert np.abs(masked - answers(network, values, x)).max() > 1e-3 * np.abs(masked).max()
    assert found == pytest.approx(masked, abs=1e-5 * max(1.0, float(np.abs(masked).max())))
    assert small.parameter_count < 0.9 * network.parameter_count
    assert sloy.Network.from_config(small.to_config()).shapes == small.shapes


def groups(network: sloy.Network) -> dict[str, int]:
    return {group.name: len(group.units) for group in Structure(network).groups}


def test_what_goes_together() -> None:
    assert groups(NETWORKS["cnn"]) == {"conv2d_1": 32, "conv2d_2": 32, "dense_1": 256}
    assert (
        groups(MIXED)
        == {
            "conv2d_1, conv2d_2": 3,  # two groups of conv2d_3 lose the same, conv2d_2 has two filters for each channel
            "conv2d_3, residual_1/conv2d_2, squeeze_excitation_1/expand": 4,
            "squeeze_excitation_1/reduce": 3,
            "maxout_1": 7,
            "dense_1": 3,
            "conv2d_4": 5,
        }
    )  # what LayerNorm mixes is in none
    assert groups(RESIDUAL) == {
        "conv2d_1, residual_1/conv2d_2": 8,
        "residual_1/conv2d_1": 8,
        "residual_2/conv2d_1, residual_2/shortcut/conv2d_1": 6,
    }
    assert groups(MEMBERS) == {"grouped_dense_1": 6, "grouped_dense_2": 5}


def test_a_flattened_channel_takes_its_places_along() -> None:
    network = sloy.Network((4, 4, 1), [Conv2D(3, 3), ReLU(), Flatten(), Dense(2)])
    structure = Structure(network)
    (group,) = structure.groups
    kept = structure.kept(group.units[1:2])
    assert kept["conv2d_1/weight"][3].tolist() == [0, 2]
    assert kept["dense_1/weight"][0].tolist() == [0, 2, 3, 5, 6, 8, 9, 11]


@pytest.mark.parametrize(
    "layers",
    [
        [Dense(3)],
        [Dense(6), Activation(lambda z: z / ops.reduce_sum(z, 1, keepdims=True)), Dense(3)],
        [Dense(6), Activation(lambda z: ops.slice(z, (0, 2), (z.shape[0], 6))), Dense(3)],
        [Dense(6), LayerNorm(), Dense(3)],
    ],
    ids=["none within", "shares of a sum", "slices", "normalised together"],
)
def test_what_stays(layers: Sequence[sloy.layers.Layer]) -> None:
    names = groups(sloy.Network((4,), layers))
    assert not names.keys() & {"dense_1"}


def test_multiply_adds_are_those_of_the_summary() -> None:
    for name in ("cnn", "residual"):
        structure = Structure(NETWORKS[name])
        removed = some(structure)
        small = structure.without(removed).summary(engine="reference")
        assert structure.multiply_adds(removed) == small.multiply_adds
