"""Whether a network answers to shifted and turned pictures as before, layer by layer (L21)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from sloy import text
from sloy.arguments import instance, integer, real, sample_array, sequence
from sloy.errors import InvalidArgument, ShapeError
from sloy.inspection.style import new_figure, styled
from sloy.language import counted, say
from sloy.layers import AveragePool2D, Conv2D, MaxPool2D
from sloy.model import Model
from sloy.problem.receptive import receptive_field

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Invariance", "invariance", "invariance_figure"]

PICTURE = "picture"  # the row of the input itself


@dataclass(frozen=True, eq=False)
class Invariance(text.Shown):
    """How far the responses of layers change when pictures are shifted or turned; printing it gives tables.

    A change of 0 is none, 1 is as much as to another picture: √(mean ‖r(Tx) - r(x)‖² / mean ‖r(x′) - r(x)‖²), with r
    the response, T the change of the picture, and x′ another one of the pictures.

    Attributes
    ----------
    layers : tuple of str
        ``"picture"``, the input itself, and then the layers. L of them.
    shifts : tuple of int
        To the right, in pixels.
    turns : tuple of float
        Against the clock, in degrees. T shifts and turns together.
    changes : array, shape (L, T)
        Of each response as it is.
    moved_back : array, shape (L, T)
        After it was shifted or turned back as the picture was; NaN where a layer has no places.
    accuracy : array, shape (1 + T,), or None
        The share of right answers to the pictures as they are, and to the shifted and turned ones.
    pictures : int
    """

    layers: tuple[str, ...]
    shifts: tuple[int, ...]
    turns: tuple[float, ...]
    changes: np.ndarray
    moved_back: np.ndarray
    accuracy: np.ndarray | None
    pictures: int

    @property
    def names(self) -> tuple[str, ...]:
        """Of the shifts and turns."""
        shifts = [say("{count} px", count=count) for count in self.shifts]
        return (*shifts, *(f"{degrees:g}°" for degrees in self.turns))

    @property
    def titles(self) -> tuple[str, str]:
        """Of the two tables."""
        return say("response as it is"), say("moved back with the picture")

    def shown(self, layer: str) -> str:
        """The name of a row for a reader."""
        return say("picture") if layer == PICTURE else layer

    def __str__(self) -> str:
        lines = [
            say(
                "Change of the response to shifted and turned pictures ({pictures}; 1: as much as to another picture)",
                pictures=counted(self.pictures, "picture"),
            )
        ]
        for title, table in zip(self.titles, (self.changes, self.moved_back), strict=True):
            cells = [[title, *self.names]]
            for layer, row in zip(self.layers, table, strict=True):
                if np.isfinite(row).all():
                    cells.append([self.shown(layer), *(f"{value:.2f}" for value in row)])
            lines.append(text.columns(cells, right=True))
        if self.accuracy is not None:
            head = [say("right answers, %"), say("as it is"), *self.names]
            shares = ["", *(f"{100 * share:.0f}" for share in self.accuracy)]
            lines.append(text.columns([head, shares], right=True))
        return "\n".join(lines)


def invariance(
    model: Model,
    pictures: np.ndarray,
    labels: ArrayLike | None = None,
    *,
    shifts: Sequence[int] = (1, 2, 3, 4),
    turns: Sequence[float] = (15, 30, 60, 90),
    layers: Sequence[str] | None = None,
) -> Invariance:
    """Shift and turn pictures, and measure how far the responses of layers and the answers change.

    A convolution is equivariant to shifts: its response moves with the picture, so that moved back it is what it was,
    exactly where nothing has left the picture. Behind a pooling with stride d that holds for multiples of d pixels. No
    layer here is equivariant to turns by itself.

    Parameters
    ----------
    model : Model
        Of pictures (H, W, C).
    pictures : array, shape (N, H, W, C)
        Raw data, two or more; what comes in at the edges is 0, so they should end in such a margin.
    labels : int array, shape (N,), optional
        The right classes, for the accuracy.
    shifts : sequence of int
        Pixels to the right, each from 1 to W - 1.
    turns : sequence of float
        Degrees against the clock, about the middle; between pixels it is interpolated linearly.
    layers : sequence of str, optional
        By default all layers of convolution and pooling, and the last one.

    Returns
    -------
    Invariance

    Examples
    --------
    >>> import sloy
    >>> from sloy.layers import Flatten, Dense
    >>> network = sloy.Network((9, 9, 1), [Conv2D(2, 3), MaxPool2D(7), Flatten(), Dense(2)])
    >>> model = sloy.theory.ready_model(network, network.initialize(0))
    >>> x = np.zeros((2, 9, 9, 1), np.float32)
    >>> x[0, 4, 3:5], x[1, 2:5, 3] = 1, 1
    >>> found = invariance(model, x, shifts=[1, 2], turns=[90])
    >>> found.layers
    ('picture', 'conv2d_1', 'max_pool2d_1', 'dense_1')
    >>> found.moved_back[1].round(6)[:2].tolist(), found.changes[2].round(6)[:2].tolist()
    ([0.0, 0.0], [0.0, 0.0])
    """
    where = "invariance"
    instance(where, "model", model, Model)
    x = sample_array(where, "pictures", pictures)
    if x.ndim != 4 or x.shape[1:] != model.network.input_shape or len(x) < 2:
        extents = ", ".join(map(str, model.network.input_shape))
        raise ShapeError(
            f"{where}: `pictures` has shape {x.shape}; it must be (N, {extents}), N at least 2."
        )
    given = sequence(where, "shifts", shifts)
    moves = tuple(integer(where, "shifts", shift, 1, x.shape[2] - 1) for shift in given)
    angles = tuple(real(where, "turns", t) for t in sequence(where, "turns", turns))
    if not moves + angles:
        raise InvalidArgument(f"{where}: `shifts` and `turns` are both empty; give one or more.")
    classes = None if labels is None else np.asarray(labels)
    if classes is not None and classes.shape != (len(x),):
        raise ShapeError(f"{where}: `labels` has shape {classes.shape}; it must be ({len(x)},).")
    if classes is not None and model.predict(x[:1]).ndim != 1:
        raise InvalidArgument(f"{where}: `labels` need a classifier; the model answers in numbers.")
    chosen = _layers(model) if layers is None else sequence(where, "layers", layers, str)
    strides = [1] + [receptive_field(model.network, name).stride[1] for name in chosen]
    before = _responses(model, x, chosen)
    scales = [_distance(np.roll(r, 1, axis=0), r) or 1.0 for r in before]
    changes, back, shares = [], [], []
    for move, angle in [(s, 0.0) for s in moves] + [(0, t) for t in angles]:
        changed = turned(x, angle) if angle else shifted(x, move)
        after = _responses(model, changed, chosen)
        changes.append([_distance(a, b) for a, b in zip(after, before, strict=True)])
        back.append(
            [
                _back(a, b, move, angle, stride) if a.ndim == 4 else np.nan
                for a, b, stride in zip(after, before, strides, strict=True)
            ]
        )
        shares.append(_share(model, changed, classes))
    return Invariance(
        (PICTURE, *chosen),
        moves,
        angles,
        np.array(changes).T / np.array(scales)[:, None],
        np.array(back).T / np.array(scales)[:, None],
        None if classes is None else np.array([_share(model, x, classes), *shares]),
        len(x),
    )


@styled
def invariance_figure(found: Invariance) -> Figure:
    """Both tables as maps of colour: 0 is white, 1 (as much as to another picture) dark; the accuracy below."""
    instance("invariance_figure", "found", found, Invariance)
    wide = 0.52 * len(found.names)
    figure = new_figure(2 * wide + 2.6, 0.36 * len(found.layers) + 1.9)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, title, values in zip(
        panels, found.titles, (found.changes, found.moved_back), strict=True
    ):
        _table(axes, values)
        axes.set_title(title)
        axes.set_xticks(range(len(found.names)), found.names, fontsize=9)
    panels[0].set_yticks(range(len(found.layers)), list(map(found.shown, found.layers)))
    figure.suptitle(say("Change of the response: 0 none, 1 as much as to another picture"))
    if found.accuracy is not None:
        shares = [f"{100 * share:.0f}" for share in found.accuracy]
        names = [say("as it is"), *found.names]
        each = ", ".join(f"{n}: {s}" for n, s in zip(names, shares, strict=True))
        figure.supxlabel(say("right answers, %") + "   " + each, fontsize=9)
    return figure


# --- parts ----------------------------------------------------------------------------------------


def shifted(pictures: np.ndarray, pixels: int) -> np.ndarray:
    """Pictures (N, H, W, C) moved to the right, zeros coming in; to the left where `pixels` is negative."""
    moved = np.zeros_like(pictures)
    if pixels >= 0:
        moved[:, :, pixels:] = pictures[:, :, : pictures.shape[2] - pixels]
    else:
        moved[:, :, :pixels] = pictures[:, :, -pixels:]
    return moved


def turned(pictures: np.ndarray, degrees: float) -> np.ndarray:
    """Pictures (N, H, W, C) turned against the clock about their middle, linear between pixels, zeros coming in."""
    quarters, rest = divmod(degrees, 90.0)
    height, width = pictures.shape[1:3]
    if rest == 0 and (height == width or quarters % 2 == 0):
        return np.ascontiguousarray(np.rot90(pictures, int(quarters), axes=(1, 2)))
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    rows, columns = np.mgrid[:height, :width] - np.array([height - 1, width - 1])[:, None, None] / 2
    up = cosine * rows + sine * columns + (height - 1) / 2  # where each pixel comes from
    across = -sine * rows + cosine * columns + (width - 1) / 2
    top, left = np.floor(up).astype(int), np.floor(across).astype(int)
    total = np.zeros(pictures.shape, np.float64)
    for i in (0, 1):
        for j in (0, 1):
            weight = (1 - abs(up - top - i)) * (1 - abs(across - left - j))
            inside = (top + i >= 0) & (top + i < height) & (left + j >= 0) & (left + j < width)
            at = np.clip(top + i, 0, height - 1), np.clip(left + j, 0, width - 1)
            total += (weight * inside)[..., None] * pictures[:, at[0], at[1]]
    whole = np.issubdtype(pictures.dtype, np.integer)
    return (np.rint(total) if whole else total).astype(pictures.dtype)


def _layers(model: Model) -> tuple[str, ...]:
    """Those of convolution and pooling, and the last one."""
    pairs = list(zip(model.network.layer_names, model.network.layers, strict=True))
    kinds = (Conv2D, MaxPool2D, AveragePool2D)
    found = [name for name, layer in pairs if isinstance(layer, kinds)]
    return tuple(dict.fromkeys([*found, pairs[-1][0]]))


def _responses(model: Model, x: np.ndarray, layers: Sequence[str]) -> list[np.ndarray]:
    found = model.activations(x, list(layers))
    return [each.astype(np.float64) for each in (x, *(found[name] for name in layers))]


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """√(mean of squared differences)."""
    return float(np.sqrt(np.mean((one - other) ** 2)))


def _back(after: np.ndarray, before: np.ndarray, pixels: int, degrees: float, stride: int) -> float:
    """How far a response is from what it was, when it is moved back by whole units, or turned back."""
    if degrees:
        return _distance(turned(after, -degrees), before)
    units = min(round(pixels / (stride or 1)), after.shape[2] - 1)
    return _distance(after[:, :, units:], before[:, :, : after.shape[2] - units])


def _share(model: Model, x: np.ndarray, labels: np.ndarray | None) -> float:
    return np.nan if labels is None else float(np.mean(model.predict(x) == labels))


def _table(axes: Axes, values: np.ndarray) -> None:
    axes.imshow(np.ma.masked_invalid(values), cmap="Oranges", vmin=0, vmax=1.2, aspect="auto")
    axes.set_facecolor("#DDDDDD")  # not measured
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "white" if value > 0.85 else "black"
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=8, color=colour)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
