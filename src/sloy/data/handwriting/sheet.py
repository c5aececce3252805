"""The sheet in a picture: a table around it, a scanner's black border, a white margin, a frame that was drawn."""

from __future__ import annotations

import numpy as np

from sloy.data.handwriting.regions import regions

_LEAST = 0.4  # of the picture's sides: what is smaller is no sheet
_ALONG = 0.97  # of the border has the frame's colour
_STRAIGHT = 0.9  # of a side lies on a line
_OFF = 0.012  # of the shorter side: so far is still on it
_TILT = 0.2  # a side's rise by its length
_CONTRAST = 14.0  # grey levels between frame and sheet, at least
_NOISE = 5.0  # deviations of the frame's own colour


def sheet(colours: np.ndarray) -> tuple[int, int, int, int] | None:
    """What lies within a frame of one colour all round a picture, uint8 (H, W, 3); None where there is no frame.

    The largest region of other colours is a sheet where its four sides are straight, which those of what is
    written are not.

    Returns
    -------
    (top, left, bottom, right) or None
        All of it within the sheet; the last two are the first beyond.
    """
    planes = colours.astype(np.float32)
    height, width = planes.shape[:2]
    edge = np.concatenate([planes[0], planes[-1], planes[:, 0], planes[:, -1]])
    colour = np.median(edge, 0)
    spread = 1.4826 * float(np.median(np.abs(edge - colour).max(1)))
    other = np.abs(planes - colour).max(2) > max(_CONTRAST, _NOISE * spread)
    border = np.concatenate([other[0], other[-1], other[:, 0], other[:, -1]])
    if border.mean() > 1 - _ALONG:
        return None
    largest = max(regions(other), key=lambda region: region.area, default=None)
    if largest is None:
        return None
    top, left, bottom, right = largest.box
    if bottom - top < _LEAST * height or right - left < _LEAST * width:
        return None
    mask = np.zeros((bottom - top, right - left), bool)
    mask[largest.rows - top, largest.columns - left] = True
    near = max(2.0, _OFF * min(height, width))
    insets = [_inset(side, near) for side in (mask.T, mask, mask.T[:, ::-1], mask[:, ::-1])]
    if None in insets:
        return None
    upper, west, lower, east = (int(inset or 0) for inset in insets)
    found = top + upper, left + west, bottom - lower, right - east
    return found if found[2] - found[0] > 8 and found[3] - found[1] > 8 else None


def _inset(mask: np.ndarray, near: float) -> int | None:
    """How far in from the left a mask (h, w) is whole, where its left side is straight; None where it is not."""
    lines = len(mask)
    middle = np.arange(round(0.05 * lines), round(0.95 * lines))
    first = np.where(mask.any(1), mask.argmax(1), mask.shape[1])[middle].astype(float)
    third = max(1, len(middle) // 3)
    rise = float(np.median(first[-third:]) - np.median(first[:third])) / max(1, len(middle) - third)
    off = first - rise * middle
    on_it = np.abs(off - np.median(off)) <= near
    if on_it.mean() < _STRAIGHT or abs(rise) > _TILT:
        return None
    return int(first[on_it].max() + near + 1)
