"""Small convolutional networks for small pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sloy.arguments import extents, flag, integer, real, sequence
from sloy.graph.spec import Shape
from sloy.layers import BatchNorm, Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, ReLU
from sloy.problem.network import Network

_INITIAL = "fan_in_uniform"  # of weights and biases alike, as the published recipe has it
_LONG = 0.97  # of running statistics: at the end of a schedule the weights rest, and more batches tell more


def _convolution(filters: int, size: int, **options: Any) -> Layer:
    return Conv2D(filters, size, weight_initializer=_INITIAL, bias_initializer=_INITIAL, **options)


def _dense(units: int) -> Layer:
    return Dense(units, weight_initializer=_INITIAL, bias_initializer=_INITIAL)


def cnn(input_shape: Shape, classes: int) -> Network:
    """The default network for MNIST: convolutions of 32 channels, a dense layer of 256, logits (N, classes).

    Pooling before ReLU gives the same values as after it, from a quarter of the ReLUs.

    References
    ----------
    .. [1] T. Oksanen, "train_mnist_fast", github.com/tuomaso/train_mnist_fast: the layers, with 32 channels instead
       of 24 in the first.

    Examples
    --------
    >>> cnn((28, 28, 1), 10).parameter_count
    217706
    """
    return Network(
        input_shape,
        [
            _convolution(32, 5),
            MaxPool2D(2),
            ReLU(),
            _convolution(32, 3),
            MaxPool2D(2),
            ReLU(),
            Flatten(),
            _dense(256),
            ReLU(),
            _dense(integer("cnn", "classes", classes)),
        ],
    )


def fast(input_shape: Shape, classes: int) -> Network:
    """A 5×5 convolution with stride 2, a 3×3 one and a pooling, both normalised, a dense layer: logits (N, classes).

    ``sloy train mnist --network fast`` trains it to more than 99 % on MNIST in one epoch: batches of 128, Adam with
    β₂ = 0.95 and a one-cycle schedule up to 0.02, labels smoothed by 0.1.

    Examples
    --------
    >>> fast((28, 28, 1), 10).parameter_count
    62602
    """
    return Network(
        input_shape,
        [
            _convolution(16, 5, stride=2, use_bias=False),
            BatchNorm(momentum=_LONG),
            ReLU(),
            _convolution(24, 3, use_bias=False),
            MaxPool2D(2),
            BatchNorm(momentum=_LONG),
            ReLU(),
            Flatten(),
            _dense(96),
            ReLU(),
            _dense(integer("fast", "classes", classes)),
        ],
    )


def cnn_wide(input_shape: Shape, classes: int) -> Network:
    """3×3 convolutions of 32 and 64 channels, one pooling, a dense layer of 128, dropout ¼ and ½.

    The well-known example network of Keras and PyTorch for MNIST.

    Examples
    --------
    >>> cnn_wide((28, 28, 1), 10).parameter_count
    1199882
    """
    return Network(
        input_shape,
        [
            Conv2D(32, 3),
            ReLU(),
            Conv2D(64, 3),
            ReLU(),
            MaxPool2D(2),
            Dropout(0.25),
            Flatten(),
            Dense(128),
            ReLU(),
            Dropout(0.5),
            Dense(integer("cnn_wide", "classes", classes)),
        ],
    )


def cnn_deep(
    input_shape: Shape,
    classes: int,
    *,
    channels: Sequence[int] = (32, 48, 64, 96, 128),
    dropout: float = 0.3,
) -> Network:
    """A 5×5 convolution and a pooling, then 3×3 convolutions without padding, all normalised: logits (N, classes).

    For pictures of about 28 × 28: of 12 × 12 pixels after the pooling, each convolution leaves 2 fewer along each side.

    Parameters
    ----------
    input_shape : (H, W, C)
    classes : int
    channels : sequence of int
        Of the 5×5 convolution, and of each that follows.
    dropout : float
        Probability with which each input of the last layer is dropped in training.

    Examples
    --------
    >>> cnn_deep((28, 28, 1), 10).parameter_count
    229386
    """
    place = "cnn_deep"
    layers: list[Layer] = []
    for number, filters in enumerate(sequence(place, "channels", channels, int)):
        size = 3 if number else 5
        layers.append(Conv2D(filters, size, use_bias=False, weight_initializer="he_normal"))
        layers += [BatchNorm(), ReLU()] if number else [MaxPool2D(2), BatchNorm(), ReLU()]
    layers.append(Flatten())
    if real(place, "dropout", dropout, least=0, below=1):
        layers.append(Dropout(dropout))
    return Network(input_shape, [*layers, Dense(integer(place, "classes", classes))])


def standard_cnn(
    input_shape: Shape,
    classes: int,
    *,
    channels: Sequence[int] = (32, 64, 128),
    convolutions: int = 1,
    units: Sequence[int] = (128,),
    kernel_size: int = 3,
    batch_norm: bool = False,
    dropout: float = 0.0,
    include_top: bool = True,
) -> Network:
    """The standard architecture (L24): blocks of convolutions and a pooling, then dense layers: logits (N, classes).

    Each block keeps height and width through its convolutions and halves them by its pooling; where only one pixel is
    left, the pooling is left out. Layers are named by block: ``conv1_1``, ``norm1_1``, ``relu1_1``, ``pool1`` …, then
    ``dense1`` …, ``output``.

    Parameters
    ----------
    input_shape : (H, W, C)
    classes : int
    channels : sequence of int
        Of each block's convolutions.
    convolutions : int
        In each block.
    units : sequence of int
        Neurons of each dense layer before the last.
    kernel_size : int
        Of every convolution.
    batch_norm : bool
        Whether each convolution is normalised before its ReLU (it then needs no bias).
    dropout : float
        Probability with which each input of each dense layer is dropped in training.
    include_top : bool
        False ends after the last pooling.

    Examples
    --------
    >>> standard_cnn((28, 28, 1), 10).summary().parameters
    241546
    >>> standard_cnn((32, 32, 3), 10, channels=(8, 16), include_top=False).output_shape
    (8, 8, 16)
    """
    place = "standard_cnn"
    flag(place, "include_top", include_top)
    bias = not flag(place, "batch_norm", batch_norm)
    input_shape = extents(place, "input_shape", input_shape)
    extent = min(input_shape[:2]) if len(input_shape) == 3 else 1
    layers: list[Layer] = []
    for block, filters in enumerate(sequence(place, "channels", channels, int), 1):
        for number in range(1, integer(place, "convolutions", convolutions, 1, 1000) + 1):
            layers.append(
                Conv2D(
                    filters,
                    kernel_size,
                    padding="same",
                    use_bias=bias,
                    weight_initializer="he_normal",
                    name=f"conv{block}_{number}",
                )
            )
            if batch_norm:
                layers.append(BatchNorm(name=f"norm{block}_{number}"))
            layers.append(ReLU(name=f"relu{block}_{number}"))
        if extent > 1:
            layers.append(MaxPool2D(2, name=f"pool{block}"))
            extent //= 2
    if include_top:
        layers += _dense_layers(
            sequence(place, "units", units, int),
            integer(place, "classes", classes),
            real(place, "dropout", dropout, least=0, below=1),
        )
    return Network(input_shape, layers)


def _dense_layers(units: Sequence[int], classes: int, dropout: float) -> list[Layer]:
    """Flatten, hidden layers, logits; dropout before each dense layer."""
    layers: list[Layer] = [Flatten(name="flatten")]

    def drop(number: int) -> list[Layer]:
        return [Dropout(dropout, name=f"drop{number}")] if dropout else []

    for number, size in enumerate(units, 1):
        dense = Dense(size, weight_initializer="he_normal", name=f"dense{number}")
        layers += [*drop(number), dense, ReLU(name=f"relu{number}")]
    return [*layers, *drop(len(units) + 1), Dense(classes, name="output")]
