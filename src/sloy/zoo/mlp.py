"""Fully connected networks."""

from __future__ import annotations

from collections.abc import Sequence

from sloy.arguments import extents, integer, sequence
from sloy.graph.spec import Shape
from sloy.layers import Dense, Flatten, Layer, ReLU
from sloy.problem.network import Network


def mlp(input_shape: Shape, classes: int, hidden: Sequence[int] = (128,)) -> Network:
    """Dense layers with ReLU between them; the last gives logits (N, classes).

    Parameters
    ----------
    input_shape : tuple of int
        Of one sample, flattened first.
    classes : int
    hidden : sequence of int
        Neurons of each hidden layer; none for a linear classifier.

    Examples
    --------
    >>> mlp((4,), 3, hidden=(8, 8)).layer_names
    ('dense_1', 'relu_1', 'dense_2', 'relu_2', 'dense_3')
    """
    input_shape = extents("mlp", "input_shape", input_shape)
    layers: list[Layer] = [] if len(input_shape) == 1 else [Flatten()]
    for units in sequence("mlp", "hidden", hidden):
        layers += [Dense(units, weight_initializer="he_uniform"), ReLU()]
    layers.append(Dense(integer("mlp", "classes", classes)))
    return Network(input_shape, layers)
