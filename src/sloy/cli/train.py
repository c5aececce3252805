"""`sloy train`: from data to a trained model in a folder, with its figures."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from sloy.cli.errors import UsageError
from sloy.cli.experiment_options import add_experiment, data_of, words_of
from sloy.cli.options import add_engine_options, together
from sloy.stopping import Terminated

NAME = "train"
DESCRIPTION = "Trains a network; model, history, summary and pictures go to a folder of the run."
HELP = "train a network on MNIST, on a folder of pictures or of IDX files, or on a table"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of experiments, recipes and kinds of data, and of the run."""
    add_experiment(parser)
    _add_run_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train, or continue; with others where that is asked for."""
    with together(arguments) as leads:
        return _run(arguments, leads=leads)


def _run(arguments: argparse.Namespace, *, leads: bool) -> int:
    from sloy import experiments
    from sloy.cli.show import Show
    from sloy.experiments.run_folder import RunFolder, plan_with

    words = words_of(arguments)
    show = Show(quiet=arguments.quiet, json=arguments.json)
    shared = {"engine": arguments.engine, "threads": arguments.threads}
    shared |= {"listener": show} if leads else {}
    shared["diagnose"] = arguments.diagnose
    try:
        if arguments.resume:
            if arguments.plan is not None:
                raise UsageError("--resume goes on with the run in --out; --plan begins one")
            if arguments.out is None:
                raise UsageError("--resume needs --out, the folder of the run")
            if arguments.data is not None:
                words["data"] = arguments.data
            result = experiments.resume(arguments.out, **shared, **words)
        else:
            if arguments.plan is not None:
                words = plan_with(Path(arguments.plan), words)
                arguments.data = arguments.data or words.pop("data")
                words.pop("data", None)
            experiment = experiments.Experiment.of(data_of(arguments), **words)
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
    if leads and not arguments.json:
        print(RunFolder(result.folder).listing())
    return 0


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--plan",
        metavar="FILE",
        help="take DATA and options from what sloy plan --out wrote; what is given beside it goes before it",
    )
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
        "--distributed",
        nargs="?",
        const="auto",
        metavar="HOST:PORT,N,RANK",
        help="train one run with other processes, on this and other machines: as SLURM, Open MPI, Kubernetes or Cloud"
        " TPU has started them, else process RANK (from 0) of N, of which 0 listens at HOST:PORT",
    )
    add(
        "--diagnose",
        action=argparse.BooleanOptionalAction,
        help="say what goes wrong, in a line for each finding (see `sloy diagnose`); default: where it takes less than"
        " 2 %% of the time",
    )
    add("--json", action="store_true", help="print the summary as one JSON document")
    add("--quiet", action="store_true", help="show results only, no progress")
