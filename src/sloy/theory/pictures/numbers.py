"""Pictures as arrays of numbers, and their numbers as text."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import ArrayLike

from sloy.arguments import finite_array
from sloy.data import read_image
from sloy.errors import ShapeError
from sloy.theory.notation import decimal_text

Picture = ArrayLike | str | os.PathLike[str]

GREY = np.array(
    [0.299, 0.587, 0.114]
)  # of red, green and blue, as `sloy.data.images.decode` has it


def as_picture(where: str, name: str, value: Picture, *, colour: bool = False) -> np.ndarray:
    """A picture (H, W) or (H, W, C), or the picture of a file, as float64 (H, W, C).

    Parameters
    ----------
    where, name : str
        Who asks, and for which argument.
    value : array or path
        A path is read by `sloy.data.read_image`, in whole numbers from 0 to 255.
    colour : bool
        Whether a file's colours are taken, (H, W, 3), where it has any; by default, and where all its pixels are
        grey, it is its greys, (H, W, 1). Arrays stay as they are.
    """
    if isinstance(value, str | os.PathLike):
        read = read_image(os.fspath(value), channels=3 if colour else 1)
        value = read[..., :1] if (read == read[..., :1]).all() else read
    found = finite_array(where, name, value)
    if found.ndim not in (2, 3) or 0 in found.shape:
        raise ShapeError(
            f"{where}: `{name}` has shape {found.shape}; it must be (rows, columns) or (rows, columns,"
            " channels)."
        )
    return found if found.ndim == 3 else found[..., None]


def as_grey(picture: np.ndarray) -> np.ndarray:
    """A picture (H, W, 3) as its greys (H, W, 1), whole where the colours are; others stay as they are."""
    if picture.shape[2] != 3:
        return picture
    grey = (picture @ GREY)[..., None]
    return np.round(grey) if _is_whole(picture) else grey


def scaled(picture: np.ndarray, size: int) -> np.ndarray:
    """A picture (H, W, C) whose longer side has so many pixels, each the mean of what it covers.

    Whole numbers stay whole.
    """
    longer = max(picture.shape[:2])
    height, width = (max(1, round(extent * size / longer)) for extent in picture.shape[:2])
    rows = np.einsum("hH,HWC->hWC", _shares(height, picture.shape[0]), picture, optimize=True)
    found = np.einsum("wW,hWC->hwC", _shares(width, picture.shape[1]), rows, optimize=True)
    return np.round(found) if _is_whole(picture) else found


def texts(numbers: np.ndarray) -> np.ndarray:
    """Each number as text: whole ones as they are, others with two decimals."""
    if _is_whole(numbers):
        return np.vectorize(lambda v: f"{v + 0.0:.0f}")(numbers)
    return np.vectorize(lambda v: f"{v:.2f}")(numbers)


def value_text(value: float) -> str:
    """A value of a picture: four digits, whole where it is large."""
    return decimal_text(value, 4) if abs(value) < 1e4 else f"{value:.0f}"


def _is_whole(numbers: np.ndarray) -> bool:
    return np.array_equal(numbers, np.round(numbers))


def _shares(count: int, extent: int) -> np.ndarray:
    """(count, extent): which share of each new pixel an old one is, along one side."""
    edges = np.linspace(0, extent, count + 1)
    low = np.maximum(edges[:-1, None], np.arange(extent))
    high = np.minimum(edges[1:, None], np.arange(1, extent + 1))
    return np.maximum(high - low, 0.0) * count / extent
