"""Numbers that were predicted against those that are true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from sloy.errors import ShapeError
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["answers_figure"]

MOST = 2000  # points that are drawn; of more every so many


@styled
def answers_figure(true: ArrayLike, predicted: ArrayLike, name: str = "") -> Figure:
    """Each sample a point: across what is true, up what was predicted; on the line both agree.

    Parameters
    ----------
    true, predicted : array, shape (N,)
        Finite numbers; N is at least 1.
    name : str
        What they are, with the unit.

    Raises
    ------
    ShapeError
        Where the two do not have the same shape (N,).
    """
    y, answers = np.asarray(true, float), np.asarray(predicted, float)
    if y.shape != answers.shape or y.ndim != 1 or not len(y):
        raise ShapeError(
            f"answers_figure: `true` has shape {y.shape}, `predicted` {answers.shape}; both must be (N,)."
        )
    step = -(-len(y) // MOST)
    figure = new_figure(4.4, 4.2)
    axes = figure.subplots()
    both = np.concatenate([y, answers])
    low, high = both.min(), both.max()
    margin = 0.03 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color=ORANGE, linewidth=1.2, label="both agree", zorder=1)
    size = 14 if len(y) < 500 else 6
    axes.scatter(y[::step], answers[::step], size, color=BLUE, alpha=0.5, linewidths=0, zorder=2)
    rmse = float(np.sqrt(np.mean((answers - y) ** 2)))
    axes.set_title(f"{len(y)} samples, root mean squared error {rmse:.4g}")
    axes.set_xlabel(f"true {name}".strip())
    axes.set_ylabel(f"predicted {name}".strip())
    axes.set_xlim(*limits)
    axes.set_ylim(*limits)
    axes.set_aspect("equal")
    axes.grid(color="#DDDDDD")
    axes.legend(loc="upper left", labelcolor=GREY)
    return figure
