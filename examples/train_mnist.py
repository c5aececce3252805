"""Train a small convolutional network on the MNIST digits, test it, save it, load it, ask it.

python examples/train_mnist.py [--epochs 2] [--samples 60000] [--out digits.sloy]
"""

import argparse

import sloy
from sloy.layers import Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU


def main() -> None:
    parser = argparse.ArgumentParser(description="Train on MNIST.")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--samples", type=int, default=60_000, help="how many of the 60 000 to use")
    parser.add_argument("--out", default="digits.sloy")
    options = parser.parse_args()

    digits = sloy.data.mnist()
    network = sloy.Network(
        (28, 28, 1),
        [
            Conv2D(32, 3),
            MaxPool2D(2),  # pooling before ReLU gives the same values from a quarter of the ReLUs
            ReLU(),
            Flatten(),
            Dropout(0.5),
            Dense(10),
        ],
    )
    print(network.summary(batch_size=128))

    model, history = sloy.fit(
        network,
        digits.train.take(range(options.samples)),
        validation=0.1,
        epochs=options.epochs,
        batch_size=128,
        optimizer=sloy.Adam(sloy.schedules.OneCycle(5e-3)),
        preprocessing="standardize",
        seed=0,
    )
    print(history)
    print("test:", model.evaluate(digits.test))

    model.save(options.out)
    again = sloy.load(options.out)
    print("true:     ", digits.test.y[:10])
    print("predicted:", again.predict(digits.test.x[:10]))


if __name__ == "__main__":
    main()
