"""A figure as the bytes of a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from sloy.arguments import instance, integer
from sloy.text import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["png"]


def png(figure: Figure, dots_per_inch: int = 110) -> bytes:
    """The figure as the bytes of a PNG file.

    Examples
    --------
    >>> from sloy.inspection import curves_figure
    >>> png(curves_figure({"epoch": [1, 2], "loss": [0.5, 0.2]}))[1:4]
    b'PNG'
    """
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    instance("png", "figure", figure, Figure)
    integer("png", "dots_per_inch", dots_per_inch, 1, 2000)

    for label in figure.findobj(
        Text
    ):  # names from tables and models: no boxes for control characters
        if (words := label.get_text()) != (shown := visible(words, keep="\n")):
            label.set_text(shown)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dots_per_inch, metadata={"Software": "sloy"})
    return stream.getvalue()
