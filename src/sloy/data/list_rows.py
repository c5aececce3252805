"""Lists of pictures and their classes, in the forms that they come in, as rows of cells."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sloy.errors import FileFormatError
from sloy.text import reason

TABLES = (".csv", ".tsv")
OTHERS = (".txt", ".json", ".jsonl", ".ndjson")  # lists of pictures where they name some
_ONES = {"0": 0, "0.0": 0, "1": 1, "1.0": 1, "false": 0, "true": 1}
_LARGEST = 1 << 28  # bytes of a JSON file


def rows_of(path: Path, most: int = 0, *, labels: Sequence[str] = ()) -> list[list[str]]:
    """The cells of a list, a header first where it has one.

    CSV: separated by commas, semicolons or tabs, whichever the first line has most of. Other text: the name, and what
    stands behind the last space. JSON: an object of names and classes, or objects with equal keys, one a line or in a
    list. Columns of 0 and 1 of which each row has one 1 are one column of classes, called as these columns are.

    Parameters
    ----------
    path : Path
    most : int
        Characters that are looked into; 0 for all.
    labels : sequence of str
        Names of columns that hold classes.
    """
    try:
        if path.suffix.lower() == ".json" and path.stat().st_size > _LARGEST:
            raise FileFormatError(f"{path}: is larger than a list of pictures may be.")
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read(most if most and path.suffix.lower() != ".json" else -1)
        rows = _parsed(path.suffix.lower(), text, cut=bool(most) and len(text) == most)
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        kind = "JSON" if "js" in path.suffix.lower() else "CSV text in UTF-8"
        raise FileFormatError(f"{path}: is no {kind} ({reason(error)}).") from None
    return _one_column(rows, labels)


def _parsed(suffix: str, text: str, *, cut: bool) -> list[list[str]]:
    lines = text.splitlines(keepends=True)
    lines = lines[:-1] if cut and len(lines) > 1 else lines
    if suffix in (".jsonl", ".ndjson"):
        return _of_objects([json.loads(line) for line in lines if line.strip()])
    if suffix == ".json":
        found = json.loads(text)
        if isinstance(found, dict) and all(isinstance(v, str | int) for v in found.values()):
            return [["path", "label"], *([str(k), str(v)] for k, v in found.items())]
        return _of_objects(found)
    first = lines[0] if lines else ""
    separator = max(",;\t", key=first.count)
    if suffix == ".txt" and separator not in first:
        return [line.rsplit(None, 1) for line in lines]
    return list(csv.reader(text.splitlines() if not cut else lines, delimiter=separator))


def _of_objects(found: Any) -> list[list[str]]:
    """Objects with equal keys as rows; what is no plain value is left out."""
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        raise ValueError("neither names with classes nor objects with equal keys")
    keys = [k for k, v in found[0].items() if isinstance(v, str | int | float)]
    if not all(set(keys) <= one.keys() for one in found):
        raise ValueError(f"not every object has {', '.join(keys)}")
    return [keys, *([str(one[k]) for k in keys] for one in found)]


def _one_column(rows: list[list[str]], labels: Sequence[str]) -> list[list[str]]:
    """Rows whose columns of 0 and 1, with one 1 in each row, are one of classes."""
    if len(rows) < 3 or {cell.strip().lower() for cell in rows[0]} & set(labels):
        return rows
    body = [row for row in rows[1:] if any(cell.strip() for cell in row)]
    wide = len(rows[0])
    if any(len(row) != wide for row in body):
        return rows
    marked = [[_ONES.get(cell.strip().lower(), 2) for cell in row] for row in body]
    columns = [i for i in range(wide) if all(row[i] < 2 for row in marked)]
    if len(columns) < 2 or any(sum(row[i] for i in columns) != 1 for row in marked):
        return rows
    rest = [i for i in range(wide) if i not in columns]
    chosen = [next(i for i in columns if row[i]) for row in marked]
    made = [[*(row[i] for i in rest), rows[0][k]] for row, k in zip(body, chosen, strict=True)]
    return [[*(rows[0][i] for i in rest), "label"], *made]
