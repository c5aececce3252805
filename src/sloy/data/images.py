"""Pictures from files, as the arrays a network takes. Pillow is imported when the first one is read."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sloy.errors import FileFormatError, InvalidArgument

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
LARGEST_PICTURE = 100_000_000  # pixels; larger files are refused before they are decoded


def read_image(
    path: str | Path,
    size: tuple[int, int] | None = None,
    channels: int = 3,
    *,
    background: int = 255,
) -> np.ndarray:
    """Read a picture as grey values or colours.

    Turned upright as its EXIF note says; of an animation the first frame; transparent places take the background's
    grey; 16-bit greys are scaled to 8 bits (not clipped).

    Parameters
    ----------
    path : str or Path
        A PNG, JPEG, BMP, GIF, WebP, TIFF or PPM file.
    size : (H, W), optional
        Resize to this height and width (area-weighted, the picture's proportions are not kept). Default: its own.
    channels : 1 or 3
        Grey, or red, green and blue. Colour becomes grey as 0.299 R + 0.587 G + 0.114 B.
    background : int
        The grey, 0 to 255, behind transparent places.

    Returns
    -------
    uint8 array, shape (H, W, channels)

    Raises
    ------
    FileFormatError
        When the file is not a picture, is damaged or truncated, or is too large; it names the file.
    """
    if channels not in (1, 3):
        raise InvalidArgument(
            f"read_image: `channels` (={channels!r}) must be 1 (grey) or 3 (colour)."
        )
    if size is not None and (len(size) != 2 or min(size) < 1):
        raise InvalidArgument(
            f"read_image: `size` (={size!r}) must be (height, width), both 1 or more."
        )
    if not 0 <= background <= 255:
        raise InvalidArgument(f"read_image: `background` (={background!r}) must lie in 0 … 255.")
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            path.open("rb") as file,
            Image.open(file, formats=FORMATS) as opened,
        ):
            if opened.width * opened.height > LARGEST_PICTURE:
                raise FileFormatError(
                    f"{path}: {opened.width} × {opened.height} pixels are more than the {LARGEST_PICTURE} allowed."
                )
            opened.load()
            picture = _convert(ImageOps.exif_transpose(opened), channels, background)
    except UnidentifiedImageError:
        raise FileFormatError(f"{path}: is not a picture ({', '.join(FORMATS)}).") from None
    except Image.DecompressionBombError as error:
        raise FileFormatError(f"{path}: {error}") from None
    except (FileFormatError, FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        MemoryError,
        IndexError,
        TypeError,
    ) as error:
        raise FileFormatError(f"{path}: damaged picture ({error}).") from None
    if size is not None and (picture.height, picture.width) != tuple(size):
        picture = picture.resize((size[1], size[0]), Image.Resampling.BOX)
    return np.asarray(picture).reshape(picture.height, picture.width, channels)


def _convert(picture: Image, channels: int, background: int) -> Image:
    """To mode L or RGB; `convert` alone would clip 16-bit greys and keep the colours under transparency."""
    import PIL.Image

    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture).astype(np.float64)
        if picture.mode == "F" and not (
            np.isfinite(values).all() and 0 <= values.min() <= values.max() <= 1
        ):
            raise ValueError("real greys must lie in 0 … 1")
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("grey values outside 0 … 65535")
        scaled = values * 255.0 if picture.mode == "F" else values / 257.0
        picture = PIL.Image.fromarray(np.rint(scaled).astype(np.uint8))
    elif picture.has_transparency_data:
        coloured = picture.convert("RGBA")
        ground = PIL.Image.new("RGBA", coloured.size, (background, background, background, 255))
        picture = PIL.Image.alpha_composite(ground, coloured)
    return picture.convert("L" if channels == 1 else "RGB")
