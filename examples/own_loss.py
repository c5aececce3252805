"""A loss of your own: a function of the network's output and the target, one number for each sample.

    python examples/own_loss.py [--epochs 300]

A curve with a few wild outliers is fitted with the squared error and with log cosh(error), which forgives them.
"""

import argparse

import numpy as np

import sloy
from sloy import ops
from sloy.graph import Tensor
from sloy.layers import Dense, Tanh


def log_cosh(output: Tensor, target: Tensor) -> Tensor:
    """log cosh e = |e| + log(1 + exp(-2|e|)) - log 2, without overflow; the mean over the outputs, (N,)."""
    error = ops.absolute(output - target)
    return ops.reduce_mean(error + ops.softplus(-2.0 * error) - float(np.log(2)), axes=-1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit a curve with outliers.")
    parser.add_argument("--epochs", type=int, default=300)
    options = parser.parse_args()

    random = np.random.default_rng(0)
    x = np.linspace(-3, 3, 200, dtype=np.float32)[:, None]  # (N, 1)
    truth = np.sin(x)
    y = truth.copy()
    y[random.choice(len(y), 20, replace=False)] += 8  # outliers

    network = sloy.Network((1,), [Dense(32), Tanh(), Dense(1)])
    for name, loss in {"squared error": "squared_error", "log cosh": log_cosh}.items():
        model, _ = sloy.fit(
            network,
            (x, y),
            epochs=options.epochs,
            batch_size=50,
            optimizer=sloy.Adam(0.01),
            loss=loss,
            verbose=False,
        )
        print(f"{name}: {np.abs(model.predict(x) - truth).mean():.3f} away from the true curve")


if __name__ == "__main__":
    main()
