"""Ink and ground of a photograph: which of light and dark is the ink, and how much of it each pixel has.

The ground under a pixel is what a closing leaves (of dark ink): the lightest level that goes all round the stroke. It
keeps the edges of shadows, follows slow changes of light, and is taken again with a window that just spans the strokes
once their width is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sloy.data.handwriting.regions import Region, closing, regions, running, stroke_width
from sloy.data.handwriting.ruled import without_lines

SHARES = (0.08, 0.16)  # of the shorter side: windows in which ink is told from ground
_WINDOW = 0.25  # of the shorter side: strokes are narrower
_WIDEST = 0.8  # likewise, where none is seen so
_WHOLE = 1.25  # times the strokes that a wider window must lose to a narrower one: of thick ones that sees a part
_GREY = 2.5  # times the contrast that a single colour must have to be gone by
_DIM = 0.5  # of the most light: no place of light ink has less
_FRAME = 0.5  # of the border: a region along more of it is the ground around a shape
_SHADOW = 0.1  # likewise: a dark region along more of it is no shape, but a shadow that comes in
_AT_BORDER = 0.3  # how much less a region counts there
_LEVEL = 20.0  # added to the ground: noise of the dark is no ink
FAINT = 0.06  # of the ground: what differs less is no ink
_FILLED = 2.0  # times the area of the strokes that are seen of its edge
_RIM = 0.6  # of the strokes that are seen lies in a filled shape
_SPREAD = 2.5  # windows by the width of a stroke
_SPANS = 1.5  # likewise: narrower ones take joints and broad parts for ground


@dataclass(frozen=True, eq=False)
class Ink:
    """How much ink there is.

    Attributes
    ----------
    amount : float32 array, shape (H, W)
        By how much of the ground's level a pixel differs from it.
    light : bool
        Whether the ink is lighter than the ground.
    noise : float
        Amounts up to this are found without ink.
    ruled : int
        Lines of the paper that were taken out.
    strokes : Region or None
        Those that stand out most, by length and amount.
    clear : float
        Their diagonal times their amount.
    """

    amount: np.ndarray
    light: bool
    noise: float
    ruled: int
    strokes: Region | None
    clear: float

    @property
    def most(self) -> float:
        """The amount of full ink."""
        if self.strokes is None:
            return 0.0
        return float(np.percentile(self.amount[self.strokes.rows, self.strokes.columns], 90))

    def mask(self) -> np.ndarray:
        """Where ink is, bool (H, W): half of full ink, and what hangs together with it down to three tenths."""
        most = self.most
        if most < FAINT:
            return np.zeros(self.amount.shape, bool)
        weak = self.amount > max(0.3 * most, self.noise)
        strong = self.amount > 0.5 * most
        kept = np.zeros_like(weak)
        for region in regions(weak):
            if strong[region.rows, region.columns].any():
                kept[region.rows, region.columns] = True
        return kept


def find_ink(colours: np.ndarray) -> Ink:
    """The ink of a picture, uint8 (H, W, 3), of any size."""
    planes = _planes(colours)
    light = _are_light(planes)
    planes = [255 - plane if its else plane for plane, its in zip(planes, light, strict=True)]
    side = min(planes[0].shape)

    def hat(plane: int, share: float) -> np.ndarray:
        window = max(5, int(share * side)) | 1
        return _hat(planes[plane], window, light=light[plane])

    for wide in (_WINDOW, _WIDEST):
        amounts = [hat(plane, wide) for plane in range(len(planes))]
        clear = [float(np.percentile(a, 99)) / (noise_of(a) + 0.02) for a in amounts]
        best = int(np.argmax(np.array(clear) * (1.2, 1, 1, 1)))  # a single colour has more noise
        # a shadow is wider than strokes: in a narrower window it is ground
        whole = _without_ruling(amounts[best], light[0])
        made = _without_ruling if whole.ruled else _ink
        narrow = [(share, made(hat(best, share), light[0])) for share in SHARES]
        share, ink = max(narrow, key=lambda one: one[1].clear)
        if _WHOLE * whole.clear > ink.clear:
            share, ink = wide, whole
        if ink.strokes is None:
            continue
        width = stroke_width(_mask_of(ink.strokes))
        window = min(int(_SPREAD * width + 3) / side, _WIDEST)
        if window < share or share * side < _SPANS * width:
            again = _without_ruling(hat(best, window), light[0])
            ink = again if window < share or again.mask().any() else ink
        if ink.mask().any():
            break
    return ink


def _mask_of(region: Region) -> np.ndarray:
    """A region alone, bool (h, w)."""
    top, left, bottom, right = region.box
    mask = np.zeros((bottom - top, right - left), bool)
    mask[region.rows - top, region.columns - left] = True
    return mask


def _planes(colours: np.ndarray) -> list[np.ndarray]:
    """Grey, red, green and blue of a picture, smoothed, each (H, W)."""
    smoothed = smooth(colours.astype(np.float32))
    return [smoothed @ np.array([0.299, 0.587, 0.114], np.float32), *np.moveaxis(smoothed, 2, 0)]


def _are_light(planes: list[np.ndarray]) -> list[bool]:
    """For each plane whether the ink is lighter than the ground in it.

    It is looked for in the grey, or in a colour that has much more contrast (red on a green of the same lightness);
    in a plane that goes the other way (the blue of yellow on blue) the ink is the other way, too.
    """
    contrast = [float(np.ptp(np.percentile(plane, (1, 99)))) for plane in planes]
    base = int(np.argmax(np.array(contrast) * (_GREY, 1, 1, 1)))
    light = is_light(planes[base])
    centred = [plane - plane.mean() for plane in planes]
    return [light != bool((plane * centred[base]).sum() < 0) for plane in centred]


def filled(colours: np.ndarray, ink: Ink) -> Region | None:
    """The shape whose edge the ink of a picture, uint8 (H, W, 3), is; None where the ink is strokes.

    Windows that just span strokes see only the rim of what is wider. So the ink is looked for again with the widest
    window: a shape has most of that rim in it, is several times as large, and as dark all over as the rim; a shadow is
    paler.
    """
    mask = ink.mask()
    greys = _planes(colours)[0]
    greys = 255 - greys if ink.light else greys
    if not mask.any() or mask.all():
        return None
    middle = (float(np.median(greys[mask])) + float(np.median(greys[~mask]))) / 2
    if (greys < middle).sum() < _FILLED * mask.sum():  # no more is dark than the strokes
        return None
    amount = _hat(greys, max(5, int(_WIDEST * min(greys.shape))) | 1, light=ink.light)
    dark = float(amount[mask].mean())
    for region in regions(amount > 0.5 * dark):
        if _on_border(region, greys.shape) > _SHADOW:
            continue
        rim = int(mask[region.rows, region.columns].sum())
        even = float(np.percentile(amount[region.rows, region.columns], 10))
        if region.area > _FILLED * mask.sum() and rim > _RIM * mask.sum() and even > 0.7 * dark:
            return region
    return None


def is_light(greys: np.ndarray) -> bool:
    """Whether the ink of a picture (H, W) is lighter than its ground.

    In windows a little wider than strokes, strokes stand out as long regions; what stands out of the other kind lies in
    their holes and bays, or is short.
    """
    votes = 0.0
    for share in SHARES:
        window = max(5, int(share * min(greys.shape))) | 1
        dark = _longest(_hat(greys, window, light=False))
        bright = _longest(_hat(255 - greys, window, light=True))
        boxes = [found[1].box if found[1] else (0, 0, 0, 0) for found in (dark, bright)]
        if _inside(boxes[1], boxes[0]) != _inside(*boxes):
            votes += (dark[0] + bright[0]) * (1 if _inside(*boxes) else -1)
        else:
            votes += bright[0] - dark[0]
    if votes == 0:  # nothing is narrow: what is not the border's
        edge = np.concatenate([greys[0], greys[-1], greys[:, 0], greys[:, -1]])
        middle = float(np.percentile(greys, (1, 99)).mean())
        return float(np.median(edge)) < middle
    return votes > 0


def noise_of(amount: np.ndarray) -> float:
    """What is exceeded by chance only: the median and five times the deviation of the lower half."""
    middle = float(np.median(amount))
    return middle + 5 * 1.4826 * float(np.median(np.abs(amount[amount <= middle] - middle)))


def smooth(planes: np.ndarray) -> np.ndarray:
    """The mean of each pixel and its four neighbours, (H, W, …)."""
    p = np.pad(planes, ((1, 1), (1, 1)) + ((0, 0),) * (planes.ndim - 2), mode="edge")
    found: np.ndarray = (
        p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] + p[1:-1, 1:-1]
    ) / 5
    return found


def _without_ruling(amount: np.ndarray, light: bool) -> Ink:
    cleaned, ruled = without_lines(amount, max(FAINT, noise_of(amount)))
    return _ink(cleaned, light, ruled)


def _ink(amount: np.ndarray, light: bool, ruled: int = 0) -> Ink:
    clear, strokes = _longest(amount)
    return Ink(amount, light, noise_of(amount), ruled, strokes, clear)


def _hat(greys: np.ndarray, window: int, *, light: bool) -> np.ndarray:
    """How much darker than its ground each pixel (H, W) is, as a share of the light; of light ink in a negative."""
    ground = closing(greys, window)
    level = ground  # of the light that falls there: for light ink the brightest nearby
    if light:
        level = running(running(255 - greys, window, 0, np.maximum), window, 1, np.maximum)
        level = np.maximum(level, _DIM * level.max())  # far from all ink there is but the dark
    return (ground - greys) / (level + np.float32(_LEVEL))


def _longest(amount: np.ndarray) -> tuple[float, Region | None]:
    """Diagonal times amount of the longest region, and that region.

    Half of what stands out most is a region, and more than is exceeded by chance: where a window sees nothing but
    noise, half of its top hangs together all over the picture.
    """
    top = float(np.percentile(amount, 99.7))
    if top < FAINT:  # a small mark on a large page
        strong = amount[amount > max(FAINT, noise_of(amount))]
        top = float(np.percentile(strong, 90)) if strong.size else top
    found: tuple[float, Region | None] = 0.0, None
    if top < FAINT / 2:
        return found
    for region in regions(amount > max(0.5 * top, noise_of(amount))):
        around = _on_border(region, amount.shape) > _FRAME
        score = 0.0 if around else _score(region, amount)
        if region.area >= 12 and score > found[0]:
            found = score, region
    return found


def _on_border(region: Region, shape: tuple[int, ...]) -> float:
    """How much of the border a region lies on, as a share."""
    height, width = shape
    on_it = (region.rows % (height - 1) == 0) | (region.columns % (width - 1) == 0)
    return float(on_it.sum() / (2 * (height + width - 2)))


def _score(region: Region, amount: np.ndarray) -> float:
    top, left, bottom, right = region.box
    height, width = amount.shape
    border = top == 0 or left == 0 or bottom == height or right == width
    long = float(np.hypot(bottom - top, right - left))
    mean = float(amount[region.rows, region.columns].mean())
    return long * mean * (_AT_BORDER if border else 1.0)


def _inside(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    (a, b, c, d), (e, f, g, h) = one, other
    return a >= e - 2 and b >= f - 2 and c <= g + 2 and d <= h + 2
