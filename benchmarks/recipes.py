"""Test accuracy and time of the recipes over seeds, each run a program of its own, as a Markdown table.

python benchmarks/recipes.py mnist-augmented --threads 1            # seeds 0, 1 and 2
python benchmarks/recipes.py fashion-mnist --seeds 1 --data FOLDER  # Debian's: /usr/share/datasets/fashion-mnist
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from mnist_seeds import train
from sloy.experiments.recipes import RECIPES

DATA = {"mnist-augmented": "mnist", "fashion-mnist": "/usr/share/datasets/fashion-mnist"}


def main() -> None:
    """Print a row per seed as it is done, then the mean."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("recipe", choices=tuple(RECIPES))
    parser.add_argument("--data", help="a folder of IDX files; default: that of the recipe")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0 on")
    parser.add_argument("--threads", type=int, default=0)
    given, rest = parser.parse_known_args()
    options = ["--recipe", given.recipe, "--threads", str(given.threads), *rest]
    data = given.data or DATA[given.recipe]
    print("| seed | test accuracy | wrong | epochs | seconds per epoch | seconds in all |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    accuracies = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(given.seeds):
            summary = train(data, seed, options, Path(folder))
            accuracy, times = 100 * summary["test_accuracy"], summary["times_seconds"]
            epochs = summary["plan"]["epochs"]
            accuracies.append(accuracy)
            print(
                f"| {seed} | {accuracy:.2f} % | {summary['test_mistakes']} | {epochs} |"
                f" {times['training'] / epochs:.1f} | {times['to_test']:.0f} |",
                flush=True,
            )
    spread = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
    print(f"\nmean {statistics.mean(accuracies):.3f} %, standard deviation {spread:.3f} %")


if __name__ == "__main__":
    main()
