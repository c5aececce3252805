"""Rows that a model is looked into with: prepared, by raw column, with the answers that are true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sloy.arguments import LONGEST_LIST, array, instance, sample_array, sequence
from sloy.data import Dataset
from sloy.data.tables import RowsReader
from sloy.data.tables.prepared import columns_of, known_targets
from sloy.data.tables.remarks import Remarks
from sloy.data.tables.sources import open_table
from sloy.data.tables.target import known_target
from sloy.errors import InvalidArgument, ShapeError, UnknownName
from sloy.graph.opdef import multiply_adds
from sloy.graph.threefry import make_key, permutation
from sloy.model import Model
from sloy.problem.graphs import inference_graph
from sloy.text import named, shortened, shown

WORK = 2e10  # multiplications with an addition: about two seconds of one core
LEAST = 1000  # rows that are looked at, whatever they cost
OVERHEAD = 5000  # multiplications that all else of a row costs at least


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows as a model takes them.

    Attributes
    ----------
    x : array, shape (N, F)
    parts : mapping
        Raw column → the columns of `x` that it became; of a plain array each column is itself.
    """

    x: np.ndarray
    parts: Mapping[str, tuple[int, ...]]

    def part(self, where: str, column: str | int) -> tuple[str, tuple[int, ...]]:
        """A column by its name or number: its name, and what of `x` it became."""
        if isinstance(column, str) and column in self.parts:
            return column, self.parts[column]
        names = tuple(self.parts)
        if (
            isinstance(column, int)
            and not isinstance(column, bool)
            and -len(names) <= column < len(names)
        ):
            return names[column], self.parts[names[column]]
        there = shortened(named(names, 12), LONGEST_LIST)
        raise UnknownName(f"{where}: the model has no column {shown(column)}; it has {there}.")


def rows_of(
    where: str, model: Model, data: Any, names: Sequence[str], *, told: bool = True
) -> Rows:
    """Rows of a table, by the model's reader, or of an array (N, F).

    Parameters
    ----------
    where : str
        Who asks.
    model : Model
    data
        What a `TableReader` or `NumbersReader` takes; or an array, prepared where the model has such a reader.
    names : sequence of str
        Of the columns of a plain array; ``column_1`` … where none are given.
    told : bool
        Whether a warning tells what was not as in training: not of rows that were drawn, whose numbers are not those of
        the table.

    Raises
    ------
    InvalidArgument, ShapeError
        Where the model takes no rows, or the data are none.
    """
    instance(where, "model", model, Model)
    reader, shape = model.reader, model.network.input_shape
    if len(shape) != 1:
        raise InvalidArgument(
            f"{where}: the model takes samples of shape {shape}, not rows of a table."
        )
    if isinstance(reader, RowsReader):
        if not reader.takes(data):
            x = np.asarray(sample_array(where, "table", data), reader.dtype)
        elif told:
            x = reader.read(data)
        else:
            x = np.concatenate(list(reader.blocks(data, Remarks())))
        parts = reader.parts
    else:
        x = array(where, "table", data)
        given = sequence(where, "names", names, str) or [
            f"column_{k}" for k in range(1, shape[0] + 1)
        ]
        if len(set(given)) != shape[0]:
            raise InvalidArgument(
                f"{where}: `names` must be {shape[0]} different ones, not {len(given)}."
            )
        parts = {name: (number,) for number, name in enumerate(given)}
    if x.ndim != 2 or x.shape[1:] != shape or not len(x):
        raise ShapeError(
            f"{where}: the rows have shape {x.shape}; the model takes (N, {shape[0]}), N at least 1."
        )
    return Rows(x, parts)


def truth_of(where: str, model: Model, data: Any, target: Any) -> tuple[np.ndarray, np.ndarray]:
    """What is true of each row, and which rows have it, bool (N,).

    Parameters
    ----------
    where, model, data
        As for `rows_of`.
    target : array, or str
        Labels or numbers; or the name of a column of the table, by default that of the training.
    """
    reader = model.reader
    if target is not None and not isinstance(target, str):
        y = array(where, "target", target)
        if not y.ndim:
            raise InvalidArgument(f"{where}: `target` (={shown(target)}) must be an array.")
        return y, np.ones(len(y), bool)
    if not isinstance(reader, RowsReader) or not reader.takes(data):
        raise InvalidArgument(f"{where}: `target` must hold what is true of each row.")
    table, names = open_table(data), reader.targets if target is None else (target,)
    if lacking := [name for name in names if name not in table.names]:
        raise InvalidArgument(
            f"{where}: {table.label} has no column {lacking[0]!r} to compare answers with."
        )
    cells = columns_of(table, names)
    if target is None:
        found = known_targets(table.label, cells, model.class_names, reader)
    else:
        column, written = cells[target], reader.written
        found = known_target(table.label, column, model.class_names, written, reader.missing)
    return found.y, found.known


def affordable(model: Model, count: int, times: int) -> int:
    """How many of `count` rows a model can answer so many times in about `WORK`."""
    size = 64
    graph = inference_graph(model.problem, size)
    nodes = graph.nodes
    cost = sum(
        multiply_adds(node.op, node.attributes, node.spec, [nodes[k].spec for k in node.inputs])
        for node in nodes
    )
    each = max(cost // size, OVERHEAD)
    return min(count, max(LEAST, int(WORK / (each * max(times, 1)))))


def some(count: int, most: int, seed: int) -> np.ndarray:
    """At most so many of `count` rows, drawn by the seed, in order."""
    if most >= count:
        return np.arange(count)
    return np.sort(permutation(count, make_key(seed, "rows looked at"))[:most])


def answers(model: Model, x: np.ndarray) -> np.ndarray:
    """What the model answers to prepared rows: probabilities where it has them, else values, (N, K)."""
    found = model.prepared.predict_proba(x)
    return found.reshape(len(found), -1)  # (N, K)


def as_dataset(data: Any, target: Any) -> tuple[Any, Any]:
    """A data set as its samples and what is true of them; anything else as it is."""
    return (data.x, data.y) if isinstance(data, Dataset) else (data, target)
