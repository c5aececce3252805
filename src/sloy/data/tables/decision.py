"""From what the cells of a column look like to how they are taken: numbers, dates, or words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from sloy.data.tables import numerals
from sloy.data.tables.date_decision import date_format, has_gaps, hinted_date, look_like_days
from sloy.data.tables.hints import Hints, option
from sloy.data.tables.mixtures import mixture
from sloy.data.tables.numerals import (
    CURRENCIES,
    DURATION,
    MULTIPLES,
    PERCENT,
    PLAIN,
    SCALES,
    THOUSANDS,
    UNITS,
    NumberFormat,
)
from sloy.data.tables.outliers import UNKNOWN, Extremes
from sloy.data.tables.profile import (
    FEW_STRAYS,
    FEW_WORDS,
    HALF,
    MOSTLY,
    Profile,
    Reading,
    listed,
)
from sloy.data.tables.sources import Source, TextTable
from sloy.data.tables.values import PLACEHOLDERS, polars
from sloy.errors import InvalidArgument
from sloy.text import many

CODES = 0.01  # … but of codes where this share of them has leading zeros or too many digits


def decide(profile: Profile, hints: Hints, source: Source) -> Reading:
    """How the cells of a column are taken.

    Raises
    ------
    InvalidArgument
        Where they are numbers written in more than one way, or are not what the user says; the message names some.
    """
    try:
        return _decided(profile, hints, source)
    except InvalidArgument as error:
        raise InvalidArgument(f"{source.label}: {error}") from None


def _decided(profile: Profile, hints: Hints, source: Source) -> Reading:
    name = profile.name
    if profile.nested or not profile.cells:
        return Reading("words")
    if name in hints.categorical:
        return Reading("words", forced=True)
    if name in hints.dates:
        return hinted_date(profile, hints.dates[name])
    if profile.typed == "date" and not profile.words.cells:
        return Reading("date")
    if profile.typed:
        return Reading("words", forced=profile.typed == "names")
    if name in hints.numeric:
        return _numeric(profile, _best_numbers(profile, hints, source).format, hints, source)
    if not profile.odd:
        return _codes(profile) or _numeric(profile, _of_plain(profile, hints), hints, source)
    numbers = _best_numbers(profile, hints, source)
    when = date_format(profile)
    clock = when is not None and when[0] >= numbers.read and not _within_an_hour(profile)
    if numbers.format.unit == DURATION and clock:
        numbers = _as_numbers(profile, PLAIN)
    if numbers.share < MOSTLY:
        _refuse_two_points(profile, hints)
    if numbers.share >= MOSTLY or _has_strays(profile, numbers):
        return _codes(profile) or _numeric(profile, numbers.format, hints, source)
    if when and (when[0] >= MOSTLY * profile.cells or has_gaps(profile, when[1])):
        return Reading("date", date=when[1], notes=when[2])
    return Reading("words", notes=mixture(profile, numbers.read, numbers.unread))


def _within_an_hour(profile: Profile) -> bool:
    """Whether nearly all times begin with no hour, 00:12:30: how long something took."""
    words, counts = profile.odd_words()
    early = words.str.contains(r"^0?0:\d\d:\d\d")
    return int(counts[np.asarray(early.to_numpy())].sum()) >= MOSTLY * profile.cells


def _of_plain(profile: Profile, hints: Hints) -> NumberFormat:
    """The format of plain numbers: with points between thousands where the table has decimal commas elsewhere."""
    commas = (hints.decimal or hints.elsewhere) == ","
    grouped = profile.may_be_thousands or not profile.pointed
    return THOUSANDS if profile.text and commas and grouped else PLAIN


@dataclass(frozen=True)
class _Numbers:
    """The cells of a column as numbers of one format.

    Attributes
    ----------
    format : NumberFormat
    read : int
        How many cells are such numbers.
    share : float
        Of all with a value.
    unread : list of str
        Words that are none, the most frequent first.
    """

    format: NumberFormat
    read: int
    share: float
    unread: list[str]


def _best_numbers(profile: Profile, hints: Hints, source: Source) -> _Numbers:
    """The cells as numbers of the format that reads most of them."""
    found = _as_numbers(profile, _best_format(profile, hints, source))
    if hints.decimal or not profile.pointed or found.format.decimal == ".":
        return found
    return max(found, _as_numbers(profile, PLAIN), key=lambda numbers: numbers.read)


def _refuse_two_points(profile: Profile, hints: Hints) -> None:
    """Raise `InvalidArgument` where some numbers have a decimal comma, and others a decimal point."""
    if hints.decimal or not profile.pointed:
        return
    words, counts = profile.odd_words()
    commas = ~np.isnan(NumberFormat(",").read(words))
    if profile.numeric.read + int(counts[commas].sum()) >= MOSTLY * profile.cells:
        example = words[int(np.argmax(commas))]
        raise InvalidArgument(
            f"column `{profile.name}` holds {listed([example, profile.with_point])}: a decimal comma and a decimal"
            " point; write all in one way."
        )


def _as_numbers(profile: Profile, format: NumberFormat) -> _Numbers:
    words, counts = profile.odd_words()
    bad = np.ones(len(words), bool) if format == PLAIN else np.isnan(format.read(words))
    read = profile.numeric.read + int(counts[~bad].sum())
    order = np.flatnonzero(bad)[np.argsort(-counts[bad], kind="stable")]
    unread = [words[int(k)] for k in order]
    other = profile.pointed - (profile.grouped if format.thousands == "." else 0)
    if format.decimal == "," and other:  # plain numbers, and none of this format
        read -= other
        unread.append(profile.with_point)
    return _Numbers(format, read, read / profile.cells, unread)


def _has_strays(profile: Profile, numbers: _Numbers) -> bool:
    """Whether half of the cells are numbers, many different ones, and the others a few words, such as "unknown"."""
    unread = numbers.unread
    different = len(profile.few) + len(profile.odd) - len(unread)
    others = [word for word in unread if word.lower() not in PLACEHOLDERS]
    digits = any(c.isdigit() for word in others for c in word)
    few = len(others) <= FEW_STRAYS and not digits
    return numbers.share >= HALF and few and different > FEW_WORDS


def _best_format(profile: Profile, hints: Hints, source: Source) -> NumberFormat:
    """The format that reads the most cells; refused where numbers stand in several ways."""
    odd = profile.odd
    units = _units(profile)
    if len(units) > 1 and sum(units.values()) >= MOSTLY * profile.cells:
        examples = [next(w for w in odd if numerals.unit_of(w) == unit) for unit in list(units)[:3]]
        raise InvalidArgument(
            f"column `{profile.name}` holds {listed(examples)}: numbers of several units; convert them to one, or take"
            f" them as names with {option('categorical', profile.name)}."
        )
    if profile.numeric.read and any(unit in PERCENT for unit in units):
        example = next(word for word in odd if numerals.unit_of(word) in PERCENT)
        plain = profile.numeric.read
        few = plain <= (1 - MOSTLY) * profile.cells
        if units.total() + plain >= MOSTLY * profile.cells and not few:
            raise InvalidArgument(
                f"column `{profile.name}` holds {example!r} and numbers without a percent sign; write all in one way."
            )
    likely = hints.decimal or _likely(profile, hints, source, units)
    found = numerals.formats_of(
        *profile.odd_words(), units=units, decimal=hints.decimal, likely=likely
    )
    if not found:
        return THOUSANDS if likely == "," else PLAIN
    return found[0][1]


def _likely(profile: Profile, hints: Hints, source: Source, units: Collection[str]) -> str:
    """The decimal point of words that may be read in two ways; refused where nothing tells it."""
    odd, money = profile.odd, any(unit in CURRENCIES for unit in units)
    commas = numerals.are_ambiguous(_readable(profile, units), ",")
    if profile.pointed > profile.grouped:
        return "."
    separator = source.header.separator if isinstance(source, TextTable) else ""
    if hints.elsewhere == "," or (hints.elsewhere and not (commas and separator == ";")):
        return hints.elsewhere
    if commas and separator == ",":
        return "."
    if commas:
        what, mark = "a decimal comma", ","
    elif money and numerals.are_ambiguous(odd, ".") and profile.pointed == profile.grouped:
        what, mark = "a decimal point", "."
    else:
        return ""
    example = next(word for word in odd if mark in word)
    raise InvalidArgument(
        f"column `{profile.name}` holds {example!r}, which may be {what} or a mark between thousands; say so with"
        " --decimal , or --decimal . (in Python `decimal=`)."
    )


def _readable(profile: Profile, units: Collection[str]) -> list[str]:
    """The words with commas that are numbers, whatever these mean."""
    words = profile.odd_words()[0]
    words = words.filter(words.str.contains(",", literal=True))
    units = units or [""]
    styles = [NumberFormat(p, m, unit) for p, m in ((",", "."), (".", ",")) for unit in units]
    read = [~np.isnan(style.read(words)) for style in styles]
    return words.filter(polars().Series(np.any(read, 0))).to_list()


def _units(profile: Profile) -> Counter[str]:
    """What stands beside numbers, and in how many cells: currencies, percent, durations; or one word such as kg.

    That beside nearly all numbers alone: 12A and 12B are codes. Where some numbers have k or M behind them, and others
    do not, they are thousands and millions.
    """
    found = Counter[str]()
    for word, count in profile.odd.items():
        if unit := numerals.unit_of(word):
            found[unit] += count
    if DURATION in found:  # 1h 20m, and so 45m
        for word, count in profile.odd.items():
            if (unit := numerals.unit_of(word)) not in UNITS and numerals.is_duration(word):
                found[DURATION] += count
                found[unit] -= count
    for unit in list(found):  # one day, two days
        for other in numerals.forms_of(unit)[1:]:
            if found[unit] >= found[other] > 0:
                found[unit] += found.pop(other)
    known = Counter({unit: count for unit, count in found.items() if unit in UNITS})
    scaled = {unit: count for unit, count in found.items() if unit in MULTIPLES}
    if len(scaled) > 1 or (scaled and profile.numeric.read):
        together = sum(scaled.values()) + profile.numeric.read
        if together >= MOSTLY * profile.cells:
            return Counter({SCALES: sum(scaled.values())})
    word, count = max(found.items(), key=lambda item: item[1], default=("", 0))
    plain = profile.numeric.read if len(profile.few) > 1 else 0  # one alone may stand for none
    numbers = plain + found.total()
    if word not in known and count >= max(MOSTLY * numbers, HALF * profile.cells):
        return Counter({word: count})
    return known


def _doubts(
    profile: Profile, format: NumberFormat, extremes: Extremes, hints: Hints, source: Source
) -> list[str]:
    """What numbers may mean besides: thousands, days, none."""
    name, notes = profile.name, []
    semicolons = isinstance(source, TextTable) and source.header.separator == ";"
    known = hints.decimal or hints.elsewhere or format.decimal == ","
    grouped = profile.may_be_thousands or numerals.are_ambiguous(profile.odd, ".")
    if grouped and not known and (semicolons or 0 < profile.high_without_point < 1000):
        notes.append(
            f"`{name}`: every point is followed by three digits; if it stands between thousands, say --decimal ,"
        )
    if not profile.odd and name not in hints.numeric and (seen := look_like_days(profile)):
        notes.append(f"`{name}`: numbers that look like {seen}")
    different = len(profile.few) + len(profile.odd) * (not _are_plain(profile, format))
    mark = extremes.sentinel(many=different > FEW_WORDS)
    if mark is not None:
        value, count, why = mark
        written = _written(profile, format, value)
        notes.append(
            f"`{name}`: {written} in {many(count, 'cell')} is {why}; if it stands for a missing value, say"
            f" {option('missing', written)}"
        )
    return notes


def _written(profile: Profile, format: NumberFormat, value: float) -> str:
    """A number of the column as a user may name it: of other than plain ones the word."""
    words = profile.odd_words()[0]
    if format == PLAIN or not (same := np.flatnonzero(format.read(words) == value)).size:
        return f"{value:.15g}"
    return str(words[int(same[0])])


def _extremes(profile: Profile, format: NumberFormat) -> Extremes:
    """The ends of the numbers that a format reads; those that are not plain have no rows."""
    if _are_plain(profile, format):
        return profile.extremes
    words, counts = profile.odd_words()
    found = Extremes() if format.decimal == "," and profile.pointed else deepcopy(profile.extremes)
    found.add(np.repeat(format.read(words), counts), known=False)
    return found


def _are_plain(profile: Profile, format: NumberFormat) -> bool:
    """Whether the numbers that a format reads are the plain ones."""
    odd = profile.odd_words()[0]
    return format == PLAIN or (not profile.pointed and bool(np.isnan(format.read(odd)).all()))


def _told(profile: Profile, format: NumberFormat, hints: Hints) -> str:
    """A note that says how the numbers are written, with one that shows it."""
    words = [*profile.odd_words()[0].head(1000), *[profile.with_point] * bool(profile.pointed)]
    read = format.read(polars().Series(words))
    k = int(np.argmin(np.isnan(read)))
    ambiguous = numerals.are_ambiguous(words, ".") or numerals.are_ambiguous(words, ",")
    why = ", as in other columns" if ambiguous and hints.elsewhere == format.decimal else ""
    return f"`{profile.name}`: {format}{why} ({words[k]!r} is {read[k]:g})"


def _numeric(profile: Profile, format: NumberFormat, hints: Hints, source: Source) -> Reading:
    """Numbers, those far from all others clipped."""
    plain, extremes = _are_plain(profile, format), _extremes(profile, format)
    found = _doubts(profile, format, extremes, hints, source)
    if not plain:
        found.append(_told(profile, format, hints))
        if format.unit in PERCENT and profile.numeric.read:
            found.append(
                f"`{profile.name}`: {many(profile.numeric.read, 'cell')} without a percent sign, taken as percents:"
                " 0.4 is 0.4 %"
            )
    if profile.codes:
        shown = listed(profile.shown)
        found.append(
            f"`{profile.name}`: taken as numbers, though {many(profile.codes, 'cell')} ({shown}) may be codes;"
            f" {option('categorical', profile.name)} keeps them as they are"
        )
    limits, outliers = None, ""
    if (alone := extremes.alone()) is not None:
        far, limits = alone
        shown = ", ".join(
            f"{value:g}" + f" in row {row + 1}" * (row != UNKNOWN) for value, row in far[:3]
        )
        more = ", …" if len(far) > 3 else ""
        outliers = (
            f"`{profile.name}`: {shown}{more}: far from all others ({limits[0]:g} to {limits[1]:g})"
        )
    if profile.infinite and limits is None and plain:
        raise InvalidArgument(
            f"column `{profile.name}` holds an infinite number; correct it, say that it is missing with --missing inf,"
            f" or leave the column out with {option('ignore', profile.name)}."
        )
    return Reading("numeric", format, limits, plain, notes=tuple(found), outliers=outliers)


def _codes(profile: Profile) -> Reading | None:
    """Words, where the numbers lose something as numbers."""
    if profile.codes <= CODES * profile.cells:
        return None
    first = profile.shown[0].strip().lstrip("+-")
    why = "leading zeros" if first.startswith("0") else "more digits than numbers keep"
    if "e" in first.lower():
        why = "an E between digits"
    note = (
        f"`{profile.name}`: {many(profile.codes, 'cell')} with {why} ({listed(profile.shown)}): taken as names;"
        f" {option('numeric', profile.name)} takes them as numbers"
    )
    return Reading("words", notes=(note,))
