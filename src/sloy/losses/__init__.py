"""Losses: one number per sample from the network's raw output and the target."""

from __future__ import annotations

from collections.abc import Callable

from sloy.arguments import instance
from sloy.errors import InvalidArgument
from sloy.graph import Tensor
from sloy.losses.base import Loss, Task
from sloy.losses.classification import BinaryCrossentropy, CategoricalCrossentropy, Focal, Hinge
from sloy.losses.counts import Poisson
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
    "Focal",
    "Hinge",
    "Huber",
    "Intervals",
    "Loss",
    "LossLike",
    "Poisson",
    "Quantile",
    "SquaredError",
    "Task",
    "loss",
    "named",
]

NAMES: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "poisson": Poisson,
    "intervals": Intervals,
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "focal": Focal,
    "hinge": Hinge,
}
# Other names of the field for them.
ALIASES = {
    "mse": "squared_error",
    "l2": "squared_error",
    "mae": "absolute_error",
    "l1": "absolute_error",
    "pinball": "quantile",
    "cross_entropy": "categorical_crossentropy",
    "log_loss": "categorical_crossentropy",
}
# Of a name with a number, "quantile=0.9", what the number is.
NUMBERS = {
    "quantile": "level",
    "huber": "delta",
    "focal": "gamma",
    "binary_crossentropy": "label_smoothing",
    "categorical_crossentropy": "label_smoothing",
}


LossLike = str | Loss | Callable[[Tensor, Tensor], Tensor]  # what `loss` takes


def loss(value: LossLike) -> Loss:
    """The loss of a name; a loss stays as it is, a function becomes a `CustomLoss`.

    A name may have a number: the level of a quantile, δ of Huber's loss, γ of the focal loss, ε by which the labels of
    a cross-entropy are smoothed.

    Examples
    --------
    >>> loss("huber"), loss("pinball=0.9"), loss("mae")
    (Huber(unit=1.0, delta=1.0), Quantile(unit=1.0, level=0.9), AbsoluteError(unit=1.0))
    >>> loss("cross_entropy=0.1")
    CategoricalCrossentropy(label_smoothing=0.1)
    """
    if isinstance(value, Loss):
        return value
    if isinstance(value, str):
        found = named(value)
        if found is not None:
            return found
    elif not isinstance(value, type) and callable(value):
        return CustomLoss(value)
    known = ", ".join((*NAMES, *ALIASES))
    raise InvalidArgument(
        f"`loss` (={shown(value)}) must be one of {known}, a Loss, or a function(output, target)."
    )


def named(word: str) -> Loss | None:
    """The loss of a name, with a number or not: "quantile=0.9"; None where there is no such name."""
    instance("losses.named", "word", word, str)
    name, sign, number = word.partition("=")
    name = ALIASES.get(name.lower(), name.lower())
    if name not in NAMES:
        return None
    if not sign:
        return NAMES[name]()
    if name not in NUMBERS:
        raise InvalidArgument(
            f"`loss` (={shown(word)}): {name} takes no number; {_WITH_NUMBER} do."
        )
    try:
        return NAMES[name](**{NUMBERS[name]: float(number)})
    except ValueError as error:  # InvalidArgument is one
        if isinstance(error, InvalidArgument):
            raise InvalidArgument(f"`loss` (={shown(word)}): {error}") from None
        raise InvalidArgument(f"`loss` (={shown(word)}): {shown(number)} is no number.") from None


_WITH_NUMBER = ", ".join(f"{name}={of.upper()}" for name, of in NUMBERS.items())
