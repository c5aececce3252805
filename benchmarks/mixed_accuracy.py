"""Accuracy in mixed precision beside float32, over the same seeds: on MNIST, and of small problems.

python benchmarks/mixed_accuracy.py                        # network fast, seeds 0 to 9
python benchmarks/mixed_accuracy.py --networks mlp lenet5 --epochs 2 --samples 20000
python benchmarks/mixed_accuracy.py --networks --problems all

On a processor without instructions for bfloat16 its numbers are emulated. Options that are not this program's go to
`sloy train`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from mnist_seeds import train
from sloy.engines import engine
from small_problems import PROBLEMS

Precision = Literal["float32", "mixed", "emulated"]


def trained(network: str, precision: Precision, seed: int, options: list[str]) -> float:
    """The test accuracy of `sloy train mnist` in percent."""
    with tempfile.TemporaryDirectory() as folder:
        given = ["--network", network, "--precision", precision, *options]
        return float(100 * train("mnist", seed, given, Path(folder))["test_accuracy"])


def standard_error(values: list[float]) -> float:
    """Of the mean."""
    return statistics.stdev(values) / len(values) ** 0.5


def report(name: str, results: Mapping[Precision, list[float]]) -> None:
    """A line: both means with their standard errors, and the difference."""
    plain, rounded = results.values()
    error = (standard_error(plain) ** 2 + standard_error(rounded) ** 2) ** 0.5
    difference = statistics.mean(rounded) - statistics.mean(plain)
    cells = [
        f"{precision} {statistics.mean(values):.3f} ± {standard_error(values):.3f} %"
        for precision, values in results.items()
    ]
    print(
        f"{name}: {', '.join(cells)}, difference {difference:+.3f} %, its standard error {error:.3f} %",
        flush=True,
    )


def main() -> None:
    """Print a line for each network and problem."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds, from 0 on")
    parser.add_argument("--networks", nargs="*", default=["fast"], help="presets of `sloy train`")
    parser.add_argument("--problems", nargs="*", default=[], help=f"all, or {', '.join(PROBLEMS)}")
    arguments, options = parser.parse_known_args()
    problems = list(PROBLEMS) if arguments.problems == ["all"] else arguments.problems
    unknown = set(problems) - set(PROBLEMS)
    if unknown:
        parser.error(f"no problem is named {', '.join(sorted(unknown))}.")
    mixed: Precision = "emulated" if engine("native").bfloat16 in (None, "none") else "mixed"
    print(f"float32 and {mixed}, {arguments.seeds} seeds")
    seeds = range(arguments.seeds)
    for network in arguments.networks:
        results = {p: [trained(network, p, s, options) for s in seeds] for p in ("float32", mixed)}
        report(network, results)
    for name in problems:
        report(name, {p: [PROBLEMS[name].figure(s, p) for s in seeds] for p in ("float32", mixed)})


if __name__ == "__main__":
    main()
