"""Photographs of digits: the pieces against brute force and formulas, and drawn photographs as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from draw_digits import photo
from PIL import Image, ImageDraw

from sloy.data import Dataset, HandwritingReader, mnist
from sloy.data.handwriting.ink import find_ink, is_light, smooth
from sloy.data.handwriting.regions import closing, grown, regions, running, stroke_width
from sloy.data.handwriting.sample import centred
from sloy.data.readers import reader_from_config, reader_to_config
from sloy.errors import FileFormatError, InvalidArgument


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return mnist().test


@pytest.mark.parametrize("size", [1, 3, 5, 7, 11, 13])
@pytest.mark.parametrize("op", [np.maximum, np.minimum])
def test_running_extrema(size: int, op: Callable[..., np.ndarray]) -> None:
    values = np.random.default_rng(size).random((9, 14))
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (size // 2, size // 2)
        padded = np.pad(values, pad, mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=axis)
        np.testing.assert_array_equal(running(values, size, axis, op), op.reduce(windows, axis=-1))


def test_closing_keeps_steps_and_takes_thin_dark_lines_out() -> None:
    page = np.full((40, 60), 200.0)
    page[:, 30:] = 80  # a shadow's edge
    lined = page.copy()
    lined[10:13] -= 60
    np.testing.assert_array_equal(closing(lined, 7), page)
    assert (closing(lined, 3) != page).any()


def flooded(mask: np.ndarray) -> set[frozenset[tuple[int, int]]]:
    """Regions of eight neighbours, by walking from pixel to pixel."""
    left, found = set(map(tuple, np.argwhere(mask).tolist())), set()
    while left:
        waiting = [left.pop()]
        region = set(waiting)
        while waiting:
            y, x = waiting.pop()
            for near in {(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left:
                left.remove(near)
                region.add(near)
                waiting.append(near)
        found.add(frozenset(region))
    return found


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8, 1.0])
def test_regions_by_walking(share: float) -> None:
    mask = np.random.default_rng(int(10 * share)).random((23, 31)) < share
    found = {
        frozenset(zip(r.rows.tolist(), r.columns.tolist(), strict=True)) for r in regions(mask)
    }
    assert found == flooded(mask)


def test_grown_is_a_disc_around_each_pixel() -> None:
    mask = np.random.default_rng(0).random((20, 24)) < 0.03
    down, across = np.mgrid[:20, :24]
    for radius in (1.0, 1.5, 2.3, 4.0):
        near = [(down - y) ** 2 + (across - x) ** 2 <= radius**2 for y, x in np.argwhere(mask)]
        np.testing.assert_array_equal(grown(mask, radius), np.any(near, axis=0))
        np.testing.assert_array_equal(grown(~mask, -radius), ~np.any(near, axis=0))


@pytest.mark.parametrize("angle", [0, 20, 45, 70])
def test_stroke_width_of_a_bar(angle: int) -> None:
    page = Image.new("L", (200, 200))
    ImageDraw.Draw(page).rectangle((20, 92, 180, 107), fill=255)
    mask = np.asarray(page.rotate(angle, Image.Resampling.BICUBIC)) > 127
    assert stroke_width(mask) == pytest.approx(16, rel=0.3)


def test_a_sample_fills_the_box_and_is_centred() -> None:
    mask = np.zeros((90, 60), bool)
    mask[:, 10:20] = mask[80:, 10:60] = True  # an L
    x = centred(mask, (28, 28), 20).astype(float)
    assert (np.flatnonzero(x.any(1)).size, x.max()) == (20, 255)
    assert np.flatnonzero(x.any(0)).size == pytest.approx(20 * 50 / 90, abs=1)
    for axis in (0, 1):
        along = x.sum(1 - axis)
        assert abs((along * (np.arange(28) + 0.5)).sum() / x.sum() - 14.5) <= 0.75


def test_mnists_own_pictures_stay_as_they_are(digits: Dataset) -> None:
    reader = HandwritingReader()
    for sample in digits.x[:100, ..., 0]:
        for shown in (sample, 255 - sample):
            np.testing.assert_array_equal(reader.read(Image.fromarray(shown))[0, ..., 0], sample)


def test_a_digit_enlarged_and_put_elsewhere_comes_back(digits: Dataset) -> None:
    """MNIST's own digits, eight times as large somewhere on a page: nearly the sample again."""
    far = []
    for number, sample in enumerate(digits.x[:40, ..., 0]):
        large = Image.fromarray(sample).resize((224, 224), Image.Resampling.BICUBIC)
        page = Image.new("L", (500, 400), 255 if number % 2 else 0)
        place = (20 * (number % 10), 4 * number)
        page.paste(Image.eval(large, lambda v: 255 - v) if number % 2 else large, place)
        (back,) = HandwritingReader().read(page)[..., 0]
        far.append(np.corrcoef(back.ravel(), sample.ravel())[0, 1])
    assert np.median(far) > 0.93
    assert np.percentile(far, 10) > 0.8


