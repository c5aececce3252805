"""The jobs that sloy and its peers are timed on, as data: layers, batch, task, initial weights and samples.

Every worker builds its own network from `Job.layers` and starts from the arrays of `weights` and `samples`, so that all
do the same work on the same numbers. `sloy_network`, `sloy_problem` and `sloy_recipe` are sloy's own builders; the
peers' stand in `peers/`.

Layers are tuples: ``("convolution", channels, kernel, padding)``, ``("max_pool", size)``, ``("average_pool", size)``,
``("relu",)``, ``("relu6",)``, ``("tanh",)``, ``("flatten",)``, ``("global_average",)``, ``("dense", units)``,
``("dropout", rate)``; strides are 1, those of pooling its size, unless it is ``("max_pool", size, stride, padding)``.
``("conv_norm", channels, kernel, stride, groups)`` is a convolution without bias, padded by half its kernel, and batch
normalisation; ``("residual", layers, shortcut)`` the sum of two ways, of which the second may be empty. Of
recipes alone: ``("convolution", channels, kernel, padding, stride)``, without bias; ``("norm", momentum)``.
Data are (N, H, W, C), convolution weights (KH, KW, I, O), dense weights (I, O) over (H, W, C).
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
    return shapes_of(job.layers, job.input_shape)


def shapes_of(layers: tuple[Layer, ...], shape: Shape) -> list[Shape]:
    """The same of some layers behind each other."""
    found = [shape]
    for layer in layers:
        shape = found[-1]
        match layer:
            case ("convolution", channels, kernel, padding):
                height, width = (length + 2 * padding - kernel + 1 for length in shape[:2])
                shape = (height, width, channels)
            case ("convolution", channels, kernel, padding, stride):
                height, width = ((n + 2 * padding - kernel) // stride + 1 for n in shape[:2])
                shape = (height, width, channels)
            case ("conv_norm", channels, kernel, stride, _):
                height, width = ((n + kernel // 2 * 2 - kernel) // stride + 1 for n in shape[:2])
                shape = (height, width, channels)
            case ("residual", inner, _):
                shape = shapes_of(inner, shape)[-1]
            case ("global_average",):
                shape = shape[-1:]
            case ("dense", units):
                shape = (units,)
            case ("max_pool", size, stride, padding):
                height, width = ((n + 2 * padding - size) // stride + 1 for n in shape[:2])
                shape = (height, width, shape[2])
            case ("max_pool" | "average_pool", size):
                shape = (shape[0] // size, shape[1] // size, shape[2])
            case ("flatten",):
                shape = (prod(shape),)
        found.append(shape)
    return found


def weighted_layers(job: Job) -> list[tuple[Shape, Shape]]:
    """Weight shape and output shape (one sample) of each layer that has weights."""
    return _weighted(job.layers, job.input_shape)


def _weighted(layers: tuple[Layer, ...], shape: Shape) -> list[tuple[Shape, Shape]]:
    found: list[tuple[Shape, Shape]] = []
    passed = shapes_of(layers, shape)
    for layer, before, after in zip(layers, passed, passed[1:], strict=False):
        match layer:
            case ("convolution", _, kernel, *_):
                found.append(((kernel, kernel, before[2], after[2]), after))
            case ("conv_norm", _, kernel, _, groups):
                found.append(((kernel, kernel, before[2] // groups, after[2]), after))
            case ("residual", inner, shortcut):
                found += _weighted(inner, before) + _weighted(shortcut, before)
            case ("dense", _):
                found.append(((*before, *after), after))
    return found


def weights(job: Job) -> list[tuple[np.ndarray, np.ndarray]]:
    """Initial weights (He normal) and biases, float32, of each layer that has them.

    Of ``conv_norm`` the bias is what the normalisation adds; its scale is 1, running mean and variance are 0 and 1.
    """
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
    """The network of sloy; its parameters stand in the order of `weights`, with those that `sloy_parameters` adds."""
    from sloy.problem import Network

    return Network(job.input_shape, _sloy_layers(job.layers))


def sloy_parameters(job: Job) -> dict[str, np.ndarray]:
    """`weights` by the names of the network of sloy."""
    given = iter([array for pair in weights(job) for array in pair])
    fixed = {"scale": 1.0, "running_mean": 0.0, "running_variance": 1.0}
    found = {}
    for name, parameter in sloy_network(job).initialize(0).items():
        kind = name.rpartition("/")[2]
        known = kind in fixed
        found[name] = np.full_like(parameter, fixed[kind]) if known else next(given)
    return found


def _sloy_layers(layers: tuple[Layer, ...]) -> list[Any]:
    from sloy import layers as sloy_layers

    made: list[sloy_layers.Layer] = []
    for layer in layers:
        match layer:
            case ("conv_norm", channels, kernel, stride, groups):
                wide = sloy_layers.Conv2D(
                    channels, kernel, stride=stride, padding=kernel // 2, groups=groups, use_bias=False
                )  # fmt: skip
                made += [wide, sloy_layers.BatchNorm()]
            case ("residual", inner, shortcut):
                ways = _sloy_layers(inner), _sloy_layers(shortcut) if shortcut else None
                made.append(sloy_layers.Residual(*ways))
            case ("max_pool", size, stride, padding):
                made.append(sloy_layers.MaxPool2D(size, stride=stride, padding=padding))
            case ("convolution", channels, kernel, padding):
                made.append(sloy_layers.Conv2D(channels, kernel, padding=padding))
            case ("convolution", channels, kernel, padding, stride):
                options = {"padding": padding, "stride": stride, "use_bias": False}
                made.append(sloy_layers.Conv2D(channels, kernel, **options))
            case ("norm", momentum):
                made.append(sloy_layers.BatchNorm(momentum=momentum))
            case ("dense", units):
                made.append(sloy_layers.Dense(units))
            case ("dropout", rate):
                made.append(sloy_layers.Dropout(rate))
            case ("max_pool", size):
                made.append(sloy_layers.MaxPool2D(size))
            case ("average_pool", size):
                made.append(sloy_layers.AveragePool2D(size))
            case _:
                made.append(getattr(sloy_layers, _SIMPLE[layer[0]])())
    return made


_SIMPLE = {
    "relu": "ReLU",
    "relu6": "ReLU6",
    "tanh": "Tanh",
    "flatten": "Flatten",
    "global_average": "GlobalAveragePool2D",
}


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
    beta1, beta2 : float
        Of Adam.
    smoothing : float
        Of the labels.
    """

    layers: tuple[Layer, ...]
    epochs: int
    batch: int = 256
    highest_rate: float = 0.01
    validation: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.999
    smoothing: float = 0.0


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


