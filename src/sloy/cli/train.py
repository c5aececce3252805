"""`sloy train`: from data to a trained model in a folder, with its figures."""

from __future__ import annotations

import argparse
from typing import Any

from sloy.cli.options import add_engine_options, fraction, not_negative, positive, rate
from sloy.cli.plan import NETWORKS, OPTIMIZERS, PRECISIONS, SCHEDULES, Plan

DEFAULT = Plan("mnist")


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "train",
        help="train a network on MNIST or on a folder of IDX files",
        description="Trains a network; model, history, summary and pictures go to a folder of the run.",
    )
    parser.add_argument(
        "data",
        metavar="DATA",
        nargs="?",
        help="mnist (bundled), or a folder of four IDX files named as those of MNIST, gzipped or not",
    )
    _add_training_options(parser)
    _add_run_options(parser)
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Train, or continue."""
    from sloy.cli.run import train

    return train(arguments)


def _add_training_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("training")
    add = group.add_argument
    add("--network", choices=NETWORKS, help=f"default: {DEFAULT.network}")
    add("--epochs", type=positive, metavar="N", help=f"default: {DEFAULT.epochs}")
    add("--batch-size", type=positive, metavar="N", help=f"default: {DEFAULT.batch_size}")
    add("--optimizer", choices=tuple(OPTIMIZERS), help=f"default: {DEFAULT.optimizer}")
    add(
        "--learning-rate",
        type=rate,
        metavar="X",
        help="the highest rate of the schedule; default: what suits optimizer and schedule",
    )
    add(
        "--schedule",
        choices=SCHEDULES,
        help=f"how the learning rate goes over the run; default: {DEFAULT.schedule}",
    )
    add(
        "--precision",
        choices=PRECISIONS,
        help=f"of the arithmetic; auto is float32; default: {DEFAULT.precision}",
    )
    add(
        "--seed",
        type=not_negative,
        metavar="N",
        help=f"of initial weights, order and dropout; default: {DEFAULT.seed}",
    )
    add(
        "--validation",
        type=fraction,
        metavar="SHARE",
        help="share of the training samples that is kept apart to measure on after every epoch, 0 for none;"
        f" default: {DEFAULT.validation}",
    )
    add(
        "--samples",
        type=positive,
        metavar="N",
        help="train on the first N samples only; default: all",
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
    add("--json", action="store_true", help="print the summary as one JSON document")
    add("--quiet", action="store_true", help="show results only, no progress")
