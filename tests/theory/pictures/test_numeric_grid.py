"""Pictures as their numbers: arrays and files, scaled, in colours; what L16-L22 do with a picture's file."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from legible import assert_legible, texts
from sloy import theory
from sloy.errors import FileFormatError, InvalidArgument, ShapeError
from sloy.language import speak
from sloy.theory import numeric_grid, numeric_grid_figure
from sloy.theory.pictures.numbers import as_grey, as_picture, scaled

RANDOM = np.random.default_rng(6)
PHOTO = RANDOM.integers(0, 256, (60, 90, 3)).astype(np.uint8)  # longer side: 90


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(PHOTO).save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


def test_the_text() -> None:
    assert numeric_grid(np.array([[0, 128], [255, 7]], np.uint8)) == "  0 128\n255   7"
    assert numeric_grid([[0.5, -1]]) == " 0.50 -1.00"
    colours = numeric_grid(np.arange(12).reshape(2, 2, 3))
    assert colours.split("\n\n")[2] == "blue:\n 2  5\n 8 11"
    with speak("ru"):
        assert numeric_grid(np.arange(12).reshape(2, 2, 3)).startswith("красный:")


def test_scaling_takes_the_mean_of_what_a_pixel_covers() -> None:
    found = scaled(PHOTO.astype(float), 30)
    assert found.shape == (20, 30, 3)
    blocks = PHOTO.reshape(20, 3, 30, 3, 3).mean((1, 3))
    assert np.array_equal(found, np.round(blocks))
    fine = RANDOM.normal(size=(7, 5, 1))
    finest = np.repeat(np.repeat(fine[..., 0], 3, axis=0), 2, axis=1)  # (21, 10)
    expected = finest.reshape(3, 7, 2, 5).mean((1, 3))
    np.testing.assert_allclose(scaled(fine, 3)[..., 0], expected, atol=1e-12)
    assert scaled(np.ones((400, 2, 1)), 4).shape == (4, 1, 1)
    assert np.array_equal(
        scaled(np.eye(2)[..., None], 4)[..., 0], np.kron(np.eye(2), np.ones((2, 2)))
    )


def test_greys_are_those_of_pillow() -> None:
    grey = np.asarray(Image.fromarray(PHOTO).convert("L"), float)
    assert np.abs(as_grey(PHOTO.astype(float))[..., 0] - grey).max() <= 1
    assert as_grey(np.ones((2, 2, 1))).shape == (2, 2, 1)


def test_a_file_is_its_numbers(photo: Path, tmp_path: Path) -> None:
    assert np.array_equal(as_picture("f", "image", photo, colour=True), PHOTO)
    assert np.array_equal(
        as_picture("f", "image", str(photo))[..., 0],
        np.asarray(Image.fromarray(PHOTO).convert("L")),
    )
    grey = PHOTO[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert np.array_equal(as_picture("f", "i", tmp_path / "grey.png", colour=True)[..., 0], grey)
    text = numeric_grid(photo, size=9)
    assert [len(part.splitlines()) for part in text.split("\n\n")] == [7, 7, 7]
    assert len(numeric_grid(photo, size=9, grey=True).splitlines()) == 6
    numbers = [int(n) for n in re.findall(r"\d+", text)]
    means = PHOTO.reshape(6, 10, 9, 10, 3).mean((1, 3)).transpose(2, 0, 1)
    np.testing.assert_allclose(numbers, means.ravel(), atol=0.5)


def test_a_figure_of_a_file(photo: Path) -> None:
    figure = numeric_grid_figure(photo, size=6)
    said = texts(figure)
    assert {"what we see", "red", "green", "blue"} <= set(said)
    means = np.round(PHOTO.reshape(4, 15, 6, 15, 3).mean((1, 3))).astype(int)
    for channel, axes in enumerate(figure.axes[1:]):
        shown = np.array([int(t.get_text()) for t in axes.texts]).reshape(4, 6)
        assert np.array_equal(shown, means[..., channel])
    seen = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_allclose(seen * 255, means)
    one = numeric_grid_figure(photo, size=6, grey=True)
    assert len(one.axes) == 2
    assert "what computers see" in texts(one)


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    ("image", "options"),
    [
        (RANDOM.integers(0, 256, (20, 20)), {"title": "noise"}),
        (RANDOM.normal(size=(5, 9)), {}),
        ([[7]], {}),
        (PHOTO, {"size": 20, "title": "A cat"}),
        (PHOTO / 255, {"size": 8}),
        (PHOTO.transpose(1, 0, 2), {"size": 40, "grey": True}),
        (PHOTO[:1, :12], {}),
        (PHOTO[:3, :2], {}),
    ],
)
def test_legible(image: np.ndarray, options: dict[str, object], language: str) -> None:
    with speak(language):
        assert_legible(numeric_grid_figure(image, **options))  # type: ignore[arg-type]


def test_the_lecture_runs_on_a_file(photo: Path) -> None:
    """A filter of one channel sees the greys (L17-L19, L22)."""
    grey = np.asarray(Image.fromarray(PHOTO).convert("L"), float)
    kernel = RANDOM.integers(-3, 4, (3, 5))
    assert np.array_equal(theory.convolve(photo, kernel), theory.convolve(grey, kernel))
    assert np.array_equal(theory.max_pool(photo, 3), theory.max_pool(grey, 3))
    assert theory.explain_convolution(photo, kernel) == theory.explain_convolution(grey, kernel)


BAD = {
    "NaN": (lambda: numeric_grid([[np.nan]]), r"`image` holds NaN"),
    "words": (lambda: numeric_grid([["a"]]), r"dtype <U1"),
    "large": (
        lambda: numeric_grid_figure(np.ones((99, 9))),
        r"99 × 9 pixels; at most 40 rows and columns .* `size=20`",
    ),
    "large text": (lambda: numeric_grid(np.ones((9, 101))), r"at most 100 .* `size=20`"),
    "size": (lambda: numeric_grid_figure(PHOTO, size=41), r"`size` \(=41\) must be .* at most 40"),
    "no size": (lambda: numeric_grid(PHOTO, size=0), r"`size` \(=0\)"),
    "two channels": (lambda: numeric_grid_figure(np.ones((3, 3, 2))), r"`image` has 2 channels"),
    "grey": (lambda: numeric_grid(PHOTO, size=3, grey=1), r"`grey` \(=1\)"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises((InvalidArgument, ShapeError), match=message):
        call()


def test_bad_files(tmp_path: Path) -> None:
    (tmp_path / "cat.jpg").write_text("no picture")
    with pytest.raises(FileFormatError, match=r"cat\.jpg: is not a picture"):
        numeric_grid_figure(tmp_path / "cat.jpg", size=20)
    with pytest.raises(FileNotFoundError, match=r"dog\.jpg"):
        theory.convolve(tmp_path / "dog.jpg", np.ones((3, 3)))
