"""A photographed digit, from the command line: found and named, several of them, none, and as it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from draw_digits import photo
from PIL import Image

import sloy as library
from command_line import Sloy, command, finished
from sloy.data import HandwritingReader
from sloy.model.marks import doubts


@pytest.fixture(scope="session")
def reads_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short run on MNIST."""
    out = tmp_path_factory.mktemp("digits") / "run"
    options = ("--network", "fast", "--epochs", 2, "--samples", 20_000, "--quiet", "--out", out)
    finished(command("train", "mnist", *options))
    return out


def test_drawn_photographs_are_named(reads_digits: Path) -> None:
    """Forty of them, none of which the test for choosing anything has seen; see benchmarks/photographed_digits.py."""
    model = library.load(reads_digits / "model.sloy")
    reader = model.reader
    assert reader == HandwritingReader()
    right, marks = 0, {}
    for seed in range(40):
        found = reader.written(photo(900 + seed, str(seed % 10)).picture)
        right += model.predict(np.stack([one.sample for one in found])).tolist() == [seed % 10]
        marks |= {str(seed): found[0]} if seed < 15 else {}
    assert right >= 35
    assert len(doubts(model, marks)) <= 2  # those that are answered wrong among them
    letters = {c: reader.written(photo(k, c).picture)[0] for k, c in enumerate("EKRW")}
    assert len(doubts(model, letters)) >= 2


def test_one_line_says_what_was_done(sloy: Sloy, reads_digits: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    drawn = photo(3, "2706", "photo", lined=True)
    drawn.picture.save(work / "page.jpg", quality=95)
    done = sloy("predict", reads_digits, "page.jpg")
    lines = [line.split()[:2] for line in done.stdout.splitlines()]
    assert lines == [[f"page.jpg[{k}]", digit] for k, digit in enumerate("2706")]
    assert done.stderr.count("\n") == 1
    assert "dark ink was found, cut out, scaled and centred" in done.stderr
    as_it_is = sloy("predict", reads_digits, "page.jpg", "--as-is")
    assert len(as_it_is.stdout.splitlines()) == 1
    assert "was found" not in as_it_is.stderr
    said = sloy("inspect", reads_digits, "page.jpg", "--out", "seen").stderr
    assert "page.jpg holds 4 samples; the first is shown" in said
    assert "handwriting: each mark of ink" in sloy("info", reads_digits).stdout


def test_no_digit_is_doubted_in_words(sloy: Sloy, reads_digits: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    square = np.full((180, 180), 255, np.uint8)
    square[60:120, 60:120] = 0
    Image.fromarray(square).save(work / "square.png")
    (found,) = json.loads(sloy("predict", reads_digits, "square.png", "--json").stdout)[
        "predictions"
    ]
    assert found["doubt"] == "a blot rather than strokes"
    assert "doubtful: a blot" in sloy("predict", reads_digits, "square.png").stdout
    Image.new("L", (200, 200), 180).save(work / "blank.png")
    assert "no ink is seen" in sloy("predict", reads_digits, "blank.png", code=1).stderr


def test_a_model_without_a_reader_that_knows_digits(reads_digits: Path, tmp_path: Path) -> None:
    """Of earlier versions, or from `sloy.fit`."""
    model = library.load(reads_digits / "model.sloy")
    model.reader = None
    assert model.picture_reader == HandwritingReader()
    drawn = photo(12, "2", "photo", lined=False).picture
    assert model.predict(drawn).tolist() == [2]
    model.class_names = tuple("abcdefghij")
    assert model.picture_reader is None
