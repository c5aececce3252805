"""How numbers are written: decimal commas, marks between thousands, currencies, units, percent, durations."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from sloy.data.tables.values import bare, cells, polars, seconds

if TYPE_CHECKING:
    import polars as pl

PERCENT = ("%", "‰")
CURRENCIES = (
    "$", "€", "£", "¥", "₽", "₹", "₩", "₺", "₴", "₦", "₫", "₪", "฿", "zł", "Kč", "kr", "R$", "US$", "руб.", "р.",
    "USD", "EUR", "GBP", "JPY", "CHF", "RUB", "CNY", "INR", "CAD", "AUD", "SEK", "NOK", "DKK", "PLN", "CZK", "BRL",
    "NZD", "HKD", "SGD", "KRW", "MXN", "ZAR", "TRY", "HUF", "RON", "BGN", "UAH", "THB", "IDR", "MYR", "ILS", "AED",
    "SAR", "A$", "AU$", "C$", "CA$", "NZ$", "HK$", "S$", "NT$", "CN¥", "Rs", "Rs.", "Rp", "RM", "TL", "Ft", "lei",
    "лв.", "грн", "kr.", "元", "円", "원", "₸", "₱", "₾", "₼", "₡", "₲", "₵", "₭",
)  # fmt: skip
DURATION = "h:m:s"  # 36:15:00, 2 days 03:00:00, P1DT2H, 5h 20m; in seconds
SCALES = "k/M/B"  # 12k beside 800 and 1.2M
# Behind a number, how many times it is meant; of currencies also in small letters.
MULTIPLES = {
    "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "bn": 1e9, "Bn": 1e9, "mln": 1e6, "Mio": 1e6, "Mio.": 1e6, "Mrd": 1e9,
    "Mrd.": 1e9, "Tsd": 1e3, "Tsd.": 1e3, "тыс.": 1e3, "млн": 1e6, "млрд": 1e9, "万": 1e4, "億": 1e8, "亿": 1e8,
    "lakh": 1e5, "lakhs": 1e5, "crore": 1e7, "crores": 1e7,
}  # fmt: skip
_OF_MONEY = MULTIPLES | {"m": 1e6, "b": 1e9, "mn": 1e6, "T": 1e12}
SPACES = " \u00a0\u202f\u2009"  # between thousands; the last three do not break lines
UNITS = (*PERCENT, *CURRENCIES, DURATION, SCALES)
MARKS = {"": "nothing", ",": "commas", ".": "points", " ": "spaces", "'": "apostrophes"}
# Zeros of other scripts: Arabic, Persian, Devanagari, Bengali, Gujarati, Tamil, Telugu, Kannada, Thai, full width.
_ZEROS = (0x660, 0x6F0, 0x966, 0x9E6, 0xAE6, 0xBE6, 0xC66, 0xCE6, 0xE50, 0xFF10)
# Digits, minus signs and decimal points of other scripts, and what they are here.
_SCRIPTS = {
    **{chr(first + k): str(k) for first in _ZEROS for k in range(10)},
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d", "-"),
    "\u066b": ".", "\u066c": ",", "\uff0c": ",", "\uff0e": ".", "\u2019": "'",
    "\uff05": "%", "\uff04": "$", "\uffe5": "¥",
}  # fmt: skip
_TRANSLATED = str.maketrans(_SCRIPTS)
EXACT = 2**53  # integers beyond it are not all float64 numbers

_DOUBTLESS = {  # with one or two digits behind, or more than three; a 0 before; a mark between thousands besides
    mark: rf"^\D{{0,8}}(?:\d+{p}(?:\d{{1,2}}|\d{{4,}})|0{p}\d+|\d{{1,3}}(?:[{other}{SPACES}']\d{{3}})+{p}\d+)\D{{0,8}}$"
    for mark, p, other in ((",", ",", "."), (".", r"\.", ","))
}


def _any_of(words: Iterable[str]) -> str:
    """A pattern of any of some words, the longest first."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


