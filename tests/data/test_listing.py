"""What a folder's layout means: classes or parts, what is refused as ambiguous, what is left out and named."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from sloy.data import formats, picture_folder, read_image
from sloy.data.listing import Listing, list_pictures, lists_pictures
from sloy.errors import FileFormatError

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)


@pytest.fixture(autouse=True)
def without_heif(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where pillow-heif is not installed; an installation that has it reads HEIC."""
    monkeypatch.setattr(formats, "formats", lambda: formats.FORMATS)
    monkeypatch.setattr(formats, "suffixes", lambda: formats._ALWAYS)


def put(folder: Path, *places: str, count: int = 4) -> Path:
    """Pictures of one colour each, `count` in every place, called after its last folder."""
    for place in places:
        inner = folder / place
        inner.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            red = len(list(folder.rglob("*.png")))
            colour = (red, number, len(place))
            Image.new("RGB", (8, 8), colour).save(inner / f"{inner.name}{number}.png")
    return folder


def counted(found: Listing) -> dict[tuple[str, str], int]:
    """(part, class) → pictures."""
    names = (found.class_names[label] for label in found.labels)
    return dict(Counter(zip(found.parts, names, strict=True)))


def said(found: Listing) -> list[str]:
    return [
        f"{len(one.paths)} {one.noun} {one.reason}: {', '.join(one.names)}" for one in found.omitted
    ]


def test_a_class_called_train_beside_other_divided_classes(tmp_path: Path) -> None:
    put(tmp_path, "train/steam", "train/tram", "car/sedan", "car/van", "plane/jet", "plane/glider")
    found = list_pictures(tmp_path)
    assert counted(found) == {("", "car"): 8, ("", "plane"): 8, ("", "train"): 8}
    assert any("taken for a class, not for a part" in line for line in said(found))


@pytest.mark.parametrize(
    ("places", "words"),
    [
        (("train/a", "train/b", "samples"), r"train/ could be parts .* or classes beside samples/"),
        (("train/a", "train/b", "extra/a", "extra/b"), "beside extra/"),
        (("train/steam", "train/tram", "car", "plane"), "beside car/ and plane/"),
        (("test/left", "test/right", "control/left", "control/right"), "beside control/"),
        (("test/a", "test/b", "val/a", "val/b"), "no train/"),
        (("test/a", "test/b", "train"), "train/ has no folders of classes"),
        (("seg_train/a", "seg_train/b", "seg_test/a", "seg_test/b"), "look like parts"),
        (("train/train/a", "train/train/b", "test/a", "test/b"), "move them up into train/"),
        (("train", "test"), "hold pictures, but no folders of classes"),
        (("train/a", "train/b", "training/a", "training/b"), "both .* are for train"),
    ],
)
def test_layouts_that_could_be_two_things(tmp_path: Path, places: tuple[str], words: str) -> None:
    with pytest.raises(FileFormatError, match=words):
        list_pictures(put(tmp_path, *places))


@pytest.mark.parametrize(
    ("train", "test"), [("training_set", "test_set"), ("Train", "TEST"), ("train2017", "test2017")]
)
def test_words_beside_a_parts_name(tmp_path: Path, train: str, test: str) -> None:
    put(tmp_path, *(f"{part}/{name}" for part in (train, test) for name in "ab"))
    found = list_pictures(tmp_path)
    assert counted(found) == {(part, name): 4 for part in ("train", "test") for name in "ab"}


def test_pictures_without_a_class_are_named(tmp_path: Path) -> None:
    put(tmp_path, "train/a", "train/b", "test", "train", "other/x")
    put(tmp_path, "val/a", "val/b")
    found = list_pictures(tmp_path)
    assert set(counted(found)) == {(p, k) for p in ("train", "validation") for k in "ab"}
    lines = said(found)
    assert any("4 picture passed over, without a class: test/ has no folders" in x for x in lines)
    assert sum(line.startswith("8 picture passed over, in no class folder") for line in lines) == 1
    (remark, *_) = [r for r in picture_folder(tmp_path).remarks() if "without a class" in r]
    assert remark.startswith("4 pictures passed over, without a class: test/")
    assert "test0.png" in remark


