"""The architecture of a network: a box for each layer, as large as what it gives (L6, L23-L25)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import TYPE_CHECKING

from sloy import text
from sloy.arguments import instance, word
from sloy.inspection.architecture import blocks_of, kind_name
from sloy.inspection.block import Block
from sloy.inspection.measured_text import bottom_legend, legend_width, text_extent
from sloy.inspection.style import GREY, new_figure, styled
from sloy.language import say
from sloy.problem.network import Network

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path

__all__ = ["architecture_figure"]

COLOURS = {  # light ones of Okabe and Ito's, so that lines over them are seen
    "input": "#FFFFFF",
    "convolution": "#9CCDED",
    "pooling": "#F2C48D",
    "reshaping": "#DDDDDD",
    "dense": "#8FD1B8",
    "residual": "#DDB6CF",
    "block": "#C3C8EE",
    "other": "#F4EE9F",
}
WIDEST = 10.6  # inches of a row of boxes
GAP = 0.24  # inches between what stands side by side
TALLEST = 1.25  # inches of the face of the largest map
DEPTH = 0.28  # inches that a map goes back, for each inch of its width
NEURONS = 20  # a vector of up to so many is drawn neuron by neuron
STEP = 0.075  # inches from neuron to neuron
TEXT, SMALL, LINE = 7.5, 7.0, 0.135  # points of names, of what is below; inches of a line
LONGEST = 26  # letters of a name
EDGE = "#333333"


@dataclass(frozen=True)
class _Box:
    """A block's face (width, height) and how far it goes back, in inches; its texts and what they take."""

    block: Block
    width: float
    height: float
    back: float
    above: str
    lines: tuple[str, ...]
    count: str
    across: float

    @property
    def high(self) -> float:
        return self.height + self.back


@styled
def architecture_figure(network: Network, title: str = "") -> Figure:
    """A network as boxes: for each layer what it gives, what it is and how many parameters it has.

    The face of a map's box is as high as the map, on the scale of √H, and as wide as there are channels, on that of
    log C; it goes back as far as the map is wide. Vectors are bars, small ones with a circle for each neuron; grey
    lines between them say that each is connected with each. Normalisation, activations and dropout stand with the
    layer that they follow (``+ ReLU``); a residual block is one box. An imported graph has a box
    for each value that has a name, with the names of what it takes where that is not the box before.

    Parameters
    ----------
    network : Network
        Any; long ones take several rows.
    title : str
        A line above.

    Examples
    --------
    >>> import sloy
    >>> figure = architecture_figure(sloy.zoo.lenet5((28, 28, 1), 10), "LeNet-5")
    >>> "28 × 28 × 6" in [text.get_text() for text in figure.axes[0].texts]
    True
    """
    instance("architecture_figure", "network", network, Network)
    word("architecture_figure", "title", title)
    blocks = blocks_of(network)
    tallest = max((max(b.shape[:2]) for b in blocks if len(b.shape) > 1), default=1)
    rows = _rows([_box(block, tallest) for block in blocks])
    entries = _legend(blocks, network.parameter_count)
    wide = max(sum(box.across + GAP for box in row) for row in rows) + GAP
    wide = max(wide, legend_width(label for _, label in entries))
    heading = 0.0
    if title:
        wide = max(wide, text_extent(title, 11)[0] + 0.4)
        heading = 0.35
    heights = [_row_height(row) for row in rows]
    figure = new_figure(wide, sum(heights) + heading, layout=None)
    below = bottom_legend(figure, entries, wide)
    figure.set_figheight(sum(heights) + heading + below)
    axes = figure.add_axes((0, 0, 1, 1))
    top = sum(heights)
    axes.set(xlim=(0, wide), ylim=(-below, top + heading))
    axes.set_axis_off()
    if title:
        axes.text(wide / 2, top + heading / 2, title, fontsize=11, ha="center", va="center")
    for number, (row, height) in enumerate(zip(rows, heights, strict=True)):
        _draw_row(axes, row, top, first=number == 0, last=number == len(rows) - 1)
        top -= height
    return figure


def _box(block: Block, tallest: int) -> _Box:
    """The size of a block: `tallest` is the largest extent of any map."""
    shape = block.shape
    if len(shape) <= 1:
        size = (0.17, _bar(shape[0] if shape else 1), 0.0)
    else:
        scale = TALLEST / tallest**0.5
        channels = shape[2] if len(shape) > 2 else 1
        size = (0.05 + 0.05 * log2(1 + channels), scale * shape[0] ** 0.5, 0.0)
        size = (*size[:2], DEPTH * scale * shape[1] ** 0.5)
    above = text.shape(shape) or "1"
    name = block.name if len(block.name) <= LONGEST else f"{block.name[: LONGEST - 1]}…"
    count = text.count(block.parameters) if block.parameters else ""
    widths = [text_extent(above, TEXT)[0], text_extent(name, TEXT)[0]]
    widths += [text_extent(line, SMALL)[0] for line in (*block.lines, count)]
    across = max(size[0] + size[2], *widths)
    return _Box(block, *size, above, (name, *block.lines), count, across)


def _bar(count: int) -> float:
    """Height of a vector: neuron by neuron, then by the logarithm of their number."""
    few = STEP * (min(count, NEURONS) + 0.4)
    return few if count <= NEURONS else few + 0.06 * log2(count / NEURONS)