# Each with the groups sign, days, hours, minutes, seconds.
_CLOCK = re.compile(r"([+-]?)(?:(\d+) days?,? ?)?(\d+):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?")
_ISO = re.compile(r"([+-]?)P(?=.*\d)(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_LETTERS = re.compile(
    r"([+-]?)(?=\d)(?:(\d+)\s*d(?:ays?)?)?[\s,]*(?:(\d+)\s*h(?:(?:ou)?rs?)?)?[\s,]*(?:(\d+)\s*m(?:in(?:utes?)?)?)?[\s,]*"
    r"(?:(\d+(?:\.\d+)?)\s*s(?:ec(?:onds?)?)?)?",
    re.IGNORECASE,
)
_LEADING_ZERO = re.compile(r"[+-]?0\d")
# What may stand behind a number beside `UNITS`: kg, km/h, m², °C.
_SUFFIX = re.compile(r"[^\d\s.,;:'()+\-−][^\d\s.,;:'()+\-−]{0,7}")


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of a column are written.

    Parameters
    ----------
    decimal : "." or ","
    thousands : one of `MARKS`
        What stands between groups of three digits; plain digits are read too.
    unit : one of `UNITS`, a word such as "kg", or ""
        What stands before or after the number; numbers without it are read too, but not beside percent.
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def read(self, series: pl.Series) -> np.ndarray:
        """Cells as float64 (N,); NaN where missing, or where a word is no number of this format."""
        pl = polars()
        if series.dtype == pl.Duration:
            return np.array(seconds(series).to_numpy(), np.float64)
        if series.dtype != pl.String or self == PLAIN:
            return plain_numbers(series)
        text = _western(cells(series))
        if self.unit == DURATION:
            return np.array([_seconds(word) for word in text.to_list()], np.float64)
        text = text.str.replace(r"^\((.+)\)$", "-$1")  # accountants' minus
        if self.unit:
            text = text.str.replace(r"^([^-].*[^\d.,'/:\s(-])\s*-$", "-$1")  # 12 €-
            text = text.str.replace(
                r"(\d)\s*T\s*(€|EUR|CHF)$", "$1 Tsd $2"
            )  # in German T€ are 1000 €
            name = rf"(?:{_any_of(forms_of(self.unit))})"
            text = text.str.replace(rf"^([+-]?)\s*{name}\s*|\s*{name}$", "$1")
            text = text.str.replace(r"^\((.+)\)$", "-$1")
        text = text.str.replace(r"(\d)[.,/:]-{1,2}$", "$1")  # 5,- and 5.--, 5/- and 5:-
        text = text.str.replace(r"^(\d.*\d)-$", "-$1")
        text, times = _multiplied(text, self.unit)
        good = text.str.contains(self._pattern)
        for mark in self._marks:
            text = text.str.replace_all(mark, "", literal=True)
        text = text.str.replace(self.decimal, ".", literal=True)
        read = text.set(~good.fill_null(False), None).cast(pl.Float64, strict=False)
        found = np.array(read.to_numpy(), np.float64)
        return found if times is None else found * times

    @property
    def _marks(self) -> str:
        return SPACES if self.thousands == " " else self.thousands

    @property
    def _pattern(self) -> str:
        point = re.escape(self.decimal)
        whole = r"\d+"
        if self.thousands:  # groups of three; the first ones of two digits in India
            mark = f"[{re.escape(self._marks)}]"
            whole = rf"(?:\d+|\d{{1,3}}(?:{mark}\d{{2,3}})*{mark}\d{{3}})"
        return rf"^[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?$"

    def __str__(self) -> str:
        parts = []
        if self.unit == DURATION:
            return "durations, in seconds"
        if self.unit == SCALES:
            return "numbers, some in thousands (k), millions (M) and their like"
        if self.decimal == ",":
            parts.append("a decimal comma")
        if self.thousands:
            parts.append(f"{MARKS[self.thousands]} between thousands")
        if self.unit:
            parts.append(f"{self.unit!r}")
        return "numbers with " + " and ".join(parts) if parts else "numbers"


PLAIN = NumberFormat()
THOUSANDS = NumberFormat(",", ".")  # 1.234,5


def plain_numbers(series: pl.Series) -> np.ndarray:
    """Cells as float64 (N,): 3, −0.5, 1e6; NaN where missing, or where a word is no number."""
    pl = polars()
    plain = series.dtype.is_numeric() or series.dtype in (pl.Boolean, pl.String)
    read = (series if plain else cells(series)).cast(pl.Float64, strict=False)
    if read.null_count() > series.null_count():  # words, or spaces around numbers
        text = _western(bare(series) if series.dtype == pl.String else cells(series))
        read = text.str.replace("∞", "inf", literal=True).cast(pl.Float64, strict=False)
    return np.array(read.to_numpy(), np.float64)


