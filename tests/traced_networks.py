"""Small networks of all kinds of layers that go by hand, chosen and drawn."""

from __future__ import annotations

import numpy as np

from sloy.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    Layer,
    Maxout,
    MaxPool2D,
    ReLU,
    Reshape,
    Sigmoid,
    Softmax,
    Tanh,
)
from sloy.theory import half_squared_error, log_loss

NETWORKS: dict[str, tuple[tuple[int, ...], list[Layer], object]] = {
    "convolution": ((5, 5, 1), [Conv2D(1, 3), Tanh(), Flatten(), Dense(2)], half_squared_error),
    "two convolutions": (
        (7, 6, 2),
        [Conv2D(3, 3, stride=2, padding="same"), ReLU(), Conv2D(2, 2), Tanh(), Flatten(), Dense(2)],
        "categorical_crossentropy",
    ),
    "groups and dilation": (
        (6, 6, 4),
        [
            Conv2D(4, (3, 2), groups=2, dilation=(1, 2), padding=(1, 0, 2, 1)),
            Tanh(),
            Conv2D(4, 2, groups=4, use_bias=False),
            Flatten(),
            Dense(1),
        ],
        "binary_crossentropy",
    ),
    "maxima": (
        (6, 6, 2),
        [
            Conv2D(2, 2), ReLU(), MaxPool2D(3, stride=1), MaxPool2D(2, padding="same"), Flatten(),
            Dense(2), Softmax(),
        ],
        log_loss,
    ),
    "means": (
        (6, 7, 2),
        [
            AveragePool2D(2, padding=1), Conv2D(3, 2), Sigmoid(),
            AveragePool2D(2, stride=1, padding=1, count_include_pad=True), GlobalAveragePool2D(), Dense(2),
        ],
        half_squared_error,
    ),
    "softmax in the middle": (
        (4,),
        [Dense(5), Softmax(), Dense(3), Tanh(), Softmax(), Dense(2), Softmax()],
        log_loss,
    ),
    "maxout": (
        (4,),
        [Maxout(3, pieces=3), Dense(2), Maxout(4), Tanh(), Dense(2)],
        "categorical_crossentropy",
    ),
    "dropout": (
        (4, 4, 2),
        [
            Dropout(0.2), Conv2D(3, 2), Tanh(), Dropout(0.5), Flatten(), Dense(6), ReLU(), Dropout(0.3),
            Dense(3),
        ],
        "categorical_crossentropy",
    ),
    "normalisation": (
        (5, 5, 2),
        [Conv2D(3, 2), BatchNorm(), ReLU(), Reshape((48,)), Reshape((4, 4, 3)), Flatten(), Dense(2)],
        half_squared_error,
    ),
}  # fmt: skip


def random_network(seed: int) -> tuple[tuple[int, ...], list[Layer], object]:
    """A small network of these layers in any order."""
    random = np.random.default_rng(seed)
    C = int(random.integers(1, 4))
    shape = (int(random.integers(4, 7)), int(random.integers(4, 7)), C)
    layers: list[Layer] = []
    extents = shape
    for _ in range(random.integers(1, 4)):
        groups = int(random.choice([g for g in (1, 2, 3) if extents[2] % g == 0]))
        conv = Conv2D(
            groups * int(random.integers(1, 3)),
            (int(random.integers(1, 4)), int(random.integers(1, 4))),
            stride=int(random.integers(1, 3)),
            padding=[1, "same", (1, 2, 1, 1)][random.integers(3)],
            groups=groups,
            use_bias=bool(random.integers(2)),
        )
        others = [
            Tanh(), ReLU(), BatchNorm(), Dropout(0.3), AveragePool2D(2, stride=1, padding=1),
            MaxPool2D(2, stride=1, padding=1), MaxPool2D((1, 2), stride=1, padding="same"),
        ]  # fmt: skip
        chosen = [others[k] for k in random.permutation(len(others))[:3]]
        for layer in (conv, *chosen):
            layers.append(layer)
            extents = layer.output_shape(extents)
    layers.append([Flatten(), GlobalAveragePool2D()][random.integers(2)])
    middle = [Dense(4), Maxout(3), Softmax(), Sigmoid(), Dropout(0.5), Maxout(2, pieces=3), Tanh()]
    layers += [middle[k] for k in random.permutation(len(middle))[:4]]
    loss = [half_squared_error, "categorical_crossentropy", "binary_crossentropy", log_loss][
        random.integers(4)
    ]
    layers += [Dense(3), Softmax()] if loss is log_loss else [Dense(3)]
    return shape, layers, loss


# Not 11: there, two numbers of a window differ by rounding alone, and loops find another winner.
SEEDS = [seed for seed in range(17) if seed != 11]
CASES = {**NETWORKS, **{f"random {seed}": random_network(seed) for seed in SEEDS}}
