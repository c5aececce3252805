"""Test accuracy and time of `sloy train mnist` over seeds, each a program of its own, from prompt to printed accuracy.

python benchmarks/mnist_seeds.py                      # the default options, seeds 0 to 4
python benchmarks/mnist_seeds.py --seeds 10 --network fast
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def train(data: str, seed: int, options: list[str], folder: Path) -> dict[str, Any]:
    """The summary of `sloy train DATA --seed SEED …` in a process of its own."""
    command = [sys.executable, "-m", "sloy", "train", data, "--seed", str(seed)]
    command += ["--json", "--quiet", "--out", str(folder / str(seed)), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def main() -> None:
    """Print a line per seed, then mean and standard deviation of the accuracy and the median time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, from 0 on")
    arguments, options = parser.parse_known_args()
    accuracies, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.seeds):
            summary = train("mnist", seed, options, Path(folder))
            accuracy, time = 100 * summary["test_accuracy"], summary["times_seconds"]["to_test"]
            accuracies.append(accuracy)
            seconds.append(time)
            print(f"seed {seed}: {accuracy:.2f} % in {time:.1f} s", flush=True)
    spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
    print(f"mean {statistics.mean(accuracies):.3f} %, standard deviation {spread:.3f} %")
    print(f"time: median {statistics.median(seconds):.1f} s, longest {max(seconds):.1f} s")


if __name__ == "__main__":
    main()
