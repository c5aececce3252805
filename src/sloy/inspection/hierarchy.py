"""What excites the units of layer after layer: how features grow from strokes to whole things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sloy.arguments import instance, integer, sequence
from sloy.errors import InvalidArgument
from sloy.inspection.features import Patch, exciting_patches
from sloy.inspection.picture import draw_picture, is_ink_on_paper
from sloy.inspection.receptive import receptive_field
from sloy.inspection.style import ORANGE, new_figure, styled
from sloy.language import say
from sloy.model import Model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["hierarchy_figure"]

FADED = 0.25  # of the ink of what a unit does not see


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
    instance(where, "model", model, Model)
    names = sequence(where, "layers", layers, str)
    chosen = [integer(where, "channels", c, 0) for c in sequence(where, "channels", channels)]
    if not names or not chosen:
        raise InvalidArgument(
            f"{where}: `layers` (={list(names)!r}) and `channels` (={chosen!r}) must hold one or more each."
        )
    x = np.asarray(pictures)
    rows = len(names) * len(chosen)
    count = min(integer(where, "count", count), len(x))
    figure = new_figure(0.82 * count + 1.9, 0.82 * rows + 0.5)
    grid = figure.subplots(rows, count, squeeze=False)
    on_paper = is_ink_on_paper(x)
    for number, layer in enumerate(names):
        field = receptive_field(model.network, layer)
        found = exciting_patches(model, x, layer, chosen, count)
        for k, channel in enumerate(chosen):
            places = grid[number * len(chosen) + k]
            for axes, patch in zip(places, found[channel], strict=True):
                _draw(axes, x[patch.sample], patch, on_paper=on_paper)
            size = f"{field.size[0]} × {field.size[1]}"
            name = [layer, say("sees {size}", size=size)] if k == 0 else []
            places[0].set_ylabel(
                "\n".join([*name, say("channel {channel}", channel=channel)]),
                rotation=0, ha="right", va="center", fontsize=9,
            )  # fmt: skip
    if title:
        figure.suptitle(title)
    return figure


def _draw(axes: Axes, picture: np.ndarray, patch: Patch, *, on_paper: bool) -> None:
    """A picture, faded but for the patch, which is framed."""
    from matplotlib.patches import Rectangle

    top, left, bottom, right = patch.box
    paper = 0.0 if on_paper else float(picture.max())
    shown = paper + FADED * (picture.astype(np.float64) - paper)
    shown[top:bottom, left:right] = picture[top:bottom, left:right]
    whole = np.issubdtype(picture.dtype, np.integer)
    draw_picture(axes, (np.rint(shown) if whole else shown).astype(picture.dtype), on_paper=on_paper)  # fmt: skip
    for side in axes.spines.values():
        side.set(visible=True, color="#CCCCCC", linewidth=0.6)
    if (bottom - top, right - left) != picture.shape[:2]:
        axes.add_patch(
            Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False,
                      edgecolor=ORANGE, linewidth=1.5)
        )  # fmt: skip
