"""Greys of more than 8 bits: the range is that of the data set, and stays with the reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sloy.data import PictureReader, picture_folder, read_image
from sloy.data.readers import reader_from_config, reader_to_config
from sloy.errors import FileFormatError, InvalidArgument

ALL = {"validation": 0, "test": 0}


def folder(path: Path, *values: np.ndarray, suffix: str = "tif") -> Path:
    """A class for each array (N, H, W)."""
    for name, several in zip("abc", values, strict=False):
        (path / name).mkdir(parents=True)
        for number, one in enumerate(several):
            Image.fromarray(one).save(path / name / f"{number}.{suffix}")
    return path


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_the_depth_of_a_data_set(tmp_path: Path, bits: int, suffix: str) -> None:
    """One class is dark: it is scaled as the other, not for itself."""
    random = np.random.default_rng(bits)
    bright = random.integers(0, 2**bits, (3, 9, 9)).astype(np.uint16)
    bright[0, 0, 0] = 2**bits - 1
    dark = (bright // 16).astype(np.uint16)
    found = picture_folder(folder(tmp_path, bright, dark, suffix=suffix), **ALL)
    assert found.reader.greys == (0, 2**bits - 1)
    for got, values in ((found.train.x[:3], bright), (found.train.x[3:], dark)):
        expected = np.floor(values * (255 / (2**bits - 1)) + 0.5)
        np.testing.assert_allclose(got[..., 0], expected, atol=1)
        assert np.mean(got[..., 0] == expected) > 0.99
    again = reader_from_config(reader_to_config(found.reader))
    np.testing.assert_array_equal(again.read(tmp_path / "b"), found.train.x[3:])


def test_more_than_the_reader_knows_is_refused_by_its_value(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 9000, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(FileFormatError, match=r"a\.png: holds greys up to 9000; .* at most 4095"):
        PictureReader((4, 4), 1, greys=(0, 4095)).read(tmp_path / "a.png")


def test_a_file_alone_has_the_depth_that_holds_it(tmp_path: Path) -> None:
    ramp = np.linspace(0, 4095, 4096).reshape(64, 64)
    Image.fromarray(ramp.astype(np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_allclose(read_image(tmp_path / "a.png")[..., 0], ramp / 4095 * 255, atol=0.6)


def test_real_numbers_of_a_data_set(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    hounsfield = random.uniform(-1000, 3000, (2, 2, 9, 9)).astype(np.float32)
    found = picture_folder(folder(tmp_path / "h", *hounsfield), **ALL)
    least, most = float(hounsfield.min()), float(hounsfield.max())
    assert found.reader.greys == (least, most)
    expected = (hounsfield.reshape(4, 9, 9) - least) / (most - least) * 255
    np.testing.assert_allclose(found.train.x[..., 0], expected, atol=0.51)
    beyond = Image.fromarray(np.array([[-5000, 9000]], np.float32))
    assert found.reader.__class__((1, 2), 1, greys=(least, most)).read(beyond).ravel().tolist() == [
        0,
        255,
    ]
    for number, white in enumerate((1, 255)):
        values = random.uniform(0, white, (2, 2, 9, 9)).astype(np.float32)
        found = picture_folder(folder(tmp_path / str(number), *values), **ALL)
        assert found.reader.greys == (0, white)
    long = random.integers(0, 70_000, (2, 2, 9, 9)).astype(np.int32)
    found = picture_folder(folder(tmp_path / "long", *long), **ALL)
    assert found.reader.greys == (long.min(), long.max())


def test_real_numbers_of_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(np.linspace(0, 255, 4096, dtype=np.float32).reshape(64, 64)).save(path)
    assert read_image(path)[63, 63, 0] == 255
    for values, words in (((-1000, 3000), "-1000 to 3000"), ((0, np.nan), "NaN or infinite")):
        Image.fromarray(np.array([values], np.float32)).save(path)
        with pytest.raises(FileFormatError, match=words) as caught:
            read_image(path)
        assert "damaged" not in str(caught.value)


def test_integers_and_real_numbers_do_not_mix(tmp_path: Path) -> None:
    whole, real = np.full((1, 4, 4), 3000, np.uint16), np.full((1, 4, 4), 0.5, np.float32)
    with pytest.raises(FileFormatError, match="convert them to one kind"):
        picture_folder(folder(tmp_path, whole, real), **ALL)


def test_readers_of_earlier_files_have_no_range() -> None:
    config = PictureReader((8, 8)).to_config()
    assert config.pop("greys") is None
    assert PictureReader.from_config(config) == PictureReader((8, 8))
    for given in ((1,), (3, 3), "ab"):
        with pytest.raises(InvalidArgument, match="`greys`"):
            PictureReader((8, 8), greys=given)