def _rows(boxes: Sequence[_Box]) -> list[list[_Box]]:
    """As few rows as the widest one allows, and the widest of so many rows as narrow as can be."""
    wide = [box.across + GAP for box in boxes]
    low, high = max(wide), max(WIDEST, *wide)
    fewest = len(_filled(boxes, high))
    while high - low > 0.01:
        middle = (low + high) / 2
        low, high = (low, middle) if len(_filled(boxes, middle)) <= fewest else (middle, high)
    return _filled(boxes, high)


def _filled(boxes: Sequence[_Box], limit: float) -> list[list[_Box]]:
    """One row after another, each as full as a limit allows."""
    rows: list[list[_Box]] = [[]]
    for box in boxes:
        if rows[-1] and sum(b.across + GAP for b in (*rows[-1], box)) > limit:
            rows.append([])
        rows[-1].append(box)
    return rows


def _row_height(row: Sequence[_Box]) -> float:
    lines = max(len(box.lines) + bool(box.count) for box in row)
    return max(box.high for box in row) + LINE * (lines + 1) + 0.5


def _draw_row(axes: Axes, row: Sequence[_Box], top: float, *, first: bool, last: bool) -> None:
    """A row from its top down: shapes, boxes with arrows or connections between them, names and numbers."""
    tall = max(box.high for box in row)
    middle = top - 0.35 - tall / 2
    under = middle - tall / 2 - 0.14
    x, before = GAP, None if first else 0.04
    previous: _Box | None = None
    previous_left = 0.0
    for box in row:
        centre = x + box.across / 2
        left = centre - (box.width + box.back) / 2
        bottom = middle - box.high / 2
        _draw_box(axes, box, left, bottom)
        if box.block.kind == "dense" and previous is not None and not previous.back:
            _connect(axes, previous, previous_left, box, left, middle)
        elif before is not None:
            _arrow(axes, before, left, middle)
        axes.text(
            centre, middle + box.high / 2 + 0.05, box.above, fontsize=TEXT, ha="center", va="bottom"
        )
        for number, line in enumerate(box.lines):
            size = SMALL if number else TEXT
            axes.text(centre, under - LINE * number, line, fontsize=size, ha="center", va="center")
        if box.count:
            place = under - LINE * len(box.lines)
            axes.text(
                centre, place, box.count, fontsize=SMALL, ha="center", va="center", color=GREY
            )
        before = left + box.width + box.back
        previous, previous_left = box, left
        x += box.across + GAP
    if not last and before is not None:
        _arrow(axes, before, x - 0.04, middle)


def _arrow(axes: Axes, start: float, end: float, y: float) -> None:
    axes.annotate(
        "",
        (end - 0.02, y),
        (start + 0.02, y),
        arrowprops={"arrowstyle": "->", "color": GREY, "lw": 0.9, "shrinkA": 0, "shrinkB": 0},
        zorder=1,
    )


def _connect(
    axes: Axes, one: _Box, one_left: float, other: _Box, other_left: float, middle: float
) -> None:
    """Lines from the ends of one bar to those of another: each with each."""
    for start in (-0.5, 0.5):
        for end in (-0.5, 0.5):
            axes.plot(
                [one_left + one.width, other_left],
                [middle + start * one.height, middle + end * other.height],
                color="#BBBBBB",
                lw=0.8,
                zorder=1,
            )


def _draw_box(axes: Axes, box: _Box, left: float, bottom: float) -> None:
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Circle, Polygon, Rectangle

    colour = COLOURS[box.block.kind]
    right, top, back = left + box.width, bottom + box.height, box.back
    if back:
        red, green, blue = to_rgb(colour)
        for shade, corners in (
            (0.93, [(left, top), (left + back, top + back), (right + back, top + back), (right, top)]),
            (0.82, [(right, bottom), (right + back, bottom + back), (right + back, top + back), (right, top)]),
        ):  # fmt: skip
            face = (shade * red, shade * green, shade * blue)
            axes.add_patch(Polygon(corners, closed=True, facecolor=face, edgecolor=EDGE, lw=0.7))
    axes.add_patch(
        Rectangle((left, bottom), box.width, box.height, facecolor=colour, edgecolor=EDGE, lw=0.8)
    )
    shape = box.block.shape
    if not back and len(shape) <= 1 and (count := shape[0] if shape else 1) <= NEURONS:
        for number in range(count):
            y = bottom + STEP * (number + 0.7)
            axes.add_patch(
                Circle((left + box.width / 2, y), 0.36 * STEP, facecolor="white", edgecolor=EDGE, lw=0.7)
            )  # fmt: skip


def _letter(letter: str) -> Path:
    """A letter as a mark, its middle at the origin: figures have no mathematics in their texts, such as "$n$"."""
    from matplotlib.path import Path
    from matplotlib.textpath import TextPath

    drawn = TextPath((0, 0), letter, size=9)
    low, high = drawn.vertices.min(0), drawn.vertices.max(0)
    return Path(drawn.vertices - (low + high) / 2, drawn.codes)


def _legend(blocks: Sequence[Block], parameters: int) -> list[tuple[Artist, str]]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    kinds = [kind for kind in COLOURS if any(block.kind == kind for block in blocks)]
    entries: list[tuple[Artist, str]] = [
        (Patch(facecolor=COLOURS[kind], edgecolor=EDGE, lw=0.7), kind_name(kind)) for kind in kinds
    ]
    label = say("n: parameters of a layer; {count} in all", count=text.count(parameters))
    numbers = Line2D([], [], ls="none", marker=_letter("n"), ms=7, color=GREY, markeredgewidth=0)
    return [*entries, (numbers, label)]
