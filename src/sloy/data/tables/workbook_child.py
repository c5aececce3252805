"""A program of its own: reads the first sheet of a workbook of Excel, and answers with it in Arrow's format.

The library reserves memory for all cells between the first and the last, whatever is between them, and ends the process
where there is none. So it does its work in a child process, whose time and memory are limited (`sloy.files.apart`).
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

from sloy.files.apart import Answer, answering


def answer(question: dict[str, Any]) -> Answer:
    """The first sheet of the file at `path`."""
    import polars as pl

    try:
        source, errors = _with_errors(question["path"])
        frame = pl.read_excel(source)
        top = pl.read_excel(source, has_header=False, read_options={"n_rows": 1})
        file = io.BytesIO()
        frame.write_ipc(file)
        names = _names(frame.columns, top.row(0))
        return {"rows": frame.height, "names": names, "errors": errors}, file.getvalue()
    except pl.exceptions.NoDataError:
        return {"error": "is a workbook whose first sheet is empty"}, b""
    except (
        BaseException
    ) as error:  # of calamine, of fastexcel, of polars; panics are no `Exception`
        first = str(error).partition("\n")[0].removeprefix("calamine error: ")
        return {"error": f"is a damaged workbook ({first[:120] or type(error).__name__})"}, b""


def _names(read: list[str], cells: tuple[Any, ...]) -> list[str]:
    """The names as the sheet has them: the library numbers those that come again, and names those that are empty."""
    if len(read) != len(cells):
        return read
    said = ["" if cell is None else str(cell) for cell in cells]
    return [
        word if not word or said.count(word) > 1 else name
        for name, word in zip(read, said, strict=True)
    ]


# Of a workbook's XML: its sheets, the parts of the archive, the cells of a sheet, where they are, what they hold.
_SHEET = re.compile(rb"<(?:\w+:)?sheet\b[^>]*?\br:id=\"([^\"]+)\"")
_PART = re.compile(rb"<(?:\w+:)?Relationship\b[^>]*>")
_CELL = re.compile(rb"<(?:\w+:)?c\b([^>]*?)(/?)>")
_PLACE = re.compile(rb"\br=\"([A-Z]+)(\d+)\"")
_ERROR = re.compile(
    rb"(<(?:\w+:)?c\b[^>]*\bt=\"e\"[^>]*>(?:<(?:\w+:)?f\b[^<]*(?:/>|</(?:\w+:)?f>))?<(?:\w+:)?v>)[^<]*"
)
_VALUE = re.compile(rb"<(?:\w+:)?v>([^<]*)<")


def _with_errors(path: str) -> tuple[str | io.BytesIO, dict[str, list[str]]]:
    """What the library can read, and column, from 0 for the first that is used → its cells with errors, #N/A in B5.

    The library takes errors for empty cells, but fails at some of them (#NAME?), which are all written as #N/A for it.
    """
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile:  # the library says what is wrong
        return path, {}
    with archive:
        part = _first_sheet(archive)
        text = archive.read(part) if part is not None else b""
        if b't="e"' not in text:
            return path, {}
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as copy:
            for name in archive.namelist():
                copy.writestr(
                    name, _ERROR.sub(rb"\1#N/A", text) if name == part else archive.read(name)
                )
    whole.seek(0)
    found: dict[int, list[str]] = {}
    used: set[int] = set()
    for cell in _CELL.finditer(text):
        if cell[2] or not (where := _PLACE.search(cell[1])):
            continue
        used.add(column := _number(where[1]))
        if b't="e"' in cell[1] and (value := _VALUE.search(text, cell.end())):
            said = value[1].decode("ascii", "replace")
            found.setdefault(column, []).append(f"{said} in {(where[1] + where[2]).decode()}")
    return whole, {str(column - min(used)): cells for column, cells in found.items()}


def _first_sheet(archive: zipfile.ZipFile) -> str | None:
    """The part of the archive that holds the first sheet; None where the workbook does not name it in the usual way."""
    try:
        first = _SHEET.search(archive.read("xl/workbook.xml"))
        parts = _PART.findall(archive.read("xl/_rels/workbook.xml.rels"))
        named = next(p for p in parts if first is not None and b'Id="' + first[1] + b'"' in p)
        target = named.split(b'Target="')[1].split(b'"')[0].decode()
        part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        return archive.getinfo(part).filename
    except (KeyError, StopIteration, IndexError, UnicodeDecodeError):
        return None


def _number(letters: bytes) -> int:
    """A column's number by its letters: A is 1, AA 27."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number


if __name__ == "__main__":
    import fastexcel  # noqa: F401  their memory is not the file's
    import polars  # noqa: F401

    answering(answer)
