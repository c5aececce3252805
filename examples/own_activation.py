"""An activation of your own: a function of symbolic tensors, differentiated, fused and saved by sloy.

    python examples/own_activation.py [--epochs 5] [--samples 20000]

Mish, z tanh(log(1 + exp z)) (D. Misra, 2019), is not among sloy's layers. Nothing but its formula is needed.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import sloy
from sloy import ops
from sloy.graph import Tensor
from sloy.layers import Activation, Dense, Flatten, Layer, ReLU


def mish(z: Tensor) -> Tensor:
    return z * ops.tanh(ops.softplus(z))


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare an own activation with ReLU.")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--samples", type=int, default=20_000)
    options = parser.parse_args()

    digits = sloy.data.mnist()
    train = digits.train.take(range(options.samples))
    activations: dict[str, Layer] = {"ReLU": ReLU(), "Mish": Activation(mish)}
    for name, activation in activations.items():
        network = sloy.Network((28, 28, 1), [Flatten(), Dense(128), activation, Dense(10)])
        model, _ = sloy.fit(network, train, epochs=options.epochs, seed=1, verbose=False)
        print(f"{name}: {100 * model.evaluate(digits.test)['accuracy']:.2f} % of the test digits")

    # The file holds the function as a graph: whoever loads it needs neither this script nor `mish`.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mish.sloy"
        model.save(path)
        same = np.array_equal(sloy.load(path)(digits.test.x[:5]), model(digits.test.x[:5]))
        print("the loaded model gives the same:", same)


if __name__ == "__main__":
    main()
