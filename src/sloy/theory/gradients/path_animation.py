"""Descent on the loss surface, step by step (L7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sloy.arguments import instance, integer, word
from sloy.inspection.animation import Animation
from sloy.language import say
from sloy.theory.gradients.descent import Descent, DescentPath, descent_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["path_animation"]

MOST_FRAMES = 1000


def path_animation(
    descent: Descent, title: str = "", *, frames: int = 30, seconds: float = 0.2
) -> Animation:
    """The paths of `compare_descents` as they grow, each way having seen equally many objects.

    Parameters
    ----------
    descent : Descent
    title : str
    frames : int
        Pictures, the first before any step.
    seconds : float
        How long each is shown.

    Examples
    --------
    >>> from sloy import Network
    >>> from sloy.layers import Dense
    >>> from sloy.theory import compare_descents
    >>> x = np.linspace(-1, 1, 8)[:, None]
    >>> descent = compare_descents(Network((1,), [Dense(1)]), (x, 2 * x + 1), epochs=3)
    >>> path_animation(descent, frames=3).captions
    ('0 objects seen', '12 objects seen', '24 objects seen')
    """
    instance("path_animation", "descent", descent, Descent)
    word("path_animation", "title", title)
    frames = integer("path_animation", "frames", frames, 2, MOST_FRAMES)
    most = max(int(path.objects[-1]) for path in descent.paths.values())
    seen = np.unique(np.linspace(0, most, frames).round().astype(int)).tolist()
    return Animation.of(
        _figures(descent, title, seen),
        [say("{objects} objects seen", objects=count) for count in seen],
        title=title or say("Descent on the loss surface"),
        seconds=seconds,
    )


def _figures(descent: Descent, title: str, seen: list[int]) -> Iterator[Figure]:
    """One for each number of objects seen, with the limits that the whole paths need."""
    whole = descent_figure(descent, title).axes
    for count in seen:
        paths = {name: _until(path, count) for name, path in descent.paths.items()}
        figure = descent_figure(replace(descent, paths=paths), title)
        for axes, like in zip(figure.axes, whole, strict=True):
            axes.set(yscale=like.get_yscale(), xlim=like.get_xlim(), ylim=like.get_ylim())
            axes.yaxis.set_minor_formatter(like.yaxis.get_minor_formatter())
        yield figure


def _until(path: DescentPath, count: int) -> DescentPath:
    """A path as far as so many objects lead."""
    steps = len(path.weights) - 1
    done = int(np.interp(count, [0, path.objects[-1]], [0, steps]) + 1e-9)
    known = max(1, int(np.searchsorted(path.objects, count, "right")))
    return replace(
        path,
        weights=path.weights[: done + 1],
        objects=path.objects[:known],
        losses=path.losses[:known],
    )
