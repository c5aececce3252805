"""Partial dependence: what a model answers on average where a column has a given value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy import text
from sloy.arguments import array, instance, integer
from sloy.data.tables import RowsReader, TableReader
from sloy.data.tables.columns import Category, Column, Date, Numeric
from sloy.data.tables.dates import read_moments
from sloy.data.tables.remarks import Remarks
from sloy.data.tables.sources import open_table
from sloy.data.tables.values import polars, without, words
from sloy.errors import InvalidArgument
from sloy.graph.threefry import make_key, permutation
from sloy.inspection.rows import answers, as_dataset, rows_of
from sloy.model import Model
from sloy.text import shown

if TYPE_CHECKING:
    import polars as pl

__all__ = ["PartialDependence", "partial_dependence"]

MOST_WORDS = 12  # categories that are looked at, the most frequent
ENDS = 0.02  # share of the rows beyond either end of the values that are looked at
BAND = (0.1, 0.9)  # quantiles of the rows' own curves
WITH_TWO = 12  # values of each of two columns at most


@dataclass(frozen=True, eq=False, repr=False)
class PartialDependence(text.Brief):
    """The mean answer of a model for each value of a column, or of two.

    Attributes
    ----------
    columns : tuple of one or two str
    values : tuple of arrays
        The values of each column: float64 (G,), datetime64 (G,), or words (G,).
    mean : array, shape (G, K), or (G, H, K) of two columns
        The mean over the rows of what the model answers where all of them have this value: K probabilities, or numbers.
    low, high : array, shape (G, K), or None of two columns
        Between these lie four fifths of the rows' own curves, each moved so that its mean is that of all, within the
        range of the answers: where they are far apart, the column acts together with others.
    outputs : tuple of str
        Names of the K classes, or numbers.
    is_classification : bool
        Whether the answers are probabilities of classes.
    rows : int
        Over how many rows the mean was taken.
    """

    columns: tuple[str, ...]
    values: tuple[np.ndarray, ...]
    mean: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    outputs: tuple[str, ...]
    is_classification: bool
    rows: int


def partial_dependence(
    model: Model,
    data: Any,
    column: str | int | tuple[str | int, str | int],
    *,
    grid: int = 20,
    rows: int = 500,
    names: Sequence[str] = (),
    seed: int = 0,
) -> PartialDependence:
    """What a model answers on average where a column has a given value, all else as in the rows [1]_.

    Parameters
    ----------
    model : Model
        One that takes rows: with the reader of a table, or of an input (F,).
    data : path, data frame, mapping, Dataset or array
        What the reader of a table takes; of a model without one, samples (N, F).
    column : str or int, or two of them
        By name, or by number from 0. Two give a map.
    grid : int
        Values that are looked at, at most. Of numbers and dates those at equal steps of their rank, from the 2nd to the
        98th percentile, or all where there are no more; of categories the 12 most frequent.
    rows : int
        Rows at most, drawn by the seed.
    names : sequence of str, optional
        Of the columns of a plain array.
    seed : int

    Returns
    -------
    PartialDependence

    Raises
    ------
    InvalidArgument, ShapeError, UnknownName
        Where the model takes no rows or has no such column.

    Notes
    -----
    Values are put into rows whose other columns may never go with them; of columns that depend on each other the
    figure may so tell of rows that do not exist. What is not as in training (cells that cannot be read, categories that
    it did not have) is told where a table is read whole: by `importance`, by the model's answers.

    References
    ----------
    .. [1] J. H. Friedman, "Greedy function approximation: a gradient boosting machine", Ann. Statist. 29 (2001), 8.2.
    .. [2] A. Goldstein et al., "Peeking inside the black box", J. Comput. Graph. Statist. 24 (2015) 44-65.

    Examples
    --------
    >>> from sloy import Network, Problem, losses
    >>> from sloy.layers import Dense
    >>> problem = Problem(Network((2,), [Dense(1)]), losses.SquaredError(), target_shape=(1,), target_dtype="float32")
    >>> model = Model(problem, problem.network.initialize(0), engine="reference")
    >>> model.parameters["dense_1/weight"] = [[2.0], [3.0]]
    >>> found = partial_dependence(model, np.array([[0.0, 1.0], [1.0, 3.0]]), 0)
    >>> found.values[0].tolist(), found.mean.tolist()
    ([0.0, 1.0], [[6.0], [8.0]])
    """
    where = "partial_dependence"
    instance(where, "model", model, Model)
    grid, rows = integer(where, "grid", grid, 2), integer(where, "rows", rows)
    asked = column if isinstance(column, tuple) else (column,)
    if len(asked) not in (1, 2):
        raise InvalidArgument(f"{where}: `column` (={shown(column)}) must be one column, or two.")
    data, _ = as_dataset(data, None)
    some = _drawn(model, data, rows, integer(where, "seed", seed, 0, 2**64 - 1))
    found = rows_of(where, model, some, names, told=False)
    parts = [found.part(where, one) for one in asked]
    if len({name for name, _ in parts}) < len(parts):
        raise InvalidArgument(f"{where}: `column` (={shown(column)}) must be two different ones.")
    most = grid if len(parts) == 1 else min(grid, WITH_TWO)
    lines = [_values(model, some, found.x, name, part, most) for name, part in parts]
    if empty := [name for (name, _), line in zip(parts, lines, strict=True) if not len(line[0])]:
        raise InvalidArgument(f"{where}: column {shown(empty[0])} has no value in these rows.")
    curves = _curves(model, found.x, [part for _, part in parts], [line[1] for line in lines])
    low = high = None
    mean = curves.mean(-2)
    if len(parts) == 1:
        moved = curves - curves.mean(0) + mean.mean(0)  # (G, N, K)
        ends = curves.min((0, 1)), curves.max((0, 1))  # (K,): what is answered at all
        low, high = (np.clip(end, *ends) for end in np.quantile(moved, BAND, axis=1))
    count = mean.shape[-1]
    targets = model.reader.targets if isinstance(model.reader, RowsReader) else ()
    outputs = tuple(model.class_names) or (
        targets if len(targets) == count else tuple(map(str, range(count)))
    )
    task = model.loss.task(model.network.output_shape)
    return PartialDependence(
        tuple(name for name, _ in parts), tuple(line[0] for line in lines),
        mean, low, high, outputs, task == "classification", len(found.x),
    )  # fmt: skip


def _curves(
    model: Model, x: np.ndarray, parts: list[tuple[int, ...]], values: list[np.ndarray]
) -> np.ndarray:
    """The answers to rows that have these values: (G, N, K), or (G, H, N, K)."""
    if not parts:
        return answers(model, x).astype(np.float64)
    found = []
    for value in values[0]:
        changed = x.copy()
        changed[:, parts[0]] = value
        found.append(_curves(model, changed, parts[1:], values[1:]))
    return np.stack(found)


def _drawn(model: Model, data: Any, rows: int, seed: int) -> Any:
    """At most so many rows of the data: a data frame of raw ones, or an array."""
    reader = model.reader
    if isinstance(reader, TableReader) and reader.takes(data):
        table = open_table(data)
        names = [name for name in table.names if name in reader.names]
        frames = list(table.frames(names))
        whole = polars().concat(frames) if frames else polars().DataFrame()
        order = permutation(whole.height, make_key(seed, "rows looked at"))[:rows]
        return whole[np.sort(order)]
    values = array("partial_dependence", "data", data)
    if not values.ndim:
        return values
    order = permutation(len(values), make_key(seed, "rows looked at"))[:rows]
    return values[np.sort(order)]


# --- values of a column -----------------------------------------------------------------------------------------------


def _values(
    model: Model, some: Any, x: np.ndarray, name: str, part: tuple[int, ...], most: int
) -> tuple[np.ndarray, np.ndarray]:
    """The values that a column is given: as they are called (G,), and as the model takes them (G, k)."""
    reader = model.reader
    if isinstance(reader, TableReader) and reader.takes(some):
        column = next(column for column in reader.columns if column.name == name)
        series = without(some[name], reader.missing)
        shown, cells = _of_column(column, series, most)
        return shown, np.array(column.prepare(series[cells], Remarks())).T
    values = x[:, part[0]]
    chosen = values[_spread(values.astype(np.float64), most)]
    return chosen.astype(np.float64), chosen[:, None]


def _of_column(column: Column, series: pl.Series, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of a raw column (G,), and cells where they stand (G,)."""
    if isinstance(column, Category):
        said = words(series).fill_null("")
        counted = said.value_counts(sort=True).head(MOST_WORDS)[series.name].to_list()
        first = {word: number for number, word in reversed(list(enumerate(said.to_list())))}
        cells = np.array([first[word] for word in counted])
        return np.array([word or "(missing)" for word in counted], object), cells
    if isinstance(column, Date):
        when = read_moments(series, column.format)
        ranks = np.array(when.dt.epoch("us").cast(polars().Float64).to_numpy(), np.float64)
        cells = _spread(ranks, most)
        return np.asarray(when[cells].to_numpy()).astype("datetime64[us]"), cells
    assert isinstance(column, Numeric)
    numbers = column.format.read(series)
    cells = _spread(numbers, most)
    return numbers[cells], cells


def _spread(values: np.ndarray, most: int) -> np.ndarray:
    """Where different values stand: all, or those at equal steps of their rank."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return known
    order = known[np.argsort(values[known], kind="stable")]
    if len(np.unique(values[known])) > most:
        steps = np.linspace(ENDS, 1 - ENDS, most) * (len(order) - 1)
        order = order[np.round(steps).astype(int)]
    _, first = np.unique(values[order], return_index=True)
    return order[first]
