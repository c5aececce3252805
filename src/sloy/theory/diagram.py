"""Networks drawn as circles and lines, in inches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import hypot
from typing import TYPE_CHECKING

import numpy as np

from sloy.inspection.measured_text import text_extent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RADIUS = 0.26  # of a neuron
LIGHT = "#BBBBBB"
SIZES = (8.5, 8.0, 7.5, 7.0)  # points of the text in a circle, the largest that fits is taken


def column(x: float, count: int, height: float) -> np.ndarray:
    """Places (count, 2) one under another, spread over a height, the first at the top."""
    y = height * (1 - (np.arange(count) + 0.5) / count)
    return np.stack([np.full(count, x), y], axis=1)


def neuron(
    axes: Axes,
    x: float,
    y: float,
    text: str = "",
    *,
    dashed: bool = False,
    colour: str = "black",
    radius: float = RADIUS,
    size: float = SIZES[0],
) -> None:
    """A circle with a short text in it; `radius_for` and `size_for` say where it fits."""
    from matplotlib.patches import Circle

    style = "--" if dashed else "-"
    axes.add_patch(
        Circle((x, y), radius, facecolor="white", edgecolor=colour, lw=1.2, ls=style, zorder=3)
    )
    if text:
        axes.text(x, y, text, ha="center", va="center", fontsize=size, zorder=4, color=colour)


def edge(
    axes: Axes,
    points: Sequence[Sequence[float] | np.ndarray],
    colour: str = LIGHT,
    width: float = 0.9,
) -> None:
    """A line through some places, under everything else."""
    x, y = np.array([np.asarray(point, float) for point in points]).T
    axes.plot(x, y, color=colour, lw=width, zorder=1, solid_joinstyle="round")


def radius_for(texts: Iterable[str]) -> float:
    """The radius of circles in which the texts fit at the smallest size; never less than `RADIUS`."""
    return max([RADIUS, *(_half_diagonal(text, SIZES[-1]) for text in texts if text)])


def size_for(texts: Iterable[str], radius: float) -> float | None:
    """The largest size at which all texts are inside circles of a radius; None where none is small enough."""
    shown = [text for text in texts if text]
    fitting = (s for s in SIZES if all(_half_diagonal(t, s) <= radius + 1e-9 for t in shown))
    return next(fitting, None)


def _half_diagonal(text: str, size: float) -> float:
    """From the middle of a text to its corner, and a little."""
    width, height = text_extent(text, size)
    return hypot(width / 2, height / 2) + 0.015
