"""The network of an estimator: the layers that were given, and the output layer that the data need."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from sloy import zoo
from sloy.arguments import integer, sequence
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.spec import Shape
from sloy.layers import Dense, Flatten, Layer
from sloy.layers.base import as_layers
from sloy.problem.network import Network


def complete_network(
    where: str, hidden: Any, input_shape: Any, sample_shape: Shape, outputs: int
) -> Network:
    """The network with the output layer.

    Parameters
    ----------
    where : str
        The estimator, for messages.
    hidden, input_shape : object
        Its parameters.
    sample_shape : tuple of int
        Of the samples that it was given.
    outputs : int
        Units of the output layer.
    """
    if isinstance(hidden, Network):
        if hidden.output_shape != (outputs,):
            raise ShapeError(
                f"{where}: `hidden`: the network has outputs of shape {hidden.output_shape}; the"
                f" data need {(outputs,)}."
            )
        return hidden
    shape = sample_shape if input_shape is None else _given(where, input_shape, sample_shape)
    if isinstance(hidden, str):
        if hidden not in zoo.PRESETS:
            raise InvalidArgument(_unfit(where, hidden))
        return zoo.make(hidden, shape, outputs)
    if isinstance(hidden, Layer | type) or not isinstance(hidden, Sequence):
        raise InvalidArgument(_unfit(where, hidden))
    layers = as_layers(where, "hidden", hidden) if hidden else ()
    ahead = Network(shape, layers).output_shape if layers else shape
    flat: list[Layer] = [Flatten()] if len(ahead) > 1 else []
    return Network(shape, [*layers, *flat, Dense(outputs)])


def _given(where: str, input_shape: Any, sample_shape: Shape) -> Shape:
    """`input_shape`, which must hold as many numbers as the samples do."""
    extents = sequence(where, "input_shape", input_shape)
    found = tuple(integer(where, "input_shape", extent) for extent in extents)
    if prod(found) != prod(sample_shape):
        raise ShapeError(
            f"{where}: `input_shape` (={input_shape!r}) must hold {prod(sample_shape)} numbers,"
            f" as the samples do (shape {sample_shape}); it holds {prod(found)}."
        )
    return found


def _unfit(where: str, given: Any) -> str:
    return (
        f"{where}: `hidden` (={given!r}) must be a list or tuple of layers, a Network, or one of"
        f" {', '.join(zoo.PRESETS)}."
    )
