"""`sloy train` where classes are uneven, and where intervals are asked for: figures against scikit-learn's, options."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn import metrics as peer

import sloy
from command_line import exit_code
from sloy.data.tables import load_table

FEW = ("--epochs", "6", "--threads", "1")
FIGURES = {
    "balanced_accuracy": lambda y, a, p: peer.balanced_accuracy_score(y, a),
    "precision": lambda y, a, p: peer.precision_score(y, a, zero_division=np.nan),
    "recall": lambda y, a, p: peer.recall_score(y, a),
    "f1": lambda y, a, p: peer.f1_score(y, a),
    "auc": lambda y, a, p: peer.roc_auc_score(y, p[:, 1]),
    "average_precision": lambda y, a, p: peer.average_precision_score(y, p[:, 1]),
}


def frame(rows: int = 800) -> pl.DataFrame:
    """One of about sixteen bought; a price whose noise grows with x0."""
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 3)).round(3)
    odds = np.exp(2.5 * x[:, 0] - 5)
    bought = np.where(random.random(rows) < odds / (1 + odds), "yes", "no")
    price = 5000 + 1000 * (x[:, 1] + (0.3 + abs(x[:, 0])) * random.normal(size=rows))
    return pl.DataFrame(
        {**{f"x{i}": x[:, i] for i in range(3)}, "bought": bought, "price": price.round(1)}
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("classes") / "shop.csv"
    frame().write_csv(path)
    return path


def run(
    capsys: pytest.CaptureFixture[str], table: Path, *words: str, target: str = "bought"
) -> tuple[dict[str, Any], str, str]:
    """Summary, results and what was said before."""
    other = "price" if target == "bought" else "bought"
    out = table.parent / "run"
    capsys.readouterr()
    options = ("--target", target, "--ignore", other, *FEW, "--out", str(out), "--overwrite")
    assert exit_code("train", str(table), *options, *words) == 0
    said = capsys.readouterr()
    return json.loads((out / "summary.json").read_text()), said.out, said.err


def expected(table: Path, **options: Any) -> dict[str, float]:
    """scikit-learn's figures of the saved model on the test rows."""
    data = load_table(str(table), "bought", ignore=["price"], **options).test
    assert data is not None
    model = sloy.load(table.parent / "run" / "model.sloy", threads=1)
    answers, p = model.prepared.predict(data.x), model.prepared.predict_proba(data.x)
    found = {name: figure(data.y, answers, p) for name, figure in FIGURES.items()}
    return {**found, "accuracy": float(np.mean(answers == data.y))}


