"""`PictureReader`: picture files as the array that a network takes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sloy.arguments import integer, one_of, real
from sloy.data.greys import Greys
from sloy.data.images import WHITE, Colour, decode, picture_files, quiet
from sloy.data.readers import Reader
from sloy.errors import FileFormatError, InvalidArgument
from sloy.text import reason, shown

if TYPE_CHECKING:
    from PIL.Image import Image

RESIZES = ("stretch", "crop", "pad")
RESAMPLINGS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
ORDERS = ("RGB", "BGR")
LARGEST_SIZE = 16_384

_LATER = {"greys"}  # settings that files of earlier versions lack
_SPARE = 4  # a JPEG is decoded at part of its size as long as it has this many times the pixels needed, each way
_LARGEST_WHOLE = 32  # times the part that "crop" keeps: what is resized whole


class OfPictures(Reader):
    """A reader of picture files."""

    def takes(self, source: Any) -> bool:
        """A path, a PIL image, or a list of such; not an array."""
        if isinstance(source, list | tuple):
            return bool(source) and all(map(is_picture, source))
        return is_picture(source)


@dataclass(frozen=True)
class PictureReader(OfPictures):
    """Pictures as uint8 arrays of one size.

    How a file becomes upright and plain is told in `sloy.data.images.decode`. A large JPEG that ends up much smaller
    is decoded at a half, a quarter or an eighth of its size, never at less than four times the size needed.

    Parameters
    ----------
    size : (H, W)
    channels : 1 or 3
        Grey, or colours.
    resize : "stretch", "crop" or "pad"
        "stretch" changes the proportions; "crop" resizes the shorter side to `resize_to` and takes the middle; "pad"
        keeps the whole picture and fills up with the background.
    resize_to : int, optional
        For "crop": the shorter side before the middle is taken, at least max(H, W). By default just enough.
    resampling : "nearest", "box", "bilinear", "hamming", "bicubic" or "lanczos"
        All but "nearest" average over the pixels that become one (antialiased), as Pillow and torchvision do.
    order : "RGB" or "BGR"
        Of the channels; networks converted from Caffe take BGR.
    background : (R, G, B)
        Behind transparent places, and around the picture for "pad".
    greys : (black, white), optional
        Of greys of more than 8 bits: the values that become 0 and 255, as `picture_folder` found them over its
        pictures. Integers above `white` are refused, real numbers beyond are clipped. By default each file's own, as
        far as that can be told.

    Examples
    --------
    >>> from PIL import Image
    >>> reader = PictureReader((2, 2), resize="crop")
    >>> reader.read(Image.new("RGB", (8, 4), (10, 20, 30))).tolist()[0][0]
    [[10, 20, 30], [10, 20, 30]]
    """

    kind: ClassVar[str] = "pictures"

    size: tuple[int, int]
    channels: int = 3
    resize: str = "stretch"
    resize_to: int | None = None
    resampling: str = "bilinear"
    order: str = "RGB"
    background: Colour = WHITE
    greys: Greys | None = None

    def __post_init__(self) -> None:
        size = numbers("PictureReader", "size", self.size, 2, 1, LARGEST_SIZE)
        object.__setattr__(self, "size", size)
        object.__setattr__(
            self, "background", numbers("PictureReader", "background", self.background, 3, 0, 255)
        )
        if type(self.channels) is not int or self.channels not in (1, 3):
            raise InvalidArgument(
                f"PictureReader: `channels` (={shown(self.channels)}) must be 1 (grey) or 3 (colour)."
            )
        if self.greys is not None:
            object.__setattr__(self, "greys", _black_and_white(self.greys))
        choices = {"resize": RESIZES, "resampling": RESAMPLINGS, "order": ORDERS}
        for name, allowed in choices.items():
            one_of("PictureReader", name, getattr(self, name), allowed)
        if self.resize_to is not None:
            if self.resize != "crop":
                raise InvalidArgument(
                    f"PictureReader: `resize_to` (={shown(self.resize_to)}) is for `resize` 'crop', not"
                    f" {self.resize!r}."
                )
            integer("PictureReader", "resize_to", self.resize_to, max(size), LARGEST_SIZE)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one sample."""
        return (*self.size, self.channels)

    def read(self, source: Any) -> np.ndarray:
        """The pictures of `source`.

        Parameters
        ----------
        source : path, PIL image, list of such, or a folder's path
            Of a folder all pictures in it, sorted by name, those of the folders in it too.

        Returns
        -------
        uint8 array, shape (N, H, W, C)

        Raises
        ------
        FileFormatError
            At the first picture that cannot be read; it names the file.
        """
        if not self.takes(source):
            raise InvalidArgument(
                f"PictureReader: `source` (={shown(str(source)[:80])}) must be the path of a picture or of"
                " a folder, a PIL image, or a list of these."
            )
        several = source if isinstance(source, list | tuple) else [source]
        if isinstance(source, str | os.PathLike) and Path(source).is_dir():
            several = picture_files(source)
            if not several:
                raise FileFormatError(f"{source}: holds no pictures.")
        out = np.empty((len(several), *self.shape), np.uint8)
        if failures := read_pictures(self, several, out, stop_at_first=True):
            raise failures[min(failures)]
        return out

    def read_into(
        self, out: np.ndarray, source: Any, one_at_a_time: threading.Lock | None = None
    ) -> None:
        """One picture into `out`, uint8 (H, W, C); `one_at_a_time` as for `decode`."""
        least = max(self.resize_to or 0, *self.size)
        picture = decode(
            source,
            self.channels,
            self.background,
            least=_SPARE * least,
            one_at_a_time=one_at_a_time,
            greys=self.greys,
        )
        framed = np.asarray(self._framed(picture)).reshape(self.shape)
        out[...] = framed[..., ::-1] if self.order == "BGR" else framed

    def to_config(self) -> dict[str, Any]:
        """The fields as JSON values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> PictureReader:
        """The reader that `to_config` described."""
        names = {field.name for field in fields(cls)}
        if not isinstance(config, Mapping) or set(config) | _LATER != names:
            raise FileFormatError(
                f"a reader of pictures has the settings {', '.join(sorted(names))}, not"
                f" {str(sorted(map(str, config)))[:120]}."
            )
        values: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in config.items()
        }
        try:
            return cls(**values)
        except (InvalidArgument, TypeError) as error:
            raise FileFormatError(
                f"the reader of pictures cannot be used: {reason(error)}."
            ) from None

    def _framed(self, picture: Image) -> Image:
        """The picture at the reader's size."""
        import PIL.Image

        height, width = self.size
        filter_ = PIL.Image.Resampling[self.resampling.upper()]
        if self.resize == "stretch":
            return picture.resize((width, height), filter_)
        if self.resize == "crop":
            return self._middle(picture, filter_)
        scale = min(width / picture.width, height / picture.height)
        inner = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        grey = _grey(self.background) if self.channels == 1 else self.background
        framed = PIL.Image.new(picture.mode, (width, height), grey)
        corner = (width - inner[0]) // 2, (height - inner[1]) // 2
        framed.paste(picture.resize(inner, filter_), corner)
        return framed

    def _middle(self, picture: Image, resampling: Any) -> Image:
        """What torchvision's `Resize` and `CenterCrop` make of the picture, to the bit."""
        height, width = self.size
        if self.resize_to is None:
            scale = max(width / picture.width, height / picture.height)
            whole = (
                max(width, round(picture.width * scale)),
                max(height, round(picture.height * scale)),
            )
        else:
            short = min(picture.size)
            whole = (
                int(self.resize_to * picture.width / short),
                int(self.resize_to * picture.height / short),
            )
        left, upper = round((whole[0] - width) / 2), round((whole[1] - height) / 2)
        if whole[0] * whole[1] <= _LARGEST_WHOLE * width * height:
            resized = picture.resize(whole, resampling)
            return resized.crop((left, upper, left + width, upper + height))
        across, down = (
            picture.width / whole[0],
            picture.height / whole[1],
        )  # of a long strip the middle alone
        right, lower = (left + width) * across, (upper + height) * down
        box = left * across, upper * down, min(right, picture.width), min(lower, picture.height)
        return picture.resize((width, height), resampling, box=box)


