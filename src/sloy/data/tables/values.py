"""Cells of a table as words, and what stands for a missing one: one way for text files and for typed columns."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unicodedata import normalize

import numpy as np

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
    "None", "\\N",
)  # fmt: skip
# Words that mean "no value" where numbers stand, in small letters.
PLACEHOLDERS = (
    "-", "--", "---", ".", "..", "n.a.", "n.a", "na", "n/a", "unknown", "missing", "none", "nil", "not available",
    "not applicable", "undefined", "tbd", "tba", "x", "*", "no data", "unspecified", "–", "—", "n/v", "s/d", "k.a.",
    "keine angabe", "нет данных", "не указано", "н/д",
    "0000-00-00", "0000-00-00 00:00:00", "00/00/0000", "00.00.0000", "1.#qnan", "1.#ind", "-1.#ind", "1.#inf",
    "#n/a", "#ref!", "#value!", "#div/0!", "#name?", "#num!", "#null!", "#spill!", "#calc!", "#getting_data",
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


# Spaces of all kinds, and marks that nobody sees: of the order of bytes, the direction of script, joiners.
AROUND = "".join(
    chr(code)
    for first, last in (
        (9, 13), (28, 32), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200F), (0x2028, 0x202F),
        (0x205F, 0x2064), (0x2066, 0x2069), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
    )
    for code in range(first, last + 1)
)  # fmt: skip


def bare(text: pl.Series) -> pl.Series:
    """Strings without what nobody sees around them, and a spreadsheet's marks of text: ``="0123"``, ``'0123``."""
    return text.str.strip_chars(AROUND).str.replace(
        r"""^(?:="(.*)"|'([+-]?[\d.,]*\d))$""", "${1}${2}"
    )


def cells(series: pl.Series) -> pl.Series:
    """The cells as `bare` strings; null where missing."""
    text = bare(series.cast(polars().String))
    return text.set(text.is_in(MISSING), None)


def is_missing(series: pl.Series) -> np.ndarray:
    """Which cells hold no value, bool (N,)."""
    gaps = cells(series) if series.dtype == polars().String else series
    found = gaps.is_null()
    return np.asarray(
        (found | series.is_nan().fill_null(True) if series.dtype.is_float() else found).to_numpy()
    )


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


def alike(words: Iterable[str]) -> str:
    """What is said of words that may be one: some that differ in capitals only, or in how they are typed; or nothing.

    Examples
    --------
    >>> alike(["Yes", "no", "YES", "yes", "maybe"]), alike(["New York", "Oslo", "New  York"])
    ("'YES', 'Yes', 'yes' differ in capitals only", "'New  York', 'New York' look the same")
    >>> alike(["Y", "no", "yes"])
    "'Y', 'yes' may be one answer"
    """
    for key, said in (
        (str.casefold, "differ in capitals only"),
        (_seen, "look the same"),
        (_answer, "may be one answer"),
    ):
        found: dict[str, list[str]] = {}
        for word in words:
            found.setdefault(key(word), []).append(word)
        groups = [sorted(group) for kept, group in found.items() if kept and len(group) > 1]
        if groups and (key is not _answer or set(found) == {"yes", "no"}):
            return f"{', '.join(map(repr, groups[0][:4]))} {said}"
    return ""


_LOOKS = str.maketrans(
    {mark: "" for mark in AROUND if not mark.isspace()}
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
    | dict.fromkeys("\u2018\u2019\u02bc`", "'")
    | dict.fromkeys("\u201c\u201d\u201e", '"')
)
_ANSWERS = {
    "yes": ("yes", "y", "true", "t", "on", "1", "ja", "j", "oui", "si", "sí", "s", "sim", "да", "д", "tak", "evet"),
    "no": ("no", "n", "false", "f", "off", "0", "nein", "non", "não", "nao", "нет", "н", "nie", "hayır"),
}  # fmt: skip


def _seen(word: str) -> str:
    """A word as it looks: without marks that nobody sees, with one kind of space, dash and quotation mark."""
    return " ".join(normalize("NFKC", word.casefold()).translate(_LOOKS).split())


def _answer(word: str) -> str:
    """What a word answers, yes or no; itself where it does neither."""
    said = word.casefold()
    return next((answer for answer, known in _ANSWERS.items() if said in known), said)


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
        said = series.str.strip_chars()
        stands = said.is_in(missing)
        numbers = pl.Series(missing).cast(pl.Float64, strict=False).drop_nulls().drop_nans()
        if len(numbers):  # -999.0 is -999, but 0999 a code
            same = said.cast(pl.Float64, strict=False).is_in(numbers.implode())
            stands |= same.fill_null(False) & ~said.str.contains(r"^[+-]?0\d")
        return series.set(stands.fill_null(False), None)
    if series.dtype.is_numeric():
        stood = pl.Series(missing).cast(series.dtype, strict=False).drop_nulls()
        found = series.is_in(stood.implode()) if len(stood) else None
        return series if found is None else series.set(found.fill_null(False), None)
    return series
