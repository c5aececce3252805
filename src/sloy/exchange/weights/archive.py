"""Entries of a zip that are stored as they are: where their bytes lie, and whether they are those that were written."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from sloy.files.container import fail

LARGEST_DIRECTORY = 16 << 20  # bytes: that of 100 000 entries has about 8 MB


@dataclass(frozen=True)
class Span:
    """Where bytes stand in a file.

    Attributes
    ----------
    start, size : int
        Bytes, from the beginning of the file.
    crc : int
        Their CRC-32, or 0 where the file has none.
    """

    start: int
    size: int
    crc: int = 0


def check_directory(path: Path, size: int) -> None:
    """The list of a zip's entries is not so long that reading it would take memory (specification 4.3.14, 4.3.16)."""
    with path.open("rb") as file:
        file.seek(max(0, size - 66_000))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    length = int.from_bytes(tail[at + 12 : at + 16], "little")
    if (wide := tail.rfind(b"PK\x06\x06", 0, max(at, 0))) >= 0:
        length = max(
            length * (length != 0xFFFFFFFF), int.from_bytes(tail[wide + 40 : wide + 48], "little")
        )
    if at < 0 or length > LARGEST_DIRECTORY:
        fail(path, "is truncated, or no zip that PyTorch writes")


def span_of(path: Path, entry: zipfile.ZipInfo, size: int) -> Span:
    """Where an entry's bytes stand: behind its local header, whose two lengths are its own."""
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        header = file.read(30)
    if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
        fail(path, f"is damaged (entry {entry.filename[:80]!r} has no header)")
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    start = entry.header_offset + 30 + lengths
    if start + entry.file_size > size:
        fail(path, f"is truncated (entry {entry.filename[:80]!r} ends behind the file)")
    return Span(start, entry.file_size, entry.CRC)


def check_crc(path: Path, name: str, span: Span) -> None:
    """Compare the CRC-32 of a span, in blocks; `FileFormatError` where it differs."""
    if not span.crc:
        return
    found, left = 0, span.size
    with path.open("rb") as file:
        file.seek(span.start)
        while left and (block := file.read(min(left, 1 << 20))):
            found = zlib.crc32(block, found)
            left -= len(block)
    if found != span.crc:
        fail(path, f"{name} is damaged (its CRC-32 differs)")
