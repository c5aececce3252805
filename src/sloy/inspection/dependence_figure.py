"""Partial dependence as pictures: curves with a band, bars, maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sloy import text
from sloy.arguments import sequence, word
from sloy.errors import InvalidArgument, UnknownName
from sloy.inspection.dependence import PartialDependence
from sloy.inspection.measured_text import head
from sloy.inspection.style import BLUE, GREY, new_figure, styled
from sloy.language import say
from sloy.text import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["partial_dependence_figure"]

COLOURS = (BLUE, "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe, Ito (2008)
MARKS = "osD^vP"
LONGEST = 28  # characters along the answers' axis


@styled
def partial_dependence_figure(
    found: PartialDependence | Sequence[PartialDependence],
    *,
    output: str | int | None = None,
    name: str = "",
    title: str = "",
) -> Figure:
    """A panel for each column: the mean answer for each value; of two columns together a map.

    Of several numbers that are answered each has panels of its own, as their units differ.

    Around a single answer stands a band within which four fifths of the rows' own curves lie, see `PartialDependence`.

    Parameters
    ----------
    found : PartialDependence, or several
    output : str or int, optional
        The class, or the number among the answers, that is drawn. By default of two classes the second; of more the six
        whose probability changes most.
    name : str
        What is answered, with the unit.
    title : str

    Raises
    ------
    UnknownName
        Where there is no such output.
    """
    where = "partial_dependence_figure"
    word(where, "title", title)
    word(where, "name", name)
    several: list[PartialDependence] = (
        [found]
        if isinstance(found, PartialDependence)
        else list(sequence(where, "found", found, PartialDependence))
    )
    if not several:
        raise InvalidArgument(f"{where}: `found` is empty; give one or more.")
    panels = [(one, part) for one in several for part in _apart(one, _outputs(one, output))]
    across = min(2, len(panels))
    down = -(-len(panels) // across)
    figure = new_figure(4.2 * across + 0.6, 3.0 * down + 0.4)
    grid = figure.subplots(down, across, squeeze=False)
    curves = [(one, drawn) for one, drawn in panels if len(one.columns) == 1]
    for axes, (one, drawn) in zip(grid.flat, panels, strict=False):
        if len(one.columns) == 2:
            _map(axes, one, drawn[-1], name)
            continue
        _curve(axes, one, drawn)
        alike = [panel for panel in curves if one.is_classification or panel[1] == drawn]
        axes.set_ylim(_limits(alike))
        axes.set_ylabel(_answered(one, drawn, name))
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_axis_off()
    head(figure, title or _headline({len(one.columns) for one in several}))
    return figure


def _headline(columns: set[int]) -> str:
    """What the panels show: of one column each, of two together, or some of both."""
    if columns == {1}:
        return say("The mean answer where a column has this value")
    if columns == {2}:
        return say("The mean answer where two columns have these values")
    return say("The mean answer where a column, or two together, have these values")


def _outputs(found: PartialDependence, output: str | int | None) -> list[int]:
    """Numbers of the outputs that are drawn."""
    count = found.mean.shape[-1]
    if output is not None:
        known = [*found.outputs, *range(count)]
        if not isinstance(output, str | int) or output not in known:
            raise UnknownName(
                f"partial_dependence_figure: `output` (={shown(output)}) must be one of {', '.join(found.outputs)}."
            )
        return [known.index(output) % count]
    if found.is_classification and count == 2:
        return [1]
    flat = found.mean.reshape(-1, count)  # (values, K)
    varied = np.argsort(-np.ptp(flat, axis=0), kind="stable")[: len(COLOURS)]
    return sorted(map(int, varied))


def _apart(found: PartialDependence, outputs: list[int]) -> list[list[int]]:
    """The outputs that are drawn in one panel: probabilities, or one number."""
    return [outputs] if found.is_classification else [[k] for k in outputs]


def _limits(drawn: Sequence[tuple[PartialDependence, list[int]]]) -> tuple[float, float]:
    """The same ends of the answers' axis for all curves, so that they compare."""
    values = [np.zeros(0)]
    for found, outputs in drawn:
        values.append(found.mean[:, outputs].ravel())
        if len(outputs) == 1 and found.low is not None and found.high is not None:
            values += [found.low[:, outputs].ravel(), found.high[:, outputs].ravel()]
    every = np.concatenate(values)
    if not len(every):
        return 0.0, 1.0
    low, high = float(every.min()), float(every.max())
    margin = 0.06 * (high - low) or 0.5
    return low - margin, high + margin


