"""`sloy app`: pages on this machine, to look at one's data, networks and runs, and to play with them."""

from __future__ import annotations

import argparse
from functools import partial

from sloy.cli.options import integer, positive

NAME = "app"
HELP = "pages on this machine: play with a network as it learns, look into models, compare runs"
DESCRIPTION = (
    "Serves pages to a browser on this machine, and to nobody else: a playground where a network learns before your"
    " eyes, one step by hand, what a network of pictures sees, data with what training on them would take, runs side by"
    " side."
    " Needs pip install 'sloy[app]'. Ctrl-C ends it."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add(
        "opened",
        metavar="RUN|DATA|MODEL",
        nargs="?",
        help="what to begin with; default: the runs in the folder runs",
    )
    add(
        "--port",
        type=partial(integer, least=0),
        default=0,
        metavar="N",
        help="of 127.0.0.1; default: one that is free",
    )
    add("--no-browser", action="store_true", help="print the link, and open no browser")
    add(
        "--threads",
        type=positive,
        default=1,
        metavar="N",
        help="of the engine; default: 1, which leaves the browser a core",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    import importlib.util

    from sloy.errors import NotAvailable

    for package in ("starlette", "uvicorn", "websockets"):
        if importlib.util.find_spec(package) is None:
            raise NotAvailable(f"app: needs the package {package}: pip install 'sloy[app]'.")
    from sloy.app.server import Local

    def ready(link: str) -> None:
        print(f"{link}\nCtrl-C ends it; the link is good once, for one browser.", flush=True)
        if not arguments.no_browser:
            import webbrowser

            webbrowser.open(link)

    Local(arguments.opened, port=arguments.port, threads=arguments.threads).serve(ready)
    return 0
