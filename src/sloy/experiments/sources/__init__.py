"""The kinds of data that an experiment takes: one class each, chosen by what the data is."""

from __future__ import annotations

from pathlib import Path

from sloy.arguments import path_of
from sloy.data.idx import is_idx
from sloy.data.other_kinds import other_kind
from sloy.errors import InvalidArgument
from sloy.experiments.sources.base import Loaded, Measured, Source, ToTest, Wanted
from sloy.experiments.sources.digits import IdxFolder, Mnist
from sloy.experiments.sources.folder import PictureSource
from sloy.experiments.sources.shards import PictureShards
from sloy.experiments.sources.table import TableFile
from sloy.model.loading import way_in
from sloy.options import options
from sloy.text import shortened

__all__ = [
    "SOURCES",
    "Loaded",
    "Measured",
    "Source",
    "ToTest",
    "Wanted",
    "source_of",
    "source_options",
]

SOURCES: tuple[type[Source], ...] = (
    Mnist,
    PictureShards,
    PictureSource,
    TableFile,
    IdxFolder,
)  # the first that matches


def source_of(data: str) -> Source:
    """The source that takes this, a name, a folder or a file, with its default options."""
    if (way := way_in(path_of("source_of", "data", data))) is not None:
        raise InvalidArgument(f"{data}: {way}; DATA is what it is trained on, with --from MODEL.")
    if is_idx(Path(data)):
        raise InvalidArgument(
            f"{data}: is one IDX file; DATA is the folder of images and labels, to train on and to test on."
        )
    for source in SOURCES:
        if source.matches(data):
            if source is TableFile and (kind := other_kind(Path(data), tables=True)) is not None:
                raise InvalidArgument(f"{data}: {kind}.")
            return source(data)
    named = "/".join(shortened(part, 80) for part in str(data).split("/"))
    raise InvalidArgument(
        f"{named}: there is no such file or folder; DATA is mnist, a folder of pictures or of IDX files, Parquet"
        " files or tar archives of pictures, or a table (CSV, TSV, Parquet, Excel)."
    )


def source_options() -> frozenset[str]:
    """Names of the options that belong to some kind of data."""
    return frozenset(name for source in SOURCES for name, _, _ in options(source))
