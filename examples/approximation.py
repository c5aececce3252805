"""A network of two layers as near to a function as asked, and what that costs in neurons (L5).

python examples/approximation.py [--tolerances 0.1 0.01 0.001] [--out .]
"""

import argparse
from pathlib import Path

import numpy as np

import sloy

FUNCTIONS = {
    "sin": (np.sin, (0, 2 * np.pi)),
    "abs": (np.abs, (-1, 1)),
    "cubic": (lambda x: x**3 - x, (-1.5, 1.5)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Approximate functions by networks.")
    parser.add_argument("--tolerances", type=float, nargs="+", default=[0.1, 0.01, 0.001])
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    for name, (function, domain) in FUNCTIONS.items():
        for activation in ("sigmoid", "relu"):
            for tolerance in options.tolerances:
                found = sloy.theory.approximate(function, domain, tolerance, activation=activation)
                print(f"{name} by {activation}: {found}")
        figure = sloy.theory.approximation_figure(found)
        figure.savefig(options.out / f"approximation-{name}.png")


if __name__ == "__main__":
    main()
