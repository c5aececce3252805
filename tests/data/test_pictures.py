"""`PictureReader`: each way of resizing against a formula, what it takes, and what it refuses by name."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from command_line import environment
from sloy.data import PictureReader, images
from sloy.data.pictures import ORDERS, RESAMPLINGS, RESIZES, read_pictures
from sloy.data.readers import reader_from_config, reader_to_config
from sloy.errors import FileFormatError, InvalidArgument


def scene(width: int, height: int, seed: int = 0) -> Image.Image:
    """A drawn picture with edges, lines and smooth parts."""
    random = np.random.default_rng(seed)
    across, down = np.meshgrid(np.linspace(0, 200, width), np.linspace(0, 200, height))
    ground = np.stack([across, down, 200 - across], -1).astype(np.uint8)
    picture = Image.fromarray(ground)
    draw = ImageDraw.Draw(picture)
    for _ in range(6):
        box = sorted(random.integers(0, width, 2)), sorted(random.integers(0, height, 2))
        colour = tuple(int(c) for c in random.integers(0, 256, 3))
        draw.ellipse((box[0][0], box[1][0], box[0][1], box[1][1]), fill=colour, outline=(0, 0, 0))
    return picture


def triangle_weights(size: int, new: int, first: float, last: float) -> np.ndarray:
    """(new, size): the antialiased bilinear filter, written from its formula, of the part from first to last."""
    scale = (last - first) / new
    support = max(scale, 1.0)
    centres = first + (np.arange(new) + 0.5) * scale
    distance = np.abs(np.arange(size) + 0.5 - centres[:, None]) / support
    weights = np.maximum(0, 1 - distance)
    return weights / weights.sum(1, keepdims=True)


def resized(pixels: np.ndarray, size: tuple[int, int], box: tuple[float, ...]) -> np.ndarray:
    left, upper, right, lower = box
    down = triangle_weights(pixels.shape[0], size[0], upper, lower)
    across = triangle_weights(pixels.shape[1], size[1], left, right)
    return np.einsum("ih,hwc,jw->ijc", down, pixels.astype(np.float64), across)


def test_stretch_is_the_antialiased_bilinear_filter() -> None:
    pixels = np.asarray(scene(53, 37))
    x = PictureReader((16, 24)).read(Image.fromarray(pixels))
    assert (x.shape, x.dtype) == ((1, 16, 24, 3), np.uint8)
    expected = resized(pixels, (16, 24), (0, 0, 53, 37))
    np.testing.assert_allclose(x[0], expected, atol=1.01)
    assert np.abs(x[0] - expected).mean() < 0.4  # rounding, twice


@pytest.mark.parametrize("size", [(53, 37), (37, 53), (40, 40), (224, 300), (20, 90)])
def test_crop_resizes_the_shorter_side_and_takes_the_middle(size: tuple[int, int]) -> None:
    """Torchvision's Resize(28) and CenterCrop(24), done step by step."""
    picture = scene(*size)
    short = min(size)
    whole = tuple(28 if side == short else int(28 * side / short) for side in size)
    steps = picture.resize(whole, Image.Resampling.BILINEAR)
    left, upper = round((whole[0] - 24) / 2.0), round((whole[1] - 24) / 2.0)
    steps = steps.crop((left, upper, left + 24, upper + 24))
    x = PictureReader((24, 24), resize="crop", resize_to=28).read(picture)
    np.testing.assert_array_equal(x[0], np.asarray(steps))


def test_of_a_long_strip_only_the_middle_is_resized() -> None:
    pixels = np.asarray(scene(3000, 12))
    x = PictureReader((24, 24), resize="crop", resize_to=24).read(Image.fromarray(pixels))
    np.testing.assert_allclose(x[0], resized(pixels, (24, 24), (1494, 0, 1506, 12)), atol=1.01)


