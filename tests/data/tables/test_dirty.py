"""Tables as they come, odd cells, numbers and dates as people write them: the kind is right, or a note names cells."""

from __future__ import annotations

import datetime
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xlsxwriter

from sloy.data.tables import Table, TableReader, load_table
from sloy.data.tables.columns import Category, Date, Numeric
from sloy.errors import FileFormatError, InvalidArgument, SloyError

N = 200
RANDOM = np.random.default_rng(3)
VALUES = RANDOM.uniform(20, 90, N).round(1)
WHOLE = RANDOM.integers(18, 90, N)
Y = (VALUES * 3 + RANDOM.normal(size=N)).round(2)
DAYS = [datetime.date(2020, 1, 1) + datetime.timedelta(int(k)) for k in RANDOM.integers(0, 1500, N)]


def written(path: Path, columns: dict[str, Any], separator: str = ",") -> Path:
    """A CSV file; cells that hold the separator are quoted."""
    rows = zip(*columns.values(), strict=True)
    lines = [
        separator.join(f'"{c}"' if separator in str(c) else str(c) for c in row) for row in rows
    ]
    path.write_text("\n".join([separator.join(columns), *lines]) + "\n", encoding="utf-8")
    return path


def loaded(cells: Any, tmp_path: Path, separator: str = ",", **options: Any) -> Table:
    """A table of one column and a target, from a file."""
    path = written(tmp_path / "t.csv", {"c": list(cells), "y": Y.tolist()}, separator)
    return load_table(path, "y", **options)


def column(table: Table, name: str = "c") -> Any:
    return next(c for c in table.reader.columns if c.name == name)


def raw_values(table: Table, cells: Any) -> np.ndarray:
    """What the reader took the cells for, in their own units."""
    found = column(table)
    prepared = table.reader.read({"c": list(map(str, cells))})
    return prepared[:, 0].astype(np.float64) * found.deviation + found.mean


WORDS = ["n.a.", "-", "unknown", "see note", "#REF!", "ca. 40"]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("count", [1, 12])
def test_a_few_words_among_numbers_are_missing_and_named(
    word: str, count: int, tmp_path: Path
) -> None:
    cells: list[Any] = WHOLE.tolist()
    rows = RANDOM.choice(N, count, replace=False)
    for row in rows:
        cells[row] = word
    table = loaded(cells, tmp_path, test=0.0, validation=0.0)
    found = column(table)
    kept = np.delete(WHOLE, rows)
    assert isinstance(found, Numeric)
    assert found.mean == pytest.approx(kept.mean())
    assert found.deviation == pytest.approx(kept.std())
    (note,) = [note for note in table.notes if "`c`" in note]
    assert f"{count} cell" in note
    assert repr(word) in note
    assert "taken as missing" in note
    marked = table.train.x[:, table.reader.labels.index("c: missing")]
    assert marked.sum() == count


def test_one_word_for_half_of_the_cells(tmp_path: Path) -> None:
    cells = [("unknown" if i % 5 < 2 else f"{v}") for i, v in enumerate(VALUES)]
    assert isinstance(column(loaded(cells, tmp_path)), Numeric)