def _western(text: pl.Series) -> pl.Series:
    """Strings with the digits and signs of other scripts written in ASCII, no space behind a sign."""
    written = text.str.replace_many(list(_SCRIPTS), list(_SCRIPTS.values()))
    return written.str.replace(r"^([+-])\s+", "$1")


def _multiplied(text: pl.Series, unit: str) -> tuple[pl.Series, np.ndarray | None]:
    """Strings less what stands behind them for thousands or millions, and how many times each is meant (N,)."""
    known = MULTIPLES if unit == SCALES else _OF_MONEY if unit in CURRENCIES else {}
    if not known:
        return text, None
    names = _any_of(known)
    last = text.str.extract(rf"\d[.,]?\s*({names})$")
    if last.null_count() == len(last):
        return text, None
    times = last.replace_strict(known, default=1.0, return_dtype=polars().Float64).fill_null(1.0)
    return text.str.replace(rf"(\d[.,]?)\s*(?:{names})$", "$1"), np.array(times.to_numpy())


def codes_in(series: pl.Series, values: np.ndarray) -> pl.Series:
    """The cells that are whole numbers and lose something as such: a leading zero, digits beyond 2⁵³, the E of 61E6.

    Parameters
    ----------
    series : polars.Series
    values : float64 array, shape (N,)
        What `plain_numbers` made of it.
    """
    pl = polars()
    large = np.abs(values) >= EXACT
    if series.dtype.is_integer():
        return series.filter(pl.Series(large))
    if series.dtype != pl.String:
        return series.clear()
    whole = values == np.floor(values)
    if not whole.any():
        return series.clear()
    found = bare(series.filter(pl.Series(whole)))
    zero = found.str.contains(r"^\s*(?:[+-]?0\d+|\d+[eE]\d+)\s*$")
    if large.any():
        zero |= found.str.contains(r"^\s*[+-]?\d{16,}\s*$") & pl.Series(large[whole])
    return found.filter(zero)


def formats_of(
    words: pl.Series,
    counts: np.ndarray,
    *,
    units: Collection[str] = (),
    decimal: str = "",
    likely: str = "",
) -> list[tuple[int, NumberFormat]]:
    """Formats that read some of these words, which are no plain numbers, and how many cells each reads: the most first.

    Parameters
    ----------
    words : polars.Series of str
    counts : int array, shape (len(words),)
        How often each stands in the column.
    units : collection of str
        What may stand beside the numbers, see `unit_of`; one of them in all.
    decimal : ".", "," or ""
        Where the user says what the decimal point is.
    likely : ".", "," or ""
        The decimal point of what may be read in two ways: 1,234 or 1.234 €. Where empty, the point goes first.
    """
    found: list[tuple[int, int, NumberFormat]] = []
    styles = [(point, mark) for point in ".," for mark in ("", ",", ".", " ", "'") if mark != point]
    if decimal:
        styles = [style for style in styles if style[0] == decimal]
    elif likely:
        styles.sort(key=lambda style: style[0] != likely)
    for unit in sorted(units) or [""]:
        for number, (point, mark) in enumerate(styles if unit != DURATION else styles[:1]):
            format = NumberFormat(point, mark, unit)
            if format == PLAIN:
                continue
            read = int(counts[~np.isnan(format.read(words))].sum())
            if read:
                found.append((-read, number, format))
    return [(-read, format) for read, _, format in sorted(found, key=lambda item: item[:2])]


def are_ambiguous(words: Collection[str], mark: str) -> bool:
    """Whether a mark, "." or ",", could be the decimal one or stand between thousands in all words that have it."""
    marked = [word for word in words if mark in word]
    pattern = re.compile(rf"\D*[1-9]\d{{0,2}}{re.escape(mark)}\d{{3}}\D*")
    return bool(marked) and all(map(pattern.fullmatch, marked))


