"""What an exported file takes before its network: the raw columns of a table, or numbers in double precision.

The meaning of each kind of column is its `prepare`; `sloy.exchange.onnx.raw` and `sloy.exchange.source.c_raw` write the
same for other tools. Here is what both go by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sloy.data.tables import TableReader
from sloy.data.tables.columns import Category, Column, Date, Numeric
from sloy.data.tables.dates import has_day
from sloy.data.tables.numerals import DURATION, PERCENT
from sloy.data.tables.values import MISSING
from sloy.preprocessing import Preprocessing

COLUMNS = "columns"  # the key of an ONNX file's metadata that says what its inputs are, in JSON
DOUBLE = 2.0**10  # a mean of so many deviations takes more digits from float32 than can be spared
_TRUTH = ("true", "false")


Raw = TableReader | Preprocessing


def raw_of(reader: Any, preprocessing: Preprocessing | None, data_dtype: str) -> Raw | None:
    """What an exported model must do in double precision before its network; None where that takes its input."""
    if isinstance(reader, TableReader):
        return reader
    if preprocessing is None or data_dtype != "float32":
        return None
    count = max(len(preprocessing.mean), len(preprocessing.deviation))
    mean, deviation = (
        values * (count if len(values) == 1 else 1)
        for values in (preprocessing.mean, preprocessing.deviation)
    )
    far = any(abs(m) > DOUBLE * d for m, d in zip(mean, deviation, strict=True))
    return preprocessing if far else None


def codes(column: Category, missing: Sequence[str]) -> tuple[dict[str, int], int]:
    """Words of a category → the number that the network takes, and that of all other words.

    The words for a missing value are among them, whole numbers as floats are written (``2.0``), and truth in other
    cases (``True``, ``true``, ``TRUE``).
    """
    empty = column.classes - 1 if column.missing else -1
    found = dict.fromkeys((*MISSING, *missing), empty)
    known = {word: code for code, word in enumerate(column.words)}
    for word, code in known.items():
        variants = [f"{word}.0"] if word.removeprefix("-").isdigit() else []
        if word.lower() in _TRUTH:
            variants = [word.lower(), word.title(), word.upper()]
        for variant in variants:
            if variant not in known:
                found[variant] = code
    return found | known, len(column.words) if column.other else -1


def numbers_for_missing(words: Sequence[str]) -> list[float]:
    """The numbers among the words that stand for a missing value, such as -999."""
    found = []
    for word in words:
        try:
            found.append(float(word))
        except ValueError:
            continue
    return [number for number in found if number == number]


def taken(column: Column) -> str:
    """What is given for a column, in a few words."""
    if isinstance(column, Category):
        return "a word"
    if isinstance(column, Date):
        return "seconds since 1970-01-01 00:00" if has_day(column.format) else "seconds since 00:00"
    assert isinstance(column, Numeric)
    if column.unit == DURATION:
        return "seconds"
    if column.unit in PERCENT:
        return f"a number of {column.unit}, 5 for 5{column.unit}"
    return f"a number of {column.unit}" if column.unit else "a number"


def described(column: Column, missing: Sequence[str]) -> Mapping[str, Any]:
    """A column as JSON: its name and kind, what is given for it, the codes of categories."""
    said: dict[str, Any] = {"column": column.name, "kind": column.kind, "takes": taken(column)}
    if isinstance(column, Category):
        found, other = codes(column, missing)
        said |= {"categories": list(column.words), "missing": found[""], "other": other}
    if isinstance(column, Numeric) and column.limits:
        said["limits"] = list(column.limits)
    return said
