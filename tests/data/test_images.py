"""Pictures: each mode of Pillow becomes the greys or colours that its pixels mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sloy.data import images, read_image
from sloy.errors import FileFormatError, InvalidArgument


def save(path: Path, pixels: np.ndarray, mode: str | None = None, **options: object) -> Path:
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


GREYS = np.array([[0, 100, 255], [1, 2, 3]], np.uint8)
COLOURS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [10, 20, 30]]], np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tiff", "pgm", "webp"])
def test_greys_come_back_exactly(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"a.{suffix}", GREYS, **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(read_image(path, channels=1)[..., 0], GREYS)
    np.testing.assert_array_equal(read_image(str(path)), np.repeat(GREYS[..., None], 3, axis=2))


def test_colours_come_back_and_become_grey(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", COLOURS)
    np.testing.assert_array_equal(read_image(path), COLOURS)
    expected = COLOURS @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(read_image(path, channels=1)[..., 0], expected, atol=1)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    deep = np.array([[0, 257, 62_100], [65_535, 128, 129]], np.uint16)
    path = save(tmp_path / "a.png", deep)
    assert read_image(path, channels=1)[..., 0].tolist() == [[0, 1, 242], [255, 0, 1]]
    assert read_image(path, channels=3)[0, 2].tolist() == [242] * 3


def test_real_greys(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tiff", np.array([[0, 0.5, 1]], np.float32))
    assert read_image(path, channels=1).ravel().tolist() == [0, 128, 255]
    path = save(tmp_path / "b.tiff", np.array([[0, 2.5]], np.float32))
    with pytest.raises(FileFormatError, match="0 … 1"):
        read_image(path)


def test_palettes_are_colours_not_numbers(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", COLOURS, "P")
    with Image.open(path) as opened:
        assert opened.mode == "P"
        red = opened.convert("RGB").getpixel((0, 0))
    assert red == (255, 0, 0)
    np.testing.assert_array_equal(read_image(path)[0, 0], red)


def test_one_bit_pictures(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.array([[0, 255]], np.uint8), "1")
    assert read_image(path, channels=1).ravel().tolist() == [0, 255]


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_transparent_shows_the_background(tmp_path: Path, channels: int) -> None:
    pixels = np.array([[[9, 9, 9, 0], [9, 9, 9, 255], [0, 0, 0, 51]]], np.uint8)
    path = save(tmp_path / "a.png", pixels)
    assert read_image(path, channels=channels)[0, :, 0].tolist() == [255, 9, 204]
    assert read_image(path, channels=channels, background=100)[0, :, 0].tolist() == [100, 9, 80]


def test_the_exif_note_turns_the_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    path = save(tmp_path / "a.png", GREYS, exif=exif)
    np.testing.assert_array_equal(read_image(path, channels=1)[..., 0], np.rot90(GREYS, -1))


def test_an_animations_first_frame(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((4, 4), grey, np.uint8)) for grey in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (read_image(tmp_path / "a.gif", channels=1) == 10).all()


def test_resizing_averages_areas(tmp_path: Path) -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4) * 10
    path = save(tmp_path / "a.png", pixels)
    expected = pixels.reshape(2, 2, 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(read_image(path, (2, 2), 1)[..., 0], expected, atol=0.5)
    assert read_image(path, (3, 5), 3).shape == (3, 5, 3)


def test_a_jpeg_cut_anywhere_is_refused(tmp_path: Path) -> None:
    gradient = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    whole = save(tmp_path / "a.jpg", gradient).read_bytes()
    assert read_image(tmp_path / "a.jpg", channels=1).shape == (64, 64, 1)
    for length in range(0, len(whole) - 20, 37):
        (tmp_path / "b.jpg").write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"b\.jpg"):
            read_image(tmp_path / "b.jpg")


def test_what_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(FileFormatError, match=r"a\.png: is not a picture"):
        read_image(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    with pytest.raises(FileFormatError, match=r"a\.png: is damaged near its beginning"):
        read_image(tmp_path / "a.png")
    np.savez(tmp_path / "b.npz", x_train=np.zeros(3))
    with pytest.raises(FileFormatError, match=r"b\.npz: holds arrays \(NumPy: x_train\)"):
        read_image(tmp_path / "b.npz")
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "missing.png")


def test_pictures_that_are_too_large(tmp_path: Path, monkeypatch) -> None:
    path = save(tmp_path / "a.png", GREYS)
    monkeypatch.setattr(images, "LARGEST_PICTURE", 5)
    with pytest.raises(FileFormatError, match="3 × 2 pixels"):
        read_image(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2)  # Pillow's own limit is twice that
    with pytest.raises(FileFormatError, match=r"a\.png: 6 pixels are too many; allowed are 5\.$"):
        read_image(path)


@pytest.mark.parametrize(
    "arguments",
    [{"channels": 2}, {"size": (0, 4)}, {"size": (4,)}, {"background": 256}, {"background": -1}],
)
def test_arguments_that_are_refused(tmp_path: Path, arguments: dict) -> None:
    with pytest.raises(InvalidArgument, match=f"`{next(iter(arguments))}`"):
        read_image(save(tmp_path / "a.png", GREYS), **arguments)
