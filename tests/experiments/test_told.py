"""How results are written: the digits of one table, plurals, short reprs, Russian."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sloy
from sloy import text
from sloy.arguments import file_to_write
from sloy.errors import FileFormatError, InvalidArgument
from sloy.experiments import baselines
from sloy.experiments.baselines import OF_SUMMARY, of_summary
from sloy.experiments.events import Branched
from sloy.experiments.sources import Measured
from sloy.files.documents import read_document
from sloy.language import speak
from sloy.training.progress import epoch_line

HOUSES = {
    "test_rmse": 11167.97,
    "test_mae": 8816.78,
    "test_r2": 0.971546,
    "baselines": {"always the same": {"rmse": 66207.6, "mae": 50237.7, "r2": None}},
}


def test_a_line_has_the_digits_of_the_table() -> None:
    assert baselines.in_a_line(HOUSES) == "RMSE 11168, MAE 8817, R² 0.9715"
    table = baselines.comparison(baselines.of_summary(HOUSES))
    assert table.splitlines()[1].split() == ["network", "11168", "8817", "0.9715"]
    folds = {"folds": 3, "scores": {"accuracy": {"mean": 0.9, "error": 0.1}}}
    assert baselines.in_a_line(folds) == "accuracy 90.00 %, means of 3 folds"


def test_results_are_said_in_russian() -> None:
    """Of the table that a page in Russian shows, only names of figures have Latin letters."""
    own = {"accuracy": 0.5, "log_loss": 0.7}
    found = {"network": own, "linear model": own, "always the same": own}
    with speak("ru"):
        said = baselines.comparison(found) + baselines.verdict(own, found)
    assert not re.findall("[A-Za-z]{2,}", said)
    assert "линейная модель" in said


def test_thousands_are_apart_and_ends_alike_are_one() -> None:
    row = {"epoch": 1, "loss": 1.0, "seconds": 4.0, "samples_per_second": 13749.4}
    assert epoch_line(row, 2).endswith("13 749 samples/s")
    assert text.many(1, "batch") == "1 batch"
    assert text.interval("13.0 s", "13.0 s") == "13.0 s"


def test_results_print_short() -> None:
    assert repr(Measured({"a": 1}, (), answers=np.zeros((5000, 2)))).count("\n") == 0
    table = sloy.data.load_table({"a": list(range(300)), "y": ["n", "s", "n"] * 100}, "y")
    assert len(repr(table)) < 1500
    assert "uint8 300" in repr(table)


def test_a_branch_says_where_it_begins() -> None:
    said = str(Branched(Path("runs/a"), 2, 5, {"learning_rate": 0.1}))
    assert said == "branch of runs/a from step 5 of epoch 2 on, with learning_rate 0.1"


def test_a_page_ends_in_html(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"mo\.txt'\) must end in \.html or \.htm\."):
        sloy.experiments.report(tmp_path, tmp_path / "mo.txt")
    assert file_to_write("f", "path", tmp_path / "a.HTM", (".html", ".htm")).name == "a.HTM"


@pytest.mark.parametrize("figure", ["x", [], {}, {"mean": "1"}, True])
def test_a_summary_with_figures_that_are_none_is_refused(tmp_path: Path, figure: Any) -> None:
    path = tmp_path / "summary.json"
    for document in ({"test_rmse": figure}, {"baselines": {"mean": {"rmse": figure}}}):
        path.write_text(json.dumps(document))
        with pytest.raises(FileFormatError, match="the summary of a run"):
            read_document(path, OF_SUMMARY | {"*": object}, "the summary of a run")
    path.write_text(json.dumps({"scores": {"rmse": {"mean": 1.5}}, "baselines": {}}))
    assert of_summary(read_document(path, OF_SUMMARY, "the summary of a run")) == {
        "network": {"rmse": 1.5}
    }
