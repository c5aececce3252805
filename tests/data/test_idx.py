"""IDX files: every type, gzipped or not, and each way in which one can be wrong."""

from __future__ import annotations

import gzip
import os
import struct
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloy.data import load_idx_folder, read_idx
from sloy.data.idx import idx_to_test
from sloy.errors import FileFormatError

CODES = {0x08: "B", 0x09: "b", 0x0B: "h", 0x0C: "i", 0x0D: "f", 0x0E: "d"}


def idx(values: list, shape: tuple[int, ...], code: int = 0x08) -> bytes:
    """An IDX file's bytes, by `struct` alone."""
    header = struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape)
    return header + struct.pack(f">{len(values)}{CODES[code]}", *values)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("code", CODES)
def test_every_type_plain_and_gzipped(tmp_path: Path, code: int, zipped: bool) -> None:
    values = [0, 1, 2, 3, 4, 127] if code == 0x08 else [0, 1, -2, 3, -4, 127]
    data = idx(values, (2, 3), code)
    (tmp_path / "f").write_bytes(gzip.compress(data) if zipped else data)  # the name says nothing
    found = read_idx(tmp_path / "f")
    assert found.tolist() == [values[:3], values[3:]]
    assert found.dtype == np.dtype(CODES[code])
    assert found.dtype.isnative
    assert found.flags.writeable


@pytest.mark.parametrize("shape", [(1,), (2, 1, 3, 1), (1,) * 20])
def test_any_number_of_axes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    (tmp_path / "f").write_bytes(idx(list(range(prod(shape))), shape))
    assert read_idx(str(tmp_path / "f")).shape == shape


GOOD = idx([1, 2, 3, 4, 5, 6], (2, 3))


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not an IDX file"),
        (b"\0\0\x08", "not an IDX file"),
        (b"\x01" + GOOD[1:], "not an IDX file"),
        (b"\0\x01" + GOOD[2:], "not an IDX file"),
        (b"\0\0\x0a" + GOOD[3:], "not an IDX file"),
        (b"\0\0\x08\0", "not an IDX file"),
        (b"PK\x03\x04" + bytes(50), "not an IDX file"),
        (GOOD[:9], "truncated in the header"),
        (GOOD[:-1], "is 17 bytes long|fewer than the 6 bytes"),
        (GOOD + b"\0", "is 19 bytes long|more than the 6 bytes"),
        (idx([], (0, 3)), "holds no values"),
        (
            struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1),
            "announces values of shape .* more than any file holds",
        ),
        (b"\0\0\x0e\xff" + b"\xff" * 1020, "announces values of shape .* more than any file holds"),
    ],
)
def test_what_is_refused(tmp_path: Path, data: bytes, reason: str, zipped: bool) -> None:
    path = tmp_path / "f"
    path.write_bytes(gzip.compress(data) if zipped else data)
    with pytest.raises(FileFormatError, match=reason) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_gzip_cut_or_damaged_anywhere(tmp_path: Path) -> None:
    whole = gzip.compress(idx(list(range(200)), (200,)))
    for length in range(2, len(whole)):
        (tmp_path / "f").write_bytes(whole[:length])
        with pytest.raises(FileFormatError):
            read_idx(tmp_path / "f")
    for place in range(10, len(whole)):
        (tmp_path / "f").write_bytes(
            whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        )
        with pytest.raises(FileFormatError):
            read_idx(tmp_path / "f")


def test_a_gzip_bomb_stops_at_the_promised_size(tmp_path: Path) -> None:
    bomb = gzip.compress(idx([1], (1,)) + bytes(200_000_000), compresslevel=1)
    (tmp_path / "f").write_bytes(bomb)
    with pytest.raises(FileFormatError, match="more than the 1 bytes"):
        read_idx(tmp_path / "f")


@given(noise=st.binary(max_size=200))
def test_noise_is_refused_or_read(tmp_path_factory, noise: bytes) -> None:
    path = tmp_path_factory.mktemp("noise") / "f"
    path.write_bytes(noise)
    try:
        found = read_idx(path)
    except FileFormatError:
        return
    assert 4 + 4 * found.ndim + found.nbytes == len(noise)


NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def folder_of(folder: Path, **changed: bytes) -> Path:
    contents = {
        "train-images-idx3-ubyte": idx(list(range(24)), (4, 2, 3)),
        "train-labels-idx1-ubyte": idx([0, 1, 0, 4], (4,)),
        "t10k-images-idx3-ubyte": idx(list(range(6)), (1, 2, 3)),
        "t10k-labels-idx1-ubyte": idx([3], (1,)),
    } | {name.replace("_", "-"): data for name, data in changed.items()}
    folder.mkdir(exist_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return folder


def test_a_folder(tmp_path: Path) -> None:
    data = load_idx_folder(folder_of(tmp_path / "shapes"))
    assert data.train.x.shape == (4, 2, 3, 1)
    assert data.train.x.ravel().tolist() == list(range(24))
    assert data.train.y.tolist() == [0, 1, 0, 4]
    assert data.test.y.tolist() == [3]
    assert data.train.class_names == data.test.class_names == tuple("01234")
    assert data.train.name == "shapes"


def test_other_names_and_gzip(tmp_path: Path) -> None:
    folder_of(tmp_path)
    for name in NAMES:
        other = name.replace("-idx", ".idx").replace("t10k", "test")
        (tmp_path / other).with_suffix((tmp_path / other).suffix + ".gz").write_bytes(
            gzip.compress((tmp_path / name).read_bytes())
        )
        (tmp_path / name).unlink()
    assert load_idx_folder(tmp_path).train.y.tolist() == [0, 1, 0, 4]


def test_colour_and_other_types(tmp_path: Path) -> None:
    folder_of(
        tmp_path,
        train_images_idx3_ubyte=idx([0.5] * 48, (4, 2, 2, 3), 0x0D),
        t10k_images_idx3_ubyte=idx([7] * 12, (1, 2, 2, 3), 0x0C),
    )
    data = load_idx_folder(tmp_path)
    assert data.train.x.shape == (4, 2, 2, 3)
    assert data.train.x.dtype == data.test.x.dtype == np.float32
    assert (data.test.x == 7).all()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"train_labels_idx1_ubyte": idx([0, 1, 0], (3,))}, "3 labels for the 4 images"),
        ({"train_labels_idx1_ubyte": idx([0, 1, 0, -1], (4,), 0x0B)}, "from -1 to 1"),
        ({"t10k_labels_idx1_ubyte": idx([70_000], (1,), 0x0C)}, "from 70000 to 70000"),
        ({"t10k_labels_idx1_ubyte": idx([1.0], (1,), 0x0D)}, "integers on 1 axis"),
        ({"t10k_labels_idx1_ubyte": idx([1], (1, 1))}, "integers on 1 axis"),
        ({"t10k_images_idx3_ubyte": idx([1] * 6, (1, 6))}, "3 axes"),
        (
            {"t10k_images_idx3_ubyte": idx([1] * 8, (1, 4, 2))},
            r"\(2, 3, 1\), the test images \(4, 2, 1\)",
        ),
        ({"t10k_images_idx3_ubyte": idx([float("nan")] * 6, (1, 2, 3), 0x0D)}, "NaN"),
        ({"train_images_idx3_ubyte": b"junk"}, "not an IDX file"),
    ],
)
def test_folders_that_are_refused(tmp_path: Path, changed: dict[str, bytes], reason: str) -> None:
    folder_of(tmp_path, **changed)
    with pytest.raises(FileFormatError, match=reason):
        load_idx_folder(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder_of(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(FileFormatError, match=name):
        load_idx_folder(tmp_path)


def test_not_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="not a folder"):
        load_idx_folder(tmp_path / "missing")


def test_one_part_is_enough_to_test_on(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    both = load_idx_folder(folder)
    test, whole = idx_to_test(folder)
    assert not whole
    assert np.array_equal(test.x, both.test.x)
    for file in folder.glob("train-*"):
        file.rename(tmp_path.parent / file.name)
    test, whole = idx_to_test(folder)
    assert not whole
    assert np.array_equal(test.x, both.test.x)
    assert np.array_equal(test.y, both.test.y)
    for file in [*folder.glob("t10k-*"), *folder.glob("test-*")]:
        file.unlink()
    for file in tmp_path.parent.glob("train-*"):
        file.rename(folder / file.name)
    train, whole = idx_to_test(folder)
    assert whole
    assert np.array_equal(train.y, both.train.y)
    next(folder.glob("train-labels*")).unlink()
    with pytest.raises(FileFormatError, match="holds no train labels"):
        idx_to_test(folder)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_shape_beyond_any_file_is_refused_in_few_words(tmp_path: Path, zipped: bool) -> None:
    data = b"\0\0\x08\x20" + b"\x14\x13\x12\x11" * 32
    path = tmp_path / "x.idx"
    path.write_bytes(gzip.compress(data) if zipped else data)
    with pytest.raises(FileFormatError, match="more than any file holds") as refused:
        read_idx(path)
    assert len(str(refused.value)) < 200 + len(str(path))


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileFormatError, match="pipe: is a pipe"):
        read_idx(tmp_path / "pipe")
