"""What the system says of files, in words."""

from __future__ import annotations

import os


def in_words(error: OSError) -> str:
    """The file and what is wrong with it; that the working folder is gone where that is why a file is missing.

    Examples
    --------
    >>> in_words(PermissionError(13, "Permission denied", "/there/a.csv"))
    '/there/a.csv: Permission denied'
    """
    name = str(error.filename or "")
    if isinstance(error, FileNotFoundError) and not os.path.isabs(name) and _is_nowhere():
        return "the folder that it runs in was removed"
    if isinstance(error, FileExistsError) and name:
        return f"{name}: is a file, where a folder is needed"
    return f"{name}: {error.strerror}" if name else str(error.strerror or error)


def _is_nowhere() -> bool:
    """Whether somebody removed the folder that the process works in."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False
