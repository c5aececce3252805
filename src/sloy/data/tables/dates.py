"""How dates and times of day are written, and the parts that a network sees of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache
from math import pi
from typing import TYPE_CHECKING

import numpy as np

from sloy.data.tables.months import in_english
from sloy.data.tables.values import cells, polars

if TYPE_CHECKING:
    import polars as pl

_DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d",
    "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%B-%Y", "%b %d %Y", "%d/%b/%Y", "%Y-%b-%d",
    "%b-%d-%Y", "%Y %b %d", "%Y %B %d", "%d %m %Y", "%m %d %Y", "%Y %m %d", "%A, %d %B %Y", "%A, %B %d, %Y",
    "%a, %d %b %Y", "%a, %b %d, %Y",
    "%Y年%m月%d日", "%Y년 %m월 %d일", "%Y. %m. %d.", "%Y.%m.%d.",
    "%d%b%Y", "%a %b %d %Y", "%Y:%m:%d",
    "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y", "%y/%m/%d", "%d-%b-%y", "%d %b %y", "%b %d, %y",
)  # fmt: skip
_TIMES = ("%H:%M:%S%.f", "%H:%M", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%I %p", "%I%p", "%Hh%M")
_ZONE = r"(?:Z|UTC|Uhr|(?:GMT)?[+-]\d{2}(?::?\d{2})?(?: \([^)]*\))?|GMT)"  # behind a time
_ZONE_OF_TIME = r"(?:Z|UTC|GMT|Uhr|\+\d{2}(?::?\d{2})?)"  # 9:00-17:00 is none
_ABOUT = "1970-01-01 "  # the day of a time without one
DATES = (
    *_DAYS,
    *(f"{day}{gap}{time}" for day in _DAYS for time in _TIMES for gap in " T"[: 1 + (day == "%Y-%m-%d")]),
    "%a %b %d %H:%M:%S %Y", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M",
    "%Y-%m-%d %H", "%Y-%m-%dT%H",
    "%Y-%m", "%Y/%m", "%m/%Y", "%m-%Y", "%Y年%m月", "%b %Y", "%B %Y", "%B, %Y", "%b-%y",
    *_TIMES,
)  # fmt: skip
ISO = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")  # a day; a day and a time
BY_HINT = (
    "%Y%m%d",
    "%Y%m",
    "%d%m%Y",
    "%m%d%Y",
    "%Y%m%d%H%M%S",
    "%s",
)  # of digits alone: numbers, unless the user says so
EXCEL = "excel"  # days since 1899-12-30, by a hint; times are fractions
PARTS = ("year", "month", "day", "weekday", "hour sin", "hour cos")
_SAMPLE = 100  # words that formats are tried on first
EARLIEST, LATEST = 1e8, 1e11  # seconds since 1970, that numbers may be: 1973 to 5138
FAR, LAST = 3653, 65745  # days: ten years; 2150-01-01 since 1970
PIVOT = 69  # two digits: 69 to 99 are of the 1900s, as in POSIX's strptime


def has_day(format: str) -> bool:
    """Whether a format says the day, not the time alone."""
    return not format or bool({"%Y", "%y", "%s"} & codes_of(format))


def codes_of(format: str) -> set[str]:
    """The codes of a format: %d, %m, …"""
    if format == EXCEL:
        return {"%Y", "%m", "%d", "%H", "%M", "%S"}
    return set(re.findall(r"%[A-Za-z]", format))


def moments(series: pl.Series, format: str) -> pl.Series:
    """The cells as points in time; null where missing, or where a word is no date of that format.

    An offset from UTC behind a time (Z, +02:00) is left out: what counts is the clock on the wall.
    """
    pl = polars()
    if series.dtype == pl.Time:
        return pl.select(pl.date(1970, 1, 1).dt.combine(pl.lit(series))).to_series()
    if series.dtype.is_temporal():
        if getattr(series.dtype, "time_zone", None):
            series = series.dt.replace_time_zone(None)
        return series.cast(pl.Datetime("us"))
    text = cells(series)
    if format in ("%s", EXCEL):
        numbers = np.array(text.cast(pl.Float64, strict=False).to_numpy(), np.float64)
        seconds = _seconds(numbers) if format == "%s" else _of_excel(numbers)
        return (
            (pl.Series(seconds, nan_to_null=True) * 1e6)
            .cast(pl.Int64, strict=False)
            .cast(pl.Datetime("us"))
        )
    if "%H" in format or "%I" in format:
        text = text.str.replace(rf"\s*{_ZONE if has_day(format) else _ZONE_OF_TIME}$", "")
        if has_day(format):  # 31.12.2024, 10:30 and 31DEC2024:10:30
            text = text.str.replace(r"(\d)(?:, ?|_)(\d{1,2}:\d{2})", "$1 $2")
            text = text.str.replace(r"([^\W\d_]|/)(\d{4}):(\d{2}:\d{2})", "$1$2 $3")
    if "%p" in format:
        text = text.str.replace(r"(?i)([ap])\.\s?m\.$", "${1}m")
    if not {"%M"} & codes_of(format):  # an hour alone is no time to polars
        if "%I" in format:
            text = text.str.replace(r"(\d)\s*([AaPp][Mm])$", "${1}:00 $2")
            format = re.sub("%I ?%p", "%I:%M %p", format)
        elif "%H" in format:
            text, format = text + ":00", format + ":%M"
    if "%Y" in format:  # polars reads any number of digits as a year
        text = text.set(~text.str.contains(r"\d{4}").fill_null(True), None)
    if ":%M" in format:  # 3:2 is no time of day
        text = text.set(~text.str.contains(r":\d{2}(?:\D|$)").fill_null(True), None)
    when = _parsed(text, format)
    if {"%b", "%B"} & codes_of(format) and (odd := when.is_null() & text.is_not_null()).any():
        words = text.filter(odd).unique()
        english = pl.Series(map(in_english, words.to_list()), dtype=pl.String)
        said = text.set(~odd, None).replace_strict(words, english, default=None)
        when = when.zip_with(~odd, _parsed(said, format))
    if "%y" in format:
        late = (when.dt.year() >= 2000 + PIVOT).fill_null(False)
        when = when.dt.offset_by("-100y").zip_with(late, when)
    if "%Y" in format:
        when = when.set((when.dt.year() < 1000).fill_null(False), None)
    return when


def _parsed(text: pl.Series, format: str) -> pl.Series:
    """Strings as points in time by one format; a time alone is of `_ABOUT`, a month its first day."""
    full, shown = (_ABOUT + text, "%Y-%m-%d " + format) if not has_day(format) else (text, format)
    if not {"%d", "%e", "%j"} & codes_of(format) and has_day(format):
        full, shown = full + " 1", shown + " %d"
    return full.str.to_datetime(shown, time_unit="us", strict=False)


def read_moments(series: pl.Series, format: str) -> pl.Series:
    """`moments`; words that are none of that format are read in ISO's, which is no other's, where it says days.

    Examples
    --------
    >>> import polars as pl
    >>> read_moments(pl.Series(["24.12.2019", "2020-05-01", "soon"]), "%d.%m.%Y").dt.year().to_list()
    [2019, 2020, None]
    """
    found, pl = moments(series, format), polars()
    if series.dtype != pl.String or not format or not has_day(format) or not found.null_count():
        return found
    there = cells(series)
    for iso in ISO:
        if (open_ := found.is_null() & there.is_not_null()).any():
            spaced = there.set(~open_, None).str.replace(r"(\d)T(\d)", "$1 $2")
            found = found.zip_with(found.is_not_null(), moments(spaced, iso))
    return found


def _seconds(values: np.ndarray) -> np.ndarray:
    """Numbers (N,) since 1970 as seconds: those beyond the year 5000 are of milliseconds, micro- or nanoseconds."""
    for _ in range(3):
        values = np.where(np.abs(values) >= LATEST, values / 1000, values)
    return values


def _of_excel(days: np.ndarray) -> np.ndarray:
    """Excel's days as seconds since 1970 (N,), NaN before 1900 and after 9999; they count a 29 February 1900."""
    good = (days >= 1) & (days < 2_958_466)
    return np.where(good, np.round((days + (days < 60) - 25_569) * 86_400), np.nan)


