"""What an estimator chooses where nothing is said: layers, and how they are trained.

Chosen by what is known of the prepared rows (`Known`); found on the twelve tables of docs/from-scikit-learn.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2, prod
from typing import Any

from sloy import zoo
from sloy.graph.spec import Shape
from sloy.layers import Flatten, Layer
from sloy.optimizers import AdamW
from sloy.schedules import Schedule

AUTO = "auto"
HIDDEN = (128, 64)  # neurons of the hidden layers
FEW = 1000  # rows to train on; with fewer, more is dropped where classes are learned
EMBEDDED = 100  # columns of numbers at most that enter with their embeddings
VALIDATED = 500  # rows from which on a tenth is held out to choose the epoch by
# What goes with a number of epochs that is given, and with training that goes on.
PLAIN: Mapping[str, Any] = {
    "optimizer": "adam",
    "learning_rate": None,
    "schedule": None,
    "epochs": 100,
    "batch_size": 32,
    "patience": 10,
}


@dataclass(frozen=True)
class Known:
    """What is known of the data when network and recipe are chosen.

    Attributes
    ----------
    samples : int
        Rows to train on.
    shape : tuple of int
        Of one sample as the network takes it.
    outputs : int
        Units of the output layer.
    classes : tuple of int
        Categories of each of the last columns of a table, see `sloy.layers.Categories`.
    ends : tuple of Layer
        What comes after the output layer.
    of_numbers : bool
        Whether numbers are learned, not classes.
    sparse : bool
        Whether most of the samples is zeros that are not stored.
    """

    samples: int
    shape: Shape
    outputs: int
    classes: tuple[int, ...] = ()
    ends: tuple[Layer, ...] = ()
    of_numbers: bool = field(default=False, kw_only=True)
    sparse: bool = field(default=False, kw_only=True)


def layers(known: Known) -> list[Layer]:
    """Categories spread, numbers embedded, hidden layers with ReLU and dropout, the output layer.

    What is dropped is missing in a sum, so that much of it harms numbers; but of rows so few that none choose the epoch
    nothing else keeps the network from learning their noise, and embeddings help it do so.
    """
    flat: list[Layer] = [Flatten()] if len(known.shape) > 1 else []
    columns = prod(known.shape) - len(known.classes)
    few = known.samples < (VALIDATED if known.of_numbers else FEW)
    embedded = not flat and not known.sparse and columns <= EMBEDDED
    table = zoo.table(
        prod(known.shape),
        known.outputs,
        classes=known.classes,
        hidden=HIDDEN,
        dropout=0.3 if few else 0.1,
        numbers="periodic" if embedded and known.samples >= VALIDATED else "plain",
    )
    return [*flat, *table.layers, *known.ends]


def recipe(known: Known) -> dict[str, Any]:
    """AdamW with much decay, its rate falling to zero as half a cosine; batches of a 32nd of the rows.

    64 epochs: more where these are fewer than 1000 steps, at most 200; fewer where they are over 10 000, at least 3.
    The patience is that of the whole run: the best epoch is mostly one of the last, with low rates.
    """
    rows = max(1, known.samples)
    size = int(min(256, max(32, 2 ** round(log2(max(rows / 32, 1))))))
    steps = -(-rows // size)
    epochs = min(200, max(64, 1000 // steps)) if 64 * steps <= 10_000 else max(3, 10_000 // steps)
    return {
        "optimizer": AdamW(weight_decay=0.3),
        "learning_rate": 0.003,
        "schedule": "cosine",
        "epochs": epochs,
        "batch_size": size,
        "patience": epochs,
    }


def filled_in(words: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The options, those that are left open as chosen.

    A rate and a schedule are chosen for an optimiser that is, too; what already is a `Schedule` needs no other.
    """
    found = dict(words)
    for name in ("epochs", "batch_size", "patience"):
        if is_auto(found[name]):
            found[name] = chosen[name]
    if is_auto(found["optimizer"]):
        found["optimizer"] = chosen["optimizer"]
        if found["learning_rate"] is None and not isinstance(found["schedule"], Schedule):
            found["learning_rate"] = chosen["learning_rate"]
    scheduled = (found["learning_rate"], getattr(found["optimizer"], "learning_rate", None))
    if found["schedule"] is None and not any(isinstance(rate, Schedule) for rate in scheduled):
        found["schedule"] = chosen["schedule"]
    return found


def is_auto(value: object) -> bool:
    """Whether a parameter is the word "auto"; others may be arrays."""
    return isinstance(value, str) and value == AUTO
