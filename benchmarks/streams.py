"""Streams beside memory: accuracy on MNIST sorted by class, and the time of an epoch, in turn.

python benchmarks/streams.py --threads 1
"""

from __future__ import annotations

import argparse
import struct
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import sloy
from sloy.data import Dataset
from sloy.data.streams import idx
from sloy.engines import engine

SHARE = 0.1  # of the data that is held


def written(folder: Path, data: Dataset) -> Path:
    """Digits as two IDX files, sorted by class."""
    order = np.argsort(data.y, kind="stable")
    x, y = data.x[order][..., 0], data.y[order].astype(np.uint8)
    for name, array in (("images-idx3", x), ("labels-idx1", y)):
        head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"train-{name}-ubyte").write_bytes(head + array.tobytes())
    return folder


class Clock(sloy.Callback):
    """Seconds of the processor, and of the wall, of each epoch."""

    def __init__(self) -> None:
        self.found: list[tuple[float, float]] = []

    def on_epoch_begin(self, run: Any, epoch: int) -> None:
        """The epoch begins."""
        self._began = time.process_time(), time.perf_counter()

    def on_epoch_end(self, run: Any, row: Any) -> None:
        """The epoch ends."""
        now = time.process_time(), time.perf_counter()
        self.found.append((now[0] - self._began[0], now[1] - self._began[1]))


def accuracy(data: Dataset, test: Dataset, seed: int, threads: int) -> float:
    """Of two epochs in batches of 100."""
    model, _ = sloy.fit(
        sloy.zoo.make("mlp", (28, 28, 1), 10), data, epochs=2, batch_size=100, seed=seed,
        engine=engine("native", threads), verbose=False,
    )  # fmt: skip
    return model.evaluate(test)["accuracy"]


def epochs(network: str, data: Dataset, count: int, threads: int) -> tuple[float, float]:
    """The least seconds of the processor, and of the wall, of an epoch but the first."""
    clock = Clock()
    sloy.fit(
        sloy.zoo.make(network, (28, 28, 1), 10), data, epochs=count, batch_size=128,
        engine=engine("native", threads), verbose=False, callbacks=[clock],
    )  # fmt: skip
    processor, wall = zip(*clock.found[1:], strict=True)
    return min(processor), min(wall)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=0, help="0: the cores of this process")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--blocks", type=int, default=idx.BLOCK, help="bytes of a block")
    parser.add_argument("--only", choices=("order", "speed"))
    options = parser.parse_args()
    idx.BLOCK, digits = options.blocks, sloy.data.mnist()
    with tempfile.TemporaryDirectory() as name:
        folder = written(Path(name), digits.train)
        hold = int(SHARE * digits.train.x.nbytes)
        memory, held = Dataset(digits.train.x, digits.train.y), sloy.data.stream(folder, hold=hold)
        if options.only != "speed":
            print("sorted by class | mean accuracy | of each seed\n--- | --- | ---")
            sides = {"memory, full permutation": memory, f"stream, {SHARE:.0%} held": held}
            for side, data in sides.items():
                found = [
                    accuracy(data, digits.test, seed, options.threads)
                    for seed in range(options.seeds)
                ]
                each = ", ".join(f"{100 * value:.2f}" for value in found)
                print(f"{side} | {100 * np.mean(found):.2f} % | {each}", flush=True)
        if options.only != "order":
            print("\nnetwork | stream / memory, processor | wall\n--- | --- | ---")
            for network, count in (("mlp", 4), ("standard_cnn", 2)):
                some = memory if network == "mlp" else memory.take(np.arange(6000))
                rows = held if network == "mlp" else held.take(np.arange(6000))
                ratios = []
                for _ in range(options.rounds):
                    one = epochs(network, some, count, options.threads)
                    two = epochs(network, rows, count, options.threads)
                    ratios.append((two[0] / one[0], two[1] / one[1]))
                processor, wall = np.median(ratios, axis=0)
                print(f"{network} | {processor:.2f} | {wall:.2f}", flush=True)


if __name__ == "__main__":
    main()
