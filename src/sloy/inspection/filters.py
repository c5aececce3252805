"""The weights of a layer as pictures: what each filter looks for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sloy.arguments import finite_array, flag, instance, word
from sloy.errors import ShapeError
from sloy.inspection.measured_text import head
from sloy.inspection.style import new_figure, styled
from sloy.language import say
from sloy.model import Model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

__all__ = ["filters_figure", "first_filters"]

MOST = 64  # filters in one figure
TILE = 1.3  # from filter to filter, a filter being 1 wide
SIDE = 0.72  # of a filter, in inches; of few filters more
FULL = 99  # percentile of the magnitudes that are drawn: the darkest colour


@styled
def filters_figure(weights: np.ndarray, title: str = "", *, neurons: bool = False) -> Figure:
    """A grid of filters, orange where a weight is positive and purple where it is negative.

    All are on one scale, whose ends are the 99th percentile of the magnitudes that are drawn.

    Parameters
    ----------
    weights : array, shape (KH, KW, I, O)
        A convolution's weights; for a dense layer on pictures, its weights (I, O) reshaped to the
        picture, (H, W, C, O). With one input channel or three, a filter is one picture (three
        channels are shown as red, green and blue, grey being zero); otherwise the mean over the input
        channels, which the scale says. Each has the number of its output channel, from 0.
    title : str
        A line above; how many filters are shown is added where it is not all.
    neurons : bool
        Whether the outputs are a dense layer's neurons, and are called so.
    """
    weights = finite_array("filters_figure", "weights", weights)
    word("filters_figure", "title", title)
    flag("filters_figure", "neurons", neurons)
    if weights.ndim != 4 or 0 in weights.shape:
        raise ShapeError(f"`weights` has shape {list(weights.shape)}; it must be (KH, KW, I, O).")
    shown = min(weights.shape[3], MOST)
    columns = min(8, shown, math.ceil(math.sqrt(shown * 1.6)))
    rows = math.ceil(shown / columns)
    width, height = columns * TILE, rows * TILE
    side = max(SIDE, 1.8 / rows)
    figure = new_figure(side * width + 1.5, side * height + 0.8)
    axes = figure.subplots()
    drawn = weights[..., :shown] if weights.shape[2] == 3 else weights[..., :shown].mean(axis=2)
    most = float(np.abs(drawn).max())
    limit = float(np.percentile(np.abs(drawn), FULL)) or most or 1.0
    for number in range(shown):
        x, y = TILE * (number % columns), TILE * (number // columns)
        image = _filter(axes, drawn[..., number], limit, (x, x + 1, y + 1, y))
        named = say("neuron {number}" if neurons else "channel {number}", number=number)
        axes.text(x + 0.5, y - 0.03, named, ha="center", va="bottom", fontsize=8)
    axes.set(xlim=(-0.1, width - TILE + 1.1), ylim=(height - TILE + 1.1, -0.25), aspect="equal")
    axes.set_axis_off()
    if weights.shape[2] != 3:
        label = say("weight")
        if weights.shape[2] > 1:
            label = say("weight, mean over {count} input channels", count=weights.shape[2])
        beyond = "both" if most > limit else "neither"
        figure.colorbar(image, ax=axes, label=label, shrink=0.9, aspect=25, extend=beyond)
    if shown < weights.shape[3]:
        part = say("(the first {shown} of {total})", shown=shown, total=weights.shape[3])
        title = f"{title} {part}".strip()
    head(figure, title)
    return figure


def _filter(
    axes: Axes, weights: np.ndarray, limit: float, extent: tuple[float, float, float, float]
) -> AxesImage:
    """Draw one filter, (KH, KW) or (KH, KW, 3), into a rectangle: left, right, bottom, top."""
    if weights.ndim == 3:
        return axes.imshow(np.clip(0.5 + 0.5 * weights / limit, 0, 1), extent=extent)
    return axes.imshow(weights, cmap="PuOr_r", vmin=-limit, vmax=limit, extent=extent)


def first_filters(model: Model) -> tuple[np.ndarray, str] | None:
    """The first layer's weights as filters (KH, KW, I, O), and a title; None where they are no pictures."""
    instance("first_filters", "model", model, Model)
    shape = model.network.input_shape
    if len(shape) != 3:
        return None
    for name, weights in model.parameters.items():
        if not name.endswith("/weight"):
            continue
        layer = name.removesuffix("/weight")
        if weights.ndim == 4:
            height, width, _, filters = weights.shape
            return weights, f"{layer}: {filters} filters of {height} × {width}"
        if weights.ndim == 2:
            return weights.reshape(*shape, -1), f"{layer}: {weights.shape[1]} neurons"
        return None
    return None
