"""The jobs that sloy and its peers are timed on, as data: layers, batch, task, initial weights and samples.

Every worker builds its own network from `Job.layers` and starts from the arrays of `weights` and `samples`, so that all
do the same work on the same numbers. `sloy_network`, `sloy_problem` and `sloy_recipe` are sloy's own builders; the
peers' stand in `peers/`.

Layers are tuples: ``("convolution", channels, kernel, padding)``, ``("max_pool", size)``, ``("average_pool", size)``,
``("relu",)``, ``("tanh",)``, ``("flatten",)``, ``("dense", units)``, ``("dropout", rate)``; strides are 1, those of
pooling its size. Data are (N, H, W, C), convolution weights (KH, KW, I, O), dense weights (I, O) over (H, W, C).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from sloy import Recipe
    from sloy.problem import Network, Problem

Layer = tuple[Any, ...]
Shape = tuple[int, ...]
Task = Literal["training", "inference"]
INK = 0.19  # share of the pixels that are not 0 in MNIST


@dataclass(frozen=True)
class Job:
    """What is timed.

    Attributes
    ----------
    name : str
    input_shape : tuple of int
        Of one sample.
    layers : tuple of layers
        The last gives logits (N, classes).
    batch : int
        Samples in a step.
    task : "training" or "inference"
        A step is forward, backward and update (cross-entropy, gradient descent), or the forward pass alone.
    momentum, learning_rate : float
        Of the descent.
    batches : int
        Different batches in memory, taken in turn.
    checked : int
        Steps at the start whose losses are compared.
    long : bool
        Runs only when it is named.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    batch: int
    task: Task = "training"
    momentum: float = 0.0
    learning_rate: float = 0.05
    batches: int = 4
    checked: int = 10
    long: bool = False

    @property
    def classes(self) -> int:
        """Number of logits."""
        return int(self.layers[-1][1])

    @property
    def random(self) -> bool:
        """Whether the losses of two implementations may differ: dropout in training."""
        return self.task == "training" and any(layer[0] == "dropout" for layer in self.layers)

    def without_dropout(self) -> Job:
        """The job whose losses can be compared."""
        return replace(self, layers=tuple(layer for layer in self.layers if layer[0] != "dropout"))

    @property
    def flops(self) -> int:
        """Multiplications and additions of a step in its matrix products and convolutions.

        Training takes three times those of the forward pass, less the first layer's unused input gradient.
        """
        products = [
            2 * self.batch * prod(output[:-1]) * prod(weight)
            for weight, output in weighted_layers(self)
        ]
        if self.task == "inference":
            return sum(products)
        return 3 * sum(products) - products[0]


