"""Small convolutional networks for small pictures."""

from __future__ import annotations

from sloy.arguments import integer
from sloy.graph.spec import Shape
from sloy.layers import Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, ReLU
from sloy.network import Network

_INITIAL = "fan_in_uniform"  # of weights and biases alike, as the recipe has it


def _conv_pool_dense(
    input_shape: Shape, classes: int, first: int, second: int, units: int
) -> Network:
    """5×5 convolution, pool, ReLU, 3×3 convolution, pool, ReLU, dense, ReLU, dense.

    Pooling before ReLU gives the same values as after it, from a quarter of the ReLUs.
    """

    def convolution(filters: int, size: int) -> Layer:
        return Conv2D(filters, size, weight_initializer=_INITIAL, bias_initializer=_INITIAL)

    def dense(size: int) -> Layer:
        return Dense(size, weight_initializer=_INITIAL, bias_initializer=_INITIAL)

    return Network(
        input_shape,
        [
            convolution(first, 5),
            MaxPool2D(2),
            ReLU(),
            convolution(second, 3),
            MaxPool2D(2),
            ReLU(),
            Flatten(),
            dense(units),
            ReLU(),
            dense(classes),
        ],
    )


def cnn(input_shape: Shape, classes: int) -> Network:
    """The default network for MNIST: convolutions of 32 channels, a dense layer of 256, logits (N, classes).

    References
    ----------
    .. [1] T. Oksanen, "train_mnist_fast", github.com/tuomaso/train_mnist_fast: the layers, with 32 channels instead
       of 24 in the first.

    Examples
    --------
    >>> cnn((28, 28, 1), 10).parameter_count
    217706
    """
    return _conv_pool_dense(input_shape, integer("cnn", "classes", classes), 32, 32, 256)


def fast(input_shape: Shape, classes: int) -> Network:
    """`cnn` with 16 channels in the first convolution and a dense layer of 128.

    Examples
    --------
    >>> fast((28, 28, 1), 10).parameter_count
    108874
    """
    return _conv_pool_dense(input_shape, integer("fast", "classes", classes), 16, 32, 128)


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
