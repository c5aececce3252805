"""Types that are inferred, and what each column becomes: against formulas in plain NumPy and against scikit-learn."""

from __future__ import annotations

import datetime
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sloy.data.readers import reader_from_config, reader_to_config
from sloy.data.tables import load_table
from sloy.data.tables.columns import Category, Date, Numeric
from sloy.data.tables.hints import Hints
from sloy.data.tables.inference import MOST_WORDS, conclude, look
from sloy.data.tables.profile import Moments
from sloy.data.tables.reader import TableReader
from sloy.data.tables.remarks import Remarks
from sloy.data.tables.sources import open_table
from sloy.errors import FileFormatError, InvalidArgument

N = 400
RANDOM = np.random.default_rng(5)
DAYS = [datetime.date(2019, 12, 25) + datetime.timedelta(days=3 * i) for i in range(N)]


def raw() -> dict[str, Any]:
    """Columns of every kind, and a target."""
    random = np.random.default_rng(1)
    size = random.normal(50, 9, N).round(2)
    return {
        "size": size,
        "gaps": np.where(random.random(N) < 0.2, np.nan, random.normal(size=N).round(3)),
        "whole": random.integers(-5, 5, N),
        "colour": random.choice(["red", "green", "blue"], N).tolist(),
        "holes": [None if random.random() < 0.3 else f"k{random.integers(4)}" for _ in range(N)],
        "day": [day.isoformat() for day in DAYS],
        "y": (2 * size + random.normal(size=N)).round(3),
    }


