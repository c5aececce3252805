"""`sloy samples`: which training samples of a run are probably mislabelled, hardest, redundant."""

from __future__ import annotations

import argparse
from pathlib import Path

from sloy import text
from sloy.cli.options import (
    add_engine_options,
    add_json,
    add_overwrite,
    keep,
    positive,
    print_result,
)

NAME = "samples"
HELP = "which training samples of a run are probably mislabelled, which hardest, which redundant"
DESCRIPTION = (
    "Does a run once more with its training samples watched, and once with some labels made wrong on purpose, which"
    " tells what margins such labels have. Writes samples.csv and samples.png. The data of the run must still be there."
)
TOP = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("folder", metavar="RUN", help="the folder of a finished run that learned classes")
    add(
        "--top",
        type=positive,
        default=TOP,
        metavar="N",
        help=f"samples of each kind to show; default: {TOP}",
    )
    add("--out", metavar="DIR", help="where samples.csv and samples.png go; default: RUN")
    add(
        "--correct",
        action="store_true",
        help="write labels.csv with the labels that are probably wrong put right, and train once more to see what that"
        " changes",
    )
    add(
        "--influence",
        type=int,
        metavar="N",
        help="which training samples taught the answer to test sample N (from 0), and which against it",
    )
    add_overwrite(add, "files of an earlier look")
    add_json(parser)
    add_engine_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look, write and print."""
    from sloy.cli.show import Show
    from sloy.experiments.samples import Inspection
    from sloy.files.tables import as_csv
    from sloy.inspection import png

    show = Show(quiet=arguments.json, json=arguments.json)
    folder = Path(arguments.out or arguments.folder)
    planned = ("samples.csv", "samples.png", *["labels.csv"] * arguments.correct)
    keep([folder / name for name in planned], overwrite=arguments.overwrite)
    document: dict[str, object] = {}
    try:
        inspection = Inspection(
            arguments.folder,
            engine=arguments.engine,
            threads=arguments.threads,
            listener=show.counted,
        )
        influence = None
        if arguments.influence is not None:
            influence = inspection.taught(arguments.influence, arguments.top)
        found = inspection.samples()
        rows = [("samples", found.told(arguments.top))]
        document |= found.document()
        if influence is not None:
            rows.append(("influence", influence))
            document["influence"] = influence
        files: dict[str, bytes] = {"samples.csv": found.csv().encode()}
        files["samples.png"] = png(inspection.figure(found, TOP))
        if arguments.correct:
            labels = found.corrected()
            changed = inspection.correct(labels)
            rows.append(("corrected", str(changed)))
            document["corrected"] = vars(changed)
            names = inspection.opening.loaded.train.class_names
            lines = zip(found.places[1], labels, strict=True)
            head = (found.places[0], "label")
            files["labels.csv"] = as_csv([head, *((o, names[k]) for o, k in lines)]).encode()
    finally:
        show.close()
    _write(folder, files)
    rows.append(("written", ", ".join(text.visible(folder / name) for name in files)))
    print_result(document, _shown(rows), json=arguments.json)
    return 0


def _shown(rows: list[tuple[str, str]]) -> str:
    """The samples by kind, then what was asked for beside."""
    (_, samples), *rest = rows
    return f"{samples}\n{text.fields(rest)}"


def _write(folder: Path, files: dict[str, bytes]) -> None:
    from sloy.files.atomic import write_atomically

    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_atomically(folder / name, content)
