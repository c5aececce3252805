"""What computers see: a picture as the numbers it is made of (L16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sloy.arguments import flag, instance, integer
from sloy.errors import ShapeError
from sloy.inspection.measured_text import text_extent
from sloy.inspection.picture import draw_picture
from sloy.inspection.style import new_figure, styled
from sloy.language import say
from sloy.text import Text
from sloy.theory.pictures.numbers import Picture, as_grey, as_picture, scaled, texts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["numeric_grid", "numeric_grid_figure"]

MOST = 40  # rows and columns whose numbers a figure can show legibly
MOST_TEXT = 100  # of a text
COLOURS = ("#CC0000", "#008800", "#0033CC")  # behind the numbers of red, green and blue
NUMBER = 7.0  # points
CELL = 0.19  # inches from row to row
LEAST = 2.4  # inches of a panel
WIDEST = 15.0  # inches of a figure whose panels stand in one row


def numeric_grid(image: Picture, *, size: int | None = None, grey: bool = False) -> Text:
    """A picture as the grid of its numbers, as text.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C), or the path of a picture
        Whole numbers are written as they are, others with two decimals; a file's are whole, from 0 to 255. Channels
        follow one another; three are called red, green and blue.
    size : int, optional
        Scale the picture until its longer side has so many pixels; at most 100 are shown.
    grey : bool
        Show one grid of greys for a picture in colours.

    Returns
    -------
    str
        H lines for each channel, columns aligned.

    Raises
    ------
    FileFormatError, OSError
        For a file that is no picture, or cannot be read; see `sloy.data.read_image`.

    Examples
    --------
    >>> print(numeric_grid(np.array([[0, 128, 255], [7, 0, 31]])))
      0 128 255
      7   0  31
    """
    picture = _picture("numeric_grid", image, size, grey, MOST_TEXT)
    width = max(len(number) for number in texts(picture).flat)
    grids = []
    for channel in range(picture.shape[2]):
        lines = [
            " ".join(number.rjust(width) for number in row) for row in texts(picture[..., channel])
        ]
        title = [] if picture.shape[2] == 1 else [f"{_name(channel, picture.shape[2])}:"]
        grids.append("\n".join([*title, *lines]))
    return Text("\n\n".join(grids))


@styled
def numeric_grid_figure(
    image: Picture, title: str = "", *, size: int | None = None, grey: bool = False
) -> Figure:
    """The picture as we see it, and beside it what computers see: its numbers.

    A picture in colours has three grids: red, green and blue.

    Parameters
    ----------
    image : array, shape (H, W), (H, W, 1) or (H, W, 3), or the path of a picture
        At most 40 × 40 pixels, or more with `size`.
    title : str
        A line above.
    size : int, optional
        Scale the picture until its longer side has so many pixels, at most 40: ``numeric_grid_figure("cat.jpg",
        size=20)``.
    grey : bool
        Show one grid of greys for a picture in colours.

    Raises
    ------
    FileFormatError, OSError
        For a file that is no picture, or cannot be read; see `sloy.data.read_image`.
    """
    where = "numeric_grid_figure"
    instance(where, "title", title, str)
    picture = _picture(where, image, size, grey, MOST)
    if picture.shape[2] not in (1, 3):
        raise ShapeError(
            f"{where}: `image` has {picture.shape[2]} channels; it must have one or three (red, green, blue)."
        )
    channels, numbers, seen = picture.shape[2], texts(picture), _seen(picture)
    figure, panels = _panels(picture.shape, max(map(len, numbers.flat)))
    draw_picture(panels[0], seen, on_paper=False)
    panels[0].set_title(say("what we see"))
    for channel, axes in enumerate(panels[1:]):
        name = say("what computers see") if channels == 1 else _name(channel, channels)
        colour = COLOURS[channel] if channels == 3 else None
        _numbers(axes, seen[..., channel], numbers[..., channel], name, colour)
    if title:
        figure.suptitle(title)
    return figure


def _panels(shape: tuple[int, ...], letters: int) -> tuple[Figure, list[Axes]]:
    """A panel for the picture, one for the numbers of each channel: in one row, or two by two where they are wide."""
    rows, columns, channels = shape
    across = max(columns * 0.085 * (1 + letters), LEAST)
    high = max(LEAST, CELL * rows)
    seen = max(high * columns / rows, text_extent(say("what we see"), 11)[0])
    widths = [seen, *[across] * channels]
    if sum(widths) <= WIDEST or channels == 1:
        figure = new_figure(sum(widths) + 0.4 * len(widths), high + 0.7)
        panels = figure.subplots(1, len(widths), gridspec_kw={"width_ratios": widths})
    else:
        left = max(seen, across)
        figure = new_figure(left + across + 0.8, 2 * high + 1.1)
        panels = figure.subplots(2, 2, gridspec_kw={"width_ratios": [left, across]})
    return figure, list(panels.ravel())


def _picture(where: str, image: Picture, size: int | None, grey: bool, most: int) -> np.ndarray:
    """(H, W, C), scaled and grey where that is asked, no larger than can be read."""
    picture = as_picture(where, "image", image, colour=True)
    if flag(where, "grey", grey):
        picture = as_grey(picture)
    if size is not None:
        return scaled(picture, integer(where, "size", size, 1, most))
    if max(picture.shape[:2]) > most:
        rows, columns = picture.shape[:2]
        raise ShapeError(
            f"{where}: `image` has {rows} × {columns} pixels; at most {most} rows and columns can be read."
            f" Scale it: `size=20`, or cut a piece out of it: `image[:{most}, :{most}]`."
        )
    return picture


def _seen(picture: np.ndarray) -> np.ndarray:
    """What is drawn of a picture: colours of bytes as they are, other numbers stretched by `draw_picture`."""
    bytes_ = picture.shape[2] == 3 and picture.min() >= 0 and 1 < picture.max() <= 255
    return picture / 255 if bytes_ else picture


def _numbers(
    axes: Axes, channel: np.ndarray, numbers: np.ndarray, title: str, colour: str | None
) -> None:
    """The numbers (H, W) of a channel over what they look like, faint."""
    from matplotlib.colors import LinearSegmentedColormap

    draw_picture(axes, channel, on_paper=False)
    axes.images[0].set_alpha(0.3)
    if colour:
        axes.images[0].set_cmap(LinearSegmentedColormap.from_list(title, ["white", colour]))
    axes.set_aspect("auto")
    axes.set_title(title)
    for (i, j), number in np.ndenumerate(numbers):
        text = axes.text(j, i, number, ha="center", va="center", fontsize=NUMBER)
        text.set_in_layout(False)  # hundreds of them, all inside: the layout need not ask each


def _name(channel: int, channels: int) -> str:
    if channels == 3:
        return (say("red"), say("green"), say("blue"))[channel]
    return say("channel {number}", number=channel)
