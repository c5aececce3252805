"""Greys of more than 8 bits: which of their values are black and white, and what they are in 8 bits.

A file says little of that: cameras of 10, 12 and 14 bits write 16, and real numbers may run from 0 to 1, to 255 or from
-1000 to 3000. So the range is found over all pictures of a data set, and the reader that a model is saved with
remembers it. (PNG's chunk sBIT is of no use: by its definition the samples fill all 16 bits, and are divided by 65535.)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sloy.errors import FileFormatError

if TYPE_CHECKING:
    from PIL.Image import Image

DEPTHS = (8, 10, 12, 14, 16)  # bits of greys that cameras and scanners give
WHITE = 65535  # of 16 bits

_STRIP = 256  # rows converted at a time
_BITS_PER_SAMPLE = 258  # TIFF
_HALF = 0.5  # of a usual range that real numbers must reach so that it is theirs

Greys = tuple[float, float]


@dataclass(frozen=True)
class Spread:
    """The greys of one file.

    Attributes
    ----------
    whole : bool
        Integers from 0 to 65535, not real or longer numbers.
    least, most : float
    """

    whole: bool
    least: float
    most: float


def is_deep(mode: str) -> bool:
    """Whether a mode of Pillow has greys of more than 8 bits."""
    return mode.startswith("I") or mode == "F"


def spread(greys: np.ndarray, bits: int = 16) -> Spread:
    """What a file's greys (H, W) span; of integers said to have fewer than 16 bits, all that these can hold."""
    least, most = float(greys.min()), float(greys.max())
    whole = greys.dtype.kind in "iu" and least >= 0 and most <= 65535
    if whole and bits < 16:
        most = max(most, 2.0**bits - 1)
    return Spread(whole, least, most)


def stated_bits(opened: Image) -> int:
    """The bits of a grey that a TIFF file says it holds; 16 where it says nothing less."""
    tags = getattr(opened, "tag_v2", None)
    bits = tags.get(_BITS_PER_SAMPLE, (16,)) if tags is not None else (16,)
    return bits[0] if isinstance(bits, tuple) and len(bits) == 1 and 8 < bits[0] < 16 else 16


def common_range(spreads: Iterable[Spread]) -> Greys | None:
    """Black and white of a data set; None where no file has deep greys.

    Integers: 0, and the largest number of 8, 10, 12, 14 or 16 bits that holds them. Real numbers, and longer
    integers: 0 and 1, or 0 and 255, where they lie within and reach the upper half; else the least and the largest.

    Raises
    ------
    FileFormatError
        Where some files have integers of up to 16 bits and others something else.
    """
    found = [one for one in spreads if np.isfinite((one.least, one.most)).all()]
    if not found:
        return None
    least, most = min(one.least for one in found), max(one.most for one in found)
    if all(one.whole for one in found):
        return 0.0, white_of(most)
    if any(one.whole for one in found):
        raise FileFormatError(
            "some pictures have greys of 16 bits, others real numbers or longer integers; convert them to one kind."
        )
    for white in (1.0, 255.0):
        if least >= 0 and _HALF * white < most <= white:
            return 0.0, white
    return least, most if most > least else least + 1


def to_bytes(greys: np.ndarray, within: Greys | None, bits: int, name: str) -> np.ndarray:
    """Greys as uint8, black 0 and white 255, to the nearest; in strips, which take little memory beside them.

    Parameters
    ----------
    greys : array, shape (H, W)
        Integers or real numbers.
    within : (black, white), optional
        By default the file's own, where it can be told: of integers by their depth, of real numbers 0 and 1, or 0
        and 255.
    bits : int
        What the file says of its depth.
    name : str
        Of the file, for errors.
    """
    own = spread(greys, bits)
    if not np.isfinite((own.least, own.most)).all():
        raise FileFormatError(f"{name}: holds greys that are NaN or infinite.")
    if within is None:
        within = _alone(own, name)
    black, white = within
    if own.whole and black == 0 and float(greys.max()) > white:
        raise FileFormatError(
            f"{name}: holds greys up to {own.most:.0f}; the data set that its reader was made for has at most"
            f" {white:.0f}."
        )
    result = np.empty(greys.shape, np.uint8)
    for top in range(0, len(greys), _STRIP):
        strip = greys[top : top + _STRIP]
        if own.whole and black == 0:
            half, scale = int(white) // 2, int(white)
            result[top : top + _STRIP] = (strip.astype(np.uint32) * 255 + half) // scale
        else:
            share = (strip.astype(np.float32) - np.float32(black)) / np.float32(white - black)
            result[top : top + _STRIP] = np.rint(np.clip(share, 0, 1) * np.float32(255))
    return result


def _alone(own: Spread, name: str) -> Greys:
    """The range of a file of which nothing else is known."""
    if own.whole:
        return 0.0, white_of(own.most)
    if own.least >= 0 and own.most <= 1:
        return 0.0, 1.0
    if own.least >= 0 and _HALF * 255 < own.most <= 255:
        return 0.0, 255.0
    raise FileFormatError(
        f"{name}: holds greys from {own.least:.6g} to {own.most:.6g}. What of them is black and white, one file does"
        " not say (but for 0 … 1 and 0 … 255): training on a folder finds it, `PictureReader(greys=(black, white))`"
        " states it."
    )


def white_of(most: float) -> float:
    """The largest number of as few bits as hold a value."""
    return next(2.0**bits - 1 for bits in DEPTHS if most < 2**bits)