def test_empty_broken_and_unreadable_class_folders_are_named(tmp_path: Path) -> None:
    put(tmp_path, "a", "b")
    (tmp_path / "empty").mkdir()
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "x.png").symlink_to("/nowhere/x.png")
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / "back").symlink_to(tmp_path)
    (tmp_path / "phone").mkdir()
    for name in ("1.HEIC", "2.heic"):
        (tmp_path / "phone" / name).write_bytes(HEIC)
    (tmp_path / "camera").mkdir()
    for name in ("x.svg", "y.psd", "z.NEF"):
        (tmp_path / "camera" / name).write_bytes(b"?")
    (tmp_path / "b" / "no_suffix").write_bytes((tmp_path / "b" / "b0.png").read_bytes())
    (tmp_path / "b" / "notes.txt").write_text("seen in May")
    found = list_pictures(tmp_path)
    assert counted(found) == {("", "a"): 4, ("", "b"): 4}
    lines = "\n".join(said(found))
    for words in (
        "empty (empty)", "links (1 broken link)", "loop (1 link)", "phone (2 HEIC files)",
        "1 RAW file", "1 link passed over, broken", "to a folder that it lies in",
        "HEIC is not read (pip install 'sloy[heif]'", "SVG is not read (draw them: rsvg-convert",
        "PSD is not read", "RAW is not read (develop them", "give them a suffix",
    ):  # fmt: skip
        assert words in lines
    others = [one for one in found.omitted if one.reason == "passed over, no pictures"]
    assert [path.name for one in others for path in one.paths] == ["notes.txt"]


def test_a_folder_with_one_readable_class_says_what_the_other_holds(tmp_path: Path) -> None:
    put(tmp_path, "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.heic").write_bytes(HEIC)
    with pytest.raises(FileFormatError, match=r"one class, 'a'(.|\n)*b \(1 HEIC file\)"):
        list_pictures(tmp_path)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "1.heic").write_bytes(HEIC)
    with pytest.raises(FileFormatError, match=r"no pictures(.|\n)*1 picture .*HEIC is not read"):
        list_pictures(tmp_path / "c")


def test_a_part_without_a_class_or_without_pictures(tmp_path: Path) -> None:
    put(tmp_path, "train/a", "train/b", "train/c", "test/a", "test/b")
    (tmp_path / "val" / "a").mkdir(parents=True)
    (tmp_path / "val" / "a" / "1.heic").write_bytes(HEIC)
    lines = "\n".join(said(list_pictures(tmp_path)))
    assert "1 class never tested, not in test/" in lines
    assert "val (1 HEIC file)" in lines
    remark = next(r for r in picture_folder(tmp_path).remarks() if "never tested" in r)
    assert remark == "1 class never tested, not in test/: c"


def test_hidden_parents_hide_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / ".hidden", "a", "b")
    (tmp_path / ".hidden" / "a" / "notes.txt").write_text("x")
    (tmp_path / ".hidden" / "a" / ".DS_Store").write_text("x")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for source in (tmp_path / ".hidden", Path("../.hidden")):
        (left,) = list_pictures(source).omitted
        assert [path.name for path in left.paths] == ["notes.txt"]


# --- CSV ------------------------------------------------------------------------------------------


def csv(path: Path, header: str, rows: list[tuple[str, str]]) -> Path:
    path.write_text("\n".join([header, *map(",".join, rows)]) + "\n")
    return path


def test_names_without_suffix_or_folder(tmp_path: Path) -> None:
    put(tmp_path, "train", "test")
    rows = [(f"train{i}", "ab"[i % 2]) for i in range(4)]
    table = csv(tmp_path / "labels.csv", "id,breed", rows)
    assert lists_pictures(table)
    for source in (table, tmp_path):
        found = list_pictures(source)
        assert counted(found) == {("", "a"): 2, ("", "b"): 2}
        assert [path.name for path in found.paths] == [f"train{i}.png" for i in range(4)]
    assert any("4 picture passed over, in no line of labels.csv" in x for x in said(found))
    for number in range(
        4
    ):  # the same names in both folders: the folder called as the file is meant
        for part in ("train", "test"):
            (tmp_path / part / f"{part}{number}.png").rename(tmp_path / part / f"{number}.png")
    table.unlink()
    table = csv(tmp_path / "train.csv", "id,label", [(str(i), "ab"[i % 2]) for i in range(4)])
    assert {path.parent.name for path in list_pictures(table).paths} == {"train"}
    (tmp_path / "train").rename(tmp_path / "one")
    (tmp_path / "test").rename(tmp_path / "two")
    with pytest.raises(FileFormatError, match=r"line 2: '0' may be one/0\.png or two/0\.png"):
        list_pictures(table)


def test_a_csv_beside_folders_of_one_kind(tmp_path: Path) -> None:
    put(tmp_path, "images")
    csv(tmp_path / "labels.csv", "file,label", [(f"images{i}.png", "ab"[i % 2]) for i in range(4)])
    assert counted(list_pictures(tmp_path)) == {("", "a"): 2, ("", "b"): 2}


def test_a_csv_that_contradicts_the_folders_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "part_1", "part_2")
    rows = [(f"part_{j}{i}", "xy"[i % 2]) for j in (1, 2) for i in range(4)]
    table = csv(tmp_path / "meta.csv", "image_id,dx", rows)
    with pytest.raises(
        FileFormatError, match=r"meta\.csv, which lists pictures with other classes"
    ):
        list_pictures(tmp_path)
    assert counted(list_pictures(table)) == {("", "x"): 4, ("", "y"): 4}


