"""`sloy train DIR` on folders of pictures, training further with `--from`, and predicting from files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

import sloy as library
from command_line import Sloy, command, finished

QUICK = ("--threads", "1", "--quiet", "--network", "mlp", "--batch-size", "8")


def picture(path: Path, hue: int, random: np.random.Generator) -> None:
    """Noise of 14 × 10 in which one colour is bright."""
    pixels = random.integers(0, 90, (10, 14, 3))
    pixels[..., hue] += 150
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


@pytest.fixture(scope="session")
def fruit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three classes of 30 pictures."""
    folder = tmp_path_factory.mktemp("pictures") / "fruit"
    random = np.random.default_rng(0)
    for hue, name in enumerate(("apple", "kiwi", "plum")):
        for number in range(30):
            picture(folder / name / f"{number:02}.png", hue, random)
    return folder


@pytest.fixture(scope="session")
def trained_on_fruit(fruit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of the network that is the default for pictures."""
    out = tmp_path_factory.mktemp("fruit") / "run"
    options = ("--threads", "1", "--epochs", "6", "--batch-size", "8", "--out", out)
    done = finished(command("train", fruit, *options))
    (out / "said").write_text(done.stderr + done.stdout)
    return out


def test_a_run_on_a_folder(trained_on_fruit: Path) -> None:
    said = (trained_on_fruit / "said").read_text()
    for words in (
        "pictures decoded: 90 of 90",
        "fruit: 73 to train on, 8 to validate, 9 to test",
        "10 × 14 × 3 each, 3 classes",
        "apple 24, kiwi 24, plum 25",
        "standard_cnn",
        "Augment(rotation=8.0",
        "augmented.png",
    ):
        assert words in said
    summary = json.loads((trained_on_fruit / "summary.json").read_text())
    assert summary["test_accuracy"] == 1
    assert summary["test_samples"] == 9
    with Image.open(trained_on_fruit / "augmented.png") as opened:
        assert min(opened.size) > 300


def test_predicting_from_files_and_folders(
    sloy: Sloy, fruit: Path, trained_on_fruit: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "big.jpg"
    random = np.random.default_rng(1)
    picture(photo, 2, random)
    Image.open(photo).resize((1400, 1000)).save(photo)
    lines = sloy("predict", trained_on_fruit, photo, fruit / "kiwi").stdout.splitlines()
    assert len(lines) == 31
    assert lines[0].split()[1] == "plum"
    assert {line.split()[1] for line in lines[1:]} == {"kiwi"}
    assert "the middle of each at 10 × 14, colour" in sloy("info", trained_on_fruit).stdout
    said = json.loads(sloy("predict", trained_on_fruit, photo, "--json").stdout)
    model = library.load(trained_on_fruit / "model.sloy")
    probability = float(model.predict_proba(str(photo)).max())
    assert said["predictions"][0]["probability"] == pytest.approx(probability, rel=1e-5)


def test_a_csv_file_that_lists_pictures(sloy: Sloy, fruit: Path, tmp_path: Path) -> None:
    with (tmp_path / "list.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("picture", "kind"))
        writer.writerows((path, path.parent.name) for path in sorted(fruit.rglob("*.png")))
    listed = tmp_path / "list.csv"
    done = sloy("train", listed, *QUICK, "--epochs", 1, "--out", "a", "--augment", "none", "--json")
    document = json.loads(done.stdout)
    assert document["test_samples"] == 9
    assert document["plan"]["network"] == "mlp"
    assert not (Path(document["folder"]) / "augmented.png").exists()


def test_damaged_pictures(sloy: Sloy, fruit: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    random = np.random.default_rng(2)
    for hue, name in enumerate(("a", "b")):
        for number in range(12):
            picture(folder / name / f"{number}.png", hue, random)
    whole = (folder / "a" / "3.png").read_bytes()
    (folder / "a" / "3.png").write_bytes(whole[: len(whole) // 2])
    (folder / "b" / "5.png").write_bytes(b"")
    refused = sloy("train", folder, *QUICK, "--epochs", 1, "--out", "a", code=1)
    assert "2 files of 24 cannot be read" in refused.stderr
    assert "a/3.png" in refused.stderr
    assert "b/5.png" in refused.stderr
    assert "Traceback" not in refused.stderr
    loud = [word for word in QUICK if word != "--quiet"]
    done = sloy("train", folder, *loud, "--epochs", 1, "--out", "a", "--skip-broken")
    assert "2 files skipped" in done.stderr
    assert "a/3.png" in done.stderr
    refused = sloy("predict", "a", folder / "a" / "3.png", code=1)
    assert "a/3.png" in refused.stderr


def test_training_further_freezes_unfreezes_and_resumes(
    sloy: Sloy, fruit: Path, trained_on_fruit: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    folder = tmp_path / "two"
    for name in ("plum", "apple"):
        (folder / f"my {name}").mkdir(parents=True)
        for path in (fruit / name).iterdir():
            (folder / f"my {name}" / path.name).write_bytes(path.read_bytes())
    begin = ("train", folder, "--from", trained_on_fruit, "--threads", "1", "--batch-size", 8)
    done = sloy(*begin, "--epochs", 2, "--freeze", "until:pool2", "--out", "frozen")
    assert "2 epochs: the layers after pool2 (those before run once)" in done.stderr
    assert "samples through the frozen layers: 54 of 54" in done.stderr
    given, tuned = (library.load(f / "model.sloy") for f in (trained_on_fruit, work / "frozen"))
    assert tuned.class_names == ("my apple", "my plum")
    assert tuned.reader == given.reader
    for name, value in tuned.parameters.items():
        same = value.tobytes() == given.parameters[name].tobytes()
        assert same == name.startswith(("conv1_1/", "conv2_1/"))

    whole = (*begin, "--unfreeze", "--head-epochs", 2, "--epochs", 2)
    done = sloy(*whole, "--out", "straight")
    assert "2 epochs: the layers after relu1 (those before run once)" in done.stderr
    assert "2 epochs: all layers" in done.stderr
    straight = (work / "straight" / "model.sloy").read_bytes()
    assert len((work / "straight" / "history.csv").read_text().splitlines()) == 5
    for lost in (["model.sloy"], ["model.sloy", "checkpoint.sloy", "checkpoint.sloy.previous"]):
        for name in lost:
            (work / "straight" / name).unlink()
        sloy("train", "--resume", "--out", "straight", "--threads", "1", "--quiet")
        assert (work / "straight" / "model.sloy").read_bytes() == straight
    refused = sloy("train", "--resume", "--out", "straight", "--freeze", "none", code=2)
    assert "--freeze is head there, not None" in refused.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--freeze", "until:conv1"), "--freeze needs --from MODEL"),
        (("--from", "m.sloy", "--head-epochs", 2), "give both"),
        (("--from", "m.sloy", "--network", "mlp"), "that of the model"),
        (("--from", "m.sloy", "--freeze", "pool"), "must be until:LAYER, head or none"),
        (("--from", "m.sloy", "--size", 8), "the size that the model needs"),
        (("--size", "0x4"), "not a size"),
        (("--first-rate", 0), "not a share"),
        (("--augment", "turn=3"), "'turn=3' must be none or NAME=VALUE"),
        (("--augment", "rotation=999"), "`rotation`"),
        (("--test", 2), "neither a share from 0 to below 1 nor a file"),
        (("--samples", 1000), "there are only 73"),
        (("--target", "x"), "--target does not belong to"),
    ],
)
def test_options_that_are_refused(
    sloy: Sloy, fruit: Path, options: tuple[object, ...], said: str
) -> None:
    refused = sloy("train", fruit, "--out", "a", "--quiet", *options, code=2)
    assert said in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr


def test_samples_of_another_shape_train_no_model_further(
    sloy: Sloy, trained_on_fruit: Path
) -> None:
    refused = sloy("train", "mnist", "--from", trained_on_fruit, "--out", "a", code=2)
    assert "takes samples of 10 × 14 × 3, mnist has 28 × 28 × 1" in refused.stderr


def test_a_table_trains_no_model_further(sloy: Sloy, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3,4\n")
    refused = sloy("train", tmp_path / "a.csv", "--target", "y", "--from", "m.sloy", code=2)
    assert "not those of tables" in refused.stderr


def test_folders_that_are_refused(sloy: Sloy, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused = sloy("train", tmp_path / "empty", "--out", "a", code=1)
    assert "holds no pictures; put those of each class into a folder of its own" in refused.stderr
    picture(tmp_path / "empty" / "only" / "1.png", 0, np.random.default_rng(0))
    refused = sloy("train", tmp_path / "empty", "--out", "a", code=1)
    assert "one class, 'only'" in refused.stderr


def test_pictures_that_begin_with_zeros_as_idx_files_do(
    sloy: Sloy, trained_on_fruit: Path, tmp_path: Path
) -> None:
    """AVIF and HEIC do: they are read, or named as what they are."""
    work = tmp_path / "work"
    (work / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))
    assert "is HEIC" in sloy("predict", trained_on_fruit, "a.heic", code=1).stderr
    (work / "b.ico").write_bytes(b"\0\0\1\0" + bytes(60))
    assert "IDX" not in sloy("predict", trained_on_fruit, "b.ico", code=1).stderr
    if features.check("avif"):
        Image.new("RGB", (14, 10), (200, 30, 30)).save(work / "c.avif")
        assert sloy("predict", trained_on_fruit, "c.avif").stdout.startswith("c.avif  ")
