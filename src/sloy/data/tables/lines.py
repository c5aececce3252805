"""Text tables in blocks of whole rows: decompressed, UTF-8, every row with as many fields as the header.

A block is checked byte by byte in NumPy before anything parses it, so that a row that is too short or too long, a
quote that never ends or a byte that is no UTF-8 is found with its line, and memory is that of a block.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sloy.data.tables.opening import LONGEST_ROW, check_text, first_line, opened, read_piece
from sloy.errors import FileFormatError
from sloy.text import many, reason

MOST_COLUMNS = 200_000
SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar"}

_NEWLINE, _QUOTE = 10, 34


@dataclass(frozen=True)
class Header:
    """The first line of a text table.

    Attributes
    ----------
    names : tuple of str
        Of the columns, in the file's order.
    separator : str
        One of `SEPARATORS`.
    """

    names: tuple[str, ...]
    separator: str


@dataclass(frozen=True)
class Block:
    """Whole rows of a text table, blank lines left out.

    Attributes
    ----------
    content : bytes
        UTF-8, each row ended by a newline.
    rows : int
    """

    content: bytes
    rows: int


def read_header(path: Path, separator: str | None = None) -> Header:
    """Names of the columns and what stands between them; `separator` is found in the first line if not given."""
    with opened(path) as file:
        first, _, said = first_line(path, file)
    bare = _outside_quotes(first)
    separator = separator or said
    if separator is None:
        separator = max(SEPARATORS, key=bare.count)
    if (columns := bare.count(separator) + 1) > MOST_COLUMNS:
        raise FileFormatError(
            f"{path}: the first line names {columns} columns; at most {MOST_COLUMNS} are read."
        )
    try:
        names = next(csv.reader(io.StringIO(first, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise FileFormatError(
            f"{path}: line 1: the names cannot be read: {reason(error)}."
        ) from None
    return Header(tuple(name.strip() for name in names), separator)


def blocks(path: Path, header: Header) -> Iterator[Block]:
    """The rows of a text table after its header.

    Raises
    ------
    FileFormatError
        At the first row that is not one; the message names file and line.
    """
    with opened(path) as file:
        _, line, _ = first_line(path, file)
        rest = b""
        while True:
            piece = read_piece(path, file)
            data = rest + piece
            if not piece and data and not data.endswith(b"\n"):
                data += b"\n"
            end = _end_of_rows(path, data, line)
            if end:
                yield _checked(path, data[:end], header, line)
                line += data.count(b"\n", 0, end)
            rest = data[end:]
            if not piece:
                break
            if len(rest) > LONGEST_ROW:
                raise FileFormatError(
                    f"{path}: line {line}: the row is longer than 64 MB; {_UNCLOSED}"
                )
        if rest:
            raise FileFormatError(f"{path}: line {line}: {_UNCLOSED}")


_UNCLOSED = "a quotation mark is opened and never closed."


# --- one block --------------------------------------------------------------------------------------------------------


def _checked(path: Path, content: bytes, header: Header, line: int) -> Block:
    """The block, its encoding and the fields of each of its rows checked."""
    check_text(path, content, line)
    values = np.frombuffer(content, np.uint8)  # (bytes,)
    marks = values == _NEWLINE
    fields = values == ord(header.separator)
    if (quotes := values == _QUOTE).any():
        _check_quotes(path, content, values, quotes, header, line)
        outside = np.bitwise_xor.accumulate(quotes.view(np.uint8)) == 0  # a quote twice is none
        marks &= outside
        fields &= outside
    ends = np.flatnonzero(marks)  # of the rows
    starts = np.concatenate([[0], ends[:-1] + 1])
    blank = _are_blank(values, starts, ends)
    counts = np.diff(np.searchsorted(np.flatnonzero(fields), ends), prepend=0) + 1  # fields by row
    wrong = (counts != len(header.names)) & ~blank
    if wrong.any():
        row = int(np.argmax(wrong))
        number = line + content.count(b"\n", 0, int(starts[row]))
        raise FileFormatError(
            f"{path}: line {number} has {many(int(counts[row]), 'field')}, the header"
            f" {len(header.names)} (separated by {SEPARATORS.get(header.separator, 'its separator')}s)."
        )
    if blank.any():
        kept = [content[s : e + 1] for s, e, b in zip(starts, ends, blank, strict=True) if not b]
        return Block(b"".join(kept), len(kept))
    return Block(content, len(ends))


def _are_blank(values: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether each row holds nothing, or only a carriage return."""
    length = ends - starts
    return np.asarray((length == 0) | ((length == 1) & (values[starts] == 13)))


def _check_quotes(
    path: Path, content: bytes, values: np.ndarray, quotes: np.ndarray, header: Header, line: int
) -> None:
    """Quotation marks open a field at its beginning and close it at its end; within they are written twice."""
    inside = np.bitwise_xor.accumulate(quotes.view(np.uint8))
    positions = np.flatnonzero(quotes)
    before = np.where(positions > 0, values[positions - 1], _NEWLINE)
    after = values[np.minimum(positions + 1, len(values) - 1)]
    separator = ord(header.separator)
    opening = inside[positions] == 1
    begins = (before == separator) | (before == _NEWLINE) | (before == _QUOTE)
    ends = (after == separator) | (after == _NEWLINE) | (after == 13) | (after == _QUOTE)
    bad = np.where(opening, ~begins, ~ends)
    if bad.any():
        first = int(np.argmax(bad))
        number = line + content.count(b"\n", 0, int(positions[first]))
        if opening[first] and before[first] == ord(" "):
            start = content[: positions[first]].rstrip(b" ")
            if not start or start[-1] in (separator, _NEWLINE):
                raise FileFormatError(
                    f"{path}: line {number}: a space stands before a quotation mark; a quoted field begins with its"
                    " mark: take the spaces behind the separators out."
                )
        raise FileFormatError(
            f"{path}: line {number}: a quotation mark stands within a field; a field that holds one must be"
            ' quoted as a whole, the mark inside written twice ("5"" pipe").'
        )


def _end_of_rows(path: Path, data: bytes, line: int) -> int:
    """The position after the last newline that ends a row."""
    if data.find(b'"') < 0:
        return data.rfind(b"\n") + 1
    values = np.frombuffer(data, np.uint8)
    outside = np.bitwise_xor.accumulate((values == _QUOTE).view(np.uint8)) == 0
    ends = np.flatnonzero((values == _NEWLINE) & outside)
    return int(ends[-1]) + 1 if len(ends) else 0


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])
