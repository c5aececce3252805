"""The parts of a step's figure, in inches: columns of neurons and of maps, and what stands between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.inspection.style import BLUE, GREY, ORANGE
from sloy.theory.diagram import LIGHT, RADIUS, column, edge, neuron
from sloy.theory.gradients.trace.layer import LayerTrace
from sloy.theory.gradients.trace.mixing import MaxoutTrace
from sloy.theory.gradients.trace.neurons import DropoutTrace
from sloy.theory.gradients.trace.pool import MaxPoolTrace, Pool
from sloy.theory.gradients.trace.weighted import ConvolutionTrace, DenseTrace
from sloy.theory.notation import decimal_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE = 0.235  # inches between two numbers of a column of edges
NODE = 0.98  # inches from neuron to neuron
WIDE, HIGH = 0.54, 0.26  # of a cell of a map
BETWEEN = 0.14  # a grid and the one below it
WON = "#F5C9A6"


@dataclass(frozen=True)
class Column:
    """One level of numbers: neurons (I,), or maps (H, W, C).

    Attributes
    ----------
    layer : LayerTrace or None
        What gave them; None of the object.
    following : LayerTrace or None
        What takes them; None of the output.
    values : array
    one : bool
        Whether a constant 1 stands below the neurons.
    spread : bool
        Whether neurons are spread over the whole height.
    """

    layer: LayerTrace | None
    following: LayerTrace | None
    values: np.ndarray
    one: bool
    spread: bool

    @property
    def is_map(self) -> bool:
        """Whether it is drawn as grids."""
        return self.values.ndim == 3

    @property
    def grids(self) -> list[tuple[np.ndarray, str]]:
        """Of maps the grids, from the top, each with its colour."""
        found = []
        for c in range(self.values.shape[2]):
            found.append((self.values[..., c], BLUE))
            if self.layer is not None:
                found.append((self.layer.error[..., c], ORANGE))
        return found

    @property
    def width(self) -> float:
        """Inches."""
        return self.values.shape[1] * WIDE if self.is_map else 2 * RADIUS

    @property
    def overhang(self) -> float:
        """Inches by which the first window, over the padding, stands out to the left."""
        if not isinstance(self.following, Pool | ConvolutionTrace):
            return 0.0
        return self.following.windows.window.padding[2] * WIDE

    @property
    def height(self) -> float:
        """Inches."""
        if not self.is_map:
            return (len(self.values) + self.one) * NODE
        grids = self.grids
        return len(grids) * (self.values.shape[0] * HIGH + BETWEEN)


@dataclass(frozen=True)
class Drawn:
    """Where a column stands.

    Attributes
    ----------
    column : Column
    places : array (n, 2)
        Of neurons, the constant 1 last; of maps the upper left corners of the grids of values.
    left, right : float
    """

    column: Column
    places: np.ndarray
    left: float
    right: float

    @property
    def neurons(self) -> np.ndarray:
        """Places without that of the constant 1."""
        return self.places[: len(self.column.values)]


def draw_column(axes: Axes, drawn: Column, x: float, height: float) -> Drawn:
    """A column of neurons or maps, centred."""
    left, right = x - drawn.width / 2, x + drawn.width / 2
    if drawn.is_map:
        return Drawn(drawn, _maps(axes, drawn, left, height), left, right)
    count = len(drawn.values) + drawn.one
    spread = height if drawn.spread else min(height, count * NODE * 1.1)
    places = column(x, count, spread) + np.array([0.0, (height - spread) / 2])
    _neurons(axes, drawn, places)
    return Drawn(drawn, places, left, right)


def _neurons(axes: Axes, drawn: Column, places: np.ndarray) -> None:
    layer = drawn.layer
    for k, (x, y) in enumerate(places):
        if k == len(drawn.values):
            neuron(axes, x, y, "1", dashed=True)
            continue
        dropped = isinstance(layer, DropoutTrace) and not layer.kept[k]
        colour = GREY if dropped else "black"
        neuron(axes, x, y, short(drawn.values[k]), dashed=dropped, colour=colour)
        if layer is None:
            continue
        text = f"ε {short(layer.error[k])}"
        if isinstance(layer, DenseTrace) and layer.activation:
            text += f"\nσ′ {short(layer.slope[k])}"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
        axes.text(
            x, y - RADIUS - 0.04, text, fontsize=8, color=ORANGE, va="top", ha="center",
            zorder=2, bbox=box,
        )  # fmt: skip


def _maps(axes: Axes, drawn: Column, left: float, height: float) -> np.ndarray:
    """The grids of maps; the corners (C, 2) of those of values."""
    top, corners = (height + drawn.height - BETWEEN) / 2, []
    for numbers, colour in drawn.grids:
        if colour == BLUE:
            corners.append((left, top))
        grid(axes, numbers, left, top, colour)
        top -= numbers.shape[0] * HIGH + BETWEEN
    places = np.array(corners)
    if isinstance(drawn.following, MaxPoolTrace):
        _mark_winners(axes, drawn.following, places)
    if isinstance(drawn.following, Pool | ConvolutionTrace):
        size = drawn.following.windows.window.size
        row, col = drawn.following.windows.start(0, 0)
        for corner in places:
            outline(axes, corner, row, col, size)
    return places


def _mark_winners(axes: Axes, pool: MaxPoolTrace, corners: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    for index in np.ndindex(*pool.u.shape):
        row, col, c = pool.winner(index)
        left, top = corners[c]
        place = (left + col * WIDE, top - (row + 1) * HIGH)
        axes.add_patch(Rectangle(place, WIDE, HIGH, color=WON, lw=0, zorder=0.5))


def grid(axes: Axes, numbers: np.ndarray, left: float, top: float, colour: str) -> None:
    """Numbers (rows, columns) in cells, from an upper left corner."""
    rows, columns = numbers.shape
    for i, j in np.ndindex(rows, columns):
        axes.text(
            left + (j + 0.5) * WIDE, top - (i + 0.5) * HIGH, short(float(numbers[i, j])), color=colour,
            fontsize=7.5, ha="center", va="center",
        )  # fmt: skip
    style: dict[str, Any] = {"color": "#CCCCCC", "lw": 0.7, "zorder": 1}
    for i in range(rows + 1):
        axes.plot([left, left + columns * WIDE], [top - i * HIGH] * 2, **style)
    for j in range(columns + 1):
        axes.plot([left + j * WIDE] * 2, [top, top - rows * HIGH], **style)


def outline(axes: Axes, corner: np.ndarray, row: int, col: int, size: tuple[int, int]) -> None:
    """A frame around so many rows and columns of a grid."""
    from matplotlib.patches import Rectangle

    place = (corner[0] + col * WIDE, corner[1] - (row + size[0]) * HIGH)
    axes.add_patch(
        Rectangle(
            place, size[1] * WIDE, size[0] * HIGH, fill=False, edgecolor=BLUE, lw=1.6, zorder=3
        )
    )


# --- between two columns -----------------------------------------------------------------------------


def gap(layer: LayerTrace) -> float:
    """Inches between the columns that a layer joins."""
    if isinstance(layer, DenseTrace | MaxoutTrace):
        return 1.98
    if isinstance(layer, ConvolutionTrace):
        return layer.weight.shape[1] * WIDE + 0.95
    return 0.7


def weight_count(layer: LayerTrace) -> int:
    """How many numbers stand on the edges of a layer of neurons."""
    if not isinstance(layer, DenseTrace | MaxoutTrace):
        return 0
    return sum(parameter.value.size for parameter in layer.parameters.values())


def filters_height(layer: ConvolutionTrace) -> float:
    """Inches of a convolution's filters and their gradients, one under another."""
    count = int(np.prod(layer.weight.shape[2:]))
    high = 2 * (layer.weight.shape[0] * HIGH + BETWEEN) + 0.12
    return count * high + (layer.bias is not None) * 0.5


