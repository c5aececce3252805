"""What a model of a table answers and takes: classes as the column has them, raw rows and no arrays of numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

import sloy
from sloy import losses
from sloy.data import Dataset, PictureReader
from sloy.data.tables import TableReader, load_table
from sloy.errors import FileFormatError, InvalidArgument
from sloy.layers import Dense, Flatten

N = 90
PLACE = np.arange(N) % 3
X = PLACE + np.random.default_rng(0).uniform(0, 0.1, N)


def trained(source: Any) -> sloy.Model:
    table = load_table(source, "y", task="classification", validation=0.0)
    network = sloy.zoo.table(table.reader.width, table.train.classes, hidden=(16,), dropout=0.0)
    model, _ = sloy.fit(
        network, table.train, preprocessing="none", epochs=60, learning_rate=0.05,
        engine="reference", verbose=False,
    )  # fmt: skip
    model.reader = table.reader
    return model


TYPED: dict[str, Any] = {
    "booleans": PLACE == 1,
    "integers": PLACE * 7 - 7,
    "floats": PLACE / 2,
    "strings": np.array(["no", "yes", "maybe"])[PLACE],
    "strings of digits": np.array(["1", "2", "10"])[PLACE],
}


@pytest.mark.parametrize("name", TYPED)
@pytest.mark.parametrize("frame", [pl.DataFrame, pd.DataFrame])
def test_classes_are_answered_as_the_frame_has_them(name: str, frame: type, tmp_path: Path) -> None:
    rows = frame({"x": X, "y": TYPED[name]})
    model = trained(rows)
    model.save(tmp_path / "m.sloy")
    for each in (model, sloy.load(tmp_path / "m.sloy", engine="reference")):
        found = each.predict(rows)
        assert found.dtype.kind == np.asarray(TYPED[name]).dtype.kind
        assert np.array_equal(found, TYPED[name])


WRITTEN = {
    "words": (["no", "yes", "maybe"], str),
    "truth": (["True", "False", "True"], bool),
    "truth in capitals": (["TRUE", "FALSE", "TRUE"], str),
    "whole numbers": (["-1", "0", "12"], int),
    "codes": (["01", "02", "10"], str),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_classes_are_answered_as_the_file_writes_them(name: str, tmp_path: Path) -> None:
    words, kind = WRITTEN[name]
    cells = np.array(words)[PLACE].tolist()
    lines = [f"{x},{cell}" for x, cell in zip(X, cells, strict=True)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["x,y", *lines]) + "\n")
    found = trained(path).predict(path)
    assert list(map(str, found.tolist())) == cells
    assert {type(value) for value in found.tolist()} == {kind}


def test_arrays_are_refused_with_what_to_give() -> None:
    rows = pl.DataFrame({"x": X, "y": TYPED["strings"]})
    model = trained(rows)
    raw = X[:, None]
    calls = {
        "x": [
            model, model.predict, model.predict_proba, lambda x: model.activations(x, ["dense_1"]),
        ],
        "data": [lambda x: model.evaluate((x, PLACE)), lambda x: model.examine((x, PLACE))],
    }  # fmt: skip
    for argument, functions in calls.items():
        for function in functions:
            for given in (raw, raw.tolist(), raw.astype(np.float32)):
                with pytest.raises(InvalidArgument, match=f"`{argument}` is .* takes a data frame"):
                    function(given)


def test_prepared_rows_are_asked_for() -> None:
    rows = pl.DataFrame({"x": X, "y": TYPED["strings"]})
    model = trained(rows)
    table = load_table(rows, "y", validation=0.0)
    assert table.test is not None
    prepared = model.reader.read(rows)  # type: ignore[union-attr]
    assert np.array_equal(model.prepared.predict_proba(prepared), model.predict_proba(rows))
    names = np.array(model.class_names)
    assert np.array_equal(names[model.prepared.predict(prepared)], model.predict(rows))
    assert model.evaluate(table.test) == model.prepared.evaluate((table.test.x, table.test.y))
    model.parameters["dense_1/bias"] = model.parameters["dense_1/bias"] + 1
    assert np.array_equal(model.prepared.predict_proba(prepared), model.predict_proba(rows))


def test_the_type_of_the_target_is_checked_in_files() -> None:
    reader = load_table({"x": X, "y": TYPED["booleans"]}, "y").reader
    assert reader.target_type == "boolean"
    config = reader.to_config()
    assert TableReader.from_config(config) == reader
    old = {key: value for key, value in config.items() if key != "target_type"}
    assert TableReader.from_config(old).target_type == "text"
    with pytest.raises(FileFormatError, match="`target_type`"):
        TableReader.from_config(config | {"target_type": "colour"})


def test_pictures_are_answered_by_name_and_arrays_by_number(tmp_path: Path) -> None:
    x = np.zeros((20, 2, 2, 1), np.uint8)
    x[::2] = 255
    network = sloy.Network((2, 2, 1), [Flatten(), Dense(2)])
    data = Dataset(x, np.arange(20) % 2, ("light", "dark"))
    model, _ = sloy.fit(network, data, epochs=30, learning_rate=0.1, verbose=False)
    model.reader = PictureReader((2, 2), 1)
    Image.fromarray(np.full((2, 2), 255, np.uint8)).save(tmp_path / "a.png")
    assert model.predict(tmp_path / "a.png").tolist() == ["light"]
    assert model.predict(x[:2]).tolist() == [0, 1]


def test_targets_stay_the_numbers_of_the_table() -> None:
    y = 1_700_000_000 + np.round(50 * X, 3)
    table = load_table({"x": X, "y": y}, "y", validation=0.0)
    assert table.test is not None
    both = np.concatenate([table.train.y, table.test.y])
    assert np.array_equal(np.sort(both), np.sort(y))


def test_figures_are_measured_against_the_table() -> None:
    """Answers that are float32 are 64 off at most; against targets rounded like them they would be right."""
    from sloy.experiments.baselines import measured

    y = 1_700_000_000 + np.linspace(0, 100, 50)
    answers = y.astype(np.float32)[:, None]
    found = measured(answers, Dataset(np.zeros((50, 1)), y))
    error = answers[:, 0].astype(np.float64) - y
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
    assert found["r2"] == pytest.approx(1 - np.mean(error**2) / np.var(y))
    assert found["r2"] < 0.7
    assert losses.SquaredError().target(y, (1,), "float32").dtype == np.float32
