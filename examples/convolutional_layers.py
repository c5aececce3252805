"""Filters that are learned, what layers see of a digit, LeNet-5 and the standard architecture (L20-L24).

python examples/convolutional_layers.py [--samples 10000] [--out .]
"""

import argparse
from pathlib import Path

import sloy
from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU


def main() -> None:
    parser = argparse.ArgumentParser(description="Convolutional networks from the inside.")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path())
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    digits = sloy.data.mnist()
    train, test = digits.train.take(range(options.samples)), digits.test.take(range(2000))
    networks = {
        "small": sloy.Network(
            (28, 28, 1),
            [
                Conv2D(8, 5),
                ReLU(),
                MaxPool2D(2),
                Conv2D(16, 3),
                ReLU(),
                MaxPool2D(2),
                Flatten(),
                Dense(10),
            ],
        ),
        "lenet5": sloy.zoo.lenet5((28, 28, 1), 10),
        "standard": sloy.zoo.standard_cnn((28, 28, 1), 10),
    }
    for name, network in networks.items():
        model, _ = sloy.fit(
            network, train, epochs=1, batch_size=50, optimizer=sloy.Adam(2e-3), verbose=False
        )
        accuracy = model.evaluate(test)["accuracy"]
        print(
            f"{name}: {network.parameter_count} parameters, {100 * accuracy:.1f} % of 2000 test digits"
        )
        first = next(n for n in network.parameters if n.endswith("weight"))
        figure = sloy.inspection.filters_figure(model.parameters[first], f"{name}: {first}")
        figure.savefig(options.out / f"filters-{name}.png")

        # One filter of the first layer, slid over a digit: what the layer gives before its bias.
        kernel = model.parameters[first][..., 0, 0]
        figure = sloy.theory.response_figure(test.x[0, ..., 0], kernel, f"{name}: filter 1")
        figure.savefig(options.out / f"response-{name}.png")


if __name__ == "__main__":
    main()
