"""Data sets: arrays with labels or targets, the bundled MNIST digits, IDX files, pictures, tables, streams of them.

What reads pictures and tables is imported when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sloy.data.dataset import Dataset, TrainTest
from sloy.data.idx import load_idx_folder, read_idx
from sloy.data.mnist import mnist
from sloy.later import later

if TYPE_CHECKING:
    from sloy.data.folders import PictureFolder, picture_folder
    from sloy.data.handwriting import HandwritingReader
    from sloy.data.imagenet import imagenet_classes, imagenet_synsets
    from sloy.data.pictures import PictureReader, read_image
    from sloy.data.streams.kinds import stream
    from sloy.data.tables import Table, TableReader, load_table

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

__getattr__, __dir__ = later(
    __name__,
    {
        "folders": "PictureFolder picture_folder",
        "handwriting": "HandwritingReader",
        "imagenet": "imagenet_classes imagenet_synsets",
        "pictures": "PictureReader read_image",
        "streams.kinds": "stream",
        "tables": "Table TableReader load_table",
    },
)
