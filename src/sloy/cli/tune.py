"""`sloy tune`: the options of `sloy train` that suit the data, searched."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sloy.cli.experiment_options import add_experiment, words_of
from sloy.cli.options import add_engine_options, add_json, print_result
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
    from sloy.cli.declared import add_options
    from sloy.search.options import SearchOptions

    group = parser.add_argument_group("search")
    add_options(group, SearchOptions)
    what = "what is varied, see docs/search-and-pruning.md; default: what suits the kind of data"
    group.add_argument("--space", metavar="FILE.json", help=what)
    where = "folder of the search; default: runs/tune-DATA-DATE-TIME"
    group.add_argument("--out", metavar="DIR", help=where)
    begin = group.add_mutually_exclusive_group()
    again = "go on with the search in --out, from the checkpoints of its trials"
    begin.add_argument("--resume", action="store_true", help=again)
    begin.add_argument("--overwrite", action="store_true", help="replace a search that is in --out")
    group.add_argument("--quiet", action="store_true", help="show the result only")
    add_engine_options(parser)
    add_json(parser)
    add_experiment(parser)


def run(arguments: argparse.Namespace) -> int:
    """Search and print."""
    from sloy.files.documents import read_document
    from sloy.options import chosen
    from sloy.search import SearchBegan, tune
    from sloy.search.options import SearchOptions

    own: dict[str, Any] = chosen(SearchOptions, vars(arguments))
    own |= {n: getattr(arguments, n) for n in ("out", "resume", "overwrite", "engine", "threads")}
    words = {name: value for name, value in words_of(arguments).items() if name not in own}
    if arguments.space is not None:
        own["space"] = read_document(Path(arguments.space), {"*": object}, "a space to search")
    folders: list[str] = []

    def listener(event: Event) -> None:
        if isinstance(event, SearchBegan):
            folders.append(str(event.folder))
        if not arguments.quiet and not arguments.json:
            print(event, flush=True)

    try:
        found = tune(arguments.data, listener=listener, **own, **words)
    except (KeyboardInterrupt, Terminated) as error:
        if folders:
            command = shlex.join(["sloy", "tune", "--resume", "--out", folders[0]])
            error.__notes__ = [f"continue with `{command}`"]
        raise
    print_result(found.document, f"\n{found}\n\n{found.listing}", json=arguments.json)
    return 0
