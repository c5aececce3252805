"""The MNIST digits, bundled: 60 000 to train on, 10 000 to test on.

The file is an ordinary zip (`tools/make_mnist.py`): seven entries have the pixels of 10 000 pictures each, by Deflate:
11.3 MB, 0.17 s of one core to unpack. By LZMA they take 9.6 MB and 0.80 s.

References
----------
.. [1] Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits". CC BY-SA 3.0.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import numpy as np

from sloy.data.dataset import Dataset, TrainTest
from sloy.errors import FileFormatError

BUNDLE = "bundled/mnist.zip"
SHA256 = "5c048b01669ee7e54bf4f3ba237c998f7d8f170eafc9cfc3ee01cb94a15a6e3d"
_SIZES = {"train": 60_000, "test": 10_000}
PART = 10_000  # pictures of an entry: two threads have enough to share
_HEADER = 30  # bytes before the name of an entry, which the last four say the lengths of
_NAMES = tuple("0123456789")


def mnist() -> TrainTest:
    """The real MNIST digits, from the package itself.

    Returns
    -------
    TrainTest
        `.train` (60 000 samples) and `.test` (10 000), each with x uint8 of shape (N, 28, 28, 1), 0 the paper and 255
        the ink, y int32 of shape (N,), and class names "0" … "9".

    Raises
    ------
    FileFormatError
        When the bundled file is damaged (its SHA-256 is checked before it is decoded).

    Examples
    --------
    >>> digits = mnist()
    >>> digits.train.x.shape, digits.test.y[:4].tolist()
    ((60000, 28, 28, 1), [7, 2, 1, 0])
    """
    resource = files("sloy.data").joinpath(BUNDLE)
    data = resource.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        raise FileFormatError(
            f"{resource}: the bundled digits are damaged (SHA-256 {found[:16]}…, not {SHA256[:16]}…):"
            " install sloy again."
        )
    return unpack(data)


def unpack(data: bytes) -> TrainTest:
    """The digits of the bundled file; several threads decompress (zlib releases the interpreter's lock)."""
    x = {split: np.empty((size, 28, 28, 1), np.uint8) for split, size in _SIZES.items()}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:

        def decompress(split: str, start: int) -> None:
            found = archive.getinfo(f"{split}-{start}.images")
            names = struct.unpack_from("<HH", data, found.header_offset + _HEADER - 4)
            first = found.header_offset + _HEADER + sum(names)
            packed = memoryview(data)[first : first + found.compress_size]
            # in one piece: a third of what `archive.read` takes
            pixels = np.frombuffer(
                zlib.decompress(packed, -zlib.MAX_WBITS, found.file_size), np.uint8
            )
            x[split][start : start + PART] = pixels.reshape(PART, 28, 28, 1)

        with ThreadPoolExecutor(min(os.cpu_count() or 1, 4)) as pool:
            jobs = [(split, k) for split, size in _SIZES.items() for k in range(0, size, PART)]
            list(pool.map(lambda job: decompress(*job), jobs))
        y = {
            split: np.frombuffer(archive.read(f"{split}.labels"), np.uint8).astype(np.int32)
            for split in _SIZES
        }
    train, test = (Dataset(x[split], y[split], _NAMES, "mnist") for split in _SIZES)
    return TrainTest(train, test)