@pytest.mark.parametrize("light", [False, True])
def test_ink_is_told_from_ground(light: bool) -> None:
    """A ring in a slope of light: its inside is no ink, whichever of the two is lighter."""
    down, across = np.mgrid[:160, :200]
    far = np.hypot(down - 80, across - 90)
    ring = (far > 38) & (far < 45)
    page = np.where(ring, 200.0, 60.0) if light else np.where(ring, 60.0, 200.0)
    page *= 0.5 + 0.5 * across / 200
    ink = find_ink(np.repeat(page[..., None], 3, 2).astype(np.uint8))
    assert ink.light is light
    mask = ink.mask()
    assert (mask & ring).sum() > 0.9 * ring.sum()
    assert (mask & ~ring).sum() < 0.3 * ring.sum()


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("size", [60, 150])
def test_noise_does_not_turn_ink_and_ground_round(size: int, light: bool) -> None:
    """Of a large shape windows see noise only; half of its top hangs together all over the picture."""
    random = np.random.default_rng(size)
    page = np.full((300, 300), 40.0 if light else 215.0)
    page[80 : 80 + size, 70 : 70 + size] = 215.0 if light else 40.0
    noisy = np.clip(page + random.normal(0, 25, page.shape), 0, 255)
    assert is_light(smooth(noisy.astype(np.float32))) is light


@pytest.mark.parametrize(
    ("ink", "ground", "light"),
    [
        ((250, 220, 60), (30, 60, 160), True),
        ((30, 60, 160), (250, 220, 60), False),
        ((205, 80, 70), (70, 140, 70), None),
        ((70, 140, 70), (205, 80, 70), None),
        ((245, 245, 245), (35, 35, 38), True),
    ],
)
def test_ink_in_colours_and_on_grain(
    ink: tuple[int, ...], ground: tuple[int, ...], light: bool | None
) -> None:
    """Blue goes the other way in yellow on blue; red and green are equally light; the grain of a board is no ink."""
    down, across = np.mgrid[:160, :200]
    far = np.hypot(down - 80, across - 90)
    ring = (far > 36) & (far < 46)
    page = np.where(ring[..., None], np.array(ink, float), np.array(ground, float))
    grain = np.random.default_rng(0).normal(0, 1, (40, 50)).repeat(4, 0).repeat(4, 1)
    found = find_ink(np.clip(page + 9 * grain[..., None], 0, 255).astype(np.uint8))
    assert light in (None, found.light)
    mask = found.mask()
    assert (mask & ring).sum() > 0.9 * ring.sum()
    assert (mask & ~ring).sum() < 0.3 * ring.sum()


def test_white_ink_on_nothing() -> None:
    """As drawing programs save it: over white there is nothing to be seen."""
    picture = Image.new("RGBA", (200, 200), (255, 255, 255, 0))
    ImageDraw.Draw(picture).line((100, 46, 100, 154), fill=(255, 255, 255, 255), width=9)
    (found,) = HandwritingReader().written(picture)
    assert (found.light, found.doubt) == (True, "")
    assert found.mark is not None
    assert found.mark.mask.shape[0] == pytest.approx(110, abs=4)
    with pytest.raises(FileFormatError, match="no ink is seen"):
        HandwritingReader().read(Image.new("RGBA", (200, 200), (255, 255, 255, 0)))


def test_ruled_lines_are_taken_out() -> None:
    page = Image.new("RGB", (300, 240), (240, 238, 230))
    pen = ImageDraw.Draw(page)
    for y in range(20, 240, 30):
        pen.line([(0, y), (300, y + 4)], fill=(120, 150, 210), width=2)
    pen.line([(150, 40), (150, 200)], fill=(20, 20, 60), width=9)
    ink = find_ink(np.asarray(page))
    assert (ink.ruled, ink.light) == (8, False)
    mask = ink.mask()
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max()) == (pytest.approx(40, abs=4), pytest.approx(200, abs=4))
    assert (columns.min(), columns.max()) == (pytest.approx(146, abs=4), pytest.approx(154, abs=4))
    assert mask[45:195, 148:152].all()  # closed where the lines were


@pytest.fixture(scope="module")
def two() -> Image.Image:
    """A 2 on light paper."""
    page = Image.new("RGB", (300, 300), (238, 236, 228))
    points = [(100, 110), (130, 80), (175, 90), (180, 130), (110, 215), (195, 212)]
    ImageDraw.Draw(page).line(points, fill=(40, 45, 90), width=11, joint="curve")
    return page


