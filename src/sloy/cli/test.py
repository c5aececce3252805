"""`sloy test`: how good a trained model is on labelled pictures, or on a table with the target."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from sloy import text
from sloy.cli.options import add_engine_options, add_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from sloy.experiments import Examined

NAME = "test"
HELP = "how good a trained model is on labelled pictures, or on the rows of a table"
DESCRIPTION = (
    "Measures a model as sloy train does at its end: accuracy, losses, what was taken for what; or R² and errors of"
    " numbers. Nothing is written but to --out."
)
MOST_CLASSES = 12  # that a matrix is shown of; of more, the most frequent mistakes
WIDEST_NAME = 12
MISTAKES_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("model", metavar="RUN", help="the folder of a run, or a .sloy file")
    add(
        "data",
        metavar="DATA",
        help="labelled as for sloy train: a folder of pictures, a list of them, a folder of IDX files, mnist, or a"
        " table with the target; - is a table on standard input. Where it has a part to test on, that part alone",
    )
    add("--out", metavar="DIR", help="write summary.json, predictions.csv, confusion and pictures")
    add("--overwrite", action="store_true", help="replace the files of an earlier test in --out")
    add(
        "--skip-broken",
        action="store_true",
        help="leave out pictures that cannot be read, instead of stopping at them",
    )
    add_json(parser)
    add_engine_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    from sloy import experiments
    from sloy.cli.show import Show
    from sloy.experiments.run_folder import RunFolder

    given = ("out", "overwrite", "skip_broken", "engine", "threads")
    show = Show(quiet=arguments.json, json=arguments.json)
    try:
        result = experiments.examine(
            arguments.model,
            arguments.data,
            listener=show.counted,
            **{name: getattr(arguments, name) for name in given},
        )
    finally:
        show.close()
    if arguments.json:
        print(text.as_json(result.summary), end="")
        return 0
    print(text.fields(rows(result, arguments.data)))
    if result.folder is not None:
        print("\n" + RunFolder(result.folder).listing())
    return 0


def rows(result: Examined, data: str) -> list[tuple[str, str]]:
    """What was measured on what."""
    from sloy.files.once import called

    tested, counts = result.tested, result.measured.confusion
    found = [
        ("data", f"{text.visible(called(data))}: {tested.what}"),
        *tested.rows,
        *result.measured.rows,
    ]
    if counts.size:
        found.append(("confusion", confusion(counts, tested.data.class_names)))
    return found


def confusion(counts: np.ndarray, names: Sequence[str]) -> str:
    """The matrix, a row for each true class; of many classes the most frequent mistakes."""
    if len(names) > MOST_CLASSES:
        return _mistakes(counts, names)
    short = text.shortened_apart(names, WIDEST_NAME)
    cells: list[list[Any]] = [["true \\ answered", *short]]
    cells += [
        [name, *map(text.count, row)] for name, row in zip(short, counts.tolist(), strict=True)
    ]
    return text.columns(cells, right=True)


def _mistakes(counts: np.ndarray, names: Sequence[str]) -> str:
    wrong = [
        (int(n), true, given)
        for true, row in enumerate(counts)
        for given, n in enumerate(row)
        if n and true != given
    ]
    if not wrong:
        return "no mistake"
    wrong.sort(key=lambda found: -found[0])
    lines = [
        (names[true], f"taken for {names[given]}", f"{text.count(n)} of {counts[true].sum()}")
        for n, true, given in wrong[:MISTAKES_SHOWN]
    ]
    more = len(wrong) - len(lines)
    return text.columns(lines) + (f"\n… and {more} other pairs" if more > 0 else "")
