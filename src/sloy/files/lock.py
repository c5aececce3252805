"""A file that one process at a time holds: who does is written in it, and the kernel knows whether it still does.

The lock is `flock`: it ends with the process, however that ends, so that what a killed process or another boot left is
free, whatever its number is now. Linux tells the server of NFS of it, so that it holds between machines. Where a file
system has none, what is written decides: process, its start and the boot of the machine are compared; two that begin in
the same moment are not told apart there.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from sloy.errors import InUse
from sloy.files.processes import life

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_HELD: set[Lock] = set()  # for the children of a fork, which share the open files and must not


class Lock:
    """A context in which this process, and this `Lock` of it, alone holds a file; the file is there as long.

    Parameters
    ----------
    path : Path
        Of the file; its folder must exist.
    what : str
        What is held, for the message: "runs/a", "the checkpoint a.sloy".

    Raises
    ------
    InUse
        On entering, where another holds it; names process, host and since when.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Lock(Path(folder) / ".lock", "the folder"):
    ...         print([path.name for path in Path(folder).iterdir()])
    ['.lock']
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self._what = what
        self._descriptor: int | None = None

    def __enter__(self) -> Lock:
        while self._descriptor is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self.path, flags, 0o666)
            try:
                self._take(descriptor)
                if _is_at(descriptor, self.path):
                    self._descriptor = descriptor
                    _HELD.add(self)
                    _write(descriptor)
            finally:
                if self._descriptor is None:  # refused, or its holder removed the file meanwhile
                    os.close(descriptor)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _HELD.discard(self)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:  # the child of a fork
            return
        if _is_at(descriptor, self.path):
            with suppress(OSError):
                os.unlink(self.path)
        os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._in_use(_read(descriptor, patient=True)) from None
        except OSError as failure:
            if failure.errno not in _NO_LOCKS:
                raise
            holder = _read(descriptor, patient=False)
            if holder and _may_live(holder):
                raise self._in_use(holder, f"; if it does not run, remove {self.path}") from None

    def _in_use(self, holder: dict[str, Any], advice: str = "") -> InUse:
        who = "by another process"
        if holder:
            own = holder["pid"] == os.getpid() and holder["host"] == socket.gethostname()
            process = f"process {holder['pid']}{' (this one)' if own else ''}"
            who = f"by {process} on {holder['host']} since {holder['since']}"
        return InUse(f"{self._what}: is in use {who}{advice}.")

    def forget(self) -> None:
        """Leave the lock to the process that this one was forked from."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


def _forget_all() -> None:
    while _HELD:
        _HELD.pop().forget()


os.register_at_fork(after_in_child=_forget_all)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except OSError:
        return False


def _write(descriptor: int) -> None:
    """Say who holds it."""
    pid = os.getpid()
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    holder = {"pid": pid, "host": socket.gethostname(), "since": since, "life": life(pid)}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _read(descriptor: int, *, patient: bool) -> dict[str, Any]:
    """Who holds it; nothing where that is not, or not yet, written."""
    for _ in range(20 if patient else 1):
        try:
            holder = json.loads(os.pread(descriptor, 4096, 0))
            found = {"pid": int(holder["pid"]), "life": str(holder["life"])[:80]}
            return found | {name: str(holder[name])[:80] for name in ("host", "since")}
        except (ValueError, KeyError, TypeError, RecursionError):
            if patient:
                time.sleep(0.01)
    return {}


def _may_live(holder: dict[str, Any]) -> bool:
    """Whether the process runs, as far as this machine can know."""
    return holder["host"] != socket.gethostname() or life(holder["pid"]) == holder["life"]
