"""Lines of ruled paper taken out of a picture of ink, and strokes that cross them closed again."""

from __future__ import annotations

import numpy as np

from sloy.data.handwriting.regions import running

_TILT = 0.12  # by how much of the length a line may rise
_COVERED = 0.72  # share of its length that must differ from the ground
_THICKEST = 0.025  # of the other side
_MOST = 60  # lines
_STEPS = 41  # slopes that are tried
_SAMPLES = 96  # places along a line


def without_lines(amount: np.ndarray, noise: float) -> tuple[np.ndarray, int]:
    """The amounts (H, W) without lines that run from border to border, and how many these were."""
    cleaned, count = _without_lying(amount, noise)
    turned, more = _without_lying(np.ascontiguousarray(cleaned.T), noise)
    return np.ascontiguousarray(turned.T), count + more


def _without_lying(amount: np.ndarray, noise: float) -> tuple[np.ndarray, int]:
    height = len(amount)
    floor = 0.5 * noise
    thickest = max(3, round(_THICKEST * height))
    left = amount.copy()
    lines = _lines(amount, floor)
    for start, end in lines:
        _take_out(left, start, end, thickest)
    return (left, len(lines)) if lines else (amount, 0)


def _lines(amount: np.ndarray, floor: float) -> list[tuple[float, float]]:
    """The rows in which each line begins and ends."""
    height, width = amount.shape
    columns = np.linspace(0, width - 1, _SAMPLES).round().astype(int)
    around = 2 * max(2, round(_THICKEST * height)) + 1
    # a line is thin: it stands out from what lies above and below it, as the grain of a broad stroke does not
    gap = 2 * (around // 4) + 1
    closed = running(running(amount, gap, 0, np.maximum), gap, 0, np.minimum)
    ground = running(running(closed, around, 0, np.minimum), around, 0, np.maximum)
    thin = running(closed - ground, 3, 0, np.maximum)[:, columns]  # (H, samples)
    seen = thin > floor
    rises = np.linspace(-_TILT, _TILT, _STEPS) * width
    starts = np.arange(height)
    share = np.arange(_SAMPLES) / (_SAMPLES - 1)
    covered = np.zeros((_STEPS, height))
    for k, rise in enumerate(rises):
        rows = np.rint(starts[:, None] + rise * share).astype(int)  # (H, samples)
        within = (rows >= 0) & (rows < height)
        hit = seen[np.clip(rows, 0, height - 1), np.arange(_SAMPLES)] & within
        counted = within.sum(1)
        covered[k] = np.where(counted > 0.6 * _SAMPLES, hit.sum(1) / np.maximum(counted, 1), 0)
        # both ends, so that no stroke of a digit is one
        ends = hit[:, : _SAMPLES // 6].mean(1), hit[:, -_SAMPLES // 6 :].mean(1)
        covered[k][(np.minimum(*ends) < 0.5) & within.all(1)] = 0
    found: list[tuple[float, float]] = []
    while covered.max() > _COVERED and len(found) < _MOST:
        slope, start = np.unravel_index(int(covered.argmax()), covered.shape)
        end = start + rises[slope]
        found.append((float(start), float(end)))
        near = np.minimum(np.abs(starts[None] - start), np.abs(starts[None] + rises[:, None] - end))
        covered[near <= max(3, around // 2)] = 0
    return found


def _take_out(amount: np.ndarray, start: float, end: float, thickest: int) -> None:
    """Take a line out in place: its level off, and where a stroke crosses what the stroke has on both sides."""
    height, width = amount.shape
    columns = np.arange(width)
    reach = thickest + 3
    centre = np.rint(start + (end - start) * columns / max(1, width - 1)).astype(int)
    offsets = np.arange(-reach, reach + 1)
    rows = np.clip(centre + offsets[:, None], 0, height - 1)  # (offsets, W)
    band = amount[rows, columns]
    peak = np.argmax(running(band, 9, 1, np.minimum), axis=0) - reach  # where the line itself runs
    wobble = np.clip(_running_median(peak, 31), -2, 2)
    rows = np.clip(centre + wobble + offsets[:, None], 0, height - 1)
    band = amount[rows, columns]
    profile = np.median(band, axis=1)  # of the line: strokes cross less than half of it
    level = float(profile.max())
    inner = np.flatnonzero(profile > 0.25 * level)
    if not inner.size:
        return
    first, last = max(int(inner[0]) - 1, 1), min(int(inner[-1]) + 1, len(offsets) - 2)
    above = band[max(0, first - 2) : first].max(0)
    below = band[last + 1 : last + 3].max(0)
    bridge = np.minimum(above, below)  # (W,)
    inside = band[first : last + 1]
    strong = inside > 1.6 * profile[first : last + 1, None]
    kept = np.where(strong, inside, np.maximum(inside - 1.3 * profile[first : last + 1, None], 0))
    kept = np.maximum(kept, np.where(bridge > 0.5 * level, bridge, 0))
    amount[rows[first : last + 1], columns] = np.minimum(kept, np.maximum(inside, bridge))


def _running_median(values: np.ndarray, size: int) -> np.ndarray:
    padded = np.pad(values, size // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)
    return np.median(windows, axis=1).astype(int)
