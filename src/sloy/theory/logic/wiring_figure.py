"""The wiring of a network of threshold neurons (L4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sloy.errors import InvalidArgument
from sloy.inspection.style import BLUE, ORANGE, new_figure, styled
from sloy.layers import Dense
from sloy.model import Model
from sloy.theory.diagram import column, neuron
from sloy.theory.notation import fraction_text, input_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["wiring_figure"]

MOST = 24  # neurons of a layer
APART = 2.6  # inches between layers


@styled
def wiring_figure(model: Model, names: Sequence[str] | None = None) -> Figure:
    """Inputs, neurons and output as circles; a line for each weight that is not 0.

    A neuron shows what the sum of its inputs must exceed. Weights of 1 are full blue lines, of -1 dashed orange
    ones, others carry their number.

    Parameters
    ----------
    model : Model
        Dense layers with activations between them, up to 24 neurons in each.
    names : sequence of str, optional
        Of the inputs; x1, x2, … by default.
    """
    layers = _dense(model)
    sizes = [len(layers[0][0]), *(weight.shape[1] for weight, _ in layers)]
    if max(sizes) > MOST:
        raise InvalidArgument(
            f"wiring_figure: the network has layers of {sizes} neurons; up to {MOST} can be drawn."
        )
    words = input_names("wiring_figure", names, sizes[0])
    height = max(2.0, 0.75 * max(sizes))
    width = APART * (len(sizes) - 1) + 2.0
    figure = new_figure(width, height + 0.7)
    axes = figure.subplots()
    places = [column(0.8 + APART * k, size, height) for k, size in enumerate(sizes)]
    for (weight, _), left, right in zip(layers, places[:-1], places[1:], strict=True):
        _edges(axes, weight, left, right)
    for point, word in zip(places[0], words, strict=True):
        neuron(axes, float(point[0]), float(point[1]), word)
    for (_, bias), column_places in zip(layers, places[1:], strict=True):
        for point, threshold in zip(column_places, -bias, strict=True):
            text = f"> {fraction_text(float(threshold))}"
            neuron(axes, float(point[0]), float(point[1]), text)
    plain = all(np.isin(weight, (-1, 0, 1)).all() for weight, _ in layers)
    plus, minus = ("weight 1", "weight -1") if plain else ("weight above 0", "weight below 0")
    for kind, style, colour in ((plus, "-", BLUE), (minus, "--", ORANGE)):
        axes.plot([], [], style, color=colour, label=kind)
    figure.legend(loc="outside lower center", ncols=2)
    axes.set_xlim(0, width - 0.4)
    axes.set_ylim(0, height)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return figure


def _edges(axes: Axes, weight: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    for i, o in np.argwhere(weight):
        value = float(weight[i, o])
        style, colour = ("-", BLUE) if value > 0 else ("--", ORANGE)
        (x0, y0), (x1, y1) = left[i], right[o]
        axes.plot([x0, x1], [y0, y1], style, color=colour, linewidth=1.2, zorder=1)
        if abs(value) != 1:
            share = 0.3 if (i + o) % 2 else 0.42
            axes.text(
                x0 + share * (x1 - x0),
                y0 + share * (y1 - y0),
                fraction_text(value),
                fontsize=8,
                ha="center",
                va="center",
                backgroundcolor="white",
            )


def _dense(model: Model) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weight (I, O) and bias (O,) of each dense layer; other layers must have no parameters."""
    found = []
    for layer, name in zip(model.network.layers, model.network.layer_names, strict=True):
        if isinstance(layer, Dense):
            bias = model.parameters[f"{name}/bias"] if layer.use_bias else np.zeros(layer.units)
            found.append((model.parameters[f"{name}/weight"].astype(float), bias.astype(float)))
    own = {name.split("/")[0] for name in model.network.shapes}
    sizes = [*model.network.input_shape, *(weight.shape[1] for weight, _ in found)]
    fits = len(sizes) == len(found) + 1 and sizes[:-1] == [len(weight) for weight, _ in found]
    if not found or len(own) != len(found) or not fits:
        raise InvalidArgument("wiring_figure: the network must be of dense layers and activations.")
    return found
