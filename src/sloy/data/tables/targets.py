"""Several columns that are predicted together: all of them numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sloy.data.tables.hints import Hints
from sloy.data.tables.sources import Source
from sloy.data.tables.target import Target, make_target
from sloy.errors import InvalidArgument
from sloy.text import shown

if TYPE_CHECKING:
    import polars as pl


def target_names(table: Source, target: object) -> tuple[str, ...]:
    """The columns to predict: of one name, several with commas between, or a list of them.

    Raises
    ------
    InvalidArgument
        Where it is neither, or names a column twice.
    """
    if isinstance(target, str):
        one = target in table.names or "," not in target
        names = (target,) if one else tuple(name.strip() for name in target.split(","))
    elif isinstance(target, Sequence) and target and all(isinstance(name, str) for name in target):
        names = tuple(target)
    else:
        raise InvalidArgument(
            f"load_table: `target` (={shown(target)}) must be the name of a column, or several of them."
        )
    if len(set(names)) < len(names):
        raise InvalidArgument(f"load_table: `target` (={shown(target)}) names a column twice.")
    return names


def make_targets(
    label: str, cells: pl.DataFrame, task: str, hints: Hints, source: Source
) -> Target:
    """The target of a column, or of several: see `make_target`.

    Raises
    ------
    InvalidArgument
        Where it cannot be learned, or one of several is no column of numbers.
    """
    if cells.width == 1:
        return make_target(label, cells.to_series(), task, hints, source)
    if task == "classification":
        raise InvalidArgument(
            f"{label}: several targets ({', '.join(cells.columns)}) are predicted as numbers; train once for each that"
            " has classes."
        )
    try:
        found = [
            make_target(label, cells[name], "regression", hints, source) for name in cells.columns
        ]
    except InvalidArgument as error:
        raise InvalidArgument(
            f"{str(error).removesuffix('.')}; several targets must all be numbers: train once for each that has"
            " classes."
        ) from None
    return joined(found)


def joined(targets: Sequence[Target]) -> Target:
    """Targets of numbers as one; a row has it where it has all of them."""
    if len(targets) == 1:
        return targets[0]
    return Target(
        ", ".join(target.name for target in targets),
        np.stack([target.y for target in targets], 1),
        (),
        f"{len(targets)} columns of numbers",
        tuple(note for target in targets for note in target.notes),
        targets[0].written,
        tuple((target.name, target.written) for target in targets[1:]),
    )
