"""Neurons and small networks of two inputs drawn in the plane: lines, half-planes, regions (L1-L3)."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.arguments import instance
from sloy.errors import InvalidArgument
from sloy.inspection.deciding import Decider, deciding, threshold_of
from sloy.inspection.decision import has_more_weights
from sloy.inspection.plane import Window, border, draw_classes, light, look, objects, shade
from sloy.inspection.style import BLUE, new_figure, styled
from sloy.language import counted, say
from sloy.layers import Dense
from sloy.model import Model
from sloy.theory.neurons.neuron import Neuron
from sloy.theory.neurons.separation import signs
from sloy.theory.notation import input_names, linear_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["half_planes_figure", "neuron_figure"]

MOST_PANELS = 8
LINE = 36  # letters above a panel
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
        Their classes, 0 and 1 or -1 and 1; what the neuron says by default: yes above ½ where σ stays within 0 and
        1, else above 0.
    names : two str, optional
        Of the inputs.
    """
    instance("neuron_figure", "neuron", neuron, Neuron)
    if len(neuron.weights) != 2:
        raise InvalidArgument(
            f"neuron_figure: the neuron has {len(neuron.weights)} inputs; a plane shows 2."
        )
    points = objects("neuron_figure", CORNERS if x is None else x)
    middle = threshold_of(neuron.model())
    yes = neuron(points) > middle if y is None else signs("neuron_figure", y, len(points)) > 0
    words = input_names("neuron_figure", names, 2)
    figure = new_figure(4.6, 4.4)
    axes = figure.subplots()
    window = Window.around(points)
    places = window.places()
    answers = neuron(places)
    low, high = float(answers.min()), float(answers.max())
    if neuron.threshold or low == high:
        low, high = min(low, 0.0), 1.0
    image = shade(axes, window, answers, _no_to_yes(), (low, high))
    if not neuron.threshold:
        figure.colorbar(image, ax=axes, label="a(x)", shrink=0.8)
    border(axes, window, places @ np.asarray(neuron.weights) + neuron.bias)
    draw_classes(axes, points, yes.astype(int), _no_and_yes())
    axes.set_title(neuron.equation(words), fontsize=10)
    axes.set_xlabel(words[0])
    axes.set_ylabel(words[1])
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    return figure


@styled
def half_planes_figure(
    model: Model,
    names: Sequence[str] | None = None,
    *,
    x: Any = None,
    threshold: float | None = None,
) -> Figure:
    """A network of two inputs: the half-plane of each neuron of its first layer, and the network's own answer.

    Objects are marked with what the network says of them.

    Parameters
    ----------
    model : Model
        Two inputs, the first layer `Dense`; one output, or one for each of K classes. Of a hidden layer of more
        than eight neurons the first eight are shown, and the figure says so.
    names : two str, optional
        Of the inputs.
    x : array, shape (N, 2), optional
        Objects; the four corners of the unit square by default.
    threshold : float, optional
        Above which the one output means yes. By default 0 for a loss from logits; else ½ where the output stays
        within 0 and 1 (sigmoid, Heaviside), and 0 for every other (linear, tanh, sign).

    Raises
    ------
    InvalidArgument
        Where the network has no half-planes: other than two inputs, a first layer that is not `Dense`.

    Examples
    --------
    >>> from sloy.theory import xor_by_layers
    >>> figure = half_planes_figure(xor_by_layers(), ["a", "b"])
    >>> [axes.get_title() for axes in figure.axes]
    ['neuron 1: a + b - 1/2 > 0', 'neuron 2: a + b - 3/2 > 0', 'network: yes where shaded']
    """
    where = "half_planes_figure"
    instance(where, "model", model, Model)
    decider = deciding(where, model, threshold=threshold)
    first = model.network.layers[0]
    if not isinstance(first, Dense):
        raise InvalidArgument(
            f"{where}: the network begins with {first}; half-planes are those of neurons that see the inputs"
            " themselves, so its first layer must be Dense (`sloy.inspection.decision_figure` draws any)."
        )
    words = input_names(where, names, 2)
    points = objects(where, CORNERS if x is None else x)
    window = Window.around(points)
    places = window.places()
    lines = _lines(model) if has_more_weights(model, 0) else []
    shown = lines[:MOST_PANELS]
    columns = 2 if len(shown) == 3 else min(len(shown) + 1, 3)
    rows = ceil((len(shown) + 1) / columns)
    figure = new_figure(3.1 * columns, 3.4 * rows + 0.3)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    said = decider.classes(decider.numbers(points))
    classes = decider.names if decider.kind == "classes" else _no_and_yes()
    for number, (axes, (weights, bias)) in enumerate(zip(panels, shown, strict=False), 1):
        z = places @ weights + bias
        shade(axes, window, (z > 0).astype(float), _no_to_yes(), (0, 1))
        border(axes, window, z)
        formula = f"{linear_text(weights, bias, words)} > 0"
        title = f"{say('neuron {number}:', number=number)} {formula}"
        axes.set_title(fill(title, LINE), fontsize=9)
    last = panels[len(shown)]
    _draw_answer(last, window, decider, len(classes))
    for axes in panels[: len(shown) + 1]:
        draw_classes(axes, points, said, classes)
        axes.set(xlabel=words[0], ylabel=words[1])
        if x is None:
            axes.set(xticks=[0, 1], yticks=[0, 1])
    for axes in panels[len(shown) + 1 :]:
        axes.remove()
    if len(shown) < len(lines):
        neurons = counted(len(lines), "neuron")
        figure.suptitle(
            say("The first {shown} of {neurons}", shown=len(shown), neurons=neurons), fontsize=10
        )
    figure.legend(
        *last.get_legend_handles_labels(), loc="outside lower center", ncols=min(len(classes), 6)
    )
    return figure


def _draw_answer(axes: Axes, window: Window, decider: Decider, classes: int) -> None:
    """Where the network says yes, or which class."""
    regions = decider.classes(decider.numbers(window.places()))
    if decider.kind == "yes":
        shade(axes, window, regions.astype(float), _no_to_yes(), (0, 1))
        axes.set_title(say("network: yes where shaded"), fontsize=9)
        return
    colours = np.array([light(look(number)[0]) for number in range(classes)])
    shade(axes, window, colours[regions], _no_to_yes(), (0, 1))
    axes.set_title(say("network: the class by colour"), fontsize=9)


def _no_to_yes() -> tuple[Any, Any]:
    """The colours of half-planes."""
    return "white", light(BLUE, 0.2)


def _no_and_yes() -> tuple[str, str]:
    return say("no"), say("yes")


def _lines(model: Model) -> list[tuple[np.ndarray, float]]:
    """Weights and bias of each neuron of the first layer, of the inputs as they are given."""
    layer, name = model.network.layers[0], model.network.layer_names[0]
    weight = model.parameters[f"{name}/weight"].astype(float)  # (2, units)
    units = weight.shape[1]
    bias = np.zeros(units)
    if isinstance(layer, Dense) and layer.use_bias:
        bias = model.parameters[f"{name}/bias"].astype(float)
    if before := model.problem.preprocessing:
        weight = weight / np.broadcast_to(before.deviation, 2)[:, None]
        bias = bias - np.broadcast_to(before.mean, 2) @ weight
    return [(weight[:, unit], float(bias[unit])) for unit in range(units)]
