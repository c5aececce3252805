"""`sloy prune`: a trained network made smaller, trained again, and measured."""

from __future__ import annotations

import argparse

from sloy import text
from sloy.cli.experiment_options import DATA
from sloy.cli.options import add_engine_options, add_json, not_negative, print_result

NAME = "prune"
HELP = "make a trained network smaller and faster: remove what it can do without"
DESCRIPTION = (
    "Removes neurons and channels (or single weights) that the loss can do without, refits the layers behind them,"
    " trains again, and measures: size, time in turn, accuracy with its interval. Writes pruned.sloy, pruning.json and"
    " pruning.png; the model itself stays as it is."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of `Pruning`, and where what is found goes."""
    from sloy.cli.declared import add_options
    from sloy.pruning.options import Pruning

    add = parser.add_argument
    add("model", metavar="MODEL", help="the folder of a run, or a .sloy file")
    add("--data", metavar="DATA", help=f"{DATA}; default: those of the run")
    add_options(parser.add_argument_group("pruning"), Pruning)
    add("--seed", type=not_negative, default=0, metavar="N", help="of the samples that are drawn")
    add("--out", metavar="DIR", help="where the files go; default: the folder of MODEL")
    add("--overwrite", action="store_true", help="replace the files of an earlier pruning there")
    add_json(parser)
    add_engine_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prune, write and print."""
    from sloy.cli.show import Show
    from sloy.experiments.pruning import FILES, prune
    from sloy.options import chosen
    from sloy.pruning.options import Pruning

    show = Show(quiet=arguments.json, json=arguments.json)
    try:
        pruned, folder = prune(
            arguments.model,
            arguments.data,
            out=arguments.out,
            overwrite=arguments.overwrite,
            seed=arguments.seed,
            engine=arguments.engine,
            threads=arguments.threads,
            listener=show.counted,
            **chosen(Pruning, vars(arguments)),
        )
    finally:
        show.close()
    written = ", ".join(text.visible(folder / name) for name in FILES)
    words = text.fields([*pruned.rows(), ("written", written)])
    print_result(pruned.document(), words, json=arguments.json)
    return 0
