"""`sloy test`; data to test on, ids, standard input and files that cannot be read, from the shell."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, r2_score

import sloy as library
from command_line import Result, Sloy, command, environment, exit_code, finished, stripes
from sloy.cli.test import confusion

FEW = ("--epochs", "3", "--threads", "1", "--quiet")
IDENTITY = ("--id", "key")


def flats(rows: int, seed: int) -> pl.DataFrame:
    """Rent follows size and town; keys begin with zeros."""
    random = np.random.default_rng(seed)
    size, town = random.uniform(20, 120, rows).round(1), random.choice(["Oslo", "Rome"], rows)
    rent = (10 * size + 300 * (town == "Oslo") + random.normal(0, 20, rows)).round(3)
    kind = np.where(rent > 800, "dear", "cheap")
    keys = [f"{k:05}" for k in random.permutation(rows)]
    return pl.DataFrame({"key": keys, "size": size, "town": town, "rent": rent, "kind": kind})


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two tables, and a run on each kind of target."""
    folder = tmp_path_factory.mktemp("flats")
    flats(300, 0).write_csv(folder / "train.csv")
    flats(80, 1).write_csv(folder / "new.csv")
    for target, other in (("rent", "kind"), ("kind", "rent")):
        words = ("train", folder / "train.csv", "--target", target, "--ignore", other, *IDENTITY)
        run = (*words, "--test", folder / "new.csv", *FEW, "--out", folder / target)
        assert exit_code(*map(str, run)) == 0
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stripes in folders of classes, in parts, and a run on one part."""
    folder = tmp_path_factory.mktemp("stripes")
    for part, samples, seed in (("train", 90, 1), ("test", 40, 2)):
        for number, (x, y) in enumerate(zip(*stripes(samples, seed), strict=True)):
            path = folder / "parts" / part / ("upright", "lying", "slanting")[y] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(x.astype(np.uint8)).save(path)
    words = ("train", folder / "parts", "--network", "mlp", "--augment", "none", *FEW)
    assert exit_code(*map(str, (*words, "--out", folder / "run"))) == 0
    return folder


def piped(content: bytes, *arguments: object, code: int = 0) -> Result:
    """A command with something on its standard input."""
    done = subprocess.run(
        command(*arguments), input=content, capture_output=True, env=environment(), check=False
    )
    assert done.returncode == code, done.stderr
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def summary(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "summary.json").read_text()))


# --- sloy test --------------------------------------------------------------------------------------------------------


def test_what_is_shown(tables: Path, sloy: Sloy) -> None:
    lines = sloy("test", tables / "kind", tables / "new.csv").stdout.splitlines()
    assert lines[0].endswith("new.csv: 80 rows with `kind`")
    assert any(line.split()[1:4] == ["accuracy", "log-loss", "AUC"] for line in lines)
    assert any(
        line.split() == ["confusion", "true", "\\", "answered", "cheap", "dear"] for line in lines
    )


def test_what_is_written_is_true(tables: Path, tmp_path: Path) -> None:
    out = tmp_path / "t"
    assert exit_code("test", str(tables / "kind"), str(tables / "new.csv"), "--out", str(out)) == 0
    rows = pl.read_csv(out / "predictions.csv", infer_schema=False)
    assert rows.columns == ["key", "kind", "prediction", "probability_cheap", "probability_dear"]
    new = flats(80, 1)
    assert rows["key"].to_list() == new["key"].to_list()
    assert rows["kind"].to_list() == new["kind"].to_list()
    found = summary(out)
    assert found["test_accuracy"] == pytest.approx(accuracy_score(rows["kind"], rows["prediction"]))
    shares = rows.select("probability_cheap", "probability_dear").cast(pl.Float64).to_numpy()
    shares /= shares.sum(
        1, keepdims=True
    )  # which scikit-learn wants to more digits than float32 has
    assert found["test_log_loss"] == pytest.approx(log_loss(new["kind"], shares), rel=1e-5)
    names = ["cheap", "dear"]
    matrix = confusion_matrix(rows["kind"], rows["prediction"], labels=names)
    assert (found["classes"], found["confusion"]) == (names, matrix.tolist())
    written = list(csv.reader(io.StringIO((out / "confusion.csv").read_text())))
    assert written == [
        ["true", *names],
        *([n, *map(str, r)] for n, r in zip(names, matrix, strict=True)),
    ]
    assert (out / "confusion.png").stat().st_size > 1000


def test_the_figures_are_those_of_training(tables: Path, tmp_path: Path) -> None:
    """What `sloy train --test FILE` says of a file, `sloy test` says of it again."""
    for target in ("rent", "kind"):
        out = tmp_path / target
        assert (
            exit_code("test", str(tables / target), str(tables / "new.csv"), "--out", str(out)) == 0
        )
        trained, tested = summary(tables / target), summary(out)
        names = [name for name in trained if name.startswith("test_")]
        assert len(names) >= 3
        assert {name: trained[name] for name in names} == {name: tested[name] for name in names}
        assert trained["test_samples"] == 80
    answers = library.load(tables / "rent" / "model.sloy").predict(
        flats(80, 1).drop("rent", "kind")
    )
    assert summary(tables / "rent")["test_r2"] == pytest.approx(
        r2_score(flats(80, 1)["rent"], answers[:, 0].astype(float))
    )


def test_pictures_in_parts_and_all_of_them(pictures: Path, sloy: Sloy, tmp_path: Path) -> None:
    document = json.loads(sloy("test", pictures / "run", pictures / "parts", "--json").stdout)
    assert document["test_samples"] == 40
    trained = summary(pictures / "run")
    assert document["test_accuracy"] == trained["test_accuracy"]
    assert document["test_loss"] == pytest.approx(trained["test_loss"])
    assert document["notes"] == []
    said = sloy("test", pictures / "run", pictures / "parts" / "train").stdout
    assert "all its pictures" in said
    one = tmp_path / "one" / "lying"
    shutil.copytree(pictures / "parts" / "test" / "lying", one)
    document = json.loads(sloy("test", pictures / "run", one.parent, "--json").stdout)
    assert document["test_samples"] == len(list(one.iterdir()))
    counts = np.array(document["confusion"])
    assert (
        counts.sum() == counts[document["classes"].index("lying")].sum() == len(list(one.iterdir()))
    )


def test_a_list_of_pictures(pictures: Path, tmp_path: Path) -> None:
    files = sorted((pictures / "parts" / "test").rglob("*.png"))
    lines = ["file,label", *(f"{path},{path.parent.name}" for path in files)]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    out = tmp_path / "t"
    words = ("test", pictures / "run", tmp_path / "labels.csv", "--out", out)
    assert exit_code(*map(str, words)) == 0
    assert summary(out)["test_accuracy"] == summary(pictures / "run")["test_accuracy"]
    rows = pl.read_csv(out / "predictions.csv")
    assert rows["file"].to_list() == list(map(str, files))
    assert (rows["true"] == rows["prediction"]).mean() == summary(out)["test_accuracy"]
    assert (out / "mistakes.png").exists()


def test_idx_files(sloy: Sloy, data: Path, trained: Path) -> None:
    document = json.loads(sloy("test", trained, data, "--json", "--threads", 1).stdout)
    before = summary(trained)
    assert document["test_accuracy"] == before["test_accuracy"]
    assert document["test_mistakes"] == before["test_mistakes"]
    assert np.array(document["confusion"]).sum() == 90


def test_an_imported_network(data: Path, trained: Path, tmp_path: Path, capsys: Any) -> None:
    """Its problem has no metrics; the accuracy is that of its answers."""
    pytest.importorskip("onnx")
    assert exit_code("export", str(trained), str(tmp_path / "net.onnx")) == 0
    assert exit_code("import", str(tmp_path / "net.onnx"), str(tmp_path / "net.sloy")) == 0
    capsys.readouterr()
    figures = []
    for model in (trained, tmp_path / "net.sloy"):
        assert exit_code("test", str(model), str(data), "--json") == 0
        found = json.loads(capsys.readouterr().out)
        figures.append((found["test_accuracy"], found["test_mistakes"], found["test_samples"]))
    assert figures[0] == figures[1]


def test_rows_that_were_trained_on_are_told(tables: Path, sloy: Sloy) -> None:
    said = sloy("test", tables / "rent", tables / "train.csv").stdout
    assert "was trained on these rows, or most of them" in said
    assert "was trained" not in sloy("test", tables / "rent", tables / "new.csv").stdout
    assert (
        "was trained" not in sloy("test", tables / "rent" / "model.sloy", tables / "new.csv").stdout
    )


def test_nothing_is_written_unasked_nor_over_a_run(
    tables: Path, sloy: Sloy, tmp_path: Path
) -> None:
    before = sorted(path.name for path in tables.rglob("*"))
    sloy("test", tables / "rent", tables / "new.csv")
    assert sorted(path.name for path in tables.rglob("*")) == before
    assert list((tmp_path / "work").iterdir()) == []
    test = ("test", tables / "rent", tables / "new.csv", "--out")
    assert "is the folder of a run" in sloy(*test, tables / "rent", code=1).stderr
    sloy(*test, "t")
    assert "--overwrite replaces it" in sloy(*test, "t", code=1).stderr
    sloy(*test, "t", "--overwrite")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("size,town,kind\n30,Rome,odd\n40,Oslo,dear\n50,Oslo,odd\n", "holds 'odd' in 2 rows, which is none of the"),
        ("size,town\n30,Rome\n", "lacks the column `kind`"),
        ("size,kind\n30,dear\n", "lacks the column `town`"),
        ("size,town,kind\n30,Rome,\n", "has no value in any row"),
        ("size,town,kind\n", "has no rows"),
        ("", "is empty"),
    ],
)  # fmt: skip
def test_tables_that_are_refused(tables: Path, content: str, said: str) -> None:
    done = piped(content.encode(), "test", tables / "kind", "-", code=1)
    assert f"standard input: {said}" in done.stderr.replace("the target `kind` ", "")
    assert len(done.stderr.splitlines()) == 1


def test_models_of_another_kind_are_refused(tables: Path, pictures: Path, sloy: Sloy) -> None:
    said = sloy("test", pictures / "run", tables / "new.csv", code=2).stderr
    assert "takes no rows of a table" in said
    said = sloy("test", tables / "rent", pictures / "parts", code=2).stderr
    assert "answers with numbers" in said
    said = sloy("test", pictures / "run", "mnist", code=2).stderr
    assert "holds samples of 28 × 28 × 1, the model takes" in said


def test_the_matrix_in_the_terminal() -> None:
    shown = confusion(np.array([[5, 1], [0, 1200]]), ("a class of a long name", "b")).splitlines()
    assert shown[0].split() == ["true", "\\", "answered", "a", "class", "of", "…", "b"]
    assert shown[2].split() == ["b", "0", "1", "200"]
    names = [f"c{k}" for k in range(20)]
    counts = np.diag(np.full(20, 9))
    counts[3, 7], counts[2, 1] = 4, 2
    lines = confusion(counts, names).splitlines()
    assert [line.split() for line in lines] == [
        ["c3", "taken", "for", "c7", "4", "of", "13"],
        ["c2", "taken", "for", "c1", "2", "of", "11"],
    ]
    assert confusion(np.diag(np.full(20, 9)), names) == "no mistake"


# --- sloy train -------------------------------------------------------------------------------------------------------


def test_a_table_to_test_on_takes_no_row_from_training(tables: Path) -> None:
    plan = summary(tables / "rent")["plan"]
    assert isinstance(plan, dict)
    assert (plan["test"], plan["id"]) == (str(tables / "new.csv"), ["key"])
    reader = library.load(tables / "rent" / "model.sloy").reader
    assert isinstance(reader, library.data.TableReader)
    assert reader.ids == ("key",)
    assert set(reader.names) == {"size", "town"}
    table = library.data.load_table(tables / "train.csv", "rent", test=flats(80, 1), ids=["key"])
    assert table.validation is not None
    assert table.test is not None
    assert len(table.train) + len(table.validation) == 300
    assert table.test.y.tolist() == flats(80, 1)["rent"].to_list(), (
        "as the file has them, in float64"
    )


def test_all_rows_train(sloy: Sloy, tables: Path) -> None:
    words = ("train", tables / "train.csv", "--target", "rent", "--ignore", "kind", *IDENTITY)
    done = sloy(*words, "--test", 0, *FEW[:4], "--network", "tabular", "--out", "c")
    assert "300 to train on, 45 of them held out by each of 4 members, none to test" in done.stderr
    words = (*words, "--network", "mlp")
    done = sloy(*words, "--test", 0, "--epochs", 2, "--threads", 1, "--out", "a")
    assert "270 to train on, 30 to validate, none to test" in done.stderr
    assert "none: 270 samples trained the network, 30 were validated on" in done.stdout
    assert "`sloy test RUN DATA`" in done.stdout
    assert "not tested" in sloy("info", "a").stdout
    done = sloy(*words, "--test", 0, "--validation", 0, *FEW, "--out", "b")
    assert "none: 300 samples trained" in done.stdout


def test_a_folder_to_test_on(sloy: Sloy, pictures: Path) -> None:
    parts = pictures / "parts"
    words = ("train", parts / "train", "--network", "mlp", "--augment", "none", *FEW, "--json")
    document = json.loads(sloy(*words, "--test", parts / "test", "--out", "a").stdout)
    assert document["test_samples"] == 40
    assert document["plan"]["test"] == str(parts / "test")
    refused = sloy(*words, "--test", parts, "--out", "b", code=1)
    assert "has parts, test, train; give the folder of one of them" in refused.stderr
    words = ("train", parts, "--network", "mlp", *FEW, "--test", parts / "test", "--out", "b")
    assert "has a part to test on already" in sloy(*words, code=1).stderr
    document = json.loads(
        sloy(
            "train", parts / "train", "--network", "mlp", *FEW, "--test", 0, "--json", "--out", "c"
        ).stdout
    )
    assert document["test_samples"] == 0


def test_two_pictures_of_a_class_are_enough(sloy: Sloy, pictures: Path, tmp_path: Path) -> None:
    for name in ("lying", "upright"):
        (tmp_path / "few" / name).mkdir(parents=True)
        for path in sorted((pictures / "parts" / "train" / name).iterdir())[:2]:
            shutil.copy(path, tmp_path / "few" / name)
    words = (
        "train",
        tmp_path / "few",
        "--network",
        "mlp",
        "--epochs",
        2,
        "--threads",
        1,
        "--out",
        "a",
    )
    done = sloy(*words)
    assert "few: 4 to train on, none to test" in done.stderr
    for purpose in ("test", "validate"):
        assert f"4 pictures: too few to keep 10% of them apart to {purpose} on" in done.stderr
    assert "none: 4 samples trained the network" in done.stdout


def test_a_share_that_is_none(sloy: Sloy, tables: Path) -> None:
    words = ("train", tables / "train.csv", "--target", "rent", "--test")
    assert "'20' is neither a share from 0 to below 1" in sloy(*words, 20, code=2).stderr
    assert "there.csv: cannot be read" in sloy(*words, "there.csv", *IDENTITY, code=1).stderr


# --- standard input and pipes -----------------------------------------------------------------------------------------


def test_training_from_standard_input(tables: Path, tmp_path: Path) -> None:
    content = (tables / "train.csv").read_bytes()
    words = ("--target", "rent", "--ignore", "kind", *IDENTITY, *FEW, "--out")
    piped(content, "train", "-", *words, tmp_path / "piped")
    finished(command("train", tables / "train.csv", *words, tmp_path / "file"))
    assert (tmp_path / "piped" / "model.sloy").read_bytes() == (
        tmp_path / "file" / "model.sloy"
    ).read_bytes()
    done = piped(content, "train", "-", *words[:-1], "--test", "-", code=2)
    assert "standard input is the data to train on already" in done.stderr


def test_the_copy_of_standard_input_is_removed(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    rows = (tables / "new.csv").read_bytes()
    assert piped(rows, "predict", tables / "rent", "-").stdout.startswith("key,prediction\n")
    done = piped(rows + b"1,2\n", "predict", tables / "rent", "-", code=1)
    assert "sloy predict: standard input: line 82 has 2 fields" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_pipes_of_the_shell(tables: Path, tmp_path: Path) -> None:
    plain = finished(command("predict", tables / "rent", tables / "new.csv")).stdout
    line = " ".join(
        map(str, command("predict", tables / "rent", "<(gzip -c", tables / "new.csv", ")"))
    )
    assert finished(["bash", "-c", line]).stdout == plain


def test_a_picture_on_standard_input(pictures: Path) -> None:
    file = next((pictures / "parts" / "test" / "lying").iterdir())
    plain = finished(command("predict", pictures / "run", file, "--json"))
    from_pipe = piped(file.read_bytes(), "predict", pictures / "run", "-", "--json")
    one, other = (json.loads(done.stdout)["predictions"][0] for done in (plain, from_pipe))
    assert other.pop("file") == "standard input"
    assert one.pop("file") == str(file)
    assert one == other
    assert (
        "standard input: is not a picture"
        in piped(b"x", "predict", pictures / "run", "-", code=1).stderr
    )


# --- ids --------------------------------------------------------------------------------------------------------------


def test_ids_stand_beside_predictions(tables: Path, sloy: Sloy, tmp_path: Path) -> None:
    said = sloy("predict", tables / "rent", tables / "new.csv").stdout
    rows = pl.read_csv(io.StringIO(said), infer_schema=False)
    assert rows.columns == ["key", "prediction"]
    assert rows["key"].to_list() == flats(80, 1)["key"].to_list(), "with their zeros"
    answers = library.load(tables / "rent" / "model.sloy").predict(flats(80, 1).drop("kind"))[:, 0]
    assert rows["prediction"].cast(pl.Float32).to_list() == answers.tolist()
    said = sloy(
        "predict", tables / "rent", tables / "new.csv", "--id", "town", "--id", "kind"
    ).stdout
    assert said.startswith("town,kind,prediction\n")
    document = json.loads(sloy("predict", tables / "kind", tables / "new.csv", "--json").stdout)
    assert document["predictions"][0]["key"] == flats(80, 1)["key"][0]
    flats(3, 2).drop("key").write_csv(tmp_path / "bare.csv")
    done = sloy("predict", tables / "rent", tmp_path / "bare.csv")
    assert done.stdout.startswith("prediction\n")
    assert "has no column `key`" in done.stderr
    refused = sloy("predict", tables / "rent", tmp_path / "bare.csv", "--id", "key", code=2)
    assert "--id key is none of its columns" in refused.stderr
    refused = sloy("train", tables / "train.csv", "--target", "rent", "--id", "nokey", code=2)
    assert "'nokey') is none of its columns" in refused.stderr


# --- files that cannot be read ----------------------------------------------------------------------------------------


def test_the_rest_of_a_folder_is_predicted(pictures: Path, sloy: Sloy, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(pictures / "parts" / "test" / "lying", folder)
    good = sloy("predict", pictures / "run", folder).stdout.splitlines()
    whole = next(folder.iterdir()).read_bytes()
    for name in "abcdefghijkl":
        (folder / f"{name}.png").write_bytes(whole[:40])
    done = sloy("predict", pictures / "run", folder, code=1)
    assert done.stdout.splitlines() == good
    (line,) = done.stderr.splitlines()
    assert f"12 files cannot be read: {folder / 'a.png'} (" in line
    assert line.endswith("; and 2 more")
    done = sloy("predict", pictures / "run", folder, "--json", code=1)
    document = json.loads(done.stdout)
    assert len(document["predictions"]) == len(good)
    assert [Path(found["file"]).name for found in document["unread"]] == [
        f"{n}.png" for n in "abcdefghijkl"
    ]
    files = [folder / "a.png", next(folder.glob("[0-9]*.png")), tmp_path / "nowhere.png"]
    done = sloy("predict", pictures / "run", *files, code=1)
    assert len(done.stdout.splitlines()) == 1
    assert "2 files cannot be read" in done.stderr
    assert "nowhere.png (No such file or directory)" in done.stderr
    done = sloy("predict", pictures / "run", files[0], files[2], code=1)
    assert done.stdout == ""
    assert "none of 2 can be read" in done.stderr
