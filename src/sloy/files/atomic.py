"""Files that are either the old one or the new one, whole, whatever happens while they are written.

Order: a temporary file in the same folder, made anew → write → fsync → rename over the old one → fsync the folder.
Without the first fsync a power cut may leave a rightly named file of zeros; without the second the rename may be lost.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import IO
from zlib import crc32

from sloy.files.processes import life

_TEMPORARY = re.compile(r"^\.(?P<target>.+)\.(?P<pid>\d+)-(?P<life>[0-9a-f]{8})?[0-9a-f]{8}\.tmp$")


def write_atomically(path: str | Path, content: bytes | Callable[[IO[bytes]], object]) -> None:
    """Write a file so that a reader, a crash or a power cut finds the old content or the new, never a mixture.

    Parameters
    ----------
    path : str or Path
        The file; its folder must exist. A link is followed: the file it names is replaced. A new file gets the mode
        that the umask gives, an existing one keeps its mode.
    content : bytes or function
        The bytes, or a function that writes them to the open binary file it is given.

    Raises
    ------
    OSError
        When the file cannot be written; the old file is untouched then and nothing is left behind.
    """
    path = Path(os.path.realpath(path))
    temporary = _temporary(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if path.exists():
                os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            if callable(content):
                content(file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and str(error.filename) in ("None", str(temporary)):
            error.filename, error.filename2 = str(path), None  # a full disk names none
        raise
    _fsync_folder(path.parent)


def link_over(source: Path, target: Path) -> None:
    """Make `target` a second name of the file; at no moment is `source` missing where links work."""
    temporary = _temporary(target)
    try:
        os.link(source, temporary)
        os.replace(temporary, target)
    except OSError:
        os.replace(source, target)
    finally:
        temporary.unlink(missing_ok=True)  # `os.replace` leaves it where both are one file


def _temporary(path: Path) -> Path:
    """A new name beside the file; what killed processes left of earlier writes of it is removed."""
    for entry in os.scandir(path.parent):
        match = _TEMPORARY.match(entry.name)
        if match and match["target"] == path.name and not _lives(int(match["pid"]), match["life"]):
            Path(entry.path).unlink(missing_ok=True)
    pid = os.getpid()
    return path.with_name(f".{path.name}.{pid}-{_sign(pid)}{secrets.token_hex(4)}.tmp")


def _sign(pid: int) -> str:
    """8 digits of a process that others of its number, such as in another container, do not have."""
    return f"{crc32(life(pid).encode()):08x}"


def _lives(pid: int, sign: str | None) -> bool:
    return _is_alive(pid) and (sign is None or sign == _sign(pid))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