def read_pictures(
    reader: PictureReader,
    sources: Sequence[Any],
    out: np.ndarray,
    *,
    threads: int = 0,
    stop_at_first: bool = False,
    done: Callable[[int], None] | None = None,
) -> dict[int, Exception]:
    """Decode pictures on several threads (Pillow releases the interpreter's lock).

    Parameters
    ----------
    reader : PictureReader
    sources : sequence of paths or PIL images
    out : uint8 array, shape (N, H, W, C)
        Row i takes picture i; rows of pictures that fail are left as they are.
    threads : int
        0 takes the cores that this process may use, at most 16.
    stop_at_first : bool
        Whether to end after the first failure.
    done : callable, optional
        Told the number of each row that has been looked at, by the thread that has done it.

    Returns
    -------
    dict
        Row → the `FileFormatError` or `OSError` of a picture that could not be read.
    """
    failures: dict[int, Exception] = {}
    rows, lock, ended = iter(range(len(sources))), threading.Lock(), threading.Event()

    def work() -> None:
        for row in rows:  # `next` of one iterator of a range is atomic: each row goes to one thread
            try:
                reader.read_into(out[row], sources[row], lock)
            except (FileFormatError, OSError) as error:
                failures[row] = error
                if stop_at_first:
                    ended.set()
            if done is not None:
                done(row)
            if ended.is_set():
                return

    count = min(threads or min(16, len(os.sched_getaffinity(0))), len(sources))
    with quiet():
        if count <= 1:
            work()
            return failures
        with ThreadPoolExecutor(count, "pictures") as pool:
            try:
                for future in [pool.submit(work) for _ in range(count)]:
                    future.result()
            finally:
                ended.set()  # after Ctrl-C the threads end with the picture they have
    return failures