ARABIC = str.maketrans("0123456789,.", "٠١٢٣٤٥٦٧٨٩٬٫")
WIDE = str.maketrans("0123456789,.", "０１２３４５６７８９，．")
WRITTEN: dict[str, tuple[Callable[[float], str], str]] = {
    "decimal comma": (lambda v: f"{v:.1f}".replace(".", ","), ";"),
    "decimal comma, quoted": (lambda v: f"{v:.1f}".replace(".", ","), ","),
    "thousands": (lambda v: f"{v * 100:,.0f}", ","),
    "thousands and cents": (lambda v: f"{v * 100:,.2f}", ","),
    "German": (lambda v: f"{v * 100:,.2f}".translate(str.maketrans(",.", ".,")), ";"),
    "French": (lambda v: f"{v * 100:,.2f}".replace(",", "\u202f").replace(".", ","), ";"),
    "Swiss": (lambda v: f"{v * 100:,.2f}".replace(",", "'"), ","),
    "dollars": (lambda v: f"${v * 100:,.2f}", ","),
    "dollars below 0": (lambda v: f"-${v:.2f}", ","),
    "euros": (lambda v: f"{v:.2f} €".replace(".", ","), ";"),
    "roubles": (lambda v: f"{v * 100:.0f} руб.", ","),
    "percent": (lambda v: f"{v}%", ","),
    "percent apart": (lambda v: f"{v} %", ","),
    "minus": (lambda v: f"−{v}", ","),
    "accountants": (lambda v: f"({v * 100:,.2f})", ","),
    "durations": (lambda v: f"{int(v) + 24}:30:15", ","),
    "pandas' durations": (lambda v: f"{int(v)} days 12:30:00", ","),
    "Swiss, curly": (lambda v: f"{v * 100:,.2f}".replace(",", "\u2019"), ","),
    "Arabic": (lambda v: f"{v * 100:,.2f}".translate(ARABIC), ","),
    "full width": (lambda v: f"{v * 100:,.2f}".translate(WIDE), ","),
    "minus apart": (lambda v: f"- {v}", ","),
    "marks that nobody sees": (lambda v: f"\u200b{v}\ufeff" if v > 50 else f"\u200e{v}\u200f", ","),
    "money in millions": (lambda v: f"${v / 1000:.4f}M" if v > 50 else f"${v}k", ","),
    "thousands as k": (lambda v: f"{v / 10:.2f}k" if v > 50 else f"{v}", ","),
    "points between thousands": (lambda v: f"{v * 20_000:,.0f}".replace(",", "."), ","),
}  # fmt: skip
TRUE: dict[str, Callable[[float], float]] = {
    "decimal comma": lambda v: v, "decimal comma, quoted": lambda v: v, "thousands": lambda v: round(v * 100),
    "dollars below 0": lambda v: -v, "euros": lambda v: v, "roubles": lambda v: round(v * 100),
    "percent": lambda v: v, "percent apart": lambda v: v, "minus": lambda v: -v, "accountants": lambda v: -v * 100,
    "minus apart": lambda v: -v, "marks that nobody sees": lambda v: v,
    "money in millions": lambda v: v * 1000, "thousands as k": lambda v: v * (100 if v > 50 else 1),
    "points between thousands": lambda v: round(v * 20_000),
    "durations": lambda v: (int(v) + 24) * 3600 + 1815, "pandas' durations": lambda v: int(v) * 86400 + 45000,
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_numbers_as_people_write_them(name: str, tmp_path: Path) -> None:
    write, separator = WRITTEN[name]
    truth = np.array([TRUE.get(name, lambda v: v * 100)(float(v)) for v in VALUES])
    cells = [write(float(v)) for v in VALUES]
    table = loaded(cells, tmp_path, separator)
    assert isinstance(column(table), Numeric)
    np.testing.assert_allclose(raw_values(table, cells), truth, rtol=1e-5, atol=1e-3)
    if name not in ("minus", "minus apart", "marks that nobody sees"):
        assert any("`c`: " in note for note in table.notes)
    path = written(tmp_path / "y.csv", {"a": VALUES.tolist(), "y": cells}, separator)
    target = load_table(path, "y", test=0.0, validation=0.0)
    assert not target.is_classification
    np.testing.assert_allclose(np.sort(target.train.y), np.sort(truth), rtol=1e-6)


AMBIGUOUS = [f"{v:.3f}".replace(".", ",") for v in VALUES]  # 20,300: twenty, or twenty thousand


def test_a_comma_that_may_be_either_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"`c` holds '\d\d,\d00', which may be .*--decimal"):
        loaded(AMBIGUOUS, tmp_path, ";")
    for decimal, factor in ((",", 1), (".", 1000)):
        table = loaded(AMBIGUOUS, tmp_path, ";", decimal=decimal)
        np.testing.assert_allclose(raw_values(table, AMBIGUOUS), VALUES * factor, rtol=1e-6)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            [f"${v}" if i % 2 else f"{v} €" for i, v in enumerate(VALUES)],
            "numbers of several units",
        ),
        (
            [f"{v}%" if i % 2 else f"{v / 100}" for i, v in enumerate(VALUES)],
            "without a percent sign",
        ),
    ],
)
def test_numbers_in_two_ways_are_refused_by_value(
    cells: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidArgument, match=f"column `c` holds .*{message}"):
        loaded(cells, tmp_path)


