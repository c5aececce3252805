"""The network of an estimator: the layers that were given, and the output layer that the data need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from sloy import zoo
from sloy.arguments import integer, sequence
from sloy.errors import InvalidArgument, ShapeError
from sloy.estimators import defaults
from sloy.estimators.defaults import Known, is_auto
from sloy.graph.spec import Shape
from sloy.layers import Dense, Flatten, Layer
from sloy.layers.base import as_layers
from sloy.problem.network import Network
from sloy.text import shown


def complete_network(where: str, hidden: Any, input_shape: Any, known: Known) -> Network:
    """The network with the output layer.

    Parameters
    ----------
    where : str
        The estimator, for messages.
    hidden, input_shape : object
        Its parameters.
    known : Known
        What is known of the samples that it was given.
    """
    if isinstance(hidden, Network):
        return _whole(where, hidden, known)
    shape = known.shape if input_shape is None else _given(where, input_shape, known.shape)
    if is_auto(hidden):
        return Network(shape, defaults.layers(replace(known, shape=shape)))
    front = _front(known)
    if isinstance(hidden, str):
        if hidden not in zoo.PRESETS:
            raise InvalidArgument(_unfit(where, hidden))
        spread = Network(shape, front).output_shape if front else shape
        preset = zoo.make(hidden, spread, known.outputs)
        return (
            Network(shape, [*front, *preset.layers, *known.ends]) if front or known.ends else preset
        )
    if isinstance(hidden, Layer | type) or not isinstance(hidden, Sequence):
        raise InvalidArgument(_unfit(where, hidden))
    layers = [*front, *(as_layers(where, "hidden", hidden) if hidden else ())]
    ahead = Network(shape, layers).output_shape if layers else shape
    flat: list[Layer] = [Flatten()] if len(ahead) > 1 else []
    return Network(shape, [*layers, *flat, Dense(known.outputs), *known.ends])


def _whole(where: str, network: Network, known: Known) -> Network:
    """A complete network, as it is."""
    if network.output_shape != (known.outputs,):
        raise ShapeError(
            f"{where}: `hidden`: the network has outputs of shape {network.output_shape}; the"
            f" data need {(known.outputs,)}."
        )
    if known.classes and network.layers[0] != (needed := _front(known)[0]):
        raise ShapeError(
            f"{where}: `hidden`: X has categories, so that the network must begin with {needed}; or give"
            " the layers between that and the output layer alone."
        )
    return network


def _front(known: Known) -> tuple[Layer, ...]:
    """What spreads the categories; nothing where there are none."""
    if not known.classes:
        return ()
    return tuple(zoo.table(known.shape[0], 1, classes=known.classes, hidden=()).layers[:1])


def _given(where: str, input_shape: Any, sample_shape: Shape) -> Shape:
    """`input_shape`, which must hold as many numbers as the samples do."""
    extents = sequence(where, "input_shape", input_shape)
    found = tuple(integer(where, "input_shape", extent) for extent in extents)
    if prod(found) != prod(sample_shape):
        raise ShapeError(
            f"{where}: `input_shape` (={shown(input_shape)}) must hold {prod(sample_shape)} numbers,"
            f" as the samples do (shape {sample_shape}); it holds {prod(found)}."
        )
    return found


def _unfit(where: str, given: Any) -> str:
    return (
        f"{where}: `hidden` (={shown(given)}) must be 'auto', a list or tuple of layers, a Network, or one"
        f" of {', '.join(zoo.PRESETS)}."
    )
