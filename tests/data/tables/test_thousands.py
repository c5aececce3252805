"""Marks that may be decimal ones or stand between thousands: read as the column or the table says, else not guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sloy.data.tables import Table, labelled_rows, load_table, open_table
from sloy.data.tables.columns import Numeric
from sloy.data.tables.remarks import Remarks
from sloy.errors import InvalidArgument

N = 60
RANDOM = np.random.default_rng(5)
WHOLE = RANDOM.integers(1_000, 999_999, N)  # all with one mark between thousands
WHOLE[:6] = 743_564, 1_250, 2_500, 640_001, 12_345, 31_007
REAL = RANDOM.uniform(1, 90, N).round(1)
TO_GERMAN = str.maketrans(",.", ".,")


def with_points(values: Any) -> list[str]:
    """743.564"""
    return [f"{v:,}".translate(TO_GERMAN) for v in values.tolist()]


OTHERS = {  # of another column of the table
    "decimal commas": [f"{v:.1f}".replace(".", ",") for v in REAL],
    "decimal points": [f"{v:.1f}" for v in REAL],
    "whole": [str(round(v * 7)) for v in REAL],
}


def written(path: Path, columns: dict[str, list[str]], separator: str) -> Path:
    """A file, its cells quoted where they hold the separator."""
    rows = [columns, *zip(*columns.values(), strict=True)]
    lines = (separator.join(f'"{w}"' if separator in w else w for w in row) for row in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def loaded(
    folder: Path,
    cells: list[str],
    other: str,
    separator: str = ";",
    target: str = "y",
    **options: Any,
) -> Table:
    """A table of some cells and another column."""
    both = other == "both"
    columns = {"c": cells, "other": OTHERS["decimal commas" if both else other]}
    columns |= {"more": OTHERS["decimal points"]} if both else {}
    columns["y"] = [str(k * k) for k in range(N)]
    path = written(folder / "t.csv", columns, separator)
    return load_table(path, target, test=0.0, validation=0.0, **options)


def values(table: Table, source: Any) -> np.ndarray:
    """The cells of the column `c` in a file, as the table's reader takes them."""
    column = next(c for c in table.reader.columns if c.name == "c")
    assert isinstance(column, Numeric)
    (frame,) = open_table(source).frames(["c"])
    (x, *_) = column.prepare(frame["c"], Remarks())
    return x * column.deviation + column.mean


