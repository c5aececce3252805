"""LeNet-5."""

from __future__ import annotations

from sloy.arguments import extents, integer
from sloy.graph.spec import Shape
from sloy.layers import AveragePool2D, Conv2D, Dense, Flatten, Tanh
from sloy.problem.network import Network


def lenet5(input_shape: Shape, classes: int) -> Network:
    """LeNet-5: convolutions of 6 and 16 channels, dense layers of 120 and 84 neurons, tanh, average pooling.

    Two liberties usual today: the second convolution sees all six maps, and the last layer gives logits (N, classes)
    instead of distances to drawn digits. Images of 28 × 28 are padded by 2, as the paper pads MNIST to 32 × 32.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
       Proceedings of the IEEE 86 (1998) 2278-2324, section II.B.

    Examples
    --------
    >>> lenet5((28, 28, 1), 10).parameter_count
    61706
    """
    input_shape = extents("lenet5", "input_shape", input_shape)
    padding = 2 if input_shape[0] <= 28 else 0
    return Network(
        input_shape,
        [
            Conv2D(6, 5, padding=padding),
            Tanh(),
            AveragePool2D(2),
            Conv2D(16, 5),
            Tanh(),
            AveragePool2D(2),
            Flatten(),
            Dense(120),
            Tanh(),
            Dense(84),
            Tanh(),
            Dense(integer("lenet5", "classes", classes)),
        ],
    )
