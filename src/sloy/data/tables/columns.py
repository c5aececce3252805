"""Columns of a table as numbers that a network takes; how is measured on the training rows and kept in the model.

A column gives one or more *prepared* columns of float32: numbers less their mean, divided by their deviation; 1 where a
value is missing; the number of a category, which the layer `Categories` spreads inside the network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import MISSING, dataclass, fields
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sloy.data.tables.dates import PARTS, date_parts, read_moments
from sloy.data.tables.numerals import MARKS, PERCENT, NumberFormat, is_unit
from sloy.data.tables.outliers import ALONE
from sloy.data.tables.remarks import Remarks
from sloy.data.tables.values import polars, spelled, words
from sloy.errors import FileFormatError, InvalidArgument
from sloy.language import counted, say
from sloy.text import number, shown

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Column(ABC):
    """A column of the raw table, and what it becomes.

    Parameters
    ----------
    name : str
        In the raw table.
    """

    name: str
    kind: ClassVar[str]

    @property
    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """What the prepared columns are called."""

    @property
    def classes(self) -> int:
        """The number of categories; 0 for a column of numbers."""
        return 0

    @abstractmethod
    def prepare(self, series: pl.Series, remarks: Remarks) -> list[np.ndarray]:
        """The prepared columns, each float64 (N,)."""

    @abstractmethod
    def describe(self) -> str:
        """What was found and what is done with it, in a few words."""

    def to_config(self) -> dict[str, Any]:
        """JSON values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"column": self.kind, **{k: _plain(v) for k, v in values.items()}}


@dataclass(frozen=True)
class Numeric(Column):
    """Numbers: (x − mean) / deviation, 0 where missing, and 1 there in a second column if training had gaps.

    Parameters
    ----------
    mean, deviation : float
    missing : bool
        Whether training had gaps.
    decimal, thousands, unit : str
        How they are written in a text, see `NumberFormat`.
    limits : (float, float), optional
        Numbers outside are taken for these; where training had some far from all others.
    span : (float, float), optional
        The least and the greatest of the training rows.
    """

    mean: float
    deviation: float
    missing: bool
    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    limits: tuple[float, float] | None = None
    span: tuple[float, float] | None = None
    kind: ClassVar[str] = "numeric"

    def __post_init__(self) -> None:
        _check_scale(self.name, self.mean, self.deviation)
        if (
            self.decimal not in (".", ",")
            or self.thousands not in MARKS
            or not (self.unit == "" or is_unit(self.unit))
        ):
            raise InvalidArgument(
                f"column `{self.name}`: no numbers are written with {self.decimal!r}, {self.thousands!r} and"
                f" {self.unit!r}."
            )

    @property
    def format(self) -> NumberFormat:
        """How its numbers are written."""
        return NumberFormat(self.decimal, self.thousands, self.unit)

    @property
    def ends(self) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """(a, low), (b, high): a number below a is taken for low, one above b for high; None where nothing is known.

        Without `limits` a number must be `ALONE` times as far from the mean as all that training had.
        """
        if self.limits is not None:
            low, high = self.limits
            return (low, low), (high, high)
        if self.span is None:
            return None
        low, high = self.span
        far = self.furthest
        return (self.mean - far, low), (self.mean + far, high)

    @property
    def furthest(self) -> float:
        """How far from the mean a number is at least that is far from all others."""
        ends = self.limits or self.span or (self.mean, self.mean)
        return ALONE * max(self.deviation, *(abs(end - self.mean) for end in ends))

    @property
    def labels(self) -> tuple[str, ...]:
        """See `Column.labels`."""
        return (self.name, f"{self.name}: missing") if self.missing else (self.name,)

    def prepare(self, series: pl.Series, remarks: Remarks) -> list[np.ndarray]:
        """See `Column.prepare`."""
        values = self.format.read(series)
        gaps = np.isnan(values)
        if gaps.any():
            remarks.add_gaps(self.name, words(series), gaps, expected=self.missing)
        if self.unit in PERCENT:
            without_sign = ~gaps & ~np.asarray(_have(series, self.unit).to_numpy())
            remarks.add("unsigned", self.name, words(series), np.flatnonzero(without_sign))
        if self.ends is not None:
            (a, low), (b, high) = self.ends
            far = np.flatnonzero(np.abs(values - self.mean) > self.furthest)
            remarks.add_far(self.name, values, far, (low, high))
            values = np.where(values < a, low, np.where(values > b, high, values))
        return _with_gaps(
            [scaled(self.name, values, self.mean, self.deviation)], gaps, self.missing
        )

    def describe(self) -> str:
        """See `Column.describe`."""
        written = "" if self.format == NumberFormat() else f"{self.format}; "
        said = say(
            "mean {mean}, deviation {deviation}",
            mean=number(self.mean),
            deviation=number(self.deviation),
        )
        return f"{written}{said}{_gaps(self)}"


