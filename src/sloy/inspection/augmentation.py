"""What augmentation makes of the training pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sloy import ops
from sloy.arguments import instance, integer
from sloy.augmentation import Augment
from sloy.engines.reference import computed
from sloy.errors import ShapeError
from sloy.inspection.picture import draw_picture, is_ink_on_paper
from sloy.inspection.style import new_figure, styled
from sloy.problem.graphs import KEY
from sloy.training.step import random_key

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["augmented", "augmented_figure"]

MOST = 10  # pictures in one figure
VERSIONS = 5


def augmented(x: np.ndarray, augment: Augment, *, seed: int = 0, step: int = 0) -> np.ndarray:
    """A batch as a training step sees it, before preprocessing.

    Parameters
    ----------
    x : array, shape (N, …)
        The batch as it comes from the data: uint8, float32 or float64.
    augment : Augment
    seed, step : int
        The draws are those of this step of a run with this seed.

    Returns
    -------
    array, shape (N, …)
        Of the dtype of `x`; with `mixup` uint8 is rounded.

    Examples
    --------
    >>> x = np.arange(6, dtype=np.uint8).reshape(1, 2, 3, 1)
    >>> changed = augmented(x, Augment(flip="both"), step=1)
    >>> changed[0, :, :, 0].tolist()
    [[5, 4, 3], [2, 1, 0]]
    """
    instance("augmented", "augment", augment, Augment)
    x = np.ascontiguousarray(x)
    given = ops.input("x", x.shape, x.dtype.name)
    key, at = ops.variable(KEY, (2,), "uint32"), ops.input("step", (), "uint32")
    result = augment.pictures(given, key, at)
    if (mixing := augment.mixing(key, at, "float32")) is not None:
        result = mixing.mixed(ops.cast(result, "float32"))
    now = np.array(integer("augmented", "step", step, 0, 2**32 - 1), np.uint32)
    changed = computed({"x": result}, {"x": x, "step": now, KEY: random_key(seed)})["x"]
    if x.dtype == np.uint8:
        changed = np.rint(changed)
    return changed.astype(x.dtype)


@styled
def augmented_figure(
    pictures: np.ndarray, augment: Augment, *, seed: int = 0, first: int = 0
) -> Figure:
    """Pictures of a batch, and below each of them what the next training steps would see of it.

    Parameters
    ----------
    pictures : array, shape (N, H, W, C)
        The batch as it comes from the data; C is 1 or 3; the first 10 are shown.
    augment : Augment
    seed, first : int
        The rows are the steps from the `first` on of a run with this seed, on this batch.
    """
    pictures = np.asarray(pictures)
    if pictures.ndim != 4 or not len(pictures) or pictures.shape[3] not in (1, 3):
        raise ShapeError(
            f"`pictures` has shape {list(pictures.shape)}; it must be (N, H, W, C), C being 1 or 3."
        )
    columns = min(len(pictures), MOST)
    rows = [pictures]
    rows += [augmented(pictures, augment, seed=seed, step=first + k) for k in range(VERSIONS)]
    height, width = pictures.shape[1:3]
    tall = min(max(height / width, 0.4), 2.5)
    figure = new_figure(1.0 * max(columns, 5) + 0.7, 1.0 * tall * len(rows) + 0.5, layout=None)
    figure.set_layout_engine("constrained", w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    on_paper = is_ink_on_paper(pictures)
    for number, (batch, places) in enumerate(zip(rows, grid, strict=True)):
        for axes, picture in zip(places, batch, strict=False):
            draw_picture(axes, picture, on_paper=on_paper)
            for side in axes.spines.values():  # what was moved shows against a frame
                side.set(visible=True, color="#CCCCCC", linewidth=0.6)
        name = f"step {first + number}" if number else "given"
        places[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    figure.suptitle(_title(augment))
    return figure


def _title(augment: Augment) -> str:
    """What is changed, in words."""
    words = [
        f"{name} {value}" if isinstance(value, str) else f"{name} {value:g}"
        for name, value in augment.to_config().items()
        if name != "fill"
    ]
    return f"Training pictures changed at random: {', '.join(words) or 'not at all'}"
