"""What `sloy.find_rate` makes of whole runs: their validation loss over the best of a nine-point grid.

    python benchmarks/find_rate.py [NAME …] [--seeds N]

Beside it, from the same data: the rate whose first step moves the weights by 1 % alone, and the classic rule, the
steepest slope of one curve of the training loss under a rising rate. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import datasets

import sloy
from sloy.layers import BatchNorm, Conv2D, Dense, Flatten, MaxPool2D, ReLU
from sloy.training.recipe import Recipe

GRID = 10.0 ** np.linspace(-4, 0, 9)
RISING = 100  # steps of the classic curve
SMOOTH = 0.9


@dataclass(frozen=True)
class Job:
    """What is learnt, by which network, and how."""

    data: Callable[[], sloy.Dataset]
    network: sloy.Network
    recipe: Recipe

    def loss(self, rate: float, seed: int, parts: tuple[sloy.Dataset, sloy.Dataset]) -> float:
        """The validation loss after the last epoch; infinite where the run diverges."""
        try:
            _, history = sloy.fit(
                self.network,
                parts[0],
                validation=parts[1],
                recipe=self.recipe,
                learning_rate=rate,
                seed=seed,
                threads=1,
                verbose=False,
            )
        except sloy.errors.NonFiniteError:
            return np.inf
        return float(history["val_loss"][-1])


def steepest(job: Job, seed: int, train: sloy.Dataset) -> float:
    """Where the smoothed training loss falls fastest while the rate rises from 1e-7 to 10."""
    losses: list[float] = []
    rising = sloy.schedules.Exponential(1e-7, 1e8, RISING)

    class Watch(sloy.Callback):
        def on_batch_end(self, run: Any, batch: Any) -> bool:
            losses.append(batch.values["loss"])
            return len(losses) >= RISING or losses[-1] > 4 * min(losses)

    with suppress(sloy.errors.NonFiniteError):
        sloy.fit(
            job.network,
            train,
            recipe=job.recipe,
            learning_rate=rising,
            schedule=None,
            epochs=RISING,
            seed=seed,
            callbacks=[Watch()],
            threads=1,
            verbose=False,
        )
    smooth, kept = [], losses[0]
    for loss in losses:
        kept = SMOOTH * kept + (1 - SMOOTH) * loss
        smooth.append(kept)
    return float(rising.rates(0, RISING, RISING)[int(np.argmin(np.gradient(smooth)))])


def dense(inputs: int, hidden: tuple[int, ...], outputs: int) -> sloy.Network:
    """Dense layers with ReLU."""
    layers = [layer for units in hidden for layer in (Dense(units), ReLU())]
    return sloy.Network((inputs,), [*layers, Dense(outputs)])


def scaled(x: np.ndarray) -> np.ndarray:
    """Each column less its mean, divided by its deviation."""
    return ((x - x.mean(0)) / (x.std(0) + 1e-9)).astype(np.float32)


def moons() -> sloy.Dataset:
    """Two moons."""
    x, y = datasets.make_moons(600, noise=0.2, random_state=0)
    return sloy.Dataset(scaled(x), y)


def table(load: Callable[[], Any]) -> Callable[[], sloy.Dataset]:
    """One of scikit-learn's."""

    def read() -> sloy.Dataset:
        found = load()
        classes = np.issubdtype(found.target.dtype, np.integer)
        y = found.target if classes else scaled(found.target[:, None])[:, 0]
        return sloy.Dataset(scaled(found.data), y)

    return read


def mnist() -> sloy.Dataset:
    """The first 2500 digits."""
    return sloy.data.mnist().train.take(np.arange(2500))


def digits() -> sloy.Dataset:
    """8 × 8 digits."""
    found = datasets.load_digits()
    return sloy.Dataset((found.data.reshape(-1, 8, 8, 1) / 16).astype(np.float32), found.target)


PICTURES = sloy.Network((28, 28, 1), [Flatten(), Dense(128), ReLU(), Dense(10)])
SMALL = sloy.Network(
    (8, 8, 1), [Conv2D(16, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(32), ReLU(), Dense(10)]
)
NORMED = sloy.Network(
    (8, 8, 1),
    [Flatten(), Dense(64), BatchNorm(), ReLU(), Dense(64), BatchNorm(), ReLU(), Dense(10)],
)
KINDS: dict[str, tuple[Callable[[], sloy.Dataset], sloy.Network, int, int]] = {
    "moons": (moons, dense(2, (16, 16), 2), 40, 32),
    "breast": (table(datasets.load_breast_cancer), dense(30, (32, 32), 2), 30, 32),
    "diabetes": (table(datasets.load_diabetes), dense(10, (32, 32), 1), 30, 32),
    "mnist-mlp": (mnist, PICTURES, 10, 64),
}
JOBS = {
    f"{name}-{optimizer}": Job(
        data, network, Recipe(optimizer=optimizer, epochs=epochs, batch_size=size)
    )
    for name, (data, network, epochs, size) in KINDS.items()
    for optimizer in ("adam", "sgd")
}
# Not looked at while the rule was chosen.
HELD_OUT = {
    "digits-cnn-adam": Job(digits, SMALL, Recipe(epochs=10, batch_size=64)),
    "digits-norm-momentum": Job(
        digits, NORMED, Recipe(optimizer="momentum", epochs=10, batch_size=64)
    ),
    "wine-momentum": Job(
        table(datasets.load_wine),
        dense(13, (32, 32, 32), 3),
        Recipe(optimizer="momentum", epochs=30, batch_size=16),
    ),
    "digits-cnn-one-cycle": Job(
        digits, SMALL, Recipe(schedule="one-cycle", epochs=10, batch_size=64)
    ),
    "moons-sgd-cosine": Job(
        moons,
        dense(2, (16, 16), 2),
        Recipe(optimizer="sgd", schedule="cosine", epochs=40, batch_size=32),
    ),
}


def main() -> None:
    """A line for each job."""
    parser = argparse.ArgumentParser(description=__doc__)
    every = {**JOBS, **HELD_OUT}
    parser.add_argument("names", nargs="*", help=f"of {', '.join(every)}")
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    print(
        "job                    best  find_rate         1 % step         steepest slope, by order"
    )
    for name in arguments.names or every:
        job, began = every[name], time.process_time()
        parts = job.data().split(0.25, 1)

        def whole(rate: float, job: Job = job, parts: Any = parts) -> float:
            return float(np.mean([job.loss(rate, seed, parts) for seed in range(arguments.seeds)]))

        grid = np.array([whole(rate) for rate in GRID])
        best = grid.min()
        found = sloy.find_rate(
            job.network, parts[0], validation=parts[1], recipe=job.recipe, seed=7, threads=1
        )
        slopes = [steepest(job, seed, parts[0]) for seed in range(3)]
        line = f"{name:22} {GRID[int(grid.argmin())]:.0e}"
        for rate in (found.best, found.first, *slopes):
            line += f"  {rate:7.2g} × {whole(rate) / best:<6.2f}"
        print(f"{line}  {time.process_time() - began:.0f} s", flush=True)
        print(found, flush=True)


if __name__ == "__main__":
    main()
