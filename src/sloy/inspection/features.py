"""What the units of a layer answer to: feature maps of a picture, and the patches of a data set that excite them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy import text
from sloy.arguments import finite_array, instance, integer, sequence, word
from sloy.errors import InvalidArgument, ShapeError
from sloy.inspection.explain import one_picture
from sloy.inspection.measured_text import head
from sloy.inspection.picture import draw_picture, is_ink_on_paper
from sloy.inspection.style import new_figure, styled
from sloy.language import say
from sloy.model import Model
from sloy.problem.receptive import Box, receptive_field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

__all__ = ["Patch", "exciting_patches", "feature_maps", "maps_figure", "pictures_figure"]

MOST = 32  # maps in one figure
BATCH = 256


@dataclass(frozen=True, repr=False)
class Patch(text.Brief):
    """A part of a picture that excites a channel.

    Attributes
    ----------
    pixels : array, shape (h, w, C)
        What the unit sees of the picture.
    value : float
        The unit's activation.
    sample : int
        Which picture it comes from.
    unit : (row, column)
        Which unit of the channel.
    box : (top, left, bottom, right)
        Where in the picture; bottom and right are beyond it.
    """

    pixels: np.ndarray
    value: float
    sample: int
    unit: tuple[int, int]
    box: Box


def feature_maps(model: Model, picture: Any, layer: str) -> np.ndarray:
    """What a layer makes of a picture.

    Parameters
    ----------
    model : Model
    picture : array, shape (H, W, C), or what the model's reader takes
    layer : str
        A layer with an output (H, W, C).

    Returns
    -------
    array, shape (OH, OW, O)
    """
    instance("feature_maps", "model", model, Model)
    maps = model.activations(one_picture("feature_maps", model, picture), [layer])[layer]
    if maps.ndim != 4:
        raise ShapeError(
            f"feature_maps: `layer` (={layer!r}) gives {maps.shape}, not maps (N, H, W, C)."
        )
    return maps[0]


def exciting_patches(
    model: Model, x: np.ndarray, layer: str, channels: Sequence[int], count: int = 9
) -> dict[int, list[Patch]]:
    """The patches of pictures that excite each channel most, one of each picture, the strongest first.

    Parameters
    ----------
    model : Model
    x : array, shape (N, H, W, C)
        Raw data, gone through once, in batches.
    layer : str
        A layer with an output (H, W, C), or (C,), whose neurons see the whole picture.
    channels : sequence of int
    count : int
        How many for each channel, at most N.

    Returns
    -------
    dict
        Channel → its patches.

    References
    ----------
    .. [1] M. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", ECCV 2014, figure 2.
    """
    where = "exciting_patches"
    instance(where, "model", model, Model)
    count = integer(where, "count", count)
    field = receptive_field(model.network, layer)
    if not len(x):
        raise InvalidArgument(f"{where}: `x` holds no picture.")
    largest, positions = [], []
    for first in range(0, len(x), BATCH):
        maps = model.activations(x[first : first + BATCH], [layer])[layer]
        for channel in channels:
            integer(where, "channels", channel, 0, maps.shape[-1] - 1)
        flat = maps[..., list(channels)].reshape(len(maps), -1, len(channels))
        positions.append(flat.argmax(1))  # (n, channels), of OH · OW units
        largest.append(flat.max(1))
    values, units = np.concatenate(largest), np.concatenate(positions)

    def patch(sample: int, k: int) -> Patch:
        row, column = divmod(int(units[sample, k]), field.extents[1])
        box = field.box(row, column)
        pixels = x[sample, box[0] : box[2], box[1] : box[3]]
        return Patch(pixels, float(values[sample, k]), sample, (row, column), box)

    order = np.argsort(-values, axis=0, kind="stable")[:count]  # (count, channels)
    return {
        channel: [patch(int(sample), k) for sample in order[:, k]]
        for k, channel in enumerate(channels)
    }


@styled
def maps_figure(maps: np.ndarray, title: str = "") -> Figure:
    """Feature maps in a grid, all on one scale: orange above 0, purple below.

    Parameters
    ----------
    maps : array, shape (H, W, C)
        The first 32 channels are shown.
    title : str
    """
    maps = finite_array("maps_figure", "maps", maps)
    word("maps_figure", "title", title)
    if maps.ndim != 3 or 0 in maps.shape:
        raise ShapeError(f"`maps` has shape {list(maps.shape)}; it must be (H, W, C).")
    shown = min(maps.shape[2], MOST)
    columns = min(8, shown)
    rows = -(-shown // columns)
    limit = float(np.abs(maps[..., :shown]).max()) or 1.0
    tall = min(max(maps.shape[0] / maps.shape[1], 0.4), 2.5)
    figure = new_figure(1.15 * max(columns, 3) + 1.1, 1.25 * tall * rows + 0.7)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for number, axes in enumerate(panels):
        axes.set_axis_off()
        if number < shown:
            drawn = axes.imshow(maps[..., number], cmap="PuOr_r", vmin=-limit, vmax=limit)
            axes.set_title(say("channel {number}", number=number), fontsize=8, pad=2)
    figure.colorbar(drawn, ax=panels, shrink=0.9, aspect=25, label=say("activation value"))
    if shown < maps.shape[2]:
        part = say("(the first {shown} of {total})", shown=shown, total=maps.shape[2])
        title = f"{title} {part}".strip()
    head(figure, title)
    return figure


@styled
def pictures_figure(
    rows: Sequence[Sequence[np.ndarray]],
    titles: Sequence[Sequence[str]],
    names: Sequence[str],
    title: str = "",
    *,
    on_paper: bool | None = None,
) -> Figure:
    """Rows of small pictures with a line above each: patches that excite, or pictures made to excite.

    Of pictures of one channel a line under the title says whether dark or light is high.

    Parameters
    ----------
    rows : sequence of sequences of arrays, shape (h, w, C)
    titles : sequence of sequences of str
        Above each picture.
    names : sequence of str
        Before each row.
    title : str
    on_paper : bool, optional
        Whether pictures of one channel are drawn with high numbers dark, as ink on paper; by default where the bytes of
        the first are mostly 0. Give what was told of the data, so that several figures of one network agree.
    """
    where = "pictures_figure"
    word(where, "title", title)
    rows = [sequence(where, "rows", row) for row in sequence(where, "rows", rows)]
    titles = [sequence(where, "titles", row, str) for row in sequence(where, "titles", titles)]
    names = sequence(where, "names", names, str)
    if not len(rows) == len(titles) == len(names):
        raise InvalidArgument(
            f"{where}: there are {len(rows)} `rows`, {len(titles)} `titles` and {len(names)} `names`."
        )
    if not rows or not all(rows):
        raise InvalidArgument("`rows` must hold a row or more, each with a picture or more.")
    columns = max(map(len, rows))
    figure = new_figure(1.05 * columns + 1.2, 1.3 * len(rows) + 0.5)
    panels = figure.subplots(len(rows), columns, squeeze=False)
    first = np.asarray(rows[0][0])
    if on_paper is None:
        on_paper = first.dtype == np.uint8 and is_ink_on_paper(first[None])
    if first.ndim == 2 or first.shape[2] == 1:
        title = (
            f"{title}; {say('dark is high') if on_paper else say('light is high')}".removeprefix(
                "; "
            )
        )
    for places, pictures, words, name in zip(panels, rows, titles, names, strict=True):
        for axes in places:
            axes.set_axis_off()
        for axes, picture, above in zip(places, pictures, words, strict=False):
            axes.set_axis_on()
            draw_picture(axes, np.asarray(picture), on_paper=on_paper)
            axes.set_title(above, fontsize=8, pad=4)
        places[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    head(figure, title)
    return figure
