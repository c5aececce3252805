"""Data as the page shows them: what a table or a folder holds, and what training on it would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sloy import experiments
from sloy.app.scenes import PRINCIPAL, Scene, of_pictures, of_table
from sloy.app.shelf import MNIST, TABLES, Shelf, Thing
from sloy.data import mnist
from sloy.errors import InvalidArgument
from sloy.language import say, speak

MOST_COLUMNS = 200
SAMPLED = 8  # rows that are shown
FORECAST = {"samples": 6_000}  # of pictures, which a plan reads


def is_table(thing: Thing) -> bool:
    """Whether it is a table by its name."""
    return thing.path.lower().endswith(TABLES)


def columns(shelf: Shelf, id: str) -> dict[str, Any]:
    """The columns of a table with their first values, or the classes of pictures with their counts."""
    thing = shelf.named(id, "data")
    if not is_table(thing):
        return {"columns": [], "rows": []}
    from sloy.data.tables.sources import open_table

    table = open_table(Path(thing.path))
    names = list(table.names)[:MOST_COLUMNS]
    first = next(table.pieces(names), None)
    rows = [] if first is None else first.head(SAMPLED).select(names).rows()
    cells = [["" if cell is None else str(cell)[:40] for cell in row] for row in rows]
    return {"columns": names, "rows": cells}


def forecast(shelf: Shelf, id: str, target: str | None, language: str) -> dict[str, Any]:
    """What `sloy plan` says."""
    with speak(language):
        return _forecast(shelf, id, target)


def _forecast(shelf: Shelf, id: str, target: str | None) -> dict[str, Any]:
    thing = shelf.named(id, "data")
    words: dict[str, Any] = {}
    if is_table(thing):
        if not target:
            raise InvalidArgument("plan: choose the column that is to be predicted.")
        words["target"] = target
    elif thing.path == MNIST:
        words |= FORECAST
    found = experiments.plan(thing.path, threads=1, **words)
    document = found.document()
    return {
        "text": shelf.lasting(str(found)),
        "samples": {say(part): n for part, n in document["data"]["samples"].items()},
        "classes": document["data"]["classes"],
        "warnings": document["data"]["warnings"],
        "said": [*document["data"]["said"], *map(list, found.quality.rows())],
        "scores": [{**vars(score), "said": str(score.said)} for score in found.scores],
        "seconds": document["seconds"],
        "memory": document["memory_bytes"],
        "network": found.words["network"],
        "command": shelf.lasting(found.command),
    }


def scene(
    shelf: Shelf, id: str, target: str | None, used: list[str], axes: list[str] | None
) -> Scene:
    """The samples on a plane: of a table of these columns, of pictures their principal components."""
    thing = shelf.named(id, "data")
    if is_table(thing):
        if not target:
            raise InvalidArgument("plane: choose the column that is to be predicted.")
        return of_table(Path(thing.path), thing.name, target, used, axes or PRINCIPAL)
    if thing.path == MNIST:
        return of_pictures(mnist().train.take(np.arange(2_000)), "MNIST")
    loaded = experiments.Experiment.of(thing.path).source.load(experiments.Wanted())
    return of_pictures(loaded.train, thing.name)
