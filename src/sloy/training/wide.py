"""Few rows of many columns: a linear network that begins, and ends, where `ridge` finds the best one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sloy.data.dataset import Dataset
from sloy.layers import Categories, Dense, Layer, Rescale
from sloy.problem.network import Network
from sloy.regularizers import L2
from sloy.text import percent
from sloy.training import ridge

# One pass at a rate that moves nothing: what it measures goes to the history.
STILL: Mapping[str, Any] = {"epochs": 1, "learning_rate": 1e-12}


@dataclass(frozen=True, eq=False)
class LinearStart:
    """A linear network and its numbers.

    Attributes
    ----------
    network : Network
        Categories one-hot, one dense layer with its penalty, and what comes after it.
    parameters : mapping
        Name → array.
    note : str
        What was done, for a user.
    """

    network: Network
    parameters: Mapping[str, np.ndarray]
    note: str


def linear_start(
    data: Dataset,
    outputs: int,
    *,
    classes: Sequence[int] = (),
    ends: Sequence[Layer] = (),
    weights: np.ndarray | None = None,
) -> LinearStart:
    """The best linear network for rows that `ridge.suits`.

    Parameters
    ----------
    data : Dataset
        x (N, d) prepared: numbers of like size, then codes of categories; y labels, or numbers (N,) or (N, M).
    outputs : int
        Units of the dense layer; of two classes 1 or 2.
    classes : sequence of int
        Categories of each of the last columns of x.
    ends : sequence of Layer
        What comes after the dense layer: a `Rescale` of numbers at most.
    weights : array, shape (N,), optional
    """
    x = spread(data.x, classes)
    penalty = None
    if data.has_labels:
        found = ridge.fit_classes(x, data.y, max(data.classes, 2), weights)
        weight, bias = found.weight, found.bias
        if outputs == 1:
            weight, bias = (values[..., 1:] - values[..., :1] for values in (weight, bias))
    else:
        y = data.y.astype(np.float64).reshape(len(data), -1)  # (N, M)
        for end in ends:
            assert isinstance(end, Rescale)
            y = (y - np.asarray(end.shift)) / np.asarray(end.factor)
        found = ridge.fit_numbers(x, y, weights)
        weight, bias = found.weight, found.bias
        if np.isfinite(found.strength):
            penalty = L2(found.strength / outputs)  # the loss is a mean over the outputs
    front = [Categories(tuple(classes), (0,) * len(classes))] if classes else []
    dense = Dense(outputs, weight_regularizer=penalty)
    network = Network(data.sample_shape, [*front, dense, *ends])
    return LinearStart(
        network, {"dense_1/weight": weight, "dense_1/bias": bias}, _note(data, found)
    )


def spread(x: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """Codes as `Categories` spreads them, all one-hot: (N, M + C) to (N, M + Σ K)."""
    if not classes:
        return x
    numbers = x.shape[1] - len(classes)
    parts = [x[:, :numbers]]
    for place, count in enumerate(classes):
        parts.append((x[:, numbers + place, None] == np.arange(count)).astype(x.dtype))
    return np.concatenate(parts, 1)


def _note(data: Dataset, found: ridge.Linear) -> str:
    what = (
        f"with the penalty that is best on rows left out, where it saves {percent(found.gain)} of the constant"
        " answer's loss"
        if np.isfinite(found.strength)
        else "which no penalty makes better than the constant answer on rows left out: it is that"
    )
    return (
        f"more columns ({data.x.shape[1]}) than rows ({len(data)}): a linear model is solved, in place of a network,"
        f" {what}"
    )
