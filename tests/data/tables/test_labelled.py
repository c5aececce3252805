"""Rows that a model is measured on: its classes, or numbers written as in training; what is none of them is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from sloy.data.tables import Table, TableReader, load_table
from sloy.data.tables.prepared import labelled_rows
from sloy.errors import FileFormatError, InvalidArgument

N = 60
X = np.random.default_rng(0).normal(size=N).round(3)


def trained(y: Any, **options: Any) -> Table:
    return load_table({"x": X, "y": list(y)}, "y", test=0, validation=0, **options)


def labels(table: Table, y: Any, **more: Any) -> list[Any]:
    rows = {"x": [0.5] * len(y), "y": y, **more}
    return list(labelled_rows(rows, table.reader, table.train.class_names).data.y)


def test_classes_by_name_however_their_cells_are_typed() -> None:
    numbers = trained([1, 2, 10] * 20)
    assert numbers.train.class_names == ("1", "2", "10")
    for cells in ([10, 1], [10.0, 1.0], ["10", "1"], ["10.0", "1"], pl.Series([10, 1])):
        assert labels(numbers, cells) == [2, 0]
    truth = trained(["True", "False"] * 30)
    for cells in ([True, False], ["true", "false"], ["True", "False"]):
        assert labels(truth, cells) == [1, 0]


def test_words_for_no_value_are_left_out_and_told() -> None:
    table = trained([1, 2, 3] * 20, missing=["absent"])
    cells = ["3", "unknown", "absent", "", "1"]
    found = labelled_rows({"x": [1] * 5, "y": cells}, table.reader, table.train.class_names)
    assert found.data.y.tolist() == [2, 0]
    assert found.beside["y"].to_list() == ["3", "1"]
    assert found.notes[0] == "3 of 5 rows have no `y` and are left out"
    assert "is no number in 1 row ('unknown'), which is left out" in found.notes[1]


def test_numbers_are_read_as_in_training() -> None:
    prices = [f"${1000 + 7 * k:,}" for k in range(N)]
    table = trained(prices, decimal=".")
    assert labels(table, ["$1,234", "2,000.50", "99"]) == [1234.0, 2000.5, 99.0]
    again = TableReader.from_config(table.reader.to_config())
    assert again == table.reader
    exact = 1e9 + 0.25
    assert labels(trained(X), [exact]) == [exact], "in float64"


@pytest.mark.parametrize(
    ("y", "cells", "said"),
    [
        (["a", "b"] * 30, ["a", "c", "c"], "holds 'c' in 2 rows, which is none of the model's classes (a, b)"),
        ([0, 1] * 30, [0, 7], "holds '7' in 1 row, which is none of the model's classes (0, 1)"),
        (X, ["high", "low"], "holds 'high'; the model answers with numbers"),
        (X, [np.inf], "holds an infinite number"),
        (X, [1e300], "is 1e+300 in row 1, which is more than float32 can hold"),
        (X, [None, None], "has no value in any row"),
    ],
)  # fmt: skip
def test_what_the_model_does_not_answer(y: Any, cells: list[Any], said: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(said)):
        labels(trained(y), cells)


def test_a_table_to_test_on(tmp_path: Path) -> None:
    rows = {"id": [f"r{k}" for k in range(N)], "x": X, "y": 2 * X}
    (tmp_path / "new.csv").write_text("y,x,id,more\n3.5,1,a,0\n,1,b,0\n-1,0.25,c,0\n")
    table = load_table(rows, "y", ids=["id"], validation=0.1, test=tmp_path / "new.csv")
    assert table.test is not None
    assert table.validation is not None
    assert len(table.train) + len(table.validation) == N
    assert table.test.y.tolist() == [3.5, -1]
    assert np.array_equal(table.test.x, table.reader.read({"x": [1, 0.25]}))
    assert table.left_out == {"id": "kept beside the answers"}
    assert [note.partition("new.csv: ")[2] for note in table.notes] == [
        "1 of 3 rows have no `y` and are left out",
        "columns that the model does not take: more",
    ]
    for options, said in (
        ({"ids": ["no"]}, "`ids` (='no') is none of its columns"),
        ({"ids": ["y"]}, "`ids` holds the target"),
        ({"test": {"y": [1.0]}}, "lacks the column"),
        ({"test": {"x": [1.0]}}, "lacks the column `y`, with which answers are compared"),
        ({"test": 1.5}, "`test` (=1.5)"),
    ):
        with pytest.raises(InvalidArgument, match=re.escape(said)):
            load_table(rows, "y", **{"ids": ["id"], **options})


def test_too_few_rows_for_a_part_are_told() -> None:
    table = load_table({"x": [1.0, 2, 3, 4], "y": [0.5, 1.7, 2.2, 9.1]}, "y", test=0.1)
    assert (table.test, table.validation, len(table.train)) == (None, None, 4)
    for purpose in ("test", "validate"):
        assert f"4 rows: too few to keep 10% of them apart to {purpose} on" in table.notes


@pytest.mark.parametrize(
    "change",
    [{"ids": "key"}, {"ids": [3]}, {"written": ["."]}, {"written": [";", "", ""]}, {"ids": ["x"]}],
)
def test_damaged_settings_of_a_reader(change: dict[str, Any]) -> None:
    config = trained(X).reader.to_config()
    with pytest.raises(FileFormatError):
        TableReader.from_config({**config, **change})
