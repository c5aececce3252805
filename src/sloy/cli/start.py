"""The process of the command line: streams that can be written to and signals, before anything else is imported."""

from __future__ import annotations

import os
import resource
from contextlib import suppress

from sloy.stopping import Stopping, Terminated


def _save_addresses() -> None:
    """Where addresses are limited, let OpenBLAS reserve none for threads: it ends programs that have none left."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def start() -> int:
    """Run the command of `sys.argv`; the exit code, also of Ctrl-C or SIGTERM during imports."""
    stopping = Stopping(last=True)
    try:
        with stopping:
            from sloy.files.streams import open_closed

            open_closed()
            _save_addresses()
            from sloy.cli.main import main

            return main()
    except (KeyboardInterrupt, Terminated):
        return stopping.said()
    except Exception as error:  # of an import: `main` tells its own
        said = " ".join(str(error).split())[:200]
        with suppress(OSError):
            os.write(2, f"sloy: cannot begin: {said or type(error).__name__}\n".encode())
        return 1