@pytest.mark.parametrize("tilt", [0, 4])
@pytest.mark.parametrize(
    "frames",
    [((8, 8, 8),), ((80, 55, 38),), ((254, 254, 254),), ((70, 60, 50), (30, 30, 60))],
    ids=["scanner", "table", "margin", "drawn, on a table"],
)
def test_within_a_frame(two: Image.Image, frames: tuple[tuple[int, ...], ...], tilt: int) -> None:
    """A table, a scanner's border, a margin, a frame drawn around it: what is seen is what is on the sheet."""
    turned = two.rotate(tilt, Image.Resampling.BICUBIC, fillcolor=(238, 236, 228))
    (bare,) = HandwritingReader().read(turned)[..., 0]
    framed = two
    for colour in reversed(frames):
        outer = Image.new("RGB", (framed.width + 60, framed.height + 80), colour)
        outer.paste(framed, (30, 40))
        framed = outer
    framed = framed.rotate(tilt, Image.Resampling.BICUBIC, fillcolor=frames[0])
    (found,) = HandwritingReader().written(framed)
    assert (found.doubt, found.light) == ("", False)
    assert np.corrcoef(found.sample.ravel(), bare.ravel())[0, 1] > (0.97 if tilt else 0.99)


def test_a_shape_with_straight_sides_is_no_sheet() -> None:
    page = Image.new("RGB", (300, 300), (240, 238, 230))
    ImageDraw.Draw(page).rectangle((60, 60, 240, 240), fill=(30, 30, 60))
    (found,) = HandwritingReader().written(page)
    assert "blot" in found.doubt


@pytest.mark.parametrize("kind", ["half", "blinds", "corner"])
def test_shadows_with_an_edge_are_ground(two: Image.Image, kind: str) -> None:
    """They are wider than strokes, and may be darker than pale ink."""
    (bare,) = HandwritingReader().read(two)[..., 0]
    down, across = np.mgrid[:300, :300]
    dark = {
        "half": down + 0.2 * across > 190,
        "blinds": (across + 0.6 * down) % 90 < 45,
        "corner": (across > 170) & (down < 150),
    }[kind]
    noise = np.random.default_rng(0).normal(0, 2, (300, 300, 1))
    lit = np.asarray(two) * np.where(dark, 0.55, 1.0)[..., None] + noise
    (found,) = HandwritingReader().written(Image.fromarray(lit.clip(0, 255).astype(np.uint8)))
    assert (found.doubt, found.light) == ("", False)
    assert np.corrcoef(found.sample.ravel(), bare.ravel())[0, 1] > 0.93


