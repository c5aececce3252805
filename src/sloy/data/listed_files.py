"""Which files the names in a list of pictures mean: without suffix or folder, in other letters, written elsewhere."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from sloy.data.below import below
from sloy.data.formats import foreign, is_picture_name
from sloy.data.parts import TRAIN, part_of
from sloy.errors import FileFormatError
from sloy.text import shown

_MOST_NEAR = 20_000  # files near a list that are looked at to tell whether it names pictures
_LEVELS = 2  # of folders below it, likewise
_SAME = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tiff": ".tif"}

Names = Mapping[
    str, Sequence[Path]
]  # a picture's name without its suffix (`_key`) → the files called so


def files_of(table: Path, lines: Mapping[str, int]) -> dict[str, Path]:
    """The file that each name means; a name without one keeps its path, and is refused when it is read.

    Parameters
    ----------
    table : Path
        The list.
    lines : mapping
        Name → its line.

    Raises
    ------
    FileFormatError
        Where a name could be two files, or none of the names is a file's.
    """
    folder = table.parent
    found = {name: folder / _plain(folder, name) for name in lines}
    lost = [name for name, path in found.items() if not os.path.lexists(path)]
    if not lost:
        return found
    near = _every(folder)
    meant = {name: called(near, name) for name in lost}
    if len(lost) == len(lines) and not any(meant.values()):
        meant = _elsewhere(folder, near, lost)
        if not any(meant.values()):
            _refuse_lost(table, near, lines)
    folders = Counter(_folder_of(path, name) for name, paths in meant.items() for path in paths)
    for name, paths in meant.items():
        if len(paths) > 1:
            best = _likeliest(table, [(folders[_folder_of(p, name)], p) for p in paths])
            if best is None:
                some = " or ".join(str(path.relative_to(folder)) for path in paths[:3])
                raise FileFormatError(f"{table}: line {lines[name]}: {name!r} may be {some}.")
            found[name] = best
        elif paths:
            found[name] = paths[0]
    return found


def called(near: Names, name: str) -> Sequence[Path]:
    """The files that a name may mean, with or without folder and suffix.

    Those that are called so; else in other letters (``IMG_1.JPG``); else of the same number (7 for 007).
    """
    given = Path(name.replace("\\", "/"))
    whole = is_picture_name(given.name) or foreign(given.name) is not None
    stem = given.stem if whole else given.name
    suffix = given.suffix if whole else ""
    wanted = (*given.parts[:-1], stem)
    fits = [
        path
        for path in near.get(_key(stem), ())
        if not suffix or _kind(path.suffix) == _kind(suffix)
    ]
    for change in (str, str.casefold, _key):
        tail = tuple(map(change, wanted))
        same = [p for p in fits if tuple(map(change, _tail(p, len(wanted)))) == tail]
        if same:
            return same
    return ()


def names_near(folder: Path) -> dict[str, list[Path]]:
    """The pictures of two levels below a folder, and no further than the first files: to be quick in a large one."""
    found: dict[str, list[Path]] = {}
    waiting, looked_at = [(folder, 0)], 0
    while waiting and looked_at < _MOST_NEAR:
        current, level = waiting.pop(0)
        try:
            names = sorted(os.listdir(current))[:_MOST_NEAR]
        except OSError:
            continue
        looked_at += len(names)
        for name in names:
            path = Path(current, name)
            if is_picture_name(name) or foreign(name):
                found.setdefault(_key(path.stem), []).append(path)
            elif level < _LEVELS and not name.startswith(".") and path.is_dir():
                waiting.append((path, level + 1))
    return found


def _plain(folder: Path, name: str) -> str:
    """A name as it is written on this system."""
    written = name.replace("\\", "/")  # on Windows
    return name if name == written or os.path.lexists(folder / name) else written


def _tail(path: Path, length: int) -> tuple[str, ...]:
    return (*path.parts[-length:-1], path.stem)


def _key(stem: str) -> str:
    return stem.lstrip("0") or "0" if stem.isdecimal() else stem.casefold()


def _kind(suffix: str) -> str:
    low = suffix.lower()
    return _SAME.get(low, low)


def _elsewhere(folder: Path, near: Names, names: Sequence[str]) -> dict[str, Sequence[Path]]:
    """The files where all names begin with the same folders, which are not here: /kaggle/input/x/images/1.jpg.

    What is left of a name counts from the list's folder, and nowhere deeper: another part may have a file of that name.
    """
    paths = {name: Path(name.replace("\\", "/")).parts for name in names}
    first = next(iter(paths.values()))
    for cut in range(1, min(map(len, paths.values()))):
        if any(parts[:cut] != first[:cut] for parts in paths.values()):
            break
        if (part := part_of(first[cut - 1])) and part != part_of(folder.name):
            continue
        found = {name: _here(folder, near, parts[cut:]) for name, parts in paths.items()}
        if sum(map(bool, found.values())) > len(names) / 2:
            return found
    return dict.fromkeys(names, ())


def _here(folder: Path, near: Names, parts: Sequence[str]) -> Sequence[Path]:
    deep = len(folder.parts) + len(parts)
    return [path for path in called(near, "/".join(parts)) if len(path.parts) == deep]


def _refuse_lost(table: Path, near: Names, lines: Mapping[str, int]) -> None:
    """Refuse a list none of whose names is a file's, where something can be said of it."""
    for name, line in lines.items():
        if "://" in name:
            raise FileFormatError(
                f"{table}: line {line}: {shown(name, 80)} is an address; download the pictures, and list the files."
            )
        other = near.get(_key(Path(name.replace("\\", "/")).stem), ())
        if len(other) == 1 and is_picture_name(name):
            raise FileFormatError(
                f"{table}: line {line}: there is no {shown(name, 80)}, but {other[0].relative_to(table.parent)};"
                " correct the names, or leave their folders and suffixes out."
            )
        break


def _likeliest(table: Path, counted: Sequence[tuple[int, Path]]) -> Path | None:
    """Of files with one name that in the folder with most names; of such the one called as the list, or train/."""
    most = max(count for count, _ in counted)
    best = [path for count, path in counted if count == most]
    if len(best) > 1:
        part = part_of(table.stem) or TRAIN
        top = len(table.parent.parts)
        best = [p for p in best if table.stem == p.parts[top] or part_of(p.parts[top]) == part]
    return best[0] if len(best) == 1 else None


def _folder_of(path: Path, name: str) -> Path:
    """Where a name begins that means this file."""
    deep = len(Path(name.replace("\\", "/")).parts)
    return path.parents[min(deep, len(path.parents)) - 1]


def _every(folder: Path) -> dict[str, list[Path]]:
    """The pictures below a folder, by their names without suffix."""
    whole, found = below(folder), dict[str, list[Path]]()
    for path in (*whole.pictures, *(p for p, _, _ in whole.others if foreign(p.name))):
        found.setdefault(_key(path.stem), []).append(path)
    return found
