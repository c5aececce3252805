"""What can be read only once, standard input or a pipe, as a file that can be read again."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PosixPath

STANDARD_INPUT = "-"
_MESSAGES = {STANDARD_INPUT: "standard input"}


class _Spooled(PosixPath):
    """A temporary file that messages call after what it was read from."""

    called: str = ""

    def __str__(self) -> str:
        return self.called or super().__str__()

    def __fspath__(self) -> str:
        return super().__str__()


def is_read_once(word: str | os.PathLike[str]) -> bool:
    """Whether this is ``-``, for standard input, or a pipe, such as the shell's ``<(command)``."""
    if word == STANDARD_INPUT:
        return True
    try:
        return stat.S_ISFIFO(os.stat(word).st_mode)
    except (OSError, ValueError):  # missing; characters that no path can have
        return False


def called(word: str) -> str:
    """What messages call it: its path, or "standard input"."""
    return _MESSAGES.get(word, word)


@contextmanager
def readable(word: str | os.PathLike[str]) -> Iterator[Path]:
    """A path that can be read several times: the path itself; of standard input or a pipe a copy, which is removed.

    Parameters
    ----------
    word : str or path
        ``-`` is standard input; ``./-`` a file of that name.

    Examples
    --------
    >>> with readable("houses.csv") as path:
    ...     path
    PosixPath('houses.csv')
    """
    if not is_read_once(word):
        yield Path(word)
        return
    name = os.fspath(word)
    with tempfile.NamedTemporaryFile(prefix="sloy-") as copy:
        try:
            if name != STANDARD_INPUT:
                with open(name, "rb") as pipe:
                    shutil.copyfileobj(pipe, copy)
            elif sys.stdin is not None:  # else it was closed: nothing is in it
                shutil.copyfileobj(sys.stdin.buffer, copy)
            copy.flush()
        except OSError as error:
            error.filename = error.filename or copy.name  # a full disk names none
            raise
        path = _Spooled(copy.name)
        path.called = called(name)
        yield path
