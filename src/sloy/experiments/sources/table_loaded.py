"""A table that was read: what learns it, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from sloy import text, zoo
from sloy.data import Dataset
from sloy.data.tables import Table, TableReader
from sloy.experiments.sources.base import Loaded, Row
from sloy.layers import Rescale
from sloy.losses import Intervals
from sloy.problem import Network
from sloy.training.ridge import suits
from sloy.training.tabular import Tabular
from sloy.training.wide import LinearStart, linear_start

SHOWN = 40  # columns that the opening lists
SMALL = 1000  # rows to train on; with fewer, more is dropped


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


def network_of(loaded: Loaded, hidden: tuple[int, ...], dropout: float) -> Network:
    """A plain network with such hidden layers for the rows; none for a linear one."""
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
    """See `LoadedTable.solved`."""
    assert isinstance(loaded, LoadedTable)
    return loaded.solved


def table_of(loaded: Loaded) -> Table:
    """The table."""
    assert isinstance(loaded, LoadedTable)
    return loaded.table


def opening(table: Table) -> list[Row]:
    """What was found in the table."""
    kind = "classification" if table.is_classification else "regression"
    if table.is_classification:
        names = table.train.class_names
        what = f"{len(names)} classes ({text.named(names, 6)})"
    else:
        what = f"mean {table.mean:.5g}, deviation {table.deviation:.4g}"
    target = ("target", f"{text.visible(table.target)}: {kind} ({table.reason}), {what}")
    columns = ("columns", listed(table.reader, table.left_out))
    return [target, columns, *(("note", text.visible(note)) for note in table.notes)]


def listed(reader: TableReader, left_out: Mapping[str, str]) -> str:
    """A line for each column: its name, its kind, what it holds and becomes."""
    lines = [(c.name, c.kind, c.describe()) for c in reader.columns]
    lines += [(name, "left out", why) for name, why in left_out.items()]
    more = len(lines) - SHOWN
    shown = text.columns(
        [(text.shortened(name, 32), kind, what) for name, kind, what in lines[:SHOWN]]
    )
    return shown + (f"\n… and {more} more" if more > 0 else "")
