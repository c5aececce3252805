"""The kinds of data that `sloy train` takes: one class each, chosen by what stands on the command line."""

from __future__ import annotations

from sloy.cli.sources.base import Loaded, Source, Tested
from sloy.cli.sources.digits import IdxFolder, Mnist
from sloy.cli.sources.folder import PictureSource
from sloy.cli.sources.table import TableFile

__all__ = ["SOURCES", "Loaded", "Source", "Tested", "find"]

SOURCES: tuple[type[Source], ...] = (
    Mnist,
    PictureSource,
    TableFile,
    IdxFolder,
)  # the first that matches


def find(data: str) -> Source:
    """The source that takes this: a name, a folder, a file."""
    return next(source for source in SOURCES if source.matches(data))(data)
