"""ConvNeXt: a convolutional network built like a vision transformer."""

from __future__ import annotations

from sloy.arguments import extents, flag, integer, real
from sloy.graph.spec import Shape
from sloy.layers import (
    GELU,
    Conv2D,
    Dense,
    GlobalAveragePool2D,
    Layer,
    LayerNorm,
    Residual,
    Scale,
    StochasticDepth,
)
from sloy.problem.network import Network
from sloy.zoo.parts import FEATURES_END, scaled

BLOCKS = (3, 3, 9, 3)  # of each stage
CHANNELS = (96, 192, 384, 768)
EPSILON = 1e-6
LAYER_SCALE = 1e-6


def convnext_tiny(
    input_shape: Shape,
    classes: int,
    *,
    include_top: bool = True,
    width: float = 1.0,
    drop_path: float = 0.1,
) -> Network:
    """ConvNeXt-Tiny: logits (N, classes), or the maps of the last stage.

    A 4 × 4 convolution of stride 4, then four stages of residual blocks, between them a 2 × 2 convolution of stride 2:
    ``stem``, ``stem_norm``, ``block1_1`` …, ``down2_norm``, ``down2``, ``block2_1`` …, ``average``, ``norm``, ``head``.
    A block filters each channel by itself with 7 × 7 weights (``depthwise``), normalises the channels of each pixel
    (``norm``), and widens them four times and narrows them again (``expand``, ``gelu``, ``project``); what comes out is
    scaled per channel (``scale``). Windows larger than what is left of a small picture are padded with zeros.

    Parameters
    ----------
    input_shape : (H, W, C)
    classes : int
    include_top : bool
        False ends after the last stage: features (N, H/32, W/32, 768).
    width : float
        Factor of the channels, for smaller pictures or machines.
    drop_path : float
        Probability with which a sample skips the last block in training; it grows from 0 at the first one.

    References
    ----------
    .. [1] Z. Liu, H. Mao, C.-Y. Wu, C. Feichtenhofer, T. Darrell, S. Xie, "A ConvNet for the 2020s", CVPR 2022.

    Examples
    --------
    >>> convnext_tiny((224, 224, 3), 1000).parameter_count
    28589128
    """
    place = "convnext_tiny"
    flag(place, "include_top", include_top)
    factor = real(place, "width", width, above=0)
    most = real(place, "drop_path", drop_path, least=0, below=1)
    input_shape = extents(place, "input_shape", input_shape)
    sides: Shape = input_shape[:2] if len(input_shape) == 3 else (1, 1)
    layers: list[Layer] = []
    before, size = 0, 4
    for stage, (count, full) in enumerate(zip(BLOCKS, CHANNELS, strict=True), 1):
        channels = scaled(full, factor)
        name = "stem" if stage == 1 else f"down{stage}"
        convolution = _patches(channels, size, name, sides)
        norm = LayerNorm(epsilon=EPSILON, name=f"{name}_norm")
        layers += [convolution, norm] if stage == 1 else [norm, convolution]
        sides = tuple(max(1, extent // size) for extent in sides)
        for number in range(1, count + 1):
            drop = most * before / (sum(BLOCKS) - 1)
            layers.append(_block(channels, drop, f"block{stage}_{number}"))
            before += 1
        size = 2
    if include_top:
        head = Dense(integer(place, "classes", classes), name="head")
        norm = LayerNorm(epsilon=EPSILON, name="norm")
        layers += [GlobalAveragePool2D(name=FEATURES_END), norm, head]
    return Network(input_shape, layers)


def _patches(channels: int, size: int, name: str, sides: Shape) -> Conv2D:
    """A convolution whose windows stand side by side; padded where they are larger than the map."""
    padding = "same" if min(sides) < size else "valid"
    return Conv2D(
        channels, size, stride=size, padding=padding, weight_initializer="he_normal", name=name
    )


def _block(channels: int, drop: float, name: str) -> Residual:
    def convolution(filters: int, size: int, its: str, groups: int = 1) -> Conv2D:
        return Conv2D(
            filters,
            size,
            padding=size // 2,
            groups=groups,
            weight_initializer="he_normal",
            name=its,
        )

    layers: list[Layer] = [
        convolution(channels, 7, "depthwise", channels),
        LayerNorm(epsilon=EPSILON, name="norm"),
        convolution(4 * channels, 1, "expand"),
        GELU(name="gelu"),
        convolution(channels, 1, "project"),
        Scale(initial=LAYER_SCALE, per_channel=True, name="scale"),
    ]
    if drop:
        layers.append(StochasticDepth(drop, name="drop"))
    return Residual(layers, name=name)
