"""What the same bits at every number of threads cost: steps of the jobs of `compare.py` in both modes, in turn.

python benchmarks/any_threads.py --threads 1
"""

from __future__ import annotations

import argparse

import numpy as np

from jobs import JOBS, Job, samples, sloy_problem, sloy_recipe
from sloy.engines import Determinism
from sloy.engines.native import NativeEngine
from sloy.problem.inputs import Columns
from sloy.training.profile import Peak, profile

MODES: tuple[Determinism, ...] = ("same-threads", "any-threads")


def compare(job: Job, threads: int, rounds: int, seconds: float) -> tuple[float, float]:
    """The least seconds of a training step in either of `MODES`."""
    x, y = samples(job)
    problem, recipe = sloy_problem(job), sloy_recipe(job)
    columns = Columns(x, y, np.ones(len(x), np.float32))
    least: dict[str, float] = dict.fromkeys(MODES, float("inf"))
    for _ in range(rounds):
        for mode in MODES:
            engine = NativeEngine(threads, deterministic=mode)
            found = profile(
                problem, columns, recipe, engine=engine, seconds=seconds, peak=Peak(1, 1)
            )
            least[mode] = min(least[mode], found.seconds)
    return least["same-threads"], least["any-threads"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    short = [name for name, job in JOBS.items() if job.task == "training" and not job.long]
    parser.add_argument("jobs", nargs="*", default=short, help=f"default: {' '.join(short)}")
    parser.add_argument("--threads", type=int, default=0, help="0: the cores of this process")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of a measurement, twice each")
    options = parser.parse_args()
    print("| job | same threads, µs | any threads, µs | ratio |\n| --- | --- | --- | --- |")
    for name in options.jobs:
        same, any_threads = compare(JOBS[name], options.threads, options.rounds, options.seconds)
        print(
            f"| {name} | {1e6 * same:,.0f} | {1e6 * any_threads:,.0f} | {any_threads / same:.2f} |"
        )


if __name__ == "__main__":
    main()
