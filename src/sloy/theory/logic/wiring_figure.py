"""The wiring of a small network of dense layers (L4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sloy.arguments import instance
from sloy.errors import InvalidArgument
from sloy.inspection.measured_text import bottom_legend, legend_width, text_extent
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import say
from sloy.layers import Dense, Dropout, Heaviside, Layer, PerNeuron, Sign
from sloy.model import Model
from sloy.theory.diagram import SIZES, column, neuron, radius_for, size_for
from sloy.theory.label_places import label_places
from sloy.theory.notation import activation_text, input_names, short_text, signed_text

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["wiring_figure"]

MOST = 24  # neurons of a layer
MOST_LABELS = 48  # weights with a number between two layers
APART = (2.6, 3.4, 4.4)  # inches between layers, tried in turn until all numbers have a place
PITCH = 0.75  # inches between neurons, where circles are small
LABEL = 7.5  # points of a weight
ROOM = 0.15  # inches around all
WIDTHS = (0.4, 4.0)  # points of a line, for the smallest and the largest weight


@dataclass(frozen=True)
class _DenseLayer:
    """Weight (I, O), bias (O,) or None, and what each neuron's circle says."""

    weight: np.ndarray
    texts: list[str]
    threshold: bool


@dataclass(frozen=True)
class _Plan:
    """Where everything is, in inches; `labels` is None where widths of lines stand for the weights."""

    places: list[np.ndarray]
    radius: float
    labels: list[list[tuple[float, float]]] | None


@styled
def wiring_figure(model: Model, names: Sequence[str] | None = None) -> Figure:
    """Inputs, neurons and output as circles; a line for each weight that is not 0.

    A threshold neuron shows what the sum of its inputs must exceed, every other one its activation (Σ where there is
    none) and its bias. Lines of positive weights are full and blue, of negative ones dashed and orange; weights other
    than 1 and -1 carry their number. Where there is no room for the numbers, the line is the thicker the larger the
    weight, as the legend says.

    Parameters
    ----------
    model : Model
        Dense layers with activations after them, up to 24 neurons in each.
    names : sequence of str, optional
        Of the inputs; x1, x2, … by default.

    Raises
    ------
    InvalidArgument
        For other layers, and for larger networks.
    """
    instance("wiring_figure", "model", model, Model)
    layers = _dense_layers(model)
    sizes = [len(layers[0].weight), *(len(layer.texts) for layer in layers)]
    if max(sizes) > MOST:
        raise InvalidArgument(
            f"wiring_figure: the network has layers of {sizes} neurons; up to {MOST} can be drawn."
        )
    words = input_names("wiring_figure", names, sizes[0])
    radius = radius_for(text for layer in layers for text in layer.texts)
    inside = size_for(words, radius)
    left = ROOM + radius
    if inside is None:  # names beside their circles
        left += max(text_extent(word, SIZES[-1])[0] for word in words) + 0.08
    plan = _plan(layers, sizes, radius, left)
    entries = _legend(layers, plan.labels is not None)
    width = plan.places[-1][0, 0] + radius + ROOM
    height = max(sizes) * _pitch(radius)
    shown = max(width, legend_width(label for _, label in entries))
    figure = new_figure(shown, height, layout=None)
    below = bottom_legend(figure, entries, shown)
    figure.set_figheight(height + below)
    axes = figure.add_axes((0, 0, 1, 1))
    middle = (shown - width) / 2
    axes.set(xlim=(-middle, shown - middle), ylim=(-below, height))
    axes.set_axis_off()
    _draw_edges(axes, layers, plan)
    for (x, y), word in zip(plan.places[0], words, strict=True):
        neuron(axes, x, y, word if inside else "", radius=radius, size=inside or SIZES[-1])
        if not inside:
            axes.text(x - radius - 0.06, y, word, fontsize=SIZES[-1], ha="right", va="center")
    size = size_for((text for layer in layers for text in layer.texts), radius) or SIZES[-1]
    for layer, places in zip(layers, plan.places[1:], strict=True):
        for (x, y), text in zip(places, layer.texts, strict=True):
            neuron(axes, x, y, text, radius=radius, size=size)
    return figure


def _pitch(radius: float) -> float:
    return max(PITCH, 2 * radius + 0.2)


def _plan(layers: list[_DenseLayer], sizes: list[int], radius: float, left: float) -> _Plan:
    """The smallest distance between layers at which all numbers have places; else the smallest, without numbers."""
    height = max(sizes) * _pitch(radius)
    for apart in APART:
        places = [column(left + apart * k, size, height) for k, size in enumerate(sizes)]
        labels: list[list[tuple[float, float]]] = []
        for layer, ends in zip(layers, pairwise(places), strict=True):
            found = _label_places(layer.weight, *ends, radius)
            if found is None:
                break
            labels.append(found)
        else:
            return _Plan(places, radius, labels)
    places = [column(left + APART[0] * k, size, height) for k, size in enumerate(sizes)]
    return _Plan(places, radius, None)


def _label_places(
    weight: np.ndarray, left: np.ndarray, right: np.ndarray, radius: float
) -> list[tuple[float, float]] | None:
    texts = [_label(value) for _, _, value in _edges(weight)]
    if sum(map(bool, texts)) > MOST_LABELS:
        return None
    starts = np.array([left[i] for i, _, _ in _edges(weight)]).reshape(-1, 2)
    ends = np.array([right[o] for _, o, _ in _edges(weight)]).reshape(-1, 2)
    extents = [text_extent(text, LABEL) if text else None for text in texts]
    return label_places(starts, ends, extents, np.concatenate([left, right]), radius)


