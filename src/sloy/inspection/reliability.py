"""How often probabilities were right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sloy import text
from sloy.arguments import instance
from sloy.errors import ShapeError
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import say
from sloy.metrics.figures import Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["reliability_figure"]

JOINED = 5  # samples of a bin that a line goes through


@styled
def reliability_figure(
    found: Reliability, *, before: Reliability | None = None, name: str = ""
) -> Figure:
    """Across what the probabilities said, up how often they were right; on the line both agree.

    Each point is a bin of `sloy.metrics.figures.reliability`, with its standard error by
    (right + 1) / (samples + 2); a line joins neighbours of at least `JOINED` samples. Below stands how
    many are in each.

    Parameters
    ----------
    found : Reliability
    before : Reliability, optional
        The same without a temperature, for comparison; of as many bins.
    name : str
        Of the class whose probability it is; that of the answer by default.

    Raises
    ------
    ShapeError
        Where the two have not the same bins.
    """
    instance("reliability_figure", "found", found, Reliability)
    if before is not None and before.samples.shape != found.samples.shape:
        raise ShapeError(
            f"reliability_figure: `found` has {len(found.samples)} bins, `before` {len(before.samples)}; they must"
            " agree."
        )
    figure = new_figure(4.4, 5.2)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1.2, zorder=1)
    if before is not None:
        _points(axes, before, ORANGE, say("before calibration"))
    _points(axes, found, BLUE, say("as it answers now") if before is not None else "")
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel(say("share that is true"))
    axes.set_title(say("How often probabilities were right"))
    axes.grid(color="#DDDDDD")
    if before is not None:
        axes.legend(loc="upper left", labelcolor=GREY)
    bins = len(found.samples)
    places = (np.arange(bins) + 0.5) / bins
    below.bar(places, found.samples, 0.9 / bins, color=BLUE)
    below.set_ylabel(say("samples"))
    what = (
        say("probability of {name}", name=text.shortened(name, 24))
        if name
        else say("probability of the answer")
    )
    below.set_xlabel(what)
    return figure


def _points(axes: Axes, found: Reliability, color: str, label: str) -> None:
    there = found.samples > 0
    p, n = found.right[there], found.samples[there]
    q = (p * n + 1) / (n + 2)  # so that few samples that agree are not taken for certainty
    error = np.sqrt(q * (1 - q) / (n + 2))
    axes.errorbar(
        found.probability[there], p, [np.minimum(error, p), np.minimum(error, 1 - p)],
        fmt="o", color=color, markersize=4, elinewidth=1, label=label or None,
    )  # fmt: skip
    share = np.where(
        found.samples >= JOINED, found.right, np.nan
    )  # a line through single samples would zigzag
    axes.plot(found.probability, share, "-", color=color, linewidth=1.2)
