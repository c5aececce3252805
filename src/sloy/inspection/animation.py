"""Figures one after another, moved by a slider: a page that needs nothing but itself, or a GIF."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from sloy.arguments import file_to_write, real
from sloy.errors import InvalidArgument
from sloy.files.atomic import write_atomically
from sloy.language import say, speak, spoken
from sloy.pages import document, script
from sloy.text import framed, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Animation"]

PALETTE = 128  # colours of a frame
CONTROLS = 110  # pixels of height that the page needs beside the picture
LAST = 1.5  # seconds that a GIF rests on its last frame

A = TypeVar("A", bound="Animation")


@dataclass(frozen=True, eq=False, repr=False)
class Animation:
    """Pictures one after another, each with a line below.

    A notebook shows it with its slider; `save` writes it as a page or a GIF.

    Parameters
    ----------
    frames : sequence of bytes
        PNG files, all of one size.
    captions : sequence of str
        One for each.
    title : str
        Of the page.
    seconds : float
        How long each is shown.
    language : str
        Of the page's words; by default the one that is spoken.

    Examples
    --------
    >>> from sloy.inspection import curves_figure
    >>> figures = (curves_figure({"epoch": [1, 2], "loss": [1.0, last]}) for last in (0.5, 0.2))
    >>> animation = Animation.of(figures, ["a slow start", "a fast one"])
    >>> animation
    Animation(2 frames)
    """

    frames: tuple[bytes, ...]
    captions: tuple[str, ...]
    title: str = "sloy"
    seconds: float = 0.2
    language: str = field(default_factory=spoken)

    def __post_init__(self) -> None:
        object.__setattr__(self, "frames", tuple(self.frames))
        object.__setattr__(self, "captions", tuple(self.captions))
        real("Animation", "seconds", self.seconds, above=0)
        if not self.frames or len(self.frames) != len(self.captions):
            raise InvalidArgument(
                f"Animation: {len(self.frames)} `frames` and {len(self.captions)} `captions`; there must be one"
                " frame or more, and a caption for each."
            )
        if len({_extent(frame) for frame in self.frames}) > 1:
            raise InvalidArgument("Animation: `frames` differ in size; all must have the same.")

    @classmethod
    def of(cls: type[A], figures: Iterable[Figure], captions: Iterable[str], **options: Any) -> A:
        """The animation of figures of one size, which are drawn one by one as they come.

        Parameters
        ----------
        figures : iterable of Figure
            It may be one figure that changes.
        captions : iterable of str
        **options
            `title`, `seconds` and `language`.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        frames = []
        for figure in figures:
            canvas: Any = FigureCanvasAgg(figure)
            canvas.draw()
            frames.append(frame_of(canvas))
        return cls(tuple(frames), tuple(captions), **options)

    def html(self) -> str:
        """The page: pictures, slider and button in one text, which asks for nothing from elsewhere."""
        width, height = _extent(self.frames[0])
        with speak(self.language):
            words = {"play": say("▶ Play"), "pause": say("❚❚ Pause")}
            controls = (
                f'<button id="play" type="button">{words["play"]}</button>\n'
                f'<input id="slider" type="range" min="0" max="{len(self.frames) - 1}" step="1" value="0"'
                f' aria-label="{say("frame")}" aria-describedby="caption">'
            )
            main = (
                f'<img id="picture" width="{width}" height="{height}" alt="">\n'
                f'<div class="controls">\n{controls}\n</div>\n<p id="caption"></p>'
            )
            return document(
                title=self.title,
                heading="",
                main=main,
                style=f"{script('animation.css')}body {{ max-width: {width + 40}px; }}\n",
                told={
                    "frames": [b64encode(frame).decode() for frame in self.frames],
                    "captions": self.captions,
                    "words": words,
                    "milliseconds": round(1000 * self.seconds),
                },
                scripts=[script("animation.js")],
            )

    def save(self, path: str | Path) -> None:
        """Write the animation to a file, atomically.

        Parameters
        ----------
        path : str or Path
            ``NAME.html``, a page with slider and button; or ``NAME.gif``, the pictures alone, again and again.
        """
        target = file_to_write("Animation.save", "path", path)
        if target.suffix.lower() not in (".html", ".gif"):
            raise InvalidArgument(
                f"Animation.save: `path` (={shown(str(path))}) must end in .html or .gif."
            )
        is_page = target.suffix.lower() == ".html"
        write_atomically(target, self.html().encode() if is_page else self._gif())

    def _gif(self) -> bytes:
        from PIL import Image

        pictures = [Image.open(io.BytesIO(frame)) for frame in self.frames]
        milliseconds = [round(1000 * self.seconds)] * len(pictures)
        milliseconds[-1] = round(1000 * LAST)
        stream = io.BytesIO()
        pictures[0].save(
            stream, "GIF", save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0,
        )  # fmt: skip
        return stream.getvalue()

    def _repr_html_(self) -> str:
        width, height = _extent(self.frames[0])
        return framed(self.html(), self.title, width + 20, height + CONTROLS)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.frames)} frames)"


def _extent(frame: bytes) -> tuple[int, int]:
    """Width and height of a PNG file, in pixels."""
    return int.from_bytes(frame[16:20], "big"), int.from_bytes(frame[20:24], "big")


def frame_of(canvas: Any) -> bytes:
    """What is drawn on matplotlib's canvas (Agg), as a PNG file of few colours.

    The palette covers all colours alike, however few pixels have them, so that small marks keep theirs.
    """
    from PIL import Image

    pixels = np.asarray(canvas.buffer_rgba())[..., :3]  # (H, W, 3)
    codes = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    known = np.unique(codes)
    distinct = np.stack([known >> 16, known >> 8 & 255, known & 255], axis=1).astype(np.uint8)
    covering = Image.fromarray(distinct[None]).quantize(PALETTE - 1, Image.Quantize.MAXCOVERAGE)
    palette = np.array([255, 255, 255, *(covering.getpalette("RGB") or ())]).reshape(-1, 3)
    nearest = abs(distinct[:, None].astype(np.int64) - palette).sum(2).argmin(1).astype(np.uint8)
    few = Image.fromarray(nearest[np.searchsorted(known, codes)], "P")
    few.putpalette(palette.ravel().tolist())
    stream = io.BytesIO()
    few.save(stream, "PNG")
    return stream.getvalue()
