"""What the cells of a column look like, and its figures once it is known how they are taken."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sloy.data.tables.dates import PARTS, date_parts, read_moments
from sloy.data.tables.numerals import PLAIN, NumberFormat, codes_in
from sloy.data.tables.outliers import Extremes
from sloy.data.tables.values import cells, is_strange, polars, words
from sloy.text import shortened

if TYPE_CHECKING:
    import polars as pl

TEXT_SHARE = 0.5  # a column of words with more different ones than this share of its cells is text
FEW_WORDS = 20  # … unless there are no more than this
MOSTLY = 0.9  # a column is of numbers, or dates, where this share of its cells are
HALF = 0.5  # the least share of numbers, or dates, where the others are a few words for nothing
FEW_STRAYS = 3  # different words that may stand for "no value" among numbers, however often
_FIRST = 64  # numbers of a block that are looked at before all are
_DISTINCT = 200_000  # different words that are counted at most
_MONTHS = {
    "%m.%Y": r"^\s*(?:0?[1-9]|1[0-2])\.(?:19|20)\d\d\s*$",
    "%Y.%m": r"^\s*(?:19|20)\d\d\.(?:0[1-9]|1[0-2])\s*$",
}


@dataclass
class Moments:
    """Mean and deviation of numbers, added block by block [1]_.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance", Amer. Statist. 37
       (1983) 242-247, eq. 2.1.
    """

    count: int = 0
    mean: float = 0.0
    square: float = 0.0  # Σ (x − mean)²
    low: float = np.inf
    high: float = -np.inf

    def add(self, values: np.ndarray) -> None:
        """Add finite numbers (N,)."""
        if not len(values):
            return
        total = self.count + len(values)
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # what is too large is found among the extremes
            mean = float(values.mean())
            square = float(np.square(values - mean).sum())
            step = mean - self.mean
            self.mean += step * len(values) / total
            self.square += square + step * step * self.count * len(values) / total
        self.count = total
        self.low, self.high = (
            min(self.low, float(values.min())),
            max(self.high, float(values.max())),
        )

    @property
    def deviation(self) -> float:
        """√(Σ (x − mean)² / N); 0 where all numbers are one."""
        if self.count == 0 or self.low == self.high:
            return 0.0
        return float(np.sqrt(self.square / self.count))


@dataclass(frozen=True)
class Reading:
    """How the cells of a column are taken.

    Attributes
    ----------
    kind : "numeric", "date" or "words"
    number : NumberFormat
    limits : (float, float) or None
        Of numbers.
    plain : bool
        Whether these are the plain numbers of the column, in whatever format.
    date : str
        Format; empty for a typed column.
    notes : tuple of str
        What a user should know of the decision.
    forced : bool
        Whether the user said that they are words.
    outliers : str
        Which numbers are outside the `limits`, where there are some; what is done with them depends on the column.
    """

    kind: str
    number: NumberFormat = PLAIN
    limits: tuple[float, float] | None = None
    plain: bool = False
    date: str = ""
    notes: tuple[str, ...] = ()
    forced: bool = False
    outliers: str = ""


@dataclass
class Figures:
    """Figures of a column on the training rows, its cells taken in one way."""

    reading: Reading
    cells: int = 0  # with a value
    read: int = 0  # of them
    gaps: int = 0  # of the training rows: missing, or not to be read
    numeric: Moments = field(default_factory=Moments)
    parts: dict[str, Moments] = field(default_factory=lambda: {part: Moments() for part in PARTS})
    days: Extremes = field(default_factory=Extremes)  # of dates, since 1970
    counts: Counter[str] = field(default_factory=Counter)  # of words in training rows
    different: set[str] = field(default_factory=set)  # of words, in all rows, up to `_DISTINCT`
    unread: Counter[str] = field(default_factory=Counter)  # words that are no such number or date

    def add(
        self,
        series: pl.Series,
        training: np.ndarray,
        values: np.ndarray | None = None,
        said: pl.Series | None = None,
    ) -> None:
        """Take the next rows.

        Parameters
        ----------
        series : polars.Series
        training : bool array, shape (N,)
            Which rows are trained on.
        values : float64 array, shape (N,), optional
            The numbers, where they were read already.
        said : polars.Series, optional
            The words, where they were.
        """
        if self.reading.kind == "words":
            said = words(series) if said is None else said
            read = np.asarray(said.is_not_null().to_numpy())
            self._add_words(said, read, training)
        elif self.reading.kind == "date":
            when = read_moments(series, self.reading.date)
            read = np.asarray(when.is_not_null().to_numpy())
            for part, found in date_parts(when).items():
                self.parts[part].add(found[read & training])
            days = when.dt.epoch("d").cast(polars().Float64)
            self.days.add(np.array(days.to_numpy(), np.float64))
        else:
            found = self.reading.number.read(series) if values is None else values
            read = ~np.isnan(found)
            if self.reading.limits is not None:
                found = np.clip(found, *self.reading.limits)
            self.numeric.add(found[read & training])
        present = read
        if self.reading.kind != "words" and not read.all():
            gaps = missing(series) if said is None else said.is_null()
            present = ~np.asarray(gaps.to_numpy())
        self.cells += int(present.sum())
        self.read += int(read.sum())
        self.gaps += int((training & ~read).sum())
        if (strange := present & ~read).any() and len(self.unread) <= _DISTINCT:
            odd = (said if said is not None else cells(series)).filter(polars().Series(strange))
            once = odd.unique(
                maintain_order=True
            ).to_list()  # as they come, so that notes stay the same
            self.unread.update(dict(zip(once, odd.unique_counts().to_list(), strict=True)))

    def _add_words(self, said: pl.Series, present: np.ndarray, training: np.ndarray) -> None:
        if len(self.different) <= _DISTINCT:
            self.different.update(said.drop_nulls().unique().to_list())
        elif self.is_text:
            return
        counted = said.filter(polars().Series(present & training)).value_counts()
        self.counts.update(dict(counted.iter_rows()))

    @property
    def is_text(self) -> bool:
        """Whether most of the words are met once."""
        return len(self.different) > max(FEW_WORDS, TEXT_SHARE * self.cells)


@dataclass
class Profile:
    """What the cells of a column look like."""

    name: str
    text: bool = False  # whether cells are words of a text
    nested: str = ""  # a type that has no numbers
    typed: str = (
        ""  # "date", "words" or "names" (categories, even of text) of columns whose type says so
    )
    zeros: int = 0  # plain numbers that lose zeros or digits as such
    exponents: Counter[str] = field(
        default_factory=Counter
    )  # such as 61E6, which no program writes for a number
    shown: list[str] = field(default_factory=list)  # some of them
    odd: Counter[str] = field(
        default_factory=Counter
    )  # words that are no plain numbers, up to `_DISTINCT`
    few: set[float] = field(default_factory=set)  # different numbers, up to a few
    steps: bool = True  # whether each number is the one before plus 1
    last: float | None = None
    numeric: Figures = field(default_factory=lambda: Figures(Reading("numeric")))
    words: Figures = field(default_factory=lambda: Figures(Reading("words")))
    date: Figures = field(default_factory=lambda: Figures(Reading("date")))
    extremes: Extremes = field(default_factory=Extremes)
    infinite: bool = False  # whether a number is
    points: bool = False  # whether to look what stands behind each point of a text, or as long as it is the same
    pointed: int = 0  # plain numbers with a point
    with_point: str = ""  # one of them
    months: str = "%m.%Y %Y.%m"  # formats in which all of them are months: 04.2011
    grouped: int = 0  # … of which the point may stand between thousands: 1.234
    high_without_point: float = 0.0  # the greatest size of those of a text that have no point

    def add(self, series: pl.Series, training: np.ndarray) -> None:
        """Take the next rows."""
        pl = polars()
        dtype = series.dtype
        if is_strange(series):
            self.nested = str(dtype)
        elif dtype in (pl.Date, pl.Time) or isinstance(dtype, pl.Datetime):
            self.typed = "date"
            self.date.add(series, training)
        elif dtype in (pl.Boolean, pl.Categorical, pl.Enum):
            self.typed = "words" if dtype == pl.Boolean else "names"
            self.words.add(series, training)
        elif self.typed:  # a typed column with cells that are not of its type
            self.words.add(series, training)
        else:
            self._add_numbers(series, training)

    def _add_numbers(self, series: pl.Series, training: np.ndarray) -> None:
        pl = polars()
        values = PLAIN.read(series)
        if series.dtype == pl.String:
            self.text = True
            self._add_points(series, values)
        self.infinite = self.infinite or bool(np.isinf(values).any())
        before = self.numeric.cells
        said = words(series) if series.dtype == pl.String and np.isnan(values).all() else None
        self.numeric.add(series, training, values, said)
        self.extremes.add(values)
        if len(codes := codes_in(series, values)):
            text = codes.cast(pl.String)
            ends = text.filter(text.str.contains("[eE]"))
            self.zeros += len(codes) - len(ends)
            if len(self.exponents) <= _DISTINCT:
                self.exponents.update(ends.to_list())
            self.shown = [*self.shown, *codes.cast(pl.String).unique().head(3).to_list()][:3]
        read = values[~np.isnan(values)]
        if len(self.few) <= FEW_WORDS:
            self.few.update(
                np.unique(read).tolist() if len(read) < 1000 else set(read[:1000].tolist())
            )
        if self.numeric.unread:
            if len(self.odd) <= _DISTINCT:
                self.odd.update(self.numeric.unread)
            self.numeric.unread = Counter()
        if self.steps:
            line = values if self.last is None else np.concatenate([[self.last], values])
            with np.errstate(invalid="ignore"):  # ∞ − ∞
                self.steps = bool(len(read) == len(values) and (np.diff(line) == 1).all())
            self.last = float(values[-1]) if len(values) else self.last
        if self.numeric.read == 0 or self.words.cells == before > 0:
            self.words.add(series, training, said=said)  # words so far, or from the first row on

    def _add_points(self, series: pl.Series, values: np.ndarray) -> None:
        """Count the plain numbers that have a point."""
        pl = polars()
        read = ~np.isnan(values)
        with_point = series.str.contains(".", literal=True) & pl.Series(read)
        without = np.abs(values[read & ~np.asarray(with_point.fill_null(False).to_numpy())])
        self.high_without_point = max(
            self.high_without_point, *without.max(initial=0.0, keepdims=True)
        )
        if not with_point.any():
            return
        self.with_point = self.with_point or series[int(with_point.arg_max() or 0)]
        before = self.pointed
        self.pointed += int(with_point.sum())
        found = series.filter(with_point)
        self._find_months(found)
        if not self.points and (self.grouped < before or not _grouped(found.head(_FIRST)).all()):
            self.grouped = 0
        else:
            self.grouped += int(_grouped(found).sum())

    def _find_months(self, found: pl.Series) -> None:
        """Keep the formats of months that all these numbers with a point have."""
        for format, pattern in _MONTHS.items():
            if format in self.months:
                head = found.head(_FIRST).str.contains(pattern)
                if not (head.all() and found.str.contains(pattern).all()):
                    self.months = self.months.replace(format, "").strip()

    @property
    def codes(self) -> int:
        """Plain numbers that lose something as such; one alone, such as 1e30, is a number."""
        return self.zeros + (self.exponents.total() if len(self.exponents) > 1 else 0)

    @property
    def may_be_thousands(self) -> bool:
        """Whether every point of the plain numbers may stand between thousands."""
        return self.pointed == self.grouped > 0

    def odd_words(self) -> tuple[pl.Series, np.ndarray]:
        """The words that are no plain numbers, and how often each stands there."""
        words = polars().Series(list(self.odd), dtype=polars().String)
        return words, np.array(list(self.odd.values()), np.int64)

    @property
    def cells(self) -> int:
        """Cells with a value."""
        return max(self.numeric.cells, self.words.cells, self.date.cells)


def _grouped(text: pl.Series) -> pl.Series:
    """Whether the point of each number may stand between thousands: 1.234."""
    return text.str.contains(r"^\s*[+-]?[1-9]\d{0,2}(?:\.\d{3})+\s*$")


def listed(words: list[str]) -> str:
    """Words as a message names them."""
    return " and ".join(repr(shortened(word)) for word in words)


def missing(series: pl.Series) -> pl.Series:
    """Whether each cell has no value."""
    if series.dtype.is_float():
        return series.is_null() | series.is_nan()
    if series.dtype.is_numeric() or series.dtype.is_temporal() or series.dtype == polars().Boolean:
        return series.is_null()
    return cells(series).is_null()
