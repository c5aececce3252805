"""Lists of pictures and classes in the forms that they come in; classes divided into parts; classes told by names."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from sloy.data.listing import Listing, list_pictures, lists_pictures
from sloy.errors import FileFormatError

NAMES = [f"p{number:03}" for number in range(6)]
CLASSES = ["cat" if number % 2 else "dog" for number in range(6)]
PAIRS = list(zip(NAMES, CLASSES, strict=True))


def pictures(folder: Path, names: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        Image.new("L", (4, 4), number).save(folder / name)
    return folder


def classes(found: Listing) -> dict[str, str]:
    """Name of a picture → its class."""
    names = (found.class_names[label] for label in found.labels)
    return {path.stem: name for path, name in zip(found.paths, names, strict=True)}


FORMS = {
    "labels.txt": "".join(f"img/{name}.png {k}\n" for name, k in PAIRS),
    "tabs.txt": "".join(f"img/{name}.png\t{k}\n" for name, k in PAIRS),
    "metadata.jsonl": "".join(
        json.dumps({"file_name": f"img/{name}.png", "label": k, "boxes": [[1, 2]]}) + "\n" for name, k in PAIRS
    ),
    "labels.json": json.dumps({f"{name}.png": k for name, k in PAIRS}),
    "list.json": json.dumps([{"image": name, "class": k} for name, k in PAIRS]),
    "one-hot.csv": "image,cat,dog\n" + "".join(f"{name},{k == 'cat':.1f},{k == 'dog':.1f}\n" for name, k in PAIRS),
    "capitals.csv": "Image;Class\n" + "".join(f"{name}.PNG;{k}\n" for name, k in PAIRS),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_lists(name: str, tmp_path: Path) -> None:
    """In a folder, where they are found, and named themselves."""
    pictures(tmp_path / "img", [f"{name}.png" for name in NAMES])
    (tmp_path / name).write_text(FORMS[name])
    (tmp_path / "README.txt").write_text("Pictures of cats\nand of dogs, by hand.\n")
    assert classes(list_pictures(tmp_path)) == dict(PAIRS)
    assert classes(list_pictures(tmp_path / name)) == dict(PAIRS)
    assert lists_pictures(tmp_path / name)
    assert not lists_pictures(tmp_path / "README.txt")


def test_columns_of_ones_beside_a_label_are_no_classes(tmp_path: Path) -> None:
    pictures(tmp_path, [f"{name}.png" for name in NAMES])
    rows = "".join(f"{name},{k},{k == 'cat':d},{k == 'dog':d}\n" for name, k in PAIRS)
    (tmp_path / "labels.csv").write_text("image,label,indoors,outdoors\n" + rows)
    assert classes(list_pictures(tmp_path)) == dict(PAIRS)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("labels.json", '{"a": [1]}', "labels.json: is no JSON"),
        (
            "x.jsonl",
            '{"file": "a.png"}\n{"label": 1}\n',
            "x.jsonl: is no JSON .*not every object has file",
        ),
        (
            "x.csv",
            "path,label\n" + "".join(f"{name}.png,{i * 1.5}\n" for i, name in enumerate(NAMES)),
            "labels are 6 different numbers .0, 1.5, 3, ….; of pictures classes are learned",
        ),
        ("set.zip", "PK", "set.zip: is an archive; unpack it"),
    ],
)
def test_what_is_refused(name: str, text: str, words: str, tmp_path: Path) -> None:
    pictures(tmp_path, [f"{name}.png" for name in NAMES])
    (tmp_path / name).write_text(text)
    with pytest.raises(FileFormatError, match=words):
        list_pictures(tmp_path / name)


def test_two_lists_called_after_parts(tmp_path: Path) -> None:
    pictures(tmp_path, [f"{name}.png" for name in NAMES])
    for part in ("train", "test"):
        (tmp_path / f"{part}.csv").write_text("path,label\np000.png,dog\n")
    with pytest.raises(
        FileFormatError, match=r"name one of them: .*train.csv, and --test .*test.csv"
    ):
        list_pictures(tmp_path)


def test_classes_divided_into_parts(tmp_path: Path) -> None:
    for place, count in (("rose/train", 3), ("rose/test", 1), ("tulip/Train", 2), ("tulip/val", 1)):
        pictures(tmp_path / place, [f"{number}.png" for number in range(count)])
    found = list_pictures(tmp_path)
    counts = Counter(zip(found.parts, (found.class_names[k] for k in found.labels), strict=True))
    assert counts == {
        ("train", "rose"): 3, ("test", "rose"): 1, ("train", "tulip"): 2, ("validation", "tulip"): 1,
    }  # fmt: skip
    pictures(tmp_path / "daisy", ["0.png"])
    with pytest.raises(
        FileFormatError, match=r"rose/ is divided into parts .*, but daisy/0.png is in none"
    ):
        list_pictures(tmp_path)


@pytest.mark.parametrize("form", ["{0}.{1}.png", "{0} ({1}).png", "{0}_{1:04}.png"])
def test_classes_told_by_names(form: str, tmp_path: Path) -> None:
    """The line that is given makes the list."""
    folder = tmp_path / "my pets"
    pictures(folder, [form.format(name, number) for name in ("cat", "dog") for number in range(3)])
    with pytest.raises(FileFormatError, match=r"seem to tell them \(cat: 3, dog: 3\)") as refused:
        list_pictures(folder)
    command = str(refused.value).split("this makes the file: ")[1]
    subprocess.run(["sh", "-c", command], check=True)
    found = list_pictures(folder)
    assert found.class_names == ("cat", "dog")
    assert all(name.startswith(k) for name, k in classes(found).items())


def test_names_that_tell_nothing(tmp_path: Path) -> None:
    pictures(tmp_path, [f"IMG_{number}.png" for number in range(6)])
    with pytest.raises(FileFormatError, match=r"a CSV file of paths and labels\.$"):
        list_pictures(tmp_path)