def parts_of(format: str) -> tuple[str, ...]:
    """The parts of a date that a format says; a typed column says all."""
    if not format:
        return PARTS
    codes = codes_of(format)
    days = ("year", "month") + (("day", "weekday") if {"%d", "%e", "%j", "%s"} & codes else ())
    hours = ("hour sin", "hour cos") if {"%H", "%I", "%s"} & codes else ()
    return (days if has_day(format) else ()) + hours


def date_parts(when: pl.Series) -> dict[str, np.ndarray]:
    """Part of a date → float64 (N,), NaN where missing."""
    hour = (when.dt.hour() + when.dt.minute() / 60) * (2 * pi / 24)
    found = {
        "year": when.dt.year(),
        "month": when.dt.month(),
        "day": when.dt.day(),
        "weekday": when.dt.weekday(),
        "hour sin": hour.sin(),
        "hour cos": hour.cos(),
    }
    real = polars().Float64
    return {part: np.array(s.cast(real).to_numpy(), np.float64) for part, s in found.items()}


def formats_of(
    words: pl.Series, counts: np.ndarray, formats: tuple[str, ...] = DATES
) -> list[tuple[int, str]]:
    """Formats that read some of these words, and how many cells each reads: the most first, then in the order given.

    Parameters
    ----------
    words : polars.Series of str
    counts : int array, shape (len(words),)
        How often each stands in the column.
    """
    sample = [word.strip() for word in words.head(_SAMPLE).to_list()]
    english = {*sample, *map(in_english, sample)}
    found = []
    for number, format in enumerate(formats):
        named = {"%b", "%B"} & codes_of(format)
        if not any(map(_pattern(format).fullmatch, english if named else sample)):
            continue
        read = int(counts[np.asarray(moments(words, format).is_not_null().to_numpy())].sum())
        if read:
            found.append((-read, number, format))
    return [(-read, format) for read, _, format in sorted(found)]


