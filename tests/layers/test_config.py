"""Layers as JSON values and back, and as pickles."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

from layer_cases import CASES, Case
from sloy import ops
from sloy.errors import FileFormatError, InvalidArgument
from sloy.graph import Graph, Tensor
from sloy.initializers import HeNormal
from sloy.layers import (
    LAYERS,
    Activation,
    Conv2D,
    Dense,
    Layer,
    PerNeuron,
    ReLU,
    Residual,
    Scope,
    Tanh,
    layer_from_config,
    register,
)
from sloy.problem import Network
from sloy.regularizers import L2, MaxNorm

FULL = Dense(
    3,
    use_bias=False,
    weight_initializer=HeNormal(),
    bias_initializer="normal",
    weight_regularizer=L2(0.5),
    weight_constraint=MaxNorm(2.0, axes=(0,)),
    name="head",
)


def text(layer: Layer, case: Case) -> str:
    x = ops.input("x", case.shape, "float64")
    key, step = ops.variable("random/key", (2,), "uint32"), ops.input("step", (), "uint32")
    network = Network(case.shape[1:], [layer])
    built = network.build(x, training=True, key=key, step=step)
    return str(Graph.of({"y": built.output}, built.updates))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_round_trip(case: Case) -> None:
    config = json.loads(json.dumps(case.layer.to_config(case.shape[1:])))
    again = layer_from_config(config)
    assert text(again, case) == text(case.layer, case)
    assert again.to_config(case.shape[1:]) == config
    if not isinstance(case.layer, Activation | PerNeuron):  # functions are equal as graphs only
        assert again == case.layer


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pickle_and_copy(case: Case) -> None:
    for again in (pickle.loads(pickle.dumps(case.layer)), copy.deepcopy(case.layer)):
        assert text(again, case) == text(case.layer, case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_hash_and_equality(case: Case) -> None:
    assert hash(case.layer) == hash(case.layer)
    assert case.layer != Dense(3, name="another")


def test_every_argument_survives() -> None:
    again = layer_from_config(json.loads(json.dumps(FULL.to_config())))
    assert again == FULL
    assert repr(again) == repr(FULL)


def test_a_function_that_mixes_elements_needs_the_shape() -> None:
    centred = Activation(lambda z: z - ops.reduce_mean(z, -1, keepdims=True))
    with pytest.raises(InvalidArgument, match="input_shape"):
        centred.to_config()
    again = layer_from_config(centred.to_config((5,)))
    x = ops.input("x", (3, 5))
    assert str(Graph.of({"y": again.apply(Scope(), x)})) == str(
        Graph.of({"y": centred.apply(Scope(), x)})
    )


def test_a_chain_passes_shapes_on_to_functions_inside() -> None:
    def centre(z: Tensor) -> Tensor:
        return z - ops.reduce_mean(z, (1, 2, 3), keepdims=True)

    body: list[Layer] = [Conv2D(3, 3, padding="same"), Activation(centre)]
    network = Network((6, 5, 3), [Conv2D(3, 3), Residual(body), Activation(centre)])
    again = Network.from_config(json.loads(json.dumps(network.to_config())))
    x = ops.input("x", (7, 6, 5, 3))
    before, after = (Graph.of({"y": n.build(x).output}) for n in (network, again))
    assert str(before) == str(after)


class Doubled(Layer):
    """A layer of one's own, with the fields of its base."""

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        return x * 2.0


def test_a_layer_of_ones_own() -> None:
    register(Doubled)
    try:
        network = Network((3,), [Doubled(), Dense(2)])
        assert network.layer_names == ("doubled_1", "dense_1")
        assert Network.from_config(network.to_config()) == network
        with pytest.raises(InvalidArgument, match="already registered"):
            register(type("Doubled", (Layer,), {}))
    finally:
        del LAYERS["Doubled"]
    with pytest.raises(FileFormatError, match=r"no layer is named 'Doubled'.*register"):
        Network.from_config(network.to_config())


WRONG: list[tuple[Any, str]] = [
    (None, "a layer is described by None"),
    ([], "a layer is described by"),
    ({}, "a layer is described by"),
    ({"layer": "Dens", "units": 3}, "no layer is named 'Dens'"),
    ({"layer": ["Dense"]}, "no layer is named"),
    ({"layer": "Dense"}, "Dense cannot be read: .*units"),
    ({"layer": "Dense", "units": -1}, "Dense cannot be read: Dense: `units` \\(=-1\\)"),
    ({"layer": "Dense", "units": "3"}, "`units` \\(='3'\\)"),
    ({"layer": "Dense", "units": 3, "colour": 1}, "Dense cannot be read: .*colour"),
    ({"layer": "Dense", "units": 3, "weight_initializer": "magic"}, "`weight_initializer`"),
    ({"layer": "Dense", "units": 3, "weight_initializer": {"initializer": "Magic"}}, "no initializer"),
    ({"layer": "Dense", "units": 3, "weight_initializer": {"regularizer": "L2"}}, "weight_initializer"),
    ({"layer": "Dense", "units": 3, "weight_regularizer": {"what": 1}}, "an argument is"),
    ({"layer": "Dense", "units": 3, "name": "a/b"}, "`name` \\(='a/b'\\)"),
    ({"layer": "Residual", "layers": {"layer": "ReLU"}}, "must be a list"),
    ({"layer": "Residual", "layers": []}, "is empty"),
    ({"layer": "Residual", "layers": [7]}, "a layer is described by 7"),
    ({"layer": "Activation", "function": 3}, "stored function"),
    ({"layer": "Activation"}, "Activation cannot be read"),
    ({"layer": "PerNeuron", "activations": [[{"layer": "Dense", "units": 1}, 2]]}, "each element"),
    ({"layer": "MaxPool2D", "window": [2, 2, 2]}, "`window`"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "message"), WRONG, ids=[str(c)[:60] for c, _ in WRONG])
def test_a_wrong_description_is_one_clear_error(config: Any, message: str) -> None:
    with pytest.raises(FileFormatError, match=message):
        layer_from_config(config)


def test_deep_nesting_is_refused() -> None:
    config: dict[str, Any] = ReLU().to_config()
    for _ in range(5000):
        config = {"layer": "Residual", "layers": [config]}
    with pytest.raises(FileFormatError, match="deeper"):
        layer_from_config(config)


def test_an_argument_that_no_file_can_hold() -> None:
    class Strange(HeNormal):
        pass

    with pytest.raises(InvalidArgument, match="no form that a file can hold"):
        Dense(3, weight_initializer=Strange()).to_config()


def test_numpy_numbers_are_numbers() -> None:
    layer = Dense(np.int64(3))
    assert json.dumps(layer.to_config()) == json.dumps(Dense(3).to_config())
    assert Tanh().to_config() == {"layer": "Tanh"}


def test_a_class_that_is_not_made_of_its_fields() -> None:
    """What the constructor keeps beside the fields would not come back: refused, not left out."""

    class Loose(Dense):
        def __init__(self, units: int = 3) -> None:
            super().__init__(units)

    with pytest.raises(
        InvalidArgument,
        match=r"Loose: takes `units` but has the fields .*make the class a dataclass",
    ):
        Loose(4).to_config()
