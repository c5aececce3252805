"""An activation for each neuron: what was planted is found, and no gain is said where there is none."""

from __future__ import annotations

import numpy as np
import pytest

import sloy
from sloy import ops
from sloy.errors import InvalidArgument
from sloy.graph import Graph
from sloy.graph.tensor import Tensor
from sloy.layers import Dense, Dropout, PerNeuron, ReLU, Sigmoid, Softmax, Tanh
from sloy.search.activations import Mixed

FIT = {"batch_size": 32, "learning_rate": 0.02, "schedule": "one-cycle", "threads": 1}


def square(x: Tensor) -> Tensor:
    return x * x


def points(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).uniform(-2, 2, (count, 2)).astype(np.float32)
    return x, *x.T.astype(np.float64)


def test_a_mix_is_the_sum_of_its_parts() -> None:
    layer = Mixed((ReLU(), Tanh(), Sigmoid()))
    network = sloy.Network((4,), [layer])
    rng = np.random.default_rng(1)
    x, choice = rng.normal(size=(5, 4)), rng.normal(size=(4, 3))
    built = network.build(ops.input("x", (5, 4), "float64"))
    assert {name: p.tensor.shape for name, p in built.parameters.items()} == {
        "mixed_1/choice": (4, 3)
    }
    graph = Graph.of({"y": built.output})
    engine = sloy.engines.engine("reference", dtype="float64")
    found = engine.compile(graph, {"mixed_1/choice": choice}).run({"x": x})["y"]
    shares = np.exp(choice) / np.exp(choice).sum(1, keepdims=True)
    parts = np.stack([np.maximum(x, 0), np.tanh(x), 1 / (1 + np.exp(-x))], axis=-1)
    np.testing.assert_allclose(found, (parts * shares).sum(-1), rtol=1e-12)


def test_a_planted_mix_is_found() -> None:
    """y = tanh(5 (a − b)) + ½ (a + b)²: three neurons of either kind alone cannot be both a step and a parabola."""
    x, a, b = points(600)
    y = np.tanh(5 * (a - b)) + 0.5 * (a + b) ** 2
    network = sloy.Network((2,), [Dense(3), Tanh(), Dense(1)])
    found = sloy.search_activations(
        network, (x, y[:, None]), choices=(square, "relu", "tanh"), epochs=60, runs=3, **FIT
    )
    chosen = found.chosen["tanh_1"]
    assert len(chosen) == 3
    assert {"tanh", "square"} <= set(chosen)
    assert found.is_sure
    assert found.gain > 5 * found.error
    assert found.losses["mixed"] < 0.1 * min(found.losses[n] for n in ("square", "relu", "tanh"))
    assert found.network == found.mixed == found.model.network
    assert isinstance(found.network.layers[1], PerNeuron)
    answers = found.model.predict(x).ravel()
    assert np.square(answers - y).mean() < 0.02
    assert f"{found.gain:.4f} ± {found.error:.4f} over {found.single} for all" in str(found)


def test_no_gain_is_said(tmp_path: object) -> None:
    """A plane: one neuron does, whatever it is."""
    x, a, b = points(200)
    network = sloy.Network((2,), [Dense(2), Sigmoid(), Dropout(0.1), Dense(1)])
    found = sloy.search_activations(
        network, (x, (a + b)[:, None]), choices=("relu", "tanh"), epochs=8, runs=1, **FIT
    )
    assert not found.is_sure
    assert found.single in ("relu", "tanh")
    assert found.network != found.mixed
    assert found.network.layer_names == network.layer_names
    assert found.network.layers[2].rate == 0.1
    said = [line.split() for line in str(found).splitlines()]
    assert [words[-2:] for words in said[:3]] == [
        [name, f"{found.losses[name]:.4f}"] for name in ("relu", "tanh", "mixed")
    ]  # one run: no second column of the same numbers
    assert said[3] == ["chosen", found.single, "for", "all"]
    assert said[4][:6] == ["gain", "no", "gain:", "a", "mix", "has"]
    assert len(said) == 5


@pytest.mark.parametrize(
    ("layers", "choices", "said"),
    [
        ([Dense(2)], ("relu", "tanh"), "has no activation before its last layer with weights"),
        ([Dense(2), Tanh()], ("relu", "tanh"), "has no activation before its last layer"),
        ([Dense(2), ReLU(), Dense(2)], ("relu",), r"`choices` \(=\['relu'\]\) must be two or more"),
        (
            [Dense(2), ReLU(), Dense(2)],
            ("relu", ReLU(), "relu"),
            "two or more that are not the same",
        ),
        ([Dense(2), ReLU(), Dense(2)], ("relu", Softmax()), "does not treat each element alike"),
        (
            [Dense(2), ReLU(), Dense(2)],
            ("relu", "wavy"),
            r"`activation` \(='wavy'\) must be one of",
        ),
    ],
)
def test_what_cannot_be_searched(layers: list, choices: tuple, said: str) -> None:
    x, a, _ = points(20)
    with pytest.raises(InvalidArgument, match=said):
        sloy.search_activations(
            sloy.Network((2,), layers),
            (x, (a > 0).astype(int)),
            choices=choices,
            engine="reference",
        )
