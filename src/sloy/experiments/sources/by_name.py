"""Losses by their names, as they suit data."""

from __future__ import annotations

from dataclasses import fields, replace

from sloy import losses
from sloy.data import Dataset
from sloy.errors import InvalidOption
from sloy.losses import NAMES, Intervals, Loss

BY_NAME = tuple(name for name in NAMES if name != "intervals")  # that has an option of its own


def fitting_loss(name: str, data: Dataset, own: Loss, where: str) -> Loss:
    """The loss of a name for data; one that measures errors in a unit takes that of their own loss.

    Classes want probabilities, so losses from logits; numbers want one number each.

    Raises
    ------
    InvalidOption
        Where it does not suit the data; the message says which do.
    """

    def suits(loss: Loss) -> bool:
        if data.has_labels:
            shape = (max(2, data.classes),)
            return loss.task(shape) == "classification" and loss.logits == "softmax"
        return loss.task((1,)) == "regression" and not (loss.link and isinstance(own, Intervals))

    found = losses.named(name)
    if found is None or isinstance(found, Intervals) or not suits(found):
        what = "classes" if data.has_labels else "numbers"
        what += " with intervals" if isinstance(own, Intervals) else ""
        others = ", ".join(known for known in BY_NAME if suits(NAMES[known]()))
        raise InvalidOption(
            f"`loss` (={name!r}) does not suit {where}, where {what} are to be predicted; take {others}."
        )
    if isinstance(own, Intervals):
        return replace(own, main=fitting_loss(name, data, own.main, where))
    both = all("unit" in {f.name for f in fields(loss)} for loss in (found, own))
    return replace(found, unit=own.unit) if both else found  # type: ignore[call-arg, attr-defined]