@dataclass(frozen=True)
class Date(Column):
    """Dates: year, month, day of the month, day of the week, and the hour as a point on a circle.

    Each part is standardised; a part that does not vary is left out. The hour h, with its minutes, is
    sin(2π h / 24) and cos(2π h / 24).

    Parameters
    ----------
    format : str
        Of text, as `dates.DATES` writes them; empty for typed columns.
    parts : tuple of (str, float, float)
        Name, mean, deviation of each part that varies.
    missing : bool
        Whether training had gaps.
    """

    format: str
    parts: tuple[tuple[str, float, float], ...]
    missing: bool
    kind: ClassVar[str] = "date"

    def __post_init__(self) -> None:
        for part, mean, deviation in self.parts:
            if part not in PARTS:
                raise InvalidArgument(
                    f"column `{self.name}`: no part of a date is named {shown(part)}."
                )
            _check_scale(self.name, mean, deviation)

    @property
    def labels(self) -> tuple[str, ...]:
        """See `Column.labels`."""
        found = tuple(f"{self.name}: {part}" for part, _, _ in self.parts)
        return (*found, f"{self.name}: missing") if self.missing else found

    def prepare(self, series: pl.Series, remarks: Remarks) -> list[np.ndarray]:
        """See `Column.prepare`."""
        when = read_moments(series, self.format)
        gaps = np.asarray(when.is_null().to_numpy())
        if gaps.any():
            remarks.add_gaps(self.name, words(series), gaps, expected=self.missing)
        values = date_parts(when)
        columns = [scaled(self.name, values[part], mean, dev) for part, mean, dev in self.parts]
        return _with_gaps(columns, gaps, self.missing)

    def describe(self) -> str:
        """See `Column.describe`."""
        parts = ", ".join(say(part) for part, _, _ in self.parts) or say("no part of it varies")
        return f"{self.format}: {parts}{_gaps(self)}"


@dataclass(frozen=True)
class Category(Column):
    """Words of a list, as their numbers from 0; −1 for what training did not have.

    After the words of the list comes a number for all rare words together (`other`) and one for missing values
    (`missing`), where training had such.

    Parameters
    ----------
    words : tuple of str
        The most frequent first.
    other, missing : bool
    """

    words: tuple[str, ...]
    other: bool
    missing: bool
    kind: ClassVar[str] = "category"

    def __post_init__(self) -> None:
        if len(set(self.words)) < len(self.words) or not self.classes:
            raise InvalidArgument(f"column `{self.name}`: its words must be there, and differ.")

    @property
    def labels(self) -> tuple[str, ...]:
        """See `Column.labels`."""
        return (self.name,)

    @property
    def classes(self) -> int:
        """See `Column.classes`."""
        return len(self.words) + self.other + self.missing

    def prepare(self, series: pl.Series, remarks: Remarks) -> list[np.ndarray]:
        """See `Column.prepare`."""
        pl = polars()
        cells = spelled(words(series), self.words)
        numbered = list(range(len(self.words)))
        known = cells.replace_strict(
            list(self.words), numbered, default=None, return_dtype=pl.Int32
        )
        codes = np.asarray(known.fill_null(-1).to_numpy(), np.float64)
        gaps = np.asarray(cells.is_null().to_numpy())
        strange = np.asarray((known.is_null() & cells.is_not_null()).to_numpy())
        codes[strange] = len(self.words) if self.other else -1
        codes[gaps] = self.classes - 1 if self.missing else -1
        if not self.other:
            remarks.add("unseen", self.name, cells, np.flatnonzero(strange))
        if not self.missing:
            remarks.add_missing(self.name, np.flatnonzero(gaps))
        return [codes]

    def describe(self) -> str:
        """See `Column.describe`."""
        shown = ", ".join(map(repr, self.words[:4])) + (", …" if len(self.words) > 4 else "")
        other = say(", rare ones together") if self.other else ""
        return f"{counted(len(self.words), 'value')}: {shown}{other}{_gaps(self)}"


