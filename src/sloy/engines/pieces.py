"""Running over rows that are no arrays, such as sparse ones: some steps' rows at a time are made arrays."""

from __future__ import annotations

import time
from collections.abc import Mapping
from math import prod

import numpy as np

from sloy.engines.base import BatchRun, Engine, Executable, Poll

PIECE_BYTES = 1 << 24  # of rows that are made arrays together; a step at least


def are_arrays(columns: Mapping[str, np.ndarray]) -> bool:
    """Whether all columns are arrays."""
    return all(isinstance(column, np.ndarray) for column in columns.values())


def run_in_pieces(
    engine: Engine,
    executables: Mapping[int, Executable],
    columns: Mapping[str, np.ndarray],
    order: np.ndarray,
    batch_size: int,
    step_inputs: Mapping[str, np.ndarray],
    poll: Poll | None = None,
) -> BatchRun:
    """What `Engine.run_batches` gives, by calls of it with arrays alone."""
    started = time.perf_counter()
    sample = sum(prod(column.shape[1:]) * column.dtype.itemsize for column in columns.values())
    together = max(1, PIECE_BYTES // max(1, sample * batch_size)) * batch_size  # rows
    runs: list[BatchRun] = []
    done = 0

    def ask(steps: int, scalars: Mapping[str, np.ndarray]) -> None:
        assert poll is not None
        whole = {n: [*(run.outputs[n] for run in runs), value] for n, value in scalars.items()}
        poll(done + steps, {name: np.concatenate(values) for name, values in whole.items()})

    pieces = (
        epoch[first : first + together]
        for epoch in np.atleast_2d(order)
        for first in range(0, len(epoch), together)
    )
    for rows in pieces:
        some = {name: column[rows] for name, column in columns.items()}
        steps = -(-len(rows) // batch_size)
        inputs = {name: values[done : done + steps] for name, values in step_inputs.items()}
        watch = None if poll is None else ask
        run = engine.run_batches(executables, some, np.arange(len(rows)), batch_size, inputs, watch)
        runs.append(run)
        done += run.steps
        if run.status != "done":
            break
    if not runs:
        return BatchRun("done", 0, {}, 0.0)
    outputs = {
        name: np.concatenate([run.outputs[name] for run in runs]) for name in runs[0].outputs
    }
    last = runs[-1]
    return BatchRun(last.status, done, outputs, time.perf_counter() - started, last.error)
