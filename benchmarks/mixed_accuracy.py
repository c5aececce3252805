"""Test accuracy on MNIST in mixed precision beside float32, over the same seeds.

python benchmarks/mixed_accuracy.py                        # network fast, seeds 0 to 9
python benchmarks/mixed_accuracy.py --networks mlp lenet5 --epochs 2 --samples 20000

On a processor without instructions for bfloat16 its numbers are emulated. Options that are not this program's go to
`sloy train`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from mnist_seeds import train
from sloy.engines import engine


def accuracies(
    network: str, precision: str, seeds: int, options: list[str], folder: Path
) -> list[float]:
    """Test accuracies in percent, one for each seed from 0 on."""
    given = ["--network", network, "--precision", precision, *options]
    place = folder / network / precision
    return [100 * train("mnist", seed, given, place)["test_accuracy"] for seed in range(seeds)]


def standard_error(values: list[float]) -> float:
    """Of the mean."""
    return statistics.stdev(values) / len(values) ** 0.5


def main() -> None:
    """Print a line for each network: both means, their standard errors, and the difference in those."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10, help="number of seeds, from 0 on")
    parser.add_argument("--networks", nargs="+", default=["fast"], help="presets of `sloy train`")
    arguments, options = parser.parse_known_args()
    support = engine("native").bfloat16
    mixed = "emulated" if support in (None, "none") else "mixed"
    print(f"float32 and {mixed}, {arguments.seeds} seeds")
    with tempfile.TemporaryDirectory() as folder:
        for network in arguments.networks:
            found = {
                precision: accuracies(network, precision, arguments.seeds, options, Path(folder))
                for precision in ("float32", mixed)
            }
            plain, rounded = found["float32"], found[mixed]
            error = (standard_error(plain) ** 2 + standard_error(rounded) ** 2) ** 0.5
            difference = statistics.mean(rounded) - statistics.mean(plain)
            cells = [
                f"{name} {statistics.mean(values):.3f} ± {standard_error(values):.3f} %"
                for name, values in found.items()
            ]
            print(
                f"{network}: {', '.join(cells)}, difference {difference:+.3f} %, its standard error {error:.3f} %",
                flush=True,
            )


if __name__ == "__main__":
    main()
