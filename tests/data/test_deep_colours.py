"""Colours of 10, 12 and 14 bits in files of 16: exact against the numbers that were written."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from sloy.data import PictureReader, picture_folder
from sloy.errors import FileFormatError

READER = PictureReader((20, 16), 3)


def numbers(most: int, seed: int = 0, channels: int = 3) -> np.ndarray:
    found = np.random.default_rng(seed).integers(0, most + 1, (20, 16, channels))
    found[0, 0] = most
    return found.astype(np.uint16)


def png(colours: np.ndarray) -> bytes:
    """A PNG file of 16 bits, with red, green and blue, and an opacity where there is a fourth."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width, channels = colours.shape
    kind = {3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colours)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def tiff(colours: np.ndarray, order: str, *, turn: int = 1, packed: bool = False) -> bytes:
    """A TIFF file of 16 bits in an order of bytes, with a note of how it is turned, perhaps packed by zlib."""
    height, width, _ = colours.shape
    data = colours.astype(f"{order}u2").tobytes()
    data = zlib.compress(data) if packed else data
    data += b"\0" * (len(data) % 2)
    entries = [
        (256, width), (257, height), (258, None), (259, 8 if packed else 1), (262, 2), (273, 8), (274, turn),
        (277, 3), (278, height), (279, len(data)), (284, 1),
    ]  # fmt: skip
    behind = 8 + len(data) + 2 + 12 * len(entries) + 4
    table = struct.pack(f"{order}H", len(entries))
    for tag, value in entries:
        count, number = (3, behind) if value is None else (1, value)
        kind = 3 if value is None else 4
        table += struct.pack(f"{order}HHII", tag, kind, count, number)
    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(data))
    return start + data + table + struct.pack(f"{order}IHHH", 0, 16, 16, 16)


def in_bytes(colours: np.ndarray, white: int) -> np.ndarray:
    return np.rint(colours / white * 255).astype(np.uint8)


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_fewer_bits_reach_from_black_to_white(bits: int, tmp_path: Path) -> None:
    colours, path = numbers(2**bits - 1), tmp_path / "x.png"
    path.write_bytes(png(colours))
    assert np.array_equal(READER.read(path)[0], in_bytes(colours, 2**bits - 1))


def test_sixteen_bits_are_their_upper_halves(tmp_path: Path) -> None:
    colours, path = numbers(65535), tmp_path / "x.png"
    path.write_bytes(png(colours))
    assert np.array_equal(READER.read(path)[0], colours >> 8)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("order", ["<", ">"], ids=["little endian", "big endian"])
def test_tiff(order: str, packed: bool, tmp_path: Path) -> None:
    colours, path = numbers(4095), tmp_path / "x.tif"
    path.write_bytes(tiff(colours, order, packed=packed))
    assert np.array_equal(READER.read(path)[0], in_bytes(colours, 4095))
    path.write_bytes(tiff(colours, order, turn=3, packed=packed))
    assert np.array_equal(READER.read(path)[0], in_bytes(colours, 4095)[::-1, ::-1])


def test_opacity_has_a_depth_of_its_own(tmp_path: Path) -> None:
    colours, path = numbers(4095, channels=4), tmp_path / "x.png"
    colours[..., 3] = 65535
    path.write_bytes(png(colours))
    assert np.array_equal(READER.read(path)[0], in_bytes(colours[..., :3], 4095))


def test_a_folder_has_one_white(tmp_path: Path) -> None:
    """That of its brightest picture; the reader keeps it, and refuses what is brighter."""
    for number, most in enumerate((300, 4095, 2000, 4000)):
        path = tmp_path / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(png(numbers(most, number)))
    reader = picture_folder(tmp_path).reader
    assert reader.greys == (0, 4095)
    assert np.array_equal(reader.read(tmp_path / "a" / "0.png")[0], in_bytes(numbers(300, 0), 4095))
    brighter = tmp_path / "brighter.png"
    brighter.write_bytes(png(numbers(16383)))
    with pytest.raises(
        FileFormatError, match=r"brighter.png: holds colours up to 16383;.* at most 4095"
    ):
        reader.read(brighter)