def draw_between(axes: Axes, layer: LayerTrace, one: Drawn, other: Drawn, height: float) -> None:
    """Edges with weights, a convolution's filters, or lines from neuron to neuron; else an arrow."""
    if isinstance(layer, DenseTrace | MaxoutTrace):
        _edges(axes, layer, one.places, other.neurons)
    elif isinstance(layer, ConvolutionTrace):
        _filters(axes, layer, one, other, height)
    elif layer.same_neurons and not one.column.is_map:
        for start, end in zip(one.neurons, other.neurons, strict=True):
            edge(axes, [start, end])
    else:
        _arrow(axes, one.right + 0.12, other.left - 0.12, height / 2)


def _edges(
    axes: Axes, layer: DenseTrace | MaxoutTrace, sources: np.ndarray, targets: np.ndarray
) -> None:
    found = layer.parameters["weight"]
    weights, gradients = found.value, found.gradient
    if "bias" in layer.parameters:
        bias = layer.parameters["bias"]
        weights = np.vstack([weights, bias.value])
        gradients = np.vstack([gradients, bias.gradient])
    pieces = weights.shape[1] // len(targets)
    middle = (sources[0, 0] + targets[0, 0]) / 2
    ends = [(j, k) for j in range(len(sources)) for k in range(weights.shape[1])]
    # Numbers stand in one column, evenly spaced, in the order in which the edges pass it.
    passing = sorted(ends, key=lambda e: -_height(sources[e[0]], targets[e[1] // pieces]))
    centre = float(np.mean([_height(sources[j], targets[k // pieces]) for j, k in ends]))
    for line, (j, k) in enumerate(passing):
        y = centre + ((len(ends) - 1) / 2 - line) * LINE
        lost = isinstance(layer, MaxoutTrace) and not layer.share.reshape(-1)[k]
        edge(axes, [sources[j], (middle - 0.57, y)])
        edge(axes, [(middle + 0.57, y), targets[k // pieces]], LIGHT if not lost else "#EEEEEE")
        shared: dict[str, Any] = {"va": "center", "fontsize": 8}
        blue, orange = (GREY, GREY) if lost else (BLUE, ORANGE)
        axes.text(middle - 0.05, y, short(weights[j, k]), ha="right", color=blue, **shared)
        axes.text(middle + 0.05, y, short(gradients[j, k]), ha="left", color=orange, **shared)


def _filters(axes: Axes, layer: ConvolutionTrace, one: Drawn, other: Drawn, height: float) -> None:
    """Each filter above its gradient; lines lead from the first window to the first output."""
    KH, KW, C, filters = layer.weight.shape
    middle = (one.right + other.left) / 2
    left = middle - KW * WIDE / 2
    top = (height + filters_height(layer)) / 2
    axes.text(left - 0.18, height / 2, "∗", ha="center", va="center", fontsize=13)
    axes.text(left + KW * WIDE + 0.18, height / 2, "=", ha="center", va="center", fontsize=13)
    for o, c in np.ndindex(filters, C):
        for numbers, colour in ((layer.weight, BLUE), (layer.weight_gradient, ORANGE)):
            grid(axes, numbers[..., c, o], left, top, colour)
            top -= KH * HIGH + BETWEEN
        top -= 0.12
    if layer.bias is not None and layer.bias_gradient is not None:
        for values, colour in ((layer.bias, BLUE), (layer.bias_gradient, ORANGE)):
            name = "w_0" if colour == BLUE else "∂L/∂w_0"
            said = f"{name}: {', '.join(map(short, values))}"
            axes.text(middle, top, said, color=colour, fontsize=8, ha="center", va="top")
            top -= 0.2
    for corner in other.places:
        outline(axes, corner, 0, 0, (1, 1))


def _arrow(axes: Axes, left: float, right: float, y: float) -> None:
    axes.annotate("", (right, y), (left, y), arrowprops={"arrowstyle": "->", "color": GREY})


def _height(source: np.ndarray, target: np.ndarray) -> float:
    return float(source[1] + target[1]) / 2


def short(value: float) -> str:
    """Three digits; two of small numbers, which need the room."""
    return decimal_text(value, 3 if abs(value) >= 1e-3 else 2)
