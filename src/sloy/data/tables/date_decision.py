"""How the dates of a column are written: the format that reads them, and what a user should know of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from sloy.data.tables import dates
from sloy.data.tables.hints import option
from sloy.data.tables.profile import FEW_STRAYS, HALF, Profile, Reading, listed
from sloy.data.tables.values import PLACEHOLDERS, polars
from sloy.errors import InvalidArgument
from sloy.text import shown

if TYPE_CHECKING:
    import polars as pl

_RECENT = 10_000, 60_000  # 1927 to 2064, as Excel counts days
_NAMES_OF_DATES = re.compile(
    r"(?<![^\W\d_])(?:\w*(?<!candi)(?<!man)date|\w*datum|fecha|data$|giorno|tarih|дата|day|dt|dob|birthday|born|hired"
    r"|joined|created|updated|modified|signed|opened|closed|expires|timestamp|日付|日期)(?![^\W\d_])"
)


def date_format(profile: Profile) -> tuple[int, str, tuple[str, ...]] | None:
    """How many cells the best format of a date reads, that format, and a note where another reads as many."""
    words, counts = profile.odd_words()
    found = dates.formats_of(words, counts)
    if not found:
        return None
    read, best = found[0]
    if best == dates.ISO[0]:  # some may have the time of day
        best = next((format for _, format in found if format in dates.ISO[1:]), best)
    if dates.has_day(best):
        there = dates.read_moments(words, best).is_not_null()
        read = max(read, int(counts[np.asarray(there.to_numpy())].sum()))
    rivals = [
        format
        for count, format in found[1:]
        if count == found[0][0] and _differs(words, best, format)
    ]
    notes = []
    if "%y" in best:
        notes.append(
            f"`{profile.name}`: two-digit years ({best}): 69 to 99 are taken for 1969 to 1999, 00 to 68 for 2000"
            " to 2068"
        )
    if rivals:
        notes.append(
            f"`{profile.name}`: read as {best}; {rivals[0]} would fit too:"
            f" {option('date', f'{profile.name}={rivals[0]}')} takes that"
        )
    if len(said := dates.offsets(profile.odd)) > 1:
        notes.append(
            f"`{profile.name}`: times with several offsets from UTC ({', '.join(said[:3])}), which are left out: the"
            " clock on the wall counts"
        )
    return read, best, tuple(notes)


def _differs(words: pl.Series, one: str, other: str) -> bool:
    return bool((dates.moments(words, one) != dates.moments(words, other)).any())


def hinted_date(profile: Profile, format: str) -> Reading:
    """Dates, as the user says."""
    if profile.typed == "date":
        return Reading("date")
    if format:
        pointed = polars().Series(
            [profile.with_point] * bool(profile.pointed), dtype=polars().String
        )
        words = polars().concat([profile.odd_words()[0], _digits(profile), pointed])
        if len(words) and dates.read_moments(words, format).null_count() == len(words):
            raise InvalidArgument(
                f"column `{profile.name}` holds {listed(words[:3].to_list())}, which the format {shown(format)} of"
                f" dates does not read; say it as in {option('date', profile.name + '=%d.%m.%Y')} (strftime's codes)."
            )
        return Reading("date", date=format)
    if not profile.odd:
        return Reading("date", date=_of_digits(profile))
    found = dates.formats_of(*profile.odd_words())
    if not found:
        raise InvalidArgument(
            f"column `{profile.name}` holds {listed(list(profile.odd)[:3])}, which no known format of a date reads;"
            f" say it as in {option('date', profile.name + '=%d.%m.%Y')} (strftime's codes)."
        )
    return Reading("date", date=found[0][1])


def _digits(profile: Profile) -> pl.Series:
    """The numbers as the digits that they are written in."""
    return polars().Series(
        [f"{int(value)}" for value in sorted(profile.few) if np.isfinite(value)],
        dtype=polars().String,
    )


def _of_digits(profile: Profile) -> str:
    """The format of dates that are digits alone: 20240131."""
    words = _digits(profile)
    known = [f for f in dates.BY_HINT if f != "%s" or min(profile.few) >= dates.EARLIEST]
    found = dates.formats_of(words, np.ones(len(words), int), tuple(known))
    if not found:
        raise InvalidArgument(
            f"column `{profile.name}` holds numbers ({words[0]}, …), which no known format of a date reads; say it"
            f" as in {option('date', profile.name + '=%Y%m%d')} (strftime's codes)."
        )
    return found[0][1]


def has_gaps(profile: Profile, format: str) -> bool:
    """Whether half of the cells are dates of a format, and the others a few words for "no value"."""
    words, counts = profile.odd_words()
    bad = dates.read_moments(words, format).is_null()
    others = {word.lower() for word in words.filter(bad).to_list()}
    share = 1 - int(counts[np.asarray(bad.to_numpy())].sum()) / profile.cells
    return share >= HALF and len(others) <= FEW_STRAYS and others <= {*PLACEHOLDERS}


def look_like_days(profile: Profile) -> str:
    """What all numbers may be, and what to say then: days of our time, or moments, in digits; Excel's; or nothing."""
    if len(profile.few) <= FEW_STRAYS or not all(map(np.isfinite, profile.few)):
        return ""
    if any(v != int(v) for v in profile.few):
        months = profile.months.partition(" ")[0] if profile.pointed == profile.numeric.read else ""
        if months:
            hint = option("date", f"{profile.name}={months}")
            return f"months ({profile.with_point}); if they are, say {hint}"
        return _excel(profile)
    low, high = min(profile.few), max(profile.few)
    for format, example, unit in (
        ("%Y%m%d", "days (20240131)", 1),
        ("%Y%m", "months (202401)", 0.01),
        ("%Y%m%d%H%M%S", "moments (20240131235959)", 10**6),
    ):
        if 19000101 * unit < low + 1 and high < 21010000 * unit:
            words = polars().Series([str(int(value)) for value in profile.few])
            if dates.moments(words, format).null_count() == 0:
                return f"{example}; if they are, say {option('date', profile.name)}"
    return _excel(profile)


def _names_dates(name: str) -> bool:
    """Whether one of the words of a column's name is one of dates: order_date, hiredAt, Datum."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    return _NAMES_OF_DATES.search(words) is not None


def _excel(profile: Profile) -> str:
    """The same of days since 1900, with or without times, where the column's name is one of dates."""
    low, high = profile.extremes.low[0][0], profile.extremes.high[0][0]
    if _RECENT[0] <= low <= high <= _RECENT[1] and _names_dates(profile.name):
        days = dates.moments(polars().Series([f"{low:.0f}"]), dates.EXCEL).dt.date()
        said = f"Excel's days ({low:.0f} is {days[0]})"
        return f"{said}; if they are, say {option('date', f'{profile.name}={dates.EXCEL}')}"
    return ""
