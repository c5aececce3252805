"""Learning curves: loss and accuracy by epoch, of the training and of the validation data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike

from sloy.errors import InvalidArgument
from sloy.inspection.style import BLUE, ORANGE, new_figure, styled
from sloy.language import say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["curves_figure"]

PREFIX = "val_"  # of the columns of validation figures


class Table(Protocol):
    """Columns by name: a `History`, or a dict of lists."""

    def __contains__(self, column: object, /) -> bool: ...

    def __getitem__(self, column: str, /) -> ArrayLike: ...


@styled
def curves_figure(history: Table, title: str = "") -> Figure:
    """Loss, and accuracy where there is one, by epoch.

    Parameters
    ----------
    history : History or dict
        Column → one value per epoch: ``epoch`` and ``loss``, and where known ``accuracy``, ``val_loss`` and
        ``val_accuracy``.
    title : str
        A line above the panels.

    Raises
    ------
    InvalidArgument
        Where ``epoch`` or ``loss`` is missing or the history is empty.
    """
    if "loss" not in history or "epoch" not in history or not np.size(history["epoch"]):
        raise InvalidArgument(
            "`history` must have the columns `epoch` and `loss`, with a row or more."
        )
    metrics = [name for name in ("loss", "accuracy") if name in history]
    figure = new_figure(4.4 * len(metrics), 3.5)
    for axes, metric in zip(
        figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True
    ):
        draw_curves(axes, history, metric)
    if title:
        figure.suptitle(title)
    return figure


def draw_curves(axes: Axes, history: Table, metric: str) -> None:
    """The panel of one figure, ``"loss"`` or ``"accuracy"``."""
    from matplotlib.ticker import MaxNLocator

    epochs = np.asarray(history["epoch"], float)
    unit = 100.0 if metric == "accuracy" else 1.0
    many = len(epochs) > 40
    series = (
        (say("training"), metric, BLUE, "-" if many else "o-"),
        (say("validation"), PREFIX + metric, ORANGE, "--" if many else "s--"),
    )
    for label, column, colour, mark in series:
        if column not in history:
            continue
        values = unit * np.asarray(history[column], float)
        if np.isfinite(values).any():
            axes.plot(epochs, values, mark, color=colour, label=label, markersize=5)
    axes.set_xlabel(say("epoch"))
    axes.set_ylabel(say("accuracy (%)") if metric == "accuracy" else say("loss"))
    axes.set_title(say("Accuracy") if metric == "accuracy" else say("Loss"))
    axes.set_xlim(epochs[0] - 0.25, epochs[-1] + 0.25)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.margins(y=0.12)
    axes.grid(axis="y")
    axes.legend(loc="best")
