"""Files that are either the old one or the new one, whole, whatever happens while they are written.

Order: a temporary file in the same folder, made anew → write → fsync → rename over the old one → fsync the folder.
Without the first fsync a power cut may leave a rightly named file of zeros; without the second the rename may be lost.
Only regular files are replaced: a rename over a device, a pipe or a socket would take it away from everybody.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO
from zlib import crc32

from sloy.files.processes import life

_DESCRIPTORS = re.compile(r"/proc/(?P<pid>\d+)/(?:task/\d+/)?fd")
_LINKS = 40  # that are followed, as Linux does
_TEMPORARY = re.compile(r"^\.(?P<target>.+)\.(?P<pid>\d+)-(?P<life>[0-9a-f]{8})?[0-9a-f]{8}\.tmp$")


Content = bytes | str | Callable[[IO[bytes]], object]


def write_atomically(path: str | Path, content: Content) -> None:
    """Write a file so that a reader, a crash or a power cut finds the old content or the new, never a mixture.

    Parameters
    ----------
    path : str or Path
        The file; its folder must exist. A link is followed: the file it names is replaced; of a file with several
        names the others keep the old one. A new file gets the mode that the umask gives, an existing one keeps its
        mode. A pipe, a terminal or another character device, and the open files of a process (``/dev/stdout``), are
        written straight into.
    content : bytes, str or function
        The bytes; a text, in UTF-8, what that lacks (bytes of names that are none, halves of characters) as escapes; or
        a function that writes to the open binary file it is given.

    Raises
    ------
    OSError
        When the file cannot be written; the old file is untouched then and nothing is left behind. A folder, a socket
        and a block device are refused.
    """
    try:
        if (descriptor := _straight(path)) is not None:
            with os.fdopen(descriptor, "wb") as file:
                _put(file, content)
            return
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    path = Path(os.path.realpath(path))
    temporary = _temporary(path)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            if path.exists():
                os.fchmod(file.fileno(), path.stat().st_mode & 0o7777)
            _put(file, content)
            os.fsync(file.fileno())
        replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and str(error.filename) in ("None", str(temporary)):
            error.filename, error.filename2 = str(path), None  # a full disk names none
        raise
    _fsync_folder(path.parent)


def replace(source: Path, target: Path) -> None:
    """Rename a file over another, but over nothing else than a regular file or a link."""
    kind = _kind(target, follow=False)
    if kind is not None and not (stat.S_ISREG(kind) or stat.S_ISLNK(kind)):
        raise _refused(target, kind)
    os.replace(source, target)


def link_over(source: Path, target: Path) -> None:
    """Make `target` a second name of the file; at no moment is `source` missing where links work."""
    temporary = _temporary(target)
    try:
        try:
            os.link(source, temporary)
            replace(temporary, target)
        except OSError:
            replace(source, target)
    finally:
        temporary.unlink(missing_ok=True)  # `os.replace` leaves it where both are one file


def _put(file: IO[bytes], content: Content) -> None:
    if callable(content):
        content(file)
    else:
        written = content.encode(errors="backslashreplace") if isinstance(content, str) else content
        file.write(written)
    file.flush()


def _straight(path: str | Path) -> int | None:
    """A descriptor to write into, of what is no regular file and can be written; None of files, old and new."""
    opened = _open_file(Path(path))
    if opened is not None and opened.parent.parent == Path(f"/proc/{os.getpid()}"):
        if sys.stdout is not None:
            sys.stdout.flush()  # what was printed before stands before it
        return os.dup(int(opened.name))  # the place in the file is shared
    kind = _kind(path, follow=True)
    if opened is None and (kind is None or stat.S_ISREG(kind)):
        return None
    if kind is not None and not (stat.S_ISREG(kind) or stat.S_ISCHR(kind) or stat.S_ISFIFO(kind)):
        raise _refused(path, kind)
    return os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)


def _open_file(path: Path) -> Path | None:
    """Where a path such as /dev/stdout leads to an open file of a process, that: /proc/7/fd/1."""
    for _ in range(_LINKS):
        path = Path(os.path.realpath(path.absolute().parent), path.name)
        if _DESCRIPTORS.fullmatch(str(path.parent)):
            return path if path.name.isdecimal() else None
        if not path.is_symlink():
            return None
        path = path.parent / os.readlink(path)
    return None


def _kind(path: str | Path, *, follow: bool) -> int | None:
    """The mode of what is there; None where nothing is."""
    try:
        return os.stat(path, follow_symlinks=follow).st_mode
    except FileNotFoundError:
        return None


def _refused(path: str | Path, kind: int) -> OSError:
    kinds = {
        "a folder": stat.S_ISDIR,
        "a socket": stat.S_ISSOCK,
        "a block device": stat.S_ISBLK,
        "a pipe": stat.S_ISFIFO,
    }
    what = next((name for name, of in kinds.items() if of(kind)), "a device")
    number = errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL
    return OSError(number, f"is {what}, which is not replaced by a file", str(path))


def _temporary(path: Path) -> Path:
    """A new name beside the file; what killed processes left of earlier writes of it is removed."""
    with suppress(PermissionError):  # a folder to put into, not to look into
        for entry in os.scandir(path.parent):
            match = _TEMPORARY.match(entry.name)
            if match is None or match["target"] != path.name:
                continue
            if not _lives(int(match["pid"]), match["life"]):
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
