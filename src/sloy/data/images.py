"""One picture from a file: upright, plain grey or RGB. Pillow is imported when the first one is read.

Colour profiles (ICC) are not applied, as nowhere in the training of the published networks.
"""

from __future__ import annotations

import io
import os
import re
import threading
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from sloy.arguments import path_of
from sloy.data.below import below
from sloy.data.deep_colours import colour_spread, is_deep_colour, joined, narrowed
from sloy.data.formats import HEAD, advice, foreign, foreign_head, formats, is_picture_head
from sloy.data.greys import Greys, Spread, common_range, is_deep, spread, stated_bits, to_bytes
from sloy.data.other_kinds import other_kind
from sloy.errors import FileFormatError

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST_PICTURE = 100_000_000  # pixels to decode; what has more is refused before it is decoded
LARGEST_SIDE = 65_535  # pixels; resizing a picture of 1 × 100 000 000 would take its height times the new width
MANY_PIXELS = 16_000_000  # pictures of more are decoded one at a time

_STRIP = 256  # rows converted at a time

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)

_TURNS = {  # EXIF orientation → Pillow's name of what sets the picture upright
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90",
}  # fmt: skip
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Encoded:
    """A picture file that lies within another file.

    Parameters
    ----------
    content : bytes
    name : str
        What messages call it.
    """

    content: bytes
    name: str

    def __str__(self) -> str:
        return self.name


def quiet() -> AbstractContextManager[object]:
    """Without Pillow's warnings about odd files; not for use in several threads at once."""
    return warnings.catch_warnings(action="ignore")


def decode(
    source: str | Path | Encoded | Image,
    channels: int,
    background: Colour = WHITE,
    *,
    least: int | None = None,
    one_at_a_time: threading.Lock | None = None,
    greys: Greys | None = None,
) -> Image:
    """Decode a picture and make it upright and plain.

    Turned upright as its EXIF note says; of an animation the first frame; transparent places show the background;
    greys of more than 8 bits are scaled to 8; palettes, CMYK and YCbCr become the colours they stand for.

    Parameters
    ----------
    source : path, `Encoded` or PIL image
    channels : 1 or 3
        Grey, or red, green and blue. Colour becomes grey as 0.299 R + 0.587 G + 0.114 B.
    background : (R, G, B)
    least : int, optional
        A side that is enough: a JPEG may be decoded at a half, a quarter or an eighth of its size as long as both
        sides keep that many pixels.
    one_at_a_time : Lock, optional
        Held while a picture of more than `MANY_PIXELS` is in memory.
    greys : (black, white), optional
        Of greys of more than 8 bits; by default the file's own, see `sloy.data.greys.to_bytes`.

    Returns
    -------
    PIL image of mode L or RGB

    Raises
    ------
    FileFormatError
        When the file is not a picture, is damaged or truncated, or is too large; it names the file.
    OSError
        When it cannot be opened.
    """
    import PIL.Image

    if isinstance(source, PIL.Image.Image):
        name = str(getattr(source, "filename", "") or "the picture")
        return _plain(source, name, channels, background, one_at_a_time, greys)
    if isinstance(source, Encoded):
        _hush()
        with open_picture(source) as opened:
            if least is not None:
                opened.draft(None, (least, least))
            return _plain(opened, source.name, channels, background, one_at_a_time, greys)
    path = path_of("decode", "source", source)
    if path.exists() and not path.is_file():  # opening a pipe would wait forever
        raise FileFormatError(f"{path}: is not a file.")
    if path.is_symlink() and not path.exists():
        raise FileFormatError(f"{path}: is a broken link, to {os.readlink(path)}.")
    if foreign(path.name) == "RAW":  # Pillow would take the thumbnail in it
        raise FileFormatError(f"{path}: {_what_it_is(path, b'')}.")
    _hush()
    with path.open("rb") as file, _recognised(file, path) as opened:
        if least is not None:
            opened.draft(None, (least, least))
        return _plain(opened, str(path), channels, background, one_at_a_time, greys, path)


def open_picture(source: Path | Encoded) -> Image:
    """A picture whose header is read, not yet its pixels; `FileFormatError` or `OSError` where it is none."""
    if isinstance(source, Encoded):
        if not source.content:
            raise FileFormatError(f"{source}: is empty.")
        return _recognised(io.BytesIO(source.content), Path(source.name))
    import PIL.Image

    return PIL.Image.open(source, formats=formats())


def _recognised(file: BinaryIO, path: Path) -> Image:
    """The picture of a file, which is named in messages."""
    import PIL.Image

    try:
        return PIL.Image.open(file, formats=formats())
    except PIL.UnidentifiedImageError:
        file.seek(0)
        raise FileFormatError(f"{path}: {_what_it_is(path, file.read(HEAD))}.") from None
    except PIL.Image.DecompressionBombError as error:  # it gives no width and height
        pixels = next(iter(re.findall(r"\d+", str(error))), "its")
        raise FileFormatError(
            f"{path}: {pixels} pixels are too many; allowed are {LARGEST_PICTURE}."
        ) from None
    except Exception as error:
        raise _damaged(str(path), error) from None


