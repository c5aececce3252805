"""`sloy train`: from data to a trained model in a folder, with its figures."""

from __future__ import annotations

import argparse
from typing import Any

from sloy.cli.options import (
    add_engine_options,
    extents,
    fraction,
    not_negative,
    positive,
    rate,
    share,
)
from sloy.cli.plan import NETWORKS, OPTIMIZERS, SCHEDULES, TASKS, Plan
from sloy.cli.recipes import RECIPES
from sloy.cli.tuning import FIRST_RATE, freezing
from sloy.engines.names import DETERMINISTIC, PRECISIONS

DEFAULT = Plan("mnist")


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "train",
        help="train a network on MNIST, on a folder of pictures or of IDX files, or on a table",
        description="Trains a network; model, history, summary and pictures go to a folder of the run.",
    )
    parser.add_argument(
        "data",
        metavar="DATA",
        nargs="?",
        help="mnist (bundled); a folder of pictures, one folder in it for each class, or a CSV file of their paths and"
        " labels; a folder of four IDX files named as those of MNIST, gzipped or not; or a table: CSV, TSV or Parquet",
    )
    _add_training_options(parser)
    _add_picture_options(parser)
    _add_tuning_options(parser)
    _add_table_options(parser)
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
    add(
        "--recipe",
        choices=tuple(RECIPES),
        help="options that were tried together; what is given beside it goes before it",
    )
    group.set_defaults(network_options=None)
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
        "--momentum",
        type=fraction,
        metavar="X",
        help="of momentum and nesterov, beta1 of adam and adamw; default: 0.9",
    )
    add(
        "--schedule",
        choices=SCHEDULES,
        help=f"how the learning rate goes over the run; default: {DEFAULT.schedule}",
    )
    add(
        "--weight-decay",
        type=fraction,
        metavar="X",
        help="by how much of itself a weight shrinks at each step, times the learning rate; default: the optimizer's",
    )
    add(
        "--precision",
        choices=PRECISIONS,
        help="of the arithmetic; mixed: products of bfloat16 numbers, on processors with instructions for them;"
        " auto: mixed with AMX, else float32; emulated: the numbers of mixed on any processor, slowly;"
        f" default: {DEFAULT.precision}",
    )
    add(
        "--deterministic",
        choices=DETERMINISTIC,
        help="what gives the same model again: the same number of threads, or any (slower);"
        f" default: {DEFAULT.deterministic}",
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


def _add_picture_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("folders of pictures")
    add = group.add_argument
    add(
        "--size",
        type=extents,
        metavar="N|HxW",
        help="height and width that pictures are brought to; default: theirs, at most 64",
    )
    add(
        "--resize",
        choices=("crop", "stretch", "pad"),
        help="how: the middle of each, squeezed, or whole with borders; default: crop",
    )
    add(
        "--skip-broken",
        action="store_true",
        default=None,
        help="leave out pictures that cannot be read, instead of stopping at them",
    )
    add(
        "--augment",
        metavar="NAME=VALUE,…",
        help="change the training pictures at random: flip=horizontal, rotation=DEGREES, shift=SHARE and more (see"
        " docs/image-folders.md), or none; default: a little of most for folders of pictures, else none",
    )


def _add_tuning_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("fine-tuning")
    add = group.add_argument
    add(
        "--from",
        dest="from_",
        metavar="MODEL",
        help="train a model further, for the classes of DATA",
    )
    add(
        "--freeze",
        type=freezing,
        metavar="until:LAYER",
        help="layers that stay as they are, the last of them LAYER; or head, the default: all but the last with"
        " weights; or none",
    )
    add(
        "--unfreeze",
        action="store_true",
        default=None,
        help="train the rest alone first (--head-epochs), then everything (--epochs)",
    )
    add(
        "--head-epochs",
        type=positive,
        metavar="N",
        help="epochs before unfreezing; default: half of --epochs",
    )
    add(
        "--first-rate",
        type=share,
        metavar="X",
        help="learning rate of the first layer as a share of the last one's, with equal ratios between;"
        f" default: {FIRST_RATE:g}",
    )


def _add_table_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("tables")
    add = group.add_argument
    add("--target", metavar="COLUMN", help="the column that is to be predicted")
    add(
        "--task",
        choices=TASKS,
        help="classes or numbers; auto takes classes where the target holds words or few whole numbers",
    )
    add("--ignore", action="append", metavar="COLUMN", help="leave a column out; may be repeated")
    add(
        "--categorical",
        action="append",
        metavar="COLUMN",
        help="take a column of numbers for names, such as postcodes; may be repeated",
    )
    add(
        "--test",
        type=fraction,
        metavar="SHARE",
        help="share of the rows or pictures that is kept to test on; default: 0.2 of a table, 0.1 of pictures",
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
