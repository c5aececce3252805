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


def train(seed: int, options: list[str], folder: Path) -> tuple[float, float]:
    """Test accuracy in percent, and seconds from the start of the program to it."""
    command = [sys.executable, "-m", "sloy.cli.main", "train", "mnist", "--seed", str(seed)]
    command += ["--json", "--quiet", "--out", str(folder / str(seed)), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    summary = json.loads(done.stdout)
    return 100 * summary["test_accuracy"], summary["times_seconds"]["to_test"]


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
            accuracy, time = train(seed, options, Path(folder))
            accuracies.append(accuracy)
            seconds.append(time)
            print(f"seed {seed}: {accuracy:.2f} % in {time:.1f} s", flush=True)
    spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
    print(f"mean {statistics.mean(accuracies):.3f} %, standard deviation {spread:.3f} %")
    print(f"time: median {statistics.median(seconds):.1f} s, longest {max(seconds):.1f} s")


if __name__ == "__main__":
    main()
