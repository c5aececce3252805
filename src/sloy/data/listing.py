"""Which pictures a folder or a CSV file lists, of what class, and in which part: found, not yet read.

Three forms::

    DIR/CLASS/….jpg                     one folder for each class, folders within it count
    DIR/train/CLASS/… DIR/test/CLASS/…  the same in parts; val/ too
    DIR/labels.csv or labels.csv        a line for each picture: its path from the file's folder, its class

Which of the first two it is, the whole layout tells (`layout`); what could be either is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from sloy.arguments import path_of
from sloy.data.below import ARCHIVES, Below, LeftOut, below, by_reason, visible_folders
from sloy.data.formats import is_picture_name
from sloy.data.layout import part_folders, parts_within
from sloy.data.list_rows import OTHERS, TABLES
from sloy.data.listed import csv_files, csv_samples, has_paths, other_lists
from sloy.data.listing_words import few, holds, said_of, what_is_missing
from sloy.data.other_kinds import BOXES, boxes_in
from sloy.data.parts import TEST, TRAIN, VALIDATION, part_meant, part_of
from sloy.errors import FileFormatError

OUTSIDE = "passed over, in no class folder"
_FLAT = "passed over, without a class"

Sample = tuple[Path, str, str]  # file, class, part


@dataclass(frozen=True, eq=False)
class Listing:
    """Labelled picture files.

    Attributes
    ----------
    source : Path
        The folder or CSV file.
    paths : tuple of Path
    labels : array, int32 (N,)
        Positions in `class_names`.
    parts : tuple of str
        For each picture "train", "validation" or "test"; "" where the source does not say.
    class_names : tuple of str
        Sorted; as numbers where all are.
    omitted : tuple of LeftOut
        Everything else that the source holds, and why it is not listed; hidden files excepted.
    """

    source: Path
    paths: tuple[Path, ...]
    labels: np.ndarray
    parts: tuple[str, ...]
    class_names: tuple[str, ...]
    omitted: tuple[LeftOut, ...] = ()

    def take(self, rows: Sequence[int]) -> Listing:
        """Some of the pictures, in no part."""
        paths = tuple(self.paths[row] for row in rows)
        parts = ("",) * len(paths)
        return replace(self, paths=paths, labels=self.labels[list(rows)], parts=parts)

    def with_test(self, other: Listing) -> Listing:
        """The same, and all pictures of another listing as the part to test on."""
        if TEST in self.parts:
            raise FileFormatError(
                f"{self.source}: has a part to test on already; give no other, or the folder to train on alone."
            )
        if any(other.parts):
            raise FileFormatError(
                f"{other.source}: has parts, {', '.join(sorted(set(other.parts)))}; give the folder of one of them."
            )
        known = other.named(self.class_names)
        return replace(
            self,
            paths=self.paths + known.paths,
            labels=np.concatenate([self.labels, known.labels]),
            parts=self.parts + (TEST,) * len(known.paths),
            omitted=self.omitted + known.omitted,
        )

    def named(self, names: Sequence[str]) -> Listing:
        """The same with the labels that classes of these names have; each of its own must be among them."""
        if unknown := [name for name in self.class_names if name not in names]:
            raise FileFormatError(
                f"{self.source}: the class {unknown[0]!r} is not among the {len(names)} given ({few(names)})."
            )
        numbers = np.array([list(names).index(name) for name in self.class_names], np.int32)
        return replace(self, labels=numbers[self.labels], class_names=tuple(names))


def list_pictures(source: str | Path, *, fewest: int = 2) -> Listing:
    """The pictures of a folder or a CSV file in one of the forms above.

    Parameters
    ----------
    source : str or Path
    fewest : int
        Classes that it must have: 2 to train on, 1 to test on.

    Raises
    ------
    FileFormatError
        Where it is none of them, or could be two; it says what is missing.
    """
    path = path_of("list_pictures", "source", source)
    if path.is_file():
        if path.suffix.lower() in ARCHIVES:
            raise FileFormatError(f"{path}: is an archive; unpack it, and name the folder.")
        return _from_csv(path, None, fewest)
    if not path.is_dir():
        raise FileFormatError(f"{path}: is no folder and no CSV file.")
    folders = [below(folder) for folder in visible_folders(path)]
    filled = [folder for folder in folders if folder.pictures]
    if parts := part_folders(path, filled):
        return _from_parts(path, folders, parts, fewest)
    tables = csv_files(path)
    unlike_classes = bool(filled) and all(part_meant(folder.name) for folder in filled)
    if len(filled) < 2 or unlike_classes:
        naming = [table for table in tables if has_paths(table)] or other_lists(path)
        if listing := naming or (tables if len(filled) < fewest or unlike_classes else []):
            if len(listing) > 1:
                names = ", ".join(table.name for table in listing)
                named = {part_of(table.stem): table for table in listing}
                if TRAIN in named and "" not in named and len(named) == len(listing):
                    with suppress(FileFormatError):  # a list to test on may be without classes
                        return _from_lists(path, named, fewest)
                way = ""
                if TRAIN in named and TEST in named:
                    way = f": {named[TRAIN]}, and --test {named[TEST]} where that has classes, too"
                raise FileFormatError(
                    f"{path}: holds several lists ({names}); name one of them{way}."
                )
            return _from_csv(listing[0], path, fewest)
        if len(filled) < fewest or unlike_classes:
            raise FileFormatError(f"{path}: {what_is_missing(path, folders)}")
    _refuse_other_labels(path, tables, {folder.name for folder in filled})
    samples = parts_within(path, filled) or [
        (file, folder.name, "") for folder in filled for file in folder.pictures
    ]
    return _listing(path, samples, _beside(path, samples, folders, folders), fewest)


def lists_pictures(source: str | Path) -> bool:
    """Whether a folder or a CSV file looks like one of the forms above; quick, nothing is refused."""
    path = Path(source)
    if path.is_file():
        return path.suffix.lower() in (*TABLES, *OTHERS) and has_paths(path)
    if not path.is_dir():
        return False
    if any(is_picture_name(entry.name) for entry in path.iterdir()):
        return True
    return any(map(_holds_a_picture, visible_folders(path))) or any(map(has_paths, csv_files(path)))


def _listing(
    source: Path,
    samples: Sequence[Sample],
    omitted: Sequence[LeftOut],
    fewest: int,
    where: Mapping[str, str] = MappingProxyType({}),
) -> Listing:
    """The samples in numbers of classes; `where` says of each part in words that a class is not in it."""
    names = sorted({name for _, name, _ in samples})
    if all(name.isdecimal() for name in names):
        names.sort(key=int)
    if len(names) < fewest:
        said = "".join(f"\n  {said_of(item)}" for item in omitted if item.noun != "file")
        if source.is_dir() and (found := boxes_in(source)):
            said = f" As it seems, {BOXES.format(found=found)}, in a CSV file of paths and labels."
        raise FileFormatError(
            f"{source}: all pictures are of one class, {names[0]!r}; two or more are needed.{said}"
        )
    omitted = [*_without_class(source, samples, names, where), *omitted]
    number = {name: label for label, name in enumerate(names)}
    return Listing(
        source,
        tuple(path for path, _, _ in samples),
        np.array([number[name] for _, name, _ in samples], np.int32),
        tuple(part for _, _, part in samples),
        tuple(names),
        tuple(omitted),
    )


def _without_class(
    source: Path, samples: Sequence[Sample], names: Sequence[str], where: Mapping[str, str]
) -> list[LeftOut]:
    """Classes that a part is without; refuses one that has no picture to train on beside such that have."""
    held: dict[str, set[str]] = {}
    for _, name, part in samples:
        held.setdefault(part, set()).add(name)
    if TRAIN in held and (unknown := [n for n in names if n not in held[TRAIN]]):
        raise FileFormatError(
            f"{source}: no picture of the class {unknown[0]!r} is for training; those to train on are of"
            f" {few(sorted(held[TRAIN]))}."
        )
    said = []
    for part in (VALIDATION, TEST):
        if part in held and (missing := tuple(n for n in names if n not in held[part])):
            what = "never tested" if part == TEST else "not validated"
            reason = f"{what}, {where.get(part, 'no picture of it is for that')}"
            said.append(LeftOut("class", reason, tuple(map(Path, missing)), missing))
    return said


# --- folders --------------------------------------------------------------------------------------


def _from_parts(
    path: Path, tops: Sequence[Below], parts: Mapping[str, Below], fewest: int
) -> Listing:
    train = parts[TRAIN].inner
    samples: list[Sample] = []
    classes: list[Below] = []
    for part, folder in sorted(parts.items(), key=lambda item: item[0] != TRAIN):
        inside = folder.folders()
        filled = [inner for inner in inside if inner.pictures]
        if len(filled) == 1 and len(filled[0].inner) > 1:
            raise FileFormatError(
                f"{folder.folder}: holds one folder, {filled[0].name}/, which holds several; if these are the"
                f" classes, move them up into {folder.name}/."
            )
        if unknown := sorted(folder.inner - train):
            raise FileFormatError(
                f"{folder.folder}: the class {unknown[0]!r} is not among those of"
                f" {parts[TRAIN].name}/ ({few(sorted(train))})."
            )
        samples += [(file, inner.name, part) for inner in filled for file in inner.pictures]
        classes += inside
    classes += [top for top in tops if part_of(top.name) and not top.pictures]
    where = {part: f"not in {folder.name}/" for part, folder in parts.items()}
    return _listing(path, samples, _beside(path, samples, tops, classes), fewest, where)


def _beside(
    path: Path, samples: Sequence[Sample], tops: Sequence[Below], classes: Sequence[Below]
) -> list[LeftOut]:
    """What a folder holds beside the samples, by reason.

    Parameters
    ----------
    path : Path
    samples : sequence of (file, class, part)
    tops : sequence of Below
        The folders in `path`.
    classes : sequence of Below
        Those that should hold pictures.
    """
    said: list[LeftOut] = []
    if empty := [folder for folder in classes if not folder.pictures]:
        names = tuple(f"{folder.folder.relative_to(path)} ({holds(folder)})" for folder in empty)
        reason = "left out, without a picture that is read"
        said.append(LeftOut("folder", reason, tuple(f.folder for f in empty), names))
    if classes is tops and (named := [f for f in tops if part_of(f.name) and f.pictures]):
        folders = tuple(folder.folder for folder in named)
        said.append(LeftOut("folder", "taken for a class, not for a part", folders))
    inside = {folder.inner for folder in tops if folder.pictures}
    same = inside.pop() if classes is tops and len(inside) == 1 else frozenset()
    if len(same) > 1 and len({name for _, name, _ in samples}) > 1 and not any(map(part_of, same)):
        reason = (
            "in every class; if these are the classes, call those around them train, val and test"
        )
        said.append(LeftOut("folder", reason, tuple(Path(name) for name in sorted(same))))
    known = {file for file, _, _ in samples}
    whole = [below(path, deep=False), *tops]
    without: dict[str, list[Path]] = {}
    for folder in whole:
        flat = folder.folder != path and not folder.inner
        reason = f"{_FLAT}: {folder.name}/ has no folders of classes" if flat else OUTSIDE
        without.setdefault(reason, []).extend(f for f in folder.pictures if f not in known)
    said += [LeftOut("picture", reason, tuple(files)) for reason, files in without.items() if files]
    return [*said, *by_reason(other for folder in whole for other in folder.others)]


def _holds_a_picture(folder: Path) -> bool:
    """Whether there is one within a few levels; stops at the first."""
    waiting = [(folder, 0)]
    while waiting:
        current, depth = waiting.pop()
        for entry in current.iterdir():
            if is_picture_name(entry.name):
                return True
            if depth < 4 and not entry.name.startswith((".", "__")) and entry.is_dir():
                waiting.append((entry, depth + 1))
    return False


# --- CSV ------------------------------------------------------------------------------------------


def _from_csv(table: Path, folder: Path | None, fewest: int) -> Listing:
    """The pictures of a CSV file; beside them all of a `folder`, or those that lie next to them, are looked at."""
    samples, again = csv_samples(table)
    if folder is not None:
        return _listing(table, samples, [*again, *_unlisted(folder, samples, table)], fewest)
    listed = {file for file, _, _ in samples}
    parents = {file.parent for file in listed if file.parent.is_dir()}
    files = [file for parent in sorted(parents) for file in below(parent, deep=False).pictures]
    if unlisted := tuple(file for file in files if file not in listed):
        again.insert(0, LeftOut("picture", f"passed over, in no line of {table.name}", unlisted))
    return _listing(table, samples, again, fewest)


def _from_lists(folder: Path, tables: Mapping[str, Path], fewest: int) -> Listing:
    """The pictures of a list for each part: train.csv, val.csv, test.csv."""
    samples, again = list[Sample](), list[LeftOut]()
    for part, table in tables.items():
        found, repeated = csv_samples(table)
        samples += [(file, name, part) for file, name, _ in found]
        again += repeated
    first: dict[Path, str] = {}
    for file, _, part in samples:
        if first.setdefault(file, part) != part:
            raise FileFormatError(
                f"{folder}: {tables[first[file]].name} and {tables[part].name} both list {file.name}."
            )
    where = {part: f"in no line of {table.name}" for part, table in tables.items()}
    rest = _unlisted(folder, samples, *tables.values())
    return _listing(folder, samples, [*again, *rest], fewest, where)


def _unlisted(folder: Path, samples: Sequence[Sample], *tables: Path) -> list[LeftOut]:
    """What a folder holds beside what its lists name."""
    listed, whole = {file for file, _, _ in samples}, below(folder)
    others = by_reason(other for other in whole.others if other[0] not in tables)
    if unlisted := tuple(file for file in whole.pictures if file not in listed):
        reason = f"passed over, in no line of {' or '.join(table.name for table in tables)}"
        others.insert(0, LeftOut("picture", reason, unlisted))
    return others


def _refuse_other_labels(path: Path, tables: Sequence[Path], folders: set[str]) -> None:
    """Refuse a CSV file beside folders of pictures that gives these pictures other classes."""
    for table in tables:
        try:
            samples = csv_samples(table)[0] if has_paths(table) else []
        except FileFormatError:  # it may say something else of them
            continue
        other = sorted({label for _, label, _ in samples} - folders)
        inside = [file for file, _, _ in samples if file.exists()]
        if other and inside:
            raise FileFormatError(
                f"{path}: holds folders of pictures ({few(sorted(folders))}), and {table.name}, which lists"
                f" pictures with other classes ({few(other)}). Name {table} to go by it; to go by the folders,"
                " move it away."
            )