def _resnet18() -> tuple[Layer, ...]:
    """He et al., arXiv:1512.03385, table 1."""
    layers: list[Layer] = [("conv_norm", 64, 7, 2, 1), ("relu",), ("max_pool", 3, 2, 1)]
    for channels, first in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for stride in (first, 1):
            ways = (("conv_norm", channels, 3, stride, 1), ("relu",), ("conv_norm", channels, 3, 1, 1))  # fmt: skip
            shortcut = (("conv_norm", channels, 1, stride, 1),) if stride == 2 else ()
            layers += [("residual", ways, shortcut), ("relu",)]
    return (*layers, ("global_average",), ("dense", 1000))


def _mobilenet_v2() -> tuple[Layer, ...]:
    """Sandler et al., arXiv:1801.04381, table 2, without its dropout."""
    layers: list[Layer] = [("conv_norm", 32, 3, 2, 1), ("relu6",)]
    before = 32
    for expansion, channels, count, first in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ):  # fmt: skip
        for stride in (first, *[1] * (count - 1)):
            wide = before * expansion
            block: tuple[Layer, ...] = (
                *((("conv_norm", wide, 1, 1, 1), ("relu6",)) if expansion > 1 else ()),
                ("conv_norm", wide, 3, stride, wide), ("relu6",), ("conv_norm", channels, 1, 1, 1),
            )  # fmt: skip
            straight = stride == 1 and before == channels
            layers += [("residual", block, ())] if straight else block
            before = channels
    return (*layers, ("conv_norm", 1280, 1, 1, 1), ("relu6",), ("global_average",), ("dense", 1000))


def _photo_jobs(name: str, layers: tuple[Layer, ...]) -> tuple[Job, ...]:
    """Training in batches of 16, inference of one picture and of 16."""
    twice: dict[str, Any] = {"checked": 2, "batches": 2, "long": True}
    return (
        Job(f"{name}-16", PHOTO, layers, 16, momentum=0.9, learning_rate=1e-3, **twice),
        Job(f"{name}-1-inference", PHOTO, layers, 1, "inference", **twice),
        Job(f"{name}-16-inference", PHOTO, layers, 16, "inference", **twice),
    )


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
        *_photo_jobs("resnet18", _resnet18()),
        *_photo_jobs("mobilenetv2", _mobilenet_v2()),
    )
}  # fmt: skip


_CNN: tuple[Layer, ...] = (
    ("convolution", 32, 5, 0), ("max_pool", 2), ("relu",),
    ("convolution", 32, 3, 0), ("max_pool", 2), ("relu",), ("flatten",),
    ("dense", 256), ("relu",), ("dense", 10),
)  # fmt: skip
_FAST: tuple[Layer, ...] = (
    ("convolution", 16, 5, 0, 2), ("norm", 0.97), ("relu",),
    ("convolution", 24, 3, 0, 1), ("max_pool", 2), ("norm", 0.97), ("relu",), ("flatten",),
    ("dense", 96), ("relu",), ("dense", 10),
)  # fmt: skip


# Network of `sloy.zoo` → recipe; tests/benchmarks holds the two against each other.
RECIPES = {
    "cnn": Recipe(_CNN, epochs=2),
    "fast": Recipe(
        _FAST, epochs=1, batch=128, highest_rate=0.02, validation=0.0, beta2=0.95, smoothing=0.1
    ),
}
