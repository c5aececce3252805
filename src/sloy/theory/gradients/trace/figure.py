"""A step by hand as a picture: the network with its values on neurons, maps, edges and filters."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from sloy.arguments import instance
from sloy.errors import InvalidArgument
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import say
from sloy.text import shape as shape_text
from sloy.theory.gradients.trace.drawing import (
    LINE,
    Column,
    draw_between,
    draw_column,
    filters_height,
    gap,
    weight_count,
)
from sloy.theory.gradients.trace.page import StepTrace, places
from sloy.theory.gradients.trace.weighted import ConvolutionTrace, DenseTrace
from sloy.theory.notation import decimal_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["trace_figure"]

MOST = 24  # edges between two layers whose numbers a figure can show
LARGEST = 8  # rows and columns of a map
CHANNELS = 3
NEURONS = 12
FILTERS = 4  # grids of a convolution's weights


@styled
def trace_figure(trace: StepTrace) -> Figure:
    """The network of a step: values u and weights in blue, errors ε, σ′ and gradients ∂L/∂w in orange.

    Maps are grids of numbers: u above, ε below; between them stand a convolution's filters and their gradients. The
    first window is outlined, the winners of a pooling are marked, neurons that dropout drops are dashed.

    Parameters
    ----------
    trace : StepTrace
        Of a small network: at most 24 weights (biases included) between two layers of neurons, 12 neurons in one,
        maps of at most 8 × 8 with 3 channels, and 4 grids of a convolution's weights.

    Raises
    ------
    InvalidArgument
        Where it would not be legible; ``print(trace)`` and ``trace.table()`` show larger steps.
    """
    instance("trace_figure", "trace", trace, StepTrace)
    _check(trace)
    columns = _columns(trace)
    edges = [weight_count(layer) * LINE + 0.3 for layer in trace.layers]
    filters = [filters_height(k) for k in trace.layers if isinstance(k, ConvolutionTrace)]
    height = max([*(column.height for column in columns), *edges, *filters])
    gaps = [gap(layer) for layer in trace.layers]
    widths = [column.width for column in columns]
    steps = [
        (one + other) / 2 + between
        for one, other, between in zip(widths, widths[1:], gaps, strict=False)
    ]
    across = list(accumulate(steps, initial=widths[0] / 2 + 0.35 + columns[0].overhang))
    width = max(across[-1] + widths[-1] / 2 + 0.55, 6.4)
    figure = new_figure(width, height + 1.5, layout=None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(-0.95, height + 0.55), aspect="equal")
    axes.set_axis_off()
    drawn = [
        draw_column(axes, column, x, height) for column, x in zip(columns, across, strict=True)
    ]
    for layer, one, other in zip(trace.layers, drawn, drawn[1:], strict=False):
        draw_between(axes, layer, one, other, height)
    _captions(axes, trace, across)
    _legend(axes, trace)
    return figure


def _columns(trace: StepTrace) -> list[Column]:
    """The levels of numbers, the object first; before a layer with biases there is a constant 1."""
    layers = [None, *trace.layers]
    plain = all(len(layer.u.shape) == 1 for layer in trace.layers)
    found = []
    for k, layer in enumerate(layers):
        following = trace.layers[k] if k < len(trace.layers) else None
        values = trace.x if layer is None else layer.u
        vector = len(values.shape) == 1
        one = following is not None and vector and "bias" in following.parameters
        found.append(Column(layer, following, values, one, spread=plain))
    return found


def _check(trace: StepTrace) -> None:
    """Refuse what would not be legible."""
    whole = " `print(trace)` and `trace.table()` show larger steps."
    for name, values in (("x", trace.x), *((layer.name, layer.u) for layer in trace.layers)):
        shape, rank = values.shape, values.ndim
        small = rank == 3 and max(shape[:2]) <= LARGEST and shape[2] <= CHANNELS
        few = rank == 1 and shape[0] <= NEURONS
        if not (small or few):
            raise InvalidArgument(
                f"trace_figure: `trace` has {shape_text(shape)} numbers in `{name}`; maps of at most {LARGEST} ×"
                f" {LARGEST} × {CHANNELS} and at most {NEURONS} neurons are legible.{whole}"
            )
    for layer in trace.layers:
        count, limit, what = weight_count(layer), MOST, "weights"
        if isinstance(layer, ConvolutionTrace):
            count, limit, what = int(np.prod(layer.weight.shape[2:])), FILTERS, "filters × channels"
            size = max(layer.weight.shape[:2])
            if size > LARGEST:
                count, limit, what = size, LARGEST, "rows or columns of a filter"
        if count > limit:
            raise InvalidArgument(
                f"trace_figure: `trace` has {count} {what} in `{layer.name}`; at most {limit} are legible.{whole}"
            )


def _captions(axes: Axes, trace: StepTrace, across: list[float]) -> None:
    top = axes.get_ylim()[1] - 0.1
    names = [
        "x",
        *(layer.caption(p) for layer, p in zip(trace.layers, places(trace, 1), strict=True)),
    ]
    for x, name in zip(across, names, strict=True):
        axes.text(x, top, name, ha="center", va="top", fontsize=10)


def _legend(axes: Axes, trace: StepTrace) -> None:
    left, bottom = 0.12, axes.get_ylim()[0]
    target = ", ".join(decimal_text(v) for v in np.ravel(trace.y))
    losses = f"L = {decimal_text(trace.loss)}  →  {decimal_text(trace.new_loss)}"
    step = say(
        "{losses}  after a step of η = {rate}",
        losses=losses,
        rate=decimal_text(trace.learning_rate),
    )
    has_slopes = any(isinstance(layer, DenseTrace) and layer.activation for layer in trace.layers)
    lines = (
        (f"y = {target}    {step}", GREY),
        (
            say("ε = ∂L/∂u, σ′ and ∂L/∂w") if has_slopes else say("ε = ∂L/∂u and ∂L/∂w"),
            ORANGE,
        ),
        (say("values and weights"), BLUE),
    )
    for line, (text, colour) in enumerate(lines):
        axes.text(left, bottom + 0.1 + 0.2 * line, text, color=colour, fontsize=9)
