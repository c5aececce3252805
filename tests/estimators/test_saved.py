"""A fitted estimator's model, saved: frames, `sloy predict`, `sloy test`, `sloy info` and exports answer as it does."""

from __future__ import annotations

import io
import json
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import sloy
from sloy.cli.main import main
from sloy.data.tables import NumbersReader, TableReader
from sloy.errors import InvalidArgument

N = 60
RNG = np.random.default_rng(0)
X = np.column_stack([RNG.normal(size=N), RNG.normal(5e4, 900, N), RNG.integers(0, 3, N)])
NAMED = pd.DataFrame(X, columns=["left", "income", "rooms"])
WORDS = NAMED.assign(town=np.array(["Oslo", "Rome"])[(X[:, 0] > 0).astype(int)])
LABELS = {
    "binary": np.where(X[:, 0] > 0, "yes", "no"),
    "multiclass": np.array(["02", "1", "x"])[X[:, 2].astype(int)],
    "regression": 3e5 + 1e5 * X[:, 0],
}
GIVEN: dict[str, Any] = {"array": X, "named": NAMED, "words": WORDS, "sparse": csr_matrix(X)}


def said(*arguments: object) -> str:
    with redirect_stdout(io.StringIO()) as out:
        assert main([str(argument) for argument in arguments]) == 0
    return out.getvalue()


CASES = [("auto", given) for given in GIVEN]
CASES += [("fast", "array"), ("fast", "words"), ("tabular", "named")]


@pytest.mark.parametrize(("recipe", "given"), CASES)
@pytest.mark.parametrize("task", LABELS)
def test_the_file_answers_as_the_estimator(
    task: str, given: str, recipe: str, tmp_path: Path
) -> None:
    y, rows = pd.Series(LABELS[task], name="what"), GIVEN[given]
    kind = sloy.Regressor if task == "regression" else sloy.Classifier
    more: dict[str, Any] = {"epochs": 2, "threads": 1, "recipe": recipe}
    if recipe == "tabular":
        more["members"] = 2
    net = kind(**more).fit(rows, y)
    file, table = tmp_path / "net.sloy", tmp_path / "rows.csv"
    net.model_.save(file)
    frame = WORDS if given == "words" else NAMED
    frame.to_csv(table, index=False)
    answers = net.predict(rows)
    turned = frame[frame.columns[::-1]] if given in ("named", "words") else frame
    for model, source in ((net.model_, frame), (sloy.load(file, threads=1), turned)):
        np.testing.assert_array_equal(model.predict(source).reshape(N), answers)
    read = pd.read_csv(io.StringIO(said("predict", file, table)), dtype={"prediction": str})
    if task == "regression":
        np.testing.assert_allclose(read["prediction"].astype(float), answers, rtol=1e-6)
    else:
        chances = net.predict_proba(rows)
        np.testing.assert_array_equal(model.predict_proba(frame), chances)
        assert read["prediction"].tolist() == answers.tolist()
        named = read[[f"probability_{name}" for name in net.classes_]]
        np.testing.assert_allclose(named, chances, rtol=1e-5, atol=1e-7)
    frame.assign(what=y).to_csv(table, index=False)
    figures = json.loads(said("test", file, table, "--json"))
    if task == "regression":
        expected = float(np.sqrt(np.mean(np.square(answers - y))))
        assert figures["test_rmse"] == pytest.approx(expected, rel=1e-5)
    else:
        assert figures["test_accuracy"] == pytest.approx(float((answers == y).mean()))
        assert figures["classes"] == net.classes_.tolist()
    if (recipe, given) in (("auto", "array"), ("auto", "words")):
        told_and_exported(net.model_, file, task)


