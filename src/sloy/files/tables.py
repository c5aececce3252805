"""Rows of cells as the text of a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


def as_csv(rows: Iterable[Sequence[Any]]) -> str:
    """Comma between cells, quotes where needed, lines ended by LF.

    Examples
    --------
    >>> as_csv([["name", "share"], ["a, b", 0.5]])
    'name,share\\n"a, b",0.5\\n'
    """
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()
