"""An approximation drawn: the function, the network, its parts, the error, and error against units (L5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sloy.arguments import instance
from sloy.inspection.style import BLUE, GREY, ORANGE, new_figure, styled
from sloy.language import counted, say
from sloy.theory.approximation.result import Approximation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["approximation_figure"]

POINTS = 1201
SIDE = 121
MOST_PARTS = 60  # units drawn one by one


@styled
def approximation_figure(approximation: Approximation) -> Figure:
    """Four panels: f and the network, what it is made of, the error within the tolerance, error against units.

    On a rectangle f, the network and the error are pictures.

    Parameters
    ----------
    approximation : Approximation
    """
    instance("approximation_figure", "approximation", approximation, Approximation)
    figure = new_figure(9.6, 7.2)
    panels = figure.subplots(2, 2).ravel()
    if len(approximation.target.domain) == 1:
        _interval(panels, approximation)
    else:
        _rectangle(panels, approximation)
    _curve(panels[3], approximation)
    name = approximation.network.layer_names[1].rsplit("_", 1)[0]
    figure.suptitle(
        say(
            "{units}, σ: {name}; greatest error {error:.2g} (tolerance {tolerance:g})",
            units=counted(approximation.units, "unit"),
            name=say(name),
            error=approximation.error,
            tolerance=approximation.tolerance,
        )
    )
    return figure


def _interval(panels: np.ndarray, found: Approximation) -> None:
    low, high = found.target.domain[0]
    x = np.linspace(low, high, POINTS)
    f, network = found.target(x[:, None]), found(x)
    both, parts, error = panels[:3]
    both.plot(x, f, color=GREY, linewidth=4, alpha=0.5, label="f")
    both.plot(x, network, color=BLUE, linewidth=1.3, label=say("network"))
    both.set_title(say("Function and network"))
    both.legend(loc="best")
    each = found.parts(x)
    shown = np.unique(np.linspace(0, found.units - 1, MOST_PARTS).round().astype(int))
    parts.plot(x, each[:, shown], color=BLUE, linewidth=0.8, alpha=0.7)
    parts.set_title(
        say("What each unit adds")
        if len(shown) == found.units
        else say("What units add, {shown} of {all}", shown=len(shown), all=found.units)
    )
    error.plot(x, f - network, color=BLUE, linewidth=0.8)
    for side in (1, -1):
        error.axhline(side * found.tolerance, color=ORANGE, linestyle="--", linewidth=1.3)
    error.set_title(say("f − network, and the tolerance (dashed)"))
    for axes in (both, parts, error):
        axes.set_xlabel("x")
        axes.margins(x=0.01)
        axes.grid(axis="y")


def _rectangle(panels: np.ndarray, found: Approximation) -> None:
    (left, right), (bottom, top) = found.target.domain
    x, y = np.meshgrid(np.linspace(left, right, SIDE), np.linspace(bottom, top, SIDE))
    f = found.target(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(x.shape)
    network = found(x, y)
    limit = float(np.abs(f - network).max()) or 1.0
    pictures = (
        (say("Function f"), f, "cividis", (f.min(), f.max())),
        (say("Network"), network, "cividis", (f.min(), f.max())),
        (say("f − network"), f - network, "PuOr", (-limit, limit)),
    )
    for axes, (title, values, colours, span) in zip(panels, pictures, strict=False):
        image = axes.imshow(
            values,
            extent=(left, right, bottom, top),
            origin="lower",
            aspect="auto",
            cmap=colours,
            vmin=span[0],
            vmax=span[1],
        )
        axes.figure.colorbar(image, ax=axes, shrink=0.85)
        axes.set_title(title)
        axes.set_xlabel("x")
        axes.set_ylabel("y")


def _curve(axes: Axes, found: Approximation) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    units, errors = np.array(found.curve).T
    axes.loglog(units, errors, "o-", color=BLUE, markersize=4)
    axes.axhline(found.tolerance, color=ORANGE, linestyle="--", linewidth=1.3)
    axes.set_title(say("Error against units, and the tolerance (dashed)"))
    axes.set_xlabel(say("hidden units"))
    axes.set_ylabel(say("greatest error"))
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda units, _: f"{units:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(which="major")
