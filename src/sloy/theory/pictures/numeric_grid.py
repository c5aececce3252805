"""What computers see: a picture as the numbers it is made of (L16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from sloy.errors import ShapeError
from sloy.inspection.picture import draw_picture, is_ink_on_paper
from sloy.inspection.style import new_figure, styled
from sloy.theory.pictures.numbers import as_picture, texts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["numeric_grid", "numeric_grid_figure"]

MOST = 40  # rows and columns whose numbers a figure can show legibly
CHANNELS = ("red", "green", "blue")


def numeric_grid(image: ArrayLike) -> str:
    """A picture as the grid of its numbers, as text.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, C)
        Whole numbers are written as they are, others with two decimals. Channels follow one another; three are
        called red, green and blue. Slice large pictures: ``image[:20, :20]``.

    Returns
    -------
    str
        H lines for each channel, columns aligned.

    Examples
    --------
    >>> print(numeric_grid(np.array([[0, 128, 255], [7, 0, 31]])))
      0 128 255
      7   0  31
    """
    picture = as_picture("numeric_grid", "image", image)
    width = max(len(number) for number in texts(picture).flat)
    grids = []
    for channel in range(picture.shape[2]):
        lines = [
            " ".join(number.rjust(width) for number in row) for row in texts(picture[..., channel])
        ]
        title = [] if picture.shape[2] == 1 else [f"{_name(channel, picture.shape[2])}:"]
        grids.append("\n".join([*title, *lines]))
    return "\n\n".join(grids)


@styled
def numeric_grid_figure(image: ArrayLike, title: str = "") -> Figure:
    """The picture as we see it, and beside it what computers see: its numbers.

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, 1)
        At most 40 × 40.
    title : str
        A line above.
    """
    picture = as_picture("numeric_grid_figure", "image", image)
    if picture.shape[2] != 1 or max(picture.shape[:2]) > MOST:
        raise ShapeError(
            f"numeric_grid_figure: `image` has shape {np.shape(image)}; it must have one channel and at most"
            f" {MOST} rows and columns, to be legible."
        )
    rows, columns = picture.shape[:2]
    across = columns * 0.085 * (1 + max(map(len, texts(picture).flat)))  # inches of numbers
    high = max(2.4, 0.19 * rows)
    across = max(across, 2.4)
    figure = new_figure(high * columns / rows + across + 0.8, high + 0.7)
    seen, numbers = figure.subplots(
        1, 2, gridspec_kw={"width_ratios": [high * columns / rows, across]}
    )
    _shown(seen, picture[..., 0], "what we see")
    _shown(numbers, picture[..., 0], "what computers see", faint=True)
    numbers.set_aspect("auto")
    for (i, j), number in np.ndenumerate(texts(picture[..., 0])):
        text = numbers.text(j, i, number, ha="center", va="center", fontsize=7)
        text.set_in_layout(False)  # hundreds of them, all inside: the layout need not ask each
    if title:
        figure.suptitle(title)
    return figure


def _shown(axes: Axes, picture: np.ndarray, title: str, *, faint: bool = False) -> None:
    draw_picture(axes, picture, on_paper=is_ink_on_paper(picture[None]))
    axes.images[0].set_alpha(0.3 if faint else 1.0)
    axes.set_title(title)


def _name(channel: int, channels: int) -> str:
    return CHANNELS[channel] if channels == len(CHANNELS) else f"channel {channel + 1}"
