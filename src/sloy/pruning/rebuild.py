"""The network without some units, and its parameters: layers of the same kinds, narrower."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sloy.graph.spec import Shape
from sloy.layers import (
    Conv2D,
    Dense,
    GroupedDense,
    Maxout,
    PerNeuron,
    Rescale,
    Reshape,
    Sequential,
    SqueezeExcitation,
)
from sloy.layers.base import Layer, layer_names
from sloy.problem import Network

Places = tuple[np.ndarray, ...]


def narrowed(
    network: Network, shapes: Mapping[str, Shape], outputs: Mapping[str, Places]
) -> Network:
    """The network with parameters of other shapes.

    Parameters
    ----------
    network : Network
    shapes : mapping
        Name of a parameter → its shape.
    outputs : mapping
        Name of a layer → of each axis of its output the places that remain.

    Raises
    ------
    InvalidArgument
        Where layers do not fit each other any more.
    """
    layers = _chain(network.layers, "", shapes, outputs)
    return Network(network.input_shape, layers)


def _chain(
    layers: Sequence[Layer], path: str, shapes: Mapping[str, Shape], outputs: Mapping[str, Places]
) -> list[Layer]:
    found: list[Layer] = []
    for name, layer in zip(layer_names(layers), layers, strict=True):
        inner = f"{path}{name}"
        if isinstance(layer, Sequential):
            chains: dict[str, Any] = {
                of: _chain(getattr(layer, of), _inside(inner, of), shapes, outputs)
                for of in layer.CHAINS
                if getattr(layer, of) is not None
            }
            found.append(replace(layer, **chains))
            continue
        rule = next((RULES[kind] for kind in type(layer).__mro__ if kind in RULES), None)
        of_layer = {
            n.removeprefix(f"{inner}/"): s for n, s in shapes.items() if n.startswith(f"{inner}/")
        }
        changes = rule(layer, of_layer, outputs[inner]) if rule is not None else {}
        same = all(getattr(layer, key) == value for key, value in changes.items())
        found.append(layer if same else replace(layer, **changes))
    return found


def _inside(path: str, of: str) -> str:
    return f"{path}/" if of == "layers" else f"{path}/{of}/"


# --- what changes of a layer: its fields, from the shapes of its parameters and the places of its output --------------


def _dense(layer: Any, shapes: Mapping[str, Shape], places: Places) -> dict[str, Any]:
    return {"units": shapes["weight"][-1]}


def _maxout(layer: Maxout, shapes: Mapping[str, Shape], places: Places) -> dict[str, Any]:
    return {"units": shapes["weight"][1] // layer.pieces}


def _conv2d(layer: Conv2D, shapes: Mapping[str, Shape], places: Places) -> dict[str, Any]:
    _, _, inputs, filters = shapes["weight"]
    groups = layer.groups
    if groups > 1 and inputs == 1:  # filters of their own for each channel
        groups = groups * filters // layer.filters
    return {"filters": filters, "groups": groups}


def _squeeze(
    layer: SqueezeExcitation, shapes: Mapping[str, Shape], places: Places
) -> dict[str, Any]:
    return {"channels": shapes["reduce/weight"][1]}


def _per_neuron(layer: PerNeuron, shapes: Mapping[str, Shape], places: Places) -> dict[str, Any]:
    owners = [entry for entry, count in layer.activations for _ in range(count)]  # type: ignore[misc]
    runs = [(owners[place], 1) for place in places[-1]]
    return {"activations": replace(layer, activations=runs).activations}


def _reshape(layer: Reshape, shapes: Mapping[str, Shape], places: Places) -> dict[str, Any]:
    extents = tuple(len(axis) for axis in places[1:])
    kept = zip(layer.shape, extents, strict=True)
    return {"shape": tuple(-1 if old == -1 else new for old, new in kept)}


def _rescale(layer: Rescale, shapes: Mapping[str, Shape], places: Places) -> dict[str, Any]:
    return {
        name: tuple(value[place] for place in places[-1])
        for name in ("factor", "shift")
        if isinstance(value := getattr(layer, name), tuple)
    }


RULES: dict[type[Layer], Callable[..., dict[str, Any]]] = {
    Dense: _dense,
    GroupedDense: _dense,
    Maxout: _maxout,
    Conv2D: _conv2d,
    SqueezeExcitation: _squeeze,
    PerNeuron: _per_neuron,
    Reshape: _reshape,
    Rescale: _rescale,
}


def sliced(values: Mapping[str, np.ndarray], kept: Mapping[str, Places]) -> dict[str, np.ndarray]:
    """Parameters at the places that remain of each axis; those that are not named are whole."""
    return {
        name: np.ascontiguousarray(value[np.ix_(*kept[name])])
        if name in kept and value.ndim
        else value
        for name, value in values.items()
    }
