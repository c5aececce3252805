"""A table that was read: what learns it, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sloy import text, zoo
from sloy.arguments import sequence
from sloy.data import Dataset
from sloy.data.tables.values import TRAIN
from sloy.errors import InvalidOption
from sloy.experiments.sources.base import Loaded, Row
from sloy.language import counted, say
from sloy.layers import Rescale
from sloy.losses import CategoricalCrossentropy, Intervals, Loss, SquaredError
from sloy.losses.intervals import OUTPUTS
from sloy.problem import Network
from sloy.text import shown
from sloy.training.ridge import suits
from sloy.training.wide import LinearStart, linear_start

if TYPE_CHECKING:
    from sloy.data.tables import Table, TableReader
    from sloy.training.tabular import Tabular

SHOWN = 40  # columns that the opening lists
SMALL = 1000  # rows to train on; with fewer, more is dropped


@dataclass(frozen=True, eq=False, repr=False)
class LoadedTable(Loaded):
    """A table that was read, and what members learn it with."""

    table: Table = field(kw_only=True)
    tabular: Tabular | None = field(default=None, kw_only=True)

    @cached_property
    def solved(self) -> LinearStart | None:
        """The linear network that takes the place of others where there are few rows of many columns."""
        table, data = self.table, self.train
        if type(self.loss) not in (SquaredError, CategoricalCrossentropy):
            return None
        if not suits(len(data), table.reader.width):
            return None
        if self.validation is not None:  # leaving rows out needs none that are held out
            parts = (data, self.validation)
            x, y = (np.concatenate([getattr(part, of) for part in parts]) for of in ("x", "y"))
            data = Dataset(x, y, data.class_names)
        return linear_start(
            data,
            outputs_of(self),
            classes=table.reader.classes,
            ends=[] if table.is_classification else [Rescale(*scale_of(self))],
        )

    @property
    def learns_from_all(self) -> bool:
        """Whether the linear network is solved."""
        return self.solved is not None


def network_of(
    loaded: Loaded, hidden: tuple[int, ...] = (128, 64), dropout: float | None = None
) -> Network:
    """A plain network with such hidden layers for the rows; none for a linear one."""
    table = table_of(loaded)
    if dropout is None:
        dropout = 0.3 if len(loaded.train) < SMALL else 0.1
    return zoo.table(
        table.reader.width,
        outputs_of(loaded),
        classes=table.reader.classes,
        hidden=hidden,
        dropout=dropout,
        deviation=scale_of(loaded)[0],
        mean=scale_of(loaded)[1],
    )


def sizes_of(loaded: LoadedTable, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """`network_options` of a network for rows: neurons of each hidden layer, and dropout; those that are given."""
    if options and loaded.solved is not None:
        raise InvalidOption(
            "`network_options`: the linear network for few rows of many columns has none."
        )
    if unknown := sorted(set(options) - {"hidden", "dropout"}):
        raise InvalidOption(
            f"`network_options` of {name}: {shown(unknown[0])} is none; there are hidden and dropout."
        )
    found: dict[str, Any] = dict(options)
    if "hidden" in found:
        found["hidden"] = tuple(sequence(name, "hidden", found["hidden"], int))
    return found


def outputs_of(loaded: Loaded) -> int:
    """Classes, numbers, or a number with its interval."""
    if isinstance(loaded.loss, Intervals):
        return OUTPUTS
    return loaded.train.classes or len(table_of(loaded).reader.targets)


def scale_of(loaded: Loaded) -> tuple[Any, Any]:
    """Deviation and mean of what the network gives: of the numbers that it learns, or of their logarithm."""
    if loaded.train.has_labels:
        return 1.0, 0.0
    table, y = table_of(loaded), loaded.train.y.astype(np.float64)
    mean = y.mean(0)
    if isinstance(loaded.loss, Loss) and loaded.loss.link == "log":
        mean = np.log(mean)
        return (1.0, float(mean)) if not mean.ndim else ((1.0,) * len(mean), tuple(mean.tolist()))
    if not loaded.origin:
        return table.deviation, table.mean
    return table.deviation, float(mean) if not mean.ndim else tuple(mean.tolist())


def solved_of(loaded: Loaded) -> LinearStart | None:
    """See `LoadedTable.solved`."""
    assert isinstance(loaded, LoadedTable)
    return loaded.solved


def places_of(table: Table) -> tuple[str, np.ndarray]:
    """The numbers, from 1, of the rows to train on, see `Loaded.places`."""
    return "row", np.flatnonzero(table.part == TRAIN) + 1


def table_of(loaded: Loaded) -> Table:
    """The table."""
    assert isinstance(loaded, LoadedTable)
    return loaded.table


def opening(table: Table) -> list[Row]:
    """What was found in the table."""
    kind = say("classification") if table.is_classification else say("regression")
    if table.is_classification:
        names = table.train.class_names
        what = f"{counted(len(names), 'class')} ({text.named(list(map(repr, names)), 6)})"
    else:
        names, scales = (
            table.reader.targets,
            np.atleast_2d(np.transpose([table.mean, table.deviation])),
        )
        each = [
            say("mean {mean}, deviation {deviation}", mean=text.number(m), deviation=text.number(d))
            for m, d in scales.tolist()
        ]
        shown = map(text.visible, names)
        what = each[0] if len(each) == 1 else "".join(map("\n{}: {}".format, shown, each))
    said = f"{text.visible(table.target)}: {kind} ({table.reason}), {what}"
    target = (say("target"), said.replace(", \n", "\n"))
    columns = (say("columns"), listed(table.reader, table.left_out))
    return [target, columns, *((say("note"), text.visible(note)) for note in table.notes)]


def listed(reader: TableReader, left_out: Mapping[str, str]) -> str:
    """A line for each column: its name, its kind, what it holds and becomes."""
    lines = [(c.name, say(c.kind), c.describe()) for c in reader.columns]
    lines += [(name, say("left out"), why) for name, why in left_out.items()]
    more = len(lines) - SHOWN
    shown = text.columns(
        [(text.shortened(name, 32), kind, what) for name, kind, what in lines[:SHOWN]]
    )
    return shown + (f"\n… and {more} more" if more > 0 else "")
