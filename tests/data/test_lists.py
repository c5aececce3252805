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


def lines(name: str, label: str = "{k}", separator: str = ",") -> str:
    """A line for each picture: how its name and its class are written."""
    return "".join(name.format(n=n) + separator + label.format(k=k) + "\n" for n, k in PAIRS)


HABITS = {
    "written on Windows": "file,label\n" + lines("C:\\Users\\me\\set\\img\\{n}.png"),
    "on Windows, without suffixes": "file,label\n" + lines("img\\{n}"),
    "in Kaggle's notebook": "file,label\n" + lines("/kaggle/input/set/img/{n}.png"),
    "from the folder above": "file,label\n" + lines("data/set/img/{n}.png"),
    "the folder in other letters": "file,label\n" + lines("IMG/{n}.png"),
    "names in other letters": "file,label\n" + lines("{n}").replace("p0", "P0"),
    "vertical bars": "file|label\n" + lines("{n}.png", separator="|"),
    "spaces before quotes": '"file", "label"\n' + lines('"{n}.png"', '"{k}"', ", "),
    "Excel's first line": "sep=;\nfile;label\n" + lines("{n}.png", separator=";"),
    "comments and blank lines": "# by hand\n\nfile,label\n\n" + lines("{n}.png"),
    "a name's header with a mark": "# file,label\n" + lines("{n}.png"),
    "old Macintosh": ("file,label\n" + lines("{n}.png")).replace("\n", "\r"),
    "pandas' row numbers": "Unnamed: 0,image,what\n" + "".join(
        f"{i},{n}.png,{k}\n" for i, (n, k) in enumerate(PAIRS)
    ),
    "labels": "images,labels\n" + lines("{n}.png"),
    "numbers and names of classes": "file,class_id,class_name\n" + "".join(
        f"{n}.png,{k == 'cat':d},{k}\n" for n, k in PAIRS
    ),
    "a name beside the label": "file,label,label_name\n" + "".join(
        f"{n}.png,{k == 'cat':d},{k}\n" for n, k in PAIRS
    ),
    "a line twice": "file,label\n" + lines("{n}.png") + "img/p000.png,dog\n",
}  # fmt: skip


@pytest.mark.parametrize("how", HABITS)
def test_habits_of_people(how: str, tmp_path: Path) -> None:
    pictures(tmp_path / "img", [f"{name}.png" for name in NAMES])
    (tmp_path / "labels.csv").write_text(HABITS[how])
    found = list_pictures(tmp_path)
    assert classes(found) == dict(PAIRS)
    assert all(path.is_file() for path in found.paths)
    twice = [(one.reason, one.names) for one in found.omitted]
    said = [("passed over, saying again what another line says", ("line 8 (p000.png)",))]
    assert twice == (said if how == "a line twice" else [])


def test_numbers_whose_zeros_are_lost(tmp_path: Path) -> None:
    pictures(tmp_path / "img", [f"{number:03}.png" for number in range(6)])
    (tmp_path / "labels.csv").write_text(
        "id,label\n" + "".join(f"{i},{k}\n" for i, k in enumerate(CLASSES))
    )
    found = list_pictures(tmp_path)
    assert classes(found) == {f"{number:03}": k for number, k in enumerate(CLASSES)}
    pictures(tmp_path / "img", ["2.png"])  # what is called so goes before what has the number
    assert {path.name for path in list_pictures(tmp_path).paths} >= {"2.png", "003.png"}


def test_columns_that_ask_for_a_part(tmp_path: Path) -> None:
    pictures(tmp_path, [f"{name}.png" for name in NAMES])
    rows = "".join(f"{n}.png,{k},{i == 2},{i == 4}\n" for i, (n, k) in enumerate(PAIRS))
    (tmp_path / "labels.csv").write_text("path,label,is_valid,is_test\n" + rows)
    assert list_pictures(tmp_path).parts == (
        "train",
        "train",
        "validation",
        "train",
        "test",
        "train",
    )


def test_lists_in_json_by_class_and_in_pairs(tmp_path: Path) -> None:
    pictures(tmp_path / "img", [f"{name}.png" for name in NAMES])
    by_class = {name: [n for n, k in PAIRS if k == name] for name in ("cat", "dog")}
    for found in (by_class, PAIRS):
        (tmp_path / "labels.json").write_text(json.dumps(found))
        assert classes(list_pictures(tmp_path)) == dict(PAIRS)


def test_another_part_is_not_taken_for_the_one_that_is_named(tmp_path: Path) -> None:
    """Of a list whose pictures are not here; those that are have the same names."""
    pictures(tmp_path / "train", [f"{name}.png" for name in NAMES])
    (tmp_path / "labels.csv").write_text("file,label\n" + lines("test/{n}.png"))
    with pytest.raises(
        FileFormatError, match=r"line 2: there is no 'test/p000.png', but train/p000.png"
    ):
        list_pictures(tmp_path)


REFUSED = {
    "nan": ("file,label\np000.png,cat\np001.png,nan\n", r"line 3 lacks its label \(nan\)"),
    "addresses": (
        "url,label\n" + lines("https://example.org/{n}.png"),
        "line 2: 'https://example.org/p000.png' is an address; download the pictures",
    ),
    "other suffix": (
        "file,label\n" + lines("{n}.jpg"),
        "there is no 'p000.jpg', but img/p000.png; correct",
    ),
    "several classes": (
        "file,cat,dog\n" + lines("{n}.png", "1,1"),
        r"columns of 0 and 1 \(cat, dog\) each line must have one 1",
    ),
    "boxes": (
        "file,label,xmin,ymin\np000.png,cat,1,2\np001.png,dog,1,2\np000.png,cat,3,4\n",
        r"names p000.png again \(line 2\); its labels are boxes",
    ),
    "another part": (
        "file,label,split\np000.png,cat,train\np001.png,dog,train\np000.png,cat,test\n",
        "names p000.png again .*, as 'test', not 'train'",
    ),
    "zero bytes": ("file,label\np000.png\0,cat\n", "line 2: holds a zero byte"),
    "not archived": ("PK\3\4", "is an archive"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_lists_that_are_refused(how: str, tmp_path: Path) -> None:
    pictures(tmp_path / "img", [f"{name}.png" for name in NAMES])
    text, words = REFUSED[how]
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(FileFormatError, match=words) as refused:
        list_pictures(tmp_path / "labels.csv")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-16", "is in UTF-16, not in UTF-8; `iconv"),
        ("latin-1", "line 2: the byte 0xE9 is not UTF-8"),
    ],
)
def test_lists_in_other_encodings(encoding: str, words: str, tmp_path: Path) -> None:
    pictures(tmp_path, ["a.png", "b.png"])
    (tmp_path / "labels.csv").write_bytes("file,label\na.png,café\nb.png,bar\n".encode(encoding))
    with pytest.raises(FileFormatError, match=words):
        list_pictures(tmp_path / "labels.csv")


def test_columns_of_ones_beside_a_label_are_no_classes(tmp_path: Path) -> None:
    pictures(tmp_path, [f"{name}.png" for name in NAMES])
    rows = "".join(f"{name},{k},{k == 'cat':d},{k == 'dog':d}\n" for name, k in PAIRS)
    (tmp_path / "labels.csv").write_text("image,label,indoors,outdoors\n" + rows)
    assert classes(list_pictures(tmp_path)) == dict(PAIRS)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("labels.json", '{"a": {"b": 1}}', "labels.json: is no JSON"),
        ("labels.json", "[" * 100_000, "labels.json: is no JSON"),
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
