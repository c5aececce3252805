"""The residual networks for pictures of about 32 × 32 pixels."""

from __future__ import annotations

from sloy.arguments import flag, integer
from sloy.errors import InvalidArgument
from sloy.graph.spec import Shape
from sloy.layers import BatchNorm, Conv2D, Dense, GlobalAveragePool2D, Layer, ReLU, Residual
from sloy.problem.network import Network


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
    if integer("resnet", "depth", depth, 8) % 6 != 2:
        raise InvalidArgument(f"resnet: `depth` (={depth}) must be 6 n + 2, such as 20, 32 or 56.")
    flag("resnet", "include_top", include_top)
    first = integer("resnet", "width", width)
    layers: list[Layer] = [*_convolution(first, 3, 1, ""), ReLU()]
    for stage, channels in enumerate((first, 2 * first, 4 * first), 1):
        for number in range(1, (depth - 2) // 6 + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            layers += [_block(channels, stride, f"block{stage}_{number}"), ReLU()]
    if include_top:
        layers += [GlobalAveragePool2D(), Dense(integer("resnet", "classes", classes), name="head")]
    return Network(input_shape, layers)


def _block(channels: int, stride: int, name: str) -> Residual:
    body = [
        *_convolution(channels, 3, stride, "1"),
        ReLU(),
        *_convolution(channels, 3, 1, "2"),
    ]
    shortcut = _convolution(channels, 1, stride, "") if stride > 1 else None
    return Residual(body, shortcut, name=name)


def _convolution(channels: int, size: int, stride: int, number: str) -> list[Layer]:
    """A convolution without bias, which the normalisation behind it would take away again."""
    convolution = Conv2D(
        channels,
        size,
        stride=stride,
        padding=size // 2,
        use_bias=False,
        weight_initializer="he_normal",
        name=f"conv{number}",
    )
    return [convolution, BatchNorm(name=f"norm{number}")]