def _curve(axes: Axes, found: PartialDependence, outputs: list[int]) -> None:
    """A line for each output, or points where the values are words; a band where there is one output.

    Bars stand on the mean of all of them: the ends of the axis need not hold 0.
    """
    values = found.values[0]
    is_words = values.dtype == object
    places = np.arange(len(values)) if is_words else values
    for number, k in enumerate(outputs):
        colour, mean = COLOURS[number], found.mean[:, k]
        if len(outputs) > 1:
            line = "" if is_words else "-"
            mark = MARKS[number] if is_words else "."
            axes.plot(
                places,
                mean,
                mark + line,
                color=colour,
                label=text.shortened(found.outputs[k], 20),
                markersize=5,
            )
            continue
        assert found.low is not None
        assert found.high is not None
        low, high = found.low[:, k], found.high[:, k]
        if is_words:
            axes.bar(places, mean - mean.mean(), bottom=mean.mean(), color=colour, width=0.7)
            axes.axhline(mean.mean(), color=GREY, linewidth=0.8)
            spread = [mean - low, high - mean]
            axes.errorbar(
                places, mean, yerr=np.maximum(spread, 0), fmt="none", ecolor=GREY, capsize=3
            )
        else:
            axes.fill_between(places, low, high, color=colour, alpha=0.18, linewidth=0)
            axes.plot(places, mean, ".-", color=colour, markersize=5)
    axes.set_xlabel(text.shortened(found.columns[0], 36))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    _ticks(axes, values)
    if len(outputs) > 1:
        axes.legend(fontsize=8)


def _ticks(axes: Axes, values: np.ndarray, *, up: bool = False) -> None:
    """Words, or dates, at the values; numbers as matplotlib has them."""
    axis = axes.yaxis if up else axes.xaxis
    if values.dtype == object:
        axis.set_ticks(np.arange(len(values)), [text.shortened(str(word), 14) for word in values])
        long = max(map(len, map(str, values))) * len(values) > 40
        if long and not up:
            axes.tick_params(axis="x", rotation=40)
    elif values.dtype.kind == "M":
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
        axis.set_major_locator(locator)
        axis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _map(axes: Axes, found: PartialDependence, output: int, name: str) -> None:
    """One column across, the other up, the answer as a shade."""
    first, second = found.values
    shades = axes.imshow(found.mean[..., output].T, origin="lower", aspect="auto", cmap="viridis")
    for values, axis in ((first, axes.xaxis), (second, axes.yaxis)):
        step = -(-len(values) // 6)
        axis.set_ticks(
            np.arange(0, len(values), step), [_said(value) for value in values[::step]], fontsize=8
        )
    axes.set_xlabel(_along(found.columns[0], first))
    axes.set_ylabel(_along(found.columns[1], second))
    bar = axes.figure.colorbar(shades, ax=axes)
    bar.set_label(_answered(found, [output], name))


def _along(column: str, values: np.ndarray) -> str:
    """What stands along an axis of a map, whose steps are the values: of numbers whether they differ in width."""
    name = text.shortened(column, 24)
    if values.dtype == object:
        return name
    steps = np.diff(values.astype(np.float64))
    even = not len(steps) or np.allclose(steps, steps[0])
    return name if even else say("{name}, steps not to scale", name=name)


def _said(value: object) -> str:
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[D]"))
    return text.shortened(value, 12) if isinstance(value, str) else f"{value:.3g}"


def _answered(found: PartialDependence, outputs: list[int], name: str) -> str:
    """What stands along the answers' axis."""
    if not found.is_classification:
        own = found.outputs[outputs[0]] if len(found.outputs) > 1 else name
        return text.shortened(own, LONGEST) or say("answer")
    if len(outputs) == 1:
        return say("probability of {name}", name=text.shortened(found.outputs[outputs[0]], 16))
    return say("probability")
