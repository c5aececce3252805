"""Dropout: the thinned networks of training, why the whole one may be used, and why it helps (L14).

python examples/dropout.py [--draws 10000] [--seeds 5] [--epochs 30] [--out .]
"""

import argparse
from pathlib import Path

import numpy as np

import sloy
from sloy.layers import Conv2D, Dense, Dropout, Flatten, ReLU


def main() -> None:
    parser = argparse.ArgumentParser(description="See dropout.")
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    network = sloy.Network(
        (5,), [Dense(8), ReLU(), Dropout(0.5), Dense(6), ReLU(), Dropout(0.5), Dense(2)]
    )
    sloy.theory.dropout_figure(network, steps=7).savefig(options.out / "thinned.png")
    for name, masks in sloy.theory.dropout_masks(network, 4).items():
        print(name, masks.astype(int).tolist())

    # Behind the dropout is a linear layer: the mean over all thinned networks is the network in use.
    picture = np.random.default_rng(0).normal(size=(6, 6, 1))
    single = {
        "dense": sloy.Network((6, 6, 1), [Flatten(), Dense(20), ReLU(), Dropout(0.5), Dense(1)]),
        "convolution": sloy.Network(
            (6, 6, 1), [Conv2D(4, 3), ReLU(), Dropout(0.5), Flatten(), Dense(1)]
        ),
    }
    for name, network in single.items():
        parameters = network.initialize(0)
        thinned = sloy.theory.thinned_outputs(network, parameters, picture, options.draws)
        in_use = sloy.theory.ready_model(network, parameters)(picture[None])
        error = thinned.std() / options.draws**0.5
        print(f"{name}: {thinned.mean():.4f} ± {error:.4f} on average, {in_use[0, 0]:.4f} in use")

    # Neurons that cannot count on each other lean on each other less.
    found = sloy.theory.coadaptation((0, 0.25, 0.5), seeds=options.seeds, epochs=options.epochs)
    print(found)
    sloy.theory.coadaptation_figure(found).savefig(options.out / "coadaptation.png")


if __name__ == "__main__":
    main()
