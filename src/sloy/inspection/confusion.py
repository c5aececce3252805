"""The confusion matrix: which class was taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sloy.arguments import array, integer, sample_array, sequence
from sloy.errors import InvalidArgument, ShapeError
from sloy.inspection.style import GREY, new_figure, styled
from sloy.language import say
from sloy.text import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion_counts", "confusion_figure"]


MOST_CLASSES = 20_000  # of a matrix of counts, which takes 3 GB then


def confusion_counts(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """How many samples of each class were given each class.

    .. math:: M_{ij} = |\\{n : true_n = i, predicted_n = j\\}|

    Parameters
    ----------
    true, predicted : int array, shape (N,)
        Class numbers from 0 to ``classes - 1``.

    Returns
    -------
    int64 array, shape (K, K)

    Examples
    --------
    >>> confusion_counts([0, 0, 1], [0, 1, 1], 2).tolist()
    [[1, 1], [0, 1]]
    """
    where = "confusion_counts"
    rows, columns = _classes(where, "true", true), _classes(where, "predicted", predicted)
    classes = integer(where, "classes", classes, 1, MOST_CLASSES)
    if rows.shape != columns.shape or rows.ndim != 1:
        raise ShapeError(
            f"`true` {list(rows.shape)} and `predicted` {list(columns.shape)} must be two lists of one length."
        )
    both = np.concatenate([rows, columns])
    if len(both) and not 0 <= both.min() <= both.max() < classes:
        raise InvalidArgument(
            f"class numbers from {both.min()} to {both.max()} must lie in 0 … {classes - 1}."
        )
    return np.bincount(rows * classes + columns, minlength=classes**2).reshape(classes, classes)


def _classes(where: str, name: str, value: object) -> np.ndarray:
    """Class numbers, int64: whole numbers of any dtype."""
    given = sample_array(where, name, value)
    numbers = given.astype(np.int64)
    if not np.array_equal(numbers, given):
        raise InvalidArgument(f"{where}: `{name}` must hold whole numbers, those of classes.")
    return numbers


@styled
def confusion_figure(counts: np.ndarray, class_names: Sequence[str] | None = None) -> Figure:
    """The matrix with its counts; mistakes stand out by colour, correct answers are framed.

    Parameters
    ----------
    counts : int array, shape (K, K)
        Rows are the true classes, columns the predicted, see `confusion_counts`.
    class_names : sequence of str, optional
        K names; numbers otherwise.
    """
    where = "confusion_figure"
    counts = array(where, "counts", counts)
    classes = len(counts) if counts.ndim == 2 else 0
    if counts.shape != (classes, classes) or not classes or counts.dtype.kind not in "iu":
        raise ShapeError(
            f"`counts` has shape {list(counts.shape)}; it must be (K, K) of integers, K ≥ 1."
        )
    names = (
        [str(i) for i in range(classes)]
        if class_names is None
        else [*sequence(where, "class_names", class_names, str)]
    )
    if len(names) != classes:
        raise InvalidArgument(f"`class_names` has {len(names)} names for {classes} classes.")
    digits = max(len(f"{counts.max()}"), 2)
    side = classes * (0.24 + 0.085 * digits) + 0.08 * max(map(len, names))
    figure = new_figure(max(side + 1.3, 3.6), side + 1.0)
    axes = figure.subplots()
    _matrix(axes, counts, names)
    correct, total = int(np.trace(counts)), int(counts.sum())
    share = f"{100 * correct / total:.2f} %" if total else say("no samples")
    right, all_of_them = count(correct), count(total)
    figure.suptitle(
        say("{right} of {total} correct ({share})", right=right, total=all_of_them, share=share)
    )
    return figure


def _matrix(axes: Axes, counts: np.ndarray, names: list[str]) -> None:
    from matplotlib.colors import Normalize
    from matplotlib.patches import Rectangle

    classes = len(counts)
    wrong = np.where(np.eye(classes, dtype=bool), 0, counts)
    scale = Normalize(0, max(wrong.max(), 1))
    axes.imshow(wrong, cmap="Oranges", norm=scale, aspect="equal")
    for i in range(classes):
        axes.add_patch(Rectangle((i - 0.5, i - 0.5), 1, 1, facecolor="#DCE9F4", edgecolor=GREY))
        for j in range(classes):
            if counts[i, j] or i == j:
                dark = i != j and scale(counts[i, j]) > 0.6
                axes.text(
                    j, i, f"{counts[i, j]}", ha="center", va="center", fontsize=9,
                    color="white" if dark else "black",
                )  # fmt: skip
    _recall(axes, counts)
    vertical = max(map(len, names)) > 3
    axes.set_xticks(range(classes), names, rotation=90 if vertical else 0)
    axes.set_yticks(range(classes), names)
    axes.set_xlabel(say("predicted"))
    axes.set_ylabel(say("true"))
    axes.tick_params(length=0)


def _recall(axes: Axes, counts: np.ndarray) -> None:
    """The share of each true class that was recognised, to the right of its row."""
    totals = counts.sum(axis=1)
    x = len(counts) - 0.35
    axes.text(x, -0.75, say("recall"), ha="left", va="center", fontsize=9, color=GREY)
    for i, (right, total) in enumerate(zip(np.diag(counts), totals, strict=True)):
        if total:
            axes.text(
                x, i, f"{100 * right / total:.1f} %",
                ha="left", va="center", fontsize=9, color=GREY,
            )  # fmt: skip
