"""What is to be predicted, classes or numbers, as the target column has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sloy.data.tables.dates import has_day, look_like_dates
from sloy.data.tables.decision import decide
from sloy.data.tables.hints import Hints
from sloy.data.tables.mixtures import numbers_with_units
from sloy.data.tables.numerals import DURATION, PLAIN, NumberFormat
from sloy.data.tables.outliers import farthest
from sloy.data.tables.profile import MOSTLY, Moments, Profile, Reading
from sloy.data.tables.sources import Source
from sloy.data.tables.values import PLACEHOLDERS, alike, is_strange, polars, spelled, without, words
from sloy.errors import InvalidArgument
from sloy.language import say
from sloy.text import many

if TYPE_CHECKING:
    import polars as pl

MOST_CODES = 20  # whole numbers are classes where there are no more different ones
MOST_CLASSES = 1000
SLICE = 1 << 14  # rows looked at together, which keeps memory small


@dataclass(frozen=True, eq=False)
class Target:
    """The target column.

    Attributes
    ----------
    name : str
    y : array, shape (rows,), or (rows, K) of several targets
        int32 labels, −1 where missing; or float64 numbers, NaN where missing.
    class_names : tuple of str
        Sorted, numbers by size; empty for numbers.
    reason : str
        Why classes, or why numbers, in the language that is spoken.
    notes : tuple of str
        What a user should know of how it was read.
    written : NumberFormat
        How the numbers are written.
    others : tuple of (str, NumberFormat)
        Name and format of the second target and those after it.
    """

    name: str
    y: np.ndarray
    class_names: tuple[str, ...]
    reason: str
    notes: tuple[str, ...] = ()
    written: NumberFormat = PLAIN
    others: tuple[tuple[str, NumberFormat], ...] = ()

    @property
    def is_classification(self) -> bool:
        """Whether there are classes."""
        return bool(self.class_names)

    def usual(self, rows: np.ndarray) -> tuple[float, ...]:
        """The shares of the classes among some rows, or the mean of their numbers."""
        y = self.y[rows]
        if self.is_classification:
            return tuple((np.bincount(y, minlength=len(self.class_names)) / len(y)).tolist())
        return tuple(np.atleast_1d(y.mean(0)).tolist())

    @property
    def known(self) -> np.ndarray:
        """Which rows have a target, (rows,)."""
        if self.is_classification:
            return np.asarray(self.y >= 0)
        return ~np.isnan(self.y.reshape(len(self.y), -1)).any(1)


def make_target(label: str, series: pl.Series, task: str, hints: Hints, source: Source) -> Target:
    """The target of a column: classes where it holds words or few whole numbers, else numbers.

    Parameters
    ----------
    label : str
        What messages call the table.
    series : polars.Series
    task : "auto", "classification" or "regression"
    hints : Hints
        What the user says of the columns.
    source : Source
        The table.

    Raises
    ------
    InvalidArgument
        Where it has no or only one value, is text, or holds no numbers for a regression.
    """
    name = series.name
    if not len(series):
        raise InvalidArgument(f"{label}: has no rows.")
    if is_strange(series):
        raise InvalidArgument(
            f"{label}: the target `{name}` is of type {series.dtype}, which has neither numbers nor classes."
        )
    series = without(series, hints.missing)
    said = words(series)
    if said.null_count() == len(said):
        raise InvalidArgument(f"{label}: the target `{name}` has no value in any row.")
    if said.drop_nulls().n_unique() == 1:
        raise InvalidArgument(
            f"{label}: the target `{name}` is {said.drop_nulls()[0]!r} in every row; there is nothing to learn."
        )
    plain = PLAIN.read(series)
    if np.isinf(plain).any():
        row = int(np.argmax(np.isinf(plain)))
        raise InvalidArgument(
            f"{label}: the target `{name}` holds an infinite number ({plain[row]:g} in row {row + 1}); correct it, or"
            f" say that it is missing with --missing {plain[row]:g}."
        )
    profile = profile_of(series)
    reading = decide(
        profile, replace(hints, numeric={name}) if task == "regression" else hints, source
    )
    if reading.kind == "date" and reading.date and not has_day(reading.date):
        reading = _durations(series, reading)
    if reading.kind == "numeric":
        values = plain if reading.number == PLAIN else reading.number.read(series)
    else:
        values = np.full(len(said), np.nan)
    finite = np.isfinite(values)
    if task == "regression" and finite.sum() < MOSTLY * len(said.drop_nulls()):
        strange = said.filter(polars().Series(~finite)).drop_nulls()
        raise InvalidArgument(
            f"{label}: the target `{name}` holds {strange[0]!r}, which is no number; a regression needs"
            " numbers."
        )
    different = np.unique(values[finite])
    few = len(different) <= min(MOST_CODES, max(2, finite.sum() / 2))  # so that they come again
    whole = bool(finite.any()) and few and (different == np.round(different)).all()
    notes = tuple(reading.notes)
    if task == "classification" or (task == "auto" and (not finite.any() or whole)):
        counted = f"{len(different)} different {'whole ' if whole else ''}numbers"
        kind = _counted(len(different), whole=whole) if finite.any() else say("it holds words")
        if task == "auto" and finite.any():
            notes += (
                f"`{name}`: {counted} are taken for classes; --task regression takes them as numbers",
            )
            said, strays = _without_strays(said, finite)
            notes += tuple(strays)
        if task == "auto" and len(set(profile.odd)) > MOST_CODES:
            _refuse_units(label, profile)
        return _classes(label, said, kind if task == "auto" else say("as asked for"), notes)
    asked = task == "regression"
    reason = say("as asked for") if asked else _counted(len(different), whole=False)
    notes += tuple(_unread(name, said, finite))
    if reading.limits is not None:  # nobody would believe it, and nothing else would be learned
        low, high = reading.limits
        values = np.where((values < low) | (values > high), np.nan, values)
        notes += (f"{reading.outliers}, left out as nothing else can be learned beside it",)
    notes += tuple(_far(name, values))
    _check_size(label, name, values)
    return Target(name, values, (), reason, notes, reading.number)


def _counted(different: int, *, whole: bool) -> str:
    """How many numbers there are, in the language that is spoken."""
    if whole:
        return say("{count} different whole numbers", count=different)
    return say("{count} different numbers", count=different)


def _durations(series: pl.Series, times: Reading) -> Reading:
    """Times without a day as durations in seconds, where they can be: as a target they are how long something takes."""
    format = NumberFormat(unit=DURATION)
    found = format.read(series)
    read = np.flatnonzero(~np.isnan(found))
    if len(read) < MOSTLY * (len(series) - series.null_count()):
        return times
    said = f"`{series.name}`: {format} ({series[int(read[0])]!r} is {found[read[0]]:g})"
    return Reading("numeric", format, notes=(said,))


def _refuse_units(label: str, profile: Profile) -> None:
    """Raise `InvalidArgument` where the target is no names, but numbers that do not compare."""
    if several := numbers_with_units(profile):
        raise InvalidArgument(
            f"{label}: the target `{profile.name}` holds {several}: convert them to one unit; or --task"
            " classification takes each as a class."
        )


def _far(name: str, values: np.ndarray) -> list[str]:
    """A note that names a number far from all others, which may be a total."""
    if (found := farthest(values)) is None:
        return []
    row, times = found
    return [
        f"the target `{name}` is {values[row]:g} in row {row + 1}, {times:.0f} times as far from the middle as all"
        " others; if that row is a total, or a slip, take it out"
    ]


def known_target(
    label: str,
    series: pl.Series,
    class_names: Sequence[str],
    written: NumberFormat,
    missing: tuple[str, ...],
) -> Target:
    """The target of rows that a model is measured on: the classes, or numbers, that it was trained to answer.

    Parameters
    ----------
    label : str
        What messages call the table.
    series : polars.Series
    class_names : sequence of str
        Of the model; none where it answers with numbers.
    written : NumberFormat
        How numbers are written.
    missing : tuple of str
        Words for a missing value.

    Raises
    ------
    InvalidArgument
        Where it holds a class that the model does not have, or no number where there must be some.
    """
    name = series.name
    if is_strange(series):
        raise InvalidArgument(
            f"{label}: the target `{name}` is of type {series.dtype}, which has neither numbers nor classes."
        )
    series = without(series, missing)
    said = words(series)
    if said.null_count() == len(said):
        raise InvalidArgument(f"{label}: the target `{name}` has no value in any row.")
    if class_names:
        return _known_classes(label, spelled(said, class_names), tuple(class_names))
    values = written.read(series)
    finite = np.isfinite(values)
    if np.isinf(values).any() or not finite.any():
        kind = "an infinite number" if np.isinf(values).any() else f"{said.drop_nulls()[0]!r}"
        written_as = "" if written == PLAIN else f" ({written})"
        raise InvalidArgument(
            f"{label}: the target `{name}` holds {kind}; the model answers with numbers{written_as}."
        )
    _check_size(label, name, values)
    return Target(name, values, (), "of the model", tuple(_unread(name, said, finite)), written)


def _known_classes(label: str, said: pl.Series, class_names: tuple[str, ...]) -> Target:
    """Labels of a model's classes."""
    pl, known = polars(), list(class_names)
    strange, notes = ~said.is_in(known).fill_null(True), list[str]()
    if not np.isnan(PLAIN.read(pl.Series(known))).all():  # words such as "unknown" among numbers
        empty = strange & said.str.to_lowercase().is_in(PLACEHOLDERS)
        notes = _unread(said.name, said, ~np.asarray(empty.to_numpy()))
        said, strange = said.set(empty, None), strange & ~empty
    unknown = said.filter(strange)
    if len(unknown):
        shown = ", ".join(map(repr, unknown.unique(maintain_order=True).head(3).to_list()))
        some = ", ".join(known[:8]) + (", …" if len(known) > 8 else "")
        raise InvalidArgument(
            f"{label}: the target `{said.name}` holds {shown} in {many(len(unknown), 'row')}, which is none of the"
            f" model's classes ({some}); correct it, or take these rows out."
        )
    labels = said.replace_strict(known, list(range(len(known))), default=-1, return_dtype=pl.Int32)
    y = np.array(labels.fill_null(-1).to_numpy(), np.int32)
    return Target(said.name, y, class_names, "of the model", tuple(notes))