def read_image(
    path: str | Path,
    size: tuple[int, int] | None = None,
    channels: int = 3,
    *,
    background: int = 255,
) -> np.ndarray:
    """Read a picture as grey values or colours.

    Parameters
    ----------
    path : str or Path
        A PNG, JPEG, BMP, GIF, WebP, TIFF or PPM file; see `sloy.data.images.decode`.
    size : (H, W), optional
        Resize to this height and width (area-weighted, the picture's proportions are not kept). Default: its own.
    channels : 1 or 3
        Grey, or red, green and blue.
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
    grey = integer("read_image", "background", background, 0, 255)
    behind = (grey, grey, grey)
    reader = PictureReader(
        (1, 1) if size is None else size, channels, resampling="box", background=behind
    )
    if size is not None:
        return reader.read(path)[0]
    with quiet():
        picture = decode(path, channels, behind)
    return np.asarray(picture).reshape(picture.height, picture.width, channels)


def is_picture(source: Any) -> bool:
    """Whether something is a path or a PIL image."""
    if isinstance(source, str | os.PathLike):
        return True
    import PIL.Image

    return isinstance(source, PIL.Image.Image)


def numbers(
    where: str, name: str, given: Any, count: int, least: int, most: int
) -> tuple[int, ...]:
    """So many integers within bounds, each checked."""
    if not isinstance(given, list | tuple) or len(given) != count:
        raise InvalidArgument(
            f"{where}: `{name}` (={shown(given)}) must be {count} integers of {least} to {most}."
        )
    return tuple(integer(where, name, number, least, most) for number in given)


def _black_and_white(given: Any) -> Greys:
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise InvalidArgument(f"PictureReader: `greys` (={shown(given)}) must be two numbers.")
    black, white = (real("PictureReader", "greys", value) for value in given)
    if not black < white:
        raise InvalidArgument(
            f"PictureReader: `greys` (={shown(given)}) must be black and white, the smaller number first."
        )
    return float(black), float(white)


def _grey(colour: Colour) -> int:
    """The colour as Pillow's `convert("L")` has it."""
    return (colour[0] * 19595 + colour[1] * 38470 + colour[2] * 7471 + 0x8000) >> 16
