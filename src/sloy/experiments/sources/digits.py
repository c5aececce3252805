"""MNIST, and folders of IDX files named as those of MNIST."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sloy import text
from sloy.data import Dataset, TrainTest, load_idx_folder, mnist
from sloy.data.arrays import available
from sloy.data.idx import idx_to_test
from sloy.data.parts import TEST, TRAIN
from sloy.data.streams.rows import SEEN
from sloy.experiments.sources.base import Loaded, Source, ToTest, Wanted, first
from sloy.experiments.sources.labelled import Labelled, labelled_as
from sloy.experiments.sources.streamed import SHARE, of_stream, streamed, used
from sloy.model import Model

if TYPE_CHECKING:
    from sloy.engines import Engine
    from sloy.training.recipe import Recipe

PACKED = 10  # times its size that a packed file may take unpacked


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

    stream: str = streamed("auto")

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
        from sloy.data import stream

        if self.stream == "off" or (self.stream == "auto" and self._nbytes <= SHARE * available()):
            return _loaded(load_idx_folder(self.data), wanted)
        train, test = (stream(self.data, part=part) for part in (TRAIN, TEST))
        names = max(train.class_names, test.class_names, key=len)
        train, test = (replace(data, class_names=names, name=self.name) for data in (train, test))
        found = _loaded(TrainTest(train, test), wanted)
        return replace(found, rows=(*found.rows, *of_stream(train)))

    @property
    def _nbytes(self) -> int:
        """Of the files, unpacked where they are packed."""
        files = [path for path in Path(self.data).iterdir() if path.is_file()]
        return sum((PACKED if f.suffix == ".gz" else 1) * f.stat().st_size for f in files)

    def within_time(
        self, loaded: Loaded, recipe: Recipe, engine: Engine
    ) -> tuple[Source, Loaded, int]:
        """Whether they are streamed is kept for a run that is resumed."""
        return replace(self, stream=used(loaded)), loaded, recipe.epochs

    def to_test(self, model: Model, wanted: Wanted) -> ToTest:
        """The folder's test pictures; where it has none, all."""
        found, whole = idx_to_test(self.data)
        data = labelled_as(model, found, self.data)
        what = text.many(len(data), "picture" if whole else "test picture")
        return replace(_numbered(data, f"its {what}"), whole=whole)


def _loaded(data: TrainTest, wanted: Wanted) -> Loaded:
    """The first of the pictures; where they are of MNIST's kind, photographs are read as handwriting."""
    from sloy.data.handwriting import HandwritingReader

    x = data.train.x
    reader = HandwritingReader.like(x if isinstance(x, np.ndarray) else x[:SEEN])
    return Loaded(first(data.train, wanted.samples), data.test, reader=reader)


def _numbered(data: Dataset, what: str) -> ToTest:
    true = [data.class_names[label] for label in data.y]
    return ToTest(data, what, beside={"sample": range(len(data)), "true": true})
