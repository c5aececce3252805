"""The table of epochs: columns, files, pictures."""

from __future__ import annotations

import csv
import json
import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from sloy.errors import FileFormatError, InvalidArgument
from sloy.training.history import History, curves_svg
from sloy.training.measured import joined

ROWS = [
    {"epoch": 1, "loss": 0.1 + 0.2, "val_loss": 2.5, "accuracy": 0.5},
    {"epoch": 2, "loss": 1e-17, "val_loss": math.nan, "accuracy": 0.75},
    {"epoch": 3, "loss": math.inf, "val_loss": 1 / 3, "accuracy": 1.0},
]


def test_columns_and_rows():
    history = History(ROWS)
    assert len(history) == 3
    assert history.columns == ("epoch", "loss", "val_loss", "accuracy")
    assert history["epoch"].dtype == np.int64
    assert history["accuracy"].tolist() == [0.5, 0.75, 1.0]
    assert "val_loss" in history
    assert "seconds" not in history
    assert history.rows[0] == history[0] == ROWS[0]
    assert history[-1] == ROWS[-1]
    with pytest.raises(IndexError, match="no row has the number 3; there are 3"):
        history[3]
    history.rows[0]["loss"] = 7.0
    assert history.rows[0]["loss"] == 0.1 + 0.2
    with pytest.raises(InvalidArgument, match=r"no column is named 'seconds'.*epoch, loss"):
        history["seconds"]


def test_a_missing_value_is_nan():
    history = History([{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 0.5, "val_loss": 3.0}])
    assert math.isnan(history["val_loss"][0])
    assert history["val_loss"][1] == 3.0


def test_only_numbers():
    with pytest.raises(InvalidArgument, match=r"`loss` .*must be a number"):
        History([{"loss": "small"}])


@pytest.mark.parametrize("form", ["csv", "json"])
def test_files_keep_every_bit(tmp_path, form):
    path = tmp_path / f"history.{form}"
    history = History(ROWS)
    text = getattr(history, f"to_{form}")(path)
    assert path.read_text() == text
    again = getattr(History, f"from_{form}")(path)
    assert again == history
    assert again["loss"][:2].tobytes() == history["loss"][:2].tobytes()
    assert type(again.rows[0]["epoch"]) is int


def test_csv_is_read_by_others(tmp_path):
    History(ROWS).to_csv(tmp_path / "h.csv")
    with open(tmp_path / "h.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [0.1 + 0.2, 1e-17, math.inf]
    assert json.loads(History(ROWS).to_json())[0]["val_loss"] == 2.5


def test_an_empty_history(tmp_path):
    History().to_csv(tmp_path / "h.csv")
    assert len(History.from_csv(tmp_path / "h.csv")) == 0
    assert str(History()) == "History of no epochs"
    assert curves_svg(History()) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("epoch,loss\n1,2,3\n", "line 2 has 3 values for 2 columns"),
        ("epoch,loss\n1,much\n", "line 2, `loss` is 'much', no number"),
        ("epoch,epoch\n1,2\n", "must name the columns, each once"),
        ("epoch,loss\n1,0.5\r2,0\rx,y,z\n", "line 4 has 3 values"),
        ("epoch,loss\n1," + "2" * 140_000, "is no history in CSV \\(field larger"),
        ("\x00\xff", "no number|not text|must name|line"),
    ],
)
def test_a_bad_csv(tmp_path, text, reason):
    path = tmp_path / "h.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FileFormatError, match=reason):
        History.from_csv(path)


@pytest.mark.parametrize("text", ["{", "3", '["a"]', '[{"loss": []}]', "[" * 100_000])
def test_a_bad_json(tmp_path, text):
    path = tmp_path / "h.json"
    path.write_text(text)
    with pytest.raises(FileFormatError):
        History.from_json(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileFormatError, match="No such file"):
        History.from_csv(tmp_path / "none.csv")


def test_html_is_well_formed_and_draws_the_values():
    rows = [{"epoch": 1, "loss": 4.0, "<b>": 1.0}, {"epoch": 2, "loss": 1.0, "<b>": 2.0}]
    html = History(rows)._repr_html_()
    tree = ElementTree.fromstring(html)
    assert [cell.text for cell in tree.iter("th")] == ["epoch", "loss", "<b>"]
    assert [cell.text for cell in tree.iter("td")] == ["1", "4", "1", "2", "1", "2"]
    (line,) = tree.iter("{http://www.w3.org/2000/svg}polyline")
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in line.get("points").split())
    assert x2 > x1
    assert y2 > y1  # SVG counts downwards: the loss falls


def test_figures_keep_their_order_after_those_of_a_file() -> None:
    one = np.ones(1)
    assert list(joined([{"accuracy": one, "loss": one}, {"loss": one, "accuracy": one}])) == [
        *("loss", "accuracy")
    ]
