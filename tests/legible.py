"""What every figure must be: its text neither overlaps nor leaves the picture."""

from __future__ import annotations

from itertools import combinations

import matplotlib.text
from matplotlib.figure import Figure


def texts(figure: Figure) -> list[str]:
    figure.draw_without_rendering()
    found = figure.findobj(matplotlib.text.Text)
    return [t.get_text() for t in found if t.get_text().strip() and t.get_visible()]


def visible_text(figure: Figure) -> list[matplotlib.text.Text]:
    """Texts as a reader sees them: those outside the axis limits (unused tick labels) left out."""
    figure.draw_without_rendering()
    unused = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                outside = not low - 1e-9 <= tick.get_loc() <= high + 1e-9
                if outside or not axes.axison:
                    unused |= {tick.label1, tick.label2}
    found = figure.findobj(matplotlib.text.Text)
    return [t for t in found if t.get_text().strip() and t.get_visible() and t not in unused]


def assert_legible(figure: Figure) -> None:
    """No text smaller than 7 points, over another, or cut by the edge."""
    shown = visible_text(figure)
    boxes = [(t.get_text(), t.get_window_extent()) for t in shown]
    assert min(t.get_fontsize() for t in shown) >= 7
    frame = figure.bbox
    for text, box in boxes:
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= frame.x1 + 1 and box.y1 <= frame.y1 + 1
        assert inside, f"{text!r} leaves the figure: {box}"
    for (one, a), (other, b) in combinations(boxes, 2):
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert wide <= 1 or high <= 1, f"{one!r} lies over {other!r}"
