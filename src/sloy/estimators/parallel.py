"""How many threads a fit may take where joblib runs several side by side."""

from __future__ import annotations

import os
from multiprocessing import current_process

from sloy import ops
from sloy.graph.graph import topological_order
from sloy.problem.network import Network
from sloy.problem.summary import multiply_adds

# Multiply-adds of a batch, forward: with fewer, threads wait for each other longer than they compute.
SMALL = 10**7


def threads_of(threads: int | None, network: Network, batch_size: object) -> int:
    """The number of threads for an engine, 0 for all physical cores.

    Parameters
    ----------
    threads : int or None
        A number is taken as it is. None takes one for small networks, else all cores, and within a worker of joblib
        (``n_jobs`` of a search or a cross-validation) what joblib leaves to each: cores / n_jobs in a process, 1 in a
        thread.
    network : Network
    batch_size : int
    """
    if threads is not None:
        return threads
    if _work(network, batch_size) < SMALL:
        return 1
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend()
    if not getattr(backend, "nesting_level", 0):
        return 0
    # Loky, whose workers are processes, tells each its share by this variable; a thread's is not known.
    in_process = current_process().name.startswith("Loky")
    told = os.environ.get("OMP_NUM_THREADS", "") if in_process else ""
    return int(told) if told.isdecimal() and int(told) > 0 else 1


def _work(network: Network, batch_size: object) -> float:
    """Multiply-adds of a batch, forward; of one sample where the size is none (`fit` refuses it later)."""
    output = network.build(ops.input("x", (1, *network.input_shape))).output
    count = batch_size if isinstance(batch_size, int) else 1
    return float(multiply_adds(topological_order([output])) * count)
