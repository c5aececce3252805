"""The bundled digits are the published ones, to the last pixel."""

from __future__ import annotations

import hashlib
import importlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from sloy.data import TrainTest, mnist
from sloy.errors import FileFormatError

# SHA-256 of the bytes after the headers of the four published IDX files
PUBLISHED = {
    "train": (
        "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    ),
    "test": (
        "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    ),
}


@pytest.fixture(scope="module")
def digits() -> TrainTest:
    return mnist()


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_pixel_and_label_is_as_published(digits: TrainTest, split: str) -> None:
    data = getattr(digits, split)
    images, labels = PUBLISHED[split]
    assert hashlib.sha256(data.x.tobytes()).hexdigest() == images
    assert hashlib.sha256(data.y.astype(np.uint8).tobytes()).hexdigest() == labels


def test_shapes_types_and_names(digits: TrainTest) -> None:
    for data, count in ((digits.train, 60_000), (digits.test, 10_000)):
        assert data.x.shape == (count, 28, 28, 1)
        assert data.x.dtype == np.uint8
        assert data.x.flags.c_contiguous
        assert data.y.shape == (count,)
        assert data.y.dtype == np.int32
        assert data.class_names == tuple("0123456789")
        assert data.name == "mnist"
    assert np.bincount(digits.test.y).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]


def test_the_authors_are_named_beside_the_file() -> None:
    text = files("sloy.data").joinpath("bundled/ATTRIBUTION.md").read_text(encoding="utf-8")
    for words in (
        "Yann LeCun",
        "Corinna Cortes",
        "Burges",
        "Attribution-ShareAlike 3.0",
        "by-sa/3.0",
    ):
        assert words in text


def test_a_damaged_bundle_is_refused(tmp_path: Path, monkeypatch) -> None:
    module = importlib.import_module("sloy.data.mnist")
    data = bytearray(files("sloy.data").joinpath(module.BUNDLE).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / module.BUNDLE).parent.mkdir()
    (tmp_path / module.BUNDLE).write_bytes(data)
    monkeypatch.setattr(module, "files", lambda package: tmp_path)
    with pytest.raises(FileFormatError, match="damaged"):
        mnist()