_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_OFFSET = re.compile(rf":\d\d(?:\.\d+)?\s*({_ZONE})$")


def look_like_dates(words: Collection[str]) -> bool:
    """Whether nine of ten words have a year of our time, and digits besides or the name of a month."""
    left = [_YEAR.sub("", word, count=1) for word in words if _YEAR.search(word)]
    good = sum(bool(re.search(r"\d|[^\W\d]{3}", word)) and len(word) < 30 for word in left)
    return good >= max(0.9 * len(words), 1)


def offsets(words: Iterable[str]) -> list[str]:
    """The offsets from UTC that stand behind times: Z, +02:00."""
    return sorted({match[1] for word in words if (match := _OFFSET.search(word.strip()))})


_CODES = {
    "%Y": r"\d{4}", "%y": r"\d{2}", "%s": r"-?\d+", "%.f": r"(?:\.\d+)?", "%p": r"[AaPp](?:[Mm]|\.\s?[Mm]\.)",
    "%M": r"\d{2}", "%S": r"\d{2}",
    "%b": r"[^\W\d]{3,}", "%B": r"[^\W\d]{3,}", "%a": r"[^\W\d]{3}", "%A": r"[^\W\d]{6,}",
}  # fmt: skip


@cache
def _pattern(format: str) -> re.Pattern[str]:
    """What a word of that format looks like; two digits at most for the codes that are not named above."""
    parts = re.split(r"(%\.f|%[A-Za-z])", format)
    found = "".join(
        _CODES.get(part, r"\d{1,2}") if part.startswith("%") else re.escape(part) for part in parts
    )
    timed = "%H" in format or "%I" in format
    if timed and has_day(format):
        found = re.sub(r"\\ (\\d\{1,2\}(?=:|\\ \[))", r"(?:[ _:]|, ?)\1", found)
    offset = rf"(?:\s*{_ZONE if has_day(format) else _ZONE_OF_TIME})?" if timed else ""
    return re.compile(found + offset)
