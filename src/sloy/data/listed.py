"""Lists of pictures: which columns they have, and what each line says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sloy.data.below import LeftOut
from sloy.data.formats import foreign, is_picture_name
from sloy.data.list_rows import OTHERS, TABLES, ones, rows_of
from sloy.data.listed_files import called, files_of, names_near
from sloy.data.listing_words import few
from sloy.data.other_kinds import BOXES, other_kind
from sloy.data.parts import TRAIN, WORDS
from sloy.errors import FileFormatError
from sloy.text import is_number, many, shown

LABEL_COLUMNS = ("label", "class", "category", "target", "species", "breed")
PART_COLUMNS = ("split", "part", "subset", "set")
_PLURALS = {"labels": "label", "classes": "class", "categories": "category", "targets": "target"}
_BESIDE = frozenset(
    ("name", "names", "id", "ids", "idx", "index", "number", "num", "code", "text", "string", "image", "true")
)  # fmt: skip
_NUMBERING = re.compile(r"(unnamed: \d+|index|)$")  # a column that pandas made of the rows' numbers
_LACKING = frozenset(("", "nan", "NaN", "-nan", "-NaN", "<NA>", "#N/A", "null", "NULL"))
_OF_A_BOX = frozenset(("xmin", "x_min", "xmax", "x_max", "x1", "bbox", "bbox_x", "bbox_x1"))
_PARTS_ASKED = {f"is_{word}": part for word, part in WORDS.items() if part != TRAIN}
_TRUTH = {"1": True, "1.0": True, "true": True, "yes": True} | {
    "0": False, "0.0": False, "false": False, "no": False,
}  # fmt: skip
_LOOKED_AT = 50  # lines of a list from which its columns are told
_LOOKED_INTO = 1 << 16  # bytes of it, where it is only asked whether it lists pictures


@dataclass(frozen=True)
class _Columns:
    path: int
    label: int
    parts: tuple[tuple[int, str], ...]  # columns that say a part, or whether it is this one
    header: bool

    @property
    def last(self) -> int:
        return max(self.path, self.label, *(column for column, _ in self.parts))


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
    """Whether the first lines of a list name pictures."""
    try:
        rows = rows_of(table, _LOOKED_INTO, labels=LABEL_COLUMNS).cells[:_LOOKED_AT]
        return _path_column(rows) is not None or _stem_column(rows, table) is not None
    except (OSError, FileFormatError):
        return False


def csv_samples(path: Path) -> tuple[list[tuple[Path, str, str]], list[LeftOut]]:
    """The file, class and part ("" where it says none) of each picture, and lines that say again what another does.

    A name is a path from the list's own folder. Where it lacks its suffix or its folder, as `0a1b2c` for
    `train/0a1b2c.jpg`, the picture below that folder is meant that is called so.

    Raises
    ------
    FileFormatError
        Where columns or cells are missing, a name could be two files, or two lines give a picture two classes; it
        names the line.
    """
    if (kind := other_kind(path)) is not None:
        raise FileFormatError(f"{path}: {kind}.")
    rows = rows_of(path, labels=LABEL_COLUMNS)
    columns = _columns(path, rows.cells)
    said: list[tuple[int, str, str, str]] = []
    lines: dict[str, int] = {}
    for number, row in enumerate(rows.cells, rows.first):
        if not any(cell.strip() for cell in row) or (columns.header and number == rows.first):
            continue
        if len(row) <= columns.last:
            raise FileFormatError(f"{path}: line {number} has {many(len(row), 'cell')}, too few.")
        name, label = _named(row[columns.path]), row[columns.label].strip()
        if not name or label in _LACKING:
            what = "its path" if not name else f"its label ({label})" if label else "its label"
            raise FileFormatError(f"{path}: line {number} lacks {what}.")
        lines.setdefault(name, number)
        said.append((number, name, label, _part(path, number, row, columns, rows.cells[0])))
    if not said:
        raise FileFormatError(f"{path}: lists no pictures.")
    if any(part for *_, part in said) and not any(part == TRAIN for *_, part in said):
        raise FileFormatError(f"{path}: lists no picture to train on.")
    _refuse_numbers(path, [label for _, _, label, _ in said])
    files = files_of(path, lines)
    boxes = columns.header and bool(_OF_A_BOX & {cell.strip().lower() for cell in rows.cells[0]})
    of_files = [(number, files[name], label, part) for number, name, label, part in said]
    return _once(path, of_files, boxes)


def _once(
    path: Path, said: Sequence[tuple[int, Path, str, str]], boxes: bool
) -> tuple[list[tuple[Path, str, str]], list[LeftOut]]:
    """Each file once, and the lines that name one again; refuses two that say different things of it."""
    first: dict[Path, tuple[int, str, str]] = {}
    again: list[tuple[int, Path]] = []
    for number, file, label, part in said:
        line, *before = first.setdefault(file, (number, label, part))
        if line == number:
            continue
        if boxes:
            raise FileFormatError(
                f"{path}: line {number} names {file.name} again (line {line}); {BOXES.format(found='columns')}."
            )
        if before != [label, part]:
            which = 0 if before[0] != label else 1
            raise FileFormatError(
                f"{path}: line {number} names {file.name} again (line {line}), as {shown(([label, part])[which], 40)},"
                f" not {shown(before[which], 40)}."
            )
        again.append((number, file))
    samples = [(file, label, part) for file, (_, label, part) in first.items()]
    if not again:
        return samples, []
    names = tuple(f"line {number} ({file.name})" for number, file in again)
    reason = "passed over, saying again what another line says"
    return samples, [LeftOut("line", reason, tuple(file for _, file in again), names)]


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


# --- columns --------------------------------------------------------------------------------------


def _part(
    path: Path, number: int, row: Sequence[str], columns: _Columns, header: Sequence[str]
) -> str:
    found = TRAIN if columns.parts else ""
    for column, asked in columns.parts:
        word = row[column].strip().lower()
        allowed = _TRUTH if asked else WORDS
        if word not in allowed:
            name = header[column].strip()
            raise FileFormatError(
                f"{path}: line {number}: {shown(word)} is no part; allowed in {name} are {', '.join(allowed)}."
            )
        found = (asked if _TRUTH[word] else found) if asked else WORDS[word]
    return found


def _columns(path: Path, rows: list[list[str]]) -> _Columns:
    """The columns of the path, the label and the part, and whether the first row is a header."""
    found = _path_column(rows)
    if not (by_suffix := found is not None):
        found = _stem_column(rows, path)
    if found is None and sum(any(cell.strip() for cell in row) for row in rows) < 2:
        raise FileFormatError(f"{path}: lists no pictures.")
    if found is None:
        raise FileFormatError(
            f"{path}: no column holds the names of pictures (such as cats/1.jpg, from the file's own"
            " folder; or 1, where there is a cats/1.jpg)."
        )
    name = _named(rows[0][found])
    if is_picture_name(Path(name).name) or (
        not by_suffix and called(names_near(path.parent), name)
    ):  # no header
        if len(rows[0]) != 2:
            raise FileFormatError(
                f"{path}: has {len(rows[0])} columns and no header; two are needed, path and label."
            )
        return _Columns(found, 1 - found, (), header=False)
    header = [cell.strip().lower() for cell in rows[0]]
    parts = _part_columns(header)
    label = _label_column(rows, found, *(column for column, _ in parts))
    if label is not None:
        return _Columns(found, label, parts, header=True)
    several = [rows[0][i].strip() for i in ones(rows) if i != found]
    why = ""
    if len(several) > 1:
        why = f" Of the columns of 0 and 1 ({few(several)}) each line must have one 1: a picture has one class here."
    raise FileFormatError(
        f"{path}: which column is the label? None of {few(rows[0], 20)} is named {', '.join(LABEL_COLUMNS)}.{why}"
    )


def _part_columns(header: Sequence[str]) -> tuple[tuple[int, str], ...]:
    """Columns that say a part, else those that say whether it is one: is_valid, is_test."""
    named = [(header.index(name), "") for name in PART_COLUMNS if name in header][:1]
    return tuple(
        named or [(i, _PARTS_ASKED[name]) for i, name in enumerate(header) if name in _PARTS_ASKED]
    )


def _label_column(rows: Sequence[Sequence[str]], *others: int) -> int | None:
    """That which is called so, or the only one beside the others.

    Of several that divide the pictures alike (`class_id`, `class_name`) that which has words.
    """
    header = [cell.strip().lower() for cell in rows[0]]
    rest = [i for i in range(len(header)) if i not in others]
    named = [i for name in LABEL_COLUMNS for i in rest if header[i] == name]
    named += [i for i in rest if i not in named and _is_label(header[i])]
    if named:
        return next((i for i in named[1:] if _says_more(rows, i, named[0])), named[0])
    rest = [i for i in rest if not _NUMBERING.match(header[i])] or rest
    return rest[0] if len(rest) == 1 else None


def _is_label(name: str) -> bool:
    """Whether a column's name is that of a label: labels, class_name, Label ID."""
    words = [_PLURALS.get(word, word) for word in re.split(r"[\s_.-]+", name)]
    return any(word in LABEL_COLUMNS for word in words) and all(
        word in LABEL_COLUMNS or word in _BESIDE for word in words
    )


