"""Rows of cells as the text of a CSV file."""

from __future__ import annotations

import csv
import io
import re
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


_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before =, +, -, @ or a tab; numbers stay.

    Examples
    --------
    >>> guarded("=1+1"), guarded("-5"), guarded("Oslo")
    ("'=1+1", '-5', 'Oslo')
    """
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell
