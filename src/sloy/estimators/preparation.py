"""From what an estimator is given to what its network takes: columns and scales are those of the training rows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sloy.arguments import level_of_user, sequence
from sloy.data.sparse import SparseRows
from sloy.data.tables.hints import IN_PYTHON, Hints, hints_of, in_python
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
from sloy.text import meant, shown

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


def table_options(where: str, said: Any) -> tuple[Hints, tuple[str, ...]]:
    """What the parameter `table` says of columns, and which of them it leaves out; checked but for their names.

    Raises
    ------
    InvalidArgument
        Where it is no mapping of options that `load_table` has.
    """
    known = tuple(IN_PYTHON.values())
    if said is None:
        return Hints(), ()
    if not isinstance(said, Mapping) or not set(said) <= {*known}:
        wrong = (
            next((key for key in said if key not in known), None)
            if isinstance(said, Mapping)
            else said
        )
        raise InvalidArgument(
            f"{where}: `table` (={shown(said)}) must be None or a mapping with the options {', '.join(known)}"
            f" of `load_table`, not {shown(wrong)}."
        )
    within = f"{where}: `table`"
    hints = hints_of(within, **{key: value for key, value in said.items() if key != "ignore"})
    return hints, tuple(sequence(within, "ignore", said.get("ignore", ()), str))


def learn_table(
    where: str, table: FrameTable, kept: np.ndarray | None, said: Mapping[str, Any] | None
) -> Preparation:
    """The reader of a table; what it leaves out, and how it takes odd cells, is said in warnings.

    Parameters
    ----------
    where : str
        The estimator.
    table : FrameTable
    kept : int array, optional
        Rows to take figures from; all by default.
    said : mapping, optional
        What the user says of the columns, see `table_options`.
    """
    try:
        return _learned(where, table, kept, *table_options(where, said))
    except InvalidArgument as error:
        raise InvalidArgument(in_python(str(error), "table")) from None


def _learned(
    where: str, table: FrameTable, kept: np.ndarray | None, hints: Hints, ignored: Sequence[str]
) -> Preparation:
    for option, given in (("ignore", ignored), *hints.named()):
        if unknown := [name for name in given if name not in table.names]:
            raise InvalidArgument(
                f"{where}: `table`: {option!r} names {unknown[0]!r}, which is none of the columns of X"
                f"{meant(unknown[0], table.names) or ': ' + shown(list(table.names)) + '.'}"
            )
    names = [name for name in table.names if name not in ignored]
    hints = hints.with_point_of(table)
    training = np.zeros(table.frame.height, bool)
    training[slice(None) if kept is None else kept] = True
    seen = look(table, names, training, hints)
    columns, left_out, notes = conclude(where, seen, leave_out=True)
    notes += [f"`{name}` is left out: {why}" for name, why in left_out.items()]
    for note in notes:
        warnings.warn(f"{where}: {in_python(note, 'table')}", stacklevel=level_of_user())
    left_out |= dict.fromkeys(ignored, "as asked for")
    if not columns:
        why = "; ".join(f"`{name}`: {reason}" for name, reason in list(left_out.items())[:3])
        raise InvalidArgument(f"{where}: no column of X is left to learn from ({why}).")
    (target,) = _apart(["target"], table.names)
    reader = TableReader(tuple(columns), target, hints.missing)
    return Preparation(reader, left_out=tuple(left_out))
