"""A table that was read: what was found in it, the networks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from sloy import text, zoo
from sloy.data import Dataset
from sloy.data.tables import Table, TableReader
from sloy.errors import InvalidOption
from sloy.experiments.sources.base import Loaded, Row
from sloy.layers import Rescale
from sloy.losses import CategoricalCrossentropy, Intervals, Loss, SquaredError
from sloy.problem import Network
from sloy.training.intervals import least_samples
from sloy.training.ridge import suits
from sloy.training.tabular import Tabular
from sloy.training.wide import LinearStart, linear_start

SHOWN = 40  # columns that the opening lists


@dataclass(frozen=True, eq=False)
class LoadedTable(Loaded):
    """A table that was read, and what members learn it with."""

    table: Table = field(kw_only=True)
    tabular: Tabular | None = field(default=None, kw_only=True)

    @cached_property
    def solved(self) -> LinearStart | None:
        """The linear network that takes the place of others where there are few rows of many columns."""
        table, data = self.table, self.train
        if isinstance(self.loss, Intervals) or not suits(len(data), table.reader.width):
            return None
        if self.validation is not None:  # leaving rows out needs none that are held out
            parts = (data, self.validation)
            x, y = (np.concatenate([getattr(part, of) for part in parts]) for of in ("x", "y"))
            data = Dataset(x, y, data.class_names)
        return linear_start(
            data,
            data.classes or 1,
            classes=table.reader.classes,
            ends=[] if table.is_classification else [Rescale(table.deviation, table.mean)],
        )

    @property
    def learns_from_all(self) -> bool:
        """Whether the linear network is solved."""
        return self.solved is not None


def opening(table: Table) -> list[Row]:
    """What was found in the table."""
    kind = "classification" if table.is_classification else "regression"
    if table.is_classification:
        names = table.train.class_names
        what = f"{len(names)} classes ({', '.join(names[:6])}{', …' if len(names) > 6 else ''})"
    else:
        what = f"mean {table.mean:.5g}, deviation {table.deviation:.4g}"
    target = ("target", f"{table.target}: {kind} ({table.reason}), {what}")
    columns = ("columns", listed(table.reader, table.left_out))
    return [target, columns, *(("note", note) for note in table.notes)]


def listed(reader: TableReader, left_out: Mapping[str, str]) -> str:
    """A line for each column: its name, its kind, what it holds and becomes."""
    lines = [(c.name, c.kind, c.describe()) for c in reader.columns]
    lines += [(name, "left out", why) for name, why in left_out.items()]
    more = len(lines) - SHOWN
    shown = text.columns(
        [(text.shortened(name, 32), kind, what) for name, kind, what in lines[:SHOWN]]
    )
    return shown + (f"\n… and {more} more" if more > 0 else "")


def network_of(loaded: Loaded, hidden: tuple[int, ...], dropout: float) -> Network:
    table = table_of(loaded)
    return zoo.table(
        table.reader.width,
        table.train.classes or (3 if isinstance(loaded.loss, Intervals) else 1),
        classes=table.reader.classes,
        hidden=hidden,
        dropout=dropout,
        mean=table.mean,
        deviation=table.deviation,
    )


def solved_of(loaded: Loaded) -> LinearStart | None:
    assert isinstance(loaded, LoadedTable)
    return loaded.solved


def table_of(loaded: Loaded) -> Table:
    assert isinstance(loaded, LoadedTable)
    return loaded.table


def loss_of(table: Table, intervals: float | None) -> Loss:
    """What the network is trained for; `InvalidOption` where intervals cannot be."""
    if table.is_classification:
        if intervals is not None:
            raise InvalidOption(
                f"`intervals` (={intervals:g}) is for numbers; `{table.target}` has classes, whose"
                " probabilities say how sure an answer is."
            )
        return CategoricalCrossentropy()
    main = SquaredError(unit=table.deviation)
    if intervals is None:
        return main
    there = 0 if table.validation is None else len(table.validation)
    if there < (needed := least_samples(intervals)):
        raise InvalidOption(
            f"`intervals` (={intervals:g}) needs at least {needed} rows to validate on, there are {there};"
            " `validation` sets their share."
        )
    return Intervals(intervals, main, unit=table.deviation)
