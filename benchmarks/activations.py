"""What an activation for each neuron gains: where a mix was planted, and on real sets, with its error.

    python benchmarks/activations.py planted --starts 36     # how many starts find the mix
    python benchmarks/activations.py real                    # the gain over the best single activation

Real sets are scikit-learn's: diabetes, breast cancer, wine, digits. Prints are losses of samples held out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

import sloy
from sloy.graph import Tensor
from sloy.layers import Dense, ReLU

GOOD = 0.01  # a loss that no single activation comes near to


def square(z: Tensor) -> Tensor:
    """A parabola."""
    return z * z


def planted(name: str) -> tuple[np.ndarray, np.ndarray, Sequence[object], int]:
    """Samples, targets, choices and how many neurons there are."""
    a, b = np.random.default_rng(0).uniform(-2, 2, size=(2, 600))
    kinds: Sequence[object] = (square, "relu", "tanh")
    x, neurons = np.stack([a, b], axis=1), 3
    if name == "step and parabola":
        y = np.tanh(5 * (a - b)) + 0.5 * (a + b) ** 2
    elif name == "step and kink":
        y = np.maximum(2 * a + b, 0) + 1.5 * np.tanh(4 * b - 1.2 * a)
        kinds, neurons = ("relu", "tanh", "sigmoid", "softplus", "silu"), 2
    else:
        y = np.tanh(4 * a) + np.maximum(b, 0) + 0.3 * (a - b) ** 2
    return x, y[:, None], kinds, neurons


def found(name: str, starts: int) -> None:
    """How many single starts come to a low loss."""
    x, y, kinds, neurons = planted(name)
    network = sloy.Network((2,), [Dense(neurons), ReLU(), Dense(1)])
    for schedule in ("constant", "one-cycle"):
        losses = []
        for seed in range(starts):
            one = sloy.search_activations(
                network, (x, y), choices=kinds, runs=1, epochs=60, batch_size=32, learning_rate=0.02,
                schedule=schedule, seed=seed, threads=1,
            )  # fmt: skip
            losses.append(one.losses["mixed"])
        good = float(np.mean(np.array(losses) < GOOD))
        print(f"{name}, {schedule}: {good:.0%} of {starts} starts below {GOOD}", flush=True)


def gained(name: str, neurons: int, epochs: int, runs: int) -> None:
    """The gain on a real set, with its error."""
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    x = ((x - x.mean(0)) / np.maximum(x.std(0), 1e-9)).astype(np.float32)
    outputs = int(y.max()) + 1 if y.dtype.kind == "i" else 1
    if outputs == 1:
        y = ((y - y.mean()) / y.std())[:, None]
    network = sloy.Network((x.shape[1],), [Dense(neurons), ReLU(), Dense(outputs)])
    began = time.process_time()
    one = sloy.search_activations(
        network, (x, y), validation=0.3, runs=runs, epochs=epochs, batch_size=32, learning_rate=0.003,
        schedule="one-cycle", weight_decay=0.1, optimizer="adamw", threads=1,
    )  # fmt: skip
    print(f"{name}, {len(x)} samples, {time.process_time() - began:.0f} s\n{one}", flush=True)


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("planted", "real"))
    parser.add_argument("--starts", type=int, default=36)
    parser.add_argument("--only", help="of one name alone")
    parser.add_argument("--neurons", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    if given.what == "planted":
        for name in ("step and parabola", "step and kink", "step, kink and parabola"):
            if given.only in (None, name):
                found(name, given.starts)
        return
    for name in ("diabetes", "breast_cancer", "wine", "digits"):
        if given.only in (None, name):
            gained(name, given.neurons, given.epochs, given.runs)


if __name__ == "__main__":
    main()
