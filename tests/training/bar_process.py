"""A process that trains with a bar, and waits at its first ten steps, so that each is seen however fast it is."""

from __future__ import annotations

import time

import sloy.engines.base
from training_tasks import Spy, blobs, fit, mlp


class Slow(Spy):
    """Waits a little longer than the time between two pictures of the bar."""

    def on_progress(self, run, progress):
        if len(self.progress) < 10 and (not self.progress or self.progress[-1] != progress.step):
            self.progress.append(progress.step)
            time.sleep(0.15)


sloy.engines.base.POLL_SECONDS = 0.0
fit(mlp(), blobs(600), epochs=2, batch_size=20, verbose=True, threads=1, callbacks=[Slow()])
