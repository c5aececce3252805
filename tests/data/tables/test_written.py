"""Dates, units, durations and marks for nothing, as people write them in text."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest

from sloy.data.tables.columns import Category, Column, Date, Numeric, column_from_config
from sloy.data.tables.dates import moments, parts_of
from sloy.data.tables.hints import Hints
from sloy.data.tables.inference import conclude, look
from sloy.data.tables.numerals import PLAIN
from sloy.data.tables.sources import open_table
from sloy.errors import InvalidArgument


def kinds(
    columns: dict[str, Any], **options: Any
) -> tuple[dict[str, Column], dict[str, str], list[str]]:
    """Name → column, what is left out, and the notes, all rows to train on."""
    table = open_table(columns)
    training = np.ones(len(next(iter(columns.values()))), bool)
    found, left_out, notes = conclude("t", look(table, table.names, training, Hints(**options)))
    return {column.name: column for column in found}, left_out, notes


@pytest.mark.parametrize(
    ("words", "format"),
    [
        (["Jan-31-2024", "May-06-2023"], "%b-%d-%Y"),
        (["2024 Jan 31", "2023 May 06"], "%Y %b %d"),
        (["31 01 2024", "06 05 2023"], "%d %m %Y"),
        (["Wednesday, 31 January 2024", "Saturday, 06 May 2023"], "%A, %d %B %Y"),
        (["Wed, 31 Jan 2024 05:06:07 +0000", "Sat, 06 May 2023 05:06:07 GMT"], "%a, %d %b %Y %H:%M:%S%.f"),
        (["31.01.2024 3:05 p.m.", "06.05.2023 3:05 a.m."], "%d.%m.%Y %I:%M %p"),
    ],
)  # fmt: skip
def test_dates_as_people_write_them(words: list[str], format: str) -> None:
    (column,) = kinds({"d": words})[0].values()
    assert isinstance(column, Date)
    assert column.format == format
    when = moments(pl.Series(words), format).dt.date().to_list()
    assert when == [datetime.date(2024, 1, 31), datetime.date(2023, 5, 6)]


def test_days_of_a_year_by_a_hint() -> None:
    found = moments(pl.Series(["2024-060", "2023-001"]), "%Y-%j").dt.date().to_list()
    assert found == [datetime.date(2024, 2, 29), datetime.date(2023, 1, 1)]
    assert parts_of("%Y-%j") == ("year", "month", "day", "weekday")


def test_dates_that_no_one_format_reads_are_not_called_text() -> None:
    several = ["2024-01-31", "30/01/2024"] * 20 + [f"2024-02-{d:02d}" for d in range(1, 29)]
    with pytest.raises(InvalidArgument, match=r"looks like dates.*48 cells as %Y-%m-%d, 48 cells"):
        kinds({"d": several + [f"{d:02d}/03/2024" for d in range(1, 29)]})
    finnish = [f"{d}. toukokuuta {y}" for d in range(1, 29) for y in (2020, 2021)]
    with pytest.raises(
        InvalidArgument, match=r"'1\. toukokuuta 2020'.*say how they are written.*or leave"
    ):
        kinds({"d": finnish})


def test_times_with_several_offsets_are_named() -> None:
    words = [f"2024-01-{d:02d} 10:00:00+0{d % 2}:00" for d in range(1, 29)]
    _, _, notes = kinds({"d": words})
    assert "several offsets from UTC (+00:00, +01:00), which are left out" in notes[0]


@pytest.mark.parametrize(
    ("words", "values", "unit"),
    [
        (["70 kg", "71.5 kg", "82kg"], [70, 71.5, 82], "kg"),
        (["36.6°C", "-5.5 °C", "−7°C"], [36.6, -5.5, -7], "°C"),
        (["1 200 km/h", "900 km/h", "1 050 km/h"], [1200, 900, 1050], "km/h"),
        (["5h 20m", "45m", "1d 2h"], [19200, 2700, 93600], "h:m:s"),
        (["PT5H20M", "P1DT2H0.5S", "-PT1M"], [19200, 93600.5, -60], "h:m:s"),
    ],
)
def test_numbers_with_units(words: list[str], values: list[float], unit: str) -> None:
    columns, _, notes = kinds({"w": words})
    column = columns["w"]
    assert isinstance(column, Numeric)
    assert column.unit == unit
    np.testing.assert_allclose(column.format.read(pl.Series(words)), values, rtol=1e-12)
    assert column_from_config(column.to_config()) == column
    assert len(notes) == 1
    assert repr(words[0]) in notes[0]


def test_units_that_are_none() -> None:
    """Several of them, codes, and ten thousand among plain numbers, which is one."""
    seats = [f"{row}{seat}" for row in range(1, 9) for seat in "ABCDEFGH"] * 2
    assert isinstance(kinds({"w": seats})[0]["w"], Category)
    zeros = [f"0{k}A" for k in range(1, 9)] * 4
    assert isinstance(kinds({"w": zeros})[0]["w"], Category)
    columns, _, notes = kinds({"w": [*map(str, range(30)), "10k"]})
    assert columns["w"].format.read(pl.Series(["7", "10k"])).tolist() == [7, 10_000]
    assert columns["w"].mean == pytest.approx((435 + 10_000) / 31)
    assert "some in thousands (k), millions (M) and their like ('10k' is 10000)" in notes[0]
    columns, _, notes = kinds({"w": ["1 kg", "500 g"] * 9})
    assert isinstance(columns["w"], Category)
    assert notes == ["`w`: numbers with several units ('1 kg' and '500 g'): taken as names"]
    many = [f"{k} kg" if k % 2 else f"{1000 * k} g" for k in range(60)]
    with pytest.raises(InvalidArgument, match=r"several units \('0 g' and '1 kg'\): convert"):
        kinds({"w": many})


def test_units_beside_odd_cells() -> None:
    """A few words for nothing are missing; others make names of the column, which a note says."""
    cells = [f"{k / 10} kg" for k in range(60)]
    columns, _, notes = kinds({"w": cells + ["unknown"] * 20})
    assert isinstance(columns["w"], Numeric)
    assert "20 cells of 80 are no numbers ('unknown'), taken as missing" in notes[1]
    few = [f"{k % 9} kg" for k in range(60)] + ["12 approx", "see above", "13 approx"] * 4
    columns, _, notes = kinds({"w": few})
    assert isinstance(columns["w"], Category)
    assert "60 of 72 cells are numbers" in notes[0] or "several units" in notes[0]


def test_a_minus_of_typographers_is_a_plain_one() -> None:
    columns, _, notes = kinds({"w": ["−1.5", "2.5", "−3"]})
    assert columns["w"].format == PLAIN
    assert columns["w"].mean == pytest.approx(-2 / 3)
    assert notes == []


def test_numbers_that_may_stand_for_nothing_are_named() -> None:
    rows = [*range(20, 60), -999, -999, -999]
    assert "-999 in 3 cells is far" in kinds({"w": [*map(str, rows)]})[2][0]
    assert kinds({"w": [*map(str, range(40)), "99"]})[2] == []  # once
    assert kinds({"w": [*map(str, range(100)), "99", "99"]})[2] == []  # among others
    stamps = [f"202401{d:02d}0{d % 9}3000" for d in range(1, 29)]
    assert "look like moments" in kinds({"w": stamps})[2][0]


def between(low: float, high: float, digits: int = 0) -> list[str]:
    """300 numbers, evenly spread, in no order."""
    found = np.random.default_rng(3).permutation(np.linspace(low, high, 300))
    return [f"{v:.{digits}f}" for v in found]


@pytest.mark.parametrize(
    ("cells", "mark", "why"),
    [
        ([*between(0, 5000), "-999"], "-999 in 1 cell", "the only number below 0"),
        ([*between(0, 8000), "9999"], "9999 in 1 cell", "apart from all others"),
        ([*between(-3000, -200), "-9999"], "-9999 in 1 cell", "apart from all others"),
        ([*between(-5001.5, 5001.7, 2), "-999"], "-999 in 1 cell", "the only whole number;"),
        ([*between(-5001.5, 5001.7, 2), "-999", "-999"], "-999 in 2 cells", "the only whole numbers"),
        ([*between(-5000, 5000), *["-999"] * 9], "-999 in", "more frequent than any other number"),
    ],
)  # fmt: skip
def test_a_number_of_nines_within_a_wide_range_is_named(
    cells: list[str], mark: str, why: str
) -> None:
    (note,) = [note for note in kinds({"w": cells})[2] if "may" not in note]
    assert mark in note
    assert why in note
    value = mark.split()[0]
    assert note.endswith(f"say --missing {value}")
    columns, _, notes = kinds({"w": cells}, missing=(value,))
    assert isinstance(columns["w"], Numeric)
    assert columns["w"].missing
    assert notes == []


@pytest.mark.parametrize(
    "cells",
    [
        between(0, 8000), between(1, 999), between(0, 9999), between(-5000, 5000), between(0, 99.9, 1),
        [*between(0, 12_000), "9999"], [f"{v:.2f}" for v in np.exp(np.linspace(0, 12, 300))],
    ],
)  # fmt: skip
def test_numbers_of_nines_that_may_well_be_numbers(cells: list[str]) -> None:
    assert kinds({"w": cells})[2] == []


def test_a_number_of_nines_is_named_beside_odd_cells_too() -> None:
    _, _, notes = kinds({"w": [*between(0, 5000), "-999", "n.a."]})
    assert any("-999 in 1 cell is the only number below 0" in note for note in notes)


# As Excel counts: https://support.microsoft.com/office/date-function (1 is 1 January 1900, 60 its 29 February).
EXCEL = {
    "1": (1900, 1, 1), "59": (1900, 2, 28), "61": (1900, 3, 1), "36526": (2000, 1, 1), "39448": (2008, 1, 1),
    "45351": (2024, 2, 29),
}  # fmt: skip


def test_days_of_excel_by_a_hint() -> None:
    days = moments(pl.Series(list(EXCEL)), "excel").dt.date().to_list()
    assert days == [datetime.date(*day) for day in EXCEL.values()]
    (time,) = moments(pl.Series([45351.75]), "excel").to_list()
    assert time == datetime.datetime(2024, 2, 29, 18)
    assert moments(pl.Series(["0", "-3", "2958466", "soon"]), "excel").to_list() == [None] * 4
    stamps = [str(45_000 + 17 * k) for k in range(40)]
    for name in ("order_date", "hiredAt", "Geburtsdatum", "дата"):
        _, _, notes = kinds({name: stamps})
        assert "Excel's days (45000 is 2023-03-15); if they are, say --date" in notes[0]
    for name in ("price", "candidate_id", "holiday_pay"):
        assert kinds({name: stamps})[2] == []
    for cells in (stamps, list(map(int, stamps)), [*stamps[:38], "2024-05-01", "n.a."]):
        columns, _, notes = kinds({"d": cells}, dates={"d": "excel"})
        column = columns["d"]
        assert isinstance(column, Date)
        assert column.format == "excel"
        assert [part for part, _, _ in column.parts] == ["year", "month", "day", "weekday"]
        assert column_from_config(column.to_config()) == column
        assert len(notes) == ("n.a." in cells)
    with pytest.raises(InvalidArgument, match="the format 'excel' of dates does not read"):
        kinds({"d": ["red", "blue"] * 9}, dates={"d": "excel"})


def test_a_unit_of_one_and_of_several() -> None:
    words = [f"{k} week{'s' * (k != 1)}" for k in range(9)] * 4
    columns, _, notes = kinds({"w": words})
    assert columns["w"].format.read(pl.Series(words[:3])).tolist() == [0, 1, 2]
    assert notes == ["`w`: numbers with 'weeks' ('0 weeks' is 0)"]
    never_one = [f"{k} days" for k in range(2, 40)]
    column = kinds({"w": never_one})[0]["w"]
    assert column.format.read(pl.Series(["1 day", "7 days", "3 dayz"])).tolist()[:2] == [1, 7]
    assert isinstance(kinds({"w": ["5 m", "7 ms"] * 9})[0]["w"], Category)  # metres, milliseconds


def test_words_with_commas_that_are_no_numbers_are_not_asked_about() -> None:
    columns, _, notes = kinds({"w": [*map(str, range(100, 160)), "1,000+"]})
    assert isinstance(columns["w"], Numeric)
    assert "1 cell of 61 is no number ('1,000+'), taken as missing" in notes[0]
