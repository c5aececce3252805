"""Cells of a table as words, and what stands for a missing one: one way for text files and for typed columns."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sloy.data.arrays import limited
from sloy.errors import FileFormatError, NotAvailable
from sloy.text import shortened, size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    import polars as pl

# What stands for a missing value, as in pandas' `read_csv`, and "?" of the UCI repository.
MISSING = (
    "", "?", "#N/A", "#NA", "N/A", "n/a", "NA", "<NA>", "NaN", "nan", "-nan", "-NaN", "null", "NULL",
    "None",
)  # fmt: skip
TRUTH = ("true", "false")
# What may be said of a table beforehand.
DECIMALS = ("auto", ".", ",")
TASKS = ("auto", "classification", "regression")
TRAIN, VALIDATE, TEST, LEFT_OUT = range(4)  # what a row is for


# Bytes of addresses: polars takes 1.3 GB for libraries, threads and pools on two cores; data come on top.
ROOM = 2 << 30


def polars() -> ModuleType:
    """The library that reads tables; `NotAvailable` where it is not installed, or would end the process.

    Where its memory ends it aborts; a limit of the address space (`ulimit -v`) is looked at before it is loaded.
    """
    if "polars" not in sys.modules and (left := limited()) is not None and left < ROOM:
        raise NotAvailable(
            f"tables need {size(ROOM)} of address space to be read; the limit (ulimit -v) leaves {size(left)}."
        )
    try:
        import polars
    except ImportError:
        raise NotAvailable(
            "tables need polars, which is not installed: `pip install 'sloy[tables]'`."
        ) from None
    return polars


_silence = threading.Lock()


@contextmanager
def refusing(label: str, what: str) -> Iterator[None]:
    """Within it what polars says of a damaged file becomes one `FileFormatError`, its panics too.

    A panic is no `Exception`, and writes where it happened to the error stream, which is shut meanwhile.
    """
    with _silence, _shut(2):
        try:
            yield
        except Exception as error:
            if not type(error).__module__.startswith("polars"):
                raise
            reason: BaseException = error
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            reason = error
        else:
            return
    said = " ".join(str(reason).split()).rstrip(".")
    raise FileFormatError(f"{label}: {what}: {shortened(said, 120)}.")


@contextmanager
def _shut(descriptor: int) -> Iterator[None]:
    """What the process writes there goes nowhere."""
    try:
        kept = os.dup(descriptor)
    except OSError:  # it is closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, descriptor)
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
        os.close(nowhere)


def is_strange(series: pl.Series) -> bool:
    """Whether the cells are neither numbers, nor words, nor dates: lists, structures, bytes, objects."""
    pl = polars()
    dtype = series.dtype
    return dtype.is_nested() or dtype in (pl.Binary, pl.Object)


def cells(series: pl.Series) -> pl.Series:
    """The cells as strings without spaces around them; null where missing."""
    text = series.cast(polars().String).str.strip_chars()
    return text.set(text.is_in(MISSING), None)


def words(series: pl.Series) -> pl.Series:
    """The cells as words that compare: a whole number is written without a point.

    A column of whole numbers with gaps, which pandas keeps and writes as floats, so gives the same words as one
    without.
    """
    pl = polars()
    if series.dtype == pl.Duration:
        series = seconds(series)
    if series.dtype.is_float():
        whole = series.is_finite() & (series == series.round()) & (series.abs() < 2**53)
        known = series.fill_nan(None)
        integers = known.cast(pl.Int64, strict=False).cast(pl.String)
        return integers.zip_with(whole.fill_null(False), known.cast(pl.String))
    if series.dtype.is_integer() or series.dtype == pl.Boolean:
        return series.cast(pl.String)
    return cells(series).str.replace(r"^([+-]?\d+)\.0+$", "$1")


def spelled(cells: pl.Series, known: Sequence[str]) -> pl.Series:
    """Truth as the known words spell it: true of a typed column where a text had True."""
    truth = {word.lower(): word for word in reversed(known) if word.lower() in TRUTH}
    other = [v for v in cells.unique().to_list() if v and v.lower() in truth and v not in known]
    return cells.replace({word: truth[word.lower()] for word in other}) if other else cells


def seconds(series: pl.Series) -> pl.Series:
    """Durations in seconds, float64."""
    pl = polars()
    micro = series.cast(pl.Duration("us")).dt.total_microseconds()
    return micro.cast(pl.Float64) / 1e6


def without(series: pl.Series, missing: tuple[str, ...]) -> pl.Series:
    """The cells, null where one of these words stands; `-999` is found as a number too."""
    pl = polars()
    if not missing:
        return series
    if series.dtype == pl.String:
        return series.set(series.str.strip_chars().is_in(missing).fill_null(False), None)
    if series.dtype.is_numeric():
        stood = pl.Series(missing).cast(series.dtype, strict=False).drop_nulls()
        found = series.is_in(stood.implode()) if len(stood) else None
        return series if found is None else series.set(found.fill_null(False), None)
    return series
