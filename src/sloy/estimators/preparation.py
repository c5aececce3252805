"""From what an estimator is given to what its network takes: columns and scales are those of the training rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sloy.arguments import level_of_user
from sloy.data.sparse import SparseRows
from sloy.data.tables.inference import conclude, look
from sloy.data.tables.numbers import NumbersReader
from sloy.data.tables.numerals import PLAIN
from sloy.data.tables.reader import RowsReader, TableReader
from sloy.data.tables.remarks import Remarks
from sloy.data.tables.sources import FrameTable
from sloy.errors import InvalidArgument
from sloy.estimators.rows import Rows, filled, shaped
from sloy.graph.spec import Shape
from sloy.preprocessing import Preprocessing, standardize, units

NOTHING = Preprocessing()
AHEAD = 1 << 22  # numbers that are standardised before training; more of them batch by batch


@dataclass(frozen=True)
class Preparation:
    """How rows become samples.

    Attributes
    ----------
    reader : TableReader or None
        Of tables; what it gives is standardised.
    preprocessing : Preprocessing
        Of all else, part of the model's graph.
    left_out : tuple of str
        Columns of the training table that the reader does not take.
    """

    reader: TableReader | None = None
    preprocessing: Preprocessing = NOTHING
    left_out: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[int, ...]:
        """Categories of each of the last columns."""
        return self.reader.classes if self.reader else ()

    def read(self, rows: Rows, *, told: bool = True) -> np.ndarray | SparseRows:
        """Numbers: those of a table as its reader prepares them, others as they are.

        Parameters
        ----------
        rows : see `read_rows`
        told : bool
            Whether what was not as in training is said in warnings.
        """
        if isinstance(rows, FrameTable):
            assert self.reader is not None
            if not told:
                return self.reader.prepare(rows.frame, Remarks())
            return self.reader.read(rows.frame.drop(self.left_out, strict=False))
        return rows

    def samples(self, rows: Rows, shape: Shape, where: str) -> np.ndarray | SparseRows:
        """Samples before the preprocessing; gaps where training had none get the mean, which is said."""
        found = shaped(self.read(rows), shape, where)
        if isinstance(rows, np.ndarray) and rows.ndim == 2 and isinstance(found, np.ndarray):
            return filled(found, self.preprocessing.mean)
        return found

    def is_ready(self, x: np.ndarray | SparseRows) -> bool:
        """Whether samples are to be preprocessed before training: bytes, sparse and very many ones are in each step."""
        if self.reader is not None:
            return True
        return isinstance(x, np.ndarray) and x.dtype != np.uint8 and x.size <= AHEAD

    def compute(self, x: np.ndarray | SparseRows, dtype: str) -> np.ndarray | SparseRows:
        """Samples with the preprocessing done, in float64 and rounded once."""
        if self.preprocessing.is_identity or isinstance(x, SparseRows):
            return x.astype(dtype)
        return self.preprocessing.compute(x).astype(dtype)


def reader_of_model(
    preparation: Preparation,
    shape: Shape,
    *,
    names: Sequence[str] | None,
    targets: Sequence[str],
    target_type: str,
) -> RowsReader | None:
    """How the model finds its columns in a table: those that were prepared, or numbers as they are.

    Parameters
    ----------
    preparation : Preparation
    shape : tuple of int
        Of one sample as the network takes it; pictures are not found in tables.
    names : sequence of str, optional
        Of the columns of plain numbers, where they had some.
    targets : sequence of str
        What is predicted.
    target_type : str
        See `TableReader`.
    """
    if (reader := preparation.reader) is not None:
        first, *rest = _apart(targets, reader.names)
        others = tuple((name, PLAIN) for name in rest)
        return replace(reader, target=first, others=others, target_type=target_type)
    if len(shape) != 1:
        return None
    known = [f"x{place}" for place in range(shape[0])] if names is None else list(map(str, names))
    first, *rest = _apart(targets, known)
    means = np.broadcast_to(np.array(preparation.preprocessing.mean, np.float64), shape)
    return NumbersReader(
        tuple(known), tuple(means.tolist()), first, names is not None, target_type,
        tuple((name, PLAIN) for name in rest),
    )  # fmt: skip


def _apart(targets: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Names of targets that are none of the columns, nor one another."""
    found: list[str] = []
    for name in targets:
        while name in columns or name in found:
            name += "_"
        found.append(name)
    return found


def scales(
    x: np.ndarray | SparseRows, kept: np.ndarray | None, weight: np.ndarray | None
) -> Preprocessing:
    """Zero mean and unit deviation of each channel of samples.

    Parameters
    ----------
    x : array, shape (N, …), or SparseRows
    kept : integer array, optional
        The samples that are trained on, where some are held out; of them are the scales.
    weight : array, shape (N,), optional
        Of all samples.
    """
    if kept is not None:
        x = x.take(kept) if isinstance(x, SparseRows) else x[kept]
        weight = None if weight is None else weight[kept]
    if not isinstance(x, SparseRows):
        return standardize(x, weight)
    mean, deviation = x.moments(weight)
    return Preprocessing(tuple(mean.tolist()), tuple(units(deviation, mean).tolist()))


def learn_table(where: str, table: FrameTable, kept: np.ndarray | None) -> Preparation:
    """The reader of a table; what it leaves out, and how it takes odd cells, is said in warnings."""
    training = np.zeros(table.frame.height, bool)
    training[slice(None) if kept is None else kept] = True
    seen = look(table, table.names, training)
    columns, left_out, notes = conclude(where, seen, leave_out=True)
    notes += [f"`{name}` is left out: {why}" for name, why in left_out.items()]
    for note in notes:
        warnings.warn(f"{where}: {note}", stacklevel=level_of_user())
    if not columns:
        why = "; ".join(f"`{name}`: {reason}" for name, reason in list(left_out.items())[:3])
        raise InvalidArgument(f"{where}: no column of X is left to learn from ({why}).")
    (target,) = _apart(["target"], table.names)
    return Preparation(TableReader(tuple(columns), target), left_out=tuple(left_out))
