"""Several targets, targets far from 0, losses by name, intervals of members: figures against formulas written apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance

import sloy
from sloy.data.tables import load_table
from sloy.errors import InvalidArgument
from sloy.experiments import Experiment, run
from sloy.experiments.result import Result

N = 240
RANDOM = np.random.default_rng(0)
A, B = RANDOM.uniform(0, 10, N).round(2), RANDOM.normal(size=N).round(3)
FRAME = pl.DataFrame(
    {
        "a": A,
        "b": B,
        "near": (3 * A + B).round(2),
        "far": (1e8 + 50 * B + 10 * A).round(2),
        "count": RANDOM.poisson(np.exp(0.2 * A)),
    }
)
ROWS = FRAME.select("a", "b")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("targets") / "t.csv"
    FRAME.write_csv(path)
    return path


@pytest.fixture(scope="module", autouse=True)
def without_pictures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sloy.experiments.running._Running._draw", lambda *_: None)
        yield


def trained(table: Path, name: str, **words: Any) -> Result:
    words = {"members": 2, "epochs": 12, **words}
    experiment = Experiment.of(
        str(table), ignore=sorted({"near", "far", "count"} - {*words["target"].split(",")}), **words
    )
    return run(experiment, table.parent / name, threads=1)


@pytest.fixture(scope="module")
def both(table: Path) -> Result:
    return trained(table, "both", target="near,far")


def test_each_of_several_targets_has_its_figures(both: Result, table: Path) -> None:
    data = load_table(table, ["near", "far"], ignore=["count"], validation=0)
    assert data.test is not None
    assert data.reader.targets == ("near", "far")
    answers = sloy.load(both.folder).prepared.predict(data.test.x)  # (N, 2)
    assert answers.dtype == np.float64
    for k, name in enumerate(data.reader.targets):
        error = answers[:, k] - data.test.y[:, k]
        found = both.measured.figures["test_targets"][name]
        assert found["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
        assert found["r2"] == pytest.approx(1 - np.mean(error**2) / np.var(data.test.y[:, k]))
        same = both.measured.figures["baselines"]["always the same"]["targets"][name]["rmse"]
        away = data.test.y[:, k] - data.train.y[:, k].mean()
        assert same == pytest.approx(np.sqrt(np.mean(away**2)))
        linear = both.measured.figures["baselines"]["linear model"]["targets"][name]
        assert (
            linear["r2"] > 0.95
        )  # near 1e8 float32 numbers lie 8 apart, and the target varies by 58
    assert both.measured.figures["test_r2"] == pytest.approx(
        np.mean([one["r2"] for one in both.measured.figures["test_targets"].values()])
    )
    titles = [title for title, _ in both.measured.rows]
    assert [title for title in titles if title.startswith("  ")] == ["  near", "  far"]


def test_answers_far_from_0_are_float64_and_a_model_says_so_when_exported(
    both: Result, tmp_path: Path
) -> None:
    model = sloy.load(both.folder)
    answers = model.predict(ROWS)
    assert len(np.unique(answers[:, 1])) > 0.9 * N  # float32 has 8 apart: some 40
    assert len(np.unique(answers[:, 1].astype(np.float32))) < N / 3
    x, y = model.reader.read(ROWS), FRAME.select("near", "far").to_numpy()  # type: ignore[union-attr]
    loss = model.prepared.evaluate(sloy.Dataset(x, y))["loss"]
    unit = np.array(model.loss.unit)  # type: ignore[attr-defined]
    assert loss == pytest.approx(np.mean(((answers - y) / unit) ** 2), rel=1e-4)
    model.export(tmp_path / "m.c")
    assert "8 apart near 100000" in (tmp_path / "m.c").read_text()


def test_several_targets_through_onnx(both: Result, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    sloy.load(both.folder).export(tmp_path / "m.onnx")
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    feeds = {i.name: FRAME[i.name].to_numpy().reshape(-1, 1) for i in session.get_inputs()}
    (found,) = (y for y in session.run(["output"], feeds))
    answers = sloy.load(both.folder).predict(ROWS)
    np.testing.assert_allclose(found[:, 0], answers[:, 0], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found[:, 1], answers[:, 1], atol=16)


def test_files_of_several_targets(both: Result, table: Path, tmp_path: Path) -> None:
    from sloy.experiments import examine

    found = examine(both.folder, table, out=tmp_path / "out", threads=1)
    rows = pl.read_csv(tmp_path / "out" / "predictions.csv")
    assert rows.columns == ["near", "far", "prediction_near", "prediction_far"]
    answers = sloy.load(both.folder).predict(ROWS)
    np.testing.assert_allclose(rows["prediction_far"].to_numpy(), answers[:, 1])
    assert (tmp_path / "out" / "answers.png").stat().st_size > 1000
    assert found.measured.answers.shape == (N, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "near,kind"}, "holds '[uv]', which is no number.*must all be numbers"),
        ({"target": "near,near"}, "names a column twice"),
        ({"target": "near,c"}, r"`target` \(='c'\) is none of its columns"),
        ({"target": "near,far", "task": "classification"}, "train once for each"),
        ({"target": "near,far", "folds": 3}, "`folds` is for one target"),
        ({"target": "near,far", "intervals": 0.9}, "is for one target"),
        ({"target": "near,far", "target_scale": "log"}, "is for one number"),
    ],
)
def test_what_several_targets_cannot(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    FRAME.with_columns(kind=pl.Series(np.where(B > 0, "u", "v"))).write_csv(tmp_path / "t.csv")
    with pytest.raises(InvalidArgument, match=message):
        run(Experiment.of(str(tmp_path / "t.csv"), **options), tmp_path / "run", threads=1)
    assert not (tmp_path / "run").exists()


def test_a_column_with_a_comma_in_its_name_is_one(tmp_path: Path) -> None:
    FRAME.rename({"near": "a,far"}).write_csv(tmp_path / "t.csv")
    assert load_table(tmp_path / "t.csv", "a,far").reader.targets == ("a,far",)


@pytest.mark.parametrize("network", ["tabular", "mlp"])
def test_poisson_answers_means_above_0(network: str, table: Path) -> None:
    words = {} if network == "tabular" else {"members": 1, "network": "mlp"}
    found = trained(
        table, network, target="count", task="regression", loss="poisson", epochs=24, **words
    )
    answers = sloy.load(found.folder).predict(ROWS)[:, 0]
    assert (answers > 0).all()
    data = load_table(
        table,
        "count",
        task="regression",
        ignore=["near", "far"],
        validation=0 if network == "tabular" else 0.1,
    )
    assert data.test is not None
    given = sloy.load(found.folder).prepared.predict(data.test.x)[:, 0].astype(float)
    deviance = mean_poisson_deviance(data.test.y, given)
    assert found.measured.figures["test_deviance"] == pytest.approx(deviance, rel=1e-5)
    same = mean_poisson_deviance(data.test.y, np.full(len(data.test), data.train.y.mean()))
    assert found.measured.figures["baselines"]["always the same"]["deviance"] == pytest.approx(same)
    assert deviance < 0.8 * same


def test_a_quantile_has_its_share_below_it(table: Path) -> None:
    found = trained(table, "q", target="near", loss="pinball=0.9", epochs=24)
    data = load_table(table, "near", ignore=["far", "count"], validation=0)
    assert data.test is not None
    y, given = (
        data.test.y,
        sloy.load(found.folder).prepared.predict(data.test.x)[:, 0].astype(float),
    )
    expected = mean_pinball_loss(y, given, alpha=0.9)
    assert found.measured.figures["test_pinball"] == pytest.approx(expected, rel=1e-5)
    assert found.measured.figures["test_below"] == pytest.approx(np.mean(y < given))
    same = found.measured.figures["baselines"]["always the same"]["pinball"]
    assert same == pytest.approx(
        mean_pinball_loss(y, np.full(len(y), np.quantile(data.train.y, 0.9)), alpha=0.9)
    )


def test_intervals_of_members_are_never_below_0(table: Path) -> None:
    found = trained(table, "i", target="count", task="regression", intervals=0.9)
    model = sloy.load(found.folder)
    low, high = model.predict_interval(ROWS).T
    assert (low >= 0).all()
    assert (low <= high).all()
    data = load_table(table, "count", task="regression", ignore=["near", "far"], validation=0)
    assert data.test is not None
    ends = model.prepared.predict_interval(data.test.x)
    covered = np.mean((ends[:, 0] <= data.test.y) & (data.test.y <= ends[:, 1]))
    assert found.measured.figures["intervals"]["test_covered"] == pytest.approx(covered)
    assert 0.8 <= covered <= 1