def test_paths_written_on_windows(tmp_path: Path) -> None:
    put(tmp_path, "a", "b")
    rows = [(f"{k}\\{k}{i}.png", k) for k in "ab" for i in range(4)]
    found = list_pictures(csv(tmp_path / "list.csv", "file,label", rows))
    assert all(path.is_file() for path in found.paths)


def test_a_table_of_numbers_lists_no_pictures(tmp_path: Path) -> None:
    put(tmp_path, "plots")
    for number in range(4):
        (tmp_path / "plots" / f"plots{number}.png").rename(tmp_path / "plots" / f"{number}.png")
    rows = [("1", "1", "7"), ("2", "2", "8"), ("3", "3", "9")]
    assert not lists_pictures(csv(tmp_path / "t.csv", "rooms,floors,price", rows))
    assert not lists_pictures(csv(tmp_path / "u.csv", "rooms,price", [("1", "7"), ("1", "8")]))


# --- formats --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "photo.heic",
            HEIC,
            r"is HEIC, which is not read; convert it \(pip install 'sloy\[heif\]'",
        ),
        ("photo.jpg", HEIC, "is HEIC, which is not read"),
        ("photo.jpg", b"<!DOCTYPE html><html>404</html>", "is a web page, not a picture"),
        ("photo.jpg", b"", "is empty"),
        ("drawing.svg", b"<svg></svg>", "is SVG"),
        ("layers.psd", b"8BPS\0\1", "is PSD"),
        ("photo.png", b"no picture", "is not a picture"),
        ("photo.nef", b"MM\0*", "is RAW"),
    ],
)
def test_what_cannot_be_read_is_called_by_its_name(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileFormatError, match=rf"{name}: {words}"):
        read_image(tmp_path / name)


def test_a_broken_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.png").symlink_to("/nowhere/x.png")
    with pytest.raises(FileFormatError, match=r"x\.png: is a broken link, to /nowhere/x\.png"):
        read_image(tmp_path / "x.png")


def test_avif_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (16, 16), (200, 30, 90)).save(tmp_path / "a.avif", quality=100)
    assert abs(read_image(tmp_path / "a.avif")[8, 8].astype(int) - (200, 30, 90)).max() < 6


def test_a_part_within_classes_that_one_class_lacks(tmp_path: Path) -> None:
    put(tmp_path, "cat/train", "cat/val", "dog/train")
    found = list_pictures(tmp_path)
    assert counted(found) == {("train", "cat"): 4, ("validation", "cat"): 4, ("train", "dog"): 4}
    assert said(found) == ["1 class not validated, no picture of it is for that: dog"]
    put(tmp_path, "owl/test")
    with pytest.raises(FileFormatError, match="no picture of the class 'owl' is for training"):
        list_pictures(tmp_path)


def test_a_list_for_each_part(tmp_path: Path) -> None:
    put(tmp_path, "all/p", count=9)
    rows = [f"p{number}.png,{'ab'[number % 2]}" for number in range(8)]
    (tmp_path / "train.csv").write_text("\n".join(["image,label", *rows[:5]]))
    (tmp_path / "val.csv").write_text("\n".join(["image,label", *rows[5:7]]))
    (tmp_path / "test.csv").write_text("\n".join(["image,label", rows[7]]))
    found = list_pictures(tmp_path)
    assert counted(found) == {
        ("train", "a"): 3, ("train", "b"): 2, ("validation", "a"): 1, ("validation", "b"): 1,
        ("test", "b"): 1,
    }  # fmt: skip
    assert said(found) == [
        "1 class never tested, in no line of test.csv: a",
        "1 picture passed over, in no line of test.csv or train.csv or val.csv: ",
    ]
    (tmp_path / "test.csv").write_text("image\np8.png\n")  # without classes
    with pytest.raises(FileFormatError, match=r"several lists .* where that has classes, too"):
        list_pictures(tmp_path)
    (tmp_path / "test.csv").unlink()
    (tmp_path / "val.csv").write_text("image,label\np0.png,a\np7.png,b\n")
    with pytest.raises(FileFormatError, match="several lists"):
        list_pictures(tmp_path)


def test_what_addresses_have_behind_their_names(tmp_path: Path) -> None:
    put(tmp_path, "p", count=4)
    lines = [f"p{n}.png?size=large&x=1,{'ab'[n % 2]}" for n in range(4)]
    (tmp_path / "labels.csv").write_text("\n".join(["image,label", *lines]))
    found = list_pictures(tmp_path / "labels.csv")
    assert [path.name for path in found.paths] == [f"p{n}.png" for n in range(4)]
    assert counted(found) == {("", "a"): 2, ("", "b"): 2}


def test_archives_are_not_said_to_be_without_pictures(tmp_path: Path) -> None:
    put(tmp_path, "cat", "dog")
    (tmp_path / "cat" / "more.zip").write_bytes(b"PK\3\4")
    assert said(list_pictures(tmp_path)) == [
        "1 archive passed over, unpack it if pictures are in it: "
    ]
