"""The lecture's activations and their slopes, side by side (L15)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from sloy import ops
from sloy.arguments import instance, real, sample_array
from sloy.engines.reference import computed
from sloy.errors import InvalidArgument
from sloy.graph import Tensor, backprop
from sloy.graph.stored import is_elementwise
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import say
from sloy.layers import ELU, Activation, Layer, LeakyReLU, ReLU, Sigmoid, Sign, Tanh
from sloy.layers.base import Scope
from sloy.text import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["activation_values", "activations_figure"]


def maxout_of_two_lines(z: Tensor) -> Tensor:
    """max(w1 z + b1, w2 z + b2) for one input, w = (-0.5, 1) and b = (-1, 0): what Maxout(1, pieces=2) can learn."""
    return ops.maximum(-0.5 * z - 1.0, z)


LECTURE: dict[str, Layer] = {
    "sign": Sign(),
    "sigmoid": Sigmoid(),
    "tanh": Tanh(),
    "ReLU": ReLU(),
    "Leaky ReLU": LeakyReLU(0.1),
    "Maxout (two lines)": Activation(maxout_of_two_lines),
    "ELU": ELU(),
}


def acts_alone(layer: object) -> bool:
    """Whether this is a layer without parameters that treats each neuron alone."""
    return isinstance(layer, Layer) and is_elementwise(
        lambda x: layer.apply(Scope(dtype=x.dtype), x)
    )


def activation_values(activation: Layer, z: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """σ(z) and σ'(z), the slope by backprop, in float64.

    Parameters
    ----------
    activation : Layer
        One that treats each neuron alone; a user's function as `Activation(function)`.
    z : array

    Returns
    -------
    (array, array) of the shape of z

    Examples
    --------
    >>> values, slopes = activation_values(LeakyReLU(), np.array([-2.0, 3.0]))
    >>> values.tolist(), slopes.tolist()
    ([-0.2, 3.0], [0.1, 1.0])
    """
    if not acts_alone(activation):
        raise InvalidArgument(
            f"activation_values: `activation` (={shown(activation)}) must be an activation that treats each neuron"
            " alone."
        )
    points = np.ascontiguousarray(
        sample_array("activation_values", "z", z).astype(np.float64).reshape(-1, 1)
    )  # (N, 1)
    x = ops.input("z", points.shape, "float64")
    y = activation.apply(Scope(dtype="float64"), x)
    slope = backprop(ops.reduce_sum(y), [x])[0]
    found = computed({"value": y, "slope": slope}, {"z": points})
    return found["value"].reshape(np.shape(z)), found["slope"].reshape(np.shape(z))


@styled
def activations_figure(
    activations: Mapping[str, Layer] | None = None, *, limit: float = 4.0
) -> Figure:
    """Each σ and its slope σ'.

    Parameters
    ----------
    activations : mapping
        Name → activation; by default the lecture's seven.
    limit : float
        z goes from -limit to limit.
    """
    given = LECTURE if activations is None else activations
    instance("activations_figure", "activations", given, Mapping)
    drawn = dict(given)
    if not drawn:
        raise InvalidArgument("activations_figure: `activations` is empty.")
    limit = real("activations_figure", "limit", limit, above=0)
    z = np.linspace(-limit, limit, 401)
    columns = min(4, len(drawn))
    rows = math.ceil(len(drawn) / columns)
    figure = new_figure(2.35 * columns + 0.3, 2.3 * rows + 0.5)
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (name, activation) in zip(grid, drawn.items(), strict=False):
        values, slopes = activation_values(activation, z)
        jumps = np.abs(np.diff(values)) > 0.5
        values[1:][jumps] = np.nan  # a jump is no line
        axes.axhline(0, color="#CCCCCC", lw=0.8)
        axes.axvline(0, color="#CCCCCC", lw=0.8)
        axes.plot(z, values, color=BLUE, label="σ(z)")
        axes.plot(z, slopes, "--", color=ORANGE, lw=1.4, label="σ′(z)")
        axes.set_title(say(name))
        axes.set_xlabel("z", color=GREY)
    for axes in grid[len(drawn) :]:
        axes.set_axis_off()
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower right", ncols=2)
    return figure