FORMATS = [
    "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%y", "%d-%b-%Y",
    "%d %B %Y", "%m/%d/%y", "%d.%m.%y", "%Y/%m/%d", "%m/%d/%Y 03:15 PM", "%Y-%m-%dT10:00:00+02:00",
    "%Y-%m-%d 10:00:00.5", "%Y-%m-%dT10:00:00Z", "%a, %d %b %Y 10:20:30 GMT",
    "%b-%d-%Y", "%A, %d %B %Y", "%d %m %Y",
]  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
def test_dates_as_people_write_them(format: str, tmp_path: Path) -> None:
    cells = [day.strftime(format) for day in DAYS]
    table = loaded(
        cells if "," not in format else [f"{c}" for c in cells], tmp_path, test=0.0, validation=0.0
    )
    found = column(table)
    assert isinstance(found, Date)
    figures = {part: (mean, deviation) for part, mean, deviation in found.parts}
    truth = {
        "year": [d.year for d in DAYS],
        "month": [d.month for d in DAYS],
        "day": [d.day for d in DAYS],
    }
    for part, values in truth.items():
        assert figures[part] == pytest.approx((np.mean(values), np.std(values)))
    if "%y" in format:
        assert any("two-digit years" in note for note in table.notes)


MONTHS = {
    "German": ("Januar Februar März April Mai Juni Juli August September Oktober November Dezember", "{d}. {m} {y}"),
    "German, short": ("Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez.", "Mo, {d}. {m} {y}"),
    "French": ("janvier février mars avril mai juin juillet août septembre octobre novembre décembre", "{d} {m} {y}"),
    "French, short": ("janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.", "{d}-{m}-{y}"),
    "Spanish": (
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre", "{d} de {m} de {y}",
    ),
    "Russian": ("января февраля марта апреля мая июня июля августа сентября октября ноября декабря", "{d} {m} {y} г."),
    "Italian": ("gen feb mar apr mag giu lug ago set ott nov dic", "{d} {m} {y}"),
    "ordinals": (
        "January February March April May June July August September October November December", "{m} {d}th, {y}",
    ),
    "Japanese": ("1 2 3 4 5 6 7 8 9 10 11 12", "{y}年{m}月{d}日"),
    "ISO with and without a time": ("01 02 03 04 05 06 07 08 09 10 11 12", "{y}-{m}-{d:02}{t}"),
}  # fmt: skip


@pytest.mark.parametrize("name", MONTHS)
def test_dates_with_months_in_words(name: str, tmp_path: Path) -> None:
    names, format = MONTHS[name]
    days = [DAYS[k % 40] for k in range(N)]  # they come again, as categories do
    cells = [
        format.format(d=day.day, m=names.split()[day.month - 1], y=day.year, t=" 10:30" * (k % 2))
        for k, day in enumerate(days)
    ]
    found = column(loaded(cells, tmp_path, ";", test=0.0, validation=0.0))
    assert isinstance(found, Date)
    figures = {part: mean for part, mean, _ in found.parts}
    for part in ("year", "month", "day"):
        assert figures[part] == pytest.approx(np.mean([getattr(day, part) for day in days])), part