def decimal_point(series: Iterable[pl.Series]) -> str:
    """The decimal point of some columns of text: "." or "," where no cell leaves a doubt, else nothing.

    Examples
    --------
    >>> import polars as pl
    >>> decimal_point([pl.Series(["1.234", "743"]), pl.Series(["12,5", "1.200,00"])])
    ','
    """
    found = set("".join(map(_points_in, series)))
    return found.pop() if len(found) == 1 else ""


def _points_in(text: pl.Series) -> str:
    """The decimal points, "." and ",", that stand without doubt in a column of numbers."""
    if not text.str.contains(r"\d[.,]\d").any():
        return ""
    words = _western(cells(text)).drop_nulls()
    numbers = words.str.contains(rf"^\D{{0,8}}\d[\d.,'{SPACES}]*\D{{0,8}}$")
    if numbers.sum() < 0.9 * len(words):
        return ""
    return "".join(
        mark for mark, pattern in _DOUBTLESS.items() if words.str.contains(pattern).any()
    )


@cache
def _beside() -> re.Pattern[str]:
    named, times = _any_of((*PERCENT, *CURRENCIES)), _any_of(_OF_MONEY)
    number = rf"[\d.,'{SPACES}]*\d[.,]?"
    return re.compile(
        rf"\(?[+-]?\s*(?:({named})\s*)?[+-]?\(?{number}(?:[/:]?-{{1,2}})?\)?(?:\s*({named}))?-?\)?"
        rf"|[+-]?\s*({_any_of(CURRENCIES)})\s*[+-]?{number}\s*(?:{times})"
        rf"|[+-]?{number}\s*(?:{times})\s*({_any_of(CURRENCIES)})"
    )


def unit_of(word: str) -> str:
    """What stands beside a number: ``"$"`` of $1,200, ``"%"`` of 12 %, ``"kg"`` of 70 kg; empty where there is nothing.

    Of no number too, and of a code such as 007A, which would lose its zeros.

    Examples
    --------
    >>> unit_of("€ 1.200"), unit_of("5h 20m"), unit_of("36.6°C"), unit_of("12")
    ('€', 'h:m:s', '°C', '')
    """
    text = word.strip().translate(_TRANSLATED)
    if _is_duration(text):
        return DURATION
    if match := _beside().fullmatch(text):
        return next(filter(None, match.groups()), "")
    match = _with_suffix().fullmatch(text)
    if match is None or _LEADING_ZERO.match(text) or match[1].lower() in ("am", "pm"):
        return ""
    return match[1]


def forms_of(unit: str) -> tuple[str, ...]:
    """A unit, and where it is a word its plural or singular: day and days.

    Examples
    --------
    >>> forms_of("days"), forms_of("week"), forms_of("kg"), forms_of("€")
    (('days', 'day'), ('week', 'weeks'), ('kg',), ('€',))
    """
    if unit in UNITS or not unit.isalpha() or len(unit) < 3:
        return (unit,)
    return (unit, unit[:-1] if unit.endswith("s") and len(unit) > 3 else f"{unit}s")


def is_unit(text: str) -> bool:
    """Whether that can stand beside numbers."""
    return text in UNITS or _SUFFIX.fullmatch(text) is not None


def is_duration(word: str) -> bool:
    """Whether a word is a time that something takes; one with a single part, such as 45m, too."""
    return not np.isnan(_seconds(word))


@cache
def _with_suffix() -> re.Pattern[str]:
    return re.compile(rf"[+-]?[\d.,'{SPACES}]*\d[.,]?\s*({_SUFFIX.pattern})-?")


def _is_duration(text: str) -> bool:
    """Whether it is one of several parts, which nothing else is written as."""
    if _CLOCK.fullmatch(text) or _ISO.fullmatch(text):
        return True
    match = _LETTERS.fullmatch(text)
    return match is not None and sum(part is not None for part in match.groups()[1:]) > 1


def _seconds(word: str | None) -> float:
    text = word.strip() if word else ""
    found = (pattern.fullmatch(text) for pattern in (_CLOCK, _ISO, _LETTERS))
    match = next(filter(None, found), None)
    if match is None or not text:
        return float("nan")
    sign, days, hours, minutes, seconds = match.groups()
    total = (
        int(days or 0) * 86400
        + int(hours or 0) * 3600
        + int(minutes or 0) * 60
        + float(seconds or 0)
    )
    return -total if sign == "-" else total
