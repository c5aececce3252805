"""Figures of convolution and pooling: one value step by step, the response of a filter, windows and their maxima."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from sloy.errors import ShapeError
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.theory.pictures.convolution import Edges, convolve, max_pool, window_start
from sloy.theory.pictures.numbers import texts, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["convolution_figure", "pooling_figure", "response_figure"]

MOST = 14  # rows and columns of a grid of numbers
CELL = 0.36  # inches
THIN = "\u2009"


@styled
def convolution_figure(
    image: ArrayLike, kernel: ArrayLike, at: tuple[int, int] = (0, 0), *, edges: Edges = "valid"
) -> Figure:
    """Picture, kernel and result as grids of numbers, one value and the window it comes from outlined.

    Parameters
    ----------
    image : array, shape (H, W)
        At most 14 × 14.
    kernel : array, shape (2s + 1, 2t + 1)
    at : (int, int)
        Row and column of the outlined value in the result.
    edges : "zero" or "valid"
        See `convolve`.
    """
    where = "convolution_figure"
    result = convolve(image, kernel, edges=edges)
    F, G = _small(where, "image", image), _small(where, "kernel", kernel)
    i, j = window_start(where, at, result.shape)
    if edges == "zero":
        F = np.pad(F, [(extent // 2, extent // 2) for extent in G.shape])
    figure, panels = _row_of_grids([F, G, result])
    names = ("picture F" + (", zeros around it" if edges == "zero" else ""), "filter G", "result f")
    for axes, array, name in zip(panels, (F, G, result), names, strict=True):
        _numbers(axes, array)
        axes.set_title(name)
    _outline(panels[0], i, j, G.shape, BLUE)
    _outline(panels[2], i, j, (1, 1), ORANGE)
    for left, sign in zip(panels, ("∗", "="), strict=False):
        left.annotate(
            sign, (1.0, 0.5), (13, 0), "axes fraction", "offset points", fontsize=16, va="center",
            ha="center", annotation_clip=False,
        )  # fmt: skip
    return figure


@styled
def response_figure(image: ArrayLike, kernel: ArrayLike, title: str = "") -> Figure:
    """A filter slid over a picture: picture, filter, and where it answers most (zero edges).

    Parameters
    ----------
    image : array, shape (H, W)
    kernel : array, shape (2s + 1, 2t + 1)
    title : str
        A line above.
    """
    response = convolve(image, kernel)
    F, G = np.asarray(image, float), np.asarray(kernel, float)
    i, j = np.unravel_index(int(response.argmax()), response.shape)
    figure = new_figure(9.2, 3.5)
    seen, small, answers = figure.subplots(1, 3, gridspec_kw={"width_ratios": [3, 1, 3]})
    seen.imshow(F, cmap="gray_r")
    seen.set_title("picture")
    small.imshow(G, cmap="PuOr_r", vmin=-np.abs(G).max(), vmax=np.abs(G).max() or 1)
    small.set_title("filter")
    limit = float(np.abs(response).max()) or 1.0
    shown = answers.imshow(response, cmap="PuOr_r", vmin=-limit, vmax=limit)
    answers.set_title("response")
    figure.colorbar(shown, ax=answers, label="f(i, j)", shrink=0.85)
    for axes in (seen, small, answers):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    top, left = i - G.shape[0] // 2, j - G.shape[1] // 2
    _outline(seen, top, left, G.shape, BLUE)
    _outline(answers, top, left, G.shape, BLUE)
    strongest = (
        f"{response[i, j]:,.0f}" if abs(response[i, j]) >= 1000 else value_text(response[i, j])
    )
    seen.set_xlabel(f"strongest response, {strongest.replace(',', THIN)},\nat row {i}, column {j}")
    if title:
        figure.suptitle(title)
    return figure


@styled
def pooling_figure(image: ArrayLike, size: int = 2, stride: int | None = None) -> Figure:
    """A picture with its windows, each window's largest number marked, and the smaller picture made of them.

    Parameters
    ----------
    image : array, shape (H, W)
        At most 14 × 14.
    size, stride
        See `max_pool`.
    """
    result = max_pool(image, size, stride)
    F = _small("pooling_figure", "image", image)
    step = size if stride is None else stride
    figure, panels = _row_of_grids([F, result])
    _numbers(panels[0], F, colour=GREY)
    _numbers(panels[1], result)
    for i, j in np.ndindex(*result.shape):
        window = F[i * step : i * step + size, j * step : j * step + size]
        k, m = np.unravel_index(int(window.argmax()), window.shape)
        _outline(panels[0], i * step, j * step, (size, size), BLUE)
        _mark(panels[0], i * step + int(k), j * step + int(m))
        _mark(panels[1], i, j)
    panels[0].set_title(f"{F.shape[0]} × {F.shape[1]} = {F.size} numbers")
    panels[1].set_title(f"{result.size} numbers")
    panels[0].annotate(
        "→", (1.0, 0.5), (14, 0), "axes fraction", "offset points", fontsize=16, va="center",
        ha="center", annotation_clip=False,
    )  # fmt: skip
    return figure


def _row_of_grids(arrays: list[np.ndarray]) -> tuple[Figure, list[Axes]]:
    widths = [max(array.shape[1], 4) for array in arrays]
    height = max(array.shape[0] for array in arrays)
    figure = new_figure(CELL * sum(widths) + 0.75 * len(arrays), CELL * height + 0.6)
    axes = figure.subplots(1, len(arrays), squeeze=False, gridspec_kw={"width_ratios": widths})[0]
    for panel, array, width in zip(axes, arrays, widths, strict=True):
        rows, columns = array.shape
        across, down = (width - columns) / 2 + 0.6, (height - rows) / 2 + 0.6
        panel.set(
            xlim=(-across, columns - 1 + across), ylim=(rows - 1 + down, -down), aspect="equal"
        )
        panel.set_axis_off()
    return figure, list(axes)


def _numbers(axes: Axes, array: np.ndarray, colour: str = "black") -> None:
    """A grid of cells with a number in each."""
    rows, columns = array.shape
    for (i, j), number in np.ndenumerate(texts(array)):
        text = number.replace("-", "−")
        axes.text(j, i, text, ha="center", va="center", fontsize=9, color=colour)
    for line in range(rows + 1):
        axes.plot([-0.5, columns - 0.5], [line - 0.5] * 2, color="#CCCCCC", lw=0.8, zorder=0)
    for line in range(columns + 1):
        axes.plot([line - 0.5] * 2, [-0.5, rows - 0.5], color="#CCCCCC", lw=0.8, zorder=0)


def _mark(axes: Axes, i: int, j: int) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, color="#F5C9A6", lw=0, zorder=-1))


def _outline(axes: Axes, top: float, left: float, size: tuple[int, ...], colour: str) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle((left - 0.5, top - 0.5), size[1], size[0], fill=False, edgecolor=colour, lw=2.2)
    )


def _small(where: str, name: str, value: ArrayLike) -> np.ndarray:
    found = np.asarray(value, float)
    if found.ndim != 2 or max(found.shape) > MOST:
        raise ShapeError(
            f"{where}: `{name}` has shape {found.shape}; it must be (rows, columns), at most {MOST} of each, to"
            " be legible."
        )
    return found
