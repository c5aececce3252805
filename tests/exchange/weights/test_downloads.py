"""Weights by name: from a server of this test into a cache, checked; errors that say which file to put where."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import sloy
from golden.pretrained_problems import BLOCKED
from serving import serving
from sloy import zoo
from sloy.data.pictures import RESAMPLINGS
from sloy.errors import FileFormatError, InvalidArgument, NotAvailable
from sloy.pretrained import PUBLISHED, Published, cache_folder, fetch, published

DATA = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server of this machine, with one file."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "w.pth").write_bytes(DATA)
    with serving(folder) as address:
        yield address


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize(("algorithm", "digest"), [
    ("sha256", SHA256), ("sha256", SHA256[:8]), ("md5", hashlib.md5(DATA).hexdigest()),
])  # fmt: skip
def test_downloaded_once_and_checked(
    server: str, tmp_path: Path, algorithm: str, digest: str
) -> None:
    cache = tmp_path / "cache"
    found = Published(f"{server}w.pth", algorithm, digest, 0)
    path = fetch(found, cache, verbose=False)
    assert path == cache / "w.pth"
    assert path.read_bytes() == DATA
    assert names_in(cache) == ["w.pth"]
    elsewhere = Published("http://127.0.0.1:1/w.pth", algorithm, digest, 0)
    assert fetch(elsewhere, cache) == path  # nothing is asked of the network
    path.write_bytes(DATA[:-1])
    with pytest.raises(FileFormatError, match=rf"{path}: is not the published file; remove it"):
        fetch(found, cache)


def test_a_wrong_checksum_leaves_nothing(server: str, tmp_path: Path) -> None:
    found = Published(f"{server}w.pth", "sha256", "0" * 8, 0)
    with pytest.raises(
        FileFormatError, match=r"damaged; try again \(its SHA-256 is .*, not 00000000…\)"
    ):
        fetch(found, tmp_path / "cache", verbose=False)
    assert names_in(tmp_path / "cache") == []


def test_a_missing_file_and_no_connection(server: str, tmp_path: Path) -> None:
    for url, reason in (
        (f"{server}none.pth", "404"),
        ("http://127.0.0.1:1/none.pth", "ConnectionError|refused"),
    ):
        with pytest.raises(NotAvailable, match=reason) as caught:
            fetch(Published(url, "sha256", SHA256, 0), tmp_path / "cache", verbose=False)
        text = str(caught.value)
        assert "none.pth is not in the cache and cannot be downloaded" in text
        assert f"Download {url} elsewhere and put it into {tmp_path / 'cache'}" in text
        assert "`weights`" in text
        assert "\n" not in text
    assert names_in(tmp_path / "cache") == []


def test_a_name_that_is_not_resolved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The nested message of `requests` is reduced to its heart."""

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(
            "HTTPSConnectionPool(host='download.pytorch.org', port=443): Max retries exceeded with url: /x (Caused"
            " by NameResolutionError(<HTTPSConnection object>: [Errno -2] Name or service not known'))"
        )

    monkeypatch.setattr("sloy.exchange.weights.downloads._download", fail)
    with pytest.raises(
        NotAvailable, match=r"\(no connection: name or service not known\)\. Download https://down"
    ):
        fetch(published("vgg16"), tmp_path)


def test_progress_is_told(server: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fetch(Published(f"{server}w.pth", "sha256", SHA256, 0), tmp_path / "cache")
    out, err = capfd.readouterr()
    assert out == ""
    assert err == f"{server}w.pth: 1 of 1 MiB\n"


def test_a_cache_that_cannot_be_written(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotAvailable, match="put it into"):
        fetch(
            Published(f"{server}w.pth", "sha256", SHA256, 0),
            tmp_path / "file" / "cache",
            verbose=False,
        )


def test_the_table() -> None:
    assert set(PUBLISHED) == {n for n in zoo.PRESETS if n.startswith("vgg")} | set(BLOCKED)
    for name, files in PUBLISHED.items():
        assert next(iter(files)) == "torchvision"
        for publisher, found in files.items():
            assert urlsplit(found.url).scheme == "https"
            assert found.file_name.startswith(BLOCKED[name] if publisher == "timm" else name)
            length = {"sha256": 64, "md5": 32}[found.algorithm]
            assert len(found.digest) in ((length,) if publisher == "keras" else (8, length))
            assert all(digit in "0123456789abcdef" for digit in found.digest)
            assert (found.top1 is None) == (publisher == "timm")
            assert found.top1 is None or 67 < found.top1 < 83
            assert found.resampling in RESAMPLINGS
            assert 224 < found.resize_to <= 256
            if publisher != "keras":  # names end with the first digits of the checksum
                assert found.file_name.endswith(f"-{found.digest[:8]}.pth")
    with pytest.raises(InvalidArgument, match="published for 'lenet5'; there are vgg11"):
        published("lenet5")
    with pytest.raises(
        InvalidArgument, match=r"`weights` \(='keras'\) is neither a file nor a publisher of vgg11"
    ):
        published("vgg11", "keras")


def test_load_by_name_reads_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file put into the cache by hand is taken; a wrong one is refused before it is read."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "sloy"
    cache_folder().mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vgg16").mkdir()  # a folder of that name stands in nobody's way
    (cache_folder() / "vgg16-397923af.pth").write_bytes(b"not it")
    with pytest.raises(FileFormatError, match="is not the published file"):
        sloy.load("vgg16")
    with pytest.raises(FileFormatError, match="is not the published file"):
        sloy.load("vgg16", weights="torchvision")