def reading_of(series: pl.Series, hints: Hints, source: Source) -> Reading:
    """How the cells of a whole column are taken: numbers, dates, or words."""
    return decide(profile_of(series), hints, source)


def profile_of(series: pl.Series) -> Profile:
    """What the cells of a whole column look like."""
    profile = Profile(series.name, points=True)
    for first in range(0, len(series), SLICE):
        part = series.slice(first, SLICE)
        profile.add(part, np.ones(len(part), bool))
    return profile


def _without_strays(said: pl.Series, finite: np.ndarray) -> tuple[pl.Series, list[str]]:
    """Classes that are numbers: words such as "unknown" among them are missing, others are classes of their own."""
    stray = polars().Series(~finite) & said.is_not_null()
    empty = stray & said.str.to_lowercase().is_in(PLACEHOLDERS)
    others = said.filter(stray & ~empty).unique().sort().to_list()
    notes = _unread(said.name, said, finite | ~np.asarray(empty.to_numpy()))
    if others:
        notes.append(
            f"`{said.name}`: {', '.join(map(repr, others[:3]))} beside numbers: a class too"
        )
    return said.set(empty.fill_null(False), None), notes


def _unread(name: str, said: pl.Series, read: np.ndarray) -> list[str]:
    """A note that names the cells of the target that are taken as missing."""
    strange = said.filter(polars().Series(~read)).drop_nulls()
    if not len(strange):
        return []
    shown = ", ".join(map(repr, strange.unique(maintain_order=True).head(3).to_list()))
    return [
        f"the target `{name}` is no number in {many(len(strange), 'row')} ({shown}), which"
        f" {'is' if len(strange) == 1 else 'are'} left out"
    ]


