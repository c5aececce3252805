"""`sloy predict` for the rows of tables: CSV on the output stream, or JSON."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sloy import text
from sloy.cli.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from sloy.data.tables import RowsReader
    from sloy.data.tables.sources import Source
    from sloy.model import Model

_HEAD = "probability_"
ENDS = ("low", "high")  # columns of intervals


def predict_table(model: Model, arguments: argparse.Namespace) -> int:
    """Print a line for each row of the files: the prediction, and for classes the probability of each.

    What was not as in training (unseen categories, unused columns) is told on the error stream, after the rows.
    """
    if arguments.top > 1 or arguments.invert:
        raise UsageError(
            "--top and --invert are for pictures; a table's rows get every probability"
        )
    remarks: dict[str, list[str]] = {}
    frames = answers(model, arguments.files, arguments.id, remarks)
    if arguments.json:
        rows = [row for frame in frames for row in frame.iter_rows(named=True)]
        predictions = [_nested(row) for row in rows]
        head = {"model": arguments.model, "target": ", ".join(_reader(model).targets)}
        print(text.as_json({**head, "predictions": predictions}), end="")
    else:
        for number, frame in enumerate(frames):
            _write(frame, head=not number, guard=arguments.guard_formulas)
    for file, found in remarks.items():
        for line in found:
            print(f"sloy predict: {text.visible(file)}: {text.visible(line)}", file=sys.stderr)
    return 0


def _write(frame: pl.DataFrame, *, head: bool, guard: bool) -> None:
    """Write rows as CSV: cells as they are, but for what formulas and, on a terminal, control characters would do."""
    from sloy.data.tables.values import polars
    from sloy.files.tables import guarded

    changes = ((guarded, guard), (text.visible, sys.stdout.isatty()))
    for change in (change for change, wanted in changes if wanted):
        words = frame.select(polars().col(polars().String))
        frame = frame.with_columns(
            polars().Series(name, [cell and change(cell) for cell in column], polars().String)
            for name, column in words.to_dict().items()
        ).rename(change)
    getattr(sys.stdout, "write_data", sys.stdout.write)(frame.write_csv(include_header=head))


def answers(
    model: Model, files: Sequence[str], given: Sequence[str], remarks: dict[str, list[str]]
) -> Iterator[pl.DataFrame]:
    """The answers in blocks of rows: the ids, `prediction`, and `probability_CLASS` for each class.

    The ids are the columns that are given, else those that the model knows and the file has.
    """
    from sloy.data.tables.remarks import Remarks
    from sloy.data.tables.sources import open_table
    from sloy.files.once import called, readable

    reader, first = _reader(model), None
    for file in files:
        found, said = Remarks(), remarks.setdefault(called(file), [])
        with readable(file) as path:
            table = open_table(path)
            ids = _ids(table, reader.ids, given, model)
            first = ids if first is None else first
            if ids != first:
                raise UsageError(f"{table.label}: the files before it have {_listed(first)}")
            if lost := [name for name in reader.ids if not given and name not in ids]:
                said.append(f"has no column `{lost[0]}`, which would stand beside the predictions")
            for x, beside in reader.rows(table, found, ids):
                answered = _answered(model, x)
                yield beside.hstack(answered) if ids else answered
        found.unused = [name for name in found.unused if name not in ids]
        said += found.lines()


def _answered(model: Model, x: np.ndarray) -> pl.DataFrame:
    from sloy.data.tables.values import polars

    names, network = model.class_names, model.by_class.prepared
    answer = network.predict(x)
    if not names:
        targets = _reader(model).targets
        titles = ["prediction"] if len(targets) == 1 else [f"prediction_{t}" for t in targets]
        columns = dict(zip(titles, answer.T, strict=True))
        return polars().DataFrame({**columns, **_ends(network, x)})
    probabilities = network.predict_proba(x)  # (n, K)
    found: dict[str, Any] = {"prediction": [names[k] for k in answer]}
    found |= {f"probability_{name}": probabilities[:, k] for k, name in enumerate(names)}
    return polars().DataFrame(found)


def _ids(
    table: Source, known: Sequence[str], given: Sequence[str], model: Model
) -> tuple[str, ...]:
    """Columns that stand beside the answers."""
    if missing := [name for name in given if name not in table.names]:
        raise UsageError(f"{table.label}: --id {missing[0]} is none of its columns")
    ids = tuple(dict.fromkeys(given or [name for name in known if name in table.names]))
    own = (
        "prediction",
        *(f"prediction_{name}" for name in _reader(model).targets),
        *(ENDS if _has_ends(model) else ()),
    )
    if taken := [name for name in ids if name in own or name.startswith(_HEAD)]:
        raise UsageError(f"--id {taken[0]}: a column of the answers has that name; rename it")
    return ids


def _listed(names: Sequence[str]) -> str:
    return f"--id {', '.join(names)}" if names else "no --id"


def _has_ends(model: Model) -> bool:
    from sloy.losses import Intervals

    return isinstance(model.loss, Intervals)


def _ends(model: Model, x: np.ndarray) -> dict[str, np.ndarray]:
    """The ends of the intervals, by column; none of a model that knows none."""
    if not _has_ends(model):
        return {}
    return dict(zip(ENDS, model.predict_interval(x).T, strict=True))


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    """The probabilities of a row under one key, by class."""
    shares = {key.removeprefix(_HEAD): value for key, value in row.items() if key.startswith(_HEAD)}
    others = {
        key: value if isinstance(value, str | int | float | None) else str(value)
        for key, value in row.items()
        if not key.startswith(_HEAD)
    }
    return {**others, **({"probabilities": shares} if shares else {})}


def _reader(model: Model) -> RowsReader:
    from sloy.data.tables import RowsReader

    assert isinstance(model.reader, RowsReader)
    return model.reader