def _edges(weight: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Input, output and weight, where it is not 0."""
    for i, o in np.argwhere(weight):
        yield int(i), int(o), float(weight[i, o])


def _label(value: float) -> str:
    """What an edge carries; nothing for 1 and -1."""
    return "" if abs(value) == 1 else short_text(value)


def _draw_edges(axes: Axes, layers: list[_DenseLayer], plan: _Plan) -> None:
    largest = max((float(np.abs(layer.weight).max()) for layer in layers), default=0.0)
    for number, (layer, ends) in enumerate(zip(layers, pairwise(plan.places), strict=True)):
        for i, o, value in _edges(layer.weight):
            style, colour = ("-", BLUE) if value > 0 else ("--", ORANGE)
            width = 1.2 if plan.labels is not None else _line_width(value, largest)
            axes.plot(
                *zip(ends[0][i], ends[1][o], strict=True), style, c=colour, lw=width, zorder=1
            )
        if plan.labels is None:
            continue
        labels = [(_label(value), value) for _, _, value in _edges(layer.weight) if _label(value)]
        for (text, value), (x, y) in zip(labels, plan.labels[number], strict=True):
            axes.text(
                x,
                y,
                text,
                fontsize=LABEL,
                color=BLUE if value > 0 else ORANGE,
                ha="center",
                va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
            )


def _line_width(value: float, largest: float) -> float:
    thin, thick = WIDTHS
    return thin + (thick - thin) * abs(value) / largest


def _legend(layers: list[_DenseLayer], numbers: bool) -> list[tuple[Artist, str]]:
    """Handles and what they mean: signs, widths where they stand for weights, what circles say."""
    from matplotlib.lines import Line2D

    values = np.concatenate([layer.weight.ravel() for layer in layers])
    plain = bool(np.isin(values, (-1, 0, 1)).all())
    mixed = numbers and not plain
    plus = say("weight 1") if plain else say("weight above 0")
    minus = say("weight -1") if plain else say("weight below 0")
    if mixed and np.any(values == 1):
        plus = say("weight above 0; 1 where no number stands")
    if mixed and np.any(values == -1):
        minus = say("weight below 0; -1 where no number stands")
    entries: list[tuple[Artist, str]] = []
    if np.any(values > 0):
        entries.append((Line2D([], [], linestyle="-", color=BLUE, lw=1.2), plus))
    if np.any(values < 0):
        entries.append((Line2D([], [], linestyle="--", color=ORANGE, lw=1.2), minus))
    if not numbers:
        largest = short_text(float(np.abs(values).max()))
        text = say("the thicker, the larger; this one is {largest}", largest=largest)
        entries.append((Line2D([], [], color=GREY, lw=WIDTHS[1]), text))
    for threshold, text in (
        (True, say("> t: what the sum must exceed")),
        (False, say("activation and bias")),
    ):
        if any(layer.threshold is threshold for layer in layers):
            circle = Line2D([], [], ls="none", marker="o", mfc="white", mec="black", ms=8)
            entries.append((circle, text))
    return entries


def _dense_layers(model: Model) -> list[_DenseLayer]:
    """Each dense layer with what its neurons do; other layers must have no parameters."""
    found: list[tuple[np.ndarray, np.ndarray | None]] = []
    after: list[list[Layer]] = []
    strange = False  # an activation of the inputs themselves
    for layer, name in zip(model.network.layers, model.network.layer_names, strict=True):
        if isinstance(layer, Dense):
            bias = model.parameters[f"{name}/bias"].astype(float) if layer.use_bias else None
            found.append((model.parameters[f"{name}/weight"].astype(float), bias))
            after.append([])
        elif after and not isinstance(layer, Dropout):
            after[-1].append(layer)
        else:
            strange = strange or not isinstance(layer, Dropout)
    own = {name.split("/")[0] for name in model.network.shapes}
    sizes = [*model.network.input_shape, *(weight.shape[1] for weight, _ in found)]
    fits = len(sizes) == len(found) + 1 and sizes[:-1] == [len(weight) for weight, _ in found]
    if not found or strange or len(own) != len(found) or not fits:
        raise InvalidArgument(
            "wiring_figure: the network must be of dense layers and activations after them."
        )
    return [_described(*pair, layers) for pair, layers in zip(found, after, strict=True)]


def _described(weight: np.ndarray, bias: np.ndarray | None, after: list[Layer]) -> _DenseLayer:
    units = weight.shape[1]
    shifts = np.zeros(units) if bias is None else bias
    threshold = len(after) == 1 and isinstance(after[0], Heaviside | Sign)
    if threshold:
        texts = [f"> {short_text(-shift + 0.0)}" for shift in shifts.tolist()]
    else:
        names = ["∘".join(reversed([_name(layer, k) for layer in after])) for k in range(units)]
        texts = [name or "Σ" for name in names]
        if bias is not None:
            texts = [
                f"{text}\n{signed_text(shift)}"
                for text, shift in zip(texts, shifts.tolist(), strict=True)
            ]
    return _DenseLayer(weight, texts, threshold)


def _name(layer: Layer, neuron: int) -> str:
    """Of an activation, as it is for one neuron."""
    if isinstance(layer, PerNeuron):
        pairs = [entry for entry in layer.activations if isinstance(entry, tuple)]
        layer = [owner for owner, count in pairs for _ in range(count)][neuron]
    return activation_text(layer)
