"""A process that trains and prints its memory: ENGINE NETWORK → predicted and measured bytes."""

from __future__ import annotations

import sys

import numpy as np

import sloy
from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU
from sloy.steps.graphs import StepSpec
from sloy.training.memory import memory_estimate
from training_tasks import blobs, fit, mlp


def resident(what: str) -> int:
    """VmRSS (now) or VmHWM (the most so far) of this process, in bytes."""
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(what))
    return int(line.split()[1]) * 1024


NETWORKS = {
    "dense": ((784,), 40_000, [Dense(512), ReLU(), Dense(10)]),
    "convolutional": (
        (28, 28, 1),
        500,
        [
            Conv2D(32, 3),
            ReLU(),
            Conv2D(64, 3),
            ReLU(),
            MaxPool2D(2),
            Flatten(),
            Dense(128),
            Dense(10),
        ],
    ),
}

engine, name = sys.argv[1:]
shape, samples, layers = NETWORKS[name]
fit(mlp(), blobs(20), engine=engine, threads=1)  # loads what any run needs
network = sloy.Network(shape, layers)
before = resident("VmRSS")
x = np.random.default_rng(0).random((samples, *shape), np.float32)
y = np.arange(samples) % 10
fit(network, (x, y), engine=engine, threads=1, batch_size=256, epochs=1)
measured = resident("VmHWM") - before
spec = StepSpec(network, sloy.losses.CategoricalCrossentropy(), sloy.Adam())
print(memory_estimate(spec, 256, samples).total, measured)
