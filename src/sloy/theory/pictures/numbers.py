"""Pictures as arrays of numbers, and their numbers as text."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sloy.arguments import finite_array
from sloy.errors import ShapeError
from sloy.theory.notation import decimal_text


def as_picture(where: str, name: str, value: ArrayLike) -> np.ndarray:
    """A picture (H, W) or (H, W, C) as float64 (H, W, C)."""
    found = finite_array(where, name, value)
    if found.ndim not in (2, 3) or 0 in found.shape:
        raise ShapeError(
            f"{where}: `{name}` has shape {found.shape}; it must be (rows, columns) or (rows, columns,"
            " channels)."
        )
    return found if found.ndim == 3 else found[..., None]


def texts(numbers: np.ndarray) -> np.ndarray:
    """Each number as text: whole ones as they are, others with two decimals."""
    if np.array_equal(numbers, np.round(numbers)):
        return np.vectorize(lambda v: f"{v + 0.0:.0f}")(numbers)
    return np.vectorize(lambda v: f"{v:.2f}")(numbers)


def value_text(value: float) -> str:
    """A value of a picture: four digits, whole where it is large."""
    return decimal_text(value, 4) if abs(value) < 1e4 else f"{value:.0f}"
