"""What short runs said of learning rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sloy.arguments import instance
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sloy.training.rates import RateRange

__all__ = ["rate_figure"]


@styled
def rate_figure(found: RateRange) -> Figure:
    """Across the learning rate, up the validation loss after the short runs: a point for each order, a line of means.

    The range is shaded; the chosen rate and the one that the size of the first step gives are marked.

    Parameters
    ----------
    found : RateRange
        Of `sloy.find_rate`.
    """
    from matplotlib.ticker import NullLocator

    from sloy.training.rates import RateRange

    instance("rate_figure", "found", found, RateRange)
    figure = new_figure(5.6, 3.8)
    axes = figure.subplots()
    finite = np.isfinite(found.losses).all(axis=1)
    rates, losses = found.rates[finite], found.losses[finite]
    axes.axvspan(found.low / 1.1, found.high * 1.1, color=BLUE, alpha=0.12, linewidth=0)
    axes.plot(rates, losses.mean(axis=1), "-", color=BLUE, label=say("mean"))
    for order in losses.T:
        axes.plot(rates, order, "o", color=BLUE, markersize=4, alpha=0.6)
    axes.axvline(found.best, color=ORANGE, label=say("chosen: {rate}", rate=f"{found.best:.2g}"))
    if found.first != found.best:
        axes.axvline(found.first, color=GREY, linestyle="--", label=say("by the first step alone"))
    diverged = found.rates[~finite]
    if len(diverged):
        top = np.full(len(diverged), losses.max())
        axes.plot(diverged, top, "x", color=ORANGE, label=say("diverged"))
    axes.set_xscale("log")
    places = found.rates[:: 1 + len(found.rates) // 8]
    axes.set_xticks(places, [f"{rate:.2g}" for rate in places])
    axes.xaxis.set_minor_locator(NullLocator())
    if losses.min() > 0 and losses.max() > 5 * losses.min():
        axes.set_yscale("log")
    axes.set_xlabel(say("learning rate"))
    axes.set_ylabel(say("validation loss after {steps} steps", steps=found.steps))
    axes.grid(axis="y")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return figure
