"""`NumbersReader`: columns of plain numbers, for networks that take these numbers as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from sloy.data.tables.numerals import PLAIN, NumberFormat
from sloy.data.tables.reader import TARGET_TYPES, RowsReader
from sloy.data.tables.remarks import Remarks
from sloy.data.tables.sources import Source
from sloy.data.tables.values import words
from sloy.errors import FileFormatError, InvalidArgument
from sloy.text import many, shown

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class NumbersReader(RowsReader):
    """How a model that was fitted to numbers (N, d) finds them in a table; arrays are taken as they are.

    Parameters
    ----------
    columns : tuple of str
        Names of the columns in training, in their order.
    means : tuple of float
        What stands where a number is missing.
    target : str
        The column that is predicted; `others` are predicted beside it.
    named : bool
        Whether columns had these names; else a table has just as many, in their order.
    target_type : one of `TARGET_TYPES`
        Of the target, in which classes are answered.

    Examples
    --------
    >>> reader = NumbersReader(("area", "age"), (90.0, 40.0), "price")
    >>> reader.read({"age": [3, 7], "area": ["50.5", "80"]}).tolist()
    [[50.5, 3.0], [80.0, 7.0]]
    """

    columns: tuple[str, ...]
    means: tuple[float, ...]
    target: str
    named: bool = True
    target_type: str = "text"
    others: tuple[tuple[str, NumberFormat], ...] = ()
    kind: ClassVar[str] = "numbers"
    dtype: ClassVar[str] = "float64"
    missing: tuple[str, ...] = field(default=(), init=False)
    ids: tuple[str, ...] = field(default=(), init=False)
    usual: tuple[float, ...] = field(default=(), init=False)
    written: NumberFormat = field(default=PLAIN, init=False)

    @property
    def names(self) -> tuple[str, ...]:
        """See `RowsReader.names`."""
        return self.columns

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.names)

    @property
    def parts(self) -> dict[str, tuple[int, ...]]:
        """Column → its number, from 0."""
        return {name: (number,) for number, name in enumerate(self.names)}

    def within(self, table: Source, beside: Sequence[str] = ()) -> NumbersReader:
        """See `RowsReader.within`."""
        if self.named or set(self.names) <= set(table.names):
            return self
        there = [name for name in table.names if name not in (*self.targets, *beside)]
        if len(there) != self.width:
            raise InvalidArgument(
                f"{table.label}: has {many(len(there), 'column')} beside the target (columns {_some(there)}); the model"
                f" was trained on arrays, whose columns have no names: it takes just {self.width}, in their order."
            )
        return replace(self, columns=tuple(there))

    def prepare(self, frame: pl.DataFrame, remarks: Remarks) -> np.ndarray:
        """The numbers, float64 (n, width); the mean where there is none."""
        found = np.empty((frame.height, self.width))
        for place, (name, mean) in enumerate(zip(self.names, self.means, strict=True)):
            series = frame[name]
            values = PLAIN.read(series)
            gaps = np.isnan(values)
            if gaps.any():
                remarks.add_gaps(name, words(series), gaps, expected=False)
            found[:, place] = np.where(gaps, mean, values)
        remarks.rows += frame.height
        return found

    def to_config(self) -> dict[str, Any]:
        """See `Reader.to_config`."""
        return {
            "names": list(self.names),
            "means": list(self.means),
            "target": self.target,
            "named": self.named,
            "target_type": self.target_type,
            "others": [name for name, _ in self.others],
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> NumbersReader:
        """See `Reader.from_config`."""
        keys = {"names", "means", "target", "named", "target_type", "others"}
        if set(config) != keys:
            raise FileFormatError(f"a reader of numbers has the keys {shown(sorted(config))}.")
        names, means, others = (config[key] for key in ("names", "means", "others"))
        good = (
            all(isinstance(part, list) for part in (names, means, others))
            and all(isinstance(name, str) for name in (*names, *others, config["target"]))
            and all(type(mean) in (int, float) and isfinite(mean) for mean in means)
            and len(names) == len(means) > 0
            and len({*names, *others, config["target"]}) == len(names) + len(others) + 1
            and isinstance(config["named"], bool)
            and config["target_type"] in TARGET_TYPES
        )
        if not good:
            raise FileFormatError(
                "a reader of numbers needs different names, a mean for each column, and a target."
            )
        return cls(
            tuple(names),
            tuple(map(float, means)),
            config["target"],
            config["named"],
            config["target_type"],
            tuple((name, PLAIN) for name in others),
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:4]) + (", …" if len(names) > 4 else "")
