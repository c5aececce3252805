"""`sloy inspect` for models of tables: what the columns are worth, and how the answers depend on some."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sloy import text
from sloy.cli.errors import UsageError
from sloy.cli.options import keep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sloy.model import Model

FIRST = 4  # columns that are drawn where none is named


def inspect_table(model: Model, arguments: argparse.Namespace) -> str:
    """Measure and draw; what there is to say of it."""
    from sloy import inspection
    from sloy.data.tables import TableReader
    from sloy.data.tables.sources import open_table

    reader, data = model.reader, arguments.image
    assert isinstance(reader, TableReader)
    if data is None:
        raise UsageError("the model takes tables: give one, with rows that it was not trained on")
    if arguments.layer or arguments.output is not None or arguments.data:
        raise UsageError("--layer, --output and --data are for models of pictures")
    asked: list[Any] = [*arguments.column, *map(tuple, arguments.pair)]
    rows: list[tuple[str, str]] = []
    figures: dict[str, tuple[str, Figure]] = {}
    if {*reader.targets} <= {*open_table(data).names}:
        worth = inspection.importance(model, data)
        asked = asked or list(worth.columns[:FIRST])
        rows.append(("importance", worth.listed(len(worth.columns))))
        figures["importance"] = "what each is worth", inspection.importance_figure(worth)
    elif not asked:
        raise UsageError(
            f"{data} has no column {', '.join(reader.targets)!r} to compare answers with: --column says what is drawn"
        )
    else:
        reader.read(
            data
        )  # which tells what is not as in training; the rows drawn below have other numbers
    named = [name for one in asked for name in (one if isinstance(one, tuple) else (one,))]
    if strange := [name for name in named if name not in reader.names]:
        raise UsageError(
            f"{strange[0]!r} is no column of the model; it has {', '.join(reader.names)}"
        )
    found = [inspection.partial_dependence(model, data, column) for column in asked]
    name = "" if model.class_names else ", ".join(reader.targets)
    drawn = inspection.partial_dependence_figure(found, name=name)
    figures["partial-dependence"] = "what the answers do as they change", drawn
    rows += [("written", name) for name, _ in write(arguments, figures)]
    return text.fields(rows)


def write(
    arguments: argparse.Namespace, figures: dict[str, tuple[str, Figure]]
) -> list[tuple[str, str]]:
    """Write figures, each with its purpose; a line for each file."""
    from sloy.files.atomic import write_atomically
    from sloy.inspection import png

    folder = Path(arguments.out)
    files = {folder / f"{name.replace('/', '-')}.png": name for name in figures}
    keep(files, overwrite=arguments.overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    for path, name in files.items():
        write_atomically(path, png(figures[name][1]))
    return [(text.visible(path), figures[name][0]) for path, name in files.items()]
