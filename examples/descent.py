"""Full-batch, mini-batch and per-object descent from one start, on a loss surface with a valley (L6, L7).

python examples/descent.py [--epochs 60] [--rate 0.1] [--out .]
"""

import argparse
from pathlib import Path

import numpy as np

import sloy
from sloy.layers import Dense, Sigmoid, Tanh


def main() -> None:
    parser = argparse.ArgumentParser(description="Ways of descent.")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    random = np.random.default_rng(0)
    x = random.normal(size=(48, 1))
    y = (random.random((48, 1)) < 1 / (1 + np.exp(-3 * x - 1))).astype(float)

    # A neuron has two parameters: the surface is all there is. A network of two layers has more: seen in a plane.
    networks = {
        "neuron": sloy.Network((1,), [Dense(1), Sigmoid()]),
        "network": sloy.Network((1,), [Dense(4), Tanh(), Dense(1), Sigmoid()]),
    }
    ways = {"full batch": 0, "mini-batches of 12": 12, "object by object": 1}
    for name, network in networks.items():
        descent = sloy.theory.compare_descents(
            network, (x, y), learning_rate=options.rate, epochs=options.epochs, ways=ways
        )
        for way, path in descent.paths.items():
            print(f"{name}, {way}: {len(path.weights) - 1} steps, loss {path.losses[-1]:.4f}")
        title = f"A {name} of {network.parameter_count} parameters"
        sloy.theory.descent_figure(descent, title).savefig(options.out / f"descent-{name}.png")


if __name__ == "__main__":
    main()
