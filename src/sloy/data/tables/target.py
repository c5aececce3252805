"""What is to be predicted, classes or numbers, as the target column has it; and which rows train, validate, test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sloy.data.tables.inference import Moments
from sloy.data.tables.values import numbers, polars, words
from sloy.errors import InvalidArgument
from sloy.graph.threefry import make_key, permutation

if TYPE_CHECKING:
    import polars as pl

MOST_CODES = 20  # whole numbers are classes where there are no more different ones
MOST_CLASSES = 1000
TRAIN, VALIDATE, TEST, LEFT_OUT = range(4)


@dataclass(frozen=True, eq=False)
class Target:
    """The target column.

    Attributes
    ----------
    name : str
    y : array, shape (rows,)
        int32 labels, −1 where missing; or float64 numbers, NaN where missing.
    class_names : tuple of str
        Sorted, numbers by size; empty for numbers.
    reason : str
        Why classes, or why numbers.
    """

    name: str
    y: np.ndarray
    class_names: tuple[str, ...]
    reason: str

    @property
    def is_classification(self) -> bool:
        """Whether there are classes."""
        return bool(self.class_names)

    @property
    def known(self) -> np.ndarray:
        """Which rows have a target, (rows,)."""
        return np.asarray(self.y >= 0 if self.is_classification else ~np.isnan(self.y))


def make_target(label: str, series: pl.Series, task: str) -> Target:
    """The target of a column: classes where it holds words or few whole numbers, else numbers.

    Raises
    ------
    InvalidArgument
        Where it has no or only one value, is text, or holds no numbers for a regression.
    """
    name = series.name
    if not len(series):
        raise InvalidArgument(f"{label}: has no rows.")
    said = words(series)
    if said.null_count() == len(said):
        raise InvalidArgument(f"{label}: the target `{name}` has no value in any row.")
    values = numbers(series)
    finite = np.isfinite(values)
    numeric = bool((finite | said.is_null().to_numpy()).all()) and series.dtype != polars().Boolean
    if np.isinf(values).any():
        raise InvalidArgument(f"{label}: the target `{name}` holds an infinite number.")
    different = np.unique(values[finite]) if numeric else np.empty(0)
    whole = numeric and len(different) <= MOST_CODES and (different == np.round(different)).all()
    if said.drop_nulls().n_unique() == 1:
        raise InvalidArgument(
            f"{label}: the target `{name}` is {said.drop_nulls()[0]!r} in every row; there is nothing to learn."
        )
    if task == "regression" and not numeric:
        strange = said.filter(polars().Series(~finite)).drop_nulls()[0]
        raise InvalidArgument(
            f"{label}: the target `{name}` holds {strange!r}, which is no number; a regression needs numbers."
        )
    if task == "classification" or (task == "auto" and (not numeric or whole)):
        counted = f"{len(different)} different {'whole ' if whole else ''}numbers"
        kind = counted if numeric else "it holds words"
        return _classes(label, said, kind if task == "auto" else "as asked for")
    reason = "as asked for" if task == "regression" else f"{len(different)} different numbers"
    return Target(name, values, (), reason)


def divide(target: Target, test: float, validation: float, seed: int) -> np.ndarray:
    """Which row trains, validates, tests: uint8 (rows,) of `TRAIN`, `VALIDATE`, `TEST`, `LEFT_OUT`.

    Rows are drawn by a permutation that is a function of seed and number of rows; of classes each gives its share.

    Parameters
    ----------
    test : float
        Share of the rows that tests.
    validation : float
        Share of the rest that validates.
    """
    part = np.full(len(target.y), LEFT_OUT, np.uint8)
    order = permutation(len(target.y), make_key(seed, "table"))
    order = order[target.known[order]]
    tested = _drawn(target, order, test)
    part[order] = TRAIN
    part[tested] = TEST
    rest = order[part[order] == TRAIN]
    part[_drawn(target, rest, validation)] = VALIDATE
    return part


def _drawn(target: Target, order: np.ndarray, share: float) -> np.ndarray:
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


def _classes(label: str, said: pl.Series, reason: str) -> Target:
    pl = polars()
    names = said.drop_nulls().unique().to_list()
    if len(names) > MOST_CLASSES or len(names) > max(
        MOST_CODES, (len(said) - said.null_count()) / 2
    ):
        raise InvalidArgument(
            f"{label}: the target `{said.name}` holds {len(names)} different values in {len(said)} rows; classes"
            f" must come again, and be at most {MOST_CLASSES}."
        )
    names.sort(key=_by_size)
    labels = said.replace_strict(names, list(range(len(names))), default=-1, return_dtype=pl.Int32)
    y = np.array(labels.fill_null(-1).to_numpy(), np.int32)
    return Target(said.name, y, tuple(names), reason)


def _by_size(word: str) -> tuple[int, float, str]:
    try:
        return 0, float(word), word
    except ValueError:
        return 1, 0.0, word