@cache
def _hush() -> None:
    """What Pillow raises anyhow, its log and libtiff, where it is found, say on the error stream: no more."""
    import ctypes
    import ctypes.util
    import logging

    import PIL

    logging.getLogger("PIL").addHandler(logging.NullHandler())

    bundled = Path(PIL.__file__).parents[1].glob("[Pp]illow.libs/libtiff*")
    for name in [*map(str, bundled)] or [ctypes.util.find_library("tiff") or "libtiff.so"]:
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(name)
            for switch in (library.TIFFSetErrorHandler, library.TIFFSetWarningHandler):
                switch.argtypes, switch.restype = [ctypes.c_void_p], ctypes.c_void_p
                switch(None)


def picture_files(folder: str | os.PathLike[str]) -> list[Path]:
    """The picture files of a folder and of the folders in it, told by their suffix, sorted; nothing hidden."""
    return list(below(folder).pictures)


def range_of(paths: Sequence[Path | Encoded]) -> Greys | None:
    """Black and white of all pictures of more than 8 bits; those that cannot be read do not count."""
    spreads: list[Spread] = []
    for path in paths:
        with quiet(), suppress(Exception):  # what is broken will be named when it is to be decoded
            there = isinstance(path, Encoded) or path.is_file()
            if there and (found := _spread(path)) is not None:
                spreads.append(found)
    try:
        return common_range(spreads)
    except FileFormatError as error:
        raise FileFormatError(f"{os.path.commonpath(map(str, paths))}: {error}") from None


def _spread(path: Path | Encoded) -> Spread | None:
    with open_picture(path) as opened:
        if opened.width * opened.height > LARGEST_PICTURE:
            return None
        if is_deep_colour(opened):
            return colour_spread(opened)
        if not is_deep(opened.mode):
            return None
        bits = stated_bits(opened)
        return spread(np.asarray(opened), bits)


def _plain(
    opened: Image,
    name: str,
    channels: int,
    background: Colour,
    lock: threading.Lock | None,
    greys: Greys | None,
    path: Path | None = None,
) -> Image:
    import PIL.Image

    width, height = opened.size
    if width * height > LARGEST_PICTURE or max(width, height) > LARGEST_SIDE:
        raise FileFormatError(
            f"{name}: {width} × {height} pixels are too many; allowed are {LARGEST_PICTURE}, and"
            f" {LARGEST_SIDE} a side."
        )
    large = lock is not None and width * height > MANY_PIXELS
    with lock if large and lock is not None else nullcontext():
        try:
            bits, deep = stated_bits(opened), path is not None and is_deep_colour(opened)
            opened.load()
            picture = _upright(opened)
            halves = narrowed(opened, path, greys) if deep and path is not None else None
            if halves is not None:
                high, low = map(_upright, halves)
                picture = joined(high, low, greys, name)
            elif is_deep(picture.mode):
                flat = to_bytes(np.asarray(picture), greys, bits, name)
                picture = PIL.Image.fromarray(flat)
            return _convert(picture, channels, background)
        except FileFormatError:
            raise
        except Exception as error:  # a damaged file makes Pillow's readers raise almost anything
            raise _damaged(name, error) from None


def _what_it_is(path: Path, head: bytes) -> str:
    """Why a file is no picture that is read."""
    if not head and path.exists() and not path.stat().st_size:
        return "is empty"
    known = foreign_head(head) or foreign(path.name)
    if known == "a web page":
        return "is a web page, not a picture"
    if known:
        return f"is {known}, which is not read; convert it ({advice(known)})"
    if (kind := other_kind(path)) is not None:
        return kind
    if is_picture_head(head):
        return "is damaged near its beginning"
    return f"is not a picture ({', '.join(formats())})"


def _damaged(name: str, error: Exception) -> FileFormatError:
    reason = str(error) or type(error).__name__
    return FileFormatError(f"{name}: is damaged, or no picture that can be read ({reason}).")


def _upright(picture: Image) -> Image:
    """As the EXIF note says; a note that cannot be read says nothing."""
    import PIL.Image

    try:
        turn = _TURNS.get(picture.getexif().get(_ORIENTATION, 1))
    except Exception:
        return picture
    return picture.transpose(PIL.Image.Transpose[turn]) if turn else picture


def _convert(picture: Image, channels: int, background: Colour) -> Image:
    """To mode L or RGB; `convert` alone would keep the colours under transparency."""
    if picture.has_transparency_data:
        picture = _over(picture, background)
    mode = "L" if channels == 1 else "RGB"
    return picture if picture.mode == mode else picture.convert(mode)  # no copy of a large one


def _over(picture: Image, background: Colour) -> Image:
    """A picture with transparent places, mode RGB, on the background; in strips, which take little memory beside it."""
    import PIL.Image

    ground = PIL.Image.new("RGB", picture.size, background)
    for top in range(0, picture.height, _STRIP):
        strip = picture.crop((0, top, picture.width, min(top + _STRIP, picture.height)))
        coloured = strip.convert("RGBA")
        ground.paste(coloured.convert("RGB"), (0, top), mask=coloured.getchannel("A"))
    return ground
