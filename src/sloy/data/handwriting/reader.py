"""`HandwritingReader`: what is written in a picture, each mark a sample as those of MNIST."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sloy.arguments import integer
from sloy.data.handwriting.ink import filled, find_ink
from sloy.data.handwriting.marks import Mark, find_marks, mark_of
from sloy.data.handwriting.regions import stroke_width
from sloy.data.handwriting.sample import centred, varied
from sloy.data.handwriting.sheet import sheet
from sloy.data.images import decode, picture_files, quiet
from sloy.data.pictures import OfPictures, numbers
from sloy.errors import FileFormatError, InvalidArgument
from sloy.text import reason, shown

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = 1  # of the preparation: what a model learned with is what it is used with
MOST_PIXELS, LEAST_PIXELS = 160_000, 40_000  # of a picture in which ink is looked for
_DECODED = 2_000  # pixels of a side that a JPEG keeps at least
_SMALL = 60  # pixels of the tallest mark: smaller ones are looked at again, closer
_LARGEST = 512

# What MNIST's pictures are like, for `doubt`: of 999 in 1000
_LEAST_INK, _MOST_INK = (
    7.5,
    70.0,
)  # mean grey; of 999 of 1000 ones of MNIST it is more than the first
_BLOT = 0.27  # width of the strokes by the longer side
_BAR = 0.4  # what is narrower than this part of its length is a stroke, however wide: a 1 of a broad brush
_MANY = 24  # marks


@dataclass(frozen=True, eq=False)
class Written:
    """One mark of a picture.

    Attributes
    ----------
    sample : uint8 array, shape (H, W, 1)
    doubt : str
        Why it may be nothing that is written, "" where it looks as if it were.
    light : bool
        Whether its ink was lighter than the ground.
    mark : Mark or None
        The ink itself; None where the picture already was a sample.
    reader : HandwritingReader
    """

    sample: np.ndarray
    doubt: str
    light: bool
    mark: Mark | None
    reader: HandwritingReader

    def variants(self) -> np.ndarray:
        """The mark turned, slanted, thinner and thicker by a little, uint8 (n, H, W, 1)."""
        if self.mark is None:
            return self.sample[None]
        made = varied(self.mark.mask, self.reader.size, self.reader.box)
        return np.stack(made)[..., None]


@dataclass(frozen=True)
class HandwritingReader(OfPictures):
    """Marks of ink as grey samples, light on dark, made as those of MNIST were.

    A picture is turned upright; ink, dark or light, is told from its ground, shadows and ruled lines are taken out;
    each mark is cut, scaled into a box with its proportions kept, and its centre of mass put in the middle [1]_.
    Strokes that are thinner or thicker than MNIST's are brought to its range. A picture that is such a sample already
    stays as it is.

    Parameters
    ----------
    size : (H, W)
        Of a sample.
    box : int
        Pixels of a mark's longer side.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".

    Examples
    --------
    >>> from PIL import Image, ImageDraw
    >>> page = Image.new("L", (300, 200), 230)
    >>> ImageDraw.Draw(page).line([(150, 40), (150, 160)], fill=30, width=14)
    >>> one = HandwritingReader().read(page)
    >>> one.shape, np.flatnonzero(one[0].any((1, 2))).tolist() == list(range(4, 24))
    ((1, 28, 28, 1), True)
    """

    kind: ClassVar[str] = "handwriting"

    size: tuple[int, int] = (28, 28)
    box: int = 20

    def __post_init__(self) -> None:
        size = numbers("HandwritingReader", "size", self.size, 2, 4, _LARGEST)
        object.__setattr__(self, "size", size)
        integer("HandwritingReader", "box", self.box, 2, min(size))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, 1) of one sample."""
        return (*self.size, 1)

    def read(self, source: Any) -> np.ndarray:
        """The samples of `source`.

        Parameters
        ----------
        source : path, PIL image, list of such, or a folder's path
            Of one picture all marks, in reading order; of several pictures one each.

        Returns
        -------
        uint8 array, shape (N, H, W, 1)

        Raises
        ------
        FileFormatError
            Where a picture cannot be read, no ink is seen in it, or one of several has more than one mark.
        """
        if not self.takes(source):
            raise InvalidArgument(
                f"HandwritingReader: `source` (={shown(str(source)[:80])}) must be the path of a picture or of a"
                " folder, a PIL image, or a list of these."
            )
        several: Sequence[Any] | None = source if isinstance(source, list | tuple) else None
        if isinstance(source, str | Path) and Path(source).is_dir():
            several = picture_files(source)
            if not several:
                raise FileFormatError(f"{source}: holds no pictures.")
        if several is None:
            return np.stack([found.sample for found in self.written(source)])
        return np.stack([self._only(one).sample for one in several])

    def written(self, source: Any) -> list[Written]:
        """The marks of one picture, in reading order."""
        with quiet():
            picture = decode(source, 3, least=_DECODED)
        if (ready := self._as_it_is(picture)) is not None:
            return [ready]
        marks, light = _marks(picture)
        if not marks:  # white ink on nothing is seen on black
            with quiet():
                marks, light = _marks(decode(source, 3, (0, 0, 0), least=_DECODED))
        if not marks:
            name = getattr(source, "filename", "") or (
                source if isinstance(source, str | Path) else "the picture"
            )
            raise FileFormatError(f"{name}: no ink is seen that stands out from its ground.")
        return [self._written(mark, light, len(marks)) for mark in marks]

    def describe(self) -> str:
        """How pictures become samples, in words."""
        height, width = self.size
        return (
            f"handwriting: each mark of ink cut, scaled into {self.box} × {self.box} and centred by its mass in"
            f" {height} × {width}, light on dark"
        )

    def to_config(self) -> dict[str, Any]:
        """See `Reader.to_config`."""
        return {"version": VERSION, "size": list(self.size), "box": self.box}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> HandwritingReader:
        """See `Reader.from_config`."""
        if not isinstance(config, Mapping) or set(config) != {"version", "size", "box"}:
            raise FileFormatError(
                f"a reader of handwriting has the settings version, size and box, not {str(config)[:80]}."
            )
        if config["version"] != VERSION:
            raise FileFormatError(
                f"the reader of handwriting is of version {config['version']}; this sloy has version {VERSION}."
            )
        try:
            return cls(tuple(config["size"]), config["box"])
        except (InvalidArgument, TypeError) as error:
            raise FileFormatError(
                f"the reader of handwriting cannot be used: {reason(error)}."
            ) from None

    @classmethod
    def like(cls, x: np.ndarray) -> HandwritingReader | None:
        """The reader that makes samples like these, uint8 (N, H, W, 1); None where they are not of MNIST's kind.

        Those of MNIST's kind have ground 0, a common length of the longer side, and their centre of mass in the middle.
        """
        if x.dtype != np.uint8 or x.ndim != 4 or x.shape[3] != 1 or not len(x):
            return None
        some = x[np.linspace(0, len(x) - 1, min(len(x), 400)).astype(int), ..., 0]
        size = (int(x.shape[1]), int(x.shape[2]))
        sides, near = [], 0
        for sample in some:
            rows, columns = np.flatnonzero(sample.any(1)), np.flatnonzero(sample.any(0))
            if not rows.size:
                return None
            sides.append(max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1)
            near += _is_centred(sample)
        box = int(np.median(sides))
        common = float(np.mean(np.abs(np.array(sides) - box) <= 1))
        if min(common, near / len(some)) < 0.95 or not 2 <= box < min(size):
            return None
        return cls(size, box)

    def _only(self, source: Any) -> Written:
        found = self.written(source)
        if len(found) != 1:
            name = source if isinstance(source, str | Path) else "a picture"
            raise FileFormatError(
                f"{name}: {len(found)} marks are seen in it; of several pictures each must have one (alone it may"
                " have more)."
            )
        return found[0]

    def _written(self, mark: Mark, light: bool, count: int) -> Written:
        sample = centred(mark.mask, self.size, self.box)
        wide = stroke_width(mark.mask) / max(mark.mask.shape)
        share = (28 * 28 / 400) * self.box**2 / (self.size[0] * self.size[1])
        mean = float(sample.mean()) / share
        doubt = ""
        if count > _MANY:
            doubt = f"{count} marks are seen, more than anyone writes"
        elif wide > _BLOT and min(mark.mask.shape) > _BAR * max(mark.mask.shape):
            doubt = "a blot rather than strokes"
        elif not _LEAST_INK <= mean <= _MOST_INK:
            doubt = f"{'less' if mean < _LEAST_INK else 'more'} ink than digits have"
        return Written(sample[..., None], doubt, light, mark, self)

    def _as_it_is(self, picture: Image) -> Written | None:
        """A picture that was made as samples are, light on dark or dark on light."""
        if (picture.height, picture.width) != self.size:
            return None
        greys = np.asarray(picture.convert("L"))
        for light, sample in ((True, greys), (False, 255 - greys)):
            rows, columns = np.flatnonzero(sample.any(1)), np.flatnonzero(sample.any(0))
            if not rows.size:
                continue
            longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
            if abs(int(longer) - self.box) <= 1 and _is_centred(sample):
                return Written(sample[..., None], "", light, None, self)
        return None


