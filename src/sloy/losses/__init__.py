"""Losses: one number per sample from the network's raw output and the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sloy.errors import FileFormatError, InvalidArgument
from sloy.exchange.functions import function_from_config
from sloy.graph import Tensor
from sloy.losses.base import Loss, Task
from sloy.losses.classification import BinaryCrossentropy, CategoricalCrossentropy, Hinge
from sloy.losses.custom import CustomLoss
from sloy.losses.regression import AbsoluteError, Huber, SquaredError

__all__ = [
    "NAMES",
    "AbsoluteError",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CustomLoss",
    "Hinge",
    "Huber",
    "Loss",
    "SquaredError",
    "Task",
    "loss",
    "loss_from_config",
]

NAMES: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "hinge": Hinge,
}


def loss_from_config(config: Mapping[str, Any]) -> Loss:
    """The loss that `Loss.to_config` described.

    Raises
    ------
    FileFormatError
        Where the class is unknown or an argument is not allowed: such configurations come from files.

    Examples
    --------
    >>> loss_from_config({"loss": "Huber", "delta": 2.0})
    Huber(delta=2.0)
    """
    known: dict[str, type[Loss]] = {kind.__name__: kind for kind in NAMES.values()}
    known["CustomLoss"] = CustomLoss
    if not isinstance(config, Mapping) or str(config.get("loss")) not in known:
        raise FileFormatError(f"the loss cannot be read: {str(config)[:80]} names none.")
    arguments = {str(key): value for key, value in config.items() if key != "loss"}
    try:
        if "function" in arguments:
            arguments["function"] = function_from_config(arguments["function"])
        return known[str(config["loss"])](**arguments)
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"the loss cannot be read: {error}") from error


def loss(value: str | Loss | Callable[[Tensor, Tensor], Tensor]) -> Loss:
    """The loss of a name; a loss stays as it is, a function becomes a `CustomLoss`.

    Examples
    --------
    >>> loss("huber")
    Huber(delta=1.0)
    """
    if isinstance(value, Loss):
        return value
    if isinstance(value, str) and value in NAMES:
        return NAMES[value]()
    if not isinstance(value, str | type) and callable(value):
        return CustomLoss(value)
    raise InvalidArgument(
        f"`loss` (={value!r}) must be one of {', '.join(NAMES)}, a Loss, or a function(output, target)."
    )
