"""Data sets: arrays with labels or targets, the bundled MNIST digits, IDX files, pictures, tables."""

from sloy.data.dataset import Dataset, TrainTest
from sloy.data.folders import PictureFolder, picture_folder
from sloy.data.handwriting import HandwritingReader
from sloy.data.idx import load_idx_folder, read_idx
from sloy.data.imagenet import imagenet_classes, imagenet_synsets
from sloy.data.mnist import mnist
from sloy.data.pictures import PictureReader, read_image
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
]
