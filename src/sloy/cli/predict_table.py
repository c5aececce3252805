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

    from sloy.data.tables import TableReader
    from sloy.data.tables.columns import Remarks
    from sloy.model import Model


def predict_table(model: Model, arguments: argparse.Namespace) -> int:
    """Print a line for each row of the files: the prediction, and for classes the probability of each.

    What was not as in training (unseen categories, unused columns) is told on the error stream, after the rows.
    """
    if arguments.top > 1 or arguments.invert:
        raise UsageError(
            "--top and --invert are for pictures; a table's rows get every probability"
        )
    remarks: dict[str, Remarks] = {}
    frames = answers(model, arguments.files, remarks)
    if arguments.json:
        rows = [row for frame in frames for row in frame.iter_rows(named=True)]
        predictions = [_nested(row) for row in rows]
        head = {"model": arguments.model, "target": _reader(model).target}
        print(text.as_json({**head, "predictions": predictions}), end="")
    else:
        for number, frame in enumerate(frames):
            sys.stdout.write(frame.write_csv(include_header=not number))
    for file, found in remarks.items():
        for line in found.lines():
            print(f"sloy predict: {file}: {line}", file=sys.stderr)
    return 0


def answers(
    model: Model, files: Sequence[str], remarks: dict[str, Remarks]
) -> Iterator[pl.DataFrame]:
    """The answers in blocks of rows: `prediction`, and `probability_CLASS` for each class."""
    from sloy.data.tables.columns import Remarks
    from sloy.data.tables.values import polars

    pl, reader, names = polars(), _reader(model), model.class_names
    for file in files:
        remarks[file] = Remarks()
        for x in reader.blocks(file, remarks[file]):
            answer = model.predict(x)
            if not names:
                yield pl.DataFrame({"prediction": answer[:, 0], **_ends(model, x)})
                continue
            probabilities = model.predict_proba(x)  # (n, K)
            found: dict[str, Any] = {"prediction": [names[k] for k in answer]}
            found |= {f"probability_{name}": probabilities[:, k] for k, name in enumerate(names)}
            yield pl.DataFrame(found)


def _ends(model: Model, x: np.ndarray) -> dict[str, np.ndarray]:
    """The ends of the intervals, by column; none of a model that knows none."""
    from sloy.losses import Intervals

    if not isinstance(model.loss, Intervals):
        return {}
    return dict(zip(("low", "high"), model.predict_interval(x).T, strict=True))


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    """The probabilities of a row under one key, by class."""
    head = "probability_"
    shares = {key.removeprefix(head): value for key, value in row.items() if key.startswith(head)}
    others = {key: value for key, value in row.items() if not key.startswith(head)}
    return {**others, **({"probabilities": shares} if shares else {})}


def _reader(model: Model) -> TableReader:
    from sloy.data.tables import TableReader

    assert isinstance(model.reader, TableReader)
    return model.reader
