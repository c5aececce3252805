"""Parquet files and tar archives with pictures in them, or a folder of such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sloy import text
from sloy.data import Dataset
from sloy.data.parts import TEST, TRAIN
from sloy.data.streams.folder import has_part, reader_of, rows_of, sound, streamed_shards
from sloy.data.streams.kinds import SHARDS, shards_of, stream
from sloy.errors import FileFormatError, InvalidOption, NotAvailable
from sloy.experiments.sources.base import TARGET, Loaded, Row, ToTest, Wanted
from sloy.experiments.sources.folder import PictureSource, counted, kept, reading
from sloy.experiments.sources.labelled import names_of
from sloy.experiments.sources.streamed import of_stream
from sloy.options import option

if TYPE_CHECKING:
    from sloy.model import Model


@dataclass(frozen=True)
class PictureShards(PictureSource):
    """Pictures that lie in other files; they are always streamed."""

    target: str | None = option(None, TARGET, kind="text", metavar="COLUMN[,COLUMN]", once=True)

    title: ClassVar[str] = ""  # its options stand with those of folders and tables

    @staticmethod
    def matches(data: str) -> bool:
        """A tar archive, a Parquet file with a column of pictures, or a folder of one of both."""
        path = Path(data)
        try:
            files = shards_of(path, TRAIN) if path.is_dir() else [path]
        except FileFormatError:  # of other parts alone, which is said later
            return True
        if not files or files[0].suffix.lower() not in SHARDS or not files[0].is_file():
            return False
        return files[0].suffix.lower() != ".parquet" or _has_pictures(files[0])

    def check(self, network: str, *, further: bool) -> None:
        """They are read while they are used."""
        super().check(network, further=further)
        if self.stream == "off":
            raise InvalidOption(
                f"`stream` (='off'): pictures within {Path(self.data).name} are always read while they are used."
            )

    def load(self, wanted: Wanted) -> Loaded:
        """Read labels and places; split in whole blocks, where files are not named after parts."""
        taken = self._options()
        if wanted.start is not None:
            taken |= {"reader": self._reader_of(wanted.start, "`from`: the model"), "size": None}
        share = 0.0 if isinstance(self.test, str) else self.test
        skipped: list[str] = []
        looked_at = partial(self._looked_at, wanted, skipped)
        train, validation, test = streamed_shards(
            Path(self.data),
            validation=wanted.validation,
            test=share,
            seed=wanted.seed,
            looked_at=looked_at,
            **taken,
        )
        reader, names = reader_of(train), tuple(train.class_names)
        if isinstance(self.test, str):
            own = {**taken, "reader": reader, "size": None}
            test = looked_at(stream(self.test, class_names=names, **own))
        if (rows := kept(len(train), wanted)) is not None:
            train = train.take(rows)
        rows_of(train)[:1]  # all that decodes is loaded from here on
        told = (
            ("classes", counted(train)),
            ("pictures", reading(reader)),
            *of_stream(train),
            *_notes(skipped),
        )
        return Loaded(train, test, validation, reader, divided=True, rows=told)

    def to_test(self, model: Model, wanted: Wanted) -> ToTest:
        """The files of the part to test on where there are such, else all."""
        names, path = names_of(model, self.data), Path(self.data)
        part = TEST if path.is_dir() and has_part(path, TEST) else TRAIN
        own = {**self._options(), "reader": self._reader_of(model, "the model"), "size": None}
        skipped: list[str] = []
        data = self._looked_at(wanted, skipped, stream(path, part=part, **own))
        data = replace(data, class_names=_as_the_model(names, data.class_names, self.data))
        what = "the pictures of its part to test on" if part == TEST else "all its pictures"
        numbers = rows_of(data).numbers
        beside = {
            "sample": range(len(data)) if numbers is None else numbers.tolist(),
            "true": [names[label] for label in data.y],
        }
        told = (("classes", counted(data)), *_notes(skipped))
        return ToTest(data, what, part != TEST, told, beside)

    def _looked_at(self, wanted: Wanted, skipped: list[str], data: Dataset) -> Dataset:
        """The same without pictures that cannot be read, where they are to be skipped; why goes to `skipped`."""
        if not self.skip_broken:
            return data
        told = lambda done, total: wanted.counted("pictures decoded", done, total)  # noqa: E731
        good, why = sound(data, told)
        skipped.extend(why)
        return good

    def _options(self) -> dict[str, Any]:
        """As `stream` takes them."""
        size = None if self.size is None else (self.size[0], self.size[-1])
        return {
            "target": self.target,
            "size": size,
            "resize": self.resize or "crop",
            "hold": self.hold * 1_000_000,
        }


def _notes(skipped: Sequence[str]) -> list[Row]:
    """What is said of pictures that were skipped."""
    if not skipped:
        return []
    some = "; ".join(one.removesuffix(".") for one in skipped[:3]) + "; …" * (len(skipped) > 3)
    return [("note", text.visible(f"{text.many(len(skipped), 'file')} skipped: {some}"))]


def _as_the_model(names: Any, own: Any, where: str) -> tuple[str, ...]:
    """The classes of a model, where a stream numbers its labels likewise; `InvalidOption` else."""
    if tuple(own) != tuple(names)[: len(own)]:
        raise InvalidOption(
            f"{where}: its classes are {text.named(list(own), 6)}; those of the model {text.named(list(names), 6)}."
        )
    return tuple(names)


def _has_pictures(path: Path) -> bool:
    from sloy.data.streams.parquet import ParquetFiles

    try:
        return ParquetFiles([path]).pictures() is not None
    except (FileFormatError, NotAvailable, OSError):  # which is said by who reads it
        return False
