"""The MNIST digits, bundled: 60 000 to train on, 10 000 to test on.

References
----------
.. [1] Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits". CC BY-SA 3.0.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import numpy as np

from sloy.data.codec import decode_images, decode_labels, encode_images, encode_labels
from sloy.data.dataset import Dataset, TrainTest
from sloy.errors import FileFormatError

BUNDLE = "bundled/mnist.zip"
SHA256 = "de48de79fd136f96e0205b36d8a7c9b18fd1c7dffc8c1c6b2b7062b6422c2626"
_SIZES = {"train": 60_000, "test": 10_000}
_PART = 5_000  # images per compressed part: several decode at once, and their temporary arrays reuse their memory
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


def pack(images: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> bytes:
    """The bundled file's bytes: a stored zip of the parts, without times, the same bytes every time.

    Parameters
    ----------
    images : of "train" and "test", uint8, shape (60000, 28, 28) and (10000, 28, 28)
    labels : of "train" and "test", uint8, shape (60000,) and (10000,)
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for split, size in _SIZES.items():
            for start in range(0, size, _PART):
                shapes, ink = encode_images(images[split][start : start + _PART])
                archive.writestr(zipfile.ZipInfo(f"{split}-{start}.shapes"), shapes)
                archive.writestr(zipfile.ZipInfo(f"{split}-{start}.ink"), ink)
            archive.writestr(zipfile.ZipInfo(f"{split}.labels"), encode_labels(labels[split]))
    return buffer.getvalue()


def unpack(data: bytes) -> TrainTest:
    """The inverse of `pack`; several threads decode (zlib, LZMA and NumPy release the interpreter's lock)."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    x = {split: np.empty((size, 28, 28, 1), np.uint8) for split, size in _SIZES.items()}

    def decode(split: str, start: int) -> None:
        shapes, ink = parts[f"{split}-{start}.shapes"], parts[f"{split}-{start}.ink"]
        x[split][start : start + _PART, :, :, 0] = decode_images(shapes, ink, _PART)

    jobs = [(split, start) for split, size in _SIZES.items() for start in range(0, size, _PART)]
    with ThreadPoolExecutor(min(len(jobs), os.cpu_count() or 1, 4)) as pool:
        list(pool.map(lambda job: decode(*job), jobs))
    train, test = (
        Dataset(x[split], decode_labels(parts[f"{split}.labels"]).astype(np.int32), _NAMES, "mnist")
        for split in _SIZES
    )
    return TrainTest(train, test)
