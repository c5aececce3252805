"""Marks on a page: regions of ink put together to what was written as one, in reading order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sloy.data.handwriting.regions import Region, regions, stroke_width

_SPECK = 0.22  # of the largest mark's length: what is smaller is dust
_PART = 0.6  # of the tallest mark's height: what is lower may be part of another
_NEAR = 0.35  # of its height: how far a part may be
_BROKEN = 0.1  # likewise of one as tall: else it is of the next line
_PALER, _WIDER = 0.6, 2.2  # than the strongest mark's ink and strokes
_EDGE = 0.05  # of the shorter side
MOST = 100  # marks of a picture


@dataclass(frozen=True, eq=False)
class Mark:
    """What was written as one.

    Attributes
    ----------
    mask : bool array, shape (h, w)
        Its ink, cut close.
    top, left : int
        Where in the picture.
    """

    mask: np.ndarray
    top: int
    left: int

    @property
    def bottom(self) -> int:
        """The first row beyond."""
        return self.top + self.mask.shape[0]

    @property
    def right(self) -> int:
        """The first column beyond."""
        return self.left + self.mask.shape[1]


def find_marks(ink: np.ndarray, amount: np.ndarray) -> list[Mark]:
    """The marks of a mask of ink (H, W) and its amount (H, W), line by line, from left to right.

    What was written on one picture was written with one pen: marks of much paler ink or of other strokes than the
    strongest are shadows and stains.
    """
    found = regions(ink)
    if not found:
        return []
    length = {id(region): _length(region) for region in found}
    longest = max(length.values())
    found = [
        region for region in found if length[id(region)] >= _SPECK * longest and region.area >= 9
    ]
    inner = [region for region in found if not _at_edge(region, ink.shape)]
    groups = _put_together(inner or found)
    marks = [mark_of(group) for group in groups]
    tallest = max((mark.mask.shape[0] for mark in marks), default=0)
    whole = [m for m in marks if max(m.mask.shape) >= 0.35 * tallest]
    whole = _of_one_pen(whole, amount)
    return _in_reading_order(whole)[:MOST]


def _of_one_pen(marks: list[Mark], amount: np.ndarray) -> list[Mark]:
    """Without those whose ink is much paler, or whose strokes are much wider or thinner, than the strongest mark's."""
    if len(marks) < 2:
        return marks
    ink = [float(amount[m.top : m.bottom, m.left : m.right][m.mask].mean()) for m in marks]
    wide = [stroke_width(m.mask) for m in marks]
    first = int(np.argmax([i * max(m.mask.shape) for i, m in zip(ink, marks, strict=True)]))
    return [
        mark
        for mark, i, w in zip(marks, ink, wide, strict=True)
        if i > _PALER * ink[first] and 1 / _WIDER < w / wide[first] < _WIDER
    ]


def _at_edge(region: Region, shape: tuple[int, int]) -> bool:
    """Whether most of a region lies along the border: the edge of the sheet, not writing."""
    height, width = shape
    far = np.minimum.reduce(
        [region.rows, height - 1 - region.rows, region.columns, width - 1 - region.columns]
    )
    return bool(far.min() <= 2 and (far < _EDGE * min(shape)).mean() > 0.5)


def _length(region: Region) -> int:
    top, left, bottom, right = region.box
    return max(bottom - top, right - left)


def _put_together(found: list[Region]) -> list[list[Region]]:
    """A lower region joins the mark that it lies over, under, in or close beside."""
    groups = [[region] for region in sorted(found, key=_length, reverse=True)]
    joined: list[list[Region]] = []
    for group in groups:
        box = group[0].box
        best, gap = None, np.inf
        for other in joined:
            wide = _around(other)
            height = wide[2] - wide[0]
            tall, over = box[2] - box[0] > _PART * height, _over(box, wide)
            if tall and not over:
                continue
            apart = _apart(group[0], other)
            near = _BROKEN if tall else _NEAR if over else 0.35 * _NEAR
            if apart < gap and apart <= near * height:
                best, gap = other, apart
        if best is None:
            joined.append(group)
        else:
            best += group
    return joined


def _over(box: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether most of a box stands over, under or in another."""
    common = min(box[3], other[3]) - max(box[1], other[1])
    return common > 0.5 * min(box[3] - box[1], other[3] - other[1])


def _around(group: list[Region]) -> tuple[int, int, int, int]:
    boxes = np.array([region.box for region in group])
    top, left = boxes[:, :2].min(0)
    bottom, right = boxes[:, 2:].max(0)
    return int(top), int(left), int(bottom), int(right)


def _apart(one: Region, group: list[Region]) -> float:
    """The least distance of the pixels, of every few."""
    step = max(1, one.area // 200)
    mine = np.stack([one.rows[::step], one.columns[::step]], 1)
    least = np.inf
    for region in group:
        step = max(1, region.area // 400)
        other = np.stack([region.rows[::step], region.columns[::step]], 1)
        distance = np.hypot(*np.moveaxis(mine[:, None] - other[None], 2, 0))
        least = min(least, float(distance.min()))
    return least


def mark_of(group: list[Region]) -> Mark:
    """Regions as one mark."""
    top, left, bottom, right = _around(group)
    mask = np.zeros((bottom - top, right - left), bool)
    for region in group:
        mask[region.rows - top, region.columns - left] = True
    return Mark(mask, top, left)


def _in_reading_order(marks: list[Mark]) -> list[Mark]:
    """Lines from the top; a mark belongs to a line whose height its middle lies in."""
    lines: list[list[Mark]] = []
    for mark in sorted(marks, key=lambda m: m.top + m.bottom):
        middle = (mark.top + mark.bottom) / 2
        for line in lines:
            top = float(np.mean([m.top for m in line]))
            bottom = float(np.mean([m.bottom for m in line]))
            if top <= middle <= bottom:
                line.append(mark)
                break
        else:
            lines.append([mark])
    return [mark for line in lines for mark in sorted(line, key=lambda m: m.left)]