def told_and_exported(model: sloy.Model, file: Path, task: str) -> None:
    assert "what" in said("info", file)
    shape = {
        "binary": "2, probabilities",
        "multiclass": "3, probabilities",
        "regression": "1, values",
    }
    for end in ("onnx", "c", "js"):
        text = said("export", file, file.with_suffix(f".{end}"))
        assert end == "onnx" or shape[task] in text
    html = model.to_html(file.with_suffix(".html")).read_text()
    assert '"yes"' in html or task != "binary"


@pytest.mark.parametrize("loss", ["hinge", lambda z, t: sloy.ops.relu(1 - z * (2 * t - 1))])
def test_one_output_without_probabilities_names_its_classes(loss: Any) -> None:
    net = sloy.Classifier(loss=loss, epochs=3, threads=1).fit(NAMED, LABELS["binary"])
    assert net.model_.network.output_shape == (1,)
    np.testing.assert_array_equal(net.model_.predict(NAMED), net.predict(NAMED))
    wide = net.model_.by_class
    np.testing.assert_array_equal(wide.predict(NAMED), net.predict(NAMED))
    labels = (LABELS["binary"] == "yes").astype(np.int32)
    signs = 2.0 * labels - 1 if loss == "hinge" else labels.astype(np.float32)
    narrow = net.model_.evaluate((X, signs[:, None]))
    assert wide.evaluate((X, labels))["loss"] == pytest.approx(narrow["loss"], rel=1e-5)


@pytest.mark.parametrize(
    "labels",
    [np.array(["0", "1"]), np.array([0, 1]), np.array([1.0, 2.0]), np.array([False, True])],
)
def test_labels_keep_their_type(labels: np.ndarray) -> None:
    y = labels[(X[:, 0] > 0).astype(int)]
    for rows in (NAMED, WORDS):
        net = sloy.Classifier(epochs=1, threads=1).fit(rows, y)
        found, expected = net.model_.predict(rows), net.predict(rows)
        assert found.dtype.kind == expected.dtype.kind
        np.testing.assert_array_equal(found, expected)


def test_several_targets_stand_in_their_columns(tmp_path: Path) -> None:
    y = pd.DataFrame({"price": X[:, 0], "tax": X[:, 1]})
    net = sloy.Regressor(epochs=1, threads=1).fit(WORDS, y)
    net.model_.save(tmp_path / "net.sloy")
    WORDS.to_csv(tmp_path / "rows.csv", index=False)
    read = pd.read_csv(io.StringIO(said("predict", tmp_path / "net.sloy", tmp_path / "rows.csv")))
    assert list(read.columns) == ["prediction_price", "prediction_tax"]
    np.testing.assert_allclose(read, net.predict(WORDS), rtol=1e-5)


def test_columns_of_arrays_are_taken_in_their_order() -> None:
    net = sloy.Regressor(epochs=1, threads=1).fit(X, LABELS["regression"])
    assert isinstance(net.model_.reader, NumbersReader)
    assert not net.model_.reader.named
    expected = net.model_.predict(X)
    np.testing.assert_array_equal(net.model_.predict(NAMED), expected)
    by_number = pd.DataFrame(X[:, ::-1], columns=["x2", "x1", "x0"])
    np.testing.assert_array_equal(net.model_.predict(by_number), expected)
    with pytest.raises(InvalidArgument, match="it takes just 3, in their order"):
        net.model_.predict(WORDS)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        gap = NAMED.assign(left=["", "many", *X[2:, 0].astype(str)])
        found = net.model_.predict(gap)
    words = " ".join(str(one.message) for one in told)
    assert "('many' in row 2)" in words
    assert "without a value (row 1)" in words
    mean = X.copy()
    mean[:2, 0] = X[:, 0].mean()
    np.testing.assert_allclose(found, net.model_.predict(mean), rtol=1e-6)


def test_readers_of_tables_stay_what_they_are() -> None:
    net = sloy.Regressor(epochs=1, threads=1).fit(WORDS, LABELS["regression"])
    assert isinstance(net.model_.reader, TableReader)
    with pytest.raises(InvalidArgument, match="a data frame"):
        net.model_.predict(X)
