"""Colours of 16 bits, of which Pillow keeps the upper 8: of cameras' 10, 12 or 14 bits in them that leaves near black.

Their white is found as that of deep greys is (`sloy.data.greys`); where it is less than 65535, the lower halves are
decoded, too, by telling Pillow the other order of bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sloy.data.formats import formats
from sloy.data.greys import DEPTHS, WHITE, Greys, Spread, white_of
from sloy.errors import FileFormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

_STRIP = 256  # rows at a time
_OTHER = {
    ";16B": ";16L",
    ";16L": ";16B",
    ";16N": ";16B",
}  # order of bytes → that whose upper half is its lower


def is_deep_colour(opened: Image) -> bool:
    """Whether a file that is not decoded yet has red, green and blue of 16 bits."""
    tiles = getattr(opened, "tile", None) or []
    return opened.mode in ("RGB", "RGBA") and bool(tiles) and all(map(_order, tiles))


def colour_spread(opened: Image) -> Spread:
    """What the colours of such a file can span, by their upper halves."""
    upper = max(_most(opened)[:3])
    return Spread(True, 0.0, float(upper * 256 + 255))


def narrowed(upper: Image, path: Path, greys: Greys | None) -> tuple[Image, Image] | None:
    """The upper and the lower halves of a file's colours; None where white is 65535 and the upper halves are enough."""
    import PIL.Image

    if _white(upper, greys) >= WHITE:
        return None
    with PIL.Image.open(path, formats=formats()) as opened:
        opened.tile = [_turned(tile) for tile in opened.tile]
        opened.load()
        return upper, opened.copy()


def joined(upper: Image, lower: Image, greys: Greys | None, name: str) -> Image:
    """Colours of both halves in 8 bits, black 0 and white 255, to the nearest."""
    import PIL.Image

    white, most = _white(upper, greys), int(colour_spread(upper).most)
    if white_of(most) > white:
        raise FileFormatError(
            f"{name}: holds colours up to {most}; the data set that its reader was made for has at most {white}."
        )
    whites = [white] * 3
    if upper.mode == "RGBA":
        whites.append(int(white_of(_most(upper)[3] * 256 + 255)))
    scale = np.array(whites, np.uint32)
    result = PIL.Image.new(upper.mode, upper.size)
    for top in range(0, upper.height, _STRIP):
        place = (0, top, upper.width, min(top + _STRIP, upper.height))
        high, low = (np.asarray(half.crop(place), np.uint32) for half in (upper, lower))
        strip = ((high * 256 + low) * 255 + scale // 2) // scale
        result.paste(PIL.Image.fromarray(strip.astype(np.uint8)), place)
    return result


def _most(halves: Image) -> list[int]:
    """The largest value of each band."""
    return [int(most) for _, most in cast("Sequence[tuple[int, int]]", halves.getextrema())]


def _white(upper: Image, greys: Greys | None) -> int:
    known = greys is not None and greys[0] == 0 and greys[1] in [2**bits - 1 for bits in DEPTHS]
    return int(greys[1] if known and greys is not None else white_of(colour_spread(upper).most))


def _order(tile: Any) -> str:
    """How the bytes of a tile's numbers are ordered; empty where it has none of 16 bits in an order that is known."""
    mode = tile.args[0] if isinstance(tile.args, tuple) else tile.args
    order = str(mode)[-4:]
    return order if order in _OTHER and str(mode)[:-4] in ("RGB", "RGBA", "RGBX") else ""


def _turned(tile: Any) -> Any:
    order = _order(tile)
    if isinstance(tile.args, tuple):
        return tile._replace(args=(tile.args[0].replace(order, _OTHER[order]), *tile.args[1:]))
    return tile._replace(args=tile.args.replace(order, _OTHER[order]))
