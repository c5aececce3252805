"""The process of the command line: streams that can be written to and signals, before anything else is imported."""

from __future__ import annotations

from sloy.stopping import Stopping, Terminated


def start() -> int:
    """Run the command of `sys.argv`; the exit code, also of Ctrl-C or SIGTERM during imports."""
    stopping = Stopping(last=True)
    try:
        with stopping:
            from sloy.files.streams import open_closed

            open_closed()
            from sloy.cli.main import main

            return main()
    except (KeyboardInterrupt, Terminated):
        return stopping.said()
