"""`sloy train` and `sloy predict` on tables: what they show and write, agreement with Python, what they refuse."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LinearRegression

import sloy as library
from command_line import environment, exit_code
from sloy.cli.main import build_parser
from sloy.data.tables import TableReader, load_table
from sloy.experiments.baselines import comparison, verdict
from sloy.experiments.run_folder import RunFolder

FEW = ("--epochs", "3", "--threads", "1", "--quiet")


def houses(rows: int = 600, seed: int = 0) -> pl.DataFrame:
    """A table with columns of every kind; the price follows area, town and age."""
    random = np.random.default_rng(seed)
    area, age = random.uniform(30, 200, rows).round(1), random.integers(0, 90, rows)
    towns = random.choice(["Paris", "Rome", "Oslo"], rows)
    price = 900 * area + 40_000 * (towns == "Rome") - 500 * age + random.normal(0, 4000, rows)
    kind = np.where(price > np.median(price), "dear", "cheap")
    days = np.datetime64("2020-01-01") + random.integers(0, 1500, rows)
    frame = pl.DataFrame(
        {
            "area": area,
            "age": age,
            "town": towns,
            "sold": days,
            "price": price.round(),
            "kind": kind,
        }
    )
    gap = pl.Series(random.random(rows) < 0.1)
    return frame.with_columns(
        pl.when(gap).then(None).otherwise(pl.col("age")).alias("age"), pl.col("sold").cast(pl.Date)
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "houses.csv"
    houses().write_csv(path)
    return path


@pytest.fixture(scope="module")
def classifier(table: Path) -> Path:
    out = table.parent / "classifier"
    words = ("--target", "kind", "--ignore", "price", *FEW, "--out", str(out))
    assert exit_code("train", str(table), *words) == 0
    return out


@pytest.fixture(scope="module")
def regressor(table: Path) -> Path:
    out = table.parent / "regressor"
    words = ("--target", "price", "--ignore", "kind", *FEW, "--out", str(out))
    assert exit_code("train", str(table), *words) == 0
    return out


def show(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    assert exit_code(*map(str, words)) == code
    said = capsys.readouterr()
    return said.out, said.err


def test_what_is_shown(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = show(
        capsys, "train", table, "--target", "price", "--ignore", "kind", "--epochs", 12,
        "--threads", 1, "--out", tmp_path / "run",
    )  # fmt: skip
    said = "houses.csv: 480 to train on, 72 of them held out by each of 4 members, 120 to test"
    assert said in err
    assert "of training, less where it ends before its last epoch" in err
    assert "price: regression (" in err
    lines = ["area   numeric ", "age    numeric ", "town   category   3 values: ", "%Y-%m-%d: year"]
    for line in (*lines, "kind   left out   as asked for"):
        assert line in err
    assert "missing values marked" in err
    head, network, linear, simplest = out.splitlines()[:4]
    assert head.split() == ["test", "RMSE", "MAE", "R²"]
    assert network.split()[0] == "network"
    assert linear.split()[:2] == ["linear", "model"]
    assert simplest.split()[:3] == ["always", "the", "same"]


def test_the_summary_is_true(regressor: Path, classifier: Path) -> None:
    summary = json.loads((regressor / "summary.json").read_text())
    raw = load_table(houses(), "price", ignore=["kind"], validation=0)
    assert raw.test is not None
    network = library.load(regressor / "model.sloy").prepared
    answers = network.predict(raw.test.x)[:, 0].astype(float)
    error = answers - raw.test.y
    assert summary["test_rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
    assert summary["test_mae"] == pytest.approx(np.mean(np.abs(error)))
    assert summary["test_r2"] == pytest.approx(1 - np.mean(error**2) / np.var(raw.test.y))
    mean = summary["baselines"]["always the same"]
    assert mean["rmse"] == pytest.approx(
        np.sqrt(np.mean((raw.test.y - raw.train.y.mean()) ** 2)), rel=1e-5
    )
    summary = json.loads((classifier / "summary.json").read_text())
    assert summary["baselines"]["always the same"]["accuracy"] == pytest.approx(0.5, abs=0.02)
    assert summary["baselines"]["always the same"]["log_loss"] == pytest.approx(np.log(2), abs=0.01)
    assert summary["plan"]["ignore"] == ["price"]


def test_scores_to_beat_are_those_of_the_training_rows(
    regressor: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = load_table(houses(), "price", ignore=["kind"], validation=0)
    houses(300, seed=5).drop("kind").write_csv(tmp_path / "new.csv")
    new = json.loads(show(capsys, "test", regressor, tmp_path / "new.csv", "--json")[0])
    price = houses(300, seed=5)["price"].to_numpy()
    same = np.sqrt(np.mean((price - raw.train.y.mean()) ** 2))
    assert new["baselines"]["always the same"]["rmse"] == pytest.approx(same, rel=1e-6)
    rows = houses(300, seed=5).drop("kind", "price")
    linear = library.load(regressor / "linear.sloy").predict(rows)[:, 0].astype(float)
    rmse = np.sqrt(np.mean((price - linear) ** 2))
    assert new["baselines"]["linear model"]["rmse"] == pytest.approx(rmse, rel=1e-6)
    answers = [library.load(path).predict(rows) for path in (regressor, regressor / "model.sloy")]
    assert np.array_equal(*answers)
    few = houses(3).with_columns(kind=pl.lit("dear"))
    few.write_csv(tmp_path / "few.csv")
    out, _ = show(capsys, "test", regressor, tmp_path / "few.csv")
    assert "learned nothing" not in out
    assert "measured on 3 samples only" in out


def test_the_linear_baseline_is_a_linear_model(regressor: Path) -> None:
    """Against the closed form of least squares on the same prepared columns."""
    data = load_table(houses(), "price", ignore=["kind"], validation=0)
    assert data.test is not None
    spread = [
        np.column_stack([p.x[:, :-1], np.eye(3)[p.x[:, -1].astype(int)]])
        for p in (data.train, data.test)
    ]
    exact = LinearRegression().fit(spread[0], data.train.y).predict(spread[1])
    rmse = np.sqrt(np.mean((exact - data.test.y) ** 2))
    summary = json.loads((regressor / "summary.json").read_text())
    assert summary["baselines"]["linear model"]["rmse"] == pytest.approx(rmse, rel=0.05)


def test_predict_agrees_with_python_to_the_last_bit(
    table: Path,
    classifier: Path,
    regressor: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    new = houses(700, seed=9).drop("price", "kind")
    new.write_csv(tmp_path / "new.csv")
    (tmp_path / "new.csv.gz").write_bytes(gzip.compress((tmp_path / "new.csv").read_bytes()))
    new.write_parquet(tmp_path / "new.parquet")
    model = library.load(regressor / "model.sloy", threads=1)
    expected = model.predict(new)[:, 0]
    frame = pd.DataFrame(new.to_dict(as_series=False))
    for source in (tmp_path / "new.csv", str(tmp_path / "new.csv.gz"), tmp_path / "new.parquet",
                   frame, new.to_dict(), new.select(new.columns[::-1])):  # fmt: skip
        assert np.array_equal(model.predict(source)[:, 0], expected)
    for name in ("new.csv", "new.csv.gz", "new.parquet"):
        out, err = show(capsys, "predict", regressor, tmp_path / name, "--threads", 1)
        found = pl.read_csv(io.StringIO(out), schema={"prediction": pl.Float32})
        assert np.array_equal(found["prediction"].to_numpy(), expected)
        assert err == ""

    model = library.load(classifier / "model.sloy", threads=1)
    out, _ = show(capsys, "predict", classifier, tmp_path / "new.csv", "--threads", 1)
    found = pl.read_csv(io.StringIO(out), schema_overrides=[pl.String, pl.Float32, pl.Float32])
    assert found.columns == ["prediction", "probability_cheap", "probability_dear"]
    assert np.array_equal(
        found.select(pl.exclude("prediction")).to_numpy(), model.predict_proba(new)
    )
    assert found["prediction"].to_list() == model.predict(new).tolist()


def test_train_agrees_with_python_to_the_last_bit(table: Path, regressor: Path) -> None:
    recipe = RunFolder(regressor).experiment().recipe
    frame = pl.read_csv(table, try_parse_dates=True)
    data = load_table(frame, "price", ignore=["kind"], validation=0)
    table_of = library.Tabular(data.train, codes=data.reader.classes)
    model, _ = library.fit_members(
        table_of.network, data.train, parameters=table_of.start(), loss=table_of.loss, recipe=recipe,
        preprocessing="none", threads=1, verbose=False,
    )  # fmt: skip
    saved = library.load(regressor / "model.sloy")
    assert saved.reader == data.reader
    assert list(saved.parameters) == list(model.parameters)
    for name, value in saved.parameters.items():
        assert np.array_equal(value, model.parameters[name]), name


def test_the_plain_network_agrees_with_python_to_the_last_bit(table: Path, tmp_path: Path) -> None:
    words = ("--target", "price", "--ignore", "kind", *FEW, "--network", "mlp")
    assert exit_code("train", str(table), *words, "--out", str(tmp_path / "run")) == 0
    recipe = RunFolder(tmp_path / "run").experiment().recipe
    assert (recipe.patience, recipe.learning_rate, recipe.schedule) == (30, 0.005, "one-cycle")
    data = load_table(pl.read_csv(table, try_parse_dates=True), "price", ignore=["kind"])
    network = library.zoo.table(
        data.reader.width, 1, classes=data.reader.classes, mean=data.mean, deviation=data.deviation,
        dropout=0.3,
    )  # fmt: skip
    model, _ = library.fit(
        network, data.train, validation=data.validation, epochs=recipe.epochs,
        batch_size=recipe.batch_size, optimizer=recipe.descent, threads=1, verbose=False,
        loss=library.losses.SquaredError(unit=data.deviation), preprocessing="none",
        callbacks=[library.EarlyStopping(patience=30)],
    )  # fmt: skip
    saved = library.load(tmp_path / "run" / "model.sloy")
    for name, value in saved.parameters.items():
        assert np.array_equal(value, model.parameters[name]), name


def test_remarks_go_to_the_error_stream(
    classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pd.DataFrame(
        {"extra": [1, 2], "town": ["Wien", "Rome"], "age": [3, 4], "area": ["big", "80"], "sold": ["2021-01-02"] * 2}
    )  # fmt: skip
    rows.to_csv(tmp_path / "new.csv", index=False)
    out, err = show(capsys, "predict", classifier, tmp_path / "new.csv")
    assert len(out.splitlines()) == 3
    assert (
        "column `town`: 1 cell with categories that training did not have ('Wien' in row 1)" in err
    )
    assert "column `area`: 1 cell that cannot be read ('big' in row 1), taken as missing" in err
    assert "columns that the model does not take: extra" in err
    with warnings.catch_warnings(record=True, action="always") as caught:
        library.load(classifier / "model.sloy").predict(rows)
    assert [str(warning.message) for warning in caught] == [
        line.split(": ", 2)[2] for line in err.splitlines()
    ]
    assert {Path(warning.filename).name for warning in caught} == {Path(__file__).name}


def test_a_number_far_from_all_of_training_is_named_and_taken_as_the_nearest(
    regressor: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    areas = houses()["area"]
    rows = "area,age,town,sold\n{},2,Rome,2020-01-01\n{},2,Rome,2020-01-01\n{},2,Rome,2020-01-01\n"
    (tmp_path / "far.csv").write_text(rows.format("100.0", "1e300", "-inf"))
    (tmp_path / "near.csv").write_text(rows.format("100.0", areas.max(), areas.min()))
    far, err = show(capsys, "predict", regressor, tmp_path / "far.csv")
    near, _ = show(capsys, "predict", regressor, tmp_path / "near.csv")
    assert (
        "far.csv: column `area`: 1e+300 in row 2, -inf in row 3: far from all that training had"
        in err
    )
    high, low = map(float, near.split()[2:])
    found = [float(word) for word in far.split()[1:]]
    assert found[0] == float(near.split()[1])
    assert found[1] == pytest.approx(high, abs=3000)  # those of the training rows, not of all
    assert found[2] == pytest.approx(low, abs=3000)


def test_predict_as_json(
    classifier: Path, regressor: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    houses(3).drop("price", "kind").write_csv(tmp_path / "new.csv")
    document = json.loads(show(capsys, "predict", classifier, tmp_path / "new.csv", "--json")[0])
    assert document["target"] == "kind"
    assert len(document["predictions"]) == 3
    for row in document["predictions"]:
        assert sum(row["probabilities"].values()) == pytest.approx(1)
        assert row["prediction"] == max(row["probabilities"], key=row["probabilities"].get)
    document = json.loads(show(capsys, "predict", regressor, tmp_path / "new.csv", "--json")[0])
    assert {type(row["prediction"]) for row in document["predictions"]} == {float}


BAD_NEW: dict[str, tuple[str, str]] = {
    "missing column": (
        "area,town\n1,Rome\n",
        "lacks the columns `age`, `sold`, which the model was trained on",
    ),
    "ragged": ("area,age,town,sold\n1,2,Rome\n", "line 2 has 3 fields, the header 4"),
    "no rows": ("area,age,town,sold\n", "has no rows"),
}


@pytest.mark.parametrize("name", BAD_NEW)
def test_predict_refuses_in_one_line(
    classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    content, message = BAD_NEW[name]
    (tmp_path / "new.csv").write_text(content)
    out, err = show(capsys, "predict", classifier, tmp_path / "new.csv", code=1)
    assert out == ""
    assert message in err
    assert len(err.splitlines()) == 1


GOOD = "a,b,y\n" + "".join(f"{i % 7},{'uv'[i % 2]},{i % 3}\n" for i in range(60))
BAD: dict[str, tuple[bytes, tuple[str, ...], str, int]] = {
    "empty": (b"", (), "is empty", 1),
    "ragged": (GOOD.encode() + b"1,2\n", (), "line 62 has 2 fields, the header 3", 1),
    "latin-1": (GOOD.encode() + b"1,\xe9,2\n", (), "line 62: the byte 0xE9 is not UTF-8", 1),
    "utf-16": (GOOD.encode("utf-16"), (), "is in UTF-16", 1),
    "names twice": (b"a,a,y\n1,2,3\n", (), "both named 'a'", 1),
    "two rows": (b"area,price\n1,3\n2,4\n", ("--target", "price"), "leaves 2 rows to learn", 2),
    "a date that is no column": (GOOD.encode(), ("--date", "sold"), "--date (='sold') is none of", 2),
    "several columns in one word": (GOOD.encode(), ("--ignore", "a,b"), "each of these columns is given by", 2),
    "target absent": (GOOD.encode(), ("--target", "price"), "--target (='price') is none of its columns", 2),
    "no target": (GOOD.encode(), ("--target",), "expected one argument", 2),
    "constant target": (b"a,y\n" + b"1,5\n2,5\n" * 20, (), "is '5' in every row", 1),
    "a column like an option": (
        b"size,seed,y\n" + b"".join(b"%d,w%d,%d\n" % (i, i, i % 2) for i in range(60)), (),
        "'seed'; column `seed` holds 'w0', 'w1', 'w10', …; leave out with --ignore seed", 1,
    ),
    "a comma of two meanings": (
        b"a;y\n" + b"".join(b"1,%03d;%d\n" % (i, i) for i in range(60)), (),
        "say so with --decimal , or --decimal .", 1,
    ),
    "two currencies": (b"a,y\n" + b"$1,5\n\xe2\x82\xac2,6\n" * 20, (), "numbers of several units", 1),
    "a date of no format": (GOOD.encode(), ("--date", "b"), "which no known format of a date reads", 1),
    "a target like an option": (b"a,y\n1,2\n" * 20, ("--target", "size"), "--target (='size') is none", 2),
    "the target alone": (b"y\n" + b"5\n6\n7\n" * 20, (), "has no column but the target `y`: there is nothing", 1),
    "an infinite column": (b"size,y\n" + b"inf,5\n2,6\n" * 20, (), "column `size` holds an infinite number", 1),
    "million columns": (",".join(f"c{i}" for i in range(10**6)).encode() + b"\n", (), "1000000 columns", 1),
    "text": (b"a,b,y\n" + b"".join(b"%d,w%d,%d\n" % (i, i, i % 2) for i in range(60)), (), "--ignore b", 1),
    "no number": (GOOD.encode(), ("--target", "b", "--task", "regression"), "which is no number", 1),
    "two targets": (GOOD.encode(), ("--target", "a", "--target", "y"), "--target: is given twice, 'a' and 'y'", 2),
    "folds and a share": (GOOD.encode(), ("--folds", "5", "--test", "0"), "--test (=0.0): --folds tests on", 2),
    "too many samples": (GOOD.encode(), ("--samples", "500"), "sloy train: --samples (=500) is more than", 2),
    "a time without members": (GOOD.encode(), ("--network", "mlp", "--time", "2m"), "--time (=120 s)", 2),
    "no such loss": (GOOD.encode(), ("--loss", "msle"), "--loss (='msle') must be one of squared_error", 2),
    "counts below 0": (
        b"a,y\n" + b"".join(b"%d,%d.5\n" % (i, i - 30) for i in range(60)), ("--loss", "poisson"),
        "--loss (='poisson'): the target `y` is -", 2,
    ),
    "classes among several": (GOOD.encode(), ("--target", "a,b"), "several targets must all be numbers", 1),
    "text that tells rows apart": (
        b"a,b,y\n" + b"".join(b"%d,w%d,%d\n" % (i, i, i % 2) for i in range(60)), (),
        "or keep it beside the predictions with --id b", 1,
    ),
    "wrong network": (GOOD.encode(), ("--network", "cnn"), "there are tabular, mlp", 2),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_table_is_one_line_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    content, options, message, code = BAD[name]
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    options = options if "--target" in options else ("--target", "y", *options)
    out, err = show(capsys, "train", path, *options, "--out", tmp_path / "run", code=code)
    assert out == ""
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_the_target_must_be_given(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, err = show(capsys, "train", table, code=2)
    assert "--target COLUMN" in err
    for command in ("train", "plan"):
        _, err = show(capsys, command, "nowhere.csv", code=1)
        assert err == f"sloy {command}: nowhere.csv: No such file or directory\n"
    _, err = show(capsys, "train", "mnist", "--target", "y", code=2)
    assert "--target does not belong to mnist" in err


def test_a_run_is_resumed_with_its_own_batches(table: Path, tmp_path: Path) -> None:
    options = (
        "train",
        str(table),
        "--target",
        "kind",
        "--ignore",
        "price",
        "--threads",
        "1",
        "--quiet",
    )
    whole, begun = str(tmp_path / "whole"), str(tmp_path / "begun")
    assert exit_code(*options, "--epochs", "4", "--schedule", "constant", "--out", whole) == 0
    assert exit_code(*options, "--epochs", "2", "--schedule", "constant", "--out", begun) == 0
    resume = ("train", "--resume", "--epochs", "4", "--threads", "1", "--quiet", "--out", begun)
    assert exit_code(*resume) == 0
    models = [(Path(folder) / "model.sloy").read_bytes() for folder in (whole, begun)]
    assert models[0] == models[1]


@pytest.mark.parametrize("name", ["breast cancer", "diabetes"])
def test_real_tables_are_learned_out_of_the_box(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """At least as good as the linear model but for chance, and far from always giving the same answer."""
    bunch: Any = load_breast_cancer() if name == "breast cancer" else load_diabetes()
    frame = pl.DataFrame(dict(zip(bunch.feature_names, bunch.data.T, strict=True)))
    y = bunch.target_names[bunch.target] if name == "breast cancer" else bunch.target
    frame.with_columns(answer=pl.Series(y)).write_csv(tmp_path / "t.csv")
    options = ("--target", "answer", "--threads", 1, "--quiet", "--json", "--out", tmp_path / "run")
    found = json.loads(show(capsys, "train", tmp_path / "t.csv", *options)[0])
    linear = found["baselines"]["linear model"]
    if name == "breast cancer":
        assert found["test_accuracy"] > 0.95
        assert found["test_log_loss"] < linear["log_loss"] + 0.05
    else:
        assert found["test_r2"] > 0.35
        assert found["test_r2"] > linear["r2"] - 0.1


def test_a_large_table_streams(tmp_path: Path) -> None:
    """In small pieces a table of 59 MB takes the room of its prepared rows, 35 MB, and little more.

    Read at once by polars it takes 141 MB beyond the library.
    """
    rows = 300_000
    x = np.random.default_rng(0).normal(size=(rows, 29)).round(3)
    names = {f"x{i}": x[:, i] for i in range(29)}
    pl.DataFrame({**names, "y": x[:, 0] * 2 + x[:, 1]}).write_csv(tmp_path / "large.csv")
    assert (tmp_path / "large.csv").stat().st_size > 58e6
    code = (
        "import re, sys, sloy, polars; from sloy.data.tables import opening, sources\n"
        "opening.BLOCK, sources.FRAME_CELLS = 1 << 19, 1 << 16\n"
        "status = lambda: open('/proc/self/status').read()\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', status())[1]) * 1024\n"
        "sloy.data.load_table({'a': [1, 2, 3] * 9, 'y': list(range(27))}, 'y'); before = peak()\n"
        "table = sloy.data.load_table(sys.argv[1], 'y'); print(before, peak(), len(table.train))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "large.csv")],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    before, after, trained = map(int, done.stdout.split())
    assert trained == 216_000
    prepared = rows * 29 * 4
    assert prepared < after - before < prepared + 70e6


def test_the_words_of_a_comparison() -> None:
    own, linear, same = ({"rmse": v, "mae": v / 2, "r2": 1 - v / 10} for v in (1.0, 2.0, 10.0))
    text = comparison({"network": own, "linear model": linear, "always the same": same})
    assert text.splitlines()[0].split() == ["RMSE", "MAE", "R²"]
    assert len({len(line) for line in text.splitlines()}) == 1
    assert verdict(own, {"linear model": linear, "always the same": same}) == ""
    assert "prefer it" in verdict(linear, {"linear model": own, "always the same": same})
    assert "learned nothing" in verdict(same, {"linear model": same, "always the same": same})
    assert "linear model is (RMSE): prefer it" in verdict(
        same, {"linear model": own, "always the same": same}
    )


def test_a_network_that_ranks_has_learned_something() -> None:
    """Log-loss a little worse than that of the shares; AUC far above ½, or as far as chance may bring it."""
    y = (np.arange(600) % 15 == 0).astype(np.int32)  # 40 of 600
    data = library.Dataset(np.zeros((600, 1), np.float32), y)
    same = {"accuracy": 14 / 15, "log_loss": 0.2449, "balanced_accuracy": 0.5, "auc": 0.5}
    own = {**same, "log_loss": 0.2476, "balanced_accuracy": 0.51}
    told = verdict({**own, "auc": 0.8083}, {"always the same": same}, data=data)
    assert "better than always giving the same answer by AUC, not by log-loss" in told
    error = np.sqrt(601 / (12 * 40 * 560))  # of the rank-sum statistic of 40 and 560
    for errors, word in ((1.9, "learned nothing"), (2.1, "by AUC")):
        found = verdict({**own, "auc": 0.5 + errors * error}, {"always the same": same}, data=data)
        assert word in found
    assert "learned nothing" in verdict(own, {"always the same": same}, errors={"auc": 0.01})


def test_options_of_tables_are_in_the_help() -> None:
    train = build_parser("train")._subparsers._group_actions[0].choices["train"]  # type: ignore[union-attr,index]
    text = train.format_help()
    for option in ("--target", "--task", "--ignore", "--categorical", "--test"):
        assert option in text


def test_the_model_file_holds_the_preparation(classifier: Path) -> None:
    reader = library.load(classifier / "model.sloy").reader
    assert isinstance(reader, TableReader)
    assert reader.target == "kind"
    assert set(reader.names) == {"area", "age", "town", "sold"}


def test_export_lists_the_raw_columns(
    regressor: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnx")
    for name in ("m.onnx", "m.c"):
        out, _ = show(capsys, "export", regressor, tmp_path / name)
        assert "for each column:" in out or "const double *x" in out
        shown = [line.split(maxsplit=1) for line in out.splitlines()]
        assert ["town", "a word"] in shown
        assert ["sold", "seconds since 1970-01-01 00:00"] in shown
    assert (
        show(capsys, "import", tmp_path / "m.onnx", tmp_path / "m.sloy", code=1)[1].count("\n") == 1
    )


def test_explanations_of_drawn_rows_tell_no_numbers_of_theirs(
    regressor: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a column it is said once what cannot be read in it, with the row of the file."""
    cells = houses(1200, 3).with_columns(pl.col("area").cast(pl.String))
    area = [cell if n not in (2, 1100) else "unknown" for n, cell in enumerate(cells["area"])]
    cells.with_columns(pl.Series("area", area)).write_csv(tmp_path / "new.csv")
    said = "column `area`: 2 cells that cannot be read ('unknown' in row 3, …), taken as missing"
    for words in (["--pair", "area", "age"], ["--column", "town"]):
        asked = "inspect", regressor, tmp_path / "new.csv", *words, "--out", tmp_path / words[0]
        with warnings.catch_warnings(action="always"):
            _, err = show(capsys, *asked)
        assert [line for line in err.splitlines() if "`area`" in line] == [f"sloy inspect: {said}"]
    model = library.load(regressor)
    with warnings.catch_warnings(action="error"):
        library.inspection.partial_dependence(model, tmp_path / "new.csv", "town")


@pytest.mark.parametrize("kind", ["xlsx", "zip"])
def test_a_workbook_and_a_packed_table_are_tables(kind: str, tmp_path: Path) -> None:
    """From the shell as in Python: they are archives, too, which others are refused for."""
    random = np.random.default_rng(0)
    frame = pl.DataFrame({"a": random.normal(size=40), "b": random.normal(size=40)})
    frame = frame.with_columns((pl.col("a") - pl.col("b")).alias("price"))
    frame.write_csv(tmp_path / "rows.csv")
    path = tmp_path / f"rows.{kind}"
    if kind == "xlsx":
        frame.write_excel(path)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(tmp_path / "rows.csv", "rows.csv")
    told = []
    for data in (path, tmp_path / "rows.csv"):
        out = tmp_path / f"of-{data.name}"
        given = ("--target", "price", "--network", "mlp", "--epochs", "1", "--engine", "reference")
        assert exit_code("train", str(data), *given, "--out", str(out), "--quiet") == 0
        told.append(json.loads((out / "summary.json").read_text())["test_rmse"])
    assert told[0] == pytest.approx(told[1], rel=1e-6)
