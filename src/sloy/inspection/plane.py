"""What figures of a plane of two inputs share: its grid, shades, borders, marks of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sloy.arguments import finite_array
from sloy.errors import ShapeError
from sloy.inspection.style import BLUE, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

FINE = 240  # points of a picture along each side; even, so that none is on a border in the middle
SHADES = 64  # between the colours, which nobody tells from more, and small files are made of
FEW = 16  # objects that are drawn large
# M. Okabe, K. Ito (2008), and two of P. Tol's muted scheme; the marks tell apart what colours do not.
COLOURS = (ORANGE, BLUE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#332288", "#F0E442", GREY)  # fmt: skip
MARKS = "soD^vPX*<"


class Window(NamedTuple):
    """What is seen of the plane."""

    left: float
    right: float
    bottom: float
    top: float

    @staticmethod
    def around(points: np.ndarray) -> Window:
        """Points (N, 2) with room around them, more around few."""
        low, high = points.min(0), points.max(0)
        room = np.where(high > low, (0.3 if len(points) <= FEW else 0.12) * (high - low), 1.0)
        (left, bottom), (right, top) = low - room, high + room
        return Window(float(left), float(right), float(bottom), float(top))

    def mesh(self, count: int = FINE) -> tuple[np.ndarray, np.ndarray]:
        """x and y of a grid, (count, count) each."""
        x, y = np.meshgrid(
            np.linspace(self.left, self.right, count), np.linspace(self.bottom, self.top, count)
        )
        return x, y

    def places(self, count: int = FINE) -> np.ndarray:
        """The points of the grid, (count², 2)."""
        return np.stack([axis.ravel() for axis in self.mesh(count)], axis=1)


def objects(where: str, x: Any) -> np.ndarray:
    """Objects in the plane, (N, 2) in float64, N ≥ 1."""
    points = finite_array(where, "x", x)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ShapeError(f"{where}: `x` has shape {points.shape}; it must be (N, 2), N ≥ 1.")
    return points.astype(np.float64)


def light(colour: str, depth: float = 0.4) -> np.ndarray:
    """A colour, paler: white at depth 0, (3,) from 0 to 1."""
    from matplotlib.colors import to_rgb

    return 1 - depth * (1 - np.array(to_rgb(colour)))


def shade(
    axes: Axes,
    window: Window,
    values: np.ndarray,
    colours: Sequence[Any],
    limits: tuple[float, float],
) -> AxesImage:
    """Values (count²,) on the grid as shades between colours; (count², 3) are colours themselves."""
    from matplotlib.colors import LinearSegmentedColormap

    count = round(len(values) ** 0.5)
    image = axes.imshow(
        values.reshape(count, count, *values.shape[1:]),
        extent=window, origin="lower", aspect="auto", interpolation="nearest",
        cmap=LinearSegmentedColormap.from_list("answers", list(colours), SHADES),
        vmin=limits[0], vmax=limits[1], zorder=0,
    )  # fmt: skip
    axes.set_xlim(window.left, window.right)
    axes.set_ylim(window.bottom, window.top)
    return image


def border(
    axes: Axes, window: Window, values: np.ndarray, level: float = 0.0, **style: Any
) -> list[Artist]:
    """The line where values (count²,) on the grid are at a level, where there is one."""
    if not values.min() < level < values.max():
        return []
    count = round(len(values) ** 0.5)
    style = {"colors": "black", "linewidths": 1.8, **style}
    return [axes.contour(*window.mesh(count), values.reshape(count, count), [level], **style)]


def draw_classes(axes: Axes, points: np.ndarray, classes: np.ndarray, names: Sequence[str]) -> None:
    """Objects with the mark and colour of their class.

    Parameters
    ----------
    axes : Axes
    points : array, shape (N, 2)
    classes : int array, shape (N,)
    names : sequence of str
        Of all classes, for the legend. Of two the first is "no": empty squares; the second "yes": full circles.
    """
    size = 9.0 if len(points) <= FEW else 4.5
    for number, name in enumerate(names):
        colour, mark = look(number)
        full = len(names) != 2 or number
        axes.plot(
            *points[classes == number].T,
            mark,
            color=colour if full else "white",
            markeredgecolor=(GREY if len(points) <= FEW else "white") if full else colour,
            markeredgewidth=0.8 if full else 1.6 if len(points) <= FEW else 1.2,
            markersize=size,
            label=name,
            linestyle="none",
        )


def look(number: int) -> tuple[str, str]:
    """Colour and mark of a class, the same however many there are; pages have these too (`CLASS_COLOURS`)."""
    return COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
