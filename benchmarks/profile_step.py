"""Where a step's time goes in a job of `compare.py`: each instruction, as `sloy bench --profile` shows it.

python benchmarks/profile_step.py lenet5-32 --threads 1
"""

from __future__ import annotations

import argparse

import numpy as np

from jobs import JOBS, Job, samples, sloy_problem, sloy_recipe
from sloy.cli.bench import instructions
from sloy.engines import Engine
from sloy.engines.native import NativeEngine
from sloy.problem.inputs import Columns
from sloy.training.profile import Peak, machine_peak, profile


def report(job: Job, engine: Engine, seconds: float, peak: Peak) -> None:
    """Print the table of one job."""
    x, y = samples(job)
    problem, recipe = sloy_problem(job), sloy_recipe(job)
    columns = Columns(x, y, np.ones(len(x), np.float32))
    found = profile(problem, columns, recipe, engine=engine, seconds=seconds, peak=peak)
    print(
        f"\n{job.name}, {engine.threads} threads: a step takes {1e6 * found.seconds:.1f} us at least,"
    )
    print(f"{1e6 * found.median:.1f} us in the median, {found.share_of_peak:.0%} of the peak.")
    print("\n".join(instructions(found)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    training = [name for name, job in JOBS.items() if job.task == "training"]
    short = [name for name in training if not JOBS[name].long]
    parser.add_argument("jobs", nargs="*", help=f"of {', '.join(training)}; default: {short}")
    parser.add_argument("--threads", type=int, default=0, help="0: the cores of this process")
    parser.add_argument("--seconds", type=float, default=0.5, help="of measuring, twice per job")
    options = parser.parse_args()
    unknown = set(options.jobs) - set(training)
    if unknown:
        parser.error(f"no training job is named {', '.join(sorted(unknown))}.")
    engine = NativeEngine(options.threads)
    peak = machine_peak(engine, 1.0)
    for name in options.jobs or short:
        report(JOBS[name], engine, options.seconds, peak)


if __name__ == "__main__":
    main()