def _says_more(rows: Sequence[Sequence[str]], one: int, other: int) -> bool:
    """Whether two columns divide the rows alike, `one` by words and `other` by numbers."""
    pairs = {
        (row[one].strip(), row[other].strip()) for row in rows[1:] if len(row) > max(one, other)
    }
    mine, theirs = {a for a, _ in pairs}, {b for _, b in pairs}
    alike = len(pairs) == len(mine) == len(theirs)
    return alike and all(map(is_number, theirs)) and not any(map(is_number, mine))


def _named(cell: str) -> str:
    """The name in a cell, without what an address has behind it: p1.jpg of p1.jpg?size=large."""
    name = cell.strip()
    before = name.partition("?")[0]
    return before if is_picture_name(before) and not is_picture_name(name) else name


def _path_column(rows: Sequence[Sequence[str]]) -> int | None:
    """The first column whose cells, after a header, are names of pictures, four in five of them."""
    sample = _sample(rows)
    for column in range(min(map(len, sample), default=0)):
        names = [Path(_named(row[column])).name for row in sample]
        if sum(is_picture_name(name) or foreign(name) is not None for name in names) >= 0.8 * len(
            names
        ):
            return column
    return None


def _stem_column(rows: Sequence[Sequence[str]], table: Path) -> int | None:
    """The first column most of whose cells are names of pictures near the list without their suffixes.

    Numbers in a table may be so by chance; so there must be two of them or more, few of them twice, and a column for
    the label.
    """
    sample = _sample(rows)
    near = names_near(table.parent) if len(sample) > 1 else {}
    parts = _part_columns([cell.strip().lower() for cell in rows[0]]) if near else ()
    for column in range(min(map(len, sample), default=0)) if near else ():
        cells = [row[column].strip() for row in sample]
        known = sum(bool(cell and called(near, cell)) for cell in cells) > len(cells) / 2
        if not known or len(set(cells)) <= 0.8 * len(cells):
            continue
        if _label_column(rows, column, *(column for column, _ in parts)) is not None:
            return column
    return None


def _sample(rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    return [row for row in rows[1:_LOOKED_AT] if row] or [row for row in rows[:1] if row]
