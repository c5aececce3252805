"""`sloy bench`: how fast networks train here, how far that is from what the machine can do, and where the time goes."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sloy import machine, text
from sloy.cli.options import add_engine_options, add_json, positive, rate
from sloy.engines.names import PRECISIONS

if TYPE_CHECKING:
    from sloy.engines import Engine
    from sloy.problem import Problem
    from sloy.problem.inputs import Columns
    from sloy.training.profile import Peak, Profile
    from sloy.training.recipe import Recipe
    from sloy.training.scaling import Scaled

BATCHES = {"mlp": (1, 32, 128), "lenet5": (32, 128), "cnn": (128,), "cnn_wide": (128,)}
SHOWN = 0.005  # least share of a step's time that has a line of its own


ALONE = ("profile", "precision", "threads")  # options of steps on one device
NAME = "bench"
HELP = "how fast networks train on this machine, and where the time goes"
DESCRIPTION = (
    "Times training steps (MNIST digits, gradient descent) and single predictions of ready networks,"
    " beside the machine's measured peak: a large matrix product, and a sum of long arrays."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from sloy.zoo import PRESETS

    parser.add_argument(
        "networks",
        metavar="NETWORK",
        nargs="*",
        help=f"of {', '.join(PRESETS)}; default: {', '.join(BATCHES)}",
    )
    parser.add_argument(
        "--batch-size",
        type=positive,
        nargs="+",
        metavar="N",
        help="samples of a step; default: by network",
    )
    parser.add_argument(
        "--profile", action="store_true", help="show each instruction of a step with its time"
    )
    parser.add_argument(
        "--seconds",
        type=rate,
        default=0.5,
        metavar="S",
        help="of each measurement; default: 0.5",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="float32",
        help="of the arithmetic, as for `sloy train`; default: float32",
    )
    add_engine_options(parser, several=True)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    from sloy.cli.errors import UsageError
    from sloy.engines import engine as find_engine
    from sloy.training.profile import machine_peak
    from sloy.zoo import PRESETS

    if unknown := [name for name in arguments.networks if name not in PRESETS]:
        raise UsageError(f"no network is named {unknown[0]!r}; there are {', '.join(PRESETS)}")
    if devices := getattr(arguments, "several", ()):
        others = {n: getattr(arguments, n) not in (False, 0, "float32") for n in ALONE}
        if given := next((name for name, is_given in others.items() if is_given), None):
            raise UsageError(f"--{given} is for steps on one device: give it without --devices")
        return _on_devices(arguments, devices)
    engine = find_engine(arguments.engine, arguments.threads, precision=arguments.precision)
    peak = machine_peak(engine, max(1.0, arguments.seconds))
    if not arguments.json:
        print(_opening(engine, peak))
    documents = []
    for name in dict.fromkeys(arguments.networks or BATCHES):
        for size in dict.fromkeys(arguments.batch_size or BATCHES.get(name, (128,))):
            if arguments.json:  # the lines come at the end
                print(f"{name}, batches of {size} …", file=sys.stderr, flush=True)
            found, latency = measure(name, size, engine, peak, arguments.seconds)
            documents.append(_document(name, found, latency))
            if not arguments.json:
                print(_line(name, found, latency))
                if arguments.profile:
                    print("\n".join(instructions(found)) + "\n")
    if arguments.json:
        here = {"system": machine.system(), "instruction_sets": machine.instruction_sets()}
        ran = {"engine": engine.name, **engine.settings, "peak": asdict(peak), "machine": here}
        print(text.as_json({**ran, "steps": documents}), end="")
    return 0


def measure(
    name: str, batch_size: int, engine: Engine, peak: Peak, seconds: float
) -> tuple[Profile, float]:
    """A training step of a network on MNIST's digits, and the seconds of predicting one."""
    from sloy.training.profile import profile

    problem, columns, recipe = _task(name, batch_size)
    found = profile(problem, columns, recipe, engine=engine, seconds=seconds, peak=peak)
    return found, _latency(problem, columns, engine, seconds)


def _task(name: str, batch_size: int) -> tuple[Problem, Columns, Recipe]:
    """A network that learns MNIST's digits by gradient descent."""
    from sloy import zoo
    from sloy.losses import CategoricalCrossentropy
    from sloy.preprocessing import Preprocessing
    from sloy.problem import Problem
    from sloy.training.recipe import Recipe

    columns = _digits(4 * batch_size)
    network = zoo.make(name, columns.x.shape[1:], 10)
    scaled = Preprocessing(deviation=(255.0,))
    problem = Problem.of(
        network,
        CategoricalCrossentropy(),
        columns.x,
        columns.y,
        dtype="float32",
        preprocessing=scaled,
    )
    return problem, columns, Recipe(optimizer="sgd", batch_size=batch_size)


