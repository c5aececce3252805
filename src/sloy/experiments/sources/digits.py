"""MNIST, and folders of IDX files named as those of MNIST."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sloy import text
from sloy.data import Dataset, HandwritingReader, TrainTest, load_idx_folder, mnist
from sloy.data.idx import idx_to_test
from sloy.experiments.sources.base import Loaded, ToTest, Wanted, first
from sloy.experiments.sources.labelled import Labelled, labelled_as
from sloy.model import Model


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

    def to_test(self, model: Model, wanted: Wanted) -> ToTest:
        """The test digits."""
        return _numbered(labelled_as(model, mnist().test, self.data), "its 10 000 test digits")


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

    def to_test(self, model: Model, wanted: Wanted) -> ToTest:
        """The folder's test pictures; where it has none, all."""
        found, whole = idx_to_test(self.data)
        data = labelled_as(model, found, self.data)
        what = text.many(len(data), "picture" if whole else "test picture")
        return replace(_numbered(data, f"its {what}"), whole=whole)


def _loaded(data: TrainTest, wanted: Wanted) -> Loaded:
    """The first of the pictures; where they are of MNIST's kind, photographs are read as handwriting."""
    reader = HandwritingReader.like(data.train.x)
    return Loaded(first(data.train, wanted.samples), data.test, reader=reader)


def _numbered(data: Dataset, what: str) -> ToTest:
    true = [data.class_names[label] for label in data.y]
    return ToTest(data, what, beside={"sample": range(len(data)), "true": true})
