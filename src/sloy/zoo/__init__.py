"""Ready networks: functions that make them, and a table of their names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sloy.errors import InvalidArgument
from sloy.graph.spec import Shape
from sloy.network import Network
from sloy.zoo.cnn import cnn, cnn_wide, fast
from sloy.zoo.lenet import lenet5
from sloy.zoo.mlp import mlp

__all__ = ["PRESETS", "Preset", "cnn", "cnn_wide", "fast", "lenet5", "make", "mlp"]


@dataclass(frozen=True)
class Preset:
    """A network by name.

    Attributes
    ----------
    build : callable
        ``build(input_shape, classes) -> Network``.
    description : str
        One line.
    """

    build: Callable[[Shape, int], Network]
    description: str


PRESETS: dict[str, Preset] = {
    "cnn": Preset(cnn, "two convolutions, two dense layers: 99 % on MNIST within a few epochs"),
    "fast": Preset(fast, "the same with fewer channels: about 99 % on MNIST after one epoch"),
    "cnn_wide": Preset(cnn_wide, "3×3 convolutions of 32 and 64 channels, dropout"),
    "lenet5": Preset(lenet5, "LeNet-5, tanh and average pooling, as in 1998"),
    "mlp": Preset(mlp, "one hidden layer of 128 ReLU neurons"),
}


def make(name: str, input_shape: Shape, classes: int) -> Network:
    """The network of a name for samples of a shape and a number of classes.

    Examples
    --------
    >>> make("mlp", (28, 28, 1), 10).parameter_count
    101770
    """
    if name not in PRESETS:
        raise InvalidArgument(f"`name` (={name!r}) must be one of {', '.join(PRESETS)}.")
    return PRESETS[name].build(input_shape, classes)
