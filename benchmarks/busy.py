"""Training beside busy programs: how much longer a step takes than its share of the cores allows.

python benchmarks/busy.py

A scheduler that treats all threads alike gives `threads` of ours beside `k` busy ones on as many cores the share
threads / (threads + k) of what they have alone. A ratio of 1 is a step that takes no longer than that says; more is
lost by waiting for each other.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from jobs import JOBS, Job, samples, sloy_problem, sloy_recipe
from sloy.engines import engine as find_engine
from sloy.problem.inputs import Columns
from sloy.training.profile import whole_steps
from sloy.training.step import initial_variables, training_graph

BURST_SECONDS = 0.25
FEW = ("mlp-32", "mlp-128", "lenet5-128", "cnn-128")


@contextmanager
def busy(programs: int) -> Iterator[None]:
    """So many programs that compute and do nothing else, while the block lasts."""
    started = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(programs)
    ]
    time.sleep(0.2 if programs else 0.0)
    try:
        yield
    finally:
        for program in started:
            program.kill()
            program.wait()


def steps(job: Job, threads: int, beside: list[int], rounds: int, seconds: float) -> list[float]:
    """Seconds of a step beside 0 programs and as many as `beside` says, in turn; the medians of the rounds' means."""
    x, y = samples(job)
    problem, recipe = sloy_problem(job), sloy_recipe(job)
    columns = Columns(x, y, np.ones(len(x), np.float32))
    runs = find_engine("native", threads=threads)
    graph = training_graph(problem, recipe, job.batch)
    executable = runs.compile(graph, initial_variables(problem, recipe))
    found = []
    for _ in range(rounds):
        means = []
        for programs in (0, *beside):
            with busy(programs):
                bursts = whole_steps(
                    runs, executable, columns, job.batch, seconds, burst_seconds=BURST_SECONDS
                )
            means.append(float(np.mean(bursts[1:])))
        found.append(means)
    return [float(value) for value in np.median(found, axis=0)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("jobs", nargs="*", default=FEW, help=f"default: {' '.join(FEW)}")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--programs", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a measurement")
    options = parser.parse_args()
    columns = [f"beside {k}, its share" for k in options.programs]
    print("| job | alone, µs | " + " | ".join(columns) + " |")
    print("| --- | --- |" + " --- |" * len(columns))
    for name in options.jobs:
        alone, *crowded = steps(
            JOBS[name], options.threads, options.programs, options.rounds, options.seconds
        )
        cells = [
            f"× {taken / alone:.2f}, {taken / alone / (1 + k / options.threads):.2f}"
            for k, taken in zip(options.programs, crowded, strict=True)
        ]
        print(f"| {name} | {1e6 * alone:,.0f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
