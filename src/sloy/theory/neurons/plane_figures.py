"""Neurons and small networks of two inputs drawn in the plane: lines, half-planes, regions (L1-L3)."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.arguments import array
from sloy.errors import InvalidArgument, ShapeError
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.layers import Dense
from sloy.model import Model
from sloy.theory.neurons.neuron import Neuron
from sloy.theory.neurons.separation import signs
from sloy.theory.notation import input_names, linear_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["half_planes_figure", "neuron_figure"]

FINE = 241  # points of the picture along each side
MOST_PANELS = 8
SHADES = ["#FFFFFF", "#CFE3F1"]  # no, yes
CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)  # of the unit square


@styled
def neuron_figure(
    neuron: Neuron, x: Any = None, y: Any = None, names: Sequence[str] | None = None
) -> Figure:
    """A neuron of two inputs: its line b + w·x = 0, its answers as shades, and objects.

    Parameters
    ----------
    neuron : Neuron
        Of two inputs.
    x : array, shape (N, 2), optional
        Objects; the four corners of the unit square by default.
    y : array, shape (N,), optional
        Their classes, 0 and 1 or -1 and 1; what the neuron says by default.
    names : two str, optional
        Of the inputs.
    """
    if len(neuron.weights) != 2:
        raise InvalidArgument(
            f"neuron_figure: the neuron has {len(neuron.weights)} inputs; a plane shows 2."
        )
    points = CORNERS if x is None else array("neuron_figure", "x", x).astype(float)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ShapeError(f"neuron_figure: `x` has shape {points.shape}; it must be (N, 2).")
    said = neuron(points)
    middle = 0.5 if said.min(initial=0) >= 0 else 0.0
    yes = said > middle if y is None else signs("neuron_figure", y, len(points)) > 0
    words = input_names("neuron_figure", names, 2)
    figure = new_figure(4.6, 4.4)
    axes = figure.subplots()
    window = _window(points)
    places = _places(window)
    answers = neuron(places)
    _shade(axes, window, answers, smooth=not neuron.threshold)
    w, b = np.asarray(neuron.weights), neuron.bias
    if w.any():
        axes.contour(*_mesh(window), (places @ w + b).reshape(FINE, FINE), [0.0], colors="black")
    _corners(axes, points, yes)
    axes.set_title(neuron.equation(words), fontsize=10)
    axes.set_xlabel(words[0])
    axes.set_ylabel(words[1])
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    return figure


@styled
def half_planes_figure(model: Model, names: Sequence[str] | None = None) -> Figure:
    """A network of two inputs: the half-plane of each neuron of its first layer, and where its answer is 1.

    Parameters
    ----------
    model : Model
        Two inputs; one output.
    names : two str, optional
    """
    network = model.network
    if network.input_shape != (2,) or network.output_shape != (1,):
        raise InvalidArgument(
            f"half_planes_figure: the network is {network.input_shape} → {network.output_shape}; it"
            " must have two inputs and one output."
        )
    words = input_names("half_planes_figure", names, 2)
    hidden = _first_layer(model)[:MOST_PANELS] if len(network.layers) > 2 else []
    columns = min(len(hidden) + 1, 3)
    rows = ceil((len(hidden) + 1) / columns)
    figure = new_figure(3.1 * columns, 3.4 * rows + 0.3)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    window = (-0.6, 1.6, -0.6, 1.6)
    places = _places(window)
    yes = model(CORNERS)[:, 0] > 0
    for number, (axes, (weights, bias)) in enumerate(zip(panels, hidden, strict=False)):
        z = places @ weights + bias
        _shade(axes, window, (z > 0).astype(float))
        if weights.any():
            axes.contour(*_mesh(window), z.reshape(FINE, FINE), [0.0], colors="black")
        axes.set_title(f"neuron {number + 1}: {linear_text(weights, bias, words)} > 0", fontsize=9)
        _corners(axes, CORNERS, yes)
    last = panels[len(hidden)]
    _shade(last, window, (model(places.astype(np.float32))[:, 0] > 0).astype(float))
    _corners(last, CORNERS, yes)
    last.set_title("network: 1 where shaded", fontsize=9)
    for axes in panels[: len(hidden) + 1]:
        axes.set_xlabel(words[0])
        axes.set_ylabel(words[1])
        axes.set_xticks([0, 1])
        axes.set_yticks([0, 1])
    for axes in panels[len(hidden) + 1 :]:
        axes.set_visible(False)
    handles, labels = last.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _first_layer(model: Model) -> list[tuple[np.ndarray, float]]:
    """Weights and bias of each neuron that sees the inputs."""
    layer, name = model.network.layers[0], model.network.layer_names[0]
    if not isinstance(layer, Dense):
        return []
    weight = model.parameters[f"{name}/weight"].astype(float)
    bias = np.zeros(layer.units)
    if layer.use_bias:
        bias = model.parameters[f"{name}/bias"].astype(float)
    return [(weight[:, unit], float(bias[unit])) for unit in range(layer.units)]


def _window(points: np.ndarray) -> tuple[float, float, float, float]:
    """Left, right, bottom, top: the points with room around them."""
    low, high = points.min(0), points.max(0)
    room = np.where(high > low, 0.3 * (high - low), 1.0)
    (left, bottom), (right, top) = low - room, high + room
    return float(left), float(right), float(bottom), float(top)


def _mesh(window: tuple[float, float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    left, right, bottom, top = window
    x, y = np.meshgrid(np.linspace(left, right, FINE), np.linspace(bottom, top, FINE))
    return x, y


def _places(window: tuple[float, float, float, float]) -> np.ndarray:
    """(FINE², 2)."""
    return np.stack([m.ravel() for m in _mesh(window)], axis=1)


def _shade(
    axes: Axes,
    window: tuple[float, float, float, float],
    values: np.ndarray,
    *,
    smooth: bool = False,
) -> None:
    """Yes in blue, no in white; a smooth neuron's values between, with a scale."""
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    picture = values.reshape(FINE, FINE)
    colours = (
        LinearSegmentedColormap.from_list("answer", SHADES) if smooth else ListedColormap(SHADES)
    )
    image = axes.imshow(
        picture, extent=window, origin="lower", aspect="auto", cmap=colours, interpolation="nearest"
    )
    if smooth and axes.figure is not None:
        axes.figure.colorbar(image, ax=axes, label="a(x)", shrink=0.8)
    else:
        image.set_clim(min(0.0, float(picture.min())), 1.0)
    axes.set_xlim(window[:2])
    axes.set_ylim(window[2:])


def _corners(axes: Axes, points: np.ndarray, yes: np.ndarray) -> None:
    """Objects: full circles for yes, open squares for no."""
    size = 9 if len(points) <= 16 else 4.5
    looks = ((yes, "o", BLUE, BLUE, "yes (1)"), (~yes, "s", "white", ORANGE, "no"))
    for chosen, mark, face, colour, label in looks:
        axes.plot(
            *points[chosen].T,
            mark,
            color=face,
            markeredgecolor=colour if face == "white" else GREY,
            markeredgewidth=1.6 if face == "white" else 0.8,
            markersize=size,
            label=label,
            linestyle="none",
        )
