"""How much of MNIST's default network can go: multiply-adds, processor time in turn, and accuracy before and after.

    python benchmarks/pruning.py [--epochs N] [--seed N] [--samples N] [--network NAME] [--model FILE]

One thread; times are processor time, the least of many, measured in turn, so that only their ratio counts.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import sloy
from sloy.data import mnist
from sloy.pruning.timing import timed


def trained_on(train: sloy.Dataset, arguments: argparse.Namespace) -> sloy.Model:
    """The whole network."""
    network = sloy.zoo.make(arguments.network, (28, 28, 1), 10)
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
    return model


def main() -> None:
    """Train, prune and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="cnn")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--retrain", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument(
        "--model",
        help="where the trained network is kept; trained where it is not there, and no more then",
    )
    parser.add_argument("--loss-rise", type=float, default=0.001)
    arguments = parser.parse_args()
    data = mnist()
    train = data.train.take(np.arange(arguments.samples))
    start = time.process_time()
    if arguments.model and Path(arguments.model).exists():
        model = sloy.load(arguments.model, threads=1)
    else:
        model = trained_on(train, arguments)
        if arguments.model:
            model.save(arguments.model)
            return
    trained = time.process_time()
    pruned = sloy.prune(
        model,
        train,
        test=data.test,
        loss_rise=arguments.loss_rise,
        retrain=arguments.retrain,
        seed=arguments.seed,
    )
    done = time.process_time()
    print(pruned)
    for count in (1, 128):
        x = data.test.x[:count]
        print(timed(model, pruned.model, x, seconds=3, clock=time.process_time))
    print(f"training {trained - start:.0f} s, pruning and training again {done - trained:.0f} s")


if __name__ == "__main__":
    main()
