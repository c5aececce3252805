"""Residual networks: for pictures of about 32 × 32 pixels, and for those of ImageNet's size."""

from __future__ import annotations

from sloy.arguments import flag, integer, real
from sloy.errors import InvalidArgument
from sloy.graph.spec import Shape
from sloy.layers import Dense, GlobalAveragePool2D, Layer, MaxPool2D, ReLU, Residual
from sloy.problem.network import Network
from sloy.text import shown
from sloy.zoo.parts import FEATURES_END, conv_norm, scaled

# Depth → blocks of each stage, and whether they are bottlenecks: the paper's table 1.
IMAGENET: dict[int, tuple[tuple[int, ...], bool]] = {
    18: ((2, 2, 2, 2), False),
    34: ((3, 4, 6, 3), False),
    50: ((3, 4, 6, 3), True),
}


def resnet(
    depth: int,
    input_shape: Shape,
    classes: int,
    *,
    width: int = 16,
    include_top: bool = True,
) -> Network:
    """A residual network in three stages of `width`, 2 · `width` and 4 · `width` channels: logits (N, classes).

    A 3 × 3 convolution, then (depth - 2) / 6 blocks in each stage. A block is twice 3 × 3 convolution and batch
    normalisation, around which its input goes straight, ReLU after the first and after the sum. The first block of the
    second and third stage halves height and width; its straight way is a 1 × 1 convolution of stride 2 with batch
    normalisation (option B of the paper). At the end each channel's mean, and a dense layer.

    Parameters
    ----------
    depth : int
        Layers with weights, 6 n + 2: 8, 14, 20, 32, 44, 56, 110 …
    input_shape : (H, W, C)
    classes : int
    width : int
        Channels of the first stage.
    include_top : bool
        False ends with the maps of the last stage, (N, H/4, W/4, 4 · width).

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016, section 4.2.

    Examples
    --------
    >>> resnet(20, (32, 32, 3), 10).parameter_count
    272474
    """
    if integer("resnet", "depth", depth, 8, 10_000) % 6 != 2:
        raise InvalidArgument(f"resnet: `depth` (={depth}) must be 6 n + 2, such as 20, 32 or 56.")
    flag("resnet", "include_top", include_top)
    first = integer("resnet", "width", width)
    layers: list[Layer] = [*conv_norm(first, 3, "conv", "norm"), ReLU()]
    for stage, channels in enumerate((first, 2 * first, 4 * first), 1):
        for number in range(1, (depth - 2) // 6 + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            layers += [_block(channels, stride, f"block{stage}_{number}"), ReLU()]
    if include_top:
        layers += [GlobalAveragePool2D(), Dense(integer("resnet", "classes", classes), name="head")]
    return Network(input_shape, layers)


def imagenet_resnet(
    depth: int,
    input_shape: Shape,
    classes: int,
    *,
    include_top: bool = True,
    width: float = 1.0,
) -> Network:
    """ResNet-18, 34 or 50: logits (N, classes), or the maps of the last stage.

    A 7 × 7 convolution of stride 2, a 3 × 3 pooling of stride 2, then four stages of residual blocks: ``conv1``,
    ``norm1``, ``relu1``, ``pool1``, ``block1_1``, ``relu1_1``, … ``average``, ``head``. A block has two 3 × 3
    convolutions; in ResNet-50 a 1 × 1, a 3 × 3 and a 1 × 1 convolution, the last with four times the channels
    ("bottleneck"), its stride being that of the 3 × 3 one, as in PyTorch. Blocks are as in `resnet`:
    ``block2_1/conv1``, ``block2_1/norm1`` …, ``block2_1/shortcut/conv``.

    Parameters
    ----------
    depth : 18, 34 or 50
        Layers with weights.
    input_shape : (H, W, C)
    classes : int
    include_top : bool
        False ends after the last stage: features (N, H/32, W/32, 512), of ResNet-50 2048.
    width : float
        Factor of the channels, for smaller pictures or machines.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016, table 1.

    Examples
    --------
    >>> imagenet_resnet(18, (224, 224, 3), 1000).parameter_count
    11689512
    """
    if not isinstance(depth, int) or depth not in IMAGENET:
        raise InvalidArgument(
            f"imagenet_resnet: `depth` (={shown(depth)}) must be one of {', '.join(map(str, IMAGENET))};"
            " for small pictures `resnet` has others."
        )
    place = f"resnet{depth}"
    flag(place, "include_top", include_top)
    factor = real(place, "width", width, above=0)
    blocks, bottleneck = IMAGENET[depth]
    stem = conv_norm(scaled(64, factor), 7, "conv1", "norm1", stride=2)
    pool = MaxPool2D(3, stride=2, padding=1, name="pool1")
    layers: list[Layer] = [*stem, ReLU(name="relu1"), pool]
    for stage, count in enumerate(blocks, 1):
        channels = scaled(64 * 2 ** (stage - 1), factor)
        for number in range(1, count + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            name = f"block{stage}_{number}"
            if bottleneck:
                changes = number == 1
                layers.append(_bottleneck(channels, stride, name, changes=changes))
            else:
                layers.append(_block(channels, stride, name))
            layers.append(ReLU(name=f"relu{stage}_{number}"))
    if include_top:
        head = Dense(integer(place, "classes", classes), name="head")
        layers += [GlobalAveragePool2D(name=FEATURES_END), head]
    return Network(input_shape, layers)


def _block(channels: int, stride: int, name: str) -> Residual:
    body = [
        *conv_norm(channels, 3, "conv1", "norm1", stride=stride),
        ReLU(),
        *conv_norm(channels, 3, "conv2", "norm2"),
    ]
    return Residual(body, _shortcut(channels, stride) if stride > 1 else None, name=name)


def _bottleneck(channels: int, stride: int, name: str, *, changes: bool) -> Residual:
    """`changes`: whether the input has other channels than the output."""
    body = [
        *conv_norm(channels, 1, "conv1", "norm1"),
        ReLU(),
        *conv_norm(channels, 3, "conv2", "norm2", stride=stride),
        ReLU(),
        *conv_norm(4 * channels, 1, "conv3", "norm3"),
    ]
    return Residual(body, _shortcut(4 * channels, stride) if changes else None, name=name)


def _shortcut(channels: int, stride: int) -> list[Layer]:
    return conv_norm(channels, 1, "conv", "norm", stride=stride)
