"""Intervals that hold as many targets as they promise: widened by samples that were not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from sloy.arguments import flag, instance
from sloy.data.dataset import Dataset
from sloy.errors import InvalidArgument
from sloy.layers import ReLU, Widen
from sloy.losses import Intervals
from sloy.model import Model
from sloy.problem.inputs import Data, as_dataset
from sloy.training.calibration import with_last
from sloy.training.held_out import HeldOut


@dataclass(frozen=True)
class Widening:
    """By how much intervals were widened.

    Attributes
    ----------
    by : float
        On either side, in units of the target; below 0 they became narrower.
    covered : float
        The share of the samples that were within before.
    samples : int
    """

    by: float
    covered: float
    samples: int


def least_samples(share: float) -> int:
    """How many samples widening needs for intervals of this share.

    Examples
    --------
    >>> least_samples(0.9), least_samples(0.95), least_samples(0.5)
    (9, 19, 1)
    """
    return max(1, ceil(share / (1 - share) - 1e-9))


def widen(
    model: Model, data: Data | HeldOut, *, not_negative: bool = False
) -> tuple[Model, Widening]:
    """A model whose intervals are widened, so that they hold the share of targets that they promise.

    How far each sample's target lies outside of its interval, E_i = max(l_i - y_i, y_i - h_i), tells by how much: the
    ⌈(n + 1) share⌉-th smallest of them. What lies between the number and the interval's middle is within however
    narrow it is, as `Widen` keeps the number in its interval: E_i is below all others there. A new sample of the same
    kind is then within with a chance of at least the share, and at most 1 / (n + 1) more, where the E_i differ: exact
    for any network and any noise, on average over samples, not at each x [1]_. It holds for samples that had no part in
    training; those that chose its best epoch had a small one.

    Parameters
    ----------
    model : Model
        With the loss `Intervals`; it stays as it is.
    data : Dataset, (x, y) or HeldOut
        Samples that it was not trained on; for a share of 0.9 at least 9. Of the members of an ensemble, their own
        answers to what each held out: the mean of their intervals is mostly nearer to the truth than one of them.
    not_negative : bool
        Whether targets cannot be below 0: the number and the ends are not either, then.

    Returns
    -------
    model : Model
        The same parameters, and the layer ``widened``, `Widen`, behind the network.
    widening : Widening

    Raises
    ------
    InvalidArgument
        Where the model has another loss, or the samples are too few.

    References
    ----------
    .. [1] Y. Romano, E. Patterson, E. Candès, "Conformalized quantile regression", NeurIPS 2019, theorem 1.
    """
    instance("widen", "model", model, Model)
    flag("widen", "not_negative", not_negative)
    loss = model.loss
    given = data.data if isinstance(data, HeldOut) else as_dataset(data)
    if not isinstance(loss, Intervals):
        raise InvalidArgument(
            f"widen: the model's loss, {loss}, knows no intervals; Intervals does."
        )
    rank = _rank(len(given), loss.share)
    if rank > len(given):
        raise InvalidArgument(
            f"widen: intervals of {loss.share:g} need at least {least_samples(loss.share)} samples, got"
            f" {len(given)}."
        )
    y = np.asarray(given.y, np.float64).reshape(len(given))
    if isinstance(data, HeldOut):
        output = data.output
    else:
        asked = model.prepared if isinstance(data, Dataset) else model
        output = asked(given.x)
    outside, least = _outside(np.asarray(output, np.float64), y)
    by = max(float(np.partition(outside, rank - 1)[rank - 1]), least)
    found = Widening(by, float((outside <= 0).mean()), len(y))
    wider = with_last(model, Widen(by, name="widened"))
    return with_last(wider, ReLU(name="not_negative")) if not_negative else wider, found


def _outside(output: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """By how much each interval (N, 3) must be widened to hold its target, and what leaves none of any length.

    The first is −∞ of targets that `Widen` holds by any number.
    """
    number, low, high = output[:, 0], output[:, 1:].min(1), output[:, 1:].max(1)
    middle = (low + high) / 2
    always = (np.minimum(number, middle) <= y) & (y <= np.maximum(number, middle))
    return np.where(always, -np.inf, np.maximum(low - y, y - high)), -float((high - low).max() / 2)


def _rank(samples: int, share: float) -> int:
    """⌈(n + 1) share⌉, without what rounding adds to a whole number."""
    return ceil((samples + 1) * share - 1e-9)
