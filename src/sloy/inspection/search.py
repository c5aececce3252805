"""What a search found: its history, what made the differences, all its trials at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy.arguments import instance, real, sequence, word
from sloy.errors import InvalidArgument
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import say
from sloy.text import shortened, shown, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["search_history_figure", "search_importance_figure", "search_parallel_figure"]

LABELS = 30  # letters of the name of an option
CATEGORIES = 12  # values of an axis that are named
FEW = 5  # numbers of an axis that are all named; of more both ends and the middle


@styled
def search_history_figure(
    trials: Sequence[Mapping[str, Any]], metric: str, *, least: bool
) -> Figure:
    """The value of each trial by its number, those that are not complete hollow; a line of the best so far.

    Parameters
    ----------
    trials : sequence of mapping
        With ``number``, ``value``, ``ended``.
    metric : str
        What the values are.
    least : bool
        Whether less is better.
    """
    from matplotlib.ticker import MaxNLocator

    _check_trials("search_history_figure", trials, metric)
    figure = new_figure(5.6, 3.8)
    axes = figure.subplots()
    complete = [one for one in trials if one["ended"] == "complete"]
    others = [one for one in trials if one["ended"] != "complete"]
    for some, face, label in (
        (complete, BLUE, say("complete")),
        (others, "none", say("ended before")),
    ):
        if some:
            numbers, values = [one["number"] for one in some], [one["value"] for one in some]
            axes.scatter(numbers, values, s=22, facecolors=face, edgecolors=BLUE, label=label)
    if complete:
        best = (np.minimum if least else np.maximum).accumulate([one["value"] for one in complete])
        numbers = [one["number"] for one in complete]
        axes.step(numbers, best, where="post", color=ORANGE, label=say("best so far"))
    every = [float(one["value"]) for one in trials]
    if every and min(every) > 0 and max(every) > 10 * min(every):
        axes.set_yscale("log")
    axes.set_xlabel(say("trial"))
    axes.set_ylabel(metric)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.legend(loc="best")
    return figure


def _check_trials(where: str, trials: Sequence[Mapping[str, Any]], metric: str) -> None:
    word(where, "metric", metric)
    for one in sequence(where, "trials", trials, Mapping):
        if not {"number", "value", "ended"} <= set(one):
            raise InvalidArgument(
                f"{where}: `trials` holds {shown(one)}; each must tell `number`, `value` and `ended`."
            )


@styled
def search_importance_figure(importance: Mapping[str, float]) -> Figure:
    """A bar for each option: its share of what the trials differ by.

    Parameters
    ----------
    importance : mapping of str to float
        Path → share.
    """
    instance("search_importance_figure", "importance", importance, Mapping)
    for path, share in importance.items():
        word("search_importance_figure", "importance", path)
        real("search_importance_figure", "importance", share)
    ranked = sorted(importance.items(), key=lambda item: item[1])
    figure = new_figure(5.6, 1.2 + 0.32 * len(ranked))
    axes = figure.subplots()
    labels = _labels([name for name, _ in ranked])
    axes.barh(labels, [value for _, value in ranked], color=BLUE)
    axes.set_xlabel(say("share of the differences between trials"))
    return figure


@styled
def search_parallel_figure(
    trials: Sequence[Mapping[str, Any]],
    given: Mapping[int, Mapping[str, Any]],
    metric: str,
    *,
    least: bool,
) -> Figure:
    """An upright axis for each option and one for the metric; a line for each trial, darker where it is better.

    Past options that a trial does not have its line is dotted.

    Parameters
    ----------
    trials : sequence of mapping
        With ``number`` and ``value``.
    given : mapping of number to mapping
        Name → value of what each trial was given.
    metric : str
    least : bool
        Whether less is better.
    """
    where = "search_parallel_figure"
    _check_trials(where, trials, metric)
    instance(where, "given", given, Mapping)
    if lacking := [one["number"] for one in trials if one["number"] not in given]:
        raise InvalidArgument(f"{where}: `given` says nothing of trial {shown(lacking[0])}.")
    names = sorted({name for one in trials for name in given[one["number"]]})
    columns = [[given[one["number"]].get(name) for one in trials] for name in names]
    columns.append([one["value"] for one in trials])
    figure = new_figure(max(5.6, 1.5 * len(columns)), 4.2)
    axes = figure.subplots()
    heights = np.array(
        [_axis(axes, place, column) for place, column in enumerate(columns)]
    )  # (A, T)
    values = np.array([one["value"] for one in trials], np.float64)
    order = np.argsort(values if not least else -values, kind="stable")  # the best last
    for rank, trial in enumerate(order):
        share = (rank + 1) / len(order)
        best = rank == len(order) - 1
        there = np.flatnonzero(~np.isnan(heights[:, trial]))
        shared: dict[str, Any] = {
            "color": ORANGE if best else BLUE,
            "alpha": 1.0 if best else 0.1 + 0.6 * share**2,
            "linewidth": 2.2 if best else 1.0,
        }
        axes.plot(heights[:, trial], marker=".", markersize=4, **shared)  # NaN breaks it
        for before, after in pairwise(there):
            if after > before + 1:
                ends = [before, after]
                axes.plot(ends, heights[ends, trial], linestyle=":", **shared)
    axes.set_xticks(
        range(len(columns)), [*_labels(names), metric], rotation=20, ha="right", fontsize=8
    )
    axes.set_yticks([])
    axes.set_ylim(-0.05, 1.05)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    return figure


def _axis(axes: Axes, place: int, column: Sequence[Any]) -> np.ndarray:
    """Heights from 0 to 1 of the values of an upright axis, which is drawn; NaN where there is none."""
    axes.axvline(place, color=GREY, linewidth=0.8)
    numbers = [v for v in column if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len([v for v in column if v is not None]) or not numbers:
        kinds = sorted({str(value) for value in column if value is not None})
        places = {kind: (i + 0.5) / len(kinds) for i, kind in enumerate(kinds)}
        for kind in kinds[:CATEGORIES]:
            _mark(axes, place, places[kind], visible(shortened(kind, 14)))
        return np.array([np.nan if v is None else places[str(v)] for v in column])
    values = np.array([np.nan if v is None else float(v) for v in column])
    low, high = np.nanmin(values), np.nanmax(values)
    by_logarithm = low > 0 and high > 10 * low
    scaled = np.log(values) if by_logarithm else values
    ends = (np.log(low), np.log(high)) if by_logarithm else (low, high)
    if high == low:
        _mark(axes, place, 0.5, f"{low:.3g}")
        return np.where(np.isnan(values), np.nan, 0.5)
    heights = (scaled - ends[0]) / (ends[1] - ends[0])
    named = {at: value for at, value in zip(heights, values, strict=True) if not np.isnan(at)}
    if len(named) > FEW:
        middle = sum(ends) / 2
        named = {0.0: low, 0.5: np.exp(middle) if by_logarithm else middle, 1.0: high}
    for at, value in named.items():
        _mark(axes, place, at, f"{value:.3g}")
    return heights


def _mark(axes: Axes, place: int, height: float, words: str) -> None:
    axes.text(place + 0.03, height, words, fontsize=7, color=GREY, va="center")


def _labels(names: Sequence[str]) -> list[str]:
    """Names of options as a reader takes them; of a list, whose items have names of their own, its length."""
    said = []
    for name in names:
        words = name.removeprefix("network_options__").replace("__", " ")
        if f"{name}__0" in names:
            words = say("length of {name}", name=words)
        said.append(shortened(visible(words), LABELS))
    return said
