"""Folders of pictures: the three forms, the split, what is damaged, doubled or too large for memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sloy
from available import installed
from command_line import environment
from sloy.data import PictureReader, picture_folder
from sloy.data.arrays import allocate, reorder
from sloy.data.listing import list_pictures, lists_pictures
from sloy.errors import FileFormatError, InvalidArgument, NotAvailable
from sloy.layers import Dense, Flatten


def draw(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (12, 10)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


@pytest.fixture
def fruit(tmp_path: Path) -> Path:
    """Forty red, twenty green and twenty blue pictures, no two equal."""
    folder = tmp_path / "fruit"
    for channel, (name, count) in enumerate((("apple", 40), ("kiwi", 20), ("plum", 20))):
        for number in range(count):
            colour = [number, 2 * number, 3 * number]
            colour[channel] = 255 - number
            draw(folder / name / f"{number:02}.png", tuple(colour))
    return folder


def colours(folder: Path, paths: tuple[Path, ...]) -> np.ndarray:
    """(N, 3): the colour of each file, by Pillow alone."""
    return np.array([Image.open(folder / path).getpixel((0, 0)) for path in paths])


def test_one_folder_for_each_class(fruit: Path) -> None:
    found = picture_folder(fruit)
    assert found.train.class_names == ("apple", "kiwi", "plum")
    assert found.reader == PictureReader((10, 12), resize="crop")
    assert [len(part) for part in (found.train, found.validation, found.test)] == [65, 7, 8]
    assert np.bincount(found.test.y).tolist() == [4, 2, 2]  # a tenth of each
    for part in ("train", "validation", "test"):
        data, paths = getattr(found, part), found.paths[part]
        assert [found.train.class_names[y] for y in data.y] == [p.parent.name for p in paths]
        np.testing.assert_array_equal(data.x[:, 4, 5], colours(fruit, paths))
        assert not data.x.flags.owndata  # a view of the one array
    assert found.remarks() == []
    everything = [path for paths in found.paths.values() for path in paths]
    assert len(set(everything)) == 80


def test_the_split_follows_the_seed(fruit: Path) -> None:
    first, again, other = (picture_folder(fruit, seed=seed).paths for seed in (1, 1, 2))
    assert first == again != other
    none = picture_folder(fruit, validation=0, test=0)
    assert (len(none.train), none.validation, none.test) == (80, None, None)


def test_folders_of_parts(fruit: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    for part in ("Train", "test"):
        for name in ("apple", "kiwi", "plum"):
            (whole / part / name).mkdir(parents=True)
    for number, path in enumerate(sorted(fruit.rglob("*.png"))):
        path.rename(whole / ("test" if number % 5 == 0 else "Train") / path.relative_to(fruit))
    found = picture_folder(whole, validation=0.25)
    assert len(found.test) == 16
    assert all(path.parts[-3] == "test" for path in found.paths["test"])
    assert len(found.validation) == 16
    assert {path.parts[-3] for path in found.paths["validation"]} == {"Train"}
    draw(whole / "test" / "pear" / "1.png", (1, 1, 1))
    with pytest.raises(FileFormatError, match=r"test: the class 'pear' is not among .*apple, kiwi"):
        picture_folder(whole)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_of_paths_and_labels(fruit: Path, separator: str) -> None:
    lines = [separator.join(("id", "File", "Split", "label"))]
    for number, path in enumerate(sorted(fruit.rglob("*.png"))):
        part = ("train", "train", "valid", "test")[number % 4]
        kind = "10" if path.parent.name == "apple" else "9"
        lines.append(separator.join((str(number), str(path.relative_to(fruit)), part, kind)))
    (fruit / "labels.csv").write_text("\ufeff" + "\n".join(lines) + "\n\n", encoding="utf-8")
    found = picture_folder(fruit / "labels.csv")
    assert found.train.class_names == ("9", "10")
    assert [len(part) for part in (found.train, found.validation, found.test)] == [40, 20, 20]
    for part, data in (("train", found.train), ("test", found.test)):
        np.testing.assert_array_equal(data.x[:, 4, 5], colours(fruit, found.paths[part]))
        assert [p.parent.name == "apple" for p in found.paths[part]] == data.y.tolist()


def test_a_csv_without_a_header_in_a_folder_of_its_own(fruit: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    lines = []
    for path in sorted(fruit.rglob("*.png")):
        name = f"{path.parent.name}{path.name}"
        path.rename(flat / name)
        lines.append(f"{name},{path.parent.name}")
    (flat / "all.csv").write_text("\n".join(lines))
    found = picture_folder(flat)
    assert len(found.train) == 65
    np.testing.assert_array_equal(found.train.x[:, 0, 0], colours(flat, found.paths["train"]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.png,cat\na.png,dog\n", r"line 2 names a.png again .line 1., as 'dog', not 'cat'"),
        ("a.png,cat\nb.png\n", "line 2 has 1 cell, too few"),
        ("a.png,cat\nb.png,\n", "line 2 lacks"),
        ("file,label,split\na.png,cat,trian\n", "'trian' is no part"),
        ("file,label,split\na.png,cat,test\n", "no picture to train on"),
        ("file,one,two\na.png,1,2\n", "which column is the label"),
        ("a.png,1,2\nb.png,1,2\n", "3 columns and no header"),
        ("a.png,cat\nb.png,cat\n", "one class, 'cat'"),
        ("one,two\n1,2\n", "no column holds the names of pictures"),
        ("", "lists no pictures"),
        ("file,label\n", "lists no pictures"),
    ],
)
def test_csv_files_that_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(FileFormatError, match=said):
        list_pictures(tmp_path / "a.csv")


def test_what_a_folder_must_hold(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="holds no pictures"):
        picture_folder(tmp_path)
    with pytest.raises(FileFormatError, match="no folder and no CSV"):
        picture_folder(tmp_path / "missing")
    assert not lists_pictures(tmp_path)
    assert not lists_pictures(tmp_path / "missing")
    draw(tmp_path / "all" / "cat" / "1.png", (1, 2, 3))
    draw(tmp_path / "all" / "dog" / "1.png", (3, 2, 3))
    assert lists_pictures(tmp_path / "all")
    with pytest.raises(FileFormatError, match=r"one class, 'all'.*did you mean .*all\?"):
        picture_folder(tmp_path)
    few = picture_folder(tmp_path / "all")
    assert (len(few.train), few.validation, few.test) == (2, None, None)
    assert few.remarks()[:2] == [
        f"2 pictures: too few to keep 10% of them apart to {purpose} on"
        for purpose in ("test", "validate")
    ]
    loose = tmp_path / "loose"
    draw(loose / "1.png", (0, 0, 0))
    with pytest.raises(FileFormatError, match="none in folders"):
        picture_folder(loose)
    (tmp_path / "table.csv").write_text("width,height,kind\n1,2,a\n")
    assert not lists_pictures(tmp_path / "table.csv")


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("car", "train"):
        for number in range(3):
            draw(tmp_path / name / f"{number}.png", (number, len(name), 9))
    assert picture_folder(tmp_path, validation=0, test=0).train.class_names == ("car", "train")


def test_damaged_pictures_are_named_and_refused_or_skipped(fruit: Path) -> None:
    (fruit / "apple" / "03.png").write_bytes((fruit / "apple" / "03.png").read_bytes()[:45])
    (fruit / "kiwi" / "00.png").write_text("no picture")
    (fruit / "kiwi" / "bomb.pgm").write_bytes(b"P5 60000 60000 255\n")
    (fruit / "kiwi" / "notes.txt").write_text("green")
    with pytest.raises(FileFormatError, match="3 files of 81 cannot be read") as caught:
        picture_folder(fruit)
    names = ("apple/03.png", "kiwi/00.png", "kiwi/bomb.pgm")
    assert all(name in str(caught.value) for name in names)
    found = picture_folder(fruit, skip_broken=True)
    everything = [path for paths in found.paths.values() for path in paths]
    assert len(everything) == 78
    assert not {str(path.relative_to(fruit)) for path in everything} & set(names)
    for part in ("train", "validation", "test"):
        expected = colours(fruit, found.paths[part])
        np.testing.assert_array_equal(getattr(found, part).x[:, 4, 5], expected)
    broken, passed_over = found.remarks()
    assert broken.startswith("3 files skipped: ")
    assert all(name in broken for name in names)
    assert passed_over == "1 file passed over, no pictures: notes.txt"


def test_a_missing_file_and_a_pipe_are_named(fruit: Path) -> None:
    os.mkfifo(fruit / "pipe.png")
    lines = [f"{path.relative_to(fruit)},{path.parent.name}" for path in fruit.rglob("*.png")]
    lines = [line.replace(",\n", "") for line in lines if not line.startswith("pipe")]
    lines += ["pipe.png,kiwi", "gone.png,kiwi"]
    (fruit / "labels.csv").write_text("\n".join(lines))
    found = picture_folder(fruit / "labels.csv", skip_broken=True)
    assert len(found.broken) == 2
    assert any("pipe.png: is not a file" in reason for reason in found.broken)
    assert any("gone.png" in reason for reason in found.broken)


def test_equal_pictures_stay_together_or_are_reported(fruit: Path, tmp_path: Path) -> None:
    """Copies of another format too: what counts is what the network sees."""
    for number in range(20):
        Image.open(fruit / "kiwi" / f"{number:02}.png").save(
            fruit / "kiwi" / f"copy{number:02}.bmp"
        )
    Image.open(fruit / "kiwi" / "00.png").save(fruit / "plum" / "kiwi.png")
    for seed in range(3):
        found = picture_folder(fruit, seed=seed, validation=0.2, test=0.2)
        assert found.duplicates == ()
        ((one, two),) = (pair for pair in found.contradictions if "plum" in str(pair))
        assert {one.name, two.name} & {"kiwi.png"}
        assert any("in two classes" in remark for remark in found.remarks())
    parts = tmp_path / "parts"
    for part in ("train", "test"):
        for name in ("a", "b"):
            for number in range(6):
                colour = (number, len(part) if number else 7, ord(name))
                draw(parts / part / name / f"{number}.png", colour)
    found = picture_folder(parts, validation=0)
    pairs = {tuple("/".join(path.parts[-3:]) for path in pair) for pair in found.duplicates}
    assert {frozenset(pair) for pair in pairs} == {
        frozenset({f"train/{name}/0.png", f"test/{name}/0.png"}) for name in "ab"
    }
    assert any("2 pictures in two parts" in remark for remark in found.remarks())


def test_few_pictures_of_a_class_are_reported(fruit: Path) -> None:
    """That classes are uneven an experiment says, which has an option for them."""
    for path in sorted((fruit / "plum").iterdir())[5:]:
        path.unlink()
    (remark,) = picture_folder(fruit, validation=0).remarks()
    assert remark == "only 5 of plum to train on"


def test_size_and_channels_by_themselves(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for number in range(4):
            draw(tmp_path / name / f"{number}.png", (number, 0, 0), (200 + number, 100 + number))
    options = {"validation": 0, "test": 0}
    assert picture_folder(tmp_path, **options).reader.size == (64, 64)
    assert picture_folder(tmp_path, size=20, **options).train.sample_shape == (20, 20, 3)
    found = picture_folder(tmp_path, size=(20, 30), resize="pad", **options)
    assert found.reader == PictureReader((20, 30), resize="pad")
    for path in tmp_path.rglob("*.png"):
        Image.open(path).convert("L").resize((30, 40)).save(path)
    assert picture_folder(tmp_path, **options).train.sample_shape == (40, 30, 1)
    with pytest.raises(InvalidArgument, match="`size`"):
        picture_folder(tmp_path, size=3, reader=PictureReader((2, 2)))


def test_the_classes_of_a_model_that_exists(fruit: Path) -> None:
    found = picture_folder(fruit, class_names=("plum", "pear", "kiwi", "apple"))
    assert np.unique(found.train.y).tolist() == [0, 2, 3]
    with pytest.raises(FileFormatError, match="'kiwi' is not among"):
        picture_folder(fruit, class_names=("plum", "apple"))


def test_beyond_the_bound_pictures_go_to_a_file_and_train_the_same(
    fruit: Path, tmp_path: Path
) -> None:
    inside = picture_folder(fruit)
    place = tmp_path / "place"
    place.mkdir()
    outside = picture_folder(fruit, in_memory=1000, folder=place)
    assert (inside.on_disk, outside.on_disk) == (False, True)
    assert list(place.iterdir()) == []
    np.testing.assert_array_equal(inside.train.x, outside.train.x)
    assert outside.train.x.flags.c_contiguous
    for name in installed():
        models = [
            sloy.fit(sloy.Network((10, 12, 3), [Flatten(), Dense(3)]), part.train, batch_size=16,
                     preprocessing="standardize", engine=name, verbose=False)[0]
            for part in (inside, outside)
        ]  # fmt: skip
        first, second = (model.parameters["dense_1/weight"] for model in models)
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(models[0](inside.test.x), models[1](outside.test.x))
    with pytest.raises(NotAvailable, match="no room"):
        allocate((1 << 62,), "uint8", 0, place)


def test_memory_is_bounded(tmp_path: Path) -> None:
    """85 MB of decoded pictures beyond the bound: the process's own memory, without the file's, grows by little."""
    for number in range(24):
        draw(tmp_path / "all" / "ab"[number % 2] / f"{number}.png", (number, 0, 0), (1200, 1100))
    code = (
        "import re, sys, sloy.data;"
        "from pathlib import Path;"
        "own = lambda: int(re.search(r'RssAnon:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) * 1024;"
        "sloy.data.picture_folder(sys.argv[1], size=16); before = own(); most = [0];"
        "found = sloy.data.picture_folder(sys.argv[1], size=1100, in_memory=1 << 20, folder=sys.argv[2],"
        " threads=1, progress=lambda done, all: most.append(own()));"
        "assert found.on_disk and found.train.x.nbytes > 60e6; print(max(most) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "all"), str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 40e6


def test_reorder() -> None:
    random = np.random.default_rng(0)
    for count in range(1, 30):
        values = random.integers(0, 99, (count, 2))
        order = random.permutation(count)[: random.integers(0, count + 1)]
        moved = values.copy()
        reorder(moved, order)
        np.testing.assert_array_equal(moved[: len(order)], values[order])
        assert Counter(map(tuple, moved)) == Counter(map(tuple, values))


def test_progress_counts_every_picture(fruit: Path) -> None:
    said: list[tuple[int, int]] = []
    picture_folder(fruit, progress=lambda done, all_: said.append((done, all_)))
    assert sorted(said) == [(number, 80) for number in range(1, 81)]
