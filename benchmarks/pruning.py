"""How much of MNIST's default network can go: multiply-adds, processor time in turn, and accuracy before and after.

    python benchmarks/pruning.py [--epochs N] [--seed N] [--samples N] [--network NAME]

One thread; times are processor time, the least of many, measured in turn, so that only their ratio counts.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import sloy
from sloy.data import mnist
from sloy.pruning.timing import timed


def main() -> None:
    """Train, prune and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="cnn")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--retrain", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--loss-rise", type=float, default=0.003)
    arguments = parser.parse_args()
    data = mnist()
    train = data.train.take(np.arange(arguments.samples))
    network = sloy.zoo.make(arguments.network, (28, 28, 1), 10)
    start = time.process_time()
    model, _ = sloy.fit(
        network,
        train,
        epochs=arguments.epochs,
        batch_size=256,
        optimizer=sloy.Adam(sloy.schedules.OneCycle(0.01)),
        seed=arguments.seed,
        threads=1,
        verbose=False,
    )
    trained = time.process_time()
    pruned = sloy.prune(
        model,
        train,
        test=data.test,
        loss_rise=arguments.loss_rise,
        retrain=arguments.retrain,
        seed=arguments.seed,
        time=False,
    )
    done = time.process_time()
    print(pruned)
    for count in (1, 128):
        x = data.test.x[:count]
        print(timed(model, pruned.model, x, seconds=3, clock=time.process_time))
    print(f"training {trained - start:.0f} s, pruning and training again {done - trained:.0f} s")


if __name__ == "__main__":
    main()
