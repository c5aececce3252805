"""A step by hand as a picture: the network with its values on neurons and edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.arguments import instance
from sloy.errors import InvalidArgument
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.theory.diagram import RADIUS, column, edge, neuron
from sloy.theory.gradients.trace import LayerTrace, StepTrace, activation_name
from sloy.theory.notation import decimal_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["trace_figure"]

MOST = 24  # edges between two layers whose numbers a figure can show
LINE = 0.235  # inches between two numbers of a column of edges
NODE = 0.98  # inches from neuron to neuron
GAP = 2.5  # inches from layer to layer


@styled
def trace_figure(trace: StepTrace) -> Figure:
    """The network of a step: values u and weights in blue, errors ε, σ′ and gradients ∂L/∂w in orange.

    Parameters
    ----------
    trace : StepTrace
        Of a small network: at most 24 weights (biases included) between two layers.
    """
    instance("trace_figure", "trace", trace, StepTrace)
    sizes = [(len(layer.inputs) + (layer.bias is not None), len(layer.z)) for layer in trace.layers]
    for layer, (inputs, outputs) in zip(trace.layers, sizes, strict=True):
        if inputs * outputs > MOST:
            raise InvalidArgument(
                f"trace_figure: `trace` has {inputs * outputs} weights in `{layer.name}`; at most {MOST} are"
                " legible. `print(trace)` shows larger steps."
            )
    nodes = max(max(size) for size in sizes)
    height = max(nodes * NODE, max(a * b for a, b in sizes) * LINE + 0.3)
    width = GAP * len(trace.layers) + 2 * RADIUS + 1.4
    figure = new_figure(width, height + 1.5, layout=None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(
        xlim=(-0.7 - RADIUS, width - 0.7 - RADIUS), ylim=(-0.95, height + 0.55), aspect="equal"
    )
    axes.set_axis_off()
    places = _places(trace, height)
    for position, layer in enumerate(trace.layers):
        _edges(axes, layer, places[position], places[position + 1])
    _neurons(axes, trace, places)
    _legend(axes, trace)
    return figure


def _places(trace: StepTrace, height: float) -> list[np.ndarray]:
    """Of each layer's neurons (n, 2), inputs first; where there is a bias, the constant 1 comes last."""
    found = []
    for position, layer in enumerate(trace.layers):
        count = len(layer.inputs) + (layer.bias is not None)
        found.append(column(position * GAP, count, height))
    found.append(column(len(trace.layers) * GAP, len(trace.layers[-1].z), height))
    return found


def _edges(axes: Axes, layer: LayerTrace, sources: np.ndarray, targets: np.ndarray) -> None:
    weights, gradients = layer.weight, layer.weight_gradient
    if layer.bias is not None and layer.bias_gradient is not None:
        weights = np.vstack([weights, layer.bias])
        gradients = np.vstack([gradients, layer.bias_gradient])
    targets = targets[: weights.shape[1]]
    middle = (sources[0, 0] + targets[0, 0]) / 2
    ends = [(j, k) for j in range(len(sources)) for k in range(len(targets))]
    # Numbers stand in one column, evenly spaced, in the order in which the edges pass it.
    passing = sorted(ends, key=lambda e: -_height(sources[e[0]], targets[e[1]]))
    centre = float(np.mean([_height(sources[j], targets[k]) for j, k in ends]))
    for line, (j, k) in enumerate(passing):
        y = centre + ((len(ends) - 1) / 2 - line) * LINE
        edge(axes, [sources[j], (middle - 0.52, y)])
        edge(axes, [(middle + 0.52, y), targets[k]])
        shared: dict[str, Any] = {"va": "center", "fontsize": 8}
        axes.text(middle - 0.05, y, _short(weights[j, k]), ha="right", color=BLUE, **shared)
        axes.text(middle + 0.05, y, _short(gradients[j, k]), ha="left", color=ORANGE, **shared)


def _neurons(axes: Axes, trace: StepTrace, places: Sequence[np.ndarray]) -> None:
    for position, layer in enumerate(trace.layers):
        for (x, y), value in zip(places[position], layer.inputs, strict=False):
            neuron(axes, x, y, _short(value))
        if layer.bias is not None:
            x, y = places[position][-1]
            neuron(axes, x, y, "1", dashed=True)
        name = activation_name(layer)
        for k, (x, y) in enumerate(places[position + 1][: len(layer.z)]):
            if position + 1 == len(trace.layers):
                neuron(axes, x, y, _short(layer.u[k]))
            beside: dict[str, Any] = {
                "fontsize": 8,
                "color": ORANGE,
                "va": "top",
                "ha": "center",
                "zorder": 2,
            }
            beside["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
            derivative = f"\nσ′ {_short(layer.slope[k])}" if name else ""
            axes.text(x, y - RADIUS - 0.04, f"ε {_short(layer.error[k])}{derivative}", **beside)


def _legend(axes: Axes, trace: StepTrace) -> None:
    left, top = axes.get_xlim()[0] + 0.12, axes.get_ylim()[1] - 0.1
    names = ["x", *(f"u = {activation_name(layer)}(z)" for layer in trace.layers)]
    last = activation_name(trace.layers[-1])
    names[-1] = f"a = {last}(z)" if last else "a"
    for position, name in enumerate(names):
        axes.text(
            position * GAP,
            top,
            name.replace("u = (z)", "u = z"),
            ha="center",
            va="top",
            fontsize=10,
        )
    bottom = axes.get_ylim()[0]
    target = ", ".join(decimal_text(v) for v in np.ravel(trace.y))
    losses = f"L = {decimal_text(trace.loss)}  →  {decimal_text(trace.new_loss)}"
    lines = (
        (
            f"y = {target}    {losses}  after a step of η = {decimal_text(trace.learning_rate)}",
            GREY,
        ),
        ("ε = ∂L/∂u, σ′ and ∂L/∂w", ORANGE),
        ("values and weights", BLUE),
    )
    for line, (text, colour) in enumerate(lines):
        axes.text(left, bottom + 0.1 + 0.2 * line, text, color=colour, fontsize=9)


def _height(source: np.ndarray, target: np.ndarray) -> float:
    return float(source[1] + target[1]) / 2


def _short(value: float) -> str:
    return decimal_text(value, 3)
