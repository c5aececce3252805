"""Networks of inverted residual blocks: MobileNetV2 and V3, EfficientNet-B0.

A block widens its input with a 1 × 1 convolution, filters every channel by itself, and narrows it again with a 1 × 1
convolution without activation. Around blocks that keep the shape the input goes straight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sloy.arguments import flag, integer, real
from sloy.errors import InvalidArgument
from sloy.graph.spec import Shape
from sloy.layers import (
    Dense,
    Dropout,
    GlobalAveragePool2D,
    Layer,
    Residual,
    Sequential,
    SqueezeExcitation,
    StochasticDepth,
)
from sloy.layers.activations import activation
from sloy.problem.network import Network
from sloy.text import shown
from sloy.zoo.parts import FEATURES_END, conv_norm, in_eights


@dataclass(frozen=True)
class Block:
    """One inverted residual block.

    Attributes
    ----------
    kernel, stride : int
        Of the convolution of each channel by itself.
    channels, expanded, filters : int
        Of the input, inside, and of the output.
    squeezed : int
        Neurons of its `SqueezeExcitation`; 0 for none.
    activation : str
        Behind the first two convolutions.
    gate : str
        Of the `SqueezeExcitation`.
    drop : float
        Probability with which a sample skips it in training, where the input goes straight around it.
    """

    kernel: int
    stride: int
    channels: int
    expanded: int
    filters: int
    squeezed: int = 0
    activation: str = "relu6"
    gate: str = "sigmoid"
    drop: float = 0.0


@dataclass(frozen=True)
class Plan:
    """What a network of such blocks is made of.

    Attributes
    ----------
    place : str
        Its name, for errors.
    stages : sequence of sequences of Block
    last : int
        Channels of the 1 × 1 convolution behind the blocks.
    activation : str
        Behind it and behind the first convolution, which has the channels of the first block.
    hidden : int
        Neurons of a dense layer before the last; 0 for none.
    dropout : float
    epsilon, momentum : float
        Of every `BatchNorm`.
    """

    place: str
    stages: Sequence[Sequence[Block]]
    last: int
    activation: str
    hidden: int = 0
    dropout: float = 0.2
    epsilon: float = 1e-5
    momentum: float = 0.9


def mobilenet_v2(
    input_shape: Shape,
    classes: int,
    *,
    include_top: bool = True,
    width: float = 1.0,
    dropout: float = 0.2,
) -> Network:
    """MobileNetV2: logits (N, classes), or the last maps.

    Layers: ``stem``, ``stem_norm``, ``stem_act``, ``block1_1`` … ``block7_1``, ``last``, ``last_norm``, ``last_act``,
    ``average``, ``drop``, ``head``; inside a block ``expand``, ``depthwise``, ``project``, each with ``…_norm`` and
    ``…_act``. Height and width halve five times.

    Parameters
    ----------
    input_shape : (H, W, C)
    classes : int
    include_top : bool
        False ends after ``last_act``: features (N, H/32, W/32, 1280).
    width : float
        Factor of the channels, rounded to multiples of 8; those of ``last`` only grow.
    dropout : float
        Before the last layer.

    References
    ----------
    .. [1] M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen, "MobileNetV2: inverted residuals and linear
       bottlenecks", CVPR 2018, table 2.

    Examples
    --------
    >>> mobilenet_v2((224, 224, 3), 1000).parameter_count
    3504872
    """
    factor = real("mobilenet_v2", "width", width, above=0)
    channels, stages = in_eights(32 * factor), []
    for expansion, filters, count, stride in _V2:
        out = in_eights(filters * factor)
        stage = []
        for number in range(count):
            step = stride if number == 0 else 1
            stage.append(Block(3, step, channels, channels * expansion, out))
            channels = out
        stages.append(stage)
    last = in_eights(1280 * max(1.0, factor))
    plan = Plan("mobilenet_v2", stages, last, "relu6", dropout=dropout)
    return _network(input_shape, classes, plan, include_top=include_top)


# Stages: expansion, channels, blocks, stride of the first.
_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v3(
    size: str,
    input_shape: Shape,
    classes: int,
    *,
    include_top: bool = True,
    width: float = 1.0,
    dropout: float = 0.2,
    epsilon: float = 1e-3,
) -> Network:
    """MobileNetV3: logits (N, classes), or the last maps.

    Layers as of `mobilenet_v2`, with ``squeeze`` in some blocks, and ``hidden`` and ``hidden_act`` before ``drop``.

    Parameters
    ----------
    size : "large" or "small"
    input_shape : (H, W, C)
    classes : int
    include_top : bool
        False ends after ``last_act``: features (N, H/32, W/32, 960), of the small one 576.
    width : float
        Factor of the channels, rounded to multiples of 8.
    dropout : float
        Before the last layer.
    epsilon : float
        Of every `BatchNorm`: 1e-3 for torchvision's weights, 1e-5 for timm's.

    References
    ----------
    .. [1] A. Howard et al., "Searching for MobileNetV3", ICCV 2019, tables 1 and 2.

    Examples
    --------
    >>> mobilenet_v3("large", (224, 224, 3), 1000).parameter_count
    5483032
    >>> mobilenet_v3("small", (224, 224, 3), 1000).parameter_count
    2542856
    """
    if not isinstance(size, str) or size not in _V3:
        raise InvalidArgument(f"mobilenet_v3: `size` (={shown(size)}) must be large or small.")
    place = f"mobilenet_v3_{size}"
    factor = real(place, "width", width, above=0)
    stages_of, hidden = _V3[size]
    channels, stages = in_eights(16 * factor), []
    for kernel, filters, stride, expanded, squeezed, kind in stages_of:
        stage = []
        for number, wide in enumerate(expanded):
            inner, out = in_eights(wide * factor), in_eights(filters * factor)
            stage.append(
                Block(
                    kernel, stride if number == 0 else 1, channels, inner, out,
                    in_eights(inner // 4) if squeezed else 0, kind, "hard_sigmoid",
                )
            )  # fmt: skip
            channels = out
        stages.append(stage)
    plan = Plan(
        place, stages, 6 * channels, "hard_swish", in_eights(hidden * factor), dropout,
        real(place, "epsilon", epsilon, above=0), 0.99,
    )  # fmt: skip
    return _network(input_shape, classes, plan, include_top=include_top)


# Size → stages, each (kernel, channels, stride of the first block, expanded channels of each block, whether squeezed,
# activation), and neurons of the hidden layer.
_Stage = tuple[int, int, int, tuple[int, ...], bool, str]
_V3: dict[str, tuple[tuple[_Stage, ...], int]] = {
    "large": (
        (
            (3, 16, 1, (16,), False, "relu"),
            (3, 24, 2, (64, 72), False, "relu"),
            (5, 40, 2, (72, 120, 120), True, "relu"),
            (3, 80, 2, (240, 200, 184, 184), False, "hard_swish"),
            (3, 112, 1, (480, 672), True, "hard_swish"),
            (5, 160, 2, (672, 960, 960), True, "hard_swish"),
        ),
        1280,
    ),
    "small": (
        (
            (3, 16, 2, (16,), True, "relu"),
            (3, 24, 2, (72, 88), False, "relu"),
            (5, 40, 2, (96, 240, 240), True, "hard_swish"),
            (5, 48, 1, (120, 144), True, "hard_swish"),
            (5, 96, 2, (288, 576, 576), True, "hard_swish"),
        ),
        1024,
    ),
}


def efficientnet_b0(
    input_shape: Shape,
    classes: int,
    *,
    include_top: bool = True,
    width: float = 1.0,
    dropout: float = 0.2,
    drop_path: float = 0.2,
) -> Network:
    """EfficientNet-B0: logits (N, classes), or the last maps.

    Layers as of `mobilenet_v2`, with ``squeeze`` in every block, and ``drop`` at the end of those that the input goes
    around.

    Parameters
    ----------
    input_shape : (H, W, C)
    classes : int
    include_top : bool
        False ends after ``last_act``: features (N, H/32, W/32, 1280).
    width : float
        Factor of the channels, rounded to multiples of 8.
    dropout : float
        Before the last layer.
    drop_path : float
        Probability with which a sample skips a block in training; it grows from 0 at the first block towards this.

    References
    ----------
    .. [1] M. Tan, Q. Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019,
       table 1.

    Examples
    --------
    >>> efficientnet_b0((224, 224, 3), 1000).parameter_count
    5288548
    """
    place = "efficientnet_b0"
    factor = real(place, "width", width, above=0)
    most = real(place, "drop_path", drop_path, least=0, below=1)
    total, before = sum(row[-1] for row in _B0), 0
    channels, stages = in_eights(32 * factor), []
    for expansion, kernel, stride, filters, count in _B0:
        out = in_eights(filters * factor)
        stage = []
        for number in range(count):
            inner, squeezed = in_eights(channels * expansion), max(1, channels // 4)
            block = Block(kernel, 1, channels, inner, out, squeezed, "silu", "sigmoid")
            step = stride if number == 0 else 1
            stage.append(replace(block, stride=step, drop=most * before / total))
            channels, before = out, before + 1
        stages.append(stage)
    plan = Plan(place, stages, 4 * channels, "silu", dropout=dropout)
    return _network(input_shape, classes, plan, include_top=include_top)


# Stages: expansion, kernel, stride of the first block, channels, blocks.
_B0 = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


def _network(input_shape: Shape, classes: int, plan: Plan, *, include_top: bool) -> Network:
    """The network of a plan."""
    place = plan.place
    flag(place, "include_top", include_top)
    rate = real(place, "dropout", plan.dropout, least=0, below=1)
    first = plan.stages[0][0].channels
    layers = _unit(plan, "stem", first, 3, plan.activation, stride=2)
    for number, stage in enumerate(plan.stages, 1):
        for count, block in enumerate(stage, 1):
            layers.append(_block(plan, block, f"block{number}_{count}"))
    layers += _unit(plan, "last", plan.last, 1, plan.activation)
    if include_top:
        layers.append(GlobalAveragePool2D(name=FEATURES_END))
        if plan.hidden:
            layers.append(Dense(plan.hidden, weight_initializer="he_normal", name="hidden"))
            layers.append(_activation(plan.activation, "hidden_act"))
        layers += [Dropout(rate, name="drop"), Dense(integer(place, "classes", classes), name="head")]  # fmt: skip
    return Network(input_shape, layers)


def _block(plan: Plan, block: Block, name: str) -> Layer:
    """A `Residual` where the shape stays, else a `Sequential`."""
    straight = block.stride == 1 and block.channels == block.filters
    layers: list[Layer] = []
    if block.expanded != block.channels:
        layers += _unit(plan, "expand", block.expanded, 1, block.activation)
    layers += _unit(
        plan,
        "depthwise",
        block.expanded,
        block.kernel,
        block.activation,
        stride=block.stride,
        groups=block.expanded,
    )
    if block.squeezed:
        inner = "relu" if block.activation == "hard_swish" else block.activation
        layers.append(
            SqueezeExcitation(block.squeezed, activation=inner, gate=block.gate, name="squeeze")
        )
    layers += _unit(plan, "project", block.filters, 1, None)
    if straight and block.drop:
        layers.append(StochasticDepth(block.drop, name="drop"))
    return Residual(layers, name=name) if straight else Sequential(layers, name=name)


def _unit(
    plan: Plan,
    name: str,
    filters: int,
    size: int,
    kind: str | None,
    *,
    stride: int = 1,
    groups: int = 1,
) -> list[Layer]:
    """A convolution, its normalisation and its activation."""
    layers = conv_norm(
        filters,
        size,
        name,
        f"{name}_norm",
        stride=stride,
        groups=groups,
        epsilon=plan.epsilon,
        momentum=plan.momentum,
    )
    return layers if kind is None else [*layers, _activation(kind, f"{name}_act")]


def _activation(kind: str, name: str) -> Layer:
    return replace(activation("zoo", kind), name=name)
