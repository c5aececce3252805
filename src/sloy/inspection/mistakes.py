"""The samples that were given a wrong class, the most confident mistakes first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sloy.data.lazy_rows import LazyRows
from sloy.errors import ShapeError
from sloy.inspection.picture import draw_picture, is_ink_on_paper
from sloy.inspection.style import BLUE, ORANGE, new_figure, styled
from sloy.text import many

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["mistakes_figure"]

MOST = 28  # pictures in one figure
COLUMNS = 7


@styled
def mistakes_figure(
    pictures: np.ndarray | LazyRows,
    true: np.ndarray,
    probabilities: np.ndarray,
    class_names: Sequence[str] | None = None,
    samples: int | None = None,
    *,
    answers: np.ndarray | None = None,
) -> Figure:
    """Misclassified pictures, each with its true class, the predicted class and that class's probability.

    Parameters
    ----------
    pictures : array or `LazyRows`, shape (N, H, W) or (N, H, W, C)
        C is 1 or 3; uint8, or float from 0 to 1 (other ranges are stretched to the picture's own). Grey
        pictures that are mostly 0, as in MNIST, are drawn as ink on paper.
    true : int array, shape (N,)
    probabilities : float array, shape (N, K)
        Samples predicted correctly are left out.
    class_names : sequence of str, optional
        K names; numbers otherwise.
    samples : int, optional
        Of how many samples these are all the mistakes, for the title; N otherwise.
    answers : int array, shape (N,), optional
        The predicted classes, such as those by a threshold; the most probable otherwise.
    """
    true, probabilities = map(np.asarray, (true, probabilities))
    if not isinstance(pictures, LazyRows):
        pictures = np.asarray(pictures)
    if probabilities.ndim != 2 or not len(pictures) == len(true) == len(probabilities):
        raise ShapeError(
            f"`pictures` {list(np.shape(pictures))}, `true` {list(true.shape)} and `probabilities`"
            f" {list(probabilities.shape)} must be (N, H, W, C), (N,) and (N, K)."
        )
    predicted = probabilities.argmax(axis=1) if answers is None else np.asarray(answers)
    wrong = np.flatnonzero(predicted != true)
    confidence = probabilities[wrong, predicted[wrong]]
    order = wrong[np.argsort(-confidence, kind="stable")]
    total = len(true) if samples is None else samples
    shown = order[:MOST]
    columns = min(COLUMNS, max(len(shown), 4))
    rows = max(1, math.ceil(len(shown) / columns))
    names = list(class_names or map(str, range(probabilities.shape[1])))
    width = max(1.22, 0.6 + 0.075 * max(map(len, names)))
    height = 1.6 * rows + 0.6
    figure = new_figure(width * columns, height, layout=None)
    # Margins by hand: to find them matplotlib would draw everything twice.
    side = 0.1 / columns  # half of the gap between two pictures, a fifth of a column
    upright = {"bottom": 0.35 / height, "top": 1 - 0.8 / height, "hspace": 0.65}
    margins = {"left": side, "right": 1 - side, "wspace": 0.25, **upright}
    grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw=margins)
    drawn = pictures[shown]
    on_paper = is_ink_on_paper(drawn)
    for axes, sample, picture in zip(grid.flat, shown, drawn, strict=False):
        draw_picture(axes, picture, on_paper=on_paper)
        share = f"{100 * probabilities[sample, predicted[sample]]:.0f} %"
        axes.set_title(f"true {names[true[sample]]}", color=BLUE, fontsize=9, pad=3)
        axes.set_xlabel(f"{names[predicted[sample]]}?  {share}", color=ORANGE, fontsize=9)
    for axes in list(grid.flat)[len(shown) :]:
        axes.set_axis_off()
    figure.suptitle(_headline(len(order), len(shown), total))
    return figure


def _headline(wrong: int, shown: int, total: int) -> str:
    said = f"{many(wrong, 'mistake') if wrong else 'No mistakes'} in {many(total, 'sample')}"
    return f"{said}; the {shown} most confident" if shown < wrong else said
