"""`sloy find-rate`: the learning rate that `sloy train` with the same options should have."""

from __future__ import annotations

import argparse
from pathlib import Path

from sloy import text
from sloy.cli.errors import UsageError
from sloy.cli.experiment_options import add_experiment, data_of, words_of
from sloy.cli.options import (
    add_engine_options,
    add_json,
    add_overwrite,
    keep,
    print_result,
    written,
)

NAME = "find-rate"
HELP = "find the learning rate that suits data and network"
DESCRIPTION = (
    "Finds a learning rate for sloy train with the same options: from the rate whose first step changes the weights by"
    " 1 %, moved only by gains of short runs that are above two standard errors. Nothing is written but to --out."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of `sloy train`, and where to draw."""
    add_experiment(parser)
    parser.add_argument("--out", metavar="FILE.png", help="draw what the short runs said")
    add_overwrite(parser.add_argument, "a file that is there already")
    add_engine_options(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Find and print."""
    from sloy.cli.show import Show
    from sloy.experiments import Experiment
    from sloy.experiments.opening import opened, rate_range
    from sloy.files.atomic import write_atomically
    from sloy.inspection import png, rate_figure
    from sloy.training.recipe import AUTO

    keep([arguments.out], overwrite=arguments.overwrite)
    words = words_of(arguments)
    if (given := words.get("learning_rate", AUTO)) != AUTO:
        raise UsageError(f"--learning-rate (={given}): is what is found; leave it out")
    words["learning_rate"] = None
    if "from_" in words:
        raise UsageError("--from: a rate is found for networks that are new")
    experiment = Experiment.of(data_of(arguments), **words)
    show = Show(quiet=arguments.json, json=arguments.json)
    try:
        opening = opened(
            experiment,
            Path(),
            engine=arguments.engine,
            threads=arguments.threads,
            tell=show.counted,
        )
        found = rate_range(opening, show.counted)
    finally:
        show.close()
    told = str(found)
    if arguments.out is not None:
        write_atomically(Path(arguments.out), png(rate_figure(found)))
        told += "\n" + text.fields([written(Path(arguments.out))])
    print_result(found.document(), told, json=arguments.json)
    return 0
