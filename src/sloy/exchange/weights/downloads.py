"""Published weights by name: from their official addresses into a cache, checked before they are used."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sloy.arguments import flag, instance, path_of
from sloy.errors import FileFormatError, InvalidArgument, NotAvailable
from sloy.exchange.weights.published import PUBLISHED, Published
from sloy.files.atomic import replace
from sloy.text import shown

_MIB = 1 << 20


def cache_folder() -> Path:
    """Where downloads are kept: on Linux ``~/.cache/sloy``, or ``sloy`` in ``XDG_CACHE_HOME`` where that is set."""
    return Path(_pooch().os_cache("sloy"))


def published(name: str, publisher: str = "torchvision") -> Published:
    """The published weights of a network; `InvalidArgument` where there are none."""
    if not isinstance(name, str) or name not in PUBLISHED:
        raise InvalidArgument(
            f"no ImageNet weights are published for {shown(name)}; there are {', '.join(PUBLISHED)}."
        )
    if not isinstance(publisher, str) or publisher not in PUBLISHED[name]:
        raise InvalidArgument(
            f"`weights` (={shown(publisher)}) is neither a file nor a publisher of {name}; those are"
            f" {', '.join(PUBLISHED[name])}."
        )
    return PUBLISHED[name][publisher]


def fetch(found: Published, folder: str | Path | None = None, *, verbose: bool = True) -> Path:
    """The path of a published file, downloaded where it is not in the cache yet.

    Parameters
    ----------
    found : Published
    folder : str or Path, optional
        The cache; by default `cache_folder`.
    verbose : bool
        Whether to tell of a download on the error stream.

    Raises
    ------
    NotAvailable
        Where it cannot be downloaded; the message says which file to put where.
    FileFormatError
        Where the checksum differs; a file that was downloaded is not kept then.
    """
    instance("fetch", "found", found, Published)
    flag("fetch", "verbose", verbose)
    folder = cache_folder() if folder is None else path_of("fetch", "folder", folder)
    path = folder / found.file_name
    if path.is_file():
        _check(
            found, path, f"{path}: is not the published file; remove it, and it is downloaded anew"
        )
        return path
    part = folder / f".{found.file_name}.{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _download(found.url, part, verbose=verbose)
        _check(found, part, f"{found.url}: what was downloaded is damaged; try again")
        replace(part, path)
    except OSError as error:  # `requests` raises OSError too
        raise NotAvailable(
            f"{found.file_name} is not in the cache and cannot be downloaded ({_reason(error)}). Download"
            f" {found.url} elsewhere and put it into {folder}, or give its path as `weights`."
        ) from None
    finally:
        with suppress(OSError):
            part.unlink()
    return path


def _download(url: str, part: Path, *, verbose: bool) -> None:
    """The file of an address, through pooch."""
    progress = _Progress(url) if verbose else False
    _pooch().HTTPDownloader(progressbar=progress, timeout=60)(url, str(part), None)


def _check(found: Published, path: Path, otherwise: str) -> None:
    digest = _pooch().file_hash(str(path), alg=found.algorithm)
    if not digest.startswith(found.digest):
        name = {"sha256": "SHA-256", "md5": "MD5"}[found.algorithm]
        raise FileFormatError(
            f"{otherwise} (its {name} is {digest}, not {found.digest}{_dots(found)})."
        )


def _dots(found: Published) -> str:
    full = {"sha256": 64, "md5": 32}[found.algorithm]
    return "" if len(found.digest) == full else "…"


def _pooch() -> Any:
    try:
        import pooch  # type: ignore[import-untyped]
    except ImportError:
        raise NotAvailable(
            "weights by name need pooch: pip install 'sloy[pretrained]'; or give the path of a"
            " downloaded file as `weights`."
        ) from None
    return pooch


def _reason(error: OSError) -> str:
    """The heart of a nested error of the network, without addresses and objects."""
    text = str(error.strerror or error)
    for known in ("Name or service not known", "Temporary failure in name resolution", "timed out"):
        if known in text:
            return "no connection: " + known.lower()
    return text if len(text) < 100 else type(error).__name__


class _Progress:
    """What pooch tells of a download, as one line on the error stream that is rewritten twice a second."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.total = 0
        self._done = 0
        self._told = 0.0

    def update(self, size: int) -> None:
        """`size` bytes more."""
        self._done += size
        if sys.stderr.isatty() and time.monotonic() - self._told > 0.5:
            self._told = time.monotonic()
            self._tell("\r")

    def reset(self) -> None:
        """Begin to count anew (pooch calls it at the end, before the last update)."""
        self._done = 0

    def close(self) -> None:
        """The end."""
        self._tell("\r" if sys.stderr.isatty() else "")
        print(file=sys.stderr)

    def _tell(self, before: str) -> None:
        text = f"{before}{self.url}: {self._done // _MIB} of {self.total // _MIB} MiB"
        print(text, end="", file=sys.stderr, flush=True)
