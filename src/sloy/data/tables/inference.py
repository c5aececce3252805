"""What each column of a table is, and its figures on the training rows, in one pass or two.

The first pass (`Profile`) counts what the cells look like: plain numbers, other words, dates of typed columns. `decide`
makes a `Reading` of that: numbers written in one way, dates of one format, or words. Where the figures of that reading
were not taken in the first pass, a second takes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sloy.data.tables import dates
from sloy.data.tables.columns import Category, Column, Date, Numeric
from sloy.data.tables.dates import ISO
from sloy.data.tables.decision import decide
from sloy.data.tables.hints import Hints, option
from sloy.data.tables.mixtures import numbers_with_units
from sloy.data.tables.profile import Figures, Profile, Reading
from sloy.data.tables.sources import Source, TextTable
from sloy.data.tables.values import alike, polars, without
from sloy.errors import InvalidArgument
from sloy.text import many, shortened, shown

if TYPE_CHECKING:
    import polars as pl

LOOKED_AT = 100  # words of a column that is refused
LONGEST, LONGEST_NAME = 260, 40  # characters of a refusal, and of a column's name in it
LONGEST_CELL = (
    100_000  # bytes: what tries to read numbers and dates in it takes seconds for a million
)
MOST_WORDS = 1000  # categories of a column that are kept apart; rarer ones go together


@dataclass(frozen=True)
class Found:
    """A column that was looked at: what its cells look like, how they are taken, and their figures."""

    profile: Profile
    reading: Reading
    figures: Figures

    @property
    def is_index(self) -> bool:
        """Whether it counts the rows."""
        numeric = self.reading.kind == "numeric"
        return numeric and self.profile.steps and self.figures.numeric.count > 2


def look(
    source: Source, names: Sequence[str], training: np.ndarray, hints: Hints | None = None
) -> dict[str, Found]:
    """What the columns of a table hold.

    Parameters
    ----------
    source : Source
    names : sequence of str
        Columns to look at.
    training : bool array, shape (rows,)
        Rows to take figures from; the kind of a column is found on all.
    hints : Hints, optional

    Raises
    ------
    InvalidArgument
        Where the cells of a column cannot be taken in one way; the message names some.
    """
    hints = hints or Hints()
    points = "," in (hints.decimal, hints.elsewhere) or (
        isinstance(source, TextTable) and source.header.separator == ";"
    )
    profiles = {name: Profile(name, points=points) for name in names}
    _read(source, profiles, training, hints.missing)
    found: dict[str, Found] = {}
    again: dict[str, Figures] = {}
    for name, profile in profiles.items():
        reading = decide(profile, hints, source)
        figures = _taken(profile, reading)
        if figures is None:
            figures = again[name] = Figures(reading)
        found[name] = Found(profile, reading, figures)
    if again:
        _read(source, again, training, hints.missing)
    return found


def _read(
    source: Source,
    into: Mapping[str, Profile | Figures],
    training: np.ndarray,
    missing: tuple[str, ...],
) -> None:
    first = 0
    for frame in source.frames(list(into)):
        rows = training[first : first + frame.height]
        for name, taken in into.items():
            _check_cells(source.label, frame[name])
            taken.add(without(frame[name], missing), rows)
        first += frame.height


def _check_cells(label: str, column: pl.Series) -> None:
    """Raise `InvalidArgument` where a cell is longer than what is looked through for numbers and dates."""
    longest = column.str.len_bytes().max() if column.dtype == polars().String else None
    if isinstance(longest, int) and longest > LONGEST_CELL:
        raise InvalidArgument(
            f"{label}: column {shown(column.name, 60)} has a cell of {longest} bytes; at most {LONGEST_CELL} are read."
            " `ignore` leaves the column out."
        )


def _taken(profile: Profile, reading: Reading) -> Figures | None:
    """The figures of the first pass, where they are of this reading."""
    if reading.kind == "numeric" and reading.plain and reading.limits is None:
        return profile.numeric
    if reading.kind == "date" and not reading.date:
        return profile.date
    if reading.kind == "words" and profile.words.cells == profile.cells:
        return profile.words
    return None


def conclude(
    label: str, seen: Mapping[str, Found], *, leave_out: bool = False
) -> tuple[list[Column], dict[str, str], list[str]]:
    """The columns to train on, the reason of each that is left out, and what a user should know of them.

    Parameters
    ----------
    label : str
        What messages call the table.
    seen : mapping
        Column → what it holds, see `look`.
    leave_out : bool
        Whether columns of text, and of types without numbers, are left out rather than refused.

    Raises
    ------
    InvalidArgument
        Where a column is text, or of a type without numbers; the message names all such columns, and how to leave
        them out.
    """
    unfit = {
        name: "of a type that has no numbers (lists, bytes)"
        for name, found in seen.items()
        if found.profile.nested
    }
    texts = {name: found for name, found in seen.items() if _is_text(found)}
    if not leave_out:
        _refuse(label, list(unfit), "of a type that has no numbers (lists, bytes)")
        _refuse(label, list(texts), "of free text or identifiers", _examples(texts))
    unfit |= dict.fromkeys(texts, "free text or identifiers")
    columns: list[Column] = []
    left_out: dict[str, str] = {}
    notes: list[str] = []
    for name, found in seen.items():
        if name in unfit:
            left_out[name] = unfit[name]
            continue
        if not found.profile.cells:
            left_out[name] = "no value in any row"
            continue
        notes += found.reading.notes
        if found.reading.outliers:
            notes.append(f"{found.reading.outliers}, taken as the nearest of them")
        notes += _unread(name, found)
        notes += _far_days(name, found)
        if found.reading.kind == "words" and (same := alike(sorted(found.figures.different))):
            notes.append(f"`{name}`: {same}, and are taken for different categories")
        column = _column(name, found)
        if column is None:
            left_out[name] = "one value in all training rows"
        else:
            columns.append(column)
    return columns, left_out, notes


def _is_text(found: Found) -> bool:
    reading = found.reading
    return reading.kind == "words" and not reading.forced and found.figures.is_text


def _examples(texts: Mapping[str, Found]) -> str:
    name, found = next(iter(texts.items()), ("", None))
    if found is None:
        return ""
    name = shortened(name, LONGEST_NAME)
    different = sorted(found.figures.different)
    examples = ", ".join(repr(shortened(word)) for word in different[:3])
    numbers = found.profile.numeric.read
    if dates.look_like_dates(different[:LOOKED_AT]):
        known = dates.formats_of(*found.profile.odd_words())[:2]
        partly = ", ".join(f"{many(count, 'cell')} as {format}" for count, format in known)
        return (
            f"; column `{name}` holds {different[0]!r}, it looks like dates, which no one format reads"
            f"{f' ({partly})' if known else ''}: say how they are written, as in"
            f" {option('date', name + '=%d.%m.%Y')}, or"
        )
    if several := numbers_with_units(found.profile):
        return f"; column `{name}` holds {several}: convert them to one unit; or"
    mostly = f" (numbers in {many(numbers, 'cell')}: {option('numeric', _brief(name))} takes the others as missing)"
    return f"; column `{name}` holds {examples}, …{mostly if 0 < numbers < found.profile.cells else ''};"


def _unread(name: str, found: Found) -> list[str]:
    """A note that names the cells that are taken as missing."""
    unread, figures = found.figures.unread, found.figures
    if found.figures is found.profile.numeric:
        unread = found.profile.odd
    count = figures.cells - figures.read
    if not count or found.reading.kind == "words":
        return []
    what = ("date" if found.reading.kind == "date" else "number") + "s" * (count > 1)
    examples = ", ".join(repr(shortened(word)) for word, _ in unread.most_common(3))
    more = ", …" if len(unread) > 3 else ""
    return [
        f"`{name}`: {many(count, 'cell')} of {figures.cells} {'is' if count == 1 else 'are'} no {what}"
        f" ({examples}{more}), taken as missing"
    ]


def _far_days(name: str, found: Found) -> list[str]:
    """A note that names a day far from all others, or years that are not of our time."""
    if found.reading.kind != "date" or not dates.has_day(found.reading.date):
        return []
    notes, days = [], found.figures.days
    for (day, _, count), gap, _ in days.apart():
        if gap > dates.FAR:
            notes.append(
                f"`{name}`: {_day(day)} in {many(count, 'cell')} is far from all other dates; if it stands for a"
                " missing value, name it with --missing as it stands there"
            )
    if not notes and days.high and days.high[0][0] > dates.LAST:
        notes.append(
            f"`{name}`: its dates go from {_day(days.low[0][0])} to {_day(days.high[0][0])}; are the years right?"
        )
    return notes


def _day(since: float) -> str:
    return str(np.datetime64(int(since), "D"))


def _column(name: str, found: Found) -> Column | None:
    """The column, or None where it never varies."""
    figures, reading = found.figures, found.reading
    gaps = figures.gaps > 0
    if reading.kind == "numeric":
        deviation = figures.numeric.deviation
        if deviation == 0 and (not gaps or not figures.numeric.count):
            return None
        format = reading.number
        return Numeric(
            name, figures.numeric.mean, deviation or 1.0, gaps,
            format.decimal, format.thousands, format.unit, reading.limits,
            (figures.numeric.low, figures.numeric.high) if figures.numeric.count else None,
        )  # fmt: skip
    if reading.kind == "date":
        said = dates.parts_of(reading.date)
        kept = tuple(
            (part, m.mean, m.deviation)
            for part, m in figures.parts.items()
            if part in said and m.deviation > 0
        )
        format_ = reading.date
        if not format_:  # of a typed column; text that is read later is taken in ISO 8601
            format_ = ISO[any(part.startswith("hour") for part, _, _ in kept)]
        return Date(name, format_, kept, gaps) if kept or gaps else None
    ranked = sorted(figures.counts.items(), key=lambda item: (-item[1], item[0]))
    kept_words = tuple(word for word, count in ranked[:MOST_WORDS] if count > 1)
    other = len(kept_words) < len(ranked)
    if len(kept_words) + other + gaps < 2:
        return None
    return Category(name, kept_words, other, gaps)


def _refuse(label: str, names: Sequence[str], what: str, more_of_it: str = "") -> None:
    """Refuse columns, as many of them named, and as much of it said, as a message has room for."""
    if not names:
        return
    python = f" (in Python `ignore=`{', `ids=`' if more_of_it else ''})"
    forms = [_refusal(names, most, what, more_of_it) + python for most in (8, 4, 2, 1)]
    forms += [_refusal(names, 1, what, more_of_it), _refusal(names, 1, what, ";")]
    said = next((form for form in forms if len(form) <= LONGEST), forms[-1])
    raise InvalidArgument(f"{label}: {said}.")


def _refusal(names: Sequence[str], most: int, what: str, more_of_it: str) -> str:
    listed = ", ".join(shown(name, LONGEST_NAME) for name in names[:most])
    more = f" and {len(names) - most} more" if len(names) > most else ""
    columns = "column" if len(names) == 1 else "columns"
    options = " ".join(option("ignore", _brief(name)) for name in names[:most])
    beside = (
        f", or keep it beside the predictions with {option('id', _brief(names[0]))}"
        if more_of_it and "--date" not in more_of_it
        else ""
    )
    return (
        f"{columns} {what}: {listed}{more}{more_of_it or ';'} leave out with {options}{' …' if more else ''}"
        f"{beside}"
    )


def _brief(name: str) -> str:
    return shortened(name, LONGEST_NAME)
