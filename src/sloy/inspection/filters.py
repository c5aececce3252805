"""The weights of a layer as pictures: what each filter looks for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sloy.arguments import finite_array, instance, word
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


@styled
def filters_figure(weights: np.ndarray, title: str = "") -> Figure:
    """A grid of filters, orange where a weight is positive and purple where it is negative.

    Parameters
    ----------
    weights : array, shape (KH, KW, I, O)
        A convolution's weights; for a dense layer on pictures, its weights (I, O) reshaped to the
        picture, (H, W, C, O). With one input channel or three, a filter is one picture (three
        channels are shown as red, green and blue, grey being zero); otherwise the mean over the channels.
    title : str
        A line above; how many filters are shown is added where it is not all.
    """
    weights = finite_array("filters_figure", "weights", weights)
    word("filters_figure", "title", title)
    if weights.ndim != 4 or 0 in weights.shape:
        raise ShapeError(f"`weights` has shape {list(weights.shape)}; it must be (KH, KW, I, O).")
    shown = min(weights.shape[3], MOST)
    columns = min(8, max(1, math.ceil(math.sqrt(shown * 1.6))))
    rows = math.ceil(shown / columns)
    width, height = columns * TILE, rows * TILE
    figure = new_figure(0.72 * width + 1.5, 0.72 * height + 0.8)
    axes = figure.subplots()
    limit = float(np.abs(weights[..., :shown]).max()) or 1.0
    for number in range(shown):
        x, y = TILE * (number % columns), TILE * (number // columns)
        image = _filter(axes, weights[..., number], limit, (x, x + 1, y + 1, y))
        axes.text(x + 0.5, y - 0.03, str(number + 1), ha="center", va="bottom", fontsize=8)
    axes.set(xlim=(-0.1, width - TILE + 1.1), ylim=(height - TILE + 1.1, -0.25), aspect="equal")
    axes.set_axis_off()
    if weights.shape[2] != 3:
        figure.colorbar(image, ax=axes, label=say("weight"), shrink=0.9, aspect=25)
    if shown < weights.shape[3]:
        part = say("(the first {shown} of {total})", shown=shown, total=weights.shape[3])
        title = f"{title} {part}".strip()
    head(figure, title)
    return figure


def _filter(
    axes: Axes, weights: np.ndarray, limit: float, extent: tuple[float, float, float, float]
) -> AxesImage:
    """Draw one filter, (KH, KW, I), into a rectangle: left, right, bottom, top."""
    if weights.shape[2] == 3:
        return axes.imshow(0.5 + 0.5 * weights / limit, extent=extent)
    return axes.imshow(weights.mean(axis=2), cmap="PuOr_r", vmin=-limit, vmax=limit, extent=extent)


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
