"""Small tables, each what somebody reported of some tool: the kinds of the columns, their values, what is said."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sloy.data.tables import Table, load_table
from sloy.errors import FileFormatError, SloyError

N = 120
RANDOM = np.random.default_rng(7)
AREA = RANDOM.uniform(30, 200, N).round(1)
ROOMS = RANDOM.integers(1, 7, N)
PRICE = (AREA * 900 + ROOMS * 4000).round().astype(int)

ERRORS = ("#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")

Cells = Callable[[int], list[Any]]
Expected = dict[str, Any]


def put(path: Path, header: list[str], cells: Cells, rows: int = N, **options: Any) -> Path:
    stream = io.StringIO(newline="")
    mark = options.pop("mark", b"")
    writer = csv.writer(stream, lineterminator="\n", **options)
    writer.writerow(header)
    writer.writerows(cells(i) for i in range(rows))
    path.write_bytes(mark + stream.getvalue().encode())
    return path


def values(table: Table, name: str) -> np.ndarray:
    """The raw numbers of a column, out of all prepared rows in no order."""
    found = next(c for c in table.reader.columns if c.name == name)
    prepared = table.train.x[:, table.reader.labels.index(name)].astype(float)
    return np.sort(prepared * found.deviation + found.mean)  # type: ignore[attr-defined]


# Name → header, cells, kinds by column, numbers of one column, what a note says.
TABLES: dict[str, tuple[list[str], Cells, Expected, tuple[str, np.ndarray] | None, str]] = {
    "the last column without a name": (
        ["area", "y", ""], lambda i: [AREA[i], PRICE[i], ""], {"area": "numeric"}, ("area", AREA), "",
    ),
    "percent of few values": (
        ["off", "y"], lambda i: [f"{ROOMS[i] * 10}%", PRICE[i]], {"off": "numeric"}, ("off", ROOMS * 10), "'%'",
    ),
    "thousands of few values": (
        ["m", "y"], lambda i: [f"{ROOMS[i] * 300:,}", PRICE[i]], {"m": "numeric"}, ("m", ROOMS * 300), "thousands",
    ),
    "decimal commas, some whole": (
        ["a", "y"], lambda i: [f"{round(AREA[i] * 2) / 2:g}".replace(".", ","), PRICE[i]], {"a": "numeric"},
        ("a", (AREA * 2).round() / 2), "decimal comma",
    ),
    "a region named NA": (
        ["region", "area", "y"], lambda i: [["NA", "EU", "AS"][i % 3], AREA[i], PRICE[i]],
        {"region": "category", "area": "numeric"}, ("area", AREA), "",
    ),
    "line ends and quotes in names and cells": (
        ["note\nof day", "area", "y"], lambda i: ["a\nb" if i % 2 else 'a, "b"', AREA[i], PRICE[i]],
        {"note\nof day": "category", "area": "numeric"}, ("area", AREA), "",
    ),
    "many users": (
        ["user", "y"], lambda i: [f"u{i % 40}", PRICE[i]], {"user": "category"}, None, "",
    ),
    "the number of the row": (
        ["id", "area", "y"], lambda i: [100_000 + i, AREA[i], PRICE[i]], {"id": "numeric", "area": "numeric"},
        ("id", 100_000 + np.arange(N)), "`id` counts the rows",
    ),
    "a key beyond 2^53": (
        ["key", "y"], lambda i: [2**53 + i % 8, PRICE[i]], {"key": "category"}, None, "more digits than numbers keep",
    ),
    "tiny targets": (
        ["area", "y"], lambda i: [AREA[i], f"{AREA[i] * 1e-12:.6e}"], {"area": "numeric"}, ("area", AREA), "",
    ),
    "a quarter of the targets missing": (
        ["area", "y"], lambda i: [AREA[i], "" if i % 4 == 0 else PRICE[i]], {"area": "numeric"},
        ("area", np.delete(AREA, slice(0, N, 4))), "30 of 120 rows have no `y`",
    ),
    "one of a class": (
        ["area", "y"], lambda i: [AREA[i], "rare" if i == 0 else "big" if AREA[i] > 100 else "small"],
        {"area": "numeric"}, ("area", AREA), "few training rows for the classes 'rare'",
    ),
    "errors of a spreadsheet, of many kinds": (
        ["area", "y"], lambda i: [ERRORS[i // 4 % 6] if i % 4 == 0 else AREA[i], PRICE[i]], {"area": "numeric"}, None,
        "25 cells of 115 are no numbers",
    ),
    "a few decimal commas among points": (
        ["area", "y"], lambda i: [f"{AREA[i]}".replace(".", "," if i % 20 == 0 else "."), PRICE[i]],
        {"area": "numeric"}, None, "6 cells of 120 are no numbers",
    ),
    "minus signs of a word processor": (
        ["a", "y"], lambda i: [("−" if i % 2 else "–") + str(AREA[i]), PRICE[i]], {"a": "numeric"}, ("a", -AREA), "",
    ),
    "digits of another script": (
        ["a", "y"], lambda i: [str(ROOMS[i] * 111 + i).translate(ARABIC), PRICE[i]], {"a": "numeric"},
        ("a", ROOMS * 111 + np.arange(N)), "",
    ),
    "numbers that a spreadsheet keeps as text": (
        ["a", "b", "y"], lambda i: [f"'{ROOMS[i] + i % 50}", f'="{ROOMS[i] * 7 + i}"', PRICE[i]],
        {"a": "numeric", "b": "numeric"}, ("b", ROOMS * 7 + np.arange(N)), "",
    ),
    "codes that a spreadsheet keeps as text": (
        ["zip", "y"], lambda i: [f'="0{1000 + ROOMS[i]}"', PRICE[i]], {"zip": "category"}, None, "leading zeros",
    ),
    "scores": (
        ["score", "y"], lambda i: [f"{ROOMS[i]}:{i % 4}", PRICE[i]], {"score": "category"}, None, "",
    ),
    "towns in capitals and not": (
        ["town", "y"], lambda i: [["Oslo", "OSLO", "Rome"][i % 3], PRICE[i]], {"town": "category"}, None,
        "'OSLO', 'Oslo' differ in capitals only",
    ),
    "answers in capitals and not": (
        ["area", "y"], lambda i: [AREA[i], ["Yes", "yes", "no"][i % 3]], {"area": "numeric"}, ("area", AREA),
        "'Yes', 'yes' differ in capitals only, and are taken for different classes",
    ),
    "a total at the end": (
        ["area", "y"], lambda i: ["Total", PRICE[:-1].sum()] if i == N - 1 else [AREA[i], PRICE[i]],
        {"area": "numeric"}, None, "in row 120",
    ),
    "durations to predict": (
        ["area", "y"], lambda i: [AREA[i], f"{i % 7}:{i % 60:02d}:{ROOMS[i]:02d}"], {"area": "numeric"},
        ("area", AREA), "`y`: durations, in seconds ('0:00:0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_columns_are_what_they_are(name: str, tmp_path: Path) -> None:
    header, cells, kinds, numbers, said = TABLES[name]
    separator = ";" if "decimal" in name else ","
    path = put(tmp_path / "t.csv", header, cells, delimiter=separator)
    table = load_table(path, "y", test=0.0, validation=0.0)
    assert {c.name: c.kind for c in table.reader.columns} == kinds
    if numbers is not None:
        np.testing.assert_allclose(values(table, numbers[0]), np.sort(numbers[1]), rtol=1e-6)
    assert any(said in note for note in table.notes) or (not said and not table.notes)


def test_a_mark_before_a_quoted_target(tmp_path: Path) -> None:
    path = put(
        tmp_path / "t.csv", ["price", "area"], lambda i: [PRICE[i], AREA[i]],
        quoting=csv.QUOTE_ALL, mark=b"\xef\xbb\xbf",
    )  # fmt: skip
    table = load_table(path, "price", test=0.0, validation=0.0)
    assert np.array_equal(np.sort(table.train.y), np.sort(PRICE))


@pytest.mark.parametrize(
    ("header", "cells", "message"),
    [
        (["a", "y"], lambda i: [AREA[i], PRICE[i], ""], "line 2 has 3 fields, the header 2"),
        (["a", "a", "y"], lambda i: [AREA[i], 1, PRICE[i]], "columns 1 and 2 are both named 'a'"),
        (["1.5", "7"], lambda i: [AREA[i], PRICE[i]], "it must name the columns"),
        (
            ["a", "y"],
            lambda i: [5, PRICE[i]],
            r"to predict the target `y` from: column `a` \(one value in all training rows",
        ),
        (
            ["y"],
            lambda i: [PRICE[i]],
            "has no column but the target `y`: there is nothing to predict it from",
        ),
        (
            ["x", "z"],
            lambda i: ["a", "y"] if i == 0 else [AREA[i], PRICE[i]],
            "; line 2 has it: take out what",
        ),
        (["a y"], lambda i: [f"{AREA[i]} {PRICE[i]}"], "its first line, 'a y', has no separator"),
        (
            ["a", "y"],
            lambda i: [f"{AREA[i]}".replace(".", ".,"[i % 2]), PRICE[i]],
            "a decimal comma and a decimal",
        ),
        (
            ["a", "y"],
            lambda i: [f"{AREA[i]} {'€$'[i % 2]}", PRICE[i]],
            r"t\.csv: column `a` holds '.* €' and",
        ),
        (
            ["a", "y"],
            lambda i: [AREA[i], f"{i} kg" if i % 2 else f"{i * 100} g"],
            "numbers with several units",
        ),
        (["a", "y"], lambda i: [AREA[i], "inf" if i == 7 else PRICE[i]], "inf in row 8"),
        (
            ["a", "\u0079\u0301"],
            lambda i: [AREA[i], PRICE[i]],
            "one looks the same, and is written with other",
        ),
        (["a", "y"], lambda i: [AREA[i], "same"], "'same' in every row"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    header: list[str], cells: Cells, message: str, tmp_path: Path
) -> None:
    target = "\u00fd" if header[-1] not in ("y", "z", "a y") else "y"
    with pytest.raises(SloyError, match=message):
        load_table(put(tmp_path / "t.csv", header, cells), target)


def test_three_rows(tmp_path: Path) -> None:
    path = put(tmp_path / "t.csv", ["x", "y"], lambda i: [i, i * 2.5 + 1], rows=3)
    table = load_table(path, "y", test=0.0, validation=0.0)
    assert not table.is_classification
    assert table.train.y.tolist() == [1.0, 3.5, 6.0]


def test_what_is_no_workbook(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04\x14\x00\x06\x00" + bytes(200))
    with pytest.raises(FileFormatError, match=r"t\.xlsx"):
        load_table(tmp_path / "t.xlsx", "y")
