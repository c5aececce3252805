"""The VGG networks: 3 × 3 convolutions in five blocks, a pooling after each, three dense layers."""

from __future__ import annotations

from sloy.arguments import extents, flag, integer, real
from sloy.errors import InvalidArgument
from sloy.graph.spec import Shape
from sloy.layers import (
    AdaptiveAveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    ReLU,
)
from sloy.problem.network import Network
from sloy.text import shown

# Depth → convolutions of each block: configurations A, B, D and E of the paper's table 1.
CONVOLUTIONS: dict[int, tuple[int, ...]] = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
CHANNELS = (64, 128, 256, 512, 512)  # of each block


def vgg(
    depth: int,
    input_shape: Shape,
    classes: int,
    *,
    batch_norm: bool = False,
    include_top: bool = True,
    grid: int | None = None,
    width: float = 1.0,
    units: int = 4096,
    dropout: float = 0.5,
) -> Network:
    """A VGG network: logits (N, classes), or the maps of the last pooling.

    Layers are named as is usual: ``conv1_1``, ``relu1_1``, … ``pool5``, ``fc6``, ``relu6``, ``drop6``, ``fc7``, …
    ``fc8``; with batch normalisation ``norm1_1`` … between a convolution and its ReLU. Each pooling halves height and
    width; where only one pixel is left, the pooling is left out, so that small pictures go through too.

    Parameters
    ----------
    depth : 11, 13, 16 or 19
        Layers with weights; configurations A, B, D and E.
    input_shape : (H, W, C)
    classes : int
    batch_norm : bool
        Whether each convolution is normalised.
    include_top : bool
        False ends after ``pool5``: features (N, H/32, W/32, 512) for layers of your own.
    grid : int, optional
        Average the last maps to ``grid`` × ``grid`` first, so that the dense layers fit pictures of any size: with 7,
        those of the weights trained at 224 × 224. By default the maps are taken as they are.
    width : float
        Factor of the convolutions' channels, for smaller pictures or machines.
    units : int
        Neurons of ``fc6`` and ``fc7``.
    dropout : float
        Probability with which each of those neurons is dropped in training.

    References
    ----------
    .. [1] K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015.
    .. [2] K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015: the initial weights.

    Examples
    --------
    >>> vgg(16, (224, 224, 3), 1000).parameter_count
    138357544
    >>> vgg(16, (32, 32, 3), 10, units=512).parameter_count
    15245130
    >>> vgg(19, (96, 96, 3), 10, include_top=False).output_shape
    (3, 3, 512)
    """
    place = f"vgg{depth}"
    if not isinstance(depth, int) or depth not in CONVOLUTIONS:
        raise InvalidArgument(f"vgg: `depth` (={shown(depth)}) must be one of 11, 13, 16, 19.")
    flag(place, "batch_norm", batch_norm)
    flag(place, "include_top", include_top)
    factor = real(place, "width", width, above=0)
    input_shape = extents(place, "input_shape", input_shape)
    extent = min(input_shape[:2]) if len(input_shape) == 3 else 1
    layers: list[Layer] = []
    for block, (count, channels) in enumerate(zip(CONVOLUTIONS[depth], CHANNELS, strict=True), 1):
        for number in range(1, count + 1):
            filters = max(1, round(channels * factor))
            layers += _convolution(f"{block}_{number}", filters, batch_norm=batch_norm)
        if extent > 1:
            layers.append(MaxPool2D(2, name=f"pool{block}"))
            extent //= 2
    if include_top:
        if grid is not None:
            layers.append(AdaptiveAveragePool2D(integer(place, "grid", grid), name="grid"))
        layers += _top(integer(place, "classes", classes), integer(place, "units", units), dropout)
    return Network(input_shape, layers)


def _convolution(place: str, filters: int, *, batch_norm: bool) -> list[Layer]:
    """One convolution, its normalisation and its ReLU; the bias stays beside a norm, as published weights have it."""
    name = f"conv{place}"
    layers: list[Layer] = [Conv2D(filters, 3, padding=1, weight_initializer="he_normal", name=name)]
    if batch_norm:
        layers.append(BatchNorm(name=f"norm{place}"))
    return [*layers, ReLU(name=f"relu{place}")]


def _top(classes: int, units: int, dropout: float) -> list[Layer]:
    def hidden(number: int) -> list[Layer]:
        dense = Dense(units, weight_initializer="he_normal", name=f"fc{number}")
        return [dense, ReLU(name=f"relu{number}"), Dropout(dropout, name=f"drop{number}")]

    return [Flatten(name="flatten"), *hidden(6), *hidden(7), Dense(classes, name="fc8")]