def test_words_that_look_like_dates_are_told(tmp_path: Path) -> None:
    quarters = [f"{day.year} Q{(day.month + 2) // 3}" for day in DAYS]
    (note,) = loaded(quarters, tmp_path).notes
    assert "look like dates, which no one format reads" in note
    sizes = [f"{v:.0f}.5 x A" for v in VALUES // 3]
    (note,) = loaded(sizes, tmp_path).notes
    assert "numbers with 'x A' beside them" in note


@pytest.mark.parametrize("mark", ["9999-12-31", "1900-01-01"])
def test_a_day_far_from_all_others_is_told(mark: str, tmp_path: Path) -> None:
    cells = [mark if k % 9 == 0 else str(day) for k, day in enumerate(DAYS)]
    table = loaded(cells, tmp_path)
    assert any(f"{mark} in 23 cells is far from all other dates" in note for note in table.notes)
    assert loaded(cells, tmp_path, missing=[mark]).notes == ()
    assert loaded(list(map(str, DAYS)), tmp_path).notes == ()


@pytest.mark.parametrize("mark", ["-9999.0", "-1.00", "1e30", "9999999"])
def test_numbers_that_may_stand_for_none_are_told(mark: str, tmp_path: Path) -> None:
    cells = [mark if k % 9 == 0 else f"{v}" for k, v in enumerate(VALUES)]
    (note,) = loaded(cells, tmp_path).notes
    said = note.rpartition("--missing ")[2]
    assert float(said) == float(mark)
    found = column(loaded(cells, tmp_path, missing=[said], test=0.0, validation=0.0))
    rest = [v for k, v in enumerate(VALUES) if k % 9]
    assert found.mean == pytest.approx(np.mean(rest))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Oslo", "New York", "New  York"], "'New  York', 'New York' look the same"),
        (["Oslo", "Zürich", "Zu\u0308rich"], "look the same"),
        (["e-mail", "e\u2010mail", "post"], "look the same"),
        (["yes", "Y", "no", "TRUE"], "'TRUE', 'Y', 'yes' may be one answer"),
        (["ja", "nein", "no"], "'nein', 'no' may be one answer"),
    ],
)
def test_words_that_may_be_one_are_told(words: list[str], said: str, tmp_path: Path) -> None:
    cells = [words[k % len(words)] for k in range(N)]
    (note,) = loaded(cells, tmp_path).notes
    assert said in note
    target = load_table({"a": VALUES, "y": cells}, "y")
    assert any(said in note for note in target.notes)
    spaced = loaded([f"\u200b{word}\u00a0" for word in cells], tmp_path)
    assert set(column(spaced).words) == set(words)


def test_two_digit_years_are_of_the_century_of_the_field() -> None:
    rows = {"c": ["12/31/69", "12/31/99", "12/31/00", "12/31/68"] * 20, "y": np.arange(80.0)}
    table = load_table(rows, "y", test=0.0, validation=0.0)
    assert {p: m for p, m, _ in column(table).parts}["year"] == np.mean([1969, 1999, 2000, 2068])


def test_a_day_and_a_month_that_may_change_places_are_told(tmp_path: Path) -> None:
    cells = [f"{1 + i % 12:02}/{1 + i % 11:02}/2024" for i in range(N)]
    table = loaded(cells, tmp_path)
    assert any("%m/%d/%Y would fit too: --date c=%m/%d/%Y" in note for note in table.notes)
    assert column(loaded(cells, tmp_path, dates=["c=%m/%d/%Y"])).format == "%m/%d/%Y"


def test_dates_of_digits_by_a_hint(tmp_path: Path) -> None:
    cells = [day.strftime("%Y%m%d") for day in DAYS]
    plain = loaded(cells, tmp_path)
    assert isinstance(column(plain), Numeric)
    assert any("--date c" in note for note in plain.notes)
    assert column(loaded(cells, tmp_path, dates=["c"])).format == "%Y%m%d"
    assert column(loaded(cells, tmp_path, dates={"c": "%Y%m%d"})).format == "%Y%m%d"
    with pytest.raises(
        InvalidArgument, match=r"format 'tomorrow' of dates 'c' is not 'excel' and has none"
    ):
        loaded(cells, tmp_path, dates=["c=tomorrow"])
    for known in ("%q", "%d.%m.%Y"):
        with pytest.raises(
            InvalidArgument, match=f"`c` holds .* which the format '{known}' of dates"
        ):
            loaded(cells, tmp_path, dates=[f"c={known}"])


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_moments_since_1970_by_a_hint(unit: int, tmp_path: Path) -> None:
    days = [(day - datetime.date(1970, 1, 1)).days for day in DAYS]
    found = column(loaded([day * 86400 * unit for day in days], tmp_path, dates=["c"]))
    assert found.format == "%s"
    assert {part: mean for part, mean, _ in found.parts}["year"] == pytest.approx(2021.5, abs=0.5)
    with pytest.raises(InvalidArgument, match="which no known format of a date reads"):
        loaded(WHOLE, tmp_path, dates=["c"])


