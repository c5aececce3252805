"""How large texts are before they are drawn, and legends laid out by it: for figures whose unit is the inch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

_TITLE = 12.0  # points
_HANDLE = 0.62  # inches of a legend's line and the room around an entry


def text_extent(text: str, size: float) -> tuple[float, float]:
    """Width and height of a text, in inches, a little more than it takes."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font, lines = FontProperties(size=size), text.split("\n")
    widths = [text_to_path.get_text_width_height_descent(line, font, False)[0] for line in lines]
    return 1.06 * max(widths) / 72 + 0.03, 1.25 * size * len(lines) / 72


def head(figure: Figure, title: str) -> None:
    """A title above all panels; a figure that is narrower becomes as wide."""
    if title:
        figure.suptitle(title, fontsize=_TITLE)
        figure.set_figwidth(max(figure.get_figwidth(), text_extent(title, _TITLE)[0] + 0.2))


def bottom_legend(figure: Figure, entries: Sequence[tuple[Artist, str]], width: float) -> float:
    """Handles and labels at the bottom of a figure, in as many rows as its width (inches) asks for; their height."""
    if not entries:
        return 0.0
    extents = [_HANDLE + text_extent(label, 9.0)[0] for _, label in entries]
    columns = max(
        (n for n in range(1, len(entries) + 1) if n * max(extents) <= width - 0.2), default=1
    )
    legend = figure.legend(
        [handle for handle, _ in entries],
        [label for _, label in entries],
        loc="lower center",
        ncols=columns,
        fontsize=9,
        handlelength=2.2,
        columnspacing=1.2,
    )
    legend.set_in_layout(False)
    return 0.2 * -(-len(entries) // columns) + 0.15


def legend_width(labels: Iterable[str]) -> float:
    """Inches that the widest entry of `bottom_legend` needs."""
    return max((_HANDLE + text_extent(label, 9.0)[0] + 0.2 for label in labels), default=0.0)