def test_crop_alone_takes_all_of_one_side() -> None:
    pixels = np.asarray(scene(60, 30))
    x = PictureReader((10, 10), resize="crop").read(Image.fromarray(pixels))
    np.testing.assert_allclose(x[0], resized(pixels, (10, 10), (15, 0, 45, 30)), atol=1.01)


@pytest.mark.parametrize("channels", [1, 3])
def test_pad_keeps_the_whole_and_fills_with_the_background(channels: int) -> None:
    pixels = np.asarray(scene(60, 30))
    reader = PictureReader((20, 20), channels, resize="pad", background=(250, 0, 10))
    x = reader.read(Image.fromarray(pixels))[0]
    grey = np.array([0.299, 0.587, 0.114])
    ground, inner = np.array([250, 0, 10.0]), resized(pixels, (10, 20), (0, 0, 60, 30))
    if channels == 1:
        ground, inner = ground @ grey, inner @ grey[:, None]
    np.testing.assert_allclose(x[5:15], inner, atol=1.6)
    np.testing.assert_allclose(x[:5] - ground, 0, atol=0.5)
    np.testing.assert_allclose(x[15:] - ground, 0, atol=0.5)


def test_channel_order_and_grey() -> None:
    picture = scene(20, 20)
    colours = PictureReader((20, 20)).read(picture)
    np.testing.assert_array_equal(colours[0], np.asarray(picture))
    bgr = PictureReader((20, 20), order="BGR").read(picture)
    np.testing.assert_array_equal(bgr, colours[..., ::-1])
    grey = PictureReader((20, 20), 1).read(picture)
    np.testing.assert_allclose(grey[0, ..., 0], np.asarray(picture) @ [0.299, 0.587, 0.114], atol=1)


def test_what_it_takes(tmp_path: Path) -> None:
    reader = PictureReader((8, 8))
    (tmp_path / "deeper").mkdir()
    paths = [tmp_path / "a.png", tmp_path / "b.JPG", tmp_path / "deeper" / "c.bmp"]
    for number, path in enumerate(paths):
        Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(path)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_text("no picture")
    (tmp_path / "deeper" / "up").symlink_to(tmp_path)  # a circle
    assert reader.read(tmp_path)[:, 0, 0, 0].tolist() == [0, 40, 80]
    assert reader.read([str(paths[2]), Image.new("RGB", (3, 3))]).shape == (2, 8, 8, 3)
    assert reader.takes(paths[0])
    assert reader.takes([str(path) for path in paths])
    for other in (np.zeros((1, 8, 8, 3), np.uint8), [[1.0]], [], 3):
        assert not reader.takes(other)
        with pytest.raises(InvalidArgument, match="`source`"):
            reader.read(other)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileFormatError, match="holds no pictures"):
        reader.read(tmp_path / "empty")
    (tmp_path / "b.JPG").write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(FileFormatError, match=r"b\.JPG"):
        reader.read(tmp_path)
    with pytest.raises(FileNotFoundError):
        reader.read(tmp_path / "missing.png")


def test_several_threads_give_the_same_and_name_every_failure(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number:02}.png" for number in range(30)]
    for number, path in enumerate(paths):
        scene(40, 30, number).save(path)
    for number in (7, 20):
        paths[number].write_bytes(paths[number].read_bytes()[:-300])
    paths[11].unlink()
    reader = PictureReader((8, 8))
    outs = [np.zeros((30, 8, 8, 3), np.uint8) for _ in range(2)]
    looked_at: list[int] = []
    alone = read_pictures(reader, paths, outs[0], threads=1, done=looked_at.append)
    together = read_pictures(reader, paths, outs[1], threads=8)
    assert looked_at == list(range(30))
    assert sorted(alone) == sorted(together) == [7, 11, 20]
    assert isinstance(together[11], FileNotFoundError)
    assert all(str(paths[row]) in str(error) for row, error in together.items())
    np.testing.assert_array_equal(*outs)
    assert outs[0][8].any()
    assert not outs[0][7].any()