def kinds(columns: dict[str, Any], **options: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Name → column, as found with all rows to train on; and what is left out."""
    table = open_table(columns)
    training = np.ones(len(next(iter(columns.values()))), bool)
    found, left_out, _ = conclude("t", look(table, table.names, training, Hints(**options)))
    return {column.name: column for column in found}, left_out


def prepared(column: Any, values: Any) -> np.ndarray:
    found = column.prepare(pl.Series(column.name, values, strict=False), Remarks())
    return np.stack(found, axis=1)


def test_the_kind_of_each_column() -> None:
    found, _ = kinds(raw())
    assert {name: column.kind for name, column in found.items()} == {
        "size": "numeric", "gaps": "numeric", "whole": "numeric", "colour": "category",
        "holes": "category", "day": "date", "y": "numeric",
    }  # fmt: skip
    assert [name for name, column in found.items() if column.missing] == ["gaps", "holes"]


def test_numbers_are_standardised_as_in_scikit_learn() -> None:
    values = raw()["gaps"]
    (column,) = kinds({"gaps": values})[0].values()
    expected = StandardScaler().fit_transform(values[:, None])[:, 0]
    ours = prepared(column, values)
    np.testing.assert_allclose(ours[:, 0], np.nan_to_num(expected), rtol=1e-12, atol=1e-12)
    assert ours[:, 1].tolist() == np.isnan(values).astype(float).tolist()


def test_categories_are_numbered_by_frequency_and_spread_as_in_scikit_learn() -> None:
    words = ["b"] * 5 + ["a"] * 7 + ["c"] * 5 + [None] * 2 + ["once"]
    (column,) = kinds({"w": words})[0].values()
    assert column == Category("w", ("a", "b", "c"), other=True, missing=True)
    codes = prepared(column, words)[:, 0].astype(int)
    spread = np.eye(column.classes)[codes]
    order = [["a", "b", "c", "once", "none"]]
    encoder = OneHotEncoder(categories=order, sparse_output=False)
    cells = np.array(["none" if word is None else word for word in words])[:, None]
    assert np.array_equal(spread, encoder.fit_transform(cells))
    assert prepared(column, ["b", "new", None])[:, 0].tolist() == [1, 3, 4]


def test_what_training_did_not_have_is_no_category() -> None:
    column = Category("w", ("a", "b"), other=False, missing=False)
    remarks = Remarks()
    (codes,) = column.prepare(pl.Series("w", ["b", "x", None, "y", "x", "z"]), remarks)
    assert codes.tolist() == [1, -1, -1, -1, -1, -1]
    assert remarks.unseen == {"w": (4, ["'x' in row 2", "'y' in row 4", "'z' in row 6"])}
    assert remarks.missing == {"w": (1, [3])}
    assert (
        "4 cells with categories that training did not have ('x' in row 2, 'y' in row 4, 'z' in row 6, …)"
        in remarks.lines()[0]
    )


def test_the_parts_of_a_date() -> None:
    stamps = ["2024-02-29 18:30:00", "2023-12-31 00:00:00", "2024-03-04 06:00:00"]
    (column,) = kinds({"t": stamps})[0].values()
    parts = [part for part, _, _ in column.parts]
    ours = dict(zip(parts, prepared(column, stamps).T, strict=True))
    days = [datetime.datetime.fromisoformat(s) for s in stamps]
    angle = [2 * math.pi * (d.hour + d.minute / 60) / 24 for d in days]
    truth = {
        "year": [d.year for d in days],
        "month": [d.month for d in days],
        "day": [d.day for d in days],
        "weekday": [d.isoweekday() for d in days],
        "hour sin": [math.sin(a) for a in angle],
        "hour cos": [math.cos(a) for a in angle],
    }
    assert set(ours) == set(truth)
    for part, values in truth.items():
        expected = (np.array(values) - np.mean(values)) / np.std(values)
        np.testing.assert_allclose(ours[part], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("words", "format"),
    [
        (["2024-01-31", "2023-05-06"], "%Y-%m-%d"),
        (["31.01.2024", "06.05.2023"], "%d.%m.%Y"),
        (["31/01/2024", "06/05/2023"], "%d/%m/%Y"),
        (["01/31/2024", "05/06/2023"], "%m/%d/%Y"),
        (["2024-01-31T05:06:07Z", "2023-05-06T05:06:07.5Z"], "%Y-%m-%dT%H:%M:%S%.f"),
    ],
)
def test_formats_of_dates(words: list[str], format: str) -> None:
    (column,) = kinds({"d": words})[0].values()
    assert isinstance(column, Date)
    assert column.format == format


def test_a_kind_that_shows_late_is_found_and_counted_from_the_first_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Numbers, and only in the last of several frames a word."""
    monkeypatch.setattr("sloy.data.tables.sources.FRAME_CELLS", 1024)
    words = ["1", "2"] * 2000
    words[-600:] = ["late"] * 600
    (column,) = kinds({"w": words})[0].values()
    assert column == Category("w", ("1", "2", "late"), other=False, missing=False)


def test_many_rare_words_go_together() -> None:
    random = np.random.default_rng(0)
    codes = np.sort(np.minimum(random.geometric(0.002, 40_000), 3000))
    words = [f"w{code}" for code in codes]
    counts = np.unique(words, return_counts=True)[1]
    assert len(counts) > MOST_WORDS, "nothing to put together"
    (column,) = kinds({"w": words})[0].values()
    assert len(column.words) == MOST_WORDS
    assert column.other
    kept = sorted(counts)[-MOST_WORDS:]
    ours = prepared(column, words)[:, 0]
    assert (ours < MOST_WORDS).sum() == sum(kept)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ([f"person {i}" for i in range(100)], "free text or identifiers"),
        ([[1, 2]] * 100, "lists"),
    ],
)
def test_columns_that_are_refused_are_named_with_the_way_out(values: list, what: str) -> None:
    column = pl.Series("my column", values)
    frame = pl.DataFrame({"a": np.arange(100) % 7}).with_columns(column)
    with pytest.raises(InvalidArgument, match=rf"{what}.*: 'my column'.*--ignore 'my column'"):
        load_table(frame, "a")
    table = load_table(
        frame.with_columns(b=pl.Series(RANDOM.normal(size=100))), "a", ignore=["my column"]
    )
    assert table.reader.names == ("b",)


def test_numbers_that_are_names() -> None:
    codes = (RANDOM.integers(0, 5, 100) * 1000 + 10_115).tolist()
    assert kinds({"zip": codes})[0]["zip"].kind == "numeric"
    whole = kinds({"zip": codes}, categorical=["zip"])[0]["zip"]
    gappy = kinds({"zip": [float(c) for c in codes]}, categorical=["zip"])[0]["zip"]
    text = kinds({"zip": [f"{c}.0" for c in codes]}, categorical=["zip"])[0]["zip"]
    assert whole.kind == "category"
    assert whole == gappy == text
    assert set(whole.words) == {str(code) for code in codes}


