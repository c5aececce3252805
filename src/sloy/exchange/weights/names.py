"""What the layers of a network are called in the files of other tools: one table for each source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sloy.exchange.weights import block_names
from sloy.exchange.weights.block_names import Names
from sloy.problem.network import Network


@dataclass(frozen=True)
class Naming:
    """How files of one source call the layers of a network.

    Attributes
    ----------
    source : str
        Whose files; a key of `PUBLISHED`, where it publishes some.
    names : callable
        ``names(network) -> Names``.
    options : mapping
        Arguments of the zoo's function with which the network computes as there.
    """

    source: str
    names: Callable[[Network], Names]
    options: Mapping[str, Any] = field(default_factory=dict)


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


_VGG = {
    "torch": (Naming("torchvision", torchvision), Naming("timm", timm)),
    "keras": (Naming("keras", keras_applications), Naming("keras", keras_counted)),
}
_RESNET = {"torch": (Naming("torchvision", block_names.resnet),)}  # timm's are the same
_V2 = {
    "torch": (
        Naming("torchvision", block_names.torchvision_mobilenet_v2),
        Naming("timm", block_names.timm_inverted),
    )
}
_V3 = {
    "torch": (
        Naming("torchvision", block_names.torchvision_mobilenet_v3),
        Naming("timm", block_names.timm_inverted, {"epsilon": 1e-5}),
    )
}
_EFFICIENTNET = {
    "torch": (
        Naming("torchvision", block_names.torchvision_efficientnet),
        Naming("timm", block_names.timm_inverted),
    )
}
_CONVNEXT = {
    "torch": (
        Naming("torchvision", block_names.torchvision_convnext),
        Naming("timm", block_names.timm_convnext),
    )
}

# What a network's name begins with → tool → how its files call the layers.
NAMINGS: dict[str, Mapping[str, tuple[Naming, ...]]] = {
    "vgg": _VGG,
    "resnet": _RESNET,
    "mobilenet_v2": _V2,
    "mobilenet_v3": _V3,
    "efficientnet": _EFFICIENTNET,
    "convnext": _CONVNEXT,
}


def namings(name: str, tool: str) -> tuple[Naming, ...]:
    """Those of a network of the zoo, in files of a tool; none where its files are not known."""
    return next((n.get(tool, ()) for start, n in NAMINGS.items() if name.startswith(start)), ())
