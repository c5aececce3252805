"""Data in forms that are not read, and what is easily taken for something else: in words."""

from __future__ import annotations

import itertools
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from sloy.data.archives import ZIP, are_of_workbook, members, packed_table
from sloy.data.formats import is_picture_name
from sloy.text import many, named

_ARRAYS = "in Python `sloy.fit(network, (x, y))` takes arrays"
_FRAMES = "`pandas.read_{}` reads it, and `to_csv` keeps it as a table that is read"
_HEADS = (  # what a file begins with → what it is
    (b"\x93NUMPY", f"holds an array (NumPy); {_ARRAYS}"),
    (b"\x89HDF", f"is an HDF5 file, which is not read; read its arrays with h5py, and {_ARRAYS}"),
    (b"MATLAB 5.0", f"is a MATLAB file; `scipy.io.loadmat` reads its arrays, and {_ARRAYS}"),
    (b"7z\xbc\xaf", "is an archive (7z); unpack it, and name the folder"),
    (b"Rar!", "is an archive (RAR); unpack it, and name the folder"),
    (b"BZh", "is packed by bzip2; unpack it"),
    (b"\xfd7zXZ", "is packed by xz; unpack it"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "is an old file of Office (.xls); save its sheet as .xlsx or CSV",
    ),
    (
        b"SQLite format 3\0",
        "is a database (SQLite); `sqlite3 -header -csv FILE 'select * from TABLE'` writes it",
    ),
    (b"ARROW1\0\0", f"is a file of Arrow (Feather); {_FRAMES.format('feather')}"),
    (
        b"Obj\1",
        "is a file of Avro, which is not read; `polars.read_avro` reads it, and `write_csv` keeps it",
    ),
    (b"$FL2", f"is a file of SPSS; {_FRAMES.format('spss')}"),
    (b"<stata_dta>", f"is a file of Stata; {_FRAMES.format('stata')}"),
)
_PACKED = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_LOOKED_AT = 64  # files of a folder
_MASKS = frozenset(
    {"mask", "masks", "segmentation", "segmentations", "segmentationclass", "annotations", "labels"}
)
_IMAGES = frozenset({"image", "images", "img", "imgs", "jpegimages", "photos", "pictures"})


def other_kind(path: Path, *, tables: bool = False) -> str | None:
    """What a file is that is read neither as lines nor as a picture, and the way out; None where it may be.

    `tables`: nor as a table, as workbooks of Excel and a table in a zip archive are.

    Examples
    --------
    >>> import numpy, tempfile
    >>> file = Path(tempfile.mkdtemp()) / "x.npy"
    >>> numpy.save(file, numpy.zeros(3))
    >>> other_kind(file).split(";")[0]
    'holds an array (NumPy)'
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return None
    if path.name.lower().endswith(_PACKED):
        return "is an archive (tar); unpack it, and name the folder"
    for begins, words in _HEADS:
        if head.startswith(begins):
            return words
    if head.startswith(ZIP):
        return _of_zip(path, tables=tables)
    if head[:1] == b"\x80" and head[1:2] in b"\2\3\4\5" and head[2:3]:
        return f"is a Python pickle, which is not read: it could run anything; load what is yours, and {_ARRAYS}"
    return None


def _of_zip(path: Path, *, tables: bool) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = members(archive)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        return "is an archive (ZIP), and damaged"
    if names and all(name.endswith(".npy") for name in names):
        arrays = [name.removesuffix(".npy")[:40] for name in names]
        return f"holds arrays (NumPy: {named(arrays, 8)}); {_ARRAYS}"
    if "content.xml" in names and "mimetype" in names:
        return "is a file of OpenDocument; save its sheet as CSV"
    if are_of_workbook(names):
        return None if tables else "is an Excel file; save its sheet as CSV"
    if tables and packed_table(names) is not None:
        return None
    inside = f"{many(len(names), 'file')} ({named([name[:40] for name in names], 4)})"
    return f"is an archive (ZIP) of {inside}; unpack it, and name the folder, or the file in it"


def said_of_files(folder: Path) -> str:
    """What the files of a folder without pictures hold, the first of each kind."""
    found: dict[str, str] = {}
    for entry in sorted(itertools.islice(folder.iterdir(), _LOOKED_AT)):
        kind = other_kind(entry) if entry.is_file() and not entry.name.startswith(".") else None
        if kind is not None:
            found.setdefault(kind, entry.name)
    return "".join(f"\n  {name} {kind}." for kind, name in [*found.items()][:2])


def boxes_in(folder: Path) -> str:
    """What says that a folder's labels are boxes or outlines (COCO, Pascal VOC, YOLO); "" where nothing does."""
    for file in _few_files(folder):
        suffix, where = file.suffix.lower(), file.relative_to(folder)
        if (
            suffix == ".json"
            and b'"annotations"' in (head := _head(file, 1 << 20))
            and b'"images"' in head
        ):
            return f"COCO: {where}"
        if suffix == ".xml" and b"<annotation" in _head(file, 1 << 12):
            return f"Pascal VOC: {where}"
        if suffix == ".txt" and file.parent != folder and _is_boxes(_head(file, 1 << 12)):
            return f"YOLO: {where}"
    return ""


