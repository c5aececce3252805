"""`sloy report`: a finished run as one HTML file in which its network runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from sloy import text
from sloy.cli.options import add_engine_options, add_overwrite, keep, written

NAME = "report"
HELP = "a finished run as one HTML file in which its network runs"
DESCRIPTION = (
    "Writes one file that opens from disk and asks nothing of any network: the run's summary, its network to try"
    " (draw a digit, drop a picture, move a table's columns), what happens layer by layer, mistakes, curves, diagnosis."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("folder", metavar="RUN", help="the folder of a finished run")
    add("out", metavar="FILE.html", type=Path, help="the file to write")
    add(
        "--lang",
        choices=("auto", "en", "ru"),
        default="auto",
        help="the page's language; default: that of the locale",
    )
    add(
        "--no-samples",
        action="store_false",
        dest="samples",
        help="leave out samples of the data, which must not leave; figures of all together, names and ranges remain",
    )
    add_overwrite(add, "a file that is there already")
    add_engine_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Write it, and say what is in it."""
    from sloy import experiments
    from sloy.cli.show import Show
    from sloy.language import of_locale

    keep([arguments.out], overwrite=arguments.overwrite)
    show = Show(quiet=False, json=False)
    try:
        done = experiments.report(
            arguments.folder,
            arguments.out,
            samples=arguments.samples,
            language=of_locale() if arguments.lang == "auto" else arguments.lang,
            engine=arguments.engine,
            threads=arguments.threads,
            listener=show.counted,
        )
    finally:
        show.close()
    rows = [written(done.path)]
    weights: str = done.precision
    if done.precision != "float32" and done.samples:
        weights += (
            f": on {text.count(done.samples)} test samples answers differ by at most {done.largest:.2g},"
            f" {text.percent(done.same)} are the same class"
        )
    rows.append(("weights", weights))
    rows += [("note", text.visible(note)) for note in done.notes]
    print(text.fields(rows))
    return 0
