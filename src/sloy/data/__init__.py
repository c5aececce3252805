"""Data sets: arrays with labels or targets, the bundled MNIST digits, IDX files, pictures."""

from sloy.data.dataset import Dataset, TrainTest
from sloy.data.folders import PictureFolder, picture_folder
from sloy.data.idx import load_idx_folder, read_idx
from sloy.data.imagenet import imagenet_classes, imagenet_synsets
from sloy.data.mnist import mnist
from sloy.data.pictures import PictureReader, read_image

__all__ = [
    "Dataset",
    "PictureFolder",
    "PictureReader",
    "TrainTest",
    "imagenet_classes",
    "imagenet_synsets",
    "load_idx_folder",
    "mnist",
    "picture_folder",
    "read_idx",
    "read_image",
]
