"""How many threads a fit may take where joblib runs several side by side."""

from __future__ import annotations

import os
from multiprocessing import current_process


def threads_of(threads: int | None) -> int:
    """The number of threads for an engine, 0 for all physical cores.

    Parameters
    ----------
    threads : int or None
        A number is taken as it is. None takes all cores, and within a worker of joblib (``n_jobs`` of a search or a
        cross-validation) what joblib leaves to each: cores / n_jobs in a process, 1 in a thread.
    """
    if threads is not None:
        return threads
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend()
    if not getattr(backend, "nesting_level", 0):
        return 0
    # Loky, whose workers are processes, tells each its share by this variable; a thread's is not known.
    told = (
        os.environ.get("OMP_NUM_THREADS", "") if current_process().name.startswith("Loky") else ""
    )
    return int(told) if told.isdecimal() and int(told) > 0 else 1
