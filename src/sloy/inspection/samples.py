"""Margins of training samples, and the pictures that stand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sloy.inspection.picture import draw_picture, is_ink_on_paper
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["samples_figure"]

ACROSS = 10


@styled
def samples_figure(
    margins: np.ndarray,
    planted: np.ndarray,
    limit: float,
    pictures: np.ndarray | None = None,
    shown: Mapping[str, Sequence[tuple[int, str]]] | None = None,
) -> Figure:
    """How margins are spread, those of labels made wrong on purpose beside them; below, pictures that stand out.

    Parameters
    ----------
    margins : array (N,)
        Of the training samples.
    planted : array (M,)
        Of samples with a wrong label.
    limit : float
        Below which a label is probably wrong.
    pictures : array (N, H, W, C), optional
    shown : mapping, optional
        Title → (number of a picture, words below it); the first ten of each are drawn in a row.
    """
    rows = [] if pictures is None else [(k, v[:ACROSS]) for k, v in (shown or {}).items() if v]
    figure = new_figure(9.0, 2.8 + 1.35 * len(rows))
    grid = figure.add_gridspec(1 + len(rows), ACROSS, height_ratios=[2.2] + [1.0] * len(rows))
    _spread(figure.add_subplot(grid[0, :]), margins, planted, limit)
    for row, (title, entries) in enumerate(rows, 1):
        assert pictures is not None
        chosen = pictures[[number for number, _ in entries]]
        on_paper = is_ink_on_paper(chosen)
        for column, (picture, (_, words)) in enumerate(zip(chosen, entries, strict=True)):
            axes = figure.add_subplot(grid[row, column])
            draw_picture(axes, picture, on_paper=on_paper)
            axes.set_xlabel(words, fontsize=8)
            if not column:
                axes.set_title(title, fontsize=10, loc="left", color=ORANGE)
    return figure


def _spread(axes: Axes, margins: np.ndarray, planted: np.ndarray, limit: float) -> None:
    edges = np.linspace(min(margins.min(), planted.min()), max(margins.max(), planted.max()), 60)
    for values, colour, label in (
        (margins, BLUE, say("training samples")),
        (planted, ORANGE, say("labels made wrong on purpose")),
    ):
        shares = np.histogram(values, edges)[0] / len(values)
        axes.stairs(shares, edges, fill=True, color=colour, alpha=0.5, label=label)
    axes.axvline(limit, color=GREY, linestyle="--", label=say("limit"))
    axes.set_xlabel(say("mean margin: own logit less the largest other"))
    axes.set_ylabel(say("share"))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
