"""How far the time that `sloy plan` foresees is from that of the run which follows.

    python benchmarks/plan.py [NAME …] [--processor-time]

One thread. With `--processor-time` both count the processor's seconds rather than the clock's, for machines that others
use meanwhile. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn import datasets

import sloy
from sloy.experiments import Experiment, events, forecast, run

JOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "mnist-mlp": ("mnist", {"network": "mlp", "samples": 20_000}),
    "mnist-cnn": ("mnist", {"network": "cnn", "samples": 6_000}),
    "mnist-lenet5": ("mnist", {"network": "lenet5", "samples": 6_000, "batch_size": 64}),
    "mnist-sgd": ("mnist", {"network": "mlp", "samples": 10_000, "optimizer": "sgd", "epochs": 4}),
    "rows-tabular": ("rows.csv", {"target": "y", "members": 1, "epochs": 20}),
    "rows-mlp": ("rows.csv", {"target": "y", "network": "mlp", "epochs": 10, "patience": 0}),
    "digits-mlp": ("digits.csv", {"target": "y", "network": "mlp", "epochs": 20, "patience": 0}),
    "digits-tabular": ("digits.csv", {"target": "y", "members": 2, "epochs": 16}),
}


def write_tables(folder: Path) -> None:
    """The tables of the jobs."""
    random = np.random.default_rng(0)
    x = random.normal(size=(8000, 10))
    y = x[:, :1] * x[:, 1:2] + random.normal(size=(8000, 1)) > 0
    digits = datasets.load_digits()
    for name, rows in (
        ("rows", np.hstack([x, y])),
        ("digits", np.column_stack([digits.data, digits.target])),
    ):
        head = ",".join([*(f"c{k}" for k in range(rows.shape[1] - 1)), "y"])
        formats = ["%.4f"] * (rows.shape[1] - 1) + ["%d"]
        np.savetxt(folder / f"{name}.csv", rows, formats, ",", header=head, comments="")


class Clock:
    """Seconds from the first epoch's begin to the last one's end, and the epochs."""

    def __init__(self, now: Any) -> None:
        self.now, self.begin, self.end, self.epochs = now, 0.0, 0.0, 0

    def __call__(self, event: events.Event) -> None:
        """Listen."""
        if isinstance(event, events.EpochBegan) and not self.epochs:
            self.begin = self.now()
        if isinstance(event, events.EpochEnded):
            self.end, self.epochs = self.now(), self.epochs + 1


def main() -> None:
    """A line for each job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(JOBS)}")
    parser.add_argument("--processor-time", action="store_true")
    arguments = parser.parse_args()
    now = time.process_time if arguments.processor_time else time.perf_counter
    vars(forecast)["time"] = SimpleNamespace(perf_counter=now)
    print("job              foreseen    the run     ratio   the plan itself")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder)
        for job in arguments.names or JOBS:
            data, words = JOBS[job]
            where = data if data == "mnist" else str(folder / data)
            began, clock = now(), Clock(now)
            found = sloy.plan(where, threads=1, **words)
            took = now() - began
            run(Experiment.of(where, **words), folder / job, threads=1, listener=clock)
            true = clock.end - clock.begin
            foreseen = found.seconds.epoch * clock.epochs
            print(
                f"{job:15} {foreseen:8.2f} s {true:8.2f} s {foreseen / true:8.2f} {took:8.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