def test_a_column_that_never_varies_is_left_out() -> None:
    found, left_out = kinds({"a": [1, 1, 1], "b": ["x"] * 3, "c": [1, None, 1], "d": [1, 2, 3]})
    assert set(left_out) == {"a", "b"}
    assert found["c"] == Numeric("c", 1.0, 1.0, missing=True, span=(1.0, 1.0))


def test_infinite_and_too_large_numbers_are_named() -> None:
    with pytest.raises(InvalidArgument, match="`a` holds an infinite number"):
        kinds({"a": [1.0, math.inf]})
    with pytest.raises(InvalidArgument, match=r"`a` holds 1e\+300"):
        prepared(Numeric("a", 0.0, 1.0, missing=False), [1e300])


def test_a_column_of_another_type_than_in_training_is_named() -> None:
    reader = load_table(raw(), "y").reader
    with pytest.raises(
        InvalidArgument, match=r"column `size` is of type List\(Int64\); it was numeric"
    ):
        reader.read({**raw(), "size": pl.Series([[1, 2]] * N)})


def test_words_among_numbers_are_told() -> None:
    remarks = Remarks()
    column = Numeric("a", 2.0, 2.0, missing=False)
    (values,) = column.prepare(pl.Series("a", ["4", "four", " NA", "6 "]), remarks)
    assert values.tolist() == [1, 0, 0, 2]
    assert remarks.unreadable == {"a": (1, ["'four' in row 2"])}
    assert remarks.missing == {"a": (1, [3])}


def test_numbers_without_the_percent_sign_of_the_training_are_told() -> None:
    remarks = Remarks()
    column = Numeric("a", 0.0, 1.0, missing=False, unit="%")
    for cells in (["40%", "0.4", "7 %"], [0.4]):
        column.prepare(pl.Series("a", cells), remarks)
    assert remarks.unsigned == {"a": (2, ["'0.4' in row 2"])}
    assert (
        "2 cells without the percent sign that training had ('0.4' in row 2, …)"
        in remarks.lines()[0]
    )


def test_columns_named_by_numbers(tmp_path: Path) -> None:
    frame = pd.DataFrame(RANDOM.normal(size=(60, 3))).assign(y=np.arange(60) % 2)
    reader = load_table(frame, "y").reader
    assert reader.names == ("0", "1", "2")
    rows = frame.drop(columns="y")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    assert np.array_equal(reader.read(rows), reader.read(tmp_path / "rows.csv"))


def test_numbers_written_in_any_way() -> None:
    column = Numeric("a", 0.0, 1.0, missing=False)
    words = ["1", " 2 ", "3e0", "4.0"]
    for values in (words, pl.Series(words, dtype=pl.Categorical), [1, 2, 3, 4], [1.0, 2, 3, 4]):
        assert prepared(column, values)[:, 0].tolist() == [1, 2, 3, 4]


def test_moments_added_in_pieces_are_those_of_the_whole() -> None:
    values = RANDOM.normal(1e6, 1e-2, 10_000)
    found = Moments()
    for piece in np.split(values, [1, 100, 5000]):
        found.add(piece)
    assert found.mean == pytest.approx(values.mean(), rel=1e-15)
    assert found.deviation == pytest.approx(np.std(values), rel=1e-9)


# --- the same table from anywhere ----------------------------------------------------------------------------------


def test_every_source_gives_the_same_bits(tmp_path: Path) -> None:
    columns = raw()
    frame = pl.DataFrame(columns, strict=False).with_columns(pl.col("gaps").fill_nan(None))
    frame.write_csv(tmp_path / "t.csv")
    frame.write_csv(tmp_path / "t.tsv", separator="\t")
    frame.write_parquet(tmp_path / "t.parquet")
    typed = frame.with_columns(pl.col("day").str.to_date())
    sources = [
        tmp_path / "t.csv", tmp_path / "t.tsv", tmp_path / "t.parquet", str(tmp_path / "t.csv"),
        frame, frame.lazy(), typed, pd.DataFrame(columns), columns,
    ]  # fmt: skip
    first = load_table(sources[0], "y")
    assert first.train.x.dtype == np.float32
    for source in sources[1:]:
        other = load_table(source, "y")
        assert other.reader == first.reader
        for part in ("train", "validation", "test"):
            ours, theirs = getattr(first, part), getattr(other, part)
            assert np.array_equal(ours.x, theirs.x)
            assert np.array_equal(ours.y, theirs.y)


