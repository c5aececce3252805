"""Folders of pictures, and CSV files that list pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sloy import text
from sloy.arguments import integer
from sloy.data import Dataset
from sloy.data.arrays import available
from sloy.data.readers import Reader
from sloy.data.streams.source import HOLD
from sloy.errors import InvalidArgument, InvalidOption
from sloy.experiments.recipes import batches_and_epochs
from sloy.experiments.sources.base import Loaded, Row, Source, ToTest, Wanted
from sloy.experiments.sources.kept import kept_to_test
from sloy.experiments.sources.labelled import Labelled, names_of
from sloy.experiments.sources.streamed import SHARE, of_stream, streamed, used
from sloy.graph.threefry import make_key, permutation
from sloy.options import integer_option, option
from sloy.text import shown

if TYPE_CHECKING:
    from sloy.data.folders import PictureFolder
    from sloy.data.listing import Listing
    from sloy.data.pictures import PictureReader
    from sloy.engines import Engine
    from sloy.model import Model
    from sloy.training.recipe import Recipe

AUGMENTATION = "rotation=8,scale=0.1,shift=0.1,brightness=0.1,contrast=0.1,outside=edge"
CLASSES_SHOWN = 12

_IDX = re.compile(r"(train|t10k|test)-(images|labels)[-.]idx[1-9]-ubyte(\.gz)?")


def extents(word: str) -> tuple[int, ...]:
    """A side, or height and width: 64, 48x64."""
    sides = word.lower().replace("×", "x").split("x")
    if len(sides) > 2 or not all(side.isdecimal() and 0 < int(side) < 2**31 for side in sides):
        raise InvalidArgument(f"{shown(word)} is not a size, such as 64 or 48x64")
    return tuple(int(side) for side in sides)


@dataclass(frozen=True)
class PictureSource(Labelled):
    """One folder for each class, such folders in train/ and test/, or a CSV file of paths and labels."""

    size: Sequence[int] | None = option(
        None,
        "height and width that pictures are brought to; default: theirs, at most 64",
        metavar="N|HxW",
        parse=extents,
    )
    resize: str | None = option(
        None,
        "how: the middle of each, squeezed, or whole with borders; default: crop",
        kind="text",
        choices=("crop", "stretch", "pad"),
    )
    skip_broken: bool = option(
        False, "leave out pictures that cannot be read, instead of stopping at them", kind="flag"
    )
    test: float | str = kept_to_test(0.1)
    stream: str = streamed("auto")
    hold: int = integer_option(
        HOLD // 1_000_000,
        "megabytes that are held of Parquet files and tar archives with pictures; the more, the better those mix that"
        " lie together",
    )

    title: ClassVar[str] = "folders of pictures"
    defaults: ClassVar[Mapping[str, Any]] = {"network": "standard_cnn", "augment": AUGMENTATION}
    patience: ClassVar[int | None] = 15
    enough: ClassVar[int] = 1000  # of fewer the loss is best by chance, before the rate has fallen
    rate_share: ClassVar[float] = 0.25  # of deeper networks and smaller batches than those of MNIST

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size is not None:
            object.__setattr__(self, "size", _size(self.size))

    @staticmethod
    def matches(data: str) -> bool:
        """A folder without IDX files, or a CSV file whose lines name pictures."""
        from sloy.data.listing import lists_pictures

        path = Path(data)
        if path.is_dir():
            return not any(_IDX.fullmatch(entry.name) for entry in path.iterdir())
        return lists_pictures(path)

    @property
    def name(self) -> str:
        """The folder's or file's name."""
        path = Path(self.data).resolve()
        return path.stem if path.is_file() else path.name

    def check(self, network: str, *, further: bool) -> None:
        """The pictures of a model that exists have its size."""
        super().check(network, further=further)
        if further and self.size is not None:
            raise InvalidOption(
                "`size`: with `from` the pictures take the size that the model needs."
            )

    def load(self, wanted: Wanted) -> Loaded:
        """List, decode, split, compare."""
        from sloy.data.listing import list_pictures

        size = None if self.size is None else (self.size[0], self.size[-1])
        taken: dict[str, Any] = {"size": size, "resize": self.resize or "crop"}
        listing = list_pictures(self.data)
        if wanted.start is not None:
            taken = self._as_taken_by(wanted.start, set(listing.class_names))
        folder = self._folder(listing, wanted, taken)
        chosen = kept(len(folder.train), wanted)
        numbers = range(len(folder.train)) if chosen is None else chosen
        return Loaded(
            folder.train if chosen is None else folder.train.take(chosen),
            folder.test,
            folder.validation,
            folder.reader,
            divided=True,
            rows=(*_rows(folder), *_of_stream(folder)),
            places=("file", [str(folder.paths["train"][row]) for row in numbers]),
        )

    def _folder(self, listing: Listing, wanted: Wanted, taken: Mapping[str, Any]) -> PictureFolder:
        """The pictures, decoded; or as a stream, where that is asked for or memory would not hold them."""
        from sloy.data.folders import default_reader, picture_folder
        from sloy.data.listing import list_pictures
        from sloy.data.streams.folder import streamed_folder

        shared: dict[str, Any] = {
            "validation": wanted.validation,
            "seed": wanted.seed,
            "skip_broken": self.skip_broken,
            "progress": lambda done, total: wanted.counted("pictures decoded", done, total),
        }
        reader = taken.get("reader") or default_reader(listing, taken["size"], taken["resize"])
        needed = len(listing.paths) * prod(reader.shape)
        if self.stream == "off" or (self.stream == "auto" and needed <= SHARE * available()):
            return picture_folder(listing, test=self.test, **shared, **taken)
        if names := taken.get("class_names"):
            listing = listing.named(names)
        if isinstance(self.test, str):
            listing = listing.with_test(list_pictures(self.test, fewest=1))
        share = 0.0 if isinstance(self.test, str) else self.test
        return streamed_folder(listing, reader, test=share, **shared)

    def within_time(
        self, loaded: Loaded, recipe: Recipe, engine: Engine
    ) -> tuple[Source, Loaded, int]:
        """Whether pictures are streamed is kept, so that a resumed run does the same whatever memory there is then."""
        return replace(self, stream=used(loaded)), loaded, recipe.epochs

    def to_test(self, model: Model, wanted: Wanted) -> ToTest:
        """The pictures of the part to test on where there is one, else all."""
        from sloy.data.folders import picture_folder
        from sloy.data.listing import list_pictures

        names = names_of(model, self.data)
        listing = list_pictures(self.data, fewest=1)
        tested = [row for row, part in enumerate(listing.parts) if part == "test"]
        what = "the pictures of its part to test on" if tested else "all its pictures"
        folder = picture_folder(
            listing.take(tested or range(len(listing.paths))),
            reader=self._reader_of(model, "the model"),
            class_names=names,
            validation=0,
            test=0,
            skip_broken=self.skip_broken,
            progress=lambda done, total: wanted.counted("pictures decoded", done, total),
        )
        return ToTest(
            folder.train,
            what,
            not tested,
            (
                ("classes", counted(folder.train)),
                *(("note", text.visible(note)) for note in folder.left_out()),
            ),
            {
                "file": [str(path) for path in folder.paths["train"]],
                "true": [names[label] for label in folder.train.y],
            },
        )

    def defaults_for(self, loaded: Loaded, network: str, optimizer: str) -> Mapping[str, Any]:
        """Batches of a 32nd of the pictures, between 8 and 128; epochs for about 800 steps, 8 to 30 of them."""
        count = len(loaded.train)
        found = batches_and_epochs(count, part=32, sizes=(8, 128), steps=800, epochs=(8, 30))
        return {**found, **self.patience_for(loaded)}

    def as_seen(self, reader: Reader | None, x: np.ndarray) -> np.ndarray:
        """Red first."""
        from sloy.data.pictures import PictureReader

        blue_first = isinstance(reader, PictureReader) and reader.order == "BGR"
        return x[..., ::-1] if blue_first else x

    def _as_taken_by(self, model: Model, classes: set[str]) -> dict[str, Any]:
        """How pictures are read for a model that exists, and its classes where they are the same."""
        reader = self._reader_of(model, "`from`: the model")
        same = set(model.class_names) == classes
        return {"reader": reader, "class_names": model.class_names if same else ()}

    def _reader_of(self, model: Model, what: str) -> PictureReader:
        """How pictures are read for a model that exists."""
        from sloy.data.pictures import PictureReader

        reader = model.reader
        if not isinstance(reader, PictureReader):
            shape = model.network.input_shape
            if len(shape) != 3 or shape[2] not in (1, 3):
                raise InvalidOption(
                    f"{what} takes samples of shape {text.shape(shape)}, not pictures."
                )
            return PictureReader((shape[0], shape[1]), shape[2], resize=self.resize or "crop")
        if self.resize not in (None, reader.resize):
            raise InvalidOption(
                f"`resize` (={shown(self.resize)}): the model of `from` reads its pictures by {reader.resize}."
            )
        return reader


def _size(given: Any) -> tuple[int, ...]:
    """A side, or height and width, of a number, of several, or of words."""
    sides = extents(given) if isinstance(given, str) else given
    sides = sides if isinstance(sides, Sequence) else (sides,)
    if not 1 <= len(sides) <= 2:
        raise InvalidArgument(f"`size` (={shown(given)}) must be a side, or height and width.")
    return tuple(integer("pictures", "size", side) for side in sides)


def kept(count: int, wanted: Wanted) -> list[int] | None:
    """As many of the training pictures as are wanted, any of them, rising; None for all."""
    if wanted.samples is None:
        return None
    if wanted.samples > count:
        raise InvalidOption(f"`samples` (={wanted.samples}): there are only {count}.")
    order = permutation(count, make_key(wanted.seed, "samples"))
    return sorted(order[: wanted.samples].tolist())


def _rows(folder: PictureFolder) -> list[Row]:
    """What the opening says beside the counts."""
    rows = [("classes", counted(folder.train)), ("pictures", reading(folder.reader))]
    if folder.on_disk:
        size = text.size(folder.train.x.nbytes)
        rows.append(("", f"{size} of them: kept in a temporary file, not in memory"))
    return [*rows, *(("note", text.visible(remark)) for remark in folder.remarks())]


def _of_stream(folder: PictureFolder) -> list[Row]:
    said = of_stream(folder.train)
    return said and [*said, ("", "equal pictures in several parts or classes are not looked for")]


def counted(data: Dataset) -> str:
    """The classes, each with the number of its pictures."""
    counts = np.bincount(data.y, minlength=data.classes)
    shown = [
        f"{text.visible(name)} {text.count(n)}"
        for name, n in zip(data.class_names, counts, strict=True)
    ]
    more = len(shown) - CLASSES_SHOWN
    return ", ".join(shown[:CLASSES_SHOWN]) + (f", and {more} more" if more > 0 else "")


def reading(reader: PictureReader) -> str:
    """How pictures become samples, in words."""
    height, width = reader.size
    ways = {
        "crop": "the middle of each",
        "stretch": "each stretched or squeezed",
        "pad": "each whole, with borders",
    }
    kind = "grey" if reader.channels == 1 else "colour"
    first = f", after resizing the shorter side to {reader.resize_to}" if reader.resize_to else ""
    order = ", blue first" if reader.order == "BGR" else ""
    deep = f", {reader.greys[0]:g} black and {reader.greys[1]:g} white" if reader.greys else ""
    return f"{ways[reader.resize]} at {height} × {width}{first}, {kind}{order}{deep}"
