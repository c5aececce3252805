"""A process that trains, for tests that kill it: ENGINE CHECKPOINT RESULT EPOCHS DELAY [resume].

DELAY seconds pass after each step of the optimiser that is polled, so that there is time to kill.
It says "ready" before the first step, and writes all variables to RESULT at the end.
"""

from __future__ import annotations

import sys
import time

import numpy as np

import sloy
from training_tasks import Spy, blobs, fit, mlp


class Slow(Spy):
    """Says when training begins, and takes its time between epochs."""

    def on_fit_begin(self, run):
        super().on_fit_begin(run)
        print("ready", flush=True)

    def on_epoch_end(self, run, row):
        time.sleep(DELAY)


engine, checkpoint, result, epochs, delay, *rest = sys.argv[1:]
DELAY = float(delay)
spy = Slow()
fit(
    mlp(), blobs(600), epochs=int(epochs), batch_size=16, engine=engine, threads=1,
    optimizer=sloy.Adam(0.01), validation=0.2,
    callbacks=[spy, sloy.EarlyStopping(patience=1000, restore_best=False)],
    checkpoint=sloy.Checkpoint(checkpoint, seconds=0.02), resume=rest == ["resume"],
)  # fmt: skip
np.savez(result, **spy.runs[0].variables)