def _on_devices(arguments: argparse.Namespace, devices: tuple[int, ...]) -> int:
    """The same steps on several numbers of devices."""
    from sloy.training.scaling import scaling

    documents: list[dict[str, Any]] = []
    head = (
        f"{'network':12} {'batch':>6} {'devices':>8} {'each':>6} {'µs a step':>12} {'samples/s':>11} {'efficiency':>11}"
        f" {'share alone':>12} {'exchange':>10}  bound"
    )
    for name in dict.fromkeys(arguments.networks or BATCHES):
        for size in dict.fromkeys(arguments.batch_size or (max(BATCHES.get(name, (128,))),)):
            task = _task(name, size)
            rows = scaling(*task, arguments.engine, devices, seconds=arguments.seconds)
            if not (arguments.json or documents):
                print(head)
            for row in rows:
                figures = {"efficiency": row.efficiency, "bound": row.bound}
                documents.append({"network": name, **asdict(row), **figures})
                if not arguments.json:
                    print(_scaled(name, row))
    if arguments.json:
        print(text.as_json({"engine": arguments.engine, "steps": documents}), end="")
    return 0


def _scaled(name: str, row: Scaled) -> str:
    line = (
        f"{name:12} {row.batch_size:6} {row.devices:8} {row.batch_size // row.devices:6}"
        f" {1e6 * row.seconds:12,.1f} {row.batch_size / row.seconds:11,.0f} {row.efficiency:11.0%}"
        f" {1e6 * row.alone:12,.1f} {1e6 * row.exchange:10,.1f}"
    ).replace(",", " ")
    speed = f", {row.exchanged / row.exchange / 1e9:.2g} GB/s of gradients" if row.exchange else ""
    return f"{line}  {row.bound}{speed if row.bound == 'exchange' else ''}"


def instructions(found: Profile) -> Iterator[str]:
    """A line for each instruction of a step that counts."""
    total = sum(row.seconds for row in found.rows)
    yield f"{'µs':>11} {'share':>7} {'GFLOP/s':>8} {'of peak':>8} {'GB/s':>6}  {'bound':10}  instruction"
    rest = 0.0
    for row in found.rows:
        if row.seconds < SHOWN * total:
            rest += row.seconds
            continue
        rate = row.flops / row.seconds
        speed = f"{rate / 1e9:8.1f} {rate / found.peak.flops:8.0%}" if row.flops else " " * 17
        yield (
            f"{1e6 * row.seconds:11.1f} {row.seconds / total:7.1%} {speed} {row.nbytes / row.seconds / 1e9:6.1f}"
            f"  {found.peak.bound(row):10}  {row.layer + ': ' if row.layer else ''}{row.text[:90]}"
        )
    if rest:
        yield f"{1e6 * rest:11.1f} {rest / total:7.1%} {'':36}  all others"


def _opening(engine: Engine, peak: Peak) -> str:
    sets = machine.instruction_sets() or {}
    rows = [
        ("machine", ", ".join(name for name, there in sets.items() if there) or machine.system()),
        ("engine", str(engine)),
        (
            "peak",
            f"{peak.flops / 1e9:.0f} GFLOP/s (a large matrix product), {peak.bandwidth / 1e9:.0f} GB/s (a sum of"
            " long arrays)",
        ),
    ]
    head = (f"{'network':12} {'batch':>6} {'µs a step':>12} {'median':>12} {'samples/s':>11}"
            f" {'GFLOP/s':>8} {'of peak':>8} {'one prediction, µs':>19}")  # fmt: skip
    return f"{text.fields(rows)}\n\n{head}"


def _line(name: str, found: Profile, latency: float) -> str:
    rate = found.flops / found.seconds
    return (
        f"{name:12} {found.batch_size:6} {1e6 * found.seconds:12,.1f} {1e6 * found.median:12,.1f}"
        f" {found.batch_size / found.seconds:11,.0f} {rate / 1e9:8.1f} {found.share_of_peak:8.0%}"
        f" {1e6 * latency:19,.1f}"
    ).replace(",", " ")


def _document(name: str, found: Profile, latency: float) -> dict[str, Any]:
    return {
        "network": name,
        "batch_size": found.batch_size,
        "step_seconds": found.seconds,
        "step_seconds_median": found.median,
        "step_flops": found.flops,
        "share_of_peak": found.share_of_peak,
        "prediction_seconds": latency,
        "instructions": [{**asdict(row), "bound": found.peak.bound(row)} for row in found.rows],
    }


def _digits(count: int) -> Columns:
    import numpy as np

    from sloy.data import mnist
    from sloy.problem.inputs import Columns

    data = mnist().test.take(np.arange(count) % 10_000)
    return Columns(data.x, data.y, np.ones(count, np.float32))


def _latency(problem: Problem, columns: Columns, engine: Engine, seconds: float) -> float:
    """The least time of `Model.__call__` on one sample."""
    from sloy.model import Model
    from sloy.training.profile import repeated

    model = Model(problem, problem.network.initialize(0), engine=engine)
    sample = columns.x[:1]

    def once() -> float:
        start = time.perf_counter()
        model(sample)
        return time.perf_counter() - start

    return min(repeated(once, seconds))
