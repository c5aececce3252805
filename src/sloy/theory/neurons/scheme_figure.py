"""The scheme of a neuron: inputs, weights, their sum, σ, and the answer (L1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.arguments import finite_array, instance
from sloy.errors import ShapeError
from sloy.inspection.measured_text import text_extent
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import say
from sloy.layers import Layer
from sloy.theory.diagram import RADIUS, SIZES, size_for
from sloy.theory.diagram import neuron as circle
from sloy.theory.neurons.neuron import Neuron
from sloy.theory.notation import activation_text, decimal_text, factor_text, input_names, short_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["neuron_scheme_figure"]

MOST = 8  # inputs that are all shown; of more the first six and the last
PITCH = 0.72  # inches from input to input
LABELS = 0.36  # of the way to the sum, where weights stand
WEIGHT = 8.0  # points
BOX = (1.15, 0.85)  # inches of the panel of σ
REACH = 4.0  # of the panel's z axis, where z is within it


@dataclass(frozen=True)
class _Scheme:
    """The neuron, its inputs' names, the object's numbers if there is one, and which inputs have a circle."""

    neuron: Neuron
    names: tuple[str, ...]
    x: np.ndarray | None
    rows: list[int]
    hidden: list[int]

    @property
    def weights(self) -> np.ndarray:
        return np.asarray(self.neuron.weights)

    @property
    def z(self) -> float | None:
        """b + Σ_j w_j x_j."""
        return None if self.x is None else float(self.weights @ self.x + self.neuron.bias)

    def label(self, j: int) -> str:
        """What the edge of an input says: its weight, and the product where there is an object."""
        weight = short_text(float(self.weights[j]))
        if self.x is None:
            return f"w{j + 1} = {weight}"
        factor, product = (
            short_text(float(self.x[j])),
            short_text(float(self.weights[j] * self.x[j])),
        )
        return f"w{j + 1} · x{j + 1} = {factor_text(weight)} · {factor_text(factor)} = {product}"

    def rest(self) -> str:
        """What stands for the inputs that have no circle; nothing where all have one."""
        if not self.hidden:
            return ""
        if self.x is None:
            return say("{count} more", count=len(self.hidden))
        total = short_text(float(self.weights[self.hidden] @ self.x[self.hidden]))
        return say("{count} more, together {total}", count=len(self.hidden), total=total)

    def answer(self) -> str:
        """a(x), with its number where there is one."""
        return "a(x)" if self.x is None else f"a(x) = {decimal_text(float(self.neuron(self.x)), 4)}"


@styled
def neuron_scheme_figure(
    neuron: Neuron, x: Any = None, names: Sequence[str] | None = None
) -> Figure:
    """How a neuron computes: x_j times w_j, their sum with w_0, and σ of it.

    Parameters
    ----------
    neuron : Neuron
        Of more than eight inputs, the first six and the last are shown.
    x : array, shape (I,), optional
        One object: the picture then shows every number on its way to the answer.
    names : sequence of I str, optional
        Of the inputs; x1, x2, … by default.

    Examples
    --------
    >>> figure = neuron_scheme_figure(Neuron([1, 1], -1.5, "heaviside"), [1, 1])
    >>> "z = 1/2" in [text.get_text() for text in figure.axes[0].texts]
    True
    """
    instance("neuron_scheme_figure", "neuron", neuron, Neuron)
    scheme = _scheme(neuron, x, names)
    inside = scheme.x is None and size_for([scheme.names[j] for j in scheme.rows], RADIUS)
    left = 0.15 + RADIUS
    if not inside:
        left += 0.1 + max(text_extent(scheme.names[j], WEIGHT)[0] for j in scheme.rows)
    labels = [*map(scheme.label, scheme.rows), scheme.rest()]
    longest = max(text_extent(label, WEIGHT)[0] for label in labels)
    middle = left + max(2.6, (longest / 2 + RADIUS + 0.1) / LABELS)
    panel = middle + 1.0
    end = panel + BOX[0]
    count = len(scheme.rows) + bool(scheme.hidden) + 1
    height = PITCH * max(count, 3)
    title = neuron.equation(scheme.names)
    width = end + 0.6 + text_extent(scheme.answer(), 10)[0] + 0.1
    if text_extent(title, 10)[0] > width - 0.3:
        title = f"a(x) = {activation_text(_activation(neuron))}(w0 + Σ wj xj)"
    figure = new_figure(width, height + 0.45, layout=None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height + 0.45))
    axes.set_axis_off()
    axes.text(width / 2, height + 0.2, title, fontsize=10, ha="center", va="center")
    y = height * (1 - (np.arange(count) + 0.5) / count)
    _inputs(axes, scheme, left, y, (middle, height / 2), bool(inside))
    _sum(axes, scheme, middle, height / 2)
    _panel(axes, scheme, (panel, height / 2))
    for start, stop in ((middle + RADIUS, panel), (end, end + 0.5)):
        _arrow(axes, (start, height / 2), (stop, height / 2))
    axes.text(end + 0.57, height / 2, scheme.answer(), fontsize=10, ha="left", va="center")
    return figure


def _scheme(neuron: Neuron, x: Any, names: Sequence[str] | None) -> _Scheme:
    where = "neuron_scheme_figure"
    instance(where, "neuron", neuron, Neuron)
    count = len(neuron.weights)
    values = None if x is None else finite_array(where, "x", x)
    if values is not None and values.shape != (count,):
        raise ShapeError(f"{where}: `x` has shape {values.shape}; it must be ({count},).")
    hidden = list(range(6, count - 1)) if count > MOST else []
    rows = [j for j in range(count) if j not in hidden]
    return _Scheme(neuron, input_names(where, names, count), values, rows, hidden)


def _inputs(
    axes: Axes,
    scheme: _Scheme,
    left: float,
    y: np.ndarray,
    middle: tuple[float, float],
    inside: bool,
) -> None:
    """A row for each input, dots for the rest, the constant 1 last."""
    places = list(y)
    for j in scheme.rows:
        if scheme.hidden and j == scheme.rows[-1]:
            place = places.pop(0)
            axes.text(left, place, "⋮", fontsize=12, ha="center", va="center", color=GREY)
            _edge(axes, (left + 0.15, place), middle, scheme.rest(), 0.0)
        place = places.pop(0)
        name = scheme.names[j]
        text = name if scheme.x is None else short_text(float(scheme.x[j]))
        _edge(axes, (left, place), middle, scheme.label(j), float(scheme.weights[j]))
        circle(axes, left, place, text if inside or scheme.x is not None else "", size=_size(text))
        if not inside:
            axes.text(left - RADIUS - 0.07, place, name, fontsize=WEIGHT, ha="right", va="center")
    bias = scheme.neuron.bias
    _edge(axes, (left, places[0]), middle, f"w0 = {short_text(bias)}", bias)
    circle(axes, left, places[0], "1", dashed=True, colour=GREY)


def _size(text: str) -> float:
    return size_for([text], RADIUS) or SIZES[-1]


def _edge(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], label: str, value: float
) -> None:
    style, colour = ("-", BLUE) if value > 0 else ("--", ORANGE) if value else (":", GREY)
    (x0, y0), (x1, y1) = start, end
    axes.plot([x0, x1], [y0, y1], style, color=colour, lw=1.2, zorder=1)
    axes.text(
        x0 + LABELS * (x1 - x0),
        y0 + LABELS * (y1 - y0),
        label,
        fontsize=WEIGHT,
        color=colour,
        ha="center",
        va="center",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
    )


def _sum(axes: Axes, scheme: _Scheme, x: float, y: float) -> None:
    circle(axes, x, y)
    axes.text(x, y, "Σ", fontsize=14, ha="center", va="center", zorder=4)
    below = "z" if scheme.z is None else f"z = {short_text(scheme.z)}"
    white = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
    place = (x + 0.06, y - RADIUS - 0.08)
    axes.text(*place, below, fontsize=9, ha="center", va="top", zorder=4, bbox=white)


def _panel(axes: Axes, scheme: _Scheme, place: tuple[float, float]) -> None:
    """σ as a curve over z, with the neuron's place on it."""
    z = scheme.z
    reach = max(REACH, 1.25 * abs(z or 0.0))
    line = np.linspace(-reach, reach, 401)
    only = Neuron([1.0], 0.0, scheme.neuron.activation)
    curve = only(line[:, None])
    left, bottom = place[0], place[1] - BOX[1] / 2
    panel = axes.inset_axes((left, bottom, *BOX), transform=axes.transData)
    panel.axhline(0, color="#CCCCCC", lw=0.8)
    panel.axvline(0, color="#CCCCCC", lw=0.8)
    panel.plot(line, np.where(np.isfinite(curve), curve, np.nan), color="black", lw=1.4)
    if z is not None:
        panel.plot([z], [float(only([z]))], "o", color=ORANGE, ms=5)
    panel.margins(x=0.02, y=0.12)
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_visible(True)
    name = activation_text(_activation(scheme.neuron))
    name = "[z > 0]" if name == "heaviside" else f"{name}(z)"
    axes.text(left + BOX[0] / 2, bottom - 0.08, name, fontsize=9, ha="center", va="top")


def _activation(neuron: Neuron) -> Layer:
    instance("neuron_scheme_figure", "activation", neuron.activation, Layer)
    return neuron.activation  # type: ignore[return-value]  # made so by `Neuron`


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    arrow = {"arrowstyle": "->", "color": GREY, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=arrow, zorder=1)
