"""What errors on the rows of a table cost, and the answer that needs no columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sloy.data.tables.values import TEST, TRAIN, VALIDATE
from sloy.errors import InvalidOption
from sloy.experiments.sources.by_name import fitting_loss
from sloy.losses import (
    AbsoluteError,
    CategoricalCrossentropy,
    Intervals,
    Loss,
    Quantile,
    SquaredError,
)
from sloy.losses.regression import in_unit_of
from sloy.training.intervals import least_samples

if TYPE_CHECKING:
    from sloy.data.tables import Table


def loss_of(table: Table, name: str | None, intervals: float | None, held_out: int) -> Loss:
    """What the network is trained for, errors measured in the targets' deviation.

    Parameters
    ----------
    table : Table
    name : str, optional
        Of a loss that is asked for.
    intervals : float, optional
        The share of the targets that each interval is to hold.
    held_out : int
        Rows that can widen intervals.

    Raises
    ------
    InvalidOption
        Where the loss does not suit the target, or there can be no intervals.
    """
    if table.is_classification:
        if intervals is not None:
            raise InvalidOption(
                f"`intervals` (={intervals:g}) is for numbers; the target `{table.target}` has classes, whose"
                " probabilities say how sure an answer is."
            )
        own: Loss = CategoricalCrossentropy()
        return own if name is None else fitting_loss(name, table.train, own, table.target)
    own = SquaredError()
    if intervals is not None:
        _check_intervals(table, intervals, held_out)
        own = Intervals(intervals, own)
    if name is not None:
        own = fitting_loss(name, table.train, own, table.target)
    if own.link == "log":
        _refuse_negative(table, str(name))
    return in_unit_of(own, table.deviation)


def _check_intervals(table: Table, intervals: float, held_out: int) -> None:
    said = f"`intervals` (={intervals:g})"
    if len(table.reader.targets) > 1:
        raise InvalidOption(f"{said} is for one target; train once for each of {table.target}.")
    if held_out < (needed := least_samples(intervals)):
        raise InvalidOption(
            f"{said} needs at least {needed} rows to validate on, there are {held_out}; `validation` sets their share."
        )


def _refuse_negative(table: Table, name: str) -> None:
    parts = {TRAIN: table.train, VALIDATE: table.validation, TEST: table.test}
    for part, data in parts.items():
        if data is None or (part == TEST and not (table.part == TEST).any()):
            continue
        y = data.y.reshape(len(data), -1)
        if (y < 0).any():
            place, k = map(int, np.argwhere(y < 0)[0])
            row = int(np.flatnonzero(table.part == part)[place]) + 1
            raise InvalidOption(
                f"`loss` (={name!r}): the target `{table.reader.targets[k]}` is {y[place, k]:g} in row {row};"
                " counts are at least 0."
            )


def usual_of(loss: Loss, table: Table) -> tuple[float, ...]:
    """The answer to all rows that costs the training rows least."""
    y = table.train.y
    main = loss.main if isinstance(loss, Intervals) else loss
    level = main.level if isinstance(main, Quantile) else 0.5
    if isinstance(main, Quantile | AbsoluteError):
        return tuple(np.atleast_1d(np.quantile(y.astype(np.float64), level, axis=0)).tolist())
    return table.reader.usual
