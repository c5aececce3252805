"""Cells as exports of Excel, SAP, SQL, Stata and R, of sensors and of other countries have them: a table of cases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from sloy.data.tables.columns import Category, Date, Numeric
from sloy.data.tables.hints import Hints, in_python, option
from sloy.data.tables.inference import conclude, look
from sloy.data.tables.numerals import NumberFormat
from sloy.data.tables.sources import open_table

N = 60
VALUES = np.random.default_rng(5).uniform(20, 90, N).round(1)


def read(cells: Sequence[object], hints: Hints | None = None) -> tuple[object, list[str]]:
    """The column, None where it is left out, and the notes."""
    source = open_table({"c": list(map(str, cells))})
    columns, _, notes = conclude("t", look(source, ["c"], np.ones(len(cells), bool), hints))
    return (columns[0] if columns else None), notes


def numbers(column: object, cells: Sequence[str]) -> np.ndarray:
    """What a column of numbers takes cells for."""
    assert isinstance(column, Numeric)
    format = NumberFormat(column.decimal, column.thousands, column.unit)
    found = format.read(pl.Series(list(cells)))
    return found if column.limits is None else np.clip(found, *column.limits)


@pytest.mark.parametrize(
    ("written", "factor"),
    [
        ("Rs. {:.1f}/-", 1), ("Rs {:.1f}", 1), ("A${:.1f}", 1), ("HK$ {:.1f}", 1), ("₹{:.1f} lakh", 1e5),
        ("{:.1f}元", 1),
        ("₱{:.1f}", 1), ("{:.1f} T€", 1e3), ("${:.1f}T", 1e12), ("SGD {:.1f}", 1), ("{:.1f}万円", 1e4),
    ],
)  # fmt: skip
def test_money(written: str, factor: float) -> None:
    cells = [written.format(v) for v in VALUES]
    column, notes = read(cells)
    assert notes
    np.testing.assert_allclose(numbers(column, cells), VALUES * factor)


@pytest.mark.parametrize("zero", [0x9E6, 0xE50, 0xAE6])
def test_digits_of_other_scripts(zero: int) -> None:
    cells = [str(v).translate({48 + k: chr(zero + k) for k in range(10)}) for v in VALUES]
    np.testing.assert_allclose(numbers(read(cells)[0], cells), VALUES)


@pytest.mark.parametrize(
    ("written", "truth"),
    [
        ("4 PM", (None, None, None, 16)), ("4pm", (None, None, None, 16)), ("05/31/2011 4 PM", (2011, 5, 31, 16)),
        ("2011/04", (2011, 4, None, None)), ("2011-04-02 16", (2011, 4, 2, 16)), ("12h30", (None, None, None, 12)),
        ("31DEC2011:16:20:05", (2011, 12, 31, 16)), ("01jan2011", (2011, 1, 1, None)),
        ("31-Mrz-11", (2011, 3, 31, None)),
        ("31.12.2011, 16:20 Uhr", (2011, 12, 31, 16)), ("12/31/2011, 4:05:06 PM", (2011, 12, 31, 16)),
        ("31/Dec/2011:16:20:05 +0000", (2011, 12, 31, 16)), ("2011-12-31 16:20:05+00", (2011, 12, 31, 16)),
        ("Sat Dec 31 2011 16:20:05 GMT+0200 (EET)", (2011, 12, 31, 16)), ("2011:12:31 16:20:05", (2011, 12, 31, 16)),
        ("2011년 12월 31일", (2011, 12, 31, None)), ("2011. 12. 31.", (2011, 12, 31, None)),
        ("2011年5月", (2011, 5, None, None)),
        ("31st of December 2011", (2011, 12, 31, None)), ("31 desember 2011", (2011, 12, 31, None)),
        ("3 marts 2011", (2011, 3, 3, None)), ("5 Μαΐου 2011", (2011, 5, 5, None)), ("5 مايو 2011", (2011, 5, 5, None)),
        ("April, 2011", (2011, 4, None, None)),
    ],
)  # fmt: skip
def test_dates_and_times(written: str, truth: tuple[int | None, ...]) -> None:
    from sloy.data.tables.dates import read_moments

    others = [written.replace("2011", str(2011 + 7 * k)) for k in range(3)]
    others[1] = others[1].replace("z-11", "z-12")
    if truth[0] is None:
        others = [written, written.replace("4", "5").replace("12", "13")]
    column, _ = read(
        [others[k % len(others)] for k in range(N)] if "Sat" not in written else [written, ""] * 30
    )
    assert isinstance(column, Date)
    when = read_moments(pl.Series([written]), column.format)[0]
    for part, value in zip(("year", "month", "day", "hour"), truth, strict=True):
        assert value is None or getattr(when, part) == value, when


def test_times_within_an_hour_are_durations() -> None:
    cells = [f"00:{10 + k % 40}:{k % 60:02}.5" for k in range(N)]
    column, notes = read(cells)
    found = [60 * (10 + k % 40) + k % 60 + 0.5 for k in range(N)]
    np.testing.assert_allclose(numbers(column, cells), found)
    assert any("durations, in seconds" in note for note in notes)


def test_hours_of_opening_are_no_times_with_an_offset() -> None:
    column, _ = read(["9:00-17:00", "10:00-18:00", "08:00-12:00"] * 20)
    assert isinstance(column, Category)


@pytest.mark.parametrize("codes", [["61E6", "70E1", "14E3"], ["1e5", "2e3", "30"]])
def test_codes_like_numbers_stay_names(codes: list[str]) -> None:
    column, notes = read(codes * 20)
    assert isinstance(column, Category)
    assert set(column.words) == set(codes)
    assert any("with an E between digits" in note and "--numeric c" in note for note in notes)
    forced, _ = read(codes * 20, Hints(numeric={"c"}))
    np.testing.assert_allclose(numbers(forced, codes), np.array(codes, float))


def test_exponents_as_programs_write_them_are_numbers() -> None:
    cells = [f"{v:.2E}" for v in VALUES * 1e5]
    column, notes = read([*cells, "1e30"])
    np.testing.assert_allclose(numbers(column, cells), np.array(cells, float))
    assert not any("names" in note for note in notes)


@pytest.mark.parametrize(
    ("written", "mark"),
    [
        ("{:.1f} kg", "-999"), ("{:.1f} kg", "-999 kg"), ("${:.1f}", "$9999.0"), ("{:.1f} €", "9999"),
        ("{:.1f}%", "999999%"), ("{:,.2f}", "-9999"), ("CHF {:.1f}", "CHF 1e30"),
    ],
)  # fmt: skip
def test_numbers_for_none_among_numbers_with_units(written: str, mark: str) -> None:
    factor = 1000 if "," in written else 1
    cells = [mark if k % 6 == 0 else written.format(v * factor) for k, v in enumerate(VALUES)]
    column, notes = read(cells)
    (said,) = [note for note in notes if "--missing" in note]
    assert f"{mark} in 10 cells is" in said
    assert said.endswith(option("missing", mark))
    kept, notes = read(cells, Hints(missing=(mark,)))
    assert isinstance(kept, Numeric)
    rest = [v * factor for k, v in enumerate(VALUES) if k % 6]
    assert kept.mean == pytest.approx(np.mean(rest))
    assert not any("--missing" in note for note in notes)
    assert isinstance(column, Numeric)


def test_a_number_far_from_others_with_a_unit_is_clipped() -> None:
    cells = [f"{v} kg" for v in VALUES]
    for mark in ("1e300", "1e300 kg"):
        column, notes = read([*cells, mark])
        assert numbers(column, [mark])[0] == VALUES.max()
        assert any("1e+300" in note and "far from all others" in note for note in notes)
    column, notes = read([*cells, "Inf"])
    assert any("'Inf'" in note and "taken as missing" in note for note in notes)


def test_a_few_numbers_without_the_percent_sign_are_told() -> None:
    cells = [f"{v}%" for v in VALUES]
    column, notes = read([*cells, "0", "0"])
    np.testing.assert_allclose(numbers(column, [*cells, "0"]), [*VALUES, 0])
    assert any("2 cells without a percent sign" in note for note in notes)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["7/10", "8/10", "9/10", "5/10", "n.a."] * 12, "numbers with '/' beside them"),
        (
            [f"{4 + k % 30 // 12}'{k % 30 % 12}\"" for k in range(N)],
            "beside them, which is not read",
        ),
        ([f"{2011 + k % 5} Q{k % 4 + 1}" if k % 20 else "-" for k in range(N)], "look like dates"),
        ([f"{k % 12 + 1:02}.{2011 + k % 7}" for k in range(N)], "months .*--date c=%m.%Y"),
        ([f"{2011 + k % 7}.{k % 12 + 1:02}" for k in range(N)], "months .*--date c=%Y.%m"),
    ],
)
def test_what_is_not_read_is_told(cells: list[str], said: str) -> None:
    (note,) = pl.Series(read(cells)[1]).filter(pl.Series(read(cells)[1]).str.contains(said))
    if "months" in said:
        format = said.partition("c=")[2]
        column, _ = read(cells, Hints(dates={"c": format}))
        assert isinstance(column, Date), note
        years = {part: mean for part, mean, _ in column.parts}["year"]
        assert years == pytest.approx(np.mean([2011 + k % 7 for k in range(N)]))


def test_missing_as_databases_write_it() -> None:
    column, notes = read([*map(str, VALUES), "\\N", "NULL", "#N/A"])
    assert isinstance(column, Numeric)
    assert column.missing
    assert notes == []


def test_names_of_columns_are_quoted_for_the_shell() -> None:
    said = f"say {option('numeric', 'age of roof')}, {option('date', 'a b=%d.%m.%Y')} or {option('decimal', ',')}."
    assert said == "say --numeric 'age of roof', --date 'a b=%d.%m.%Y' or --decimal ,."
    found = in_python(said, "table")
    assert (
        found
        == "say table={'numeric': ['age of roof']}, table={'dates': ['a b=%d.%m.%Y']} or table={'decimal': ','}."
    )
    quoted = in_python(option("ignore", "it's"), "table")
    assert quoted == "table={'ignore': [\"it's\"]}"
