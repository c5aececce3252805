"""What excites the units of layer after layer: how features grow from strokes to whole things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sloy.arguments import instance, integer, sequence, word
from sloy.errors import InvalidArgument
from sloy.inspection.features import Patch, exciting_patches
from sloy.inspection.picture import draw_picture, is_ink_on_paper
from sloy.inspection.style import ORANGE, new_figure, styled
from sloy.language import say
from sloy.model import Model
from sloy.problem.receptive import receptive_field
from sloy.text import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["hierarchy_figure"]

FADED = 0.25  # of the ink of what a unit does not see
SIDE = 0.76  # of a picture, in inches
TILE = 1.12  # from picture to picture, one being 1 wide


@styled
def hierarchy_figure(
    model: Model,
    pictures: np.ndarray,
    layers: Sequence[str],
    channels: Sequence[int] = (0, 1),
    count: int = 8,
    title: str = "",
) -> Figure:
    """For channels of each layer the pictures that excite them most, faded outside what the unit sees.

    Parameters
    ----------
    model : Model
        Of pictures (H, W, C), C 1 or 3.
    pictures : array, shape (N, H, W, C)
        Raw data, among which the exciting ones are looked for.
    layers : sequence of str
        From the first to the last; each gives (H, W, C), or (C,), whose neurons see the whole picture.
    channels : sequence of int
        Of each layer, a row for each.
    count : int
        Pictures for each channel, the strongest first.
    title : str
        A line above.

    Raises
    ------
    InvalidArgument
        Without layers or channels, or where a layer has no such channel.

    See Also
    --------
    exciting_patches : The same as data.
    """
    where = "hierarchy_figure"
    word(where, "title", title)
    instance(where, "model", model, Model)
    names = sequence(where, "layers", layers, str)
    chosen = [integer(where, "channels", c, 0) for c in sequence(where, "channels", channels)]
    if not names or not chosen:
        raise InvalidArgument(
            f"{where}: `layers` (={shown(list(names))}) and `channels` (={shown(chosen)}) must hold one or more each."
        )
    x = np.asarray(pictures)
    rows = len(names) * len(chosen)
    count = min(integer(where, "count", count), len(x))
    tall = x.shape[1] / x.shape[2]
    step = tall + TILE - 1
    figure, axes = _canvas(TILE * count, step * rows, names)
    on_paper = is_ink_on_paper(x)
    for number, layer in enumerate(names):
        field = receptive_field(model.network, layer)
        found = exciting_patches(model, x, layer, chosen, count)
        for k, channel in enumerate(chosen):
            y = step * (number * len(chosen) + k)
            for place, patch in enumerate(found[channel]):
                _draw(axes, x[patch.sample], patch, (TILE * place, y), on_paper=on_paper)
            size = f"{field.size[0]} × {field.size[1]}"
            name = [layer, say("sees {size}", size=size)] if k == 0 else []
            words = "\n".join([*name, say("channel {channel}", channel=channel)])
            axes.text(-0.12, y + tall / 2, words, ha="right", va="center", fontsize=9)
    axes.set(xlim=(-0.05, TILE * count - 0.05), ylim=(step * rows - 0.05, -0.05))
    axes.set_axis_off()
    if title:
        figure.suptitle(title)
    return figure


def _canvas(across: float, down: float, names: Sequence[str]) -> tuple[Figure, Axes]:
    """A figure with one axes for all pictures, so many of them wide and high, and room for the words."""
    margin = 0.3 + 0.085 * max(13, *map(len, names))
    width, height = SIDE * across + margin, SIDE * down + 0.5
    figure = new_figure(width, height, layout=None)  # a layout of many axes takes seconds
    place = (margin / width, 0.08 / height, SIDE * across / width, SIDE * down / height)
    return figure, figure.add_axes(place)


def _draw(
    axes: Axes, picture: np.ndarray, patch: Patch, corner: tuple[float, float], *, on_paper: bool
) -> None:
    """A picture, 1 wide, faded but for the patch, which is framed."""
    from matplotlib.patches import Rectangle

    top, left, bottom, right = patch.box
    height, width = picture.shape[:2]
    x, y = corner
    tall = height / width
    paper = 0.0 if on_paper else float(picture.max())
    shown = paper + FADED * (picture.astype(np.float64) - paper)
    shown[top:bottom, left:right] = picture[top:bottom, left:right]
    if np.issubdtype(picture.dtype, np.integer):
        shown = np.rint(shown)
    draw_picture(
        axes, shown.astype(picture.dtype), on_paper=on_paper, extent=(x, x + 1, y + tall, y)
    )
    frames = [(x, y, 1.0, tall, "#CCCCCC", 0.6)]
    if (bottom - top, right - left) != (height, width):
        at, sides = (
            (x + left / width, y + top / width),
            np.array((right - left, bottom - top)) / width,
        )
        frames.append((*at, *sides, ORANGE, 1.5))
    for across, down, wide, high, colour, line in frames:
        axes.add_patch(Rectangle((across, down), wide, high, fill=False, ec=colour, lw=line))
