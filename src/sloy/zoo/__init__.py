"""Ready networks: functions that make them, and a table of their names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sloy.errors import InvalidArgument
from sloy.graph.spec import Shape
from sloy.problem.network import Network
from sloy.text import shown
from sloy.zoo.cnn import cnn, cnn_deep, cnn_wide, fast, standard_cnn
from sloy.zoo.convnext import convnext_tiny
from sloy.zoo.inverted import efficientnet_b0, mobilenet_v2, mobilenet_v3
from sloy.zoo.lenet import lenet5
from sloy.zoo.mlp import mlp
from sloy.zoo.resnet import IMAGENET as _RESNET
from sloy.zoo.resnet import imagenet_resnet, resnet
from sloy.zoo.table import table
from sloy.zoo.tabular import (
    quantile_scale,
    robust_scale,
    tabular,
    tabular_rate_factors,
    unscaled,
)
from sloy.zoo.vgg import CONVOLUTIONS as _VGG
from sloy.zoo.vgg import vgg

__all__ = [
    "PRESETS",
    "Preset",
    "cnn",
    "cnn_deep",
    "cnn_wide",
    "convnext_tiny",
    "efficientnet_b0",
    "fast",
    "imagenet_resnet",
    "lenet5",
    "make",
    "mlp",
    "mobilenet_v2",
    "mobilenet_v3",
    "quantile_scale",
    "resnet",
    "robust_scale",
    "standard_cnn",
    "table",
    "tabular",
    "tabular_rate_factors",
    "unscaled",
    "vgg",
]


@dataclass(frozen=True)
class Preset:
    """A network by name.

    Attributes
    ----------
    build : callable
        ``build(input_shape, classes, **options) -> Network``.
    description : str
        One line.
    """

    build: Callable[..., Network]
    description: str


PRESETS: dict[str, Preset] = {
    "cnn": Preset(cnn, "two convolutions, two dense layers: 99 % on MNIST within a few epochs"),
    "fast": Preset(
        fast, "the same in small, normalised: 99 % on MNIST after one epoch, the fastest"
    ),
    "cnn_wide": Preset(cnn_wide, "3×3 convolutions of 32 and 64 channels, dropout"),
    "cnn_deep": Preset(cnn_deep, "five convolutions, all normalised: 99.5 % and more on MNIST"),
    "lenet5": Preset(lenet5, "LeNet-5, tanh and average pooling, as in 1998"),
    "mlp": Preset(mlp, "one hidden layer of 128 ReLU neurons"),
    "standard_cnn": Preset(standard_cnn, "three blocks of 3×3 convolution and pooling, then dense"),
    "resnet20": Preset(partial(resnet, 20), "residual network for pictures of about 32×32"),
    "resnet32": Preset(partial(resnet, 32), "the same, deeper"),
}
for _depth in _RESNET:
    _about = f"residual network with {_depth} layers of weights, for pictures of about 224×224"
    PRESETS[f"resnet{_depth}"] = Preset(partial(imagenet_resnet, _depth), _about)
PRESETS["mobilenet_v2"] = Preset(mobilenet_v2, "MobileNetV2: small, for phones")
for _size in ("large", "small"):
    _about = f"MobileNetV3, the {_size} one: with squeeze-and-excitation"
    PRESETS[f"mobilenet_v3_{_size}"] = Preset(partial(mobilenet_v3, _size), _about)
PRESETS["efficientnet_b0"] = Preset(efficientnet_b0, "EfficientNet-B0: accurate for its size")
PRESETS["convnext_tiny"] = Preset(
    convnext_tiny, "ConvNeXt-Tiny: 7×7 windows and layer normalisation"
)
for _depth in _VGG:
    _about = f"VGG with {_depth} layers of weights"
    PRESETS[f"vgg{_depth}"] = Preset(partial(vgg, _depth), _about)
    _normed = Preset(partial(vgg, _depth, batch_norm=True), f"{_about}, batch normalisation")
    PRESETS[f"vgg{_depth}_bn"] = _normed


def make(name: str, input_shape: Shape, classes: int, **options: Any) -> Network:
    """The network of a name for samples of a shape and a number of classes.

    Parameters
    ----------
    name : str
        One of `PRESETS`.
    input_shape : tuple of int
        Of one sample.
    classes : int
    **options
        Of the function that makes it, such as ``include_top=False``; see `sloy.zoo.vgg`, `resnet`, `mobilenet_v3`
        and the others of its name.

    Examples
    --------
    >>> make("mlp", (28, 28, 1), 10).parameter_count
    101770
    >>> make("vgg16", (224, 224, 3), 1000).parameter_count
    138357544
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise InvalidArgument(f"`name` (={shown(name)}) must be one of {', '.join(PRESETS)}.")
    return PRESETS[name].build(input_shape, classes, **options)