def test_times_of_day(tmp_path: Path) -> None:
    cells = [f"{i % 24:02}:{i % 60:02}" for i in range(N)]
    found = column(loaded(cells, tmp_path))
    assert [part for part, _, _ in found.parts] == ["hour sin", "hour cos"]
    times = [datetime.time(i % 24, i % 60) for i in range(N)]
    typed = load_table({"c": times, "y": Y}, "y")
    assert [part for part, _, _ in column(typed).parts] == ["hour sin", "hour cos"]


def test_durations_are_seconds() -> None:
    spans = [datetime.timedelta(hours=int(h), minutes=5) for h in WHOLE]
    seconds = WHOLE * 3600.0 + 300
    for rows in (
        pl.DataFrame({"c": spans, "y": Y}),
        pd.DataFrame({"c": pd.to_timedelta(spans), "y": Y}),
    ):
        found = column(load_table(rows, "y", test=0.0, validation=0.0))
        assert found.mean == pytest.approx(seconds.mean())
    target = load_table(pl.DataFrame({"a": VALUES, "c": spans}), "c", test=0.0, validation=0.0)
    assert target.mean == pytest.approx(seconds.mean(), rel=1e-6)


def test_the_clock_on_the_wall_of_pandas_time_zones() -> None:
    stamps = pd.date_range("2024-01-01", periods=N, freq="5h")
    for zone in ("Europe/Berlin", "UTC", "+05:30"):
        rows = pd.DataFrame(
            {"c": stamps.tz_localize(zone, ambiguous=True, nonexistent="shift_forward"), "y": Y}
        )
        naive = pd.DataFrame({"c": rows["c"].dt.tz_localize(None), "y": Y})
        assert load_table(rows, "y").reader == load_table(naive, "y").reader


def test_codes_keep_their_identity(tmp_path: Path) -> None:
    zips = np.array(["00501", "02116", "07030", "10001", "94105"])[RANDOM.integers(0, 5, N)]
    table = loaded(zips, tmp_path)
    assert isinstance(column(table), Category)
    assert set(column(table).words) == {"00501", "02116", "07030", "10001", "94105"}
    assert any("leading zeros" in note and "--numeric c" in note for note in table.notes)
    assert isinstance(column(loaded(zips, tmp_path, numeric=["c"])), Numeric)


@pytest.mark.parametrize("kind", ["text", "int64", "uint64"])
def test_whole_numbers_that_floats_do_not_keep(kind: str, tmp_path: Path) -> None:
    base = 2**63 if kind == "uint64" else 2**53
    keys = [base + 1 + int(k) for k in RANDOM.integers(0, 6, N)]
    typed = {"c": np.array(keys, "uint64" if kind == "text" else kind), "y": Y}
    table = loaded(keys, tmp_path) if kind == "text" else load_table(typed, "y")
    assert isinstance(column(table), Category)
    assert set(column(table).words) == {str(key) for key in keys}
    assert any("more digits than numbers keep" in note for note in table.notes)


@pytest.mark.parametrize("value", [1e12, 1e300, -1e15])
def test_a_number_far_from_all_others_is_named_and_clipped(value: float, tmp_path: Path) -> None:
    cells = VALUES.copy()
    cells[9] = value
    table = loaded(cells, tmp_path, test=0.0, validation=0.0)
    rest = np.delete(VALUES, 9)
    clipped = np.append(rest, rest.max() if value > 0 else rest.min())
    assert column(table).mean == pytest.approx(clipped.mean())
    assert column(table).deviation == pytest.approx(clipped.std())
    assert any(f"{value:g} in row 10" in note for note in table.notes)
    with pytest.warns(UserWarning, match="in row 1: far from all that training had"):
        assert np.isfinite(table.reader.read({"c": [value, 30.0]})).all()


