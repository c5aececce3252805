"""What the convolutional networks of the zoo are put together from."""

from __future__ import annotations

from sloy.layers import BatchNorm, Conv2D, Layer

FEATURES_END = (
    "average"  # the layer behind the feature maps, the first that `include_top=False` leaves out
)


def conv_norm(
    filters: int,
    size: int,
    name: str,
    norm: str,
    *,
    stride: int = 1,
    groups: int = 1,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
) -> list[Layer]:
    """A convolution without bias, which the normalisation behind it would take away again, and that normalisation."""
    convolution = Conv2D(
        filters,
        size,
        stride=stride,
        padding=size // 2,
        groups=groups,
        use_bias=False,
        weight_initializer="he_normal",
        name=name,
    )
    return [convolution, BatchNorm(epsilon=epsilon, momentum=momentum, name=norm)]


def scaled(channels: int, factor: float) -> int:
    """Channels times a factor, at least 1."""
    return max(1, round(channels * factor))


def in_eights(channels: float) -> int:
    """The nearest multiple of 8, at least 8, never below 90 % of what was asked, as mobile networks have it.

    Examples
    --------
    >>> in_eights(18), in_eights(11.9), in_eights(3)
    (24, 16, 8)
    """
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * channels else nearest
