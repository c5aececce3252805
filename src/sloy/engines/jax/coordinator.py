"""A program by itself: where the processes of a run find each other, kept alive when the first of them is killed.

JAX ends every process, with a trace of C++, in the moment in which this service is gone; so it stays long enough for
the others to notice by themselves, and to say so.
"""

from __future__ import annotations

import os
import sys
import threading
import time

STAYS = 60.0  # seconds without the process that began it
ENDS = 4.0  # seconds to end in
DONE = "done"


def serve(address: str, count: int, seconds: int) -> None:
    """Serve until told that all is done, or for a while after the end of who would tell it."""
    from jaxlib import _jax

    service = _jax.get_distributed_runtime_service(
        address, count, heartbeat_timeout=seconds, shutdown_timeout=seconds
    )
    print("ready" if service else "", flush=True)
    if sys.stdin.read().strip() == DONE:
        # who has not yet read that all are there is told that this is the end
        ending = threading.Thread(target=service.shutdown, daemon=True)
        ending.start()
        ending.join(ENDS)
    else:
        time.sleep(STAYS)
    os._exit(0)  # whoever is still connected is not waited for, as it would be were `service` freed


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