def test_a_large_jpeg_is_decoded_in_part_and_looks_the_same(tmp_path: Path) -> None:
    picture = scene(1200, 900)
    picture.save(tmp_path / "a.jpg", quality=95)
    for resize, at in (("stretch", None), ("crop", None), ("crop", 40), ("pad", None)):
        reader = PictureReader((32, 32), resize=resize, resize_to=at)
        x = reader.read(tmp_path / "a.jpg").astype(int)
        whole = reader.read(Image.open(tmp_path / "a.jpg").convert("RGB")).astype(int)
        assert np.abs(x - whole).mean() < 1
        assert np.abs(x - whole).max() <= 12  # at an edge


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """What EXIF 2.32, tag 274, says: where row 0 and column 0 of the stored pixels belong."""
    rules = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: p.swapaxes(0, 1)[:, ::-1],
        7: lambda p: p.swapaxes(0, 1)[::-1, ::-1],
        8: lambda p: p.swapaxes(0, 1)[::-1],
    }
    return rules[orientation](pixels)


@pytest.mark.parametrize("suffix", ["png", "tiff", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation(tmp_path: Path, orientation: int, suffix: str) -> None:
    pixels = np.asarray(scene(9, 5))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}", exif=exif, **options)
    expected = turned(pixels, orientation)
    x = PictureReader(expected.shape[:2]).read(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(x[0], expected)


def test_cmyk(tmp_path: Path) -> None:
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 0, 128], [30, 60, 90, 100]]], np.uint8)
    Image.fromarray(np.repeat(inks, 8, 0).repeat(8, 1), "CMYK").save(tmp_path / "a.tiff")
    x = PictureReader((8, 32)).read(tmp_path / "a.tiff")[0, 0, ::8]
    light = 255 - inks[0].astype(float)
    np.testing.assert_allclose(x, light[:, :3] * light[:, 3:] / 255, atol=1)
    Image.fromarray(np.repeat(inks, 8, 0).repeat(8, 1), "CMYK").save(
        tmp_path / "a.jpg", quality=100
    )
    x = PictureReader((8, 32)).read(tmp_path / "a.jpg")[0, 0, ::8]
    np.testing.assert_allclose(x, light[:, :3] * light[:, 3:] / 255, atol=5)


