"""Networks drawn as circles and lines, in inches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RADIUS = 0.26  # of a neuron
LIGHT = "#BBBBBB"


def column(x: float, count: int, height: float) -> np.ndarray:
    """Places (count, 2) one under another, spread over a height, the first at the top."""
    y = height * (1 - (np.arange(count) + 0.5) / count)
    return np.stack([np.full(count, x), y], axis=1)


def neuron(
    axes: Axes, x: float, y: float, text: str = "", *, dashed: bool = False, colour: str = "black"
) -> None:
    """A circle with a short text in it."""
    from matplotlib.patches import Circle

    style = "--" if dashed else "-"
    axes.add_patch(
        Circle((x, y), RADIUS, facecolor="white", edgecolor=colour, lw=1.2, ls=style, zorder=3)
    )
    if text:
        axes.text(x, y, text, ha="center", va="center", fontsize=8.5, zorder=4, color=colour)


def edge(
    axes: Axes,
    points: Sequence[Sequence[float] | np.ndarray],
    colour: str = LIGHT,
    width: float = 0.9,
) -> None:
    """A line through some places, under everything else."""
    x, y = np.array([np.asarray(point, float) for point in points]).T
    axes.plot(x, y, color=colour, lw=width, zorder=1, solid_joinstyle="round")
