"""What all figures share: colours that colour-blind readers tell apart, sizes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

# M. Okabe, K. Ito, Color Universal Design (2008).
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"

_SETTINGS: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": False,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "figure.facecolor": "white",
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1,
    "legend.frameon": False,
    "text.parse_math": False,  # a class may be called "$5"
}


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draw with sloy's settings, whatever the user's matplotlib has been told."""

    @wraps(draw)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        import matplotlib
        from matplotlib.figure import Figure

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(_SETTINGS)
            drawn = draw(*args, **kwargs)
            if isinstance(drawn, Figure):
                for axes in drawn.axes:
                    _write_logarithms(axes.xaxis)
                    _write_logarithms(axes.yaxis)
            return drawn

    return inner


def _write_logarithms(axis: Axis) -> None:
    """Plain numbers along a logarithmic axis, as no figure has mathematics in its texts; 1, 2, 5 of short ones."""
    from matplotlib.ticker import FuncFormatter, LogFormatter, LogLocator, NullFormatter

    if axis.get_scale() != "log" or not isinstance(axis.get_major_formatter(), LogFormatter):
        return
    low, high = sorted(axis.get_view_interval())
    if high < 100 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def new_figure(
    width: float, height: float, *, layout: Literal["constrained"] | None = "constrained"
) -> Figure:
    """An empty figure, in inches; without a layout its panels stand where they are put."""
    from sloy.inspection.figure import ShownFigure

    return ShownFigure(figsize=(width, height), layout=layout)
