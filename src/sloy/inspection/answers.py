"""Numbers that were predicted against those that are true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from sloy import text
from sloy.arguments import finite_array, sequence, word
from sloy.errors import ShapeError
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["answers_figure"]

MOST = 2000  # points that are drawn; of more every so many
LONGEST = 28  # characters of a name along an axis


@styled
def answers_figure(true: ArrayLike, predicted: ArrayLike, name: str | Sequence[str] = "") -> Figure:
    """Each sample a point: across what is true, up what was predicted; on the line both agree.

    Parameters
    ----------
    true, predicted : array, shape (N,), or (N, K) of several targets: a panel for each
        Finite numbers; N is at least 1.
    name : str, or sequence of str
        What they are, with the unit; of several a name for each, or all with commas between.

    Raises
    ------
    ShapeError
        Where the two do not have the same shape (N,) or (N, K).
    """
    where = "answers_figure"
    y, answers = finite_array(where, "true", true), finite_array(where, "predicted", predicted)
    if isinstance(name, str):
        word(where, "name", name)
    else:
        sequence(where, "name", name, str)
    if y.shape != answers.shape or y.ndim not in (1, 2) or not y.size:
        raise ShapeError(
            f"answers_figure: `true` has shape {y.shape}, `predicted` {answers.shape}; both must be (N,) or (N, K)."
        )
    y, answers = y.reshape(len(y), -1), answers.reshape(len(y), -1)  # (N, K)
    count = y.shape[1]
    if isinstance(name, str):
        name = [part.strip() for part in name.split(",")] if count > 1 else [name]
    names = [text.shortened(part, LONGEST) for part in name]
    names += [""] * (count - len(names))
    across = min(count, 3)
    down = -(-count // across)
    figure = new_figure(4.4 * across, 4.2 * down)
    grid = figure.subplots(down, across, squeeze=False)
    for k, axes in enumerate(grid.flat):
        if k < count:
            _panel(axes, y[:, k], answers[:, k], names[k])
        else:
            axes.set_axis_off()
    return figure


def _panel(axes: Axes, y: np.ndarray, answers: np.ndarray, name: str) -> None:
    """One target: (N,) both."""
    step = -(-len(y) // MOST)
    both = np.concatenate([y, answers])
    low, high = both.min(), both.max()
    margin = 0.03 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color=ORANGE, linewidth=1.2, label="both agree", zorder=1)
    size = 14 if len(y) < 500 else 6
    axes.scatter(y[::step], answers[::step], size, color=BLUE, alpha=0.5, linewidths=0, zorder=2)
    rmse = float(np.sqrt(np.mean((answers - y) ** 2)))
    axes.set_title(f"{text.many(len(y), 'sample')}, RMSE {text.number(rmse)}")
    axes.set_xlabel(f"true {name}".strip())
    axes.set_ylabel(f"predicted {name}".strip())
    axes.set_xlim(*limits)
    axes.set_ylim(*limits)
    axes.locator_params(nbins=5)  # numbers of six digits and more stand beside one another
    axes.set_aspect("equal")
    axes.grid(color="#DDDDDD")
    axes.legend(loc="upper left", labelcolor=GREY)
