"""A process that trains and prints its memory: ENGINE CASE → predicted and measured bytes."""

from __future__ import annotations

import sys
from dataclasses import KW_ONLY, dataclass

import numpy as np

import sloy
from sloy.layers import Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU, Tanh
from sloy.problem import Problem
from sloy.training.memory import memory_estimate
from sloy.training.recipe import Recipe
from training_tasks import blobs, fit, mlp


@dataclass(frozen=True)
class Case:
    """A network of 10 classes and how it is trained."""

    shape: tuple[int, ...]
    layers: list[Layer]
    samples: int
    _: KW_ONLY
    batch_size: int = 256
    optimizer: str = "adam"
    validation: float | None = None


def dense(*units: int) -> list[Layer]:
    """Dense layers with ReLUs between them, and ten outputs."""
    return [layer for n in units for layer in (Dense(n), ReLU())] + [Dense(10)]


CASES = {
    "convolutional": Case(
        (28, 28, 1),
        [Conv2D(32, 3), ReLU(), Conv2D(64, 3), ReLU(), MaxPool2D(2), Flatten(), *dense(128)],
        500,
    ),
    "wide": Case((784,), dense(512), 40_000),
    "wider": Case((784,), dense(2048, 1024), 3_000),
    "widest": Case((784,), dense(2048, 2048), 3_000),
    "plain descent": Case((784,), dense(2048, 2048), 256, batch_size=64, optimizer="sgd"),
    "deep and narrow": Case(
        (64,),
        [layer for _ in range(20) for layer in (Dense(64), Tanh())] + [Dense(10)],
        40_000,
        batch_size=16_384,
    ),
    "many samples": Case((4,), dense(16), 2_000_000, batch_size=10_000),
    "validation": Case((28, 28, 1), [Flatten(), *dense(64)], 20_000, validation=0.3),
}


def resident(what: str) -> int:
    """VmRSS (now) or VmHWM (the most so far) of this process, in bytes."""
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(what))
    return int(line.split()[1]) * 1024


def main(engine: str, case: Case) -> None:
    """Train the case, and compare."""
    fit(mlp(), blobs(20), engine=engine, threads=2)  # loads what any run needs
    network = sloy.Network(case.shape, case.layers)
    before = resident("VmRSS")
    x = np.random.default_rng(0).random((case.samples, *case.shape), np.float32)
    y = np.arange(case.samples, dtype=np.int32) % np.int32(10)
    recipe = Recipe(optimizer=case.optimizer, batch_size=case.batch_size)
    fit(network, (x, y), recipe=recipe, engine=engine, threads=2, validation=case.validation)
    measured = resident("VmHWM") - before
    held_out = round((case.validation or 0) * case.samples)
    loss = sloy.losses.CategoricalCrossentropy()
    estimate = memory_estimate(
        Problem(network, loss),
        case.samples - held_out,
        recipe,
        validation_samples=held_out,
        split=case.validation is not None,
        engine=engine,
    )
    print(estimate.total, measured)
    print(estimate, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1], CASES[sys.argv[2]])