WAYS = {  # around a number, and its sign
    "{}": 1, "{} €": 1, "€{}": 1, "EUR {}": 1, "{} kg": 1, "-{}": -1, "({})": -1, "{}-": -1, "−{} €": -1,
    "€ ({})": -1, "({} €)": -1, "{}- €": -1, "{} €-": -1, "{} kg-": -1, "{},00": 1, "{},5 €": 1, "{},- €": 1,
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("separator", ";,")
def test_points_between_thousands_where_other_columns_have_decimal_commas(
    way: str, separator: str, tmp_path: Path
) -> None:
    cells = [way.format(word) for word in with_points(WHOLE)]
    true = WAYS[way] * (WHOLE + 0.5 * (",5" in way))
    table = loaded(tmp_path, cells, "decimal commas", separator)
    np.testing.assert_allclose(values(table, tmp_path / "t.csv"), true, rtol=1e-9)
    assert (
        sum(
            "`c`" in note and f"is {WAYS[way] * (743564 + 0.5 * (',5' in way)):g}" in note
            for note in table.notes
        )
        == 1
    )
    target = loaded(tmp_path, cells, "decimal commas", separator, "c", task="regression")
    np.testing.assert_array_equal(target.train.y, true)


def test_later_files_are_read_as_training_was(tmp_path: Path) -> None:
    """A cell that training did not have is read in the same way, in columns that had no mark at all, too."""
    small = [str(k % 900) for k in range(N)]
    table = loaded(tmp_path, small, "decimal commas")
    assert not any("`c`: numbers" in note for note in table.notes)
    later = {"c": ["1.234", "12", "1.234,5", "0,5", "12.5"], "other": ["1,5"] * 5}
    column = table.reader.columns[0]
    assert values(table, later)[:4] == pytest.approx([1234, 12, 1234.5, 0.5])
    with pytest.warns(UserWarning, match=r"cannot be read \('12.5' in row 5\)"):
        assert table.reader.read(later)[4, 0] == 0
    assert column.mean == pytest.approx(np.mean([k % 900 for k in range(N)]))
    target = loaded(tmp_path, small, "decimal commas", target="c", task="regression")
    path = written(
        tmp_path / "new.csv", {"c": ["1.234", "7"], "other": ["1,5"] * 2, "y": ["1"] * 2}, ";"
    )
    assert labelled_rows(path, target.reader, ()).data.y.tolist() == [1234, 7]


def test_commas_as_other_columns_have_them(tmp_path: Path) -> None:
    cells = [f"{v:,}" for v in WHOLE.tolist()]
    for other, separator, unit in (
        ("decimal commas", ",", 1e-3), ("decimal commas", ";", 1e-3), ("decimal points", "\t", 1),
        ("decimal points", ",", 1), ("whole", ",", 1), ("both", ",", 1),
    ):  # fmt: skip
        table = loaded(tmp_path, cells, other, separator)
        np.testing.assert_allclose(values(table, tmp_path / "t.csv"), WHOLE * unit, rtol=1e-9)
        assert any("'743,564' is" in note for note in table.notes)
    beside = [*cells[:-9], *["12.5"] * 9]  # in the same column
    table = loaded(tmp_path, beside, "whole")
    assert values(table, tmp_path / "t.csv")[-1] == pytest.approx(12.5)
    assert values(table, tmp_path / "t.csv")[0] == pytest.approx(743_564)


@pytest.mark.parametrize("other", ["whole", "both"])
@pytest.mark.parametrize("target", ["y", "c"])
def test_what_nothing_tells_is_refused(other: str, target: str, tmp_path: Path) -> None:
    points = with_points(WHOLE)
    for cells, example in (
        ([f"{word} €" for word in points], "'743.564 €', which may be a decimal point"),
        ([f"{v:,}" for v in WHOLE.tolist()], "'743,564', which may be a decimal comma"),
    ):
        with pytest.raises(InvalidArgument, match=f"{example} or a mark between thousands; say so"):
            loaded(tmp_path, cells, other, target=target)
    with pytest.raises(InvalidArgument, match="which may be a decimal comma"):  # by semicolons
        loaded(tmp_path, [f"{v:,}" for v in WHOLE.tolist()], "decimal points", target=target)
    for decimal, unit in ((",", 1), (".", 1e-3)):
        table = loaded(tmp_path, [f"{word} €" for word in points], "whole", decimal=decimal)
        np.testing.assert_allclose(values(table, tmp_path / "t.csv"), WHOLE * unit, rtol=1e-9)


def test_points_that_may_stand_between_thousands_get_a_note(tmp_path: Path) -> None:
    cells, said = with_points(WHOLE), "every point is followed by three digits"
    mixed = [word if k % 3 else str(k) for k, word in enumerate(cells)]
    for words, separator in ((cells, ";"), (mixed, ","), ([*cells[:-1], "n.a."], ";")):
        table = loaded(tmp_path, words, "whole", separator)
        assert any("`c`" in note and said in note for note in table.notes)
    table = loaded(tmp_path, cells, "decimal points")
    assert not any(said in note for note in table.notes)
    assert values(table, tmp_path / "t.csv")[0] == pytest.approx(743.564)


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["1.234,50", "743.564", "12,5", "7", "1.000.000,25"], [1234.5, 743_564, 12.5, 7, 1_000_000.25]),
        (["1,234.50", "743,564", "12.5", "7", "1,000,000.25"], [1234.5, 743_564, 12.5, 7, 1_000_000.25]),
        (["1'234.50", "743'564", "12.5", "7", "1’000’000.25"], [1234.5, 743_564, 12.5, 7, 1_000_000.25]),
        (["1 234,50", "743 564", "12,5", "7", "1 000 000,25"], [1234.5, 743_564, 12.5, 7, 1_000_000.25]),
        (["12,34,567.5", "1,234", "99.5", "7", "1,00,000"], [1_234_567.5, 1234, 99.5, 7, 100_000]),
        (["1.234,50-", "743.564-", "12,5", "17-", "(5,5)"], [-1234.5, -743_564, 12.5, -17, -5.5]),
        (["1.299,-", "5,-", "12,50", "7,--", "743.564,-"], [1299, 5, 12.5, 7, 743_564]),
        (["$1,234.50", "$(743,564)", "-$12.5", "$7", "($8.5)"], [1234.5, -743_564, -12.5, 7, -8.5]),
        (["CHF 1'234.50", "CHF 743'564.-", "CHF 12.5", "CHF 7", "-CHF 8"], [1234.5, 743_564, 12.5, 7, -8]),
    ],
)  # fmt: skip
def test_a_column_that_tells_it_by_itself(
    cells: list[str], read: list[float], tmp_path: Path
) -> None:
    table = loaded(tmp_path, cells * (N // 5), "whole")
    np.testing.assert_allclose(values(table, tmp_path / "t.csv")[:5], read, rtol=1e-9)
    target = loaded(tmp_path, cells * (N // 5), "whole", target="c", task="regression")
    np.testing.assert_array_equal(target.train.y[:5], read)