@pytest.mark.parametrize("pen", [24, 40])
def test_a_digit_that_touches_the_border(pen: int) -> None:
    """Broad parts of a 7 cut close are ink, as they are on a large sheet."""
    tight = Image.new("RGB", (300, 400), (235, 230, 215))
    path = [(40, pen // 2 - 6), (250, pen // 2 - 6), (150, 390)]
    ImageDraw.Draw(tight).line(path, fill=(20, 20, 20), width=pen, joint="curve")
    page = Image.new("RGB", (700, 800), (235, 230, 215))
    page.paste(tight, (200, 200))
    (close,), (wide,) = (HandwritingReader().written(picture) for picture in (tight, page))
    assert (close.doubt, close.light) == ("", False)
    assert np.corrcoef(close.sample.ravel(), wide.sample.ravel())[0, 1] > 0.97


def test_the_grain_of_a_broad_stroke_is_no_ruling() -> None:
    """A 1 of crayon from border to border has gaps along it; it is no pile of thin lines."""
    mask = Image.new("L", (356, 448), 0)
    ImageDraw.Draw(mask).line([(200, 20), (165, 430)], fill=255, width=40)
    rough = np.random.default_rng(0).normal(0, 1, (150, 120)).astype(np.float32)
    grain = np.asarray(Image.fromarray(rough).resize(mask.size, Image.Resampling.BICUBIC))
    share = 0.8 * np.asarray(mask) / 255 * np.clip(1 - 0.5 * np.abs(grain), 0.1, 1)
    page = np.array((150, 200, 160)) * (1 - share[..., None]) + share[..., None] * (40, 120, 40)
    picture = page.astype(np.uint8)
    assert find_ink(picture).ruled == 0
    (found,) = HandwritingReader().written(Image.fromarray(picture))
    assert found.mark is not None
    assert found.mark.mask.shape[0] == pytest.approx(415, abs=8)


def test_a_small_mark_on_a_large_page() -> None:
    """Less than three pixels in a thousand are ink."""
    page = Image.new("L", (1200, 1000), 230)
    ImageDraw.Draw(page).line((700, 300, 690, 370), fill=40, width=7)
    (found,) = HandwritingReader().written(page)
    assert found.doubt == ""
    assert found.sample[4:24, 14, 0].all()


def test_lines_close_to_one_another_stay_apart() -> None:
    page = Image.new("L", (300, 300), 235)
    pen = ImageDraw.Draw(page)
    for x, y in ((50, 30), (170, 30), (50, 155), (170, 155)):
        pen.ellipse((x, y, x + 70, y + 100), outline=20, width=8)
    assert len(HandwritingReader().written(page)) == 4


def test_several_marks_in_reading_order() -> None:
    page = Image.new("L", (400, 300), 235)
    pen = ImageDraw.Draw(page)
    for x, y, width in ((60, 40, 5), (200, 50, 9), (320, 38, 14), (80, 180, 7), (220, 185, 11)):
        pen.ellipse((x, y, x + 50, y + 80), outline=20, width=width // 2 + 3)
    found = HandwritingReader().written(page)
    places = [(one.mark.top > 150, one.mark.left) for one in found if one.mark]
    assert len(places) == 5
    assert places == sorted(places)
    with pytest.raises(FileFormatError, match="5 marks are seen in it"):
        HandwritingReader().read([page, page])


def test_what_is_nothing_written(tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), (190, 180, 170)).save(tmp_path / "blank.png")
    with pytest.raises(FileFormatError, match=r"blank\.png: no ink is seen"):
        HandwritingReader().read(tmp_path / "blank.png")
    page = Image.new("L", (180, 180), 255)
    ImageDraw.Draw(page).rectangle((60, 60, 120, 120), fill=0)
    (blot,) = HandwritingReader().written(page)
    assert blot.doubt == "a blot rather than strokes"


def test_which_data_are_of_mnists_kind(digits: Dataset) -> None:
    assert HandwritingReader.like(digits.x[:500]) == HandwritingReader((28, 28), 20)
    moved = np.roll(digits.x[:500], 4, axis=1)
    assert HandwritingReader.like(moved) is None
    noise = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1)).astype(np.uint8)
    for other in (noise, digits.x[:50] / 255, np.zeros((5, 28, 28, 1), np.uint8), noise[:0]):
        assert HandwritingReader.like(other) is None


def test_config_comes_back_and_names_its_version() -> None:
    reader = HandwritingReader((32, 30), 24)
    config = reader_to_config(reader)
    assert reader_from_config(config) == reader
    for change in ({"version": 2}, {"size": [28]}, {"box": 40}, {"size": 3}, {"more": 1}):
        with pytest.raises(FileFormatError, match="handwriting"):
            reader_from_config({**config, **change})
    with pytest.raises(InvalidArgument, match="`box`"):
        HandwritingReader(box=29)
    with pytest.raises(InvalidArgument, match="`source`"):
        reader.read(np.zeros((1, 28, 28, 1)))


def test_drawn_photographs_have_as_many_marks_as_digits() -> None:
    right = [
        len(HandwritingReader().written(photo(seed, str(seed % 10)).picture)) == 1
        for seed in range(30)
    ]
    assert sum(right) >= 28


@pytest.mark.parametrize(
    ("kind", "light"),
    [
        ("disc", False),
        ("disc", True),
        ("half", False),
        ("half", True),
        ("wedge", False),
        ("wedge", True),
    ],
)
def test_a_filled_shape_is_one_mark_and_doubted(kind: str, light: bool) -> None:
    """Of a large one the window that strokes are looked for with sees pieces of the rim only."""
    ink, ground = ((235, 235, 225), (30, 40, 45)) if light else ((30, 30, 60), (240, 238, 230))
    picture = Image.new("RGB", (300, 300), ground)
    draw = ImageDraw.Draw(picture)
    if kind == "wedge":
        draw.polygon([(150, 60), (70, 230), (230, 230)], fill=ink)
    else:
        draw.pieslice([80, 80, 220, 220], 0, 360 if kind == "disc" else 180, fill=ink)
    (found,) = HandwritingReader().written(picture)
    assert found.doubt == "a blot rather than strokes"
    assert found.light == light
    assert found.mark is not None
    assert abs(found.mark.mask.shape[1] - (160 if kind == "wedge" else 141)) < 8


@pytest.mark.parametrize("pen", [2, 4, 8, 20, 36])
def test_a_straight_one_is_not_doubted(pen: int) -> None:
    """It has as little ink as the thinnest ones of MNIST."""
    picture = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(picture).line((100, 46, 100, 154), fill=0, width=pen)
    (found,) = HandwritingReader().written(picture)
    assert found.doubt == ""