def test_heavy_tails_are_left_alone(tmp_path: Path) -> None:
    cells = np.exp(RANDOM.normal(0, 3, N))
    assert column(loaded(cells, tmp_path)).limits is None


def test_a_target_that_float32_cannot_hold_is_named_and_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", {"a": VALUES.tolist(), "y": [1e300, *Y[1:].tolist()]})
    table = load_table(path, "y", test=0.0, validation=0.0)
    assert len(table.train) == N - 1
    assert any("1e+300 in row 1" in note for note in table.notes), table.notes


def test_words_in_the_target_are_named_and_their_rows_left_out(tmp_path: Path) -> None:
    cells: list[Any] = Y.tolist()
    cells[5] = "missing"
    path = written(tmp_path / "t.csv", {"a": VALUES.tolist(), "y": cells})
    table = load_table(path, "y", test=0.0, validation=0.0)
    assert len(table.train) == N - 1
    assert any("no number in 1 row ('missing')" in note for note in table.notes)
    counts: list[Any] = (WHOLE % 3).tolist()
    counts[4], counts[5] = "unknown", "3+"
    path = written(tmp_path / "k.csv", {"a": VALUES.tolist(), "y": counts})
    classes = load_table(path, "y", test=0.0, validation=0.0)
    assert classes.train.class_names == ("0", "1", "2", "3+")
    assert len(classes.train) == N - 1
    assert any("'unknown'" in note for note in classes.notes)
    assert any("'3+'" in note for note in classes.notes)


def test_few_rows_with_different_numbers_are_numbers() -> None:
    rows = {"x": list(range(10)), "y": [2 * i + 1 for i in range(10)]}
    table = load_table(rows, "y")
    assert not table.is_classification
    counted = load_table({"x": VALUES, "y": WHOLE % 7}, "y")
    assert counted.is_classification
    assert any("--task regression" in note for note in counted.notes)


def test_truth_stays_as_the_file_writes_it(tmp_path: Path) -> None:
    cells = np.where(VALUES > 50, "True", "False")
    path = written(
        tmp_path / "t.csv", {"a": VALUES.tolist(), "c": cells.tolist(), "y": cells.tolist()}
    )
    table = load_table(path, "y")
    assert table.train.class_names == ("False", "True")
    words = table.reader.read({"a": VALUES, "c": cells.tolist()})
    assert np.array_equal(words, table.reader.read({"a": VALUES, "c": VALUES > 50}))
    assert np.array_equal(
        words, table.reader.read({"a": VALUES, "c": np.char.upper(cells).tolist()})
    )


def test_an_empty_column_is_left_out_like_a_constant_one(tmp_path: Path) -> None:
    columns = {"a": VALUES.tolist(), "e": [""] * N, "k": [5] * N, "y": Y.tolist()}
    table = load_table(written(tmp_path / "t.csv", columns), "y")
    assert table.left_out == {"e": "no value in any row", "k": "one value in all training rows"}


def test_words_for_missing(tmp_path: Path) -> None:
    cells: list[Any] = VALUES.tolist()
    cells[3], cells[4] = -999, "absent"
    table = loaded(cells, tmp_path, missing=["-999", "absent"], test=0.0, validation=0.0)
    assert column(table).mean == pytest.approx(np.delete(VALUES, [3, 4]).mean())
    again = TableReader.from_config(table.reader.to_config())
    assert again == table.reader
    assert (
        again.read({"c": [-999]})[0].tolist() == again.read({"c": ["absent"]})[0].tolist() == [0, 1]
    )