def test_sixteen_bit_colours_and_transparent_palettes(tmp_path: Path) -> None:
    """A PNG of three 16-bit channels, written by hand, and a GIF whose palette has a transparent entry."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    deep = np.array([[0x1234, 0xFFFF, 0x0080]], ">u2")
    head = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" + deep.tobytes()))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b""))
    x = PictureReader((1, 1)).read(tmp_path / "a.png")
    np.testing.assert_allclose(x.ravel(), deep.ravel() / 257, atol=1)
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    picture.save(tmp_path / "a.gif", transparency=0)
    x = PictureReader((1, 2), background=(1, 2, 3)).read(tmp_path / "a.gif")
    assert x[0, 0].tolist() == [[1, 2, 3], [40, 50, 60]]


def test_a_phones_picture_with_a_second_one_inside(tmp_path: Path) -> None:
    first = scene(64, 48)
    first.save(
        tmp_path / "a.jpg",
        "MPO",
        save_all=True,
        append_images=[Image.new("RGB", (64, 48))],
        quality=95,
        subsampling=0,
    )
    x = PictureReader((48, 64)).read(tmp_path / "a.jpg")[0].astype(int)
    assert np.abs(x - np.asarray(first)).mean() < 4


def test_a_broken_exif_note_says_nothing(tmp_path: Path) -> None:
    scene(16, 16).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\xff broken")
    assert PictureReader((16, 16)).read(tmp_path / "a.jpg").any()


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "gif", "webp", "tiff", "ppm"])
def test_damage_anywhere_is_no_crash(tmp_path: Path, suffix: str) -> None:
    """Bytes turned over and ends cut off: a picture of the right shape, or an error that names the file."""
    scene(40, 30).save(tmp_path / f"a.{suffix}")
    whole = (tmp_path / f"a.{suffix}").read_bytes()
    random, reader, refused = np.random.default_rng(3), PictureReader((8, 8)), 0
    path = tmp_path / f"b.{suffix}"
    for trial in range(60):
        damaged = bytearray(whole[: random.integers(1, len(whole))] if trial % 2 else whole)
        for place in random.integers(0, min(len(damaged), 400), 4):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged)
        try:
            shape, said = reader.read(path).shape, ""
        except FileFormatError as error:
            shape, said = None, str(error)
        assert shape == (1, 8, 8, 3) or said.startswith(str(path))
        refused += shape is None
    assert refused > 10


def test_pictures_that_promise_too_much(tmp_path: Path) -> None:
    """A header of 50 000 × 50 000 pixels, and one of 1 × 90 000, whose resizing would take much memory."""
    head = b"P5 %d %d 255\n"
    for name, size in (("area", (50_000, 50_000)), ("side", (1, 90_000))):
        path = tmp_path / f"{name}.pgm"
        path.write_bytes(head % size + b"\0" * 90_000)
        with pytest.raises(FileFormatError, match=rf"{name}\.pgm"):
            PictureReader((8, 8)).read(path)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "I;16", "CMYK", "P"])
def test_the_largest_pictures_take_little_beside_their_pixels(tmp_path: Path, mode: str) -> None:
    """Of 12 million pixels, so that it is quick: at most ten bytes a pixel, by the kernel's own count."""
    options = {"transparency": 3} if mode == "P" else {}
    Image.new(mode, (4000, 3000), 7).save(
        tmp_path / "a", "TIFF" if mode == "CMYK" else "PNG", **options
    )
    code = (
        "import resource, sys; from sloy.data import PictureReader; from PIL import Image;"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; before = peak();"
        "PictureReader((64, 64)).read(sys.argv[1]); print((peak() - before) * 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a")],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 10 * 12_000_000


def test_large_pictures_are_decoded_one_at_a_time(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(images, "MANY_PIXELS", 10)
    scene(8, 8).save(tmp_path / "a.png")
    lock, out = threading.Lock(), np.zeros((8, 8, 3), np.uint8)
    thread = threading.Thread(
        target=PictureReader((8, 8)).read_into, args=(out, tmp_path / "a.png", lock)
    )
    with lock:
        thread.start()
        thread.join(0.2)
        assert not out.any()
    thread.join(10)
    assert out.any()


def test_config_comes_back() -> None:
    for resize in RESIZES:
        for order, resampling in zip(ORDERS * 3, RESAMPLINGS, strict=True):
            at = 40 if resize == "crop" else None
            reader = PictureReader((30, 20), 1, resize, at, resampling, order, (1, 2, 3))
            assert reader_from_config(reader_to_config(reader)) == reader


@pytest.mark.parametrize(
    "change",
    [
        {"size": [0, 4]},
        {"size": [4]},
        {"size": [10**6, 10**6]},
        {"size": "ab"},
        {"channels": 2},
        {"channels": True},
        {"resize": "shrink"},
        {"resize": ["crop"]},
        {"resize_to": 3.5},
        {"resampling": "magic"},
        {"order": None},
        {"background": [0, 0, 256]},
        {"more": 1},
    ],
)
def test_configs_that_are_refused(change: dict) -> None:
    config = {**PictureReader((8, 8), resize="crop", resize_to=9).to_config(), **change}
    with pytest.raises(FileFormatError):
        PictureReader.from_config(config)


def test_arguments_that_are_refused() -> None:
    with pytest.raises(
        InvalidArgument, match=r"`resize_to` \(=7\) must be an integer of at least 8"
    ):
        PictureReader((8, 8), resize="crop", resize_to=7)
    with pytest.raises(InvalidArgument, match="`resize_to`"):
        replace(PictureReader((8, 8)), resize_to=9)