def _check_size(label: str, name: str, values: np.ndarray) -> None:
    """Refuse targets that float32 cannot hold."""
    with np.errstate(over="ignore"):
        large = np.isinf(values.astype(np.float32))
    if large.any():
        row = int(np.argmax(large))
        raise InvalidArgument(
            f"{label}: the target `{name}` is {values[row]:g} in row {row + 1}, which is more than float32 can hold;"
            " correct it or take that row out."
        )


def drawn(target: Target, order: np.ndarray, share: float) -> np.ndarray:
    """The share of the rows that come first in `order`, of each class alike."""
    size = round(share * len(order))
    if not target.is_classification:
        return order[:size]
    labels = target.y[order]
    # Each row's place among those of its class, from 0 to 1: the smallest make up the share, class by class.
    counts = np.bincount(labels)
    by_class = np.argsort(labels, kind="stable")
    first = np.cumsum(counts) - counts
    rank = np.empty(len(order))
    rank[by_class] = np.arange(len(order)) - first[labels[by_class]]
    return order[np.argsort((rank + 0.5) / counts[labels], kind="stable")[:size]]


def moments_of(values: np.ndarray) -> Moments:
    """Mean and deviation of numbers."""
    found = Moments()
    found.add(values)
    return found


def _classes(label: str, said: pl.Series, reason: str, notes: tuple[str, ...]) -> Target:
    pl = polars()
    names = said.drop_nulls().unique().to_list()
    if len(names) > MOST_CLASSES or len(names) > max(
        MOST_CODES, (len(said) - said.null_count()) / 2
    ):
        days = "dates, " if look_like_dates(names[:100]) else ""
        advice = "; a date is learned as a number, such as days since the first" if days else ""
        raise InvalidArgument(
            f"{label}: the target `{said.name}` holds {days}{len(names)} different values in {len(said)} rows; classes"
            f" must come again, and be at most {MOST_CLASSES}{advice}."
        )
    names.sort(key=_by_size)
    if same := alike(names):
        notes += (f"the target `{said.name}`: {same}, and are taken for different classes",)
    labels = said.replace_strict(names, list(range(len(names))), default=-1, return_dtype=pl.Int32)
    y = np.array(labels.fill_null(-1).to_numpy(), np.int32)
    return Target(said.name, y, tuple(names), reason, notes)


def _by_size(word: str) -> tuple[int, float, str]:
    try:
        return 0, float(word), word
    except ValueError:
        return 1, 0.0, word
