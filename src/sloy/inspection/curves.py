"""Learning curves: loss and accuracy by epoch, of the training and of the validation data."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike

from sloy.arguments import integers, word
from sloy.errors import InvalidArgument
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import say
from sloy.text import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["curves_figure"]

PREFIX = "val_"  # of the columns of validation figures
# A loss, and how many times the least one, that are those of a run that ran away.
LARGE, WIDE = 100.0, 1e4
HIGHEST = 200  # decimal exponent of what is drawn: matplotlib overflows behind it


class Table(Protocol):
    """Columns by name: a `History`, or a dict of lists."""

    def __contains__(self, column: object, /) -> bool: ...

    def __getitem__(self, column: str, /) -> ArrayLike: ...


@styled
def curves_figure(history: Table, title: str = "", *, kept: Sequence[int] = ()) -> Figure:
    """Loss, and accuracy where there is one, by epoch.

    Parameters
    ----------
    history : History or dict
        Column → one value per epoch: ``epoch`` and ``loss``, and where known ``accuracy``, ``val_loss`` and
        ``val_accuracy``.
    title : str
        A line above the panels.
    kept : sequence of int
        Epochs whose weights the model has; of members one each.

    Raises
    ------
    InvalidArgument
        Where ``epoch`` or ``loss`` is missing or the history is empty.
    """
    if isinstance(history, bytes) or not (
        hasattr(history, "__getitem__") and hasattr(history, "__contains__")
    ):
        raise InvalidArgument(
            f"curves_figure: `history` (={shown(history)}) must be a History, or a dict of columns."
        )
    word("curves_figure", "title", title)
    epochs = sorted(set(integers("curves_figure", "kept", kept)))
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
        for number, epoch in enumerate(epochs):
            label = "_" if number else say("weights kept")
            axes.axvline(epoch, color=GREY, linestyle=":", linewidth=1.2, label=label)
        if epochs:
            axes.legend(loc="best")
    if title:
        figure.suptitle(title)
    return figure


def draw_curves(axes: Axes, history: Table, metric: str) -> None:
    """The panel of one figure, ``"loss"`` or ``"accuracy"``; of a run that ran away on a logarithmic axis.

    Values that are not finite are crosses at the upper edge.
    """
    from matplotlib.ticker import MaxNLocator

    epochs = np.asarray(history["epoch"], float)
    unit = 100.0 if metric == "accuracy" else 1.0
    many = len(epochs) > 40
    series = (
        (say("training"), metric, BLUE, "-" if many else "o-"),
        (say("validation"), PREFIX + metric, ORANGE, "--" if many else "s--"),
    )
    drawn, lost = [np.empty(0)], list[tuple[np.ndarray, str]]()
    for label, column, colour, mark in series:
        if column not in history:
            continue
        values = unit * np.asarray(history[column], float)
        finite = np.isfinite(values)
        if finite.any():
            drawn.append(values[finite])
            axes.plot(epochs, np.where(finite, values, nan), mark, color=colour, label=label, ms=5)
        if not finite.all() and (finite.any() or column == "loss"):
            lost.append((epochs[~finite], colour))
    for number, (places, colour) in enumerate(lost):
        word, edge = say("not finite"), axes.get_xaxis_transform()
        heights = np.full(len(places), 0.98 - 0.04 * number)
        name = "_" if number else word
        axes.plot(places, heights, "x", color=colour, label=name, transform=edge, clip_on=False)
    _set_scale(axes, np.concatenate(drawn))
    axes.set_xlabel(say("epoch"))
    axes.set_ylabel(say("accuracy (%)") if metric == "accuracy" else say("loss"))
    axes.set_title(say("Accuracy") if metric == "accuracy" else say("Loss"))
    axes.set_xlim(epochs[0] - 0.25, epochs[-1] + 0.25)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.margins(y=0.12)
    axes.grid(axis="y")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best")


def _set_scale(axes: Axes, values: np.ndarray) -> None:
    """Logarithmic where a run went through many magnitudes; no numbers where there is none."""
    if not len(values):
        axes.set_yticks([])
    elif values.max() > LARGE and values.min() > 0 and values.max() > WIDE * values.min():
        low, high = np.log10([values.min(), values.max()])
        room = 0.1 * (high - low)
        axes.set_ylim(10.0 ** (low - room), 10.0 ** min(high + room, HIGHEST))
        axes.set_yscale("log")
