"""The experiments of L11 and L12 as pictures."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.errors import InvalidArgument
from sloy.inspection.curves import draw_curves
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import counted, say
from sloy.text import shown
from sloy.theory.drawbacks.local_minima import LocalMinima
from sloy.theory.drawbacks.overfitting import Overfitting
from sloy.theory.drawbacks.paralysis import Paralysis
from sloy.theory.drawbacks.slow_convergence import SlowConvergence
from sloy.training.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sloy.theory.estimate import Estimate

__all__ = ["drawbacks_figure"]

GREEN = "#009E73"

Found = SlowConvergence | LocalMinima | Paralysis | Overfitting | History


@styled
def drawbacks_figure(*found: Found) -> Figure:
    """A panel for each experiment: `slow_convergence`, `local_minima`, `paralysis`, `overfitting`, or a history.

    Parameters
    ----------
    *found
        What these functions gave; of a `History` the losses by epoch are drawn. Bars are standard errors.

    Raises
    ------
    InvalidArgument
        Without anything to draw, or for another kind of it.
    """
    wrong = [one for one in found if type(one) not in _PANELS]
    if wrong or not found:
        names = ", ".join(kind.__name__ for kind in _PANELS)
        raise InvalidArgument(
            f"drawbacks_figure: `found` (={shown(found)}) must hold one or more of {names}."
        )
    columns = 2 if len(found) in (2, 4) else min(3, len(found))
    rows = -(-len(found) // columns)
    figure = new_figure((4.5 if columns > 1 else 5.4) * columns, 3.5 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, one in zip(panels, found, strict=False):
        _PANELS[type(one)](axes, one)
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    return figure


def _slow_convergence(axes: Axes, found: SlowConvergence) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    rates = [row.learning_rate for row in found.rows]
    reached = [(row.learning_rate, row.reached) for row in found.rows if row.reached]
    _errors(axes, [rate for rate, _ in reached], [one for _, one in reached], BLUE, "o-", "")
    marks = {
        say("diverges"): [r.learning_rate for r in found.rows if r.diverged == len(r.epochs)],
        say("not reached"): [r.learning_rate for r in found.rows
                             if r.diverged < len(r.epochs) and min(r.epochs) == inf],
    }  # fmt: skip
    for (label, places), mark in zip(marks.items(), ("x", "^"), strict=True):
        if places:
            axes.plot(
                places, [found.most] * len(places), mark, color=ORANGE, label=label, markersize=8,
                markerfacecolor="none",
            )  # fmt: skip
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="η",
        ylabel=say("epochs"),
        title=say("Epochs until the loss is {goal:g}", goal=found.goal),
    )
    axes.xaxis.set_major_locator(FixedLocator(rates))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{rate:g}" for rate in rates])
    axes.margins(x=0.1, y=0.15)
    axes.grid(color="#DDDDDD")
    if any(marks.values()):
        axes.legend(loc="lower left")


def _local_minima(axes: Axes, found: LocalMinima) -> None:
    starts = len(found.rows[0].answers)
    places = range(len(found.rows))
    axes.bar(
        places,
        [row.solved for row in found.rows],
        yerr=[row.error for row in found.rows],
        color=BLUE,
        ecolor=GREY,
        capsize=4,
        width=0.6,
    )
    axes.set_xticks(places, [str(row.hidden) for row in found.rows])
    axes.set(
        xlabel=say("hidden neurons"),
        ylabel=say("solved"),
        ylim=(0, 1.08 * starts),
        title=say("XOR: how many of {starts} starts learn it", starts=starts),
    )
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="#DDDDDD")


def _paralysis(axes: Axes, found: Paralysis) -> None:
    scales = [row.scale for row in found.rows]
    after = say("loss after {epochs}", epochs=counted(found.epochs, "epoch"))
    series = (
        (say("mean |σ′|"), "slope", BLUE, "o-"),
        (say("gradient norm"), "gradient_norm", GREEN, "s--"),
        (after, "loss", ORANGE, "^:"),
    )
    for label, name, colour, mark in series:
        _errors(axes, scales, [getattr(row, name) for row in found.rows], colour, mark, label)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=say("factor of the first weights"),
        title=say("Large weights paralyse"),
    )
    axes.grid(color="#DDDDDD")
    axes.legend(loc="best", fontsize=9)


def _overfitting(axes: Axes, found: Overfitting) -> None:
    places = -np.arange(len(found.rows))
    series = (
        (say("objects that were learned"), "train_loss", BLUE, "o"),
        (say("unseen ones"), "loss", ORANGE, "s"),
    )
    for label, name, colour, mark in series:
        each: list[Estimate] = [getattr(row, name) for row in found.rows]
        axes.errorbar(
            [one.mean for one in each], places, xerr=[one.error for one in each],
            fmt=mark, color=colour, label=label, capsize=3, markersize=5,
        )  # fmt: skip
    axes.set_yticks(places, [say(row.name) for row in found.rows])
    axes.set(xlabel=say("loss"), title=say("Overfitting and remedies"))
    axes.set_ylim(places[-1] - 0.6, 0.6)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    axes.grid(axis="x", color="#DDDDDD")
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.18), ncols=2, fontsize=9)


def _history(axes: Axes, history: History) -> None:
    draw_curves(axes, history, "loss")
    axes.set_title(say("Overfitting"))


def _errors(
    axes: Axes, x: list[float], values: list[Estimate], colour: str, mark: str, label: str
) -> None:
    means, errors = [one.mean for one in values], [one.error for one in values]
    axes.errorbar(
        x, means, yerr=errors, fmt=mark, color=colour, label=label, capsize=3, markersize=5
    )


_PANELS: dict[type, Any] = {
    SlowConvergence: _slow_convergence,
    LocalMinima: _local_minima,
    Paralysis: _paralysis,
    Overfitting: _overfitting,
    History: _history,
}