def usual_reader(
    shape: tuple[int, ...], names: Sequence[str], dtype: str, mean: Sequence[float] | None
) -> HandwritingReader | None:
    """The reader for a model of MNIST's digits that was saved without one; None for any other model.

    Parameters
    ----------
    shape : tuple of int
        Of a sample.
    names : sequence of str
        Of the classes.
    dtype : str
        Of the data.
    mean : sequence of float, optional
        Of the training data, where the preprocessing has it: MNIST's is 33.
    """
    digits = tuple(names) == tuple("0123456789") and shape == (28, 28, 1) and dtype == "uint8"
    alike = not mean or (len(mean) == 1 and (mean[0] == 0 or 20 < mean[0] < 50))
    return HandwritingReader() if digits and alike else None


def _marks(picture: Image, frames: int = 4) -> tuple[list[Mark], bool]:
    """The marks of a picture, within up to `frames` frames, and whether they are light; small ones looked at closer."""
    looked_at, scale = _at_work_size(picture)
    if frames and (within := sheet(np.asarray(looked_at))) is not None:
        top, left, bottom, right = (round(edge / scale) for edge in within)
        marks, light = _marks(picture.crop((left, top, right, bottom)), frames - 1)
        if marks:
            return marks, light
    ink = find_ink(np.asarray(looked_at))
    marks = find_marks(ink.mask(), ink.amount)
    if (shape := filled(np.asarray(looked_at), ink)) is not None:
        return [mark_of([shape])], ink.light
    tallest = max((max(mark.mask.shape) for mark in marks), default=_SMALL)
    if tallest < _SMALL and scale < 0.9:
        margin = tallest
        box = (
            min(mark.left for mark in marks) - margin, min(mark.top for mark in marks) - margin,
            max(mark.right for mark in marks) + margin, max(mark.bottom for mark in marks) + margin,
        )  # fmt: skip
        left, upper = (max(0, round(edge / scale)) for edge in box[:2])
        right = min(picture.width, round(box[2] / scale))
        lower = min(picture.height, round(box[3] / scale))
        if (right - left) * (lower - upper) < 0.7 * picture.width * picture.height:
            closer, _ = _at_work_size(picture.crop((left, upper, right, lower)))
            ink = find_ink(np.asarray(closer))
            marks = find_marks(ink.mask(), ink.amount) or marks
    return marks, ink.light


def _at_work_size(picture: Image) -> tuple[Image, float]:
    import PIL.Image

    area = picture.width * picture.height
    scale = min(1.0, (MOST_PIXELS / area) ** 0.5)
    if area < LEAST_PIXELS:
        scale = (LEAST_PIXELS / area) ** 0.5
    if scale == 1:
        return picture, 1.0
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    how = PIL.Image.Resampling.BOX if scale < 1 else PIL.Image.Resampling.BICUBIC
    return picture.resize(size, how), scale


def _is_centred(sample: np.ndarray) -> bool:
    """Whether the centre of mass of a sample (H, W) lies in the pixel where `centred` puts it, or nearly."""
    mass = float(sample.sum()) or 1.0
    for axis, extent in enumerate(sample.shape):
        along = sample.sum(1 - axis, dtype=np.float64)
        if abs(float((along * (np.arange(extent) + 0.5)).sum()) / mass - extent // 2 - 0.5) > 0.8:
            return False
    return True
