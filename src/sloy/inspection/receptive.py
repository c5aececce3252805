"""Pictures of what units of layers see of the input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sloy.arguments import sample_array, sequence
from sloy.errors import InvalidArgument, ShapeError
from sloy.inspection.picture import draw_picture, is_ink_on_paper
from sloy.inspection.style import BLUE, ORANGE, new_figure, styled
from sloy.language import say
from sloy.problem.receptive import ReceptiveField, receptive_field

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ReceptiveField", "receptive_field", "receptive_figure"]


@styled
def receptive_figure(picture: np.ndarray, fields: list[ReceptiveField]) -> Figure:
    """The middle unit of each layer and what it sees of a picture.

    Parameters
    ----------
    picture : array, shape (H, W, C)
    fields : list of ReceptiveField
        One panel each.
    """
    from matplotlib.patches import Rectangle

    picture = sample_array("receptive_figure", "picture", picture)
    if picture.ndim != 3:
        raise ShapeError(
            f"receptive_figure: `picture` has shape {picture.shape}; it must be (H, W, C)."
        )
    sequence("receptive_figure", "fields", fields, ReceptiveField)
    if not fields:
        raise InvalidArgument("`fields` is empty; it needs a ReceptiveField or more.")
    columns = min(4, len(fields))
    rows = -(-len(fields) // columns)
    figure = new_figure(2.5 * columns + 0.2, 2.9 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    on_paper = is_ink_on_paper(picture[None])
    for axes, field in zip(panels, fields, strict=False):
        draw_picture(axes, picture, on_paper=on_paper)
        top, left, bottom, right = field.box(field.extents[0] // 2, field.extents[1] // 2)
        axes.add_patch(
            Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False,
                      edgecolor=ORANGE, linewidth=2)
        )  # fmt: skip
        axes.add_patch(
            Rectangle((-0.5, -0.5), picture.shape[1], picture.shape[0], fill=False,
                      edgecolor=BLUE, linewidth=0.8, clip_on=False)
        )  # fmt: skip
        size = f"{field.size[0]} × {field.size[1]}"
        axes.set_title(f"{field.layer}\n{say('{size} pixels', size=size)}", fontsize=9)
    for axes in panels[len(fields) :]:
        axes.set_axis_off()
    return figure
