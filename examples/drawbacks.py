"""What goes wrong in training and what helps, measured: small steps, local minima, paralysis, overfitting (L11, L12).

python examples/drawbacks.py [--seeds 10] [--starts 100] [--epochs 60] [--out .]
"""

import argparse
from pathlib import Path

import sloy


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the drawbacks and the remedies.")
    parser.add_argument("--seeds", type=int, default=10, help="repetitions of each")
    parser.add_argument("--starts", type=int, default=100, help="of XOR")
    parser.add_argument("--epochs", type=int, default=60, help="of the runs that overfit")
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    theory = sloy.theory

    slow = theory.slow_convergence((0.01, 0.03, 0.1, 0.3, 0.5, 1.0), seeds=options.seeds)
    minima = theory.local_minima((2, 3, 4, 5, 6, 8), seeds=options.starts)
    paralysed = theory.paralysis((0.01, 0.1, 0.3, 1, 3, 10, 30, 100), seeds=options.seeds)
    remedies = theory.overfitting(epochs=options.epochs, seeds=options.seeds)
    found = {"steps": slow, "minima": minima, "paralysis": paralysed, "overfitting": remedies}
    for name, result in found.items():
        print(result, end="\n\n")
        theory.drawbacks_figure(result).savefig(options.out / f"{name}.png")

    # A start of two hidden neurons that is stuck: two answers right, two at one half.
    two = minima.rows[0]
    stuck = [start for start in range(len(two.answers)) if not two.is_solved[start]]
    print("answers of a start that is stuck:", two.answers[stuck[0]].round(2) if stuck else "none")


if __name__ == "__main__":
    main()
