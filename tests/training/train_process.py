"""A process that trains and is ended by a signal: ENGINE CHECKPOINT RESULT [SIGNAL CALL DELAY].

It resumes from CHECKPOINT where there is one, and saves a new one after every step. At the CALL-th step of this
process, DELAY seconds later, it sends itself the SIGNAL: with a delay from another thread, whatever the training is
doing then. It never reaches its end before the signal does. Without a signal it trains to the end and writes all
variables to RESULT.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time

import numpy as np

import sloy
from training_tasks import Spy, blobs, fit, mlp


class EndAt(Spy):
    """Sends this process a signal some time after a call of `on_progress`."""

    def __init__(self, number, call, delay):
        super().__init__()
        self.number, self.call, self.delay = number, call, delay

    def on_progress(self, run, progress):
        super().on_progress(run, progress)
        if len(self.progress) != self.call:
            return
        if self.delay:
            threading.Thread(target=self.end, daemon=True).start()
        else:
            self.end()

    def end(self):
        time.sleep(self.delay)
        os.kill(os.getpid(), self.number)

    def on_epoch_end(self, run, row):
        if row["epoch"] == run.epochs:
            time.sleep(60)  # until the signal comes


engine, checkpoint, result, *ending = sys.argv[1:]
for module in {"base", "native.engine" if engine == "native" else "base"}:
    importlib.import_module(f"sloy.engines.{module}").POLL_SECONDS = 0.0
number, call, delay = ending or ("0", "0", "0")
watcher = EndAt(int(number), int(call), float(delay)) if ending else Spy()
fit(
    mlp(), blobs(300), epochs=6, batch_size=16, engine=engine, threads=1,
    optimizer=sloy.Adam(0.01), validation=0.2, resume=True,
    callbacks=[watcher, sloy.EarlyStopping(patience=1000, restore_best=False)],
    checkpoint=sloy.Checkpoint(checkpoint, seconds=0.0),
)  # fmt: skip
np.savez(result, **watcher.runs[0].variables)
