"""All files below a folder: the pictures, and why each other file is none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sloy.data.formats import (
    HEAD,
    advice,
    foreign,
    foreign_head,
    is_picture_head,
    is_picture_name,
)

NO_PICTURE = "passed over, no pictures"
BROKEN = "passed over, broken"
CIRCULAR = "passed over, to a folder that it lies in"
NO_FILE = "passed over, neither file nor folder"
PACKED = "passed over, unpack it if pictures are in it"
NAMELESS = (
    "passed over for their names, though they begin as pictures do; give them a suffix such as .jpg"
)
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_PLAIN = (  # suffixes of files that are no pictures, so that they are not opened to see
    "csv db doc docx gz h5 htm html ini ipynb json jsonl log mat md mov mp3 mp4 npy npz parquet pkl pt pth py sloy"
    " tar tsv txt wav xls xlsx xml yaml yml zip"
)
_NOT_OPENED = frozenset(f".{name}" for name in _PLAIN.split())


Other = tuple[Path, str, str]  # a file, what it is, why it is left out


@dataclass(frozen=True)
class LeftOut:
    """What a listing does without, and why.

    Attributes
    ----------
    noun : str
        What each is: "file", "picture", "class folder", …
    reason : str
    paths : tuple of Path
    names : tuple of str
        How each is called in words; by default the last part of its path.
    """

    noun: str
    reason: str
    paths: tuple[Path, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Below:
    """What a folder holds, at any depth, hidden files left out.

    Attributes
    ----------
    folder : Path
    pictures : tuple of Path
        Sorted.
    others : tuple of (Path, str, str)
        Every other file, what it is, and why it is left out.
    """

    folder: Path
    pictures: tuple[Path, ...]
    others: tuple[Other, ...]

    @property
    def name(self) -> str:
        """Of the folder itself."""
        return self.folder.name

    @property
    def inner(self) -> frozenset[str]:
        """Names of the folders in it that hold pictures."""
        depth = len(self.folder.parts)
        return frozenset(p.parts[depth] for p in self.pictures if len(p.parts) > depth + 1)

    def folders(self) -> list[Below]:
        """What each folder in it holds that has a name of its own; sorted, those without files too."""
        depth = len(self.folder.parts)
        found = {f: (list[Path](), list[Other]()) for f in visible_folders(self.folder)}
        for picture in self.pictures:
            if len(picture.parts) > depth + 1:
                found[self.folder / picture.parts[depth]][0].append(picture)
        for other in self.others:
            inner = self.folder / other[0].parts[depth] if len(other[0].parts) > depth else None
            if inner in found:
                found[inner][1].append(other)
        return [Below(f, tuple(p), tuple(o)) for f, (p, o) in found.items()]


def below(folder: str | os.PathLike[str], *, deep: bool = True) -> Below:
    """Walk through a folder; links are followed, but not to a folder that they lie in.

    Parameters
    ----------
    folder : path
    deep : bool
        Whether folders in it count too.
    """
    pictures, others = list[Path](), list[Other]()
    for path, reason in sorted(_entries(Path(folder), deep)):
        if reason:
            others.append((path, "link" if path.is_symlink() else "folder", reason))
        elif not path.is_file():
            broken = path.is_symlink() and not path.exists()
            noun, why = ("link", BROKEN) if broken else ("entry", NO_FILE)
            others.append((path, noun, why))
        elif is_picture_name(path.name):
            pictures.append(path)
        else:
            others.append((path, *_why(path)))
    return Below(Path(folder), tuple(pictures), tuple(others))


def by_reason(others: Iterable[Other]) -> list[LeftOut]:
    """Files that are left out, those with one reason together."""
    groups: dict[tuple[str, str], list[Path]] = {}
    for path, noun, reason in others:
        groups.setdefault((noun, reason), []).append(path)
    return [LeftOut(*key, tuple(paths)) for key, paths in groups.items()]


def visible_folders(folder: Path) -> list[Path]:
    """The folders in a folder that a person means; sorted."""
    return sorted(p for p in folder.iterdir() if _is_meant(p.name) and p.is_dir())


def _is_meant(name: str) -> bool:
    return not name.startswith((".", "__MACOSX", "__pycache__"))


def _entries(folder: Path, deep: bool) -> Iterator[tuple[Path, str]]:
    """Everything that is no folder and not hidden; and folders that are not entered, with the reason."""
    above = [_identity(parent) for parent in (folder, folder.resolve(), *folder.resolve().parents)]
    waiting = [(folder, (*above, *map(_identity, folder.absolute().parents)))]
    while waiting:
        current, seen = waiting.pop()
        try:
            entries = [Path(current, name) for name in os.listdir(current) if _is_meant(name)]
        except OSError as error:
            yield current, f"passed over, cannot be opened ({error.strerror})"
            continue
        for path in entries:
            if not path.is_dir():
                yield path, ""
            elif not deep:
                continue
            elif (mine := _identity(path)) in seen:
                yield path, CIRCULAR
            else:
                waiting.append((path, (*seen, mine)))


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _why(path: Path) -> tuple[str, str]:
    """What a file is that has not the name of a picture, and why it is left out."""
    if path.name.lower().endswith(ARCHIVES):
        return "archive", PACKED
    name = foreign(path.name)
    if name is None and path.suffix.lower() not in _NOT_OPENED:
        try:
            with path.open("rb") as file:
                head = file.read(HEAD)
        except OSError:
            head = b""
        if is_picture_head(head):
            return "file", NAMELESS
        name = foreign_head(head)
    if name is None or name == "a web page":
        return "file", NO_PICTURE
    return "picture", f"passed over, {name} is not read ({advice(name)})"
