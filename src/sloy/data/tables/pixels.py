"""Tables whose columns are the pixels of pictures, such as MNIST as CSV: told by their first line."""

from __future__ import annotations

import re
from math import isqrt
from pathlib import Path

from sloy.data.tables.lines import read_header
from sloy.errors import SloyError
from sloy.text import shown

_LEAST = 64  # pixels of the smallest picture that is meant
_PIXEL = re.compile(r"(pixel|px|p|x|v)?[ _.]?\d+([x_]\d+)?", re.IGNORECASE)


def of_pixels(path: Path) -> str:
    """What to type where all columns but the first or the last are called as pixels are; "" where they are not.

    Raises
    ------
    FileFormatError, OSError
        Where the file is empty, or not there.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "digits.csv"
    >>> _ = file.write_text("label," + ",".join(f"pixel{k}" for k in range(784)))
    >>> of_pixels(file).split(":")[0]
    "; all others but 'label' look like pixels of 28 × 28 pictures"
    """
    if not path.exists() or not path.stat().st_size:
        read_header(path)  # which says so
    try:
        names = read_header(path).names
    except (SloyError, OSError):
        return ""
    whose = [name for name in names if not _PIXEL.fullmatch(name)]
    side, channels = _square(len(names) - 1)
    if len(whose) != 1 or whose[0] not in (names[0], names[-1]) or not side:
        return ""
    return (
        f"; all others but {shown(whose[0], 40)} look like pixels of {side} × {side} pictures: that target takes them"
        " as numbers, in Python `sloy.fit(network, (x, y))` takes x of shape"
        f" (N, {side}, {side}, {channels}) as pictures"
    )


def _square(count: int) -> tuple[int, int]:
    """(side, channels) of square pictures of so many numbers, grey or coloured; zeros where there are none."""
    for channels in (1, 3):
        side = isqrt(max(count, 0) // channels)
        if channels * side * side == count >= _LEAST:
            return side, channels
    return 0, 0
