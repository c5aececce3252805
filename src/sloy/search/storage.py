"""Where a study is kept: a journal file in the folder of the search, or what a URL names."""

from __future__ import annotations

import fcntl
import os
import re
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from sloy.errors import InvalidArgument, NotAvailable
from sloy.text import reason, shown

# Kind of database → what installs the driver that its URL means where it names none, as in ``mysql+pymysql://``.
DRIVERS = {"postgresql": "psycopg2-binary", "mysql": "mysqlclient", "redis": "redis"}
KINDS = "sqlite:///FILE, postgresql://USER:PASSWORD@HOST/NAME, mysql://USER:PASSWORD@HOST/NAME, redis://HOST:PORT/0"


def needed() -> Any:
    """Optuna.

    Raises
    ------
    NotAvailable
        Where it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise NotAvailable(
            "tune: needs Optuna 5; install it with `pip install 'sloy[search]'`."
        ) from None
    return optuna


class JournalLock:
    """Lets one process at a time write a journal; what a killed one held is free, and its half line removed."""

    def __init__(self, journal: Path) -> None:
        self._journal, self._path = journal, journal.with_name(f".{journal.name}.lock")
        self._descriptor = -1

    def acquire(self) -> bool:
        """Wait for the others."""
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError), open(self._journal, "rb+") as file:
            end = file.seek(0, os.SEEK_END)
            if end and file.seek(end - 1) and file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        """Let the next one write."""
        os.close(self._descriptor)


def storage_of(url: str | None, journal: Path) -> Any:
    """Optuna's storage of a URL, of which ``redis://`` is a journal; by default a journal file.

    Raises
    ------
    NotAvailable
        Where the driver of the database is not installed.
    InvalidArgument
        Where the URL names none, or it cannot be reached.
    """
    optuna = needed()
    backends = optuna.storages.journal
    if url is None:
        backend = backends.JournalFileBackend(str(journal), lock_obj=JournalLock(journal))
        return optuna.storages.JournalStorage(backend)
    said = f"tune: `storage` (={shown(without_password(url))})"
    kind, driver = _kind(url)
    if kind not in ("sqlite", *DRIVERS):
        raise InvalidArgument(f"{said} must be a URL such as {KINDS}.")
    if kind == "sqlite" and re.fullmatch(r"sqlite://(/(:memory:)?)?", url):
        raise InvalidArgument(f"{said} is kept nowhere; name a file: sqlite:///FILE.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            if kind == "redis":
                return optuna.storages.JournalStorage(backends.JournalRedisBackend(url))
            return optuna.storages.RDBStorage(url)
    except ImportError:
        package = driver or DRIVERS.get(kind, kind)
        raise NotAvailable(
            f"{said} needs a driver that is not installed: `pip install {package}`."
        ) from None
    except Exception as error:  # of any of their libraries
        there = str(error).replace(url, without_password(url)).partition("(Background on this")[0]
        raise InvalidArgument(f"{said} cannot be opened: {reason(ValueError(there))}.") from None


def without_password(url: str) -> str:
    """A URL as it may be shown.

    Examples
    --------
    >>> without_password("postgresql://me:secret@host/trials")
    'postgresql://me:***@host/trials'
    """
    return re.sub(r"(://[^:/@]*):.*@", r"\1:***@", url)


def _kind(url: str) -> tuple[str, str]:
    """Database and driver that a URL begins with; the driver is empty where none is named.

    Examples
    --------
    >>> _kind("mysql+pymysql://host/trials"), _kind("rediss://host")
    (('mysql', 'pymysql'), ('redis', ''))
    """
    scheme, mark, _ = url.partition("://")
    kind, _, driver = scheme.partition("+")
    return ("redis" if kind == "rediss" else kind) if mark else "", driver
