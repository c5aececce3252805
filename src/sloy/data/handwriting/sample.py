"""A mark brought to the size, place and strokes of the samples that a network knows."""

from __future__ import annotations

import numpy as np

from sloy.data.handwriting.regions import grown, stroke_width

FINE = 8  # pixels for each of the sample's while strokes are measured and changed
THIN, THICK = 1.7, 3.6  # pixels: strokes of nine MNIST digits in ten


def centred(mask: np.ndarray, size: tuple[int, int], box: int) -> np.ndarray:
    """A mark as a sample of MNIST's kind, uint8 (H, W): ink 255 on 0.

    Its longer side is brought to `box` pixels, the other in proportion; strokes thinner or thicker than those of MNIST
    are brought to its range; the centre of mass goes to the pixel (H // 2, W // 2), which of 28 × 28 lies half a pixel
    below and right of the middle, as in MNIST.

    Parameters
    ----------
    mask : bool array, shape (h, w)
    size : (H, W)
    box : int
    """
    fine = _fitted(mask, box * FINE)
    width = stroke_width(fine) / FINE
    wanted = min(max(width, THIN), THICK)
    if abs(wanted - width) > 0.15:
        margin = 2 * FINE
        changed = grown(np.pad(fine, margin), (wanted - width) * FINE / 2)
        if changed.any():
            fine = _fitted(_cut(changed), box * FINE)
    small = _averaged(fine)
    return _placed(small, size)


def varied(mask: np.ndarray, size: tuple[int, int], box: int) -> list[np.ndarray]:
    """A mark as `centred` makes it, and the same turned by 8° either way, slanted, thinner and thicker."""
    import PIL.Image

    fine = _fitted(mask, box * FINE)
    room = max(4, box * FINE // 4)
    picture = PIL.Image.fromarray(np.where(np.pad(fine, room), np.uint8(255), np.uint8(0)))
    made = [np.asarray(picture.rotate(angle)) > 127 for angle in (-8, 8)]
    for slant in (-0.15, 0.15):
        shift = slant * picture.height / 2
        affine = (1, slant, -shift, 0, 1, 0)
        how = PIL.Image.Transform.AFFINE
        made.append(np.asarray(picture.transform(picture.size, how, affine)) > 127)
    made += [grown(np.pad(fine, room), radius) for radius in (-0.3 * FINE, 0.4 * FINE)]
    changed = [centred(_cut(one), size, box) for one in made if one.any()]
    return [centred(mask, size, box), *changed]


def _cut(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _fitted(mask: np.ndarray, side: int) -> np.ndarray:
    """A mask whose longer side has `side` pixels."""
    import PIL.Image

    height, width = mask.shape
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = PIL.Image.fromarray(np.where(mask, np.uint8(255), np.uint8(0)))
    how = PIL.Image.Resampling.BICUBIC if scale > 1 else PIL.Image.Resampling.BOX
    return np.asarray(picture.resize(size, how)) > 127


def _averaged(fine: np.ndarray) -> np.ndarray:
    """Squares of FINE × FINE pixels as greys 0 to 255."""
    height, width = (-(-extent // FINE) * FINE for extent in fine.shape)
    down, across = height - fine.shape[0], width - fine.shape[1]
    padded = np.pad(fine, ((down // 2, down - down // 2), (across // 2, across - across // 2)))
    shares = padded.reshape(height // FINE, FINE, width // FINE, FINE).mean((1, 3))
    return np.rint(255 * shares)


def _placed(small: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """With its centre of mass at the middle pixel, as far as it stays whole."""
    mass = max(float(small.sum()), 1.0)
    out = np.zeros(size, np.uint8)
    corner = []
    for axis, extent in enumerate(size):
        along = small.sum(1 - axis)
        centre = float((along * (np.arange(len(along)) + 0.5)).sum()) / mass
        corner.append(min(max(0, round(extent // 2 + 0.5 - centre)), extent - len(along)))
    out[corner[0] : corner[0] + small.shape[0], corner[1] : corner[1] + small.shape[1]] = small
    return out
