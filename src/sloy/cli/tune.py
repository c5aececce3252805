"""`sloy tune`: the options of `sloy train` that suit the data, searched."""

from __future__ import annotations

import argparse
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sloy import text
from sloy.arguments import duration
from sloy.cli.declared import parsed
from sloy.cli.experiment_options import add_experiment, name_options, words_of
from sloy.cli.options import add_engine_options, add_json, positive
from sloy.stopping import Terminated

if TYPE_CHECKING:
    from sloy.experiments.events import Event

NAME = "tune"
HELP = "search for the network and the recipe that suit data"
DESCRIPTION = (
    "Searches for options of sloy train: trials, each a run in a folder of its own, are compared by samples held out;"
    " the best is measured once on those to test on. What is given is the same in all trials. Needs Optuna"
    " (`pip install 'sloy[search]'`)."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of the search, then those of `sloy train`."""
    from sloy.search.study import PRUNERS
    from sloy.search.tuning import METRICS, TRIALS

    group = parser.add_argument_group("search")
    add = group.add_argument
    add(
        "--trials",
        type=positive,
        default=TRIALS,
        metavar="N",
        help="how many, those done before too; default: %(default)s",
    )
    add(
        "--time",
        type=partial(parsed, partial(duration, "", "time")),
        metavar="TIME",
        help="begin no trial after a time such as 30m; those that run are saved",
    )
    add(
        "--workers",
        type=workers,
        default=1,
        metavar="N|auto",
        help="trials side by side, which share the cores; auto: what a few steps say; default: 1",
    )
    add(
        "--space",
        metavar="FILE.json",
        help="what is varied, see docs/search-and-pruning.md; default: what suits the kind of data",
    )
    add("--metric", choices=METRICS, help="what is compared; default: val_loss")
    add("--pruner", choices=PRUNERS, help="what ends trials that promise little; default: median")
    add(
        "--storage",
        metavar="URL",
        help="of Optuna's storage, such as postgresql://…, by which several machines search"
        " together; default: a file in --out",
    )
    add("--study", metavar="NAME", help="in the storage; default: by the options")
    add("--out", metavar="DIR", help="folder of the search; default: runs/tune-DATA-DATE-TIME")
    begin = group.add_mutually_exclusive_group()
    begin.add_argument(
        "--resume",
        action="store_true",
        help="go on with the search in --out, from the checkpoints of its trials",
    )
    begin.add_argument("--overwrite", action="store_true", help="replace a search that is in --out")
    add("--quiet", action="store_true", help="show the result only")
    add_engine_options(parser)
    add_json(parser)
    add_experiment(parser)
    name_options(parser)  # fmt: skip


def workers(word: str) -> int | str:
    """A number, or "auto"."""
    return word if word == "auto" else positive(word)


def run(arguments: argparse.Namespace) -> int:
    """Search and print."""
    from sloy.files.documents import read_document
    from sloy.search import SearchBegan, tune

    names = ("trials", "time", "workers", "metric", "pruner", "storage", "study", "out")
    own = {name: getattr(arguments, name) for name in (*names, "resume", "overwrite", "engine")}
    words = {name: value for name, value in words_of(arguments).items() if name not in own}
    if arguments.space is not None:
        own["space"] = read_document(Path(arguments.space), {"*": object}, "a space to search")
    known: list[Path] = []

    def listener(event: Event) -> None:
        if isinstance(event, SearchBegan):
            known.append(event.folder)
        if not arguments.quiet and not arguments.json:
            print(event, flush=True)

    try:
        found = tune(arguments.data, threads=arguments.threads, listener=listener, **own, **words)
    except (KeyboardInterrupt, Terminated) as error:
        if known:
            command = shlex.join(["sloy", "tune", "--resume", "--out", str(known[0])])
            error.__notes__ = [f"continue with `{command}`"]
        raise
    if arguments.json:
        print(text.as_json(found.document), end="")
        return 0
    print(f"\n{found}\n\n{found.listing}")
    return 0
