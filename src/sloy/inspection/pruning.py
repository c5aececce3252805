"""What was removed of a network, what it cost, and what remains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sloy import text
from sloy.arguments import instance
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sloy.pruning import Pruned

__all__ = ["pruning_figure"]

MOST = 16  # layers that are drawn; of more, those with most units


@styled
def pruning_figure(pruned: Pruned) -> Figure:
    """Three panels: how much the units are worth, the loss against the share removed, and the thinned network.

    On the left a histogram of the rise of the loss that was foreseen for each unit (or weight) alone, those that were
    removed in orange. In the middle the loss after each block against the share of the multiply-adds (of the weights)
    that is gone. On the right a bar for each layer, as wide as it has units, the blue part of which remains.

    Parameters
    ----------
    pruned : Pruned
        Of `sloy.prune`.
    """
    from sloy.pruning import Pruned

    instance("pruning_figure", "pruned", pruned, Pruned)
    widths = pruned.before.widths
    rows = min(len(widths) or len(pruned.removed), MOST)
    figure = new_figure(11, max(3.6, 1.2 + 0.32 * rows))
    left, middle, right = figure.subplots(1, 3)
    _histogram(left, pruned)
    _curve(middle, pruned)
    _layers(right, pruned)
    return figure


def _histogram(axes: Axes, pruned: Pruned) -> None:
    """Of units, or weights, that stay and that went, on a logarithmic scale."""
    values, gone = [], []
    for name, worth in pruned.saliency.items():
        flat = worth.reshape(-1)
        removed = pruned.removed.get(name, ())
        mask = np.zeros(len(flat), bool)
        if isinstance(removed, int):
            mask = np.asarray(pruned.model.parameters[name]).reshape(-1) == 0
        else:
            mask[list(removed)] = True
        values.append(flat)
        gone.append(mask)
    every, out = np.concatenate(values), np.concatenate(gone)
    positive = every[every > 0]
    least = float(np.quantile(positive, 0.01)) if len(positive) else 1e-9
    shown = np.maximum(every, least / 2)
    top = float(shown.max())
    edges = np.geomspace(least / 2, max(top, least) * 1.01, 31)
    axes.hist(
        [shown[~out], shown[out]],
        bins=edges.tolist(),
        stacked=True,
        color=[BLUE, ORANGE],
        label=[say("remain"), say("removed")],
    )
    axes.set_xscale("log")
    axes.set_xlabel(say("rise of the loss foreseen (the least: none)"))
    axes.set_ylabel(say("weights") if not pruned.before.widths else say("neurons and channels"))
    axes.legend(loc="best")


def _curve(axes: Axes, pruned: Pruned) -> None:
    """The loss of the whole network, after each block, and in the end, trained again where that helped."""
    by_units = bool(pruned.before.widths)
    whole = pruned.curve[0].multiply_adds
    points = [(100 * (1 - step.multiply_adds / whole), step.loss) for step in pruned.curve]
    blocks = points[:-1] if by_units else points
    axes.plot(
        *zip(*blocks, strict=True), "o-", color=BLUE, markersize=4, label=say("after each block")
    )
    if by_units:
        axes.plot(*points[-1], "*", color=ORANGE, markersize=12, label=say("in the end"))
    axes.set_xlabel(say("% of multiply-adds removed") if by_units else say("% of weights removed"))
    axes.set_ylabel(say("loss of samples to validate on"))
    axes.grid(axis="y")
    axes.legend(loc="best")


def _layers(axes: Axes, pruned: Pruned) -> None:
    """A bar for each layer: what remains of it."""
    if pruned.before.widths:
        before, after = pruned.before.widths, pruned.after.widths
    else:
        before = {name: worth.size for name, worth in pruned.saliency.items()}
        after = {name: n - _count(pruned.removed[name]) for name, n in before.items()}
    names = list(before)
    if len(names) > MOST:
        large = sorted(names, key=lambda name: -before[name])[:MOST]
        names = [name for name in names if name in large]
    places = np.arange(len(names))[::-1]
    whole = np.array([before[name] for name in names])
    left = np.array([after[name] for name in names])
    axes.barh(places, whole, color="none", edgecolor=GREY, height=0.7)
    axes.barh(places, left, color=BLUE, height=0.7)
    for place, n, m in zip(places, whole, left, strict=True):
        axes.annotate(
            f"{text.count(int(m))} / {text.count(int(n))}",
            (float(n), float(place)),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.set_yticks(places, [text.shortened(name, 24) for name in names], fontsize=8)
    axes.set_xlim(0, 1.35 * float(whole.max()))
    axes.set_xlabel(say("weights") if not pruned.before.widths else say("neurons and channels"))


def _count(removed: object) -> int:
    return removed if isinstance(removed, int) else len(list(removed))  # type: ignore[call-overload]
