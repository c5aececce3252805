"""Models compared on the same samples: losses of each, and gains with their errors."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, sqrt

import numpy as np

from sloy.data.dataset import Dataset
from sloy.model import Model

SURE = 2.0  # standard errors that a gain must be above
BATCH = 512


def losses_of(model: Model, data: Dataset) -> np.ndarray:
    """The loss of each sample, without penalties: float64 (N,); infinite where it is not finite.

    Examples
    --------
    >>> import sloy
    >>> x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    >>> network = sloy.Network((3,), [sloy.layers.Dense(2)])
    >>> data = sloy.Dataset(x, (x[:, 0] > 0).astype(int))
    >>> model, _ = sloy.fit(network, data, engine="reference", verbose=False)
    >>> bool(np.isclose(losses_of(model, data).mean(), model.evaluate(data)["loss"], rtol=1e-6))
    True
    """
    outputs, _ = model._measured("evaluate", data, min(BATCH, len(data)))
    losses = outputs["loss"].astype(np.float64)
    return np.where(np.isfinite(losses), losses, inf)


def paired_gain(old: Sequence[np.ndarray], new: Sequence[np.ndarray]) -> tuple[float, float]:
    """By how much new losses are lower than old ones, and the standard error: over samples, and over runs.

    Parameters
    ----------
    old, new : sequence of float arrays (N,)
        Losses of the same samples in as many runs each, paired: from the same weights, in the same order.

    Examples
    --------
    >>> old = [np.array([1.0, 2.0, 3.0, 4.0])]
    >>> paired_gain(old, [old[0] - np.array([0.25, 0.75, 0.25, 0.75])])
    (0.5, 0.14433756729740643)
    """
    before, after = (float(np.mean([one.mean() for one in some])) for some in (old, new))
    if not np.isfinite(after):
        return (0.0, inf) if not np.isfinite(before) else (-inf, 0.0)
    if not np.isfinite(before):
        return inf, 0.0
    pairs = [a - b for a, b in zip(old, new, strict=True)]
    own = np.mean(pairs, axis=0)  # (N,)
    each = [float(pair.mean()) for pair in pairs]
    if len(own) < 2:  # nothing is sure by one sample
        return float(np.mean(each)), inf
    variance = own.var(ddof=1) / len(own)
    if len(each) > 1:
        variance += np.var(each, ddof=1) / len(each)
    return float(np.mean(each)), sqrt(variance)
