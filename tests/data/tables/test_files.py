"""Text and Parquet files: what is read, and the one sentence for what is not."""

from __future__ import annotations

import csv
import gzip
import importlib
import importlib.util
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloy.data.tables import opening
from sloy.data.tables.lines import blocks, read_header
from sloy.data.tables.sources import Source, open_table
from sloy.errors import FileFormatError, InvalidArgument, SloyError

ROWS = [["1", "a,b", "x"], ["2", 'say "hi"', ""], ["3", "two\nlines", "ü"], ["", "", ""]]
NAMES = ["number", "words", "rest"]


def written(path: Path, rows: list[list[str]], **dialect: object) -> Path:
    text = io.StringIO()
    csv.writer(text, **dialect).writerows([NAMES, *rows])
    path.write_bytes(text.getvalue().encode())
    return path


def cells(source: Source) -> list[list[str]]:
    """Every cell as text, a missing one as nothing."""
    found = []
    for frame in source.frames(source.names):
        found += [["" if cell is None else str(cell) for cell in row] for row in frame.iter_rows()]
    return found


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_what_python_writes_is_read(tmp_path: Path, separator: str, line: str) -> None:
    path = written(tmp_path / "t.csv", ROWS, delimiter=separator, lineterminator=line)
    table = open_table(path)
    assert table.names == tuple(NAMES)
    assert cells(table) == ROWS


def test_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    table = open_table(written(tmp_path / "t.csv", ROWS))
    (frame,) = table.frames(["rest", "number"])
    assert frame.columns == ["rest", "number"]
    assert frame["number"].to_list() == ["1", "2", "3", None]


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_compressed_files_are_told_by_their_first_bytes(tmp_path: Path, kind: str) -> None:
    plain = written(tmp_path / "plain", ROWS).read_bytes()
    if kind == "gzip":
        packed = gzip.compress(plain)
    else:
        names = ("compression.zstd", "backports.zstd")
        found = [n for n in names if importlib.util.find_spec(n.split(".")[0])]
        packed = importlib.import_module(found[0]).compress(plain)
    (tmp_path / "t.csv").write_bytes(packed)
    assert cells(open_table(tmp_path / "t.csv")) == ROWS
    (tmp_path / "cut.csv").write_bytes(packed[:-9])
    with pytest.raises(FileFormatError, match=r"cut\.csv"):
        cells(open_table(tmp_path / "cut.csv"))


def test_parquet_keeps_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, None, 3], "b": ["x", "y", None]})
    frame.write_parquet(tmp_path / "no-ending")
    table = open_table(tmp_path / "no-ending")
    (read,) = table.frames(table.names)
    assert read.equals(frame)


def test_small_blocks_give_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "t.csv", ROWS * 50)
    monkeypatch.setattr(opening, "BLOCK", 37)
    assert sum(block.rows for block in blocks(path, read_header(path))) == len(ROWS) * 50
    assert cells(open_table(path)) == ROWS * 50


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8)


@given(rows=st.lists(st.lists(WORDS, min_size=2, max_size=2), min_size=1, max_size=12))
def test_any_quoted_text_survives(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    path = tmp_path_factory.mktemp("text") / "t.csv"
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([["a", "b"], *rows])
    path.write_bytes(text.getvalue().encode())
    assert cells(open_table(path)) == rows


def test_blank_lines_and_the_mark_of_utf8_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf\n a ,b\n1,2\n\n\r\n3,4")
    table = open_table(tmp_path / "t.csv")
    assert table.names == ("a", "b")
    assert cells(table) == [["1", "2"], ["3", "4"]]


WIDE = ",".join(f"c{i}" for i in range(1_000_000)).encode()
BAD = {
    "empty": (b"", r"is empty"),
    "blank": (b"\n\n \n", r"is empty"),
    "short row": (
        b"a,b,c\n1,2,3\n4,5\n",
        r"line 3 has 2 fields, the header 3 \(separated by commas",
    ),
    "long row": (b"a,b\n1,2\n\n3,4,5\n", r"line 4 has 3 fields"),
    "a row of one": (b"a,b\n1\n", r"line 2 has 1 field,"),
    "after a long field": (b'a,b\n"1\n2\n3",2\n4\n', r"line 5 has 1 field"),
    "latin-1": ("a,b\n1,é\n".encode("latin-1"), r"line 2: the byte 0xE9 is not UTF-8; .*iconv"),
    "latin-1 name": ("é,b\n1,2\n".encode("latin-1"), r"line 1: the byte 0xE9"),
    "utf-16": ("a,b\n1,2\n".encode("utf-16"), r"is in UTF-16, not in UTF-8"),
    "utf-16 without its mark": ("a,b\n1,2\n".encode("utf-16-be"), r"iconv -f utf-16be"),
    "cyrillic": ("a,b\n1,Москва\n".encode("cp1251"), r"line 2: the byte 0xCC .*iconv -f cp1251"),
    "html": (b"\n<!DOCTYPE html><html>", r"is a page in HTML"),
    "json": (b'[{"a": 1}]\n', r"is JSON"),
    "spaces before quotes": (b'a, b\n1, "x"\n', r"line 2: a space stands before a quotation mark"),
    "binary": (b"a,b\n1,\0\n", r"line 2: holds a zero byte"),
    "open quote": (b'a,b\n1,"x\n2,y\n', r"line 2: a quotation mark is opened and never closed"),
    "inner quote": (b'a,b\n1,5" pipe\n2,3"\n', r"line 2: a quotation mark stands within a field"),
    "twice": (b"a,b,a\n1,2,3\n", r"columns 1 and 3 are both named 'a'"),
    "no header": (b"5.1,3.5,0\n4.9,3.0,1\n", r"first line holds numbers \(5.1, 3.5, 0"),
    "million": (WIDE + b"\n", r"names 1000000 columns; at most 200000"),
    "parquet": (b"PAR1 and no more", r"Parquet"),
    "gzip": (b"\x1f\x8b and no more", r"cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_sentence_with_its_name(tmp_path: Path, name: str) -> None:
    content, message = BAD[name]
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=message) as caught:
        cells(open_table(path))
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < 400


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"none\.csv: cannot be read: No such file"):
        open_table(tmp_path / "none.csv")
    with pytest.raises(FileFormatError, match="Is a directory"):
        open_table(tmp_path)


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_what_has_no_end_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / "pipe"
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(FileFormatError, match=f"{path}: is not a file"):
        open_table(path)


NOT_TABLES: dict[str, tuple[Callable[[], object], str]] = {
    "array": (lambda: np.zeros((3, 2)), "a ndarray"),
    "uneven": (lambda: {"a": [1, 2], "b": [1]}, "differ in length"),
    "scalar": (lambda: {"a": 1}, "one value for each row"),
    "matrix": (lambda: {"a": np.zeros((2, 2))}, r"shape \(2, 2\)"),
}


@pytest.mark.parametrize("name", NOT_TABLES)
def test_what_is_no_table_in_memory(name: str) -> None:
    make, message = NOT_TABLES[name]
    with pytest.raises(InvalidArgument, match=message):
        open_table(make())


def test_a_separator_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(SloyError, match="separator"):
        open_table(written(tmp_path / "t.csv", ROWS), separator="ab")