def test_a_reader_is_json_and_back() -> None:
    reader = load_table(raw(), "y").reader
    config = reader_to_config(reader)
    assert config is not None
    assert reader_from_config(config) == reader
    assert reader.read(raw()).shape == (N, reader.width)


def test_a_damaged_reader_is_refused() -> None:
    good = load_table(raw(), "y").reader.to_config()

    def broken(change: Any) -> dict[str, Any]:
        import copy

        config = copy.deepcopy(good)
        change(config)
        return config

    changes: list[Any] = [
        lambda c: c.update(target=3),
        lambda c: c.update(more=1),
        lambda c: c.update(columns=[]),
        lambda c: c["columns"].append(c["columns"][0]),
        lambda c: c["columns"][0].update(column="magic"),
        lambda c: c["columns"][0].update(mean="0"),
        lambda c: c["columns"][0].update(mean=math.nan),
        lambda c: c["columns"][0].update(deviation=0.0),
        lambda c: c["columns"][0].update(missing=1),
        lambda c: c["columns"][0].pop("mean"),
        lambda c: c["columns"][3].update(words=["a", "a"]),
        lambda c: c["columns"][3].update(words=[1]),
        lambda c: c["columns"][5].update(parts=[["century", 0, 1]]),
        lambda c: c["columns"][0].update(span=[1.0]),
        lambda c: c.update(usual=["a"]),
        lambda c: c.update(others=[["far"]]),
        lambda c: c.update(others=[["y", [".", "", ""]]]),
    ]
    for change in changes:
        with pytest.raises((FileFormatError, InvalidArgument)):
            TableReader.from_config(broken(change))


def test_order_and_more_columns_do_not_matter() -> None:
    columns = raw()
    reader = load_table(columns, "y").reader
    expected = reader.read({k: v for k, v in columns.items() if k != "y"})
    turned = dict(reversed(columns.items()))
    assert np.array_equal(reader.read(turned), expected)
    with pytest.warns(UserWarning, match="does not take: extra"):
        assert np.array_equal(reader.read({"extra": columns["y"], **columns}), expected)
    del columns["colour"]
    columns["color"] = ["red"] * N
    with pytest.raises(
        InvalidArgument,
        match=re.escape(
            "lacks the column `colour`, which the model was trained on (there is the column `color`)"
        ),
    ):
        reader.read(columns)


def test_a_target_far_from_all_others_is_left_out() -> None:
    """As the note says: nothing else would be learned beside it."""
    random = np.random.default_rng(0)
    area = random.uniform(20, 190, 200).round(2)
    area[3] = 1e9
    table = load_table({"age": random.uniform(0, 9, 200), "area": area}, "area", test=0)
    (note,) = [note for note in table.notes if "1e+09" in note]
    assert note.startswith("`area`: 1e+09 in row 4: far from all others")
    assert "left out" in note
    y = np.delete(area, 3)
    assert table.mean == pytest.approx(float(y[table.part[np.arange(200) != 3] == 0].mean()))
    assert max(float(part.y.max()) for part in (table.train, table.validation) if part) < 200


def test_remarks_name_rows_and_iso_dates_are_read() -> None:
    columns = (
        Date("day", "%d.%m.%Y", (("year", 2000.0, 1.0),), missing=False),
        Numeric("size", 0.0, 1.0, missing=False),
    )
    remarks = Remarks()
    frame = pl.DataFrame(
        {"day": ["1.2.2001", "2004-05-06", "", "soon"], "size": ["1", "2", " ", "x"]}
    )
    found = TableReader(columns, "y").prepare(frame, remarks)
    assert found[:, 0].tolist() == [1, 4, 0, 0]
    said = " ".join(remarks.lines())
    assert "`day`: 1 cell that cannot be read ('soon' in row 4)" in said
    assert "`size`: 1 cell without a value (row 3)" in said
    assert "1 row without any value (row 3)" in said
