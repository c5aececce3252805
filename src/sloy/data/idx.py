"""IDX files, the format of the MNIST family: plain or gzipped, every element type, strictly checked.

Layout: two zero bytes, one byte for the element type, one for the number of axes, each axis as a big-endian uint32,
then the values, big-endian, row-major.

References
----------
.. [1] Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section "The IDX file format".
"""

from __future__ import annotations

import gzip
import zlib
from math import inf, prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sloy.arguments import path_of
from sloy.data.dataset import Dataset, TrainTest
from sloy.errors import FileFormatError
from sloy.files.atomic import write_atomically
from sloy.files.container import naming
from sloy.files.once import is_read_once
from sloy.text import reason, shown

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
TRAIN, TESTS = "train", ("t10k", "test")  # what names of files begin with
PARTS = (TRAIN, *TESTS)
GZIP = b"\x1f\x8b"  # how gzipped files begin
_LARGEST_LABEL = 65_535
_DENSEST = 1032  # bytes that deflate makes of one, at most


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_idx(path: str | Path) -> np.ndarray:
    """Read one IDX file, gzipped or not (told by its first bytes, not by its name).

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    array of the file's shape and type (uint8, int8, int16, int32, float32 or float64), in native byte order

    Raises
    ------
    FileFormatError
        When the file is not IDX, is cut short, holds more than its header says, or holds nothing.
    OSError
        When it cannot be opened.
    """
    path = path_of("read_idx", "path", path)
    if is_read_once(path):
        raise FileFormatError(f"{path}: is a pipe; IDX files are read from a file.")
    with naming(path), path.open("rb") as file:
        zipped = file.read(2) == GZIP
        size = file.seek(0, 2)
        file.seek(0)
        if not zipped:
            return _read(path, file, size)
        try:
            with gzip.open(file) as unzipped:
                return _read(path, unzipped, None, most=_DENSEST * size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FileFormatError(
                f"{path}: damaged or truncated gzip data ({reason(error)})."
            ) from None


def _read(path: Path, file: _Readable, size: int | None, most: float = inf) -> np.ndarray:
    """Read header and values; `size` is the file's length where it is known, at `most` so many bytes are in it."""
    shape, dtype = idx_header(path, file, size)
    promised = prod(shape) * dtype.itemsize
    # never more than promised, nothing of what cannot be there: a gzip bomb stops here
    data = _read_at_most(file, promised + 1) if promised <= most else b""
    if len(data) != promised:
        more_or_less = "fewer" if len(data) < promised else "more"
        raise FileFormatError(
            f"{path}: holds {more_or_less} than the {promised} bytes that shape {shown(shape)} of"
            f" {dtype.name} needs."
        )
    return np.frombuffer(data, dtype).astype(dtype.newbyteorder("=")).reshape(shape)


def begins_as_idx(head: bytes) -> bool:
    """Whether a file that begins so, four bytes, is IDX or gzipped; pictures of some formats begin with zeros too."""
    return _is_header(head) or head[:2] == GZIP


def _is_header(magic: bytes) -> bool:
    return len(magic) >= 4 and magic[:2] == b"\0\0" and magic[2] in _DTYPES and magic[3] > 0


def idx_header(
    path: Path, file: _Readable, size: int | None
) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and stored type of the values that follow in a file; `size` as its length where that is known."""
    magic = file.read(4)
    if not _is_header(magic):
        raise FileFormatError(
            f"{path}: not an IDX file (it starts with {magic.hex(' ') or 'nothing'})."
        )
    axes = file.read(4 * magic[3])
    if len(axes) < 4 * magic[3]:
        raise FileFormatError(f"{path}: truncated in the header: {magic[3]} axes announced.")
    shape = tuple(int(extent) for extent in np.frombuffer(axes, ">u4"))
    dtype = np.dtype(_DTYPES[magic[2]])
    promised = prod(shape) * dtype.itemsize
    if promised == 0:
        raise FileFormatError(f"{path}: holds no values (shape {shown(shape)}).")
    if promised >= 2**63:
        raise FileFormatError(
            f"{path}: announces values of shape {shown(shape)}, more than any file holds."
        )
    if size is not None and size != 4 + len(axes) + promised:
        raise FileFormatError(
            f"{path}: is {size} bytes long, but shape {shown(shape)} of {dtype.name} needs"
            f" {4 + len(axes) + promised}."
        )
    return shape, dtype


def _read_at_most(file: _Readable, limit: int) -> bytes:
    """Read up to `limit` bytes in pieces, so that a header's promise alone reserves no memory."""
    pieces = []
    while limit > 0 and (piece := file.read(min(limit, 1 << 24))):
        pieces.append(piece)
        limit -= len(piece)
    return b"".join(pieces)


def is_idx(path: Path) -> bool:
    """Whether a file begins as an IDX file does, gzipped or not."""
    if not path.is_file():
        return False
    with naming(path), path.open("rb") as file:
        start = file.read(4)
    if start[:2] == GZIP:
        try:
            with gzip.open(path) as file:
                start = file.read(4)
        except (OSError, EOFError, zlib.error):
            return False
    return _is_header(start)


def load_idx_folder(folder: str | Path) -> TrainTest:
    """Load a folder of four IDX files in the manner of MNIST.

    The files are named `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
    `t10k-labels-idx1-ubyte`; `test` may stand for `t10k`, `.idx3` for `-idx3`, and `.gz` may follow.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    TrainTest
        x of shape (N, H, W, C), uint8 as it is and every other type as float32; y int32 of shape (N,); classes
        named "0", "1", … up to the largest label.

    Raises
    ------
    FileFormatError
        When a file is missing or damaged, or images and labels do not fit together; it names the file.
    """
    folder = path_of("load_idx_folder", "folder", folder)
    train_x, train_y = _images_and_labels(folder, (TRAIN,))
    test_x, test_y = _images_and_labels(folder, TESTS)
    if train_x.shape[1:] != test_x.shape[1:]:
        raise FileFormatError(
            f"{folder}: the training images have shape {train_x.shape[1:]}, the test images {test_x.shape[1:]}."
        )
    names = tuple(str(k) for k in range(max(int(train_y.max()), int(test_y.max())) + 1))
    name = folder.resolve().name
    return TrainTest(Dataset(train_x, train_y, names, name), Dataset(test_x, test_y, names, name))


def idx_to_test(folder: str | Path) -> tuple[Dataset, bool]:
    """The part to test on of such a folder, which may lack the other; where it is that part that lacks, the other.

    Returns
    -------
    (data, whole) : (Dataset, bool)
        `whole` where it is the part to train on.
    """
    folder = Path(folder)
    present = {part for part in PARTS for file in folder.glob(f"{part}-*idx*") if file.is_file()}
    if TRAIN not in present and present & set(TESTS):
        x, y = _images_and_labels(folder, TESTS)
    elif present == {TRAIN}:
        x, y = _images_and_labels(folder, (TRAIN,))
    else:
        return load_idx_folder(folder).test, False
    names = tuple(str(k) for k in range(int(y.max()) + 1))
    return Dataset(x, y, names, folder.resolve().name), present == {TRAIN}


def write_idx_part(folder: Path, part: str, data: Dataset) -> None:
    """Write labelled pictures as two files of such a folder; of float64 and float32 with all bits.

    Parameters
    ----------
    folder : Path
    part : str
        One of `PARTS`.
    data : Dataset
        x (N, H, W) or (N, H, W, C), y labels.
    """
    label = np.uint8 if data.classes <= 256 else np.int32
    for kind, values in (("images", data.x), ("labels", data.y.astype(label))):
        name = f"{part}-{kind}-idx{values.ndim}-ubyte"
        write_atomically(folder / name, idx_bytes(values))


def idx_bytes(values: np.ndarray) -> bytes:
    """An array as an IDX file holds it.

    Examples
    --------
    >>> idx_bytes(np.array([[1, 2]], np.uint8)).hex()
    '0000080200000001000000020102'
    """
    code = next(
        c for c, kind in _DTYPES.items() if np.dtype(kind) == values.dtype.newbyteorder(">")
    )
    head = bytes([0, 0, code, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    return head + np.ascontiguousarray(values, _DTYPES[code]).tobytes()


def _images_and_labels(folder: Path, parts: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    images_path, labels_path = idx_files(folder, parts)
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim not in (3, 4):
        raise FileFormatError(
            f"{images_path}: images need 3 axes (N, H, W) or 4 (N, H, W, C), not {images.ndim}."
        )
    check_labels(labels_path, labels, images_path, len(images))
    if images.dtype != np.uint8:
        if not np.isfinite(images).all():
            raise FileFormatError(f"{images_path}: holds a value that is NaN or infinite.")
        images = images.astype(np.float32)
    return images.reshape(*images.shape[:3], -1), labels  # (N, H, W, C)


def check_labels(labels_path: Path, labels: np.ndarray, images_path: Path, count: int) -> None:
    """Raise `FileFormatError` unless a file holds labels of so many images."""
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise FileFormatError(
            f"{labels_path}: labels need integers on 1 axis, not {labels.dtype} of shape {labels.shape}."
        )
    if len(labels) != count:
        raise FileFormatError(
            f"{labels_path}: holds {len(labels)} labels for the {count} images of {images_path.name}."
        )
    if labels.min() < 0 or labels.max() > _LARGEST_LABEL:
        raise FileFormatError(
            f"{labels_path}: labels run from {labels.min()} to {labels.max()}; allowed are 0 to {_LARGEST_LABEL}."
        )


def idx_files(folder: Path, parts: tuple[str, ...]) -> tuple[Path, Path]:
    """The files of images and labels of the first part that is there; `FileFormatError` where none is."""
    return _find(folder, parts, "images"), _find(folder, parts, "labels")


def _find(folder: Path, parts: tuple[str, ...], kind: str) -> Path:
    if not folder.is_dir():
        raise FileFormatError(f"{folder}: is not a folder; a folder of four IDX files is needed.")
    axes = (3, 4) if kind == "images" else (1,)
    names = [
        f"{part}-{kind}{mark}idx{count}-ubyte{suffix}"
        for part in parts
        for count in axes
        for mark in "-."
        for suffix in ("", ".gz")
    ]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileFormatError(
        f"{folder}: holds no {parts[0]} {kind}; looked for {names[0]}[.gz] and the like."
    )
