"""How the command line writes numbers and tables; plain text, no colours."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from sloy.text import count, many, shape, size

__all__ = [
    "SCHEMA",
    "as_json",
    "columns",
    "count",
    "fields",
    "many",
    "percent",
    "print_json",
    "seconds",
    "shape",
    "size",
]

SCHEMA = 1  # of every JSON document that the command line prints or writes


def seconds(number: float) -> str:
    """0.83 s, 12.4 s, 3 min 5 s, 2 h 10 min."""
    if number < 10:
        return f"{number:.2f} s"
    if number < 60:
        return f"{number:.1f} s"
    minutes, rest = divmod(round(number), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def percent(share: float) -> str:
    """0.9912 → 99.12 %."""
    return f"{100 * share:.2f} %"


def fields(rows: Sequence[tuple[str, str]]) -> str:
    """Lines "name   value", the values in one column; lines after a value's first are indented with it."""
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(
        name.ljust(width) + value.replace("\n", "\n" + " " * width) for name, value in rows
    )


def columns(rows: Sequence[Sequence[str]], *, right: bool = False) -> str:
    """Lines of cells, each column as wide as its widest cell; `right` aligns all but the first to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if right and place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("   ".join(cells).rstrip())
    return "\n".join(lines)


def print_json(document: Mapping[str, Any]) -> None:
    """One document on the output stream."""
    sys.stdout.write(as_json({"schema": SCHEMA, **document}))


def as_json(document: Mapping[str, Any]) -> str:
    """Strict JSON: NaN and infinities, which it lacks, become null."""
    return json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
