"""Losses: one number per sample from the network's raw output and the target."""

from __future__ import annotations

from collections.abc import Callable

from sloy.errors import InvalidArgument
from sloy.graph import Tensor
from sloy.losses.base import Loss, Task
from sloy.losses.classification import BinaryCrossentropy, CategoricalCrossentropy, Hinge
from sloy.losses.custom import CustomLoss
from sloy.losses.intervals import Intervals
from sloy.losses.regression import AbsoluteError, Huber, Quantile, SquaredError
from sloy.text import shown

__all__ = [
    "NAMES",
    "AbsoluteError",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CustomLoss",
    "Hinge",
    "Huber",
    "Intervals",
    "Loss",
    "LossLike",
    "Quantile",
    "SquaredError",
    "Task",
    "loss",
]

NAMES: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "intervals": Intervals,
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "hinge": Hinge,
}


LossLike = str | Loss | Callable[[Tensor, Tensor], Tensor]  # what `loss` takes


def loss(value: LossLike) -> Loss:
    """The loss of a name; a loss stays as it is, a function becomes a `CustomLoss`.

    Examples
    --------
    >>> loss("huber")
    Huber(unit=1.0, delta=1.0)
    """
    if isinstance(value, Loss):
        return value
    if isinstance(value, str) and value in NAMES:
        return NAMES[value]()
    if not isinstance(value, str | type) and callable(value):
        return CustomLoss(value)
    raise InvalidArgument(
        f"`loss` (={shown(value)}) must be one of {', '.join(NAMES)}, a Loss, or a function(output, target)."
    )
