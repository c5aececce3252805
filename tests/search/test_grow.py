"""Growing: what is new changes nothing at first; it stays where it surely helps."""

from __future__ import annotations

import numpy as np
import pytest

import sloy
from sloy import ops
from sloy.engines import engine
from sloy.errors import InvalidArgument
from sloy.graph import Graph
from sloy.layers import (
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LayerNorm,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Residual,
    Tanh,
)
from sloy.search.grow import deeper, sizes_of, wider

CHAINS: dict[str, tuple[tuple[int, ...], list[Layer]]] = {
    "dense": ((3,), [Dense(4), ReLU(), Dense(5), ReLU(), Dense(2)]),
    "tanh": ((3,), [Dense(4), Tanh(), Dropout(0.5), Dense(2)]),
    "named": ((3,), [Dense(4, name="first"), LeakyReLU(), Dense(2, name="last")]),
    "linear": ((3,), [Dense(4), Dense(2)]),
    "pictures": (
        (8, 8, 2),
        [Conv2D(3, 3, padding="same", use_bias=False), BatchNorm(), ReLU(), MaxPool2D(2),
         Conv2D(5, 3), ReLU(), Flatten(), Dense(6), ReLU(), Dense(2)],
    ),
    "convolution last": (
        (6, 6, 1), [Conv2D(3, 3, stride=2), MaxPool2D(2), ReLU(), Flatten(), Dense(2)],
    ),
}  # fmt: skip


def given(network: sloy.Network, values: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    graph = Graph.of({"y": network.build(ops.input("x", x.shape, "float64")).output})
    return engine("reference", dtype="float64").compile(graph, values).run({"x": x})["y"]


def begun(name: str) -> tuple[sloy.Network, dict[str, np.ndarray], np.ndarray]:
    """A network with random parameters, running statistics too, and samples for it."""
    shape, layers = CHAINS[name]
    network = sloy.Network(shape, layers)
    rng = np.random.default_rng(0)
    values = network.initialize(1, "float64")
    values = {name: np.abs(rng.normal(size=v.shape)) + 0.1 if "var" in name else rng.normal(size=v.shape)
              for name, v in values.items()}  # fmt: skip
    return network, values, rng.normal(size=(7, *shape))


@pytest.mark.parametrize("change", [wider, deeper], ids=["wider", "deeper"])
@pytest.mark.parametrize("name", CHAINS)
def test_the_function_stays(name: str, change: object) -> None:
    network, values, x = begun(name)
    more = (0,) if change is wider else ()
    found, fresh = change(network, values, 0)  # type: ignore[operator]
    np.testing.assert_allclose(given(found, fresh, x), given(network, values, x), atol=1e-12)
    assert found.parameter_count > network.parameter_count
    twice, more = (deeper if change is wider else wider)(found, fresh, 0)
    np.testing.assert_allclose(given(twice, more, x), given(network, values, x), atol=1e-12)


def test_sizes() -> None:
    network, values, _ = begun("pictures")
    assert sizes_of(network) == (3, 5, 6, 2)
    assert sizes_of(wider(network, values, 0)[0]) == (5, 8, 9, 2)
    assert sizes_of(deeper(network, values, 0)[0]) == (3, 5, 6, 6, 2)


def test_what_is_new_learns() -> None:
    """New neurons send nothing at first, and get a gradient for what they send; copies would stay copies."""
    network, values, x = begun("dense")
    found, fresh = wider(network, values, 0)
    y = np.arange(7) % 2
    grads = sloy.gradients(found, fresh, x, y, "categorical_crossentropy")
    assert (fresh["dense_3/weight"][5:] == 0).all()
    assert (grads["dense_3/weight"][5:] != 0).any(axis=1).any()
    incoming = fresh["dense_1/weight"].T
    assert len({tuple(column) for column in incoming}) == len(incoming)


def test_growth_pays_where_the_network_is_too_small() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (600, 2)).astype(np.float32)
    y = np.sin(4 * x[:, :1]) * np.cos(3 * x[:, 1:])
    network = sloy.Network((2,), [Dense(4), ReLU(), Dense(1)])
    fit = {"epochs": 30, "batch_size": 32, "learning_rate": 0.02, "schedule": "one-cycle"}
    grown = sloy.grow(network, (x, y), rounds=2, validation=0.3, threads=1, **fit)
    kept = [step for step in grown.steps if step.kept and step.change in ("wider", "deeper")]
    assert kept
    assert all(step.gain > 2 * step.error for step in kept)
    assert grown.network.parameter_count > network.parameter_count
    assert grown.model.network == grown.network
    held_out = [step.loss for step in grown.steps if step.kept]
    assert held_out[-1] < 0.5 * held_out[0]
    assert len(str(grown).splitlines()) == len(grown.steps) + 1


def test_growth_stops_where_nothing_is_left_to_learn() -> None:
    x = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    noise = np.random.default_rng(1).integers(0, 2, 200)
    network = sloy.Network((2,), [Dense(2), ReLU(), Dense(2)])
    grown = sloy.grow(network, (x, noise), epochs=3, rounds=5, learning_rate=0.001, threads=1)
    assert [step.change for step in grown.steps] == ["start", "trained on", "wider", "deeper"]
    assert grown.network == network


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([Dense(2)], "must have a hidden layer with weights"),
        ([Dense(4), LayerNorm(), Dense(2)], "must be a chain of Dense and Conv2D layers"),
        ([Residual([Dense(2)]), Dense(2)], "must have a hidden layer with weights"),
    ],
)
def test_what_cannot_grow(layers: list[Layer], said: str) -> None:
    data = np.zeros((8, 2), np.float32), np.arange(8) % 2
    with pytest.raises(InvalidArgument, match=said):
        sloy.grow(sloy.Network((2,), layers), data)
