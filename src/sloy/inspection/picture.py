"""One sample drawn as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def is_ink_on_paper(pictures: np.ndarray) -> bool:
    """Whether grey pictures are mostly empty (0), like the MNIST family: these are drawn dark on white."""
    return bool(pictures.size and pictures.shape[3:] != (3,) and np.median(pictures) <= 0)


def draw_picture(
    axes: Axes,
    picture: np.ndarray,
    *,
    on_paper: bool,
    extent: tuple[float, float, float, float] | None = None,
) -> None:
    """A picture (H, W), (H, W, 1) or (H, W, 3), uint8 or float, without ticks and frame.

    Floats are taken from 0 to 1; other ranges are stretched to the picture's own. Several stand on one axes at their
    extents: left, right, bottom, top.
    """
    picture = picture[..., 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture
    if picture.dtype != np.uint8:
        low, high = float(picture.min()), float(picture.max())
        if low < 0 or high > 1:
            picture = (picture - low) / ((high - low) or 1.0)
    top = 255 if picture.dtype == np.uint8 else 1.0
    axes.imshow(picture, cmap="gray_r" if on_paper else "gray", vmin=0, vmax=top, extent=extent)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
