"""The options of an experiment on a command line: its data, what is learned, and how."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

from sloy.cli.errors import UsageError

DATA = (
    "mnist (bundled); a folder of pictures, one folder in it for each class, or a CSV file of their paths and labels;"
    " a folder of four IDX files named as those of MNIST, gzipped or not; or a table: CSV, TSV, Parquet or Excel"
)


# Defaults as the help shows them, where tables and folders of pictures have others than MNIST; what was chosen for the
# data is told before training begins.
SHOWN = {
    "network": "cnn of mnist, standard_cnn of folders, tabular of tables",
    "validation": "0.1; of tables 0.15 by each member",
    "epochs": "2 of mnist; of tables and folders by the number of samples",
    "batch_size": "256 of mnist; of tables and folders by the number of samples",
    "optimizer": "adam; adamw of tables",
    "schedule": "one-cycle; cos-log of tables",
}


def add_experiment(parser: argparse.ArgumentParser) -> None:
    """Declare the data and the options of experiments, recipes and kinds of data."""
    from sloy.cli.declared import add_options
    from sloy.experiments import Experiment
    from sloy.experiments.recipes import GENERAL, RECIPES
    from sloy.experiments.sources import SOURCES
    from sloy.options import options
    from sloy.training.recipe import Recipe
    from sloy.training.stages import FineTuning

    parser.add_argument("data", metavar="DATA", nargs="?", help=DATA)
    training = parser.add_argument_group("training")
    training.add_argument(
        "--recipe",
        choices=tuple(RECIPES),
        default=argparse.SUPPRESS,
        help="options that were tried together; what is given beside it goes before it",
    )
    add_options(training, Experiment, SHOWN)
    add_options(training, Recipe, {**GENERAL, **SHOWN})
    tuning = parser.add_argument_group("fine-tuning")
    tuning.add_argument(
        "--from",
        dest="from_",
        metavar="MODEL",
        default=argparse.SUPPRESS,
        help="train a model further, for the classes of DATA",
    )
    add_options(tuning, FineTuning, {"head_epochs": "half of --epochs"})
    titled = [source for source in SOURCES if source.title]
    counts = Counter(name for source in titled for name, _, rule in options(source) if rule.about)
    shared = [name for name, count in counts.items() if count > 1]
    of_both = parser.add_argument_group(" and ".join(source.title for source in titled))
    for source in titled:
        add_options(of_both, source, only=shared)
    for source in titled:
        add_options(parser.add_argument_group(source.title), source)


def words_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of the experiment that are given; those of the command itself are left out."""
    from sloy.experiments import Experiment
    from sloy.experiments.sources import SOURCES
    from sloy.options import options
    from sloy.training.recipe import Recipe
    from sloy.training.stages import FineTuning

    owners = (Experiment, Recipe, FineTuning, *SOURCES)
    known = {"recipe", "from_", *(name for owner in owners for name, _, _ in options(owner))}
    return {name: value for name, value in vars(arguments).items() if name in known}


def data_of(arguments: argparse.Namespace) -> str:
    """The data; `UsageError` where none are given."""
    if arguments.data is None:
        raise UsageError(
            "give the data to train on: mnist, a folder of pictures or of IDX files, or a table"
        )
    return str(arguments.data)
