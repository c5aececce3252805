"""Damaged workbooks and Parquet files: one line, whatever their libraries do with them."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from sloy.data.tables import load_table
from sloy.data.tables.sources import open_table
from sloy.data.tables.values import refusing
from sloy.errors import FileFormatError, SloyError


def test_a_panic_of_polars_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    """It is no `Exception`, and writes a stack trace past Python."""
    with pytest.raises(FileFormatError, match=r"^x.parquet: damaged Parquet: .*") as caught:
        _panic()
    assert len(str(caught.value)) < 300
    assert capfd.readouterr() == ("", "")


def _panic() -> None:
    with refusing("x.parquet", "damaged Parquet"):
        os.write(2, b"thread 'x' panicked at parquet.rs: 12\n")
        raise pl.exceptions.PanicException("called `Result::unwrap()`\non an `Err` value")


def test_others_errors_stay_what_they_are() -> None:
    for error in (KeyboardInterrupt, ZeroDivisionError):
        with pytest.raises(error), refusing("x", "y"):
            raise error


def test_pages_that_are_damaged(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Bytes of the pages' heads changed; polars panics at some, and would end the process at others."""
    path = tmp_path / "t.parquet"
    frame = pl.DataFrame({"a": range(300), "b": ["x", "y", "z"] * 100})
    frame.write_parquet(path, compression="uncompressed")
    whole = path.read_bytes()
    refusals = []
    for place in (4, 5, 6, 14, 15, 16, 20, 30, 50):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            list(open_table(path).frames(["a", "b"]))
        except FileFormatError as error:
            refusals.append(str(error))
    assert len(refusals) > 4, refusals
    assert not any("\n" in refusal or len(refusal) > 300 + len(str(path)) for refusal in refusals)
    assert capfd.readouterr().err == ""


def test_cells_far_apart(tmp_path: Path) -> None:
    """The library would reserve memory for the 17 thousand million cells between them, and end the process."""
    path = tmp_path / "far.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "a")
        sheet.write(1_048_575, 16_383, 1)
    with pytest.raises(
        FileFormatError, match="needs more than 512 MiB: the reader of workbooks crashes"
    ):
        open_table(path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(FileFormatError):
        open_table(path)


def test_a_picture_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    with pytest.raises(FileFormatError, match=r"is a picture \(PNG\), no table"):
        open_table(path)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["area", "area", "y"], "columns 1 and 2 are both named 'area'"),
        (["area", "", "price"], "none of its columns: area, column_2, price"),
    ],
)
def test_names_of_a_sheet_are_those_that_stand_there(
    names: list[str], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for row in range(30):
            for column, name in enumerate(names):
                sheet.write(row, column, row * (column + 2) if row else name)
    with pytest.raises(SloyError, match=message):
        load_table(path, "y")


def test_a_cell_and_names_without_end(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = "".join(f"{n},w{n % 3},{n}\n" for n in range(20))
    path.write_text(f"a,b,y\n1,{'x' * 200_000},2\n{rows}")
    with pytest.raises(SloyError, match="column 'b' has a cell of 200000 bytes"):
        load_table(path, "y", validation=0)
    load_table(path, "y", validation=0, ignore=["b"])
    path.write_text(f"a,{'b' * 5000},y\n{rows}")
    with pytest.raises(SloyError, match=r"is none of its columns: a, b.*…") as caught:
        load_table(path, "z", validation=0)
    assert len(str(caught.value)) < 300 + len(str(path))
