"""`sloy plan`: what data are, what there is to beat, and what training on them would do and take."""

from __future__ import annotations

import argparse
from pathlib import Path

from sloy import text
from sloy.cli.experiment_options import add_experiment, data_of, words_of
from sloy.cli.options import add_engine_options, add_json, add_overwrite, keep

NAME = "plan"
HELP = "look at data, and foresee what sloy train does with them and how long it takes"
DESCRIPTION = (
    "Looks at data before they are trained on: twins, leaks, gaps; how good simpler answers are; which network and"
    " recipe sloy train takes, the time (measured on a few steps) and memory of it, and its command. Takes its options."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of `sloy train`, and where to write."""
    add_experiment(parser)
    parser.add_argument("--out", metavar="plan.json", help="write it for sloy train --plan")
    add_overwrite(parser.add_argument, "a file that is there already")
    add_engine_options(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look and print."""
    from sloy.cli.show import Show
    from sloy.experiments import plan
    from sloy.files.atomic import write_atomically

    keep([arguments.out], overwrite=arguments.overwrite)
    show = Show(quiet=arguments.json, json=arguments.json)
    try:
        found = plan(
            data_of(arguments),
            engine=arguments.engine,
            threads=arguments.threads,
            listener=show.counted,
            **words_of(arguments),
        )
    finally:
        show.close()
    document = text.as_json(found.document())
    if arguments.out is not None:
        write_atomically(Path(arguments.out), document)
    print(document if arguments.json else found, end="" if arguments.json else "\n")
    if arguments.out is not None and not arguments.json:
        written = text.visible(arguments.out)
        print(f"\nwritten to {written}: sloy train --plan {written}")
    return 0
