"""Cells of a table as numbers, dates and words: one way for text files and for typed columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sloy.errors import NotAvailable

if TYPE_CHECKING:
    from types import ModuleType

    import polars as pl

# What stands for a missing value, as in pandas' `read_csv`, and "?" of the UCI repository.
MISSING = (
    "", "?", "#N/A", "#NA", "N/A", "n/a", "NA", "<NA>", "NaN", "nan", "-nan", "-NaN", "null", "NULL",
    "None",
)  # fmt: skip
DATES = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
)


ISO = DATES[:2]  # a day; a day and a time
_TRUTH = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}


def polars() -> ModuleType:
    """The library that reads tables; `NotAvailable` where it is not installed."""
    try:
        import polars
    except ImportError:
        raise NotAvailable(
            "tables need polars, which is not installed: `pip install 'sloy[tables]'`."
        ) from None
    return polars


def is_strange(series: pl.Series) -> bool:
    """Whether the cells are neither numbers, nor words, nor dates: lists, structures, bytes, objects, durations."""
    pl = polars()
    dtype = series.dtype
    return dtype.is_nested() or dtype in (pl.Binary, pl.Object, pl.Time, pl.Duration)


def cells(series: pl.Series) -> pl.Series:
    """The cells as strings without spaces around them; null where missing."""
    text = series.cast(polars().String).str.strip_chars()
    return text.set(text.is_in(MISSING), None)


def words(series: pl.Series) -> pl.Series:
    """The cells as words that compare: a whole number is written without a point, and truth in small letters.

    A column of whole numbers with gaps, which pandas keeps and writes as floats, so gives the same words as one
    without; a column of `True` and `False` in a text the same as one of booleans.
    """
    pl = polars()
    if series.dtype.is_float():
        whole = series.is_finite() & (series == series.round()) & (series.abs() < 2**53)
        known = series.fill_nan(None)
        integers = known.cast(pl.Int64, strict=False).cast(pl.String)
        return integers.zip_with(whole.fill_null(False), known.cast(pl.String))
    if series.dtype.is_integer() or series.dtype == pl.Boolean:
        return series.cast(pl.String)
    text = cells(series).str.replace(r"^([+-]?\d+)\.0+$", "$1")
    return text.replace(_TRUTH)


def numbers(series: pl.Series) -> np.ndarray:
    """The cells as float64 (N,); NaN where missing, or where a word is no number."""
    pl = polars()
    plain = series.dtype.is_numeric() or series.dtype in (pl.Boolean, pl.String)
    read = (series if plain else cells(series)).cast(pl.Float64, strict=False)
    if read.null_count() > series.null_count():  # words, or spaces around numbers
        read = cells(series).cast(pl.Float64, strict=False)
    return np.array(read.to_numpy(), np.float64)


def moments(series: pl.Series, format: str) -> pl.Series:
    """The cells as points in time; null where missing, or where a word is no date of that format."""
    pl = polars()
    if series.dtype.is_temporal():
        if getattr(series.dtype, "time_zone", None):
            series = series.dt.replace_time_zone(None)
        return series.cast(pl.Datetime("us"))
    return cells(series).str.to_datetime(format, time_unit="us", strict=False)
