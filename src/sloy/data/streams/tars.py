"""Tar archives in the manner of WebDataset: of each sample a picture and, under the same name, its label.

``000012.jpg`` and ``000012.cls`` are a sample; without ``.cls`` files the folder that a picture lies in, within the
archive, is its class. What else there is of a sample is passed over.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sloy.data.formats import is_picture_name
from sloy.data.images import Encoded
from sloy.data.pictures import PictureReader
from sloy.data.streams.pictures import EncodedPictures, objects
from sloy.data.streams.source import of_files
from sloy.errors import FileFormatError
from sloy.text import reason

BLOCK = 1 << 20  # bytes of a block, about
LABEL = ".cls"


@dataclass(frozen=True)
class Member:
    """A picture in an archive."""

    archive: int
    offset: int
    size: int
    name: str
    label: str


def members(paths: Sequence[Path]) -> list[Member]:
    """The pictures of some archives with their labels, in their order; only headers and labels are read."""
    found: list[Member] = []
    for number, path in enumerate(paths):
        found += _members(number, path)
    if not found:
        raise FileFormatError(f"{paths[0]}: holds no picture with a label.")
    return found


def _members(number: int, path: Path) -> list[Member]:
    pictures: dict[str, tarfile.TarInfo] = {}
    labels: dict[str, str] = {}
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                key, suffix = _key(member.name)
                if not member.isfile():
                    continue
                if is_picture_name(f"x{suffix}"):
                    pictures.setdefault(key, member)
                elif suffix == LABEL and (file := archive.extractfile(member)) is not None:
                    labels[key] = file.read(256).decode("utf-8", "replace").strip()
    except (tarfile.TarError, ValueError, OSError) as error:  # offsets beyond all files among them
        if isinstance(error, OSError) and error.filename:
            raise
        packed = " (unpack .gz and the like first: they cannot be read at any place)"
        raise FileFormatError(f"{path}: is no tar archive{packed}: {reason(error)}.") from None
    if not labels:
        labels = {key: Path(key).parent.name for key in pictures}
    if lacking := [key for key in pictures if not labels.get(key)]:
        raise FileFormatError(
            f"{path}: {pictures[lacking[0]].name} has no label: neither {Path(lacking[0]).name}{LABEL} nor a folder"
            " of its class."
        )
    return [
        Member(number, picture.offset_data, picture.size, picture.name, labels[key])
        for key, picture in pictures.items()
    ]


def _key(name: str) -> tuple[str, str]:
    """What the files of a sample have in common, and the rest: up to the first point of the file's name."""
    folder, _, file = name.rpartition("/")
    key, point, suffix = file.partition(".")
    return f"{folder}/{key}", f"{point}{suffix}".lower()


class TarPictures(EncodedPictures):
    """Pictures in tar archives.

    Parameters
    ----------
    paths : sequence of Path
    found : sequence of Member
        As `members` gives them.
    reader : PictureReader
    hold : int
    """

    def __init__(
        self, paths: Sequence[Path], found: Sequence[Member], reader: PictureReader, hold: int
    ) -> None:
        self._paths, self._members = tuple(paths), tuple(found)
        starts, sizes, begin = [0], list[int](), found[0].offset
        for row, member in enumerate(found):
            end = member.offset + member.size
            last = row + 1 == len(found)
            following = member if last else found[row + 1]
            if last or following.archive != member.archive or end - begin >= BLOCK:
                starts.append(row + 1)
                sizes.append(end - begin)
                begin = following.offset
        base = Path(os.path.commonpath([path.parent for path in paths]))
        name = paths[0].name if len(paths) == 1 else f"{len(paths)} archives of {base.name}"
        told = of_files(paths, base)
        super().__init__(starts, np.array(sizes), hold, name, told, reader=reader)

    def read(self, number: int) -> np.ndarray:
        """The files of a stretch of an archive."""
        first, last = self.starts[number : number + 2].tolist()
        begin, end = self._members[first], self._members[last - 1]
        path, size = self._paths[begin.archive], end.offset + end.size - begin.offset
        with path.open("rb") as file:
            found = os.pread(file.fileno(), size, begin.offset)
        if len(found) != size:
            raise FileFormatError(f"{path}: was cut short while it was read.")
        starts = [(m.offset - begin.offset, m.size) for m in self._members[first:last]]
        return objects([found[at : at + nbytes] for at, nbytes in starts])

    def place(self, row: int) -> str:
        """The archive and the name in it."""
        member = self._members[row]
        return f"{self._paths[member.archive]}/{member.name}"


def read_members(paths: Sequence[Path], found: Sequence[Member]) -> list[Encoded]:
    """Some pictures."""
    read = []
    for member in found:
        with paths[member.archive].open("rb") as file:
            content = os.pread(file.fileno(), member.size, member.offset)
        read.append(Encoded(content, f"{paths[member.archive]}/{member.name}"))
    return read
