"""Text tables in blocks of whole rows: decompressed, UTF-8, every row with as many fields as the header.

A block is checked byte by byte in NumPy before anything parses it, so that a row that is too short or too long, a
quote that never ends or a byte that is no UTF-8 is found with its line, and memory is that of a block.
"""

from __future__ import annotations

import csv
import gzip
import importlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from sloy.errors import FileFormatError, NotAvailable
from sloy.text import many

BLOCK = 4 << 20  # bytes read together
LONGEST_ROW = 64 << 20  # bytes
MOST_COLUMNS = 10_000
SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar"}

_NEWLINE, _QUOTE = 10, 34
_OTHER_ENCODINGS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


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
    with _opened(path) as file:
        first, _ = _first_line(path, file)
    bare = _outside_quotes(first)
    if separator is None:
        separator = max(SEPARATORS, key=bare.count)
    if (columns := bare.count(separator) + 1) > MOST_COLUMNS:
        raise FileFormatError(
            f"{path}: the first line names {columns} columns; at most {MOST_COLUMNS} are read."
        )
    try:
        names = next(csv.reader(io.StringIO(first, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise FileFormatError(f"{path}: line 1: the names cannot be read: {error}.") from None
    return Header(tuple(name.strip() for name in names), separator)


def blocks(path: Path, header: Header) -> Iterator[Block]:
    """The rows of a text table after its header.

    Raises
    ------
    FileFormatError
        At the first row that is not one; the message names file and line.
    """
    with _opened(path) as file:
        _, line = _first_line(path, file)
        rest = b""
        while True:
            piece = _read(path, file)
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
    _check_text(path, content, line)
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
        number = line + content.count(b"\n", 0, int(positions[int(np.argmax(bad))]))
        raise FileFormatError(
            f"{path}: line {number}: a quotation mark stands within a field; a field that holds one must be"
            ' quoted as a whole, the mark inside written twice ("5"" pipe").'
        )


def _check_text(path: Path, content: bytes, line: int) -> None:
    """UTF-8 without NUL."""
    if (zero := content.find(b"\0")) >= 0:
        number = line + content.count(b"\n", 0, zero)
        raise FileFormatError(
            f"{path}: line {number}: holds a zero byte; this is no text table in UTF-8."
        )
    if content.isascii():
        return
    try:
        content.decode()
    except UnicodeDecodeError as error:
        number = line + content.count(b"\n", 0, error.start)
        raise FileFormatError(
            f"{path}: line {number}: the byte 0x{content[error.start]:02X} is not UTF-8; a file in Latin-1"
            f" is converted by `iconv -f latin1 -t utf-8`."
        ) from None


def _end_of_rows(path: Path, data: bytes, line: int) -> int:
    """The position after the last newline that ends a row."""
    if data.find(b'"') < 0:
        return data.rfind(b"\n") + 1
    values = np.frombuffer(data, np.uint8)
    outside = np.bitwise_xor.accumulate((values == _QUOTE).view(np.uint8)) == 0
    ends = np.flatnonzero((values == _NEWLINE) & outside)
    return int(ends[-1]) + 1 if len(ends) else 0


# --- the file ---------------------------------------------------------------------------------------------------------


def _opened(path: Path) -> IO[bytes]:
    """The file's bytes, decompressed where its first bytes say so."""
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] == b"\x1f\x8b":
        return cast(IO[bytes], gzip.open(path, "rb"))
    if start == b"\x28\xb5\x2f\xfd":
        return cast(IO[bytes], _zstd(path).open(path, "rb"))
    return path.open("rb")


def _zstd(path: Path) -> Any:
    """The module that reads Zstandard: of Python 3.14, or its backport."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise NotAvailable(
        f"{path}: is compressed with Zstandard, which this Python cannot read: `pip install 'sloy[tables]'`."
    )


def _read(path: Path, file: IO[bytes]) -> bytes:
    try:
        return file.read(BLOCK)
    except (EOFError, OSError, ValueError, RuntimeError) as error:
        raise FileFormatError(f"{path}: cannot be read to its end: {error}.") from None
    except Exception as error:  # the zstd module's and zlib's own classes
        raise FileFormatError(f"{path}: damaged compression: {error}.") from None


def _first_line(path: Path, file: IO[bytes]) -> tuple[str, int]:
    """The header without its newline, and the number of the line after it, where the file then stands."""
    first, lines = b"", 0
    while (piece := _line(path, file)) and len(first) <= LONGEST_ROW:
        lines += 1
        if lines == 1:
            _check_encoding(path, piece)
            piece = piece.removeprefix(b"\xef\xbb\xbf")
        first = (first + piece).lstrip(b"\r\n")
        if first.strip() and first.count(b'"') % 2 == 0:
            break
    if not first.strip():
        raise FileFormatError(f"{path}: is empty.")
    _check_text(path, first, lines)
    return first.decode().strip("\r\n"), lines + 1


def _check_encoding(path: Path, start: bytes) -> None:
    for mark, name in _OTHER_ENCODINGS.items():
        if start.startswith(mark):
            raise FileFormatError(
                f"{path}: is in {name}, not in UTF-8; `iconv -f {name.lower()} -t utf-8` converts it."
            )


def _line(path: Path, file: IO[bytes]) -> bytes:
    try:
        return file.readline(LONGEST_ROW)
    except Exception as error:
        raise FileFormatError(f"{path}: cannot be read: {error}.") from None


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])
