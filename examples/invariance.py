"""What shifts and turns do to a network of convolutions, and what augmentation makes of it (L21).

python examples/invariance.py [--samples 10000] [--epochs 3] [--out .]
"""

import argparse
from pathlib import Path

import sloy
from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU


def main() -> None:
    parser = argparse.ArgumentParser(description="Shift and turn digits.")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    digits = sloy.data.mnist()
    train, test = digits.train.take(range(options.samples)), digits.test.take(range(500))
    layers = [Conv2D(8, 5), MaxPool2D(2), ReLU(), Conv2D(16, 3), MaxPool2D(2), ReLU()]
    network = sloy.Network((28, 28, 1), [*layers, Conv2D(32, 3), ReLU(), Flatten(), Dense(10)])
    ways = {"plain": None, "turned": "rotation=45", "turned and shifted": "rotation=45,shift=0.14"}
    for name, augment in ways.items():
        model, _ = sloy.fit(
            network, train, epochs=options.epochs, batch_size=50, optimizer=sloy.Adam(0.003),
            augment=augment, verbose=False,
        )  # fmt: skip
        found = sloy.theory.invariance(model, test.x, test.y)
        print(f"--- trained on {name} digits\n{found}\n")
        picture = options.out / f"invariance-{name.replace(' ', '-')}.png"
        sloy.theory.invariance_figure(found).savefig(picture)


if __name__ == "__main__":
    main()
