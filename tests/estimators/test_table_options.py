"""What the parameter `table` says of the columns of a frame: the options of `load_table`, and messages that name it."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone

import sloy
from sloy.data.tables import load_table
from sloy.errors import InvalidArgument

N = 120
RANDOM = np.random.default_rng(2)
SIZE = RANDOM.uniform(1, 9, N).round(3)
FRAME = pd.DataFrame(
    {
        "size": [f"{v:.3f}".replace(".", ",") for v in SIZE],
        "age": np.where(np.arange(N) % 9 == 0, -999, RANDOM.integers(0, 50, N)),
        "day": [f"{1 + k % 12:02}/{1 + k % 11:02}/2024" for k in range(N)],
        "zip": RANDOM.choice([10115, 20095, 80331], N),
    }
)
SAID = {
    "decimal": ",",
    "missing": ["-999"],
    "dates": {"day": "%m/%d/%Y"},
    "categorical": ["zip"],
}
QUICK = {"hidden": (), "epochs": 1, "threads": 1}


@pytest.mark.parametrize("recipe", ["auto", "fast"])
def test_columns_are_read_as_load_table_reads_them(recipe: str) -> None:
    options = QUICK if recipe == "auto" else {"recipe": "fast", "epochs": 1, "threads": 1}
    with pytest.warns(UserWarning, match="a decimal comma"):
        net = clone(sloy.Regressor(table=SAID, **options)).fit(FRAME, SIZE)
    table = load_table(FRAME.assign(y=SIZE), "y", test=0, validation=0, **SAID)
    assert net.model_.reader.columns == table.reader.columns
    assert net.model_.reader.missing == ("-999",)
    assert np.isfinite(net.predict(FRAME[:3])).all()


def test_columns_are_left_out_and_arrays_have_columns_too() -> None:
    with pytest.warns(UserWarning, match="-999 in 14 cells"):
        net = sloy.Regressor(table={"ignore": ["size", "day"]}, **QUICK).fit(FRAME, SIZE)
    assert net.model_.reader.names == ("age", "zip")
    assert np.array_equal(net.predict(FRAME), net.predict(FRAME.assign(day="never")))
    rows = np.stack([SIZE, FRAME.age], 1)
    net = sloy.Regressor(table={"missing": ["-999"]}, **QUICK).fit(rows, SIZE)
    assert [column.missing for column in net.model_.reader.columns] == [False, True]


def test_messages_name_what_python_takes() -> None:
    with pytest.raises(InvalidArgument, match=r"say so with table=\{'decimal': ','\} or table="):
        sloy.Regressor(**QUICK).fit(FRAME, SIZE)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        sloy.Regressor(table={"decimal": ","}, **QUICK).fit(FRAME, SIZE)
    said = "\n".join(str(one.message) for one in told)
    assert "say table={'missing': ['-999']}" in said
    assert "table={'dates': ['day=%m/%d/%Y']} takes that" in said
    assert "--" not in said


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"digits": 1}, r"`table` \(=\{'digits': 1\}\) must be None or a mapping .* not 'digits'"),
        ("decimal", r"`table` \(='decimal'\) must be None or a mapping"),
        ({"decimal": ";"}, r"Regressor: `table`: `decimal` \(=';'\) must be"),
        ({"numeric": ["ages"]}, r"'numeric' names 'ages', which is none of .* did you mean 'age'"),
        ({"numeric": ["age"], "dates": ["age"]}, "'age' is named twice"),
    ],
)
def test_options_that_cannot_be(said: object, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        sloy.Regressor(table=said, **QUICK).fit(FRAME[["age", "zip"]], SIZE)


@pytest.mark.parametrize("rows", [scipy.sparse.csr_matrix(np.eye(N)), np.zeros((N, 3, 3))])
def test_rows_of_a_table_are_needed(rows: object) -> None:
    with pytest.raises(InvalidArgument, match="rows of a table are needed"):
        sloy.Regressor(table={"missing": ["0"]}, **QUICK).fit(rows, SIZE)
