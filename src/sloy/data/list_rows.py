"""Lists of pictures and their classes, in the forms that they come in, as rows of cells."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sloy.data.tables.opening import decoded
from sloy.errors import FileFormatError
from sloy.text import reason

TABLES = (".csv", ".tsv")
OTHERS = (".txt", ".json", ".jsonl", ".ndjson")  # lists of pictures where they name some
_ONES = {"0": 0, "0.0": 0, "1": 1, "1.0": 1, "false": 0, "true": 1}
_LARGEST = 1 << 28  # bytes of a JSON file
_SEPARATORS = ",;\t|"
_SAID = re.compile(r'"?sep=([,;|\t])"?', re.IGNORECASE)  # Excel's first line


@dataclass(frozen=True)
class Rows:
    """The cells of a list.

    Attributes
    ----------
    cells : list of lists of str
        A header first where it has one.
    first : int
        The line that the first row stands in.
    """

    cells: list[list[str]]
    first: int = 1


def rows_of(path: Path, most: int = 0, *, labels: Sequence[str] = ()) -> Rows:
    """The cells of a list.

    CSV: separated by commas, semicolons, tabs or vertical bars, whichever the first line has most of, or by what
    Excel's ``sep=;`` says; blank lines and comments may stand before. Other text: the name, and what stands behind the
    last space. JSON: an object of names and classes, of classes and lists of names, pairs, or objects with equal keys,
    one a line or in a list. Columns of 0 and 1 of which each row has one 1 are one column of classes, called as these
    columns are.

    Parameters
    ----------
    path : Path
    most : int
        Bytes that are looked into; 0 for all.
    labels : sequence of str
        Names of columns that hold classes.
    """
    suffix = path.suffix.lower()
    if suffix == ".json" and path.stat().st_size > _LARGEST:
        raise FileFormatError(f"{path}: is larger than a list of pictures may be.")
    with path.open("rb") as file:
        content = file.read(most if most and suffix != ".json" else -1)
    if most and len(content) == most and b"\n" in content:  # cut within a line
        content = content[: content.rindex(b"\n") + 1]
    text = decoded(path, content)
    try:
        found = _parsed(suffix, text)
    except (csv.Error, ValueError, RecursionError) as error:
        kind = "JSON" if "js" in suffix else "CSV text"
        raise FileFormatError(f"{path}: is no {kind} ({reason(error)}).") from None
    return Rows(_one_column(found.cells, labels), found.first)


def _parsed(suffix: str, text: str) -> Rows:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if suffix in (".jsonl", ".ndjson"):
        return Rows(_of_objects([json.loads(line) for line in lines if line.strip()]))
    if suffix == ".json":
        return Rows(_of_json(json.loads(text)))
    return _of_lines(lines, by_spaces=suffix == ".txt")


def _of_lines(lines: Sequence[str], *, by_spaces: bool) -> Rows:
    """Cells of lines, from the first that is no comment: one that begins with # and has not as many as the next."""
    start, said = 0, ""
    while start < len(lines) - 1:
        line = lines[start].strip()
        if match := _SAID.fullmatch(line):
            said = match[1]
        elif line.startswith("#"):
            after = next((text for text in lines[start + 1 :] if text.strip()), "")
            mark = max(_SEPARATORS, key=after.count)
            if line.count(mark) == after.count(mark):
                break
        elif line:
            break
        start += 1
    first = lines[start] if lines else ""
    separator = said or max(_SEPARATORS, key="".join(first.split('"')[::2]).count)
    if by_spaces and separator not in first:
        return Rows([line.rsplit(None, 1) for line in lines[start:]], start + 1)
    reader = csv.reader(lines[start:], delimiter=separator, skipinitialspace=True)
    return Rows(list(reader), start + 1)


def _of_json(found: Any) -> list[list[str]]:
    header = ["path", "label"]
    if isinstance(found, dict) and all(isinstance(v, str | int) for v in found.values()):
        return [header, *([str(k), str(v)] for k, v in found.items())]
    if isinstance(found, dict) and found and all(map(_are_words, found.values())):
        return [header, *([str(name), str(k)] for k, names in found.items() for name in names)]
    if isinstance(found, list) and found and all(_are_words(v) and len(v) == 2 for v in found):
        return [header, *([str(name), str(k)] for name, k in found)]
    return _of_objects(found)


def _are_words(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(v, str | int) for v in found)


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
    columns = ones(rows)
    body = [row for row in rows[1:] if any(cell.strip() for cell in row)]
    chosen = [[i for i in columns if _ONES[row[i].strip().lower()]] for row in body]
    if len(columns) < 2 or any(len(those) != 1 for those in chosen):
        return rows
    rest = [i for i in range(len(rows[0])) if i not in columns]
    made = [[*(row[i] for i in rest), rows[0][k]] for row, (k,) in zip(body, chosen, strict=True)]
    return [[*(rows[0][i] for i in rest), "label"], *made]


def ones(rows: Sequence[Sequence[str]]) -> list[int]:
    """The columns that hold 0 and 1 only, below a header."""
    body = [row for row in rows[1:] if any(cell.strip() for cell in row)]
    if not body or any(len(row) != len(rows[0]) for row in body):
        return []
    return [i for i in range(len(rows[0])) if all(r[i].strip().lower() in _ONES for r in body)]
