"""What the layers of a network are called in the files of other tools: one table for each source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sloy.problem.network import Network

Names = dict[str, str]  # sloy's layer → the layer in the file
Table = Callable[[Network], Names]

_TIMM_TOP = {"fc6": "pre_logits.fc1", "fc7": "pre_logits.fc2", "fc8": "head.fc"}
_KERAS_TOP = {"fc6": "fc1", "fc7": "fc2", "fc8": "predictions"}
_KERAS_CLASSES = {"Conv2D": "conv2d", "Dense": "dense", "BatchNorm": "batch_normalization"}
_WEIGHTED = ("conv", "norm", "fc")


def torchvision(network: Network) -> Names:
    """``features.0`` …, ``classifier.0`` …: a layer's place in the two chains that a VGG is there.

    Examples
    --------
    >>> from sloy import zoo
    >>> names = torchvision(zoo.make("vgg16", (224, 224, 3), 1000))
    >>> names["conv1_1"], names["conv5_3"], names["fc6"], names["fc8"]
    ('features.0', 'features.28', 'classifier.0', 'classifier.6')
    """
    names, chain, index = {}, "features", 0
    for name in network.layer_names:
        if name == "flatten":
            chain, index = "classifier", 0
        elif name != "grid":
            names[name] = f"{chain}.{index}"
            index += 1
    return {name: module for name, module in names.items() if name.startswith(_WEIGHTED)}


def timm(network: Network) -> Names:
    """The same features; the dense layers are convolutions: ``pre_logits.fc1``, ``pre_logits.fc2``, ``head.fc``."""
    names = torchvision(network)
    return {name: _TIMM_TOP.get(name, module) for name, module in names.items()}


def keras_applications(network: Network) -> Names:
    """``block1_conv1`` …, ``fc1``, ``fc2``, ``predictions``; there is none with batch normalisation."""
    names = {}
    for name in network.layer_names:
        if name.startswith("conv"):
            block, number = name.removeprefix("conv").split("_")
            names[name] = f"block{block}_conv{number}"
        elif name.startswith("fc"):
            names[name] = _KERAS_TOP[name]
    return names


def keras_counted(network: Network) -> Names:
    """``conv2d``, ``conv2d_1`` …, ``dense`` …: layers counted by class, as ``.weights.h5`` has them.

    Examples
    --------
    >>> from sloy import zoo
    >>> names = keras_counted(zoo.make("vgg16", (224, 224, 3), 1000))
    >>> names["conv1_1"], names["conv5_3"], names["fc8"]
    ('conv2d', 'conv2d_12', 'dense_2')
    """
    names, counts = {}, Counter[str]()
    for name, layer in zip(network.layer_names, network.layers, strict=True):
        if (stem := _KERAS_CLASSES.get(layer.kind)) is not None:
            names[name] = f"{stem}_{counts[stem]}" if counts[stem] else stem
            counts[stem] += 1
    return names


# Tool → the tables that files of VGG networks follow.
VGG: dict[str, tuple[Table, ...]] = {
    "torch": (torchvision, timm),
    "keras": (keras_applications, keras_counted),
}