def shapes(job: Job) -> list[Shape]:
    """Shape of one sample before the first layer, and after each layer."""
    found = [job.input_shape]
    for layer in job.layers:
        shape = found[-1]
        match layer:
            case ("convolution", channels, kernel, padding):
                height, width = (length + 2 * padding - kernel + 1 for length in shape[:2])
                shape = (height, width, channels)
            case ("dense", units):
                shape = (units,)
            case ("max_pool" | "average_pool", size):
                shape = (shape[0] // size, shape[1] // size, shape[2])
            case ("flatten",):
                shape = (prod(shape),)
        found.append(shape)
    return found


def weighted_layers(job: Job) -> list[tuple[Shape, Shape]]:
    """Weight shape and output shape (one sample) of each layer that has weights."""
    found: list[tuple[Shape, Shape]] = []
    passed = shapes(job)
    for layer, before, after in zip(job.layers, passed, passed[1:], strict=False):
        if layer[0] == "convolution":
            found.append(((layer[2], layer[2], before[2], after[2]), after))
        if layer[0] == "dense":
            found.append(((*before, *after), after))
    return found


def weights(job: Job) -> list[tuple[np.ndarray, np.ndarray]]:
    """Initial weights (He normal) and biases, float32, of each layer that has them."""
    rng = np.random.default_rng(1)
    pairs = []
    for shape, _ in weighted_layers(job):
        scale = np.float32((2 / prod(shape[:-1])) ** 0.5)
        bias = np.float32(0.1) * rng.standard_normal(shape[-1], np.float32)
        pairs.append((scale * rng.standard_normal(shape, np.float32), bias))
    return pairs


def samples(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """x float32 (batches · batch, …) in [0, 1), one channel as sparse as MNIST; y int32 (batches · batch,)."""
    rng = np.random.default_rng(0)
    rows = job.batches * job.batch
    x = rng.random((rows, *job.input_shape), np.float32)
    if job.input_shape[-1] != 3:
        x *= rng.random(x.shape, np.float32) < INK
    return x, rng.integers(0, job.classes, rows).astype(np.int32)


def sloy_network(job: Job) -> Network:
    """The network of sloy; its parameters stand in the order of `weights`."""
    from sloy import layers as sloy_layers
    from sloy.problem import Network

    made: list[sloy_layers.Layer] = []
    for layer in job.layers:
        match layer:
            case ("convolution", channels, kernel, padding):
                made.append(sloy_layers.Conv2D(channels, kernel, padding=padding))
            case ("dense", units):
                made.append(sloy_layers.Dense(units))
            case ("dropout", rate):
                made.append(sloy_layers.Dropout(rate))
            case ("max_pool", size):
                made.append(sloy_layers.MaxPool2D(size))
            case ("average_pool", size):
                made.append(sloy_layers.AveragePool2D(size))
            case _:
                simple = {"relu": "ReLU", "tanh": "Tanh", "flatten": "Flatten"}
                made.append(getattr(sloy_layers, simple[layer[0]])())
    return Network(job.input_shape, made)


def sloy_problem(job: Job) -> Problem:
    """What the network of sloy learns."""
    from sloy.losses import CategoricalCrossentropy
    from sloy.problem import Problem

    return Problem(sloy_network(job), CategoricalCrossentropy())


def sloy_recipe(job: Job) -> Recipe:
    """How it is trained."""
    from sloy import SGD, Recipe

    return Recipe(optimizer=SGD(job.learning_rate, momentum=job.momentum), batch_size=job.batch)


@dataclass(frozen=True)
class Recipe:
    """A training run on MNIST: what ``sloy train mnist --network <name> --epochs <epochs>`` does.

    Adam under a one-cycle schedule (PyTorch's, the momentum fixed), uniform initial weights
    and biases of ±1/√fan_in, a tenth of the training samples kept apart and evaluated after each epoch.

    Attributes
    ----------
    layers : tuple of layers
    epochs, batch : int
    highest_rate : float
        Of the schedule.
    validation : float
        Share of the training samples that is kept apart.
    beta1 : float
        Of Adam.
    """

    layers: tuple[Layer, ...]
    epochs: int
    batch: int = 256
    highest_rate: float = 0.01
    validation: float = 0.1
    beta1: float = 0.9


def _mlp() -> tuple[Layer, ...]:
    return (("dense", 128), ("relu",), ("dense", 10))


def _lenet5() -> tuple[Layer, ...]:
    return (
        ("convolution", 6, 5, 2), ("tanh",), ("average_pool", 2),
        ("convolution", 16, 5, 0), ("tanh",), ("average_pool", 2), ("flatten",),
        ("dense", 120), ("tanh",), ("dense", 84), ("tanh",), ("dense", 10),
    )  # fmt: skip


def _cnn() -> tuple[Layer, ...]:
    return (
        ("convolution", 32, 3, 0), ("relu",), ("convolution", 64, 3, 0), ("relu",),
        ("max_pool", 2), ("dropout", 0.25), ("flatten",),
        ("dense", 128), ("relu",), ("dropout", 0.5), ("dense", 10),
    )  # fmt: skip


def _vgg16() -> tuple[Layer, ...]:
    """Configuration D of Simonyan and Zisserman, arXiv:1409.1556, table 1."""
    layers: list[Layer] = []
    for channels, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        layers += [("convolution", channels, 3, 1), ("relu",)] * depth
        layers.append(("max_pool", 2))
    layers.append(("flatten",))
    for _ in range(2):
        layers += [("dense", 4096), ("relu",), ("dropout", 0.5)]
    return (*layers, ("dense", 1000))


DIGIT, PHOTO = (28, 28, 1), (224, 224, 3)

JOBS = {
    job.name: job
    for job in (
        Job("mlp-1", (784,), _mlp(), 1, learning_rate=0.01, batches=1024),
        Job("mlp-32", (784,), _mlp(), 32, batches=64),
        Job("mlp-128", (784,), _mlp(), 128, batches=16),
        Job("lenet5-32", DIGIT, _lenet5(), 32),
        Job("lenet5-128", DIGIT, _lenet5(), 128),
        Job("cnn-128", DIGIT, _cnn(), 128),
        Job("mlp-1-inference", (784,), _mlp(), 1, "inference", batches=64),
        Job("mlp-128-inference", (784,), _mlp(), 128, "inference"),
        Job("lenet5-1-inference", DIGIT, _lenet5(), 1, "inference", batches=64),
        Job("lenet5-128-inference", DIGIT, _lenet5(), 128, "inference"),
        Job("cnn-1-inference", DIGIT, _cnn(), 1, "inference", batches=64),
        Job("cnn-128-inference", DIGIT, _cnn(), 128, "inference"),
        Job("vgg16-1-inference", PHOTO, _vgg16(), 1, "inference", checked=2, batches=2, long=True),
        Job(
            "vgg16-8", PHOTO, _vgg16(), 8,
            momentum=0.9, learning_rate=1e-4, checked=2, batches=2, long=True,
        ),
    )
}  # fmt: skip


def _conv_pool_dense(first: int, second: int, units: int) -> tuple[Layer, ...]:
    return (
        ("convolution", first, 5, 0), ("max_pool", 2), ("relu",),
        ("convolution", second, 3, 0), ("max_pool", 2), ("relu",), ("flatten",),
        ("dense", units), ("relu",), ("dense", 10),
    )  # fmt: skip


# Network of `sloy.zoo` → recipe; tests/benchmarks holds the two against each other.
RECIPES = {
    "cnn": Recipe(_conv_pool_dense(32, 32, 256), epochs=2),
    "fast": Recipe(_conv_pool_dense(24, 32, 256), epochs=1, validation=0.0, beta1=0.7),
}
