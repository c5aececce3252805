"""Data sets: arrays with labels or targets, the bundled MNIST digits, IDX files, pictures, tables, streams of them.

What reads pictures and tables is imported when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from sloy.data.dataset import Dataset, TrainTest
from sloy.data.idx import load_idx_folder, read_idx
from sloy.data.mnist import mnist

if TYPE_CHECKING:
    from sloy.data.folders import PictureFolder, picture_folder
    from sloy.data.handwriting import HandwritingReader
    from sloy.data.imagenet import imagenet_classes, imagenet_synsets
    from sloy.data.pictures import PictureReader, read_image
    from sloy.data.streams.kinds import stream
    from sloy.data.tables import Table, TableReader, load_table

_LATER = {
    name: f"sloy.data.{module}"
    for module, names in {
        "folders": "PictureFolder picture_folder",
        "handwriting": "HandwritingReader",
        "imagenet": "imagenet_classes imagenet_synsets",
        "pictures": "PictureReader read_image",
        "streams.kinds": "stream",
        "tables": "Table TableReader load_table",
    }.items()
    for name in names.split()
}

__all__ = [
    "Dataset",
    "HandwritingReader",
    "PictureFolder",
    "PictureReader",
    "Table",
    "TableReader",
    "TrainTest",
    "imagenet_classes",
    "imagenet_synsets",
    "load_idx_folder",
    "load_table",
    "mnist",
    "picture_folder",
    "read_idx",
    "read_image",
    "stream",
]


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'sloy.data' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
