"""The bytes of a text table: decompressed, out of an archive, and where its header is."""

from __future__ import annotations

import gzip
import importlib
import io
import re
import zipfile
from pathlib import Path
from typing import IO, Any, cast

from sloy.data.archives import ZIP, members, packed_table
from sloy.errors import FileFormatError, NotAvailable
from sloy.text import reason

BLOCK = 4 << 20  # bytes read together
LONGEST_ROW = 64 << 20  # bytes
_OTHER_ENCODINGS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def opened(path: Path) -> IO[bytes]:
    """The file's bytes, decompressed where its first bytes say so."""
    with path.open("rb") as file:
        start = file.read(4)
    if start[:2] == b"\x1f\x8b":
        return _with_newlines(path, cast(IO[bytes], gzip.open(path, "rb")))
    if start == b"\x28\xb5\x2f\xfd":
        return _with_newlines(path, cast(IO[bytes], _zstd(path).open(path, "rb")))
    return _with_newlines(path, _member(path) if start == ZIP else path.open("rb"))


def _member(path: Path) -> IO[bytes]:
    """The one file of a zip archive."""
    try:
        archive = zipfile.ZipFile(path)
        names = members(archive)
        if (name := packed_table(names)) is None:
            raise FileFormatError(f"{path}: this archive holds no one table.")
        return archive.open(name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise FileFormatError(f"{path}: damaged archive: {reason(error)}.") from None


def _with_newlines(path: Path, file: IO[bytes]) -> IO[bytes]:
    """The file, its lines ended by newlines where they are ended by carriage returns alone."""
    start = read_piece(path, file)
    file.seek(0)
    if b"\r" in start and b"\n" not in start:
        return cast(IO[bytes], io.BufferedReader(_CarriageReturns(file)))
    return file


class _CarriageReturns(io.RawIOBase):
    """A file of an old Macintosh."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        data = self.file.read(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.file.close()
        super().close()


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


def read_piece(path: Path, file: IO[bytes]) -> bytes:
    try:
        return file.read(BLOCK)
    except (EOFError, OSError, ValueError, RuntimeError) as error:
        raise FileFormatError(f"{path}: cannot be read to its end: {reason(error)}.") from None
    except Exception as error:  # the zstd module's and zlib's own classes
        raise FileFormatError(f"{path}: damaged compression: {reason(error)}.") from None


def first_line(path: Path, file: IO[bytes]) -> tuple[str, int, str | None]:
    """The header without its newline, the number of the line after it, where the file then stands, and a separator.

    Before the header may stand blank lines, Excel's ``sep=;``, and comments: lines that begin with # and have fewer
    fields than the first that does not.
    """
    first, lines = b"", 0
    separator: str | None = None
    while (piece := _line(path, file)) and len(first) <= LONGEST_ROW:
        lines += 1
        if lines == 1:
            _check_encoding(path, piece)
            piece = piece.removeprefix(b"\xef\xbb\xbf")
        first = (first + piece).lstrip(b"\r\n")
        if separator is None and (said := _SEP.fullmatch(first.strip(b"\r\n"))):
            separator, first = said[1].decode(), b""
        elif first.startswith(b"#") and _is_comment(first, file):
            first = b""
        elif first.strip() and first.count(b'"') % 2 == 0:
            break
    if not first.strip():
        raise FileFormatError(f"{path}: is empty.")
    _check_kind(path, first)
    check_text(path, first, lines)
    return first.decode().strip("\r\n"), lines + 1, separator


_SEP = re.compile(rb'"?sep=([,;|\t])"?', re.IGNORECASE)


def decoded(path: Path, content: bytes) -> str:
    """The text of a small file in UTF-8, without its mark; what it is in otherwise is said, with what converts it."""
    _check_utf8(path, content)
    content = content.removeprefix(b"\xef\xbb\xbf")
    check_text(path, content, 1)
    return content.decode()


def _is_comment(line: bytes, file: IO[bytes]) -> bool:
    """Whether a line that begins with # has no names: fewer fields than the next, or the next has them."""
    if not file.seekable():
        return False
    here = file.tell()
    following = b"#"
    while following.startswith(b"#"):
        following = file.readline(LONGEST_ROW)
    after = file.readline(LONGEST_ROW)
    file.seek(here)
    mark = max((b",", b";", b"\t", b"|"), key=following.count)
    if line.count(mark) != following.count(mark):
        return bool(following.strip())
    return not _has_number(following, mark) and _has_number(after, mark)


def _has_number(line: bytes, mark: bytes) -> bool:
    return any(
        re.fullmatch(rb"[+-]?[\d.,]*\d", field.strip(b' "\r\n')) for field in line.split(mark)
    )


# What pictures and documents begin with, and what they are called.
_PICTURES = {
    b"\x89PNG\r\n": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"%PDF-": "a PDF",
}


def _check_encoding(path: Path, start: bytes) -> None:
    for mark, name in _PICTURES.items():
        if start.startswith(mark):
            raise FileFormatError(
                f"{path}: is {name}, no table; sloy takes pictures as a folder of them by class."
            )
    _check_utf8(path, start)


def _check_utf8(path: Path, start: bytes) -> None:
    for mark, name in _OTHER_ENCODINGS.items():
        if start.startswith(mark):
            raise FileFormatError(
                f"{path}: is in {name}, not in UTF-8; `iconv -f {name.lower()} -t utf-8` converts it."
            )


# What other text files begin with, and what they are called.
_OTHER_FILES = {
    b"<!doctype": "a page in HTML",
    b"<html": "a page in HTML",
    b"<?xml": "XML",
    b"{": "JSON",
    b"[": "JSON",
}


def _check_kind(path: Path, start: bytes) -> None:
    """Refuse what is text, and no table, by its first bytes; a name in brackets is no JSON."""
    start = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for mark, name in _OTHER_FILES.items():
        if start.startswith(mark) and (name != "JSON" or re.match(rb'[\[{]\s*(?:["{\[]|$)', start)):
            raise FileFormatError(f"{path}: is {name}, no table with a line of names.")


def lines_with(path: Path, name: str, most: int = 20) -> int | None:
    """The first of some lines that has a field of that name, from 1; None where there is none."""
    with opened(path) as file:
        for number in range(1, most + 1):
            line = file.readline(LONGEST_ROW)
            fields = re.split(r"[,;\t|]", line.decode("utf-8", "replace"))
            if name in (field.strip(' "\r\n\ufeff') for field in fields):
                return number
    return None


def _line(path: Path, file: IO[bytes]) -> bytes:
    try:
        return file.readline(LONGEST_ROW)
    except Exception as error:
        raise FileFormatError(f"{path}: cannot be read: {reason(error)}.") from None


def check_text(path: Path, content: bytes, line: int) -> None:
    """UTF-8 without NUL."""
    if (zero := content.find(b"\0")) >= 0:
        number = line + content.count(b"\n", 0, zero)
        if content.count(b"\0") > len(content) // 3:  # every other byte
            order = "le" if zero % 2 else "be"
            raise FileFormatError(
                f"{path}: line {number}: holds zero bytes, as UTF-16 does; `iconv -f utf-16{order} -t utf-8` converts"
                " it."
            )
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
            f"{path}: line {number}: the byte 0x{content[error.start]:02X} is not UTF-8; a file in"
            f" {_guessed(content)} -t utf-8`."
        ) from None


def _guessed(content: bytes) -> str:
    """The encoding that text may be in: words of letters that are all beyond ASCII are Cyrillic ones."""
    high = re.findall(rb"[\x80-\xff]+", content)
    letters = sum(map(len, high))
    if sum(len(run) for run in high if len(run) > 2) > letters / 2:
        return "Cyrillic Windows-1251 is converted by `iconv -f cp1251"
    return "Latin-1 is converted by `iconv -f latin1"
