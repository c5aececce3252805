"""What is no table and no folder of classes is told by its content, with the way out; odd classes are doubted."""

from __future__ import annotations

import json
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sloy.data import picture_folder
from sloy.data.listing import list_pictures
from sloy.data.other_kinds import doubts, other_kind
from sloy.data.tables import load_table, of_pixels, open_table
from sloy.errors import FileFormatError, InvalidArgument, InvalidOption
from sloy.experiments.sources import source_of


def pictures(*folders: Path, count: int = 3) -> None:
    for number, folder in enumerate(folders):
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(count):
            Image.new("RGB", (8, 8), (60 * number, 20 * i, 90)).save(folder / f"{i}.png")


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    np.savez(tmp_path / "mnist.npz", x_train=np.zeros(3), y_train=np.zeros(3))
    (tmp_path / "svhn.mat").write_bytes(b"MATLAB 5.0 MAT-file, of nothing")
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({b"data": 1}, 2))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("cat/0.png", b"")
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "x.npy", "x.npy")
    (tmp_path / "broken.zip").write_bytes(b"PK\3\4" + bytes(30))
    (tmp_path / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    (tmp_path / "shop.db").write_bytes(b"SQLite format 3\0" + bytes(600))
    (tmp_path / "frame.feather").write_bytes(b"ARROW1\0\0" + bytes(600))
    with zipfile.ZipFile(tmp_path / "sheet.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", "<x/>")
    said = {
        "x.npy": "holds an array",
        "mnist.npz": r"holds arrays \(NumPy: x_train, y_train\); in Python `sloy.fit\(network, \(x, y\)\)`",
        "svhn.mat": "is a MATLAB file; `scipy.io.loadmat`",
        "data_batch_1": "is a Python pickle, which is not read",
        "set.zip": r"is an archive \(ZIP\) of 1 file \(cat/0.png\); unpack it",
        "set.tar.gz": r"is an archive \(tar\); unpack it",
        "old.xls": "is an old file of Office",
        "shop.db": r"is a database \(SQLite\)",
        "frame.feather": r"is a file of Arrow \(Feather\)",
        "sheet.ods": "is a file of OpenDocument",
        "broken.zip": r"is an archive \(ZIP\), and damaged",
    }
    for name, words in said.items():
        with pytest.raises(InvalidArgument, match=words):
            source_of(str(tmp_path / name))
        with pytest.raises(FileFormatError, match=words):
            open_table(tmp_path / name)
    (tmp_path / "plain.csv").write_text("a,b\n1,2\n")
    assert other_kind(tmp_path / "plain.csv") is None


@pytest.mark.parametrize("kind", ["YOLO", "COCO", "Pascal VOC"])
def test_folders_of_boxes(kind: str, tmp_path: Path) -> None:
    pictures(tmp_path / "images" / "train")
    if kind == "YOLO":
        (tmp_path / "labels" / "train").mkdir(parents=True)
        (tmp_path / "labels" / "train" / "0.txt").write_text("0 0.5 0.5 0.25 0.25\n")
    elif kind == "COCO":
        said = {"images": [{"id": 0, "file_name": "0.png"}], "annotations": []}
        (tmp_path / "instances.json").write_text(json.dumps(said))
    else:
        (tmp_path / "Annotations").mkdir()
        (tmp_path / "Annotations" / "0.xml").write_text("<annotation><object/></annotation>")
    with pytest.raises(FileFormatError, match=rf"boxes or outlines \({kind}: .*list each picture"):
        list_pictures(tmp_path)


def test_a_folder_of_arrays_says_so(tmp_path: Path) -> None:
    np.save(tmp_path / "X_train.npy", np.zeros(3))
    with pytest.raises(
        FileFormatError, match=r"(?s)holds no pictures; .*X_train.npy holds an array"
    ):
        list_pictures(tmp_path)


def test_folders_in_folders_are_looked_through(tmp_path: Path) -> None:
    inner = tmp_path / "archive" / "archive"
    pictures(inner / "cat", inner / "dog")
    with pytest.raises(FileFormatError, match=rf"did you mean {inner}\?"):
        list_pictures(tmp_path)


def test_what_is_odd_about_classes_is_noted(tmp_path: Path) -> None:
    pictures(
        *(tmp_path / "a" / part / kind for part in ("trian", "tets") for kind in ("cat", "dog"))
    )
    said = "2 folders in every class; if these are the classes, call those around them train, val and test: cat, dog"
    assert said in picture_folder(tmp_path / "a").remarks()
    pictures(tmp_path / "b" / "images", tmp_path / "b" / "masks")
    assert any(
        "images and masks are taken for two classes" in r
        for r in picture_folder(tmp_path / "b").remarks()
    )


def test_a_list_of_files_that_are_elsewhere(tmp_path: Path) -> None:
    pictures(tmp_path / "img")
    (tmp_path / "data.csv").write_text(
        "path,label\n/there/90.png,a\n/there/91.png,b\n/there/92.png,a\n"
    )
    with pytest.raises(FileFormatError, match=r"there is no such file.*count from its own folder"):
        picture_folder(tmp_path / "data.csv")


def test_names_that_look_alike() -> None:
    assert doubts(["a", "b"]) == []
    assert doubts(["é", "é"]) == [
        "classes whose names differ in how letters are composed only: 'é', 'é'; are they one?"
    ]
    assert doubts(["cat", "cat ", "dog"])[0].startswith(
        "classes whose names differ in case or spaces only"
    )
    assert doubts(["01", "1", "10"]) == [
        "classes whose names differ in how a number is written only: '01', '1'; are they one?"
    ]
    assert doubts(["0.0", "0", "1.5", "1.50a"])[0].endswith("'0.0', '0'; are they one?")
    assert doubts(["red fox", "fox", "apple"]) == []
    assert doubts(["rust", "scab", "scab, rust"]) == [
        "'scab, rust' is a class of its own beside 'scab' and 'rust'; a picture has one class here"
    ]


def _numbers(width: int) -> str:
    return ",".join(["7"] + ["0"] * (width - 1)) + "\n"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            "label," + ",".join(f"pixel{k}" for k in range(784)),
            "'label' look like pixels of 28 × 28",
        ),
        (
            ",".join(f"{k}x{j}" for k in range(8) for j in range(8)) + ",y",
            "'y' look like pixels of 8 × 8",
        ),
        ("label," + ",".join(f"pixel{k}" for k in range(3 * 64)), r"shape \(N, 8, 8, 3\)"),
        (_numbers(785).strip(), ""),
    ],
)
def test_a_table_of_pixels(header: str, said: str, tmp_path: Path) -> None:
    """MNIST as Kaggle has it: what to type, and where the names of columns are not there."""
    file = tmp_path / "digits.csv"
    file.write_text(header + "\n" + _numbers(header.count(",") + 1) * 3)
    with pytest.raises(
        InvalidOption, match=rf"predicted: `target` COLUMN.*{said}" if said else "COLUMN$"
    ):
        source_of(str(file)).check("mlp", further=False)
    if not said:
        with pytest.raises(
            FileFormatError, match=r"the first line holds numbers \(7, 0, 0, …\); it must name"
        ):
            load_table(file, "label")


def test_other_tables_are_no_pixels(tmp_path: Path) -> None:
    for header in ("label,a,b", "label," + ",".join(f"word{k}" for k in range(64)), "p1,p2,p3"):
        (tmp_path / "t.csv").write_text(header + "\n")
        assert of_pixels(tmp_path / "t.csv") == ""


def test_names_within_archives_are_escaped(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("t\x1b[31m\n.csv", "u.csv"):
            archive.writestr(name, b"")
    assert "2 files (t\\x1b[31m\\n.csv, u.csv)" in str(other_kind(tmp_path / "a.zip", tables=True))
