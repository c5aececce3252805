"""`sloy branch`: a run once more up to a step, and on from there with another recipe."""

from __future__ import annotations

import argparse

from sloy.cli.errors import UsageError
from sloy.cli.options import add_engine_options, integer

NAME = "branch"
HELP = (
    "do a run again up to a step, and go on from there with other options, in a folder of its own"
)
DESCRIPTION = (
    "Does the steps of a run again, to the bit, up to a moment, and goes on from there with another recipe."
    " The run stays as it is; the branch has a folder of its own, with branch.json that names it."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: the moment, those of the recipe that may differ, and of the run."""
    from sloy.cli.declared import add_options
    from sloy.training.recipe import Recipe

    add = parser.add_argument
    add("folder", metavar="RUN", help="the folder of a run")
    add(
        "--at",
        required=True,
        type=moment,
        metavar="EPOCH:STEP",
        help="after how many steps of which epoch, such as 3:40; 3:0, or 3, is the beginning of the third",
    )
    add_options(parser.add_argument_group("what differs from there on"), Recipe)
    add("--out", metavar="DIR", required=True, help="folder of the branch")
    add("--json", action="store_true", help="print the summary as one JSON document")
    add("--quiet", action="store_true", help="show results only, no progress")
    add_engine_options(parser)


def moment(word: str) -> tuple[int, int]:
    """3:40 as (3, 40), 3 as (3, 0)."""
    epoch, _, step = word.partition(":")
    try:
        return integer(epoch, 0), integer(step or "0", 0)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{word!r} is no EPOCH:STEP, such as 3:40") from None


def run(arguments: argparse.Namespace) -> int:
    """Replay, go on and print."""
    from sloy.cli.experiment_options import words_of
    from sloy.cli.show import Show
    from sloy.experiments import branch
    from sloy.experiments.run_folder import RunFolder

    epoch, step = arguments.at
    change = words_of(arguments)
    if not change:
        raise UsageError("give what differs from there on, such as --learning-rate 0.003")
    show = Show(quiet=arguments.quiet, json=arguments.json)
    try:
        result = branch(
            arguments.folder,
            arguments.out,
            epoch=epoch,
            step=step,
            engine=arguments.engine,
            threads=arguments.threads,
            listener=show,
            **change,
        )
    finally:
        show.close()
    if not arguments.json:
        print(RunFolder(result.folder).listing())
    return 0
