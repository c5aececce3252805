"""What the layers of networks of blocks are called in files of torchvision and timm.

The zoo calls the blocks ``block3_2``, by stage and number, and the layers in them as `sloy.zoo` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sloy.problem.network import Network

Names = dict[str, str]  # sloy's layer → the layer in the file

_BLOCK = re.compile(r"block(\d+)_(\d+)/(.+)")


@dataclass(frozen=True)
class _Inside:
    """A layer with weights in a block.

    Attributes
    ----------
    layer : str
        Its whole name.
    stage, number, index : int
        Of the block in its stage, from 1, and among all blocks, from 1.
    name : str
        Within the block: ``expand_norm``, ``squeeze/reduce``.
    units : tuple of str
        The block's convolutions and ``squeeze``, in order; a norm belongs to its convolution.
    """

    layer: str
    stage: int
    number: int
    index: int
    name: str
    units: tuple[str, ...]

    @property
    def unit(self) -> str:
        """The convolution that it is or belongs to."""
        return _unit(self.name)

    @property
    def place(self) -> int:
        """Of the unit in the block, from 0."""
        return self.units.index(self.unit)

    @property
    def is_norm(self) -> bool:
        return self.name.endswith("norm")


def resnet(network: Network) -> Names:
    """``conv1``, ``bn1``, ``layer1.0.conv1`` …, ``layer2.0.downsample.0``, ``fc``: torchvision and timm alike.

    Examples
    --------
    >>> from sloy import zoo
    >>> names = resnet(zoo.make("resnet18", (224, 224, 3), 1000))
    >>> names["block2_1/norm2"], names["block2_1/shortcut/conv"]
    ('layer2.0.bn2', 'layer2.0.downsample.0')
    """
    shortcut = {"shortcut/conv": "downsample.0", "shortcut/norm": "downsample.1"}
    names = {"conv1": "conv1", "norm1": "bn1", "head": "fc"}
    for inside in _blocks(network):
        its = shortcut.get(inside.name, inside.name.replace("norm", "bn"))
        names[inside.layer] = f"layer{inside.stage}.{inside.number - 1}.{its}"
    return _of(network, names)


def torchvision_mobilenet_v2(network: Network) -> Names:
    """``features.0.0``, ``features.2.conv.0.0`` …, ``classifier.1``."""
    names = {**_ends(network), "head": "classifier.1"}
    for inside in _blocks(network):
        if inside.unit == "project":
            its = str(inside.place + inside.is_norm)
        else:
            its = f"{inside.place}.{int(inside.is_norm)}"
        names[inside.layer] = f"features.{inside.index}.conv.{its}"
    return _of(network, names)


def torchvision_mobilenet_v3(network: Network) -> Names:
    """``features.0.0``, ``features.4.block.2.fc1`` …, ``classifier.0``, ``classifier.3``."""
    names = {**_ends(network), "hidden": "classifier.0", "head": "classifier.3"}
    for inside in _blocks(network):
        names[inside.layer] = f"features.{inside.index}.block.{_placed(inside)}"
    return _of(network, names)


def torchvision_efficientnet(network: Network) -> Names:
    """``features.0.0``, ``features.2.0.block.2.fc1`` …, ``classifier.1``.

    Examples
    --------
    >>> from sloy import zoo
    >>> names = torchvision_efficientnet(zoo.make("efficientnet_b0", (224, 224, 3), 1000))
    >>> names["block2_1/squeeze/reduce"], names["last"]
    ('features.2.0.block.2.fc1', 'features.8.0')
    """
    stages = {inside.stage for inside in _blocks(network)}
    names = {**_ends(network, len(stages) + 1), "head": "classifier.1"}
    for inside in _blocks(network):
        place = f"features.{inside.stage}.{inside.number - 1}"
        names[inside.layer] = f"{place}.block.{_placed(inside)}"
    return _of(network, names)


def torchvision_convnext(network: Network) -> Names:
    """``features.0.0``, ``features.1.0.block.0`` …, ``features.1.0`` of the scale, ``classifier.2``."""
    inner = {
        "depthwise": ".block.0",
        "norm": ".block.2",
        "expand": ".block.3",
        "project": ".block.5",
    }
    names = {"stem": "features.0.0", "stem_norm": "features.0.1"}
    names |= {"norm": "classifier.0", "head": "classifier.2"}
    for inside in _blocks(network):
        place = f"features.{2 * inside.stage - 1}.{inside.number - 1}"
        names[inside.layer] = place + inner.get(inside.name, "")  # the scale is the block's own
        between = f"features.{2 * inside.stage - 2}"
        names |= {f"down{inside.stage}_norm": f"{between}.0", f"down{inside.stage}": f"{between}.1"}
    return _of(network, names)


def timm_convnext(network: Network) -> Names:
    """``stem.0``, ``stages.0.blocks.0.conv_dw`` …, ``stages.1.downsample.0``, ``head.fc``."""
    inner = {"depthwise": ".conv_dw", "norm": ".norm", "expand": ".mlp.fc1", "project": ".mlp.fc2"}
    names = {"stem": "stem.0", "stem_norm": "stem.1", "norm": "head.norm", "head": "head.fc"}
    for inside in _blocks(network):
        stage = f"stages.{inside.stage - 1}"
        names[inside.layer] = f"{stage}.blocks.{inside.number - 1}{inner.get(inside.name, '')}"
        names[f"down{inside.stage}_norm"] = f"{stage}.downsample.0"
        names[f"down{inside.stage}"] = f"{stage}.downsample.1"
    return _of(network, names)


def timm_inverted(network: Network) -> Names:
    """``conv_stem``, ``blocks.1.0.conv_pw`` …, ``conv_head``, ``classifier``: MobileNetV2, V3, EfficientNet."""
    names = {"stem": "conv_stem", "stem_norm": "bn1", "head": "classifier"}
    stages = 0
    for inside in _blocks(network):
        stages = inside.stage
        place = f"blocks.{inside.stage - 1}.{inside.number - 1}"
        names[inside.layer] = f"{place}.{_timm_inside(inside)}"
    if "hidden" in network.layer_names:  # MobileNetV3 averages before its last widening
        last = f"blocks.{stages}.0"
        names |= {"last": f"{last}.conv", "last_norm": f"{last}.bn1", "hidden": "conv_head"}
    else:
        names |= {"last": "conv_head", "last_norm": "bn2"}
    return _of(network, names)


def _timm_inside(inside: _Inside) -> str:
    if inside.unit == "squeeze":
        return inside.name.replace("squeeze/", "se.conv_")
    convolutions = [unit for unit in inside.units if unit != "squeeze"]
    if inside.is_norm:
        return f"bn{convolutions.index(inside.unit) + 1}"
    last = "conv_pwl" if "expand" in convolutions else "conv_pw"
    return {"expand": "conv_pw", "depthwise": "conv_dw", "project": last}[inside.name]


def _placed(inside: _Inside) -> str:
    """A layer by the place of its unit in a chain: ``1.0``, ``1.1`` of its norm, ``2.fc1``."""
    if inside.unit == "squeeze":
        dense = {"squeeze/reduce": "fc1", "squeeze/expand": "fc2"}
        return f"{inside.place}.{dense[inside.name]}"
    return f"{inside.place}.{int(inside.is_norm)}"


def _ends(network: Network, last: int | None = None) -> Names:
    """torchvision's first and last convolutions with their norms."""
    if last is None:
        last = 1 + max(inside.index for inside in _blocks(network))
    names = {"stem": "features.0.0", "stem_norm": "features.0.1"}
    return names | {"last": f"features.{last}.0", "last_norm": f"features.{last}.1"}


def _layers(network: Network) -> list[str]:
    """The layers with weights, those in blocks with their whole names."""
    return list(dict.fromkeys(name.rpartition("/")[0] for name in network.shapes))


def _of(network: Network, names: Names) -> Names:
    """Those of the layers that the network has."""
    return {layer: names[layer] for layer in _layers(network) if layer in names}


def _blocks(network: Network) -> Iterator[_Inside]:
    """The layers with weights in blocks, in order."""
    found = [(match, layer) for layer in _layers(network) if (match := _BLOCK.fullmatch(layer))]
    units: dict[tuple[str, str], dict[str, None]] = {}
    for match, _ in found:
        units.setdefault((match[1], match[2]), {})[_unit(match[3])] = None
    order = list(units)
    for match, layer in found:
        key = (match[1], match[2])
        yield _Inside(
            layer,
            int(match[1]),
            int(match[2]),
            order.index(key) + 1,
            match[3],
            tuple(units[key]),
        )


def _unit(name: str) -> str:
    return name.split("/")[0].removesuffix("_norm")
