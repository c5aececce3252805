"""Published weights by name: from their official addresses into a cache, checked before they are used."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sloy.errors import FileFormatError, InvalidArgument, NotAvailable

_TORCH = "https://download.pytorch.org/models/"
_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/"
_MIB = 1 << 20


@dataclass(frozen=True)
class Published:
    """A file of weights at its official address.

    Attributes
    ----------
    url : str
        Its last part is the file's name.
    algorithm : "sha256" or "md5"
    digest : str
        What the checksum, in hexadecimal, begins with: all of it where it is known, else what the publisher gives and
        checks himself.
    top1 : float
        Published accuracy on ImageNet's validation pictures, in per cent, one centre crop.
    """

    url: str
    algorithm: str
    digest: str
    top1: float

    @property
    def file_name(self) -> str:
        """The file's name."""
        return urlsplit(self.url).path.rpartition("/")[2]


# Name → publisher → file. torchvision writes the first 8 digits of the SHA-256 into the name; Keras gives the MD5.
PUBLISHED: Mapping[str, Mapping[str, Published]] = {
    "vgg11": {"torchvision": Published(f"{_TORCH}vgg11-8a719046.pth", "sha256", "8a719046", 69.020)},
    "vgg13": {"torchvision": Published(f"{_TORCH}vgg13-19584684.pth", "sha256", "19584684", 69.928)},
    "vgg16": {
        "torchvision": Published(
            f"{_TORCH}vgg16-397923af.pth",
            "sha256",
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            71.592,
        ),
        "keras": Published(
            f"{_KERAS}vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
            "md5",
            "64373286793e3c8b2b4e3219cbf3544b",
            71.268,
        ),
    },
    "vgg19": {
        "torchvision": Published(
            f"{_TORCH}vgg19-dcbb9e9d.pth",
            "sha256",
            "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            72.376,
        ),
        "keras": Published(
            f"{_KERAS}vgg19/vgg19_weights_tf_dim_ordering_tf_kernels.h5",
            "md5",
            "cbe5617147190e668d6c5d5026f83318",
            71.256,
        ),
    },
    "vgg11_bn": {"torchvision": Published(f"{_TORCH}vgg11_bn-6002323d.pth", "sha256", "6002323d", 70.370)},
    "vgg13_bn": {"torchvision": Published(f"{_TORCH}vgg13_bn-abd245e5.pth", "sha256", "abd245e5", 71.586)},
    "vgg16_bn": {
        "torchvision": Published(
            f"{_TORCH}vgg16_bn-6c64b313.pth",
            "sha256",
            "6c64b3138f2f4fcb3bcc4cafde11619c4f440eb1631787e93a682fd88305888a",
            73.360,
        )
    },
    "vgg19_bn": {"torchvision": Published(f"{_TORCH}vgg19_bn-c79401a0.pth", "sha256", "c79401a0", 74.218)},
}  # fmt: skip


def cache_folder() -> Path:
    """Where downloads are kept: on Linux ``~/.cache/sloy``, or ``sloy`` in ``XDG_CACHE_HOME`` where that is set."""
    return Path(_pooch().os_cache("sloy"))


def published(name: str, publisher: str = "torchvision") -> Published:
    """The published weights of a network; `InvalidArgument` where there are none."""
    if name not in PUBLISHED:
        raise InvalidArgument(
            f"no ImageNet weights are published for {name!r}; there are {', '.join(PUBLISHED)}."
        )
    if publisher not in PUBLISHED[name]:
        raise InvalidArgument(
            f"`weights` (={publisher!r}) is neither a file nor a publisher of {name}; those are"
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
    folder = cache_folder() if folder is None else Path(folder)
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
        os.replace(part, path)
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
