"""CSV files that list pictures: which columns they have, and which files their names mean."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from sloy.data.below import below
from sloy.data.formats import foreign, is_picture_name
from sloy.data.list_rows import OTHERS, TABLES, rows_of
from sloy.data.parts import TRAIN, WORDS, part_of
from sloy.errors import FileFormatError
from sloy.text import shown

LABEL_COLUMNS = ("label", "class", "category", "target", "species", "breed")
PART_COLUMNS = ("split", "part", "subset", "set")
_LOOKED_AT = 50  # lines of a CSV file from which its columns are told
_LOOKED_INTO = 1 << 16  # characters of it, where it is only asked whether it lists pictures
_MOST_NEAR = 20_000  # files near a CSV file that are looked at to tell whether it lists pictures
_LEVELS = 2  # of folders below it, likewise

Names = Mapping[str, Sequence[Path]]  # a picture's name without its suffix → the files called so


def csv_files(folder: Path) -> list[Path]:
    """The CSV and TSV files in a folder, sorted."""
    return _files_of(folder, TABLES)


def other_lists(folder: Path) -> list[Path]:
    """Files of other forms in a folder that list pictures (labels.txt, metadata.jsonl), sorted."""
    return [path for path in _files_of(folder, OTHERS) if has_paths(path)]


def _files_of(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    found = (p for p in folder.iterdir() if p.suffix.lower() in suffixes)
    return sorted(p for p in found if p.is_file() and not p.name.startswith("."))


def has_paths(table: Path) -> bool:
    """Whether the first lines of a CSV file name pictures."""
    try:
        rows = rows_of(table, _LOOKED_INTO, labels=LABEL_COLUMNS)[:_LOOKED_AT]
        return _path_column(rows) is not None or _stem_column(rows, table) is not None
    except (OSError, FileFormatError):
        return False


def csv_samples(path: Path) -> list[tuple[Path, str, str]]:
    """The file, class and part ("" where it says none) of each line.

    A name is a path from the file's own folder. Where it lacks its suffix or its folder, as `0a1b2c` for
    `train/0a1b2c.jpg`, the picture below that folder is meant that is called so.

    Raises
    ------
    FileFormatError
        Where columns or cells are missing, or a name could be two files; it names the line.
    """
    rows = rows_of(path, labels=LABEL_COLUMNS)
    path_column, label_column, part_column, first = _columns(path, rows)
    samples: list[tuple[str, str, str]] = []
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
        samples.append((name, label, _part(path, number, row, part_column)))
    if not samples:
        raise FileFormatError(f"{path}: lists no pictures.")
    if any(part for *_, part in samples) and not any(part == TRAIN for *_, part in samples):
        raise FileFormatError(f"{path}: lists no picture to train on.")
    _refuse_numbers(path, [label for _, label, _ in samples])
    files = _files(path, seen)
    return [(files[name], label, part) for name, label, part in samples]


def _refuse_numbers(path: Path, labels: Sequence[str]) -> None:
    """Refuse labels that are measured numbers, not classes."""
    try:
        numbers = {float(label) for label in labels}
    except ValueError:
        return
    if len(numbers) > max(len(labels) / 2, 3) and not all(n.is_integer() for n in numbers):
        shown = ", ".join(f"{n:g}" for n in sorted(numbers)[:3])
        raise FileFormatError(
            f"{path}: the labels are {len(numbers)} different numbers ({shown}, …); of pictures classes are learned,"
            " no numbers. Divide them into classes."
        )


# --- files ----------------------------------------------------------------------------------------


def _files(table: Path, lines: Mapping[str, int]) -> dict[str, Path]:
    """The file that each name means; a name without one keeps its path, and is refused when it is read."""
    folder = table.parent
    found = {name: folder / name for name in lines}
    for name, path in found.items():
        if "\\" in name and not os.path.lexists(path):  # written on Windows
            found[name] = folder / name.replace("\\", "/")
    lost = [name for name, path in found.items() if not os.path.lexists(path)]
    if not lost:
        return found
    near = _every(folder)
    meant = {name: _called(near, name) for name in lost}
    folders = Counter(_folder_of(path, name) for name, paths in meant.items() for path in paths)
    for name, paths in meant.items():
        if len(paths) > 1:
            best = _likeliest(table, [(folders[_folder_of(p, name)], p) for p in paths])
            if best is None:
                shown = " or ".join(str(path.relative_to(folder)) for path in paths[:3])
                raise FileFormatError(f"{table}: line {lines[name]}: {name!r} may be {shown}.")
            found[name] = best
        elif paths:
            found[name] = paths[0]
    return found


def _likeliest(table: Path, counted: Sequence[tuple[int, Path]]) -> Path | None:
    """Of files with one name that in the folder with most names; of such the one called as the CSV file, or train/."""
    most = max(count for count, _ in counted)
    best = [path for count, path in counted if count == most]
    if len(best) > 1:
        part = part_of(table.stem) or TRAIN
        top = len(table.parent.parts)
        best = [p for p in best if table.stem == p.parts[top] or part_of(p.parts[top]) == part]
    return best[0] if len(best) == 1 else None


def _called(near: Names, name: str) -> Sequence[Path]:
    """The files that a name, with or without folder and suffix, may mean."""
    given = Path(name)
    whole = is_picture_name(given.name) or foreign(given.name) is not None
    found = near.get(given.stem if whole else given.name, ())
    end = -len(given.parts)
    if whole:
        given = given.with_suffix(given.suffix.lower())
        return [p for p in found if p.with_suffix(p.suffix.lower()).parts[end:] == given.parts]
    return [p for p in found if p.with_suffix("").parts[end:] == given.parts]


def _folder_of(path: Path, name: str) -> Path:
    """Where a name begins that means this file."""
    return path.parents[len(Path(name).parts) - 1]


def _every(folder: Path) -> dict[str, list[Path]]:
    """The pictures below a folder, by their names without suffix."""
    whole, found = below(folder), dict[str, list[Path]]()
    for path in (*whole.pictures, *(p for p, _, _ in whole.others if foreign(p.name))):
        found.setdefault(path.stem, []).append(path)
    return found


def _near(folder: Path) -> dict[str, list[Path]]:
    """The same of two levels, and no further than the first files: to be quick in a large folder."""
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
                found.setdefault(path.stem, []).append(path)
            elif level < _LEVELS and not name.startswith(".") and path.is_dir():
                waiting.append((path, level + 1))
    return found


# --- columns --------------------------------------------------------------------------------------


def _part(path: Path, number: int, row: Sequence[str], column: int | None) -> str:
    if column is None:
        return ""
    word = row[column].strip().lower()
    if word not in WORDS:
        raise FileFormatError(
            f"{path}: line {number}: {shown(word)} is no part; allowed are {', '.join(WORDS)}."
        )
    return WORDS[word]


def _columns(path: Path, rows: list[list[str]]) -> tuple[int, int, int | None, int]:
    """The columns of the path, the label and the part, and the number of the first row of data."""
    found = _path_column(rows)
    if not (by_suffix := found is not None):
        found = _stem_column(rows, path)
    if found is None:
        raise FileFormatError(
            f"{path}: no column holds the names of pictures (such as cats/1.jpg, from the file's own"
            " folder; or 1, where there is a cats/1.jpg)."
        )
    name = rows[0][found].strip()
    if is_picture_name(Path(name).name) or (
        not by_suffix and _called(_near(path.parent), name)
    ):  # no header
        if len(rows[0]) != 2:
            raise FileFormatError(
                f"{path}: has {len(rows[0])} columns and no header; two are needed, path and label."
            )
        return found, 1 - found, None, 0
    header = [cell.strip().lower() for cell in rows[0]]
    part = next((header.index(name) for name in PART_COLUMNS if name in header), None)
    label = _label_column(header, found, part)
    if label is not None:
        return found, label, part, 1
    raise FileFormatError(
        f"{path}: which column is the label? None of {', '.join(rows[0])} is named"
        f" {', '.join(LABEL_COLUMNS)}."
    )


def _label_column(header: Sequence[str], *others: int | None) -> int | None:
    """That which is called so, or the only one beside the others."""
    rest = [i for i in range(len(header)) if i not in others]
    named = [header.index(name) for name in LABEL_COLUMNS if name in header]
    return (named or rest)[0] if named or len(rest) == 1 else None


def _path_column(rows: Sequence[Sequence[str]]) -> int | None:
    """The first column whose cells, after a header, are names of pictures."""
    sample = _sample(rows)
    for column in range(min(map(len, sample), default=0)):
        names = [Path(row[column].strip()).name for row in sample]
        if all(is_picture_name(name) or foreign(name) for name in names):
            return column
    return None


def _stem_column(rows: Sequence[Sequence[str]], table: Path) -> int | None:
    """The first column whose cells, all different, are names of pictures near the file without their suffixes.

    Numbers in a table may be so by chance; so there must be two of them or more, and a column for the label.
    """
    sample = _sample(rows)
    near = _near(table.parent) if len(sample) > 1 else {}
    header = [cell.strip().lower() for cell in rows[0]] if near else []
    part = next((header.index(name) for name in PART_COLUMNS if name in header), None)
    for column in range(min(map(len, sample), default=0)) if near else ():
        cells = [row[column].strip() for row in sample]
        known = len(set(cells)) == len(cells) and all(c and _called(near, c) for c in cells)
        if known and _label_column(header, column, part) is not None:
            return column
    return None


def _sample(rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    return [row for row in rows[1:_LOOKED_AT] if row] or [row for row in rows[:1] if row]
