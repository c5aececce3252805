"""Where a step's time goes: each instruction of sloy's native engine with its time, share, FLOP/s and bytes/s.

    python benchmarks/profile_step.py lenet5-32 --threads 1

A figure is the least of many short runs, so that other programs on the machine disturb it little; the step's own time
is that of whole runs over batches, with the gathering of samples and the checks between the instructions.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from jobs import JOBS, Job, samples, sloy_network, weights
from sloy.engines.native import NativeEngine
from sloy.losses import CategoricalCrossentropy
from sloy.optimizers import SGD
from sloy.steps.graphs import StepSpec, initial_variables, training_graph

BURST_SECONDS = 1e-3  # shorter than what a scheduler gives to a program at once


def compiled(job: Job, engine: NativeEngine) -> Any:
    """The job's training step."""
    network = sloy_network(job)
    given = [array for pair in weights(job) for array in pair]
    parameters = dict(zip(network.parameters, given, strict=True))
    spec = StepSpec(
        network, CategoricalCrossentropy(), SGD(job.learning_rate, momentum=job.momentum)
    )
    variables = initial_variables(spec, parameters=parameters)
    return engine.compile(training_graph(spec, job.batch), variables, guard=("loss",))


def whole_steps(job: Job, engine: NativeEngine, executable: Any, seconds: float) -> list[float]:
    """Microseconds per step, one figure for each burst of steps."""
    x, y = samples(job)
    columns = {"x": x, "y": y, "sample_weight": np.ones(len(x), np.float32)}
    burst = 1
    found: list[float] = []
    start = time.perf_counter()
    while time.perf_counter() < start + seconds or len(found) < 3:
        fed = {
            "learning_rate": np.full(burst, job.learning_rate, np.float32),
            "step": np.arange(burst, dtype=np.uint32),
        }
        fed = {name: values for name, values in fed.items() if name in executable.graph.inputs}
        order = np.arange(burst * job.batch) % len(x)
        result = engine.run_batches({job.batch: executable}, columns, order, job.batch, fed)
        found.append(1e6 * result.seconds / burst)
        burst = max(1, int(BURST_SECONDS / (result.seconds / burst)))
    return found


def instruction_times(executable: Any, seconds: float) -> list[tuple[str, float]]:
    """Each instruction as text, and its least time in microseconds."""
    runs = [executable.profile(1)]
    start = time.perf_counter()
    while time.perf_counter() < start + seconds or len(runs) < 3:
        runs.append(executable.profile(1))
    return [(text, min(run[k][1] for run in runs)) for k, (text, _) in enumerate(runs[0])]


def flops(instruction: Sequence[Any]) -> int:
    """Multiplications and additions of a product or convolution, by its definition."""
    op, inputs, outputs, attributes = instruction
    shapes = [shape for _, shape, _ in (*inputs, *outputs)]
    match op:
        case "matmul":
            return 2 * prod(outputs[0][1]) * shapes[0][0 if attributes["transpose_a"] else 1]
        case "conv2d":
            return 2 * prod(outputs[0][1]) * prod(shapes[1][:3])
        case "conv2d_input_grad":
            return 2 * prod(shapes[0]) * prod(shapes[1][:3])
        case "conv2d_weight_grad":
            return 2 * prod(shapes[1]) * prod(outputs[0][1][:3])
    return 0


def touched(instruction: Sequence[Any]) -> int:
    """Bytes of all operands and results, each once."""
    _, inputs, outputs, _ = instruction
    sizes = {"uint8": 1}
    return sum(sizes.get(dtype, 4) * prod(shape) for dtype, shape, _ in (*inputs, *outputs))


def report(job: Job, threads: int, seconds: float, least: float) -> None:
    """Print the table of one job."""
    engine = NativeEngine(threads)
    executable = compiled(job, engine)
    steps = whole_steps(job, engine, executable, seconds)
    times = instruction_times(executable, seconds)
    total = sum(time_ for _, time_ in times)
    print(f"\n{job.name}, {engine.threads} threads: a step takes {min(steps):.1f} us at least,")
    print(f"{np.median(steps):.1f} us in the median; its {len(times)} instructions {total:.1f} us.")
    print(f"{'us':>9} {'share':>6} {'GFLOP/s':>8} {'GB/s':>6}  instruction")
    rest = 0.0
    for (text, time_), instruction in zip(times, executable.instructions, strict=True):
        if time_ < least * total:
            rest += time_
            continue
        work = flops(instruction)
        speed = f"{work / time_ / 1e3:8.1f}" if work else " " * 8
        width = f"{touched(instruction) / time_ / 1e3:6.1f}"
        print(f"{time_:9.2f} {time_ / total:6.1%} {speed} {width}  {text[:110]}")
    print(f"{rest:9.2f} {rest / total:6.1%} {'':15}  all others")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    training = [name for name, job in JOBS.items() if job.task == "training"]
    short = [name for name in training if not JOBS[name].long]
    parser.add_argument("jobs", nargs="*", help=f"of {', '.join(training)}; default: {short}")
    parser.add_argument("--threads", type=int, default=0, help="0: the cores of this process")
    parser.add_argument("--seconds", type=float, default=0.5, help="of measuring, twice per job")
    parser.add_argument("--least", type=float, default=0.005, help="smallest share that is shown")
    options = parser.parse_args()
    unknown = set(options.jobs) - set(training)
    if unknown:
        parser.error(f"no training job is named {', '.join(sorted(unknown))}.")
    for name in options.jobs or short:
        report(JOBS[name], options.threads, options.seconds, options.least)


if __name__ == "__main__":
    main()
