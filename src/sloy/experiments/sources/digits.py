"""MNIST, and folders of IDX files named as those of MNIST."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sloy.data import HandwritingReader, TrainTest, load_idx_folder, mnist
from sloy.experiments.sources.base import Loaded, Wanted, first
from sloy.experiments.sources.labelled import Labelled


@dataclass(frozen=True)
class Mnist(Labelled):
    """The bundled digits."""

    @staticmethod
    def matches(data: str) -> bool:
        """The name itself."""
        return data == "mnist"

    @property
    def name(self) -> str:
        """The name itself."""
        return "mnist"

    def load(self, wanted: Wanted) -> Loaded:
        """The first of the digits, as many as are wanted."""
        return _loaded(mnist(), wanted)


@dataclass(frozen=True)
class IdxFolder(Labelled):
    """Four IDX files in a folder."""

    @staticmethod
    def matches(data: str) -> bool:
        """Every other folder."""
        return Path(data).is_dir()

    @property
    def name(self) -> str:
        """The folder's name."""
        return Path(self.data).resolve().name

    def load(self, wanted: Wanted) -> Loaded:
        """The first of the folder's pictures, as many as are wanted."""
        return _loaded(load_idx_folder(self.data), wanted)


def _loaded(data: TrainTest, wanted: Wanted) -> Loaded:
    """The first of the pictures; where they are of MNIST's kind, photographs are read as handwriting."""
    reader = HandwritingReader.like(data.train.x)
    return Loaded(first(data.train, wanted.samples), data.test, reader=reader)