def _few_files(folder: Path) -> Iterable[Path]:
    """Files of a folder and of two levels of those in it, a few of each."""
    waiting = [(folder, 0)]
    while waiting:
        current, depth = waiting.pop(0)
        entries = sorted(itertools.islice(current.iterdir(), 1 << 12))
        files = [e for e in entries if e.is_file() and not is_picture_name(e.name)]
        yield from files[:8]
        if depth < 2:
            waiting += [(e, depth + 1) for e in entries[:32] if e.is_dir() and e.name[:1] != "."]


def _head(file: Path, size: int) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(size)
    except OSError:
        return b""


def _is_boxes(text: bytes) -> bool:
    """Whether lines are a class's number and at least four numbers from 0 to 1."""
    lines = [line.split() for line in text.splitlines()[:4] if line.strip()]
    try:
        return bool(lines) and all(
            len(line) >= 5
            and float(line[0]).is_integer()
            and all(0 <= float(v) <= 1 for v in line[1:])
            for line in lines
        )
    except ValueError:
        return False


BOXES = (
    "its labels are boxes or outlines ({found}); here classes of whole pictures are learned: list each picture with"
    " its class"
)


def doubts(names: Sequence[str]) -> list[str]:
    """What is odd about classes by their names alone: spelled alike, pictures beside their masks.

    Examples
    --------
    >>> doubts(["Cat", "cat", "dog"])
    ["classes whose names differ in case or spaces only: 'Cat', 'cat'; are they one?"]
    """
    said = []
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_bare(name), []).append(name)
    for twins in alike.values():
        if len(twins) > 1:
            how = "in case or spaces only"
            if len({*map(_composed, twins)}) == 1:
                how = "in how letters are composed only"
            elif _as_number(twins[0]) is not None:
                how = "in how a number is written only"
            said.append(
                f"classes whose names differ {how}: {', '.join(map(repr, twins))}; are they one?"
            )
    known = {*names}
    for name in names:
        words = [word for word in re.split(r"[\s,;|+&]+", name) if word]
        if len(words) > 1 and known.issuperset(words):
            said.append(
                f"{name!r} is a class of its own beside {' and '.join(map(repr, words))}; a picture has one class here"
            )
            break
    low = {name.casefold() for name in names}
    if len(low) == 2 and low & _IMAGES and low & _MASKS:
        said.append(
            f"{' and '.join(names)} are taken for two classes; if the one holds outlines of the other's pictures,"
            " that is not what is learned here"
        )
    return said


def _bare(name: str) -> str:
    """A name without what is easily written in two ways: case, spaces, composed letters, zeros of a number."""
    bare = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    number = _as_number(bare)
    return bare if number is None else repr(number)


def _as_number(name: str) -> float | None:
    """The number that digits stand for: 007, 7.0."""
    return float(name) if re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", name.strip()) else None


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