KINDS: dict[str, type[Column]] = {cls.kind: cls for cls in (Numeric, Date, Category)}


def _gaps(column: Numeric | Date | Category) -> str:
    return say("; missing values marked") if column.missing else ""


def scaled(name: str, values: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    """(x − mean) / deviation, 0 where NaN; what float32 cannot hold is refused."""
    result: np.ndarray = (values - mean) / deviation
    result[np.isnan(values)] = 0
    with np.errstate(over="ignore"):
        good = np.isfinite(result.astype(np.float32))
    if not good.all():
        raise InvalidArgument(
            f"column `{name}` holds {values[int(np.argmin(good))]:g}, which is infinite or too large."
        )
    return result


def column_from_config(config: Any) -> Column:
    """The column that `Column.to_config` described."""
    if not isinstance(config, dict) or config.get("column") not in KINDS:
        raise FileFormatError(f"a column of the table is described by {str(config)[:80]}.")
    cls = KINDS[config["column"]]
    needed = {f.name: f.type for f in fields(cls)}
    given = {key: _tupled(value) for key, value in config.items() if key != "column"}
    given = {f.name: f.default for f in fields(cls) if f.default is not MISSING} | given
    if set(given) != set(needed):
        raise FileFormatError(f"a {cls.kind} column has the keys {shown(sorted(given))}.")
    for name, kind in needed.items():
        if not _fits(given[name], str(kind)):
            raise FileFormatError(f"`{name}` of a {cls.kind} column is {str(given[name])[:40]!r}.")
    return cls(**given)


def _fits(value: Any, kind: str) -> bool:
    match kind:
        case "str" | "bool":
            return type(value).__name__ == kind
        case "float":
            return type(value) in (int, float) and isfinite(value)
        case "tuple[float, float] | None":
            return value is None or (
                isinstance(value, tuple)
                and len(value) == 2
                and all(type(number) in (int, float) and isfinite(number) for number in value)
            )
        case "tuple[str, ...]":
            return isinstance(value, tuple) and all(isinstance(word, str) for word in value)
        case _:
            return isinstance(value, tuple) and all(
                isinstance(part, tuple)
                and len(part) == 3
                and isinstance(part[0], str)
                and all(type(number) in (int, float) for number in part[1:])
                for part in value
            )


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _tupled(value: Any) -> Any:
    return tuple(_tupled(item) for item in value) if isinstance(value, list) else value


def _with_gaps(columns: list[np.ndarray], gaps: np.ndarray, marked: bool) -> list[np.ndarray]:
    return [*columns, gaps.astype(np.float64)] if marked else columns


def _have(series: pl.Series, unit: str) -> pl.Series:
    """Whether that stands in each cell."""
    if series.dtype != polars().String:
        return polars().repeat(value=False, n=len(series), eager=True)
    return series.str.contains(unit, literal=True).fill_null(False)


def _check_scale(name: str, mean: float, deviation: float) -> None:
    if not isfinite(mean) or not isfinite(deviation) or deviation <= 0:
        raise InvalidArgument(
            f"column `{name}`: mean {mean} and deviation {deviation} must be finite, the deviation above 0."
        )
