"""Data in files for tests of streams."""

from __future__ import annotations

import io
import struct
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

SHAPE = (6, 5, 3)


def pictures(count=60, classes=3, seed=0):
    """Random pictures, uint8 (N, 6, 5, 3), and labels (N,) that rise: sorted by class."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, *SHAPE), np.uint8)
    return pixels, np.arange(count) * classes // count


def png(pixels):
    """A picture as the bytes of a file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def as_folder(path, x, y):
    """A folder for each class."""
    for number, (pixels, label) in enumerate(zip(x, y, strict=True)):
        folder = path / f"class{label}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05}.png").write_bytes(png(pixels))
    return path


def as_tar(path, x, y):
    """An archive as of WebDataset."""
    with tarfile.open(path, "w") as archive:
        for number, (pixels, label) in enumerate(zip(x, y, strict=True)):
            files = ((".png", png(pixels)), (".cls", b"%d" % label), (".json", b"{}"))
            for suffix, content in files:
                info = tarfile.TarInfo(f"part/{number:05}{suffix}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


def as_parquet(path, x, y, rows=7):
    """A file as of Hugging Face: a struct of bytes and path, and a label."""
    import polars as pl

    images = [{"bytes": png(pixels), "path": f"{number}.png"} for number, pixels in enumerate(x)]
    schema = {"image": pl.Struct({"bytes": pl.Binary, "path": pl.String}), "label": pl.Int64}
    frame = pl.DataFrame({"image": images, "label": y}, schema=schema)
    note = (
        '{"info": {"features": {"label": {"names": ["ant", "bee", "cow"], "_type": "ClassLabel"}}}}'
    )
    frame.write_parquet(path, row_group_size=rows, metadata={"huggingface": note})
    return path


def as_idx(folder: Path, x, y, part="train"):
    """Two IDX files."""
    folder.mkdir(exist_ok=True)
    for name, array in ((f"{part}-images-idx{x.ndim}-ubyte", x), (f"{part}-labels-idx1-ubyte", y)):
        head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / name).write_bytes(head + array.astype(np.uint8).tobytes())
    return folder
