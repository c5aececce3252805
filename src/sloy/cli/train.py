"""`sloy train`: from data to a trained model in a folder, with its figures."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from sloy.cli.errors import UsageError
from sloy.cli.options import add_engine_options
from sloy.stopping import Terminated

NAME = "train"
DESCRIPTION = "Trains a network; model, history, summary and pictures go to a folder of the run."
HELP = "train a network on MNIST, on a folder of pictures or of IDX files, or on a table"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of experiments, recipes and kinds of data, and of the run."""
    from sloy.cli.declared import add_options
    from sloy.experiments import Experiment
    from sloy.experiments.recipes import GENERAL, RECIPES
    from sloy.experiments.sources import SOURCES
    from sloy.training.recipe import Recipe
    from sloy.training.stages import FineTuning

    parser.add_argument(
        "data",
        metavar="DATA",
        nargs="?",
        help="mnist (bundled); a folder of pictures, one folder in it for each class, or a CSV file of their paths and"
        " labels; a folder of four IDX files named as those of MNIST, gzipped or not; or a table: CSV, TSV or Parquet",
    )
    training = parser.add_argument_group("training")
    training.add_argument(
        "--recipe",
        choices=tuple(RECIPES),
        default=argparse.SUPPRESS,
        help="options that were tried together; what is given beside it goes before it",
    )
    add_options(training, Experiment)
    add_options(training, Recipe, GENERAL)
    tuning = parser.add_argument_group("fine-tuning")
    tuning.add_argument(
        "--from",
        dest="from_",
        metavar="MODEL",
        default=argparse.SUPPRESS,
        help="train a model further, for the classes of DATA",
    )
    add_options(tuning, FineTuning, {"head_epochs": "half of --epochs"})
    for source in SOURCES:
        if source.title:
            add_options(parser.add_argument_group(source.title), source)
    _add_run_options(parser)
    words = {word for action in parser._actions for word in action.option_strings}
    parser.set_defaults(option_words=frozenset(words))


def run(arguments: argparse.Namespace) -> int:
    """Train, or continue."""
    from sloy import experiments
    from sloy.cli.show import Show
    from sloy.experiments.run_folder import RunFolder

    words = words_of(arguments)
    show = Show(quiet=arguments.quiet, json=arguments.json)
    shared = {"engine": arguments.engine, "threads": arguments.threads, "listener": show}
    shared["diagnose"] = arguments.diagnose
    try:
        if arguments.resume:
            if arguments.out is None:
                raise UsageError("--resume needs --out, the folder of the run")
            if arguments.data is not None:
                words["data"] = arguments.data
            result = experiments.resume(arguments.out, **shared, **words)
        else:
            if arguments.data is None:
                raise UsageError(
                    "give the data to train on: mnist, a folder of pictures or of IDX files, or a table"
                )
            experiment = experiments.Experiment.of(arguments.data, **words)
            result = experiments.run(
                experiment, arguments.out, overwrite=arguments.overwrite, **shared
            )
    except (KeyboardInterrupt, Terminated) as error:
        if show.folder is not None and RunFolder(show.folder).saved:
            command = shlex.join(["sloy", "train", "--resume", "--out", str(show.folder)])
            error.__notes__ = [f"continue with `{command}`"]
        raise
    finally:
        show.close()
    if not arguments.json:
        print(RunFolder(result.folder).listing())
    return 0


def words_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of the experiment that are given."""
    return {name: value for name, value in vars(arguments).items() if name not in _OF_THE_RUN}


_OF_THE_RUN = (
    *("command", "run", "debug", "option_words", "data", "out", "resume", "overwrite"),
    *("engine", "threads", "json", "quiet", "diagnose"),
)


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--out", metavar="DIR", help="folder of the run; default: runs/DATA-DATE-TIME")
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in --out from its last checkpoint, with its own configuration",
    )
    begin.add_argument("--overwrite", action="store_true", help="replace a run that is in --out")
    add_engine_options(parser)
    add(
        "--diagnose",
        action=argparse.BooleanOptionalAction,
        help="say what goes wrong, in a line for each finding (see `sloy diagnose`); default: where it takes less than"
        " 2 %% of the time",
    )
    add("--json", action="store_true", help="print the summary as one JSON document")
    add("--quiet", action="store_true", help="show results only, no progress")
