"""The process of the command line: streams that can be written to and signals, before anything else is imported."""

from __future__ import annotations

from sloy.stopping import Stopping, Terminated, say_at_once


def start() -> int:
    """Run the command of `sys.argv`; the exit code, also of Ctrl-C or SIGTERM during imports."""
    stopping = Stopping(last=True)
    try:
        with stopping:
            from sloy.files.processes import save_addresses
            from sloy.files.streams import open_closed

            open_closed()
            save_addresses()
            from sloy.cli.main import main

            return main()
    except (KeyboardInterrupt, Terminated):
        return stopping.said()
    except Exception as error:  # of an import: `main` tells its own
        words = " ".join(str(error).split())[:200] or type(error).__name__
        say_at_once(f"sloy: cannot begin: {words}")
        return 1
