"""Weights of Keras in HDF5: ``.h5`` (weights, or a whole model), ``.weights.h5`` of Keras 3, and ``.keras`` files.

HDF5's library reads in a child process with limits (`sloy.exchange.weights.hdf5_child`), as damaged files make it hang
or crash. The child says where each array lies; the numbers are read here, straight from their place. Names become
``layer/role``: ``block1_conv1/kernel``.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from pathlib import Path

import numpy as np

from sloy.errors import NotAvailable
from sloy.exchange.weights import hdf5_child
from sloy.exchange.weights.archive import Span, check_crc, check_directory, span_of
from sloy.exchange.weights.tensors import FileTensor, checked_shape
from sloy.files.apart import Answer, asked
from sloy.files.container import fail

INSIDE = "model.weights.h5"  # of a .keras file
_SECONDS = 3  # of the processor, beside a second for each of so many bytes
_BYTES_A_SECOND = 10_000_000
_MEMORY = 512 << 20  # bytes beside those of the numbers


@dataclass(frozen=True)
class _Part:
    """The part of a file that is HDF5."""

    path: Path
    span: Span

    def ask(self, dataset: str | None = None, size: int = 0) -> Answer:
        """What the child says of the file, or the numbers of a dataset of `size` bytes."""
        return asked(
            hdf5_child.__file__,
            "HDF5's library",
            {
                "path": str(self.path.absolute()),
                "start": self.span.start,
                "size": self.span.size,
                "dataset": dataset,
            },
            seconds=_SECONDS + size // _BYTES_A_SECOND,
            memory=_MEMORY + 2 * size,
        )


def is_keras_zip(path: Path) -> bool:
    """Whether a zip is a ``.keras`` file."""
    check_directory(path, path.stat().st_size)
    try:
        with zipfile.ZipFile(path) as archive:
            return INSIDE in archive.namelist()
    except (
        zipfile.BadZipFile,
        OSError,
        ValueError,
        LookupError,
        RuntimeError,
        NotImplementedError,
    ):
        return False  # damaged: who reads it as one of PyTorch says how


def _within(path: Path) -> Span:
    """Where the weights of a ``.keras`` file lie, which Keras stores as they are; their checksum is compared."""
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as archive:
            entry = archive.getinfo(INSIDE)
    except (zipfile.BadZipFile, OSError, ValueError, LookupError, RuntimeError) as error:
        fail(path, f"is damaged or truncated ({str(error)[:80]})")
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > size:
        fail(path, f"entry {INSIDE!r} is compressed; Keras stores it")
    span = span_of(path, entry, size)
    check_crc(path, f"entry {INSIDE!r}", span)
    return span


def read_keras(path: Path, *, zipped: bool = False) -> dict[str, FileTensor]:
    """The tensors of a file, in the order of its layers; `zipped`: of a ``.keras`` file.

    In ``.weights.h5`` layers are counted by class and variables have numbers: ``conv2d_1/0``.

    Raises
    ------
    FileFormatError
        Where the file is truncated or damaged, is none of Keras, or refers to other files.
    NotAvailable
        Where h5py is missing.
    """
    if find_spec("h5py") is None:
        raise NotAvailable(f"{path}: files of Keras need h5py: pip install 'sloy[pretrained]'.")
    part = _Part(path, _within(path) if zipped else Span(0, path.stat().st_size))
    said, _ = part.ask()
    return {row[0]: _tensor(part, *row) for row in said["arrays"]}


def _tensor(
    part: _Part, name: str, extents: list[int], code: str, offset: int | None, place: str
) -> FileTensor:
    """An array whose numbers lie at `offset`, or, where they are packed, are asked for."""
    path, dtype = part.path, np.dtype(code)
    shape = checked_shape(path, name, extents)
    size = prod(shape) * dtype.itemsize
    if offset is not None and not 0 <= offset <= part.span.size - size:
        fail(path, f"is truncated ({name[:80]!r} ends behind the file)")

    def load() -> np.ndarray:
        if not size:
            return np.zeros(shape, dtype.newbyteorder("="))
        if offset is None:
            data = part.ask(place, size)[1]
            flat = np.frombuffer(data, dtype) if len(data) == size else np.empty(0, dtype)
        else:
            flat = np.fromfile(path, dtype, prod(shape), offset=part.span.start + offset)
        if flat.size != prod(shape):
            fail(path, f"is truncated in {name[:80]!r}")
        return flat.reshape(shape).astype(dtype.newbyteorder("="), copy=False)

    return FileTensor(shape, dtype.name, load)