def test_two_uneven_classes(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary, out, err = run(capsys, table)
    for name, value in expected(table).items():
        own = summary[f"test_{name}"]
        assert (own is None and np.isnan(value)) or own == pytest.approx(value), name
    head = out.splitlines()[0]
    assert head.split()[:5] == ["test", "accuracy", "log-loss", "AUC", "avg."]
    assert "those of 'yes'" in out
    assert "samples of 'no', " in err
    assert "--class-weight balanced makes errors" in err
    assert set(summary["classes"]) == {"no", "yes"}
    assert summary["classes"]["yes"]["auc"] == pytest.approx(summary["test_auc"])
    assert summary["baselines"]["always the same"]["auc"] == 0.5
    assert summary["baselines"]["always the same"]["precision"] is None


def test_a_figure_that_is_not_defined_is_said_so(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary, out, _ = run(capsys, table, "--threshold", "0.9999")
    assert summary["test_precision"] is None
    assert "not defined" in out
    assert "nan" not in out.lower()


def test_weights_of_classes_by_name(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, _, _ = run(capsys, table)
    weighted, _, err = run(capsys, table, "--class-weight", "yes=20,no=1")
    assert weighted["plan"]["class_weight"] == {"yes": 20.0, "no": 1.0}
    assert weighted["test_recall"] > (plain["test_recall"] or 0)
    assert "classes are uneven" not in err
    again, _, _ = run(capsys, table, "--class-weight", "yes=1,no=0.05")
    assert again["test_recall"] == pytest.approx(weighted["test_recall"], abs=0.15)


def test_a_threshold_is_chosen_kept_and_used(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary, out, _ = run(capsys, table, "--threshold", "f1")
    found = summary["threshold"]
    model = sloy.load(table.parent / "run" / "model.sloy", threads=1)
    assert model.threshold == found["value"]
    for name in ("balanced_accuracy", "recall", "f1"):
        assert found["test"][name] == pytest.approx(expected(table)[name])
    assert found["validation"]["figure"] >= found["validation"]["at_half"]
    assert "yes where its probability is above" in out
    assert exit_code("predict", str(table.parent / "run"), str(table), "--threads", "1") == 0
    answers = pl.read_csv(io.StringIO(capsys.readouterr().out))
    above = answers["probability_yes"].to_numpy() > found["value"]
    assert np.array_equal(answers["prediction"].to_numpy() == "yes", above)
    assert above.any()


def test_calibration_is_told(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary, out, _ = run(capsys, table)
    assert summary["plan"]["calibrate"] == "on"
    assert summary["calibration"]["samples"] == 4 * 96  # 15 % by each of four members
    assert summary["calibration"]["temperature"] ** 2 == pytest.approx(
        summary["calibration"]["of_member"]
    )
    assert "the member that holds it out" in out
    summary, out, _ = run(capsys, table, "--network", "mlp")
    assert (summary["calibration"]["samples"], summary["calibration"]["of_member"]) == (64, None)
    assert "calibration" in out
    assert (table.parent / "run" / "reliability.png").is_file()
    summary, out, _ = run(capsys, table, "--validation", "0")
    assert "calibration" not in summary
    assert "none: there are no validation samples" in out
    summary, out, _ = run(capsys, table, "--calibrate", "off")
    assert "calibration" not in summary
    assert "calibration" not in out


def test_intervals(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--network", "mlp", "--intervals", "0.8")
    summary, out, _ = run(capsys, table, *words, target="price")
    found = summary["intervals"]
    data = load_table(str(table), "price", ignore=["bought"]).test
    assert data is not None
    model = sloy.load(table.parent / "run" / "model.sloy", threads=1)
    low, high = model.prepared.predict_interval(data.x).T.astype(float)
    assert found["test_covered"] == pytest.approx(np.mean((low <= data.y) & (data.y <= high)))
    assert found["test_mean_width"] == pytest.approx(np.mean(high - low))
    assert found["test_covered"] == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / 160 + 0.16 / 64))
    assert "of 0.8: they hold" in out
    assert summary["test_r2"] == pytest.approx(
        peer.r2_score(data.y, model.prepared.predict(data.x)[:, 0]), abs=1e-5
    )
    assert exit_code("predict", str(table.parent / "run"), str(table), "--threads", "1") == 0
    answers = pl.read_csv(io.StringIO(capsys.readouterr().out))
    assert answers.columns == ["prediction", "low", "high"]
    assert exit_code("predict", str(table.parent / "run"), str(table), "--json") == 0
    row = json.loads(capsys.readouterr().out)["predictions"][0]
    assert set(row) == {"prediction", "low", "high"}


REFUSED = {
    ("--class-weight", "maybe=2"): "'maybe' is none of the classes 'no', 'yes'",
    ("--class-weight", "yes=much"): "the weight of 'yes', 'much', is not a number",
    ("--class-weight", "yes"): "is neither balanced nor CLASS=X,…",
    ("--threshold", "1.5"): "is neither f1, balanced nor a probability",
    ("--threshold", "f1", "--validation", "0"): "--threshold (='f1') needs --validation",
    ("--intervals", "0.9"): "--intervals (=0.9) is for numbers",
    ("--intervals", "1"): "is not a share above 0 and below 1",
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_is_refused_in_one_line(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    capsys.readouterr()
    options = ("--target", "bought", "--ignore", "price", *words)
    assert exit_code("train", str(table), *options, "--out", str(tmp_path / "run")) == 2
    said = capsys.readouterr()
    assert (said.out, len(said.err.splitlines())) == ("", 1)
    assert REFUSED[words] in said.err
    assert not (tmp_path / "run").exists()


def test_intervals_need_validation_rows(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--target", "price", "--intervals", "0.9", "--validation", "0.01")
    options += ("--network", "mlp")
    assert exit_code("train", str(table), *options, "--out", str(tmp_path / "run")) == 2
    assert "needs at least 9 rows to validate on, there are 6" in capsys.readouterr().err


def test_pictures_of_uneven_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Dark ones and light ones; a threshold decides what `sloy predict` says."""
    random = np.random.default_rng(0)
    for name, count, mean in (("dark", 90, 90), ("light", 30, 150)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i in range(count):
            grey = random.normal(mean, 60, (8, 8)).clip(0, 255).astype(np.uint8)
            Image.fromarray(grey).save(tmp_path / "data" / name / f"{i}.png")
    out = tmp_path / "run"
    options = ("--network", "mlp", "--threshold", "0.001", "--calibrate", "on", "--quiet", *FEW)
    assert exit_code("train", str(tmp_path / "data"), *options, "--out", str(out)) == 0
    said = capsys.readouterr().out
    assert "of classes" in said
    summary = json.loads((out / "summary.json").read_text())
    assert summary["test_recall"] == 1.0
    assert summary["classes"]["light"]["samples"] + summary["classes"]["dark"]["samples"] == 12
    assert "calibration" in summary
    picture = str(tmp_path / "data" / "light" / "0.png")
    assert exit_code("predict", str(out), picture, "--json", "--top", "2") == 0
    answer = json.loads(capsys.readouterr().out)["predictions"][0]
    assert answer["class"] == "light"
    assert [one["class"] for one in answer["top"]] == ["light", "dark"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("bought", ("--network", "mlp", "--threshold", "f1")),
        ("bought", ("--network", "mlp")),
        ("price", ("--network", "mlp", "--intervals", "0.8")),
    ],
)
def test_folds(
    table: Path, capsys: pytest.CaptureFixture[str], target: str, words: tuple[str, ...]
) -> None:
    """The model of all rows holds some out where it cannot do without."""
    _, out, _ = run(capsys, table, "--folds", "2", *words, target=target)
    model = sloy.load(table.parent / "run" / "model.sloy", threads=1)
    assert (model.threshold is not None) == ("f1" in words)
    assert ("held out, which intervals and thresholds need" in out) == (
        len(words) != 2 or target == "price"
    )
    assert ("probabilities are not calibrated" in out) == (words == ("--network", "mlp"))
    assert ("AUC" in out) == (target == "bought")
    assert "nan" not in out.lower()
