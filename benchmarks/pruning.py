"""How much of MNIST's default network can go: multiply-adds, processor time in turn, and accuracy before and after.

    python benchmarks/pruning.py [--epochs N] [--seed N] [--samples N] [--network NAME] [--model FILE]
    python benchmarks/pruning.py --network vgg11 --options '{"width": 0.5, "units": 512}' --pixels 64 --samples 1000 \
        --batch 32 --rate 0.001 --probe 256 --test 1000 --model FILE      # twice: trained and kept, then pruned

`--pixels 64` enlarges the digits to 64 × 64 × 3. One thread; times are processor time, the least of many, measured in
turn, so that only their ratio counts.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import sloy
from sloy.data import mnist
from sloy.pruning.timing import timed


def trained_on(train: sloy.Dataset, arguments: argparse.Namespace) -> sloy.Model:
    """The whole network."""
    options = json.loads(arguments.options)
    network = sloy.zoo.make(arguments.network, train.sample_shape, 10, **options)
    kept = f"{arguments.model}.checkpoint" if arguments.model else None
    model, _ = sloy.fit(
        network,
        train,
        epochs=arguments.epochs,
        batch_size=arguments.batch,
        optimizer=sloy.Adam(sloy.schedules.OneCycle(arguments.rate)),
        seed=arguments.seed,
        threads=1,
        checkpoint=kept,
        resume=kept is not None and Path(kept).exists(),
        verbose=False,
    )
    return model


def enlarged(data: sloy.Dataset, pixels: int) -> sloy.Dataset:
    """Digits (N, 28, 28, 1) as (N, pixels, pixels, 3): with an edge of two pixels, each of them repeated."""
    framed = np.pad(data.x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    times = pixels // framed.shape[1]
    large = framed.repeat(times, axis=1).repeat(times, axis=2).repeat(3, axis=3)
    return sloy.Dataset(large, data.y, data.class_names)


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
    parser.add_argument("--loss-rise", type=float, help="default: that of `sloy.prune`")
    parser.add_argument("--keep", type=float, help="share of the multiply-adds, instead")
    parser.add_argument("--options", default="{}", help="of the network, JSON")
    parser.add_argument("--pixels", type=int, help="a multiple of 32: digits are enlarged")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--probe", type=int, default=1024, help="samples that saliency goes by")
    parser.add_argument("--test", type=int, default=10_000, help="samples to test on")
    arguments = parser.parse_args()
    data = mnist()
    train = data.train.take(np.arange(arguments.samples))
    test = data.test.take(np.arange(arguments.test))
    if arguments.pixels:
        train, test = (enlarged(part, arguments.pixels) for part in (train, test))
    start = time.process_time()
    if arguments.model and Path(arguments.model).exists():
        model = sloy.load(arguments.model, threads=1)
    else:
        model = trained_on(train, arguments)
        if arguments.model:
            model.save(arguments.model)
            print(f"{time.process_time() - start:.0f} s; {model.evaluate(test)}")
            return
    trained = time.process_time()
    pruned = sloy.prune(
        model,
        train,
        test=test,
        loss_rise=arguments.loss_rise,
        keep=arguments.keep,
        retrain=arguments.retrain,
        samples=arguments.probe,
        seed=arguments.seed,
    )
    done = time.process_time()
    print(pruned)
    for count in (1, 128):
        x = test.x[:count]
        print(timed(model, pruned.model, x, seconds=3, clock=time.process_time))
    print(f"training {trained - start:.0f} s, pruning and training again {done - trained:.0f} s")


if __name__ == "__main__":
    main()
