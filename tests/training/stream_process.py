"""A process that trains on a stream: KIND SOURCE MODE …

``limited KIND SOURCE MIB``: within so many MiB of memory beyond what it begins with; "memory" as KIND reads all first.
``killed KIND SOURCE CHECKPOINT``: kills itself in the middle of the second epoch, its checkpoints behind it.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path

import numpy as np

import sloy
from sloy.data.streams import parquet

BATCH = 16


def network(data):
    """Little to compute, whatever the samples."""
    layers = [sloy.layers.Flatten()] if len(data.sample_shape) > 1 else []
    if len(data.sample_shape) == 3:
        layers = [sloy.layers.AveragePool2D(min(data.sample_shape[:2])), *layers]
    return sloy.Network(data.sample_shape, [*layers, sloy.layers.Dense(data.classes)])


class Begins(sloy.Callback):
    """Notes where a run begins."""

    def __init__(self, seen):
        self.seen = seen

    def on_fit_begin(self, run):
        self.seen.append((run.epoch, run.step))


class KilledAt(sloy.Callback):
    """Kills this process at a step."""

    def __init__(self, step):
        self.step = step

    def on_progress(self, run, progress):
        if progress.epoch == 2 and progress.step >= self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def opened(source, **options):
    """The stream; large pictures at their size."""
    size = 512 if "large" in source else None
    return sloy.data.stream(source, size=size, **options)


def fit(data, **options):
    """Some blocks kept apart."""
    settings = {"epochs": 2, "batch_size": BATCH, "validation": 0.2, "threads": 1, "verbose": False}
    return sloy.fit(network(data), data, **{**settings, **options})


def small(source, **options):
    """Train on little pictures in blocks of few, some of which are held."""
    parquet.BLOCK = 600
    data = opened(source, hold=6000)
    assert data.x.source.delay is not None
    return fit(data, **options)


def killed(source, checkpoint, engine):
    """Train and be killed."""
    for module in ("sloy.engines.base", "sloy.engines.native.engine"):
        if module in sys.modules:
            sys.modules[module].POLL_SECONDS = 0.0
    saving = sloy.Checkpoint(checkpoint, seconds=0.0)
    small(source, engine=engine, checkpoint=saving, callbacks=[KilledAt(7)])


def limited(kind, source, mebibytes):
    """Train within so much memory beyond what libraries and threads take."""
    os.sched_setaffinity(
        0, [min(os.sched_getaffinity(0))]
    )  # of each thread that decodes a stack is counted
    warm = sloy.data.Dataset(np.zeros((2 * BATCH, 64, 64, 3), np.uint8), np.arange(2 * BATCH) % 2)
    fit(warm, epochs=1)
    if kind == "parquet":
        import polars as pl

        pl.scan_parquet(source).head(1).collect()
    status = Path("/proc/self/status").read_text()
    now = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData"))
    most = now * 1024 + mebibytes * (1 << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    if kind == "memory":
        opened(source).x[:]
        return
    data = opened(source, hold=16 << 20)
    _, history = fit(data, epochs=2, batch_size=4)
    counts = data.x.source.counts
    print(len(history), data.x.nbytes, data.x.source.nbytes, counts.samples, counts.nbytes)


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    if what == "killed":
        killed(*given)
    else:
        limited(given[0], given[1], int(given[2]))
