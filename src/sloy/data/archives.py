"""What a zip archive is, told from the names in it: a workbook, a packed file, something else."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from sloy.data.formats import is_picture_name

ZIP = b"PK\3\4"  # the first bytes of one


def members(archive: zipfile.ZipFile) -> list[str]:
    """The names of the files in an archive, without those that macOS adds."""
    return [
        name
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith("__MACOSX")
    ]


def packed_table(names: Sequence[str]) -> str | None:
    """The one file of an archive, where it may be a table."""
    return names[0] if len(names) == 1 and not is_picture_name(names[0]) else None


def are_of_workbook(names: Iterable[str]) -> bool:
    """Whether an archive of such names is a workbook of Excel's."""
    return any(name.startswith("xl/") for name in names)


def is_workbook(path: Path) -> bool:
    """Whether a file is one of Excel's."""
    try:
        with zipfile.ZipFile(path) as archive:
            return are_of_workbook(archive.namelist())
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return False