def test_mixtures_are_told(tmp_path: Path) -> None:
    cells = [["1", "2", "03", "A7"][i % 4] for i in range(N)]
    table = loaded(cells, tmp_path)
    assert isinstance(column(table), Category)
    assert any("150 of 200 cells are numbers" in note and "'A7'" in note for note in table.notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"numeric": ["c"], "categorical": ["c"]}, "'c' is named twice"),
        ({"decimal": ";"}, r"`decimal` \(=';'\) must be"),
        ({"numeric": ["d"]}, r"`numeric` \(='d'\) is none of its columns"),
        ({"dates": ["d"]}, r"`dates` \(='d'\) is none of its columns"),
        ({"dates": ["c"]}, "which no known format of a date reads"),
    ],
)
def test_hints_that_do_not_fit(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=message):
        loaded(["red", "green"] * (N // 2), tmp_path, **options)


# --- files ----------------------------------------------------------------------------------------------------------

PLAIN = "a,y\n" + "".join(f"{v},{y}\n" for v, y in zip(VALUES, Y, strict=True))
BESIDE = {
    "CR": PLAIN.replace("\n", "\r").encode(),
    "CRLF": PLAIN.replace("\n", "\r\n").encode(),
    "sep": ("sep=;\n" + PLAIN.replace(",", ";")).encode(),
    "sep with a mark": b"\xef\xbb\xbfsep=;\r\n"
    + PLAIN.replace(",", ";").replace("\n", "\r\n").encode(),
    "sep, a comment and CR": ("sep=;\n# exported\n" + PLAIN.replace(",", ";"))
    .replace("\n", "\r")
    .encode(),
    "comments": ("# exported\n# on Monday, at noon\n" + PLAIN).encode(),
}


def zipped(content: bytes, *names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize("name", [*BESIDE])
@pytest.mark.parametrize("packed", ["", "zip", "gzip"])
def test_files_as_programs_write_them(name: str, packed: str, tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_text(PLAIN)
    content = BESIDE[name]
    if packed == "zip":
        content = zipped(content, "t.csv")
    elif packed == "gzip":
        content = gzip.compress(content)
    (tmp_path / "t.csv").write_bytes(content)
    ours, plain = (load_table(tmp_path / file, "y") for file in ("t.csv", "plain.csv"))
    assert ours.reader == plain.reader
    assert np.array_equal(ours.train.x, plain.train.x)


def test_archives_of_several_files_and_damaged_ones(tmp_path: Path) -> None:
    (tmp_path / "t.zip").write_bytes(zipped(PLAIN.encode(), "a.csv", "b.csv"))
    with pytest.raises(FileFormatError, match=r"archive \(ZIP\) of 2 files \(a.csv, b.csv\)"):
        load_table(tmp_path / "t.zip", "y")
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04" + bytes(200))
    with pytest.raises(FileFormatError, match=r"archive \(ZIP\), and damaged"):
        load_table(tmp_path / "bad.zip", "y")


def test_a_header_that_begins_with_a_hash_is_one(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("#" + PLAIN)
    assert load_table(tmp_path / "t.csv", "y").reader.names == ("#a",)


def test_workbooks(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": VALUES, "y": Y})
    frame.write_excel(tmp_path / "t.xlsx")
    assert load_table(tmp_path / "t.xlsx", "y").reader == load_table(frame, "y").reader


def test_errors_in_a_workbook_are_missing_and_named(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "t.xlsx")
    sheet = book.add_worksheet()
    for k, row in enumerate([["a", "b", "y"], *zip(VALUES, WHOLE, Y, strict=True)]):
        sheet.write_row(k + 1, 1, row)
    for cell, error in (("B7", "#N/A"), ("B9", "#DIV/0!"), ("C4", "#NAME?"), ("D12", "#VALUE!")):
        sheet.write_formula(cell, "=1/0", None, error)
    book.close()
    table = load_table(tmp_path / "t.xlsx", "y", test=0.0, validation=0.0)
    rest = np.delete(np.arange(N), [4, 6, 9])  # the last has no target
    assert column(table, "a").mean == pytest.approx(VALUES[rest].mean())
    assert column(table, "b").mean == pytest.approx(WHOLE[np.delete(np.arange(N), [1, 9])].mean())
    said = "\n".join(table.notes)
    assert "`a`: 2 cells hold errors (#N/A in B7, #DIV/0! in B9), taken as missing" in said
    assert "`b`: 1 cell holds an error (#NAME? in C4), taken as missing" in said
    assert "`y`: 1 cell holds an error (#VALUE! in D12), taken as missing" in said


# --- a generator of dirty tables, whose truth is known ----------------------------------------------------------------

STRAYS = ["n.a.", "-", "unknown", "tbd", "see above", "<5", "12 approx", "#DIV/0!"]


def number_cells(random: np.random.Generator, rows: int) -> list[str]:
    scale = 10 ** random.uniform(-1, 3)
    values = random.normal(0, scale, rows)
    styles: list[Callable[[float], str]] = [
        lambda v: f"{v:.3g}", lambda v: f"{v:.2f}", lambda v: f"{v * 10:,.2f}", lambda v: f"${abs(v):,.2f}",
        lambda v: f"{v:.2f}%", lambda v: f"{v * 100:.0f}", lambda v: f"{v:.4f}".replace(".", ","),
        lambda v: f"{v:.2f} kg", lambda v: f"{v:,.2f}km/h",
    ]  # fmt: skip
    style = styles[random.integers(len(styles))]
    return [style(float(v)) for v in values]


def date_cells(random: np.random.Generator, rows: int) -> list[str]:
    format = FORMATS[random.integers(len(FORMATS))]
    start = datetime.datetime(2000, 1, 1)
    return [
        (start + datetime.timedelta(int(k))).strftime(format)
        for k in random.integers(0, 9000, rows)
    ]


def word_cells(random: np.random.Generator, rows: int) -> list[str]:
    lists = [
        ["red", "green", "blue"],
        ["A1", "B2", "C3", "D4"],
        ["01", "02", "10", "99"],
        ["yes", "no"],
        ["1a", "2b"],
    ]
    words = lists[random.integers(len(lists))]
    return [words[k] for k in random.integers(0, len(words), rows)]


MAKERS = {"numeric": number_cells, "date": date_cells, "category": word_cells}


def tried(path: Path) -> tuple[Table | None, str]:
    """The table, or why it is refused."""
    try:
        return load_table(path, "y"), ""
    except SloyError as error:
        return None, str(error)


@pytest.mark.parametrize("seed", range(40))  # 100 have been tried
def test_no_silent_change_of_kind(seed: int, tmp_path: Path) -> None:
    """Ten tables each: random kinds, shares and places of dirt."""
    random = np.random.default_rng(seed)
    for _ in range(10):
        rows = int(random.integers(60, 160))
        truth = [str(k) for k in random.choice(list(MAKERS), 3)]
        columns = {f"c{k}": MAKERS[kind](random, rows) for k, kind in enumerate(truth)}
        dirty: dict[str, int] = {}
        for name, cells in columns.items():
            count = int(random.choice([0, 1, 2, 5, 0.05 * rows, 0.2 * rows]))
            strays = random.choice(STRAYS, int(random.integers(1, 4)), replace=False)
            for row in random.choice(rows, count, replace=False):
                cells[row] = str(random.choice(strays))
            dirty[name] = count
        table_columns = {**columns, "y": random.normal(size=rows).round(3).tolist()}
        path = written(tmp_path / "t.csv", table_columns)
        table, refused = tried(path)
        if table is None:
            named = [name for name in columns if f"`{name}`" in refused or repr(name) in refused]
            assert named, refused
            assert all(dirty[name] for name in named), f"a clean column is refused: {refused}"
            continue
        for name, kind in zip(columns, truth, strict=True):
            found = next(c.kind for c in table.reader.columns if c.name == name)
            noted = any(f"`{name}`" in note for note in table.notes)
            assert found == kind or noted, (name, kind, found, columns[name][:10])
            if not dirty[name]:
                assert found == kind, (name, kind, found, columns[name][:10])
            elif found != "category":
                assert noted, "cells are missing without a word"
