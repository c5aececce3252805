"""Which pictures a folder or a CSV file lists, of what class, and in which part: found, not yet read.

Three forms::

    DIR/CLASS/….jpg                     one folder for each class, folders within it count
    DIR/train/CLASS/… DIR/test/CLASS/…  the same in parts; val/ too
    DIR/labels.csv or labels.csv        a line for each picture: its path from the file's folder, its class
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sloy.data.images import is_picture_name, picture_files
from sloy.errors import FileFormatError

PARTS = {  # a folder's name, or a cell of a column `split` → the part
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
LABEL_COLUMNS = ("label", "class", "category", "target", "species", "breed")
PART_COLUMNS = ("split", "part", "subset", "set")
_LOOKED_AT = 50  # lines of a CSV file from which its columns are told
_LOOKED_INTO = 1 << 16  # characters of it, where it is only asked whether it lists pictures


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
    passed_over : tuple of Path
        What is no picture file, or lies in no class.
    """

    source: Path
    paths: tuple[Path, ...]
    labels: np.ndarray
    parts: tuple[str, ...]
    class_names: tuple[str, ...]
    passed_over: tuple[Path, ...] = ()

    def take(self, rows: Sequence[int]) -> Listing:
        """Some of the pictures, in no part."""
        paths = tuple(self.paths[row] for row in rows)
        parts = ("",) * len(paths)
        return replace(self, paths=paths, labels=self.labels[list(rows)], parts=parts)

    def with_test(self, other: Listing) -> Listing:
        """The same, and all pictures of another listing as the part to test on."""
        if "test" in self.parts:
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
            parts=self.parts + ("test",) * len(known.paths),
            passed_over=self.passed_over + known.passed_over,
        )

    def named(self, names: Sequence[str]) -> Listing:
        """The same with the labels that classes of these names have; each of its own must be among them."""
        if unknown := [name for name in self.class_names if name not in names]:
            raise FileFormatError(
                f"{self.source}: the class {unknown[0]!r} is not among the {len(names)} given ({_few(names)})."
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
        Where it is none of them; it says what is missing.
    """
    path = Path(source)
    if path.is_file():
        return _from_csv(path, fewest)
    if not path.is_dir():
        raise FileFormatError(f"{path}: is no folder and no CSV file.")
    if parts := _part_folders(path):
        return _from_parts(path, parts, fewest)
    classes = _class_folders(path)
    if not classes and (tables := sorted(path.glob("*.csv"))):
        if len(tables) > 1:
            names = ", ".join(table.name for table in tables)
            raise FileFormatError(f"{path}: holds several CSV files ({names}); name one of them.")
        return _from_csv(tables[0], fewest)
    if len(classes) < fewest:
        raise FileFormatError(f"{path}: {_what_is_missing(path, classes)}")
    samples = [(file, name, "") for name, files in classes.items() for file in files]
    return _listing(path, samples, _left_over(path, [file for file, _, _ in samples]), fewest)


def lists_pictures(source: str | Path) -> bool:
    """Whether a folder or a CSV file looks like one of the forms above; quick, nothing is refused."""
    path = Path(source)
    if path.is_file():
        return path.suffix.lower() in (".csv", ".tsv") and _has_paths(path)
    if not path.is_dir():
        return False
    if any(is_picture_name(entry.name) for entry in path.iterdir()):
        return True
    return any(map(_holds_a_picture, _folders(path))) or any(map(_has_paths, path.glob("*.csv")))


def _listing(
    source: Path,
    samples: Sequence[tuple[Path, str, str]],
    passed_over: Sequence[Path],
    fewest: int,
) -> Listing:
    names = sorted({name for _, name, _ in samples})
    if all(name.isdecimal() for name in names):
        names.sort(key=int)
    if len(names) < fewest:
        raise FileFormatError(
            f"{source}: all pictures are of one class, {names[0]!r}; two or more are needed."
        )
    number = {name: label for label, name in enumerate(names)}
    return Listing(
        source,
        tuple(path for path, _, _ in samples),
        np.array([number[name] for _, name, _ in samples], np.int32),
        tuple(part for _, _, part in samples),
        tuple(names),
        tuple(passed_over),
    )


# --- folders --------------------------------------------------------------------------------------


def _folders(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))


def _class_folders(path: Path) -> dict[str, list[Path]]:
    """Name of each folder with pictures → the pictures in it, at any depth."""
    found = {folder.name: picture_files(folder) for folder in _folders(path)}
    return {name: files for name, files in found.items() if files}


def _part_folders(path: Path) -> dict[str, Path]:
    """Part → its folder, where there is one to train on that has folders of classes."""
    found: dict[str, Path] = {}
    for folder in _folders(path):
        if (part := PARTS.get(folder.name.lower())) is None or not any(
            map(_holds_a_picture, _folders(folder))
        ):
            continue
        if part in found:
            raise FileFormatError(
                f"{path}: both {found[part].name}/ and {folder.name}/ are for {part}; keep one."
            )
        found[part] = folder
    return found if "train" in found else {}


def _from_parts(path: Path, parts: Mapping[str, Path], fewest: int) -> Listing:
    classes = {part: _class_folders(folder) for part, folder in parts.items()}
    for part, found in classes.items():
        if unknown := sorted(set(found) - set(classes["train"])):
            raise FileFormatError(
                f"{parts[part]}: the class {unknown[0]!r} is not among those of"
                f" {parts['train'].name}/ ({_few(sorted(classes['train']))})."
            )
    samples = [
        (file, name, part)
        for part, found in classes.items()
        for name, files in found.items()
        for file in files
    ]
    return _listing(path, samples, _left_over(path, [file for file, _, _ in samples]), fewest)


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


def _left_over(path: Path, listed: Sequence[Path]) -> list[Path]:
    """Files below a folder that are not listed and not hidden."""
    known = set(listed)
    files = (p for p in path.rglob("*") if not any(q.startswith(".") for q in p.parts))
    return sorted(p for p in files if p not in known and p.is_file())


def _what_is_missing(path: Path, classes: Mapping[str, list[Path]]) -> str:
    if not classes:
        loose = any(is_picture_name(entry.name) for entry in path.iterdir())
        found = "pictures, but none in folders" if loose else "no pictures"
        return (
            f"holds {found}; put those of each class into a folder of its own, or list them in"
            " a CSV file of paths and labels."
        )
    (name,) = classes
    inner = path / name
    hint = f"; did you mean {inner}?" if len(_class_folders(inner)) > 1 else ""
    return f"holds one class, {name!r}; two or more folders of pictures are needed{hint}"


# --- CSV ------------------------------------------------------------------------------------------


def _from_csv(path: Path, fewest: int) -> Listing:
    rows = _rows(path)
    path_column, label_column, part_column, first = _columns(path, rows)
    samples: list[tuple[Path, str, str]] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows[first:], first + 1):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= max(path_column, label_column, part_column or 0):
            raise FileFormatError(f"{path}: line {number} has {len(row)} cells, too few.")
        name, label = row[path_column].strip(), row[label_column].strip()
        if not name or not label:
            raise FileFormatError(f"{path}: line {number} lacks its path or its label.")
        if name in seen:
            raise FileFormatError(f"{path}: line {number} names {name} again (line {seen[name]}).")
        seen[name] = number
        samples.append((path.parent / name, label, _part(path, number, row, part_column)))
    if not samples:
        raise FileFormatError(f"{path}: lists no pictures.")
    if any(part for *_, part in samples) and not any(part == "train" for *_, part in samples):
        raise FileFormatError(f"{path}: lists no picture to train on.")
    return _listing(path, samples, (), fewest)


def _part(path: Path, number: int, row: Sequence[str], column: int | None) -> str:
    if column is None:
        return ""
    word = row[column].strip().lower()
    if word not in PARTS:
        raise FileFormatError(
            f"{path}: line {number}: {word!r} is no part; allowed are {', '.join(PARTS)}."
        )
    return PARTS[word]


def _rows(path: Path) -> list[list[str]]:
    """The lines' cells, separated by commas, semicolons or tabs, whichever the first line has most of."""
    try:
        text = path.read_text("utf-8-sig")
        first = text.split("\n", 1)[0]
        separator = max(",;\t", key=first.count)
        return list(csv.reader(text.splitlines(), delimiter=separator))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileFormatError(f"{path}: is no CSV text in UTF-8 ({error}).") from None


def _columns(path: Path, rows: list[list[str]]) -> tuple[int, int, int | None, int]:
    """The columns of the path, the label and the part, and the number of the first row of data."""
    found = _path_column(rows)
    if found is None:
        raise FileFormatError(
            f"{path}: no column holds the names of pictures (such as cats/1.jpg, from the file's own"
            " folder)."
        )
    if is_picture_name(Path(rows[0][found]).name):  # no header
        if len(rows[0]) != 2:
            raise FileFormatError(
                f"{path}: has {len(rows[0])} columns and no header; two are needed, path and label."
            )
        return found, 1 - found, None, 0
    header = [cell.strip().lower() for cell in rows[0]]
    part = next((header.index(name) for name in PART_COLUMNS if name in header), None)
    rest = [i for i in range(len(header)) if i not in (found, part)]
    named = [header.index(name) for name in LABEL_COLUMNS if name in header]
    if named or len(rest) == 1:
        return found, (named or rest)[0], part, 1
    raise FileFormatError(
        f"{path}: which column is the label? None of {', '.join(rows[0])} is named"
        f" {', '.join(LABEL_COLUMNS)}."
    )


def _path_column(rows: Sequence[Sequence[str]]) -> int | None:
    """The first column whose cells, after a header, are names of pictures."""
    sample = [row for row in rows[1:_LOOKED_AT] if row] or rows[:1]
    if not sample:
        return None
    for column in range(min(map(len, sample))):
        if all(is_picture_name(Path(row[column].strip()).name) for row in sample):
            return column
    return None


def _has_paths(path: Path) -> bool:
    """Whether the first lines of a CSV file name pictures."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            lines = file.read(_LOOKED_INTO).splitlines(keepends=True)[:_LOOKED_AT]
        separator = max(",;\t", key=lines[0].count) if lines else ","
        return _path_column(list(csv.reader(lines, delimiter=separator))) is not None
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def _few(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
