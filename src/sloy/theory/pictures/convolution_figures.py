"""Figures of convolution and pooling: values step by step, the response of a filter, winners and their gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from sloy.arguments import word
from sloy.errors import InvalidArgument, ShapeError
from sloy.inspection.picture import is_ink_on_paper
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import say
from sloy.theory.pictures.convolution import (
    Edges,
    convolve,
    max_pool,
    max_pool_gradient,
    one_channel,
    padded,
    products_of,
    window_start,
)
from sloy.theory.pictures.numbers import Picture, as_grey, as_picture, texts, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "convolution_figure",
    "convolution_steps_figure",
    "pooling_figure",
    "response_figure",
]

MOST = 14  # rows and columns of a grid of numbers
STEPS = 16  # values that are shown step by step
WIDEST = 5  # columns of a kernel whose products fit under a picture
CELL = 0.36  # inches
LETTER = 0.072  # inches, in a line of products
THIN = "\u2009"


@styled
def convolution_figure(
    image: Picture, kernel: ArrayLike, at: tuple[int, int] = (0, 0), *, edges: Edges = "valid"
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
    F = padded(F, G.shape, edges)
    figure, (panels,) = _grids([[F, G, result]])
    picture = say("picture F, zeros around it") if edges == "zero" else say("picture F")
    for axes, array, name in zip(
        panels, (F, G, result), (picture, say("filter G"), say("result f")), strict=True
    ):
        _numbers(axes, array)
        axes.set_title(name)
    _outline(panels[0], i, j, G.shape, BLUE)
    _outline(panels[2], i, j, (1, 1), ORANGE)
    for left, sign in zip(panels, ("∗", "="), strict=False):
        _sign(left, sign)
    return figure


@styled
def convolution_steps_figure(
    image: Picture, kernel: ArrayLike, *, edges: Edges = "valid"
) -> Figure:
    """A convolution step by step: a panel for each value, with its window, its products and their sum.

    Parameters
    ----------
    image : array, shape (H, W)
        At most 14 × 14.
    kernel : array, shape (2s + 1, 2t + 1)
        At most 5 columns.
    edges : "zero" or "valid"
        See `convolve`; at most 16 values.
    """
    where = "convolution_steps_figure"
    result = convolve(image, kernel, edges=edges)
    F, G = _small(where, "image", image), _small(where, "kernel", kernel)
    if result.size > STEPS or G.shape[1] > WIDEST:
        raise InvalidArgument(
            f"{where}: the result has {result.size} values and `kernel` {G.shape[1]} columns; at most {STEPS} values"
            f" and {WIDEST} columns are legible. `convolution_figure` shows one value."
        )
    F = padded(F, G.shape, edges)
    rows, columns = result.shape
    sums = {
        at: "\n+ ".join(" + ".join(products) for products in products_of(F, G, at))
        for at in np.ndindex(rows, columns)
    }
    cell = max(CELL, 0.085 * max(map(len, texts(F).flat)))
    longest = max(len(line) for text in sums.values() for line in text.split("\n"))
    under = 0.19 * (G.shape[0] + 1)  # inches of products
    wide = max(cell * F.shape[1], LETTER * longest) + 0.5
    high = cell * (F.shape[0] + 0.2) + 0.55 + under
    figure = new_figure(wide * columns + 0.2, high * rows, layout=None)
    for i, j in np.ndindex(rows, columns):
        box = (
            (0.1 + j * wide) / figure.get_figwidth(),
            1 - ((i + 1) * high - under - 0.1) / figure.get_figheight(),
            wide / figure.get_figwidth(),
            cell * (F.shape[0] + 0.2) / figure.get_figheight(),
        )
        axes = figure.add_axes(box)
        axes.set(xlim=(-0.6, F.shape[1] - 0.4), ylim=(F.shape[0] - 0.4, -0.6), aspect="equal")
        axes.set_axis_off()
        _numbers(axes, F, GREY)
        _window(axes, F, i, j, G.shape)
        axes.set_title(f"f({i}, {j}) = {value_text(float(result[i, j]))}", color=ORANGE, pad=4)
        text = f"{sums[i, j]}\n= {value_text(float(result[i, j]))}"
        axes.text(
            0.5, -0.04, text, transform=axes.transAxes, ha="center", va="top", fontsize=8.5,
            linespacing=1.25,
        )  # fmt: skip
    return figure


@styled
def response_figure(image: Picture, kernel: ArrayLike, title: str = "") -> Figure:
    """A filter slid over a picture: picture, filter, and where it answers most (zero edges).

    Parameters
    ----------
    image : array, shape (H, W) or (H, W, 3), or path
        Of colours the greys are taken.
    kernel : array, shape (2s + 1, 2t + 1)
    title : str
        A line above.
    """
    where = "response_figure"
    F, G = as_grey(as_picture(where, "image", image)), one_channel(where, "kernel", kernel)
    word("response_figure", "title", title)
    response, F = convolve(F, G), F[..., 0]
    i, j = np.unravel_index(int(response.argmax()), response.shape)
    figure = new_figure(9.2, 3.5)
    seen, small, answers = figure.subplots(1, 3, gridspec_kw={"width_ratios": [3, 1, 3]})
    inked = is_ink_on_paper(F[None, ..., None])  # a drawing: 0 is paper
    seen.imshow(F, cmap="gray_r" if inked else "gray")
    seen.set_title(say("picture (0 is white)") if inked else say("picture"))
    small.imshow(G, cmap="PuOr_r", vmin=-np.abs(G).max(), vmax=np.abs(G).max() or 1)
    small.set_title(say("filter"))
    limit = float(np.abs(response).max()) or 1.0
    shown = answers.imshow(response, cmap="PuOr_r", vmin=-limit, vmax=limit)
    answers.set_title(say("response"))
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
    seen.set_xlabel(
        say(
            "largest response, {value},\nat row {row}, column {column}",
            value=strongest.replace(",", THIN),
            row=int(i),
            column=int(j),
        )
    )
    if title:
        figure.suptitle(title)
    return figure


@styled
def pooling_figure(
    image: Picture,
    size: int = 2,
    stride: int | None = None,
    *,
    gradient: ArrayLike | None = None,
) -> Figure:
    """A picture with its windows, each window's largest number marked, and the smaller picture made of them.

    Parameters
    ----------
    image : array, shape (H, W)
        At most 14 × 14.
    size, stride
        See `max_pool`.
    gradient : array, of the shape of the smaller picture, optional
        ∂L/∂u of its numbers: then a second row shows where they go, each to the winner of its window.
    """
    where = "pooling_figure"
    result = max_pool(image, size, stride)
    F = _small(where, "image", image)
    step = size if stride is None else stride
    rows = [[F, result]]
    if gradient is not None:
        rows.append(
            [max_pool_gradient(image, gradient, size, stride), _small(where, "gradient", gradient)]
        )
    figure, panels = _grids(rows)
    _numbers(panels[0][0], F, colour=GREY)
    _numbers(panels[0][1], result)
    for i, j in np.ndindex(*result.shape):
        window = F[i * step : i * step + size, j * step : j * step + size]
        k, m = np.unravel_index(int(window.argmax()), window.shape)
        for row in panels:
            _outline(row[0], i * step, j * step, (size, size), BLUE)
            _mark(row[0], i * step + int(k), j * step + int(m))
            _mark(row[1], i, j)
    panels[0][0].set_title(
        say(
            "{rows} × {columns} = {count} numbers",
            rows=F.shape[0],
            columns=F.shape[1],
            count=F.size,
        )
    )
    panels[0][1].set_title(say("{count} numbers", count=result.size))
    _sign(panels[0][0], "→")
    if gradient is not None:
        for axes, array in zip(panels[1], rows[1], strict=True):
            _gradient(axes, array)
        panels[1][0].set_title(say("where the gradient goes"))
        panels[1][1].set_title("∂L/∂u")
        _sign(panels[1][0], "←")
    return figure


def _grids(rows: list[list[np.ndarray]]) -> tuple[Figure, list[list[Axes]]]:
    """Empty panels for rows of arrays, those of a column equally wide."""
    widths = [max(4, *(array.shape[1] for array in column)) for column in zip(*rows, strict=True)]
    heights = [max(array.shape[0] for array in row) for row in rows]
    figure = new_figure(
        CELL * sum(widths) + 0.75 * len(widths), CELL * sum(heights) + 0.6 * len(heights)
    )
    ratios = {"width_ratios": widths, "height_ratios": heights}
    panels = [
        list(row)
        for row in figure.subplots(len(rows), len(widths), squeeze=False, gridspec_kw=ratios)
    ]
    for row, arrays, height in zip(panels, rows, heights, strict=True):
        for panel, array, width in zip(row, arrays, widths, strict=True):
            across = (width - array.shape[1]) / 2 + 0.6
            down = (height - array.shape[0]) / 2 + 0.6
            panel.set(
                xlim=(-across, array.shape[1] - 1 + across),
                ylim=(array.shape[0] - 1 + down, -down),
                aspect="equal",
            )
            panel.set_axis_off()
    return figure, panels


def _sign(axes: Axes, sign: str) -> None:
    """A sign between a panel and the next."""
    axes.annotate(
        sign, (1.0, 0.5), (13, 0), "axes fraction", "offset points", fontsize=16, va="center",
        ha="center", annotation_clip=False,
    )  # fmt: skip


def _window(axes: Axes, F: np.ndarray, top: int, left: int, size: tuple[int, ...]) -> None:
    """A window outlined, its numbers in black upon the grey ones."""
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle((left - 0.5, top - 0.5), size[1], size[0], color="#D6E8F5", lw=0, zorder=-1)
    )
    _outline(axes, top, left, size, BLUE)
    for text in axes.texts:
        column, row = text.get_position()
        if top <= row < top + size[0] and left <= column < left + size[1]:
            text.set_color("black")


def _numbers(axes: Axes, array: np.ndarray, colour: str = "black") -> None:
    """A grid of cells with a number in each."""
    rows, columns = array.shape
    numbers = texts(array)
    size = 9 if max(map(len, numbers.flat)) <= 4 else 7  # what fits into a cell
    for (i, j), number in np.ndenumerate(numbers):
        text = number.replace("-", "−")
        axes.text(j, i, text, ha="center", va="center", fontsize=size, color=colour)
    for line in range(rows + 1):
        axes.plot([-0.5, columns - 0.5], [line - 0.5] * 2, color="#CCCCCC", lw=0.8, zorder=0)
    for line in range(columns + 1):
        axes.plot([line - 0.5] * 2, [-0.5, rows - 0.5], color="#CCCCCC", lw=0.8, zorder=0)


def _gradient(axes: Axes, array: np.ndarray) -> None:
    """A grid of gradients, the zeros faint."""
    _numbers(axes, array, colour=ORANGE)
    for text in axes.texts:
        column, row = (int(k) for k in text.get_position())
        if array[row, column] == 0:
            text.set(text="0", color="#AAAAAA")


def _mark(axes: Axes, i: int, j: int) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, color="#F5C9A6", lw=0, zorder=-1))


def _outline(axes: Axes, top: float, left: float, size: tuple[int, ...], colour: str) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle((left - 0.5, top - 0.5), size[1], size[0], fill=False, edgecolor=colour, lw=2.2)
    )


def _small(where: str, name: str, value: Picture) -> np.ndarray:
    found = one_channel(where, name, value)
    if max(found.shape) > MOST:
        raise ShapeError(
            f"{where}: `{name}` has shape {found.shape}; it must be (rows, columns), at most {MOST} of each, to"
            " be legible; take a part of it, such as `picture[:14, :14]` (`sloy.data.read_image` reads a file)."
        )
    return found
