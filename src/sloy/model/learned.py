"""What the samples of a training are like to the model that came out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sloy.data.dataset import Dataset
from sloy.model.familiar import Familiar, before_last, unit

if TYPE_CHECKING:
    from sloy.model.model import Model

SHAPED, KEPT = 4000, 1000  # samples that give means and covariance, and others that give the limit
_QUANTILE, _MARGIN = 0.95, 1.32  # of MNIST digits 1 in 100 lies beyond, of digits set in fonts 3


def familiar_with(model: Model, data: Dataset) -> Familiar | None:
    """What samples of classes are like to a model that learned from them.

    Parameters
    ----------
    model : Model
        Its last layer with weights is a `Dense` one, and what comes into that has at most 512 numbers.
    data : Dataset
        With labels; 5000 samples at most are looked at.

    Returns
    -------
    Familiar or None
        None of other models, and where there are fewer than two samples for each unit.

    Examples
    --------
    >>> import sloy
    >>> from sloy.layers import Dense, ReLU
    >>> x = np.random.default_rng(0).normal(size=(200, 2)) + np.repeat([[4, 0], [0, 4]], 100, axis=0)
    >>> data = sloy.Dataset(x, np.repeat([0, 1], 100))
    >>> network = sloy.Network((2,), [Dense(8), ReLU(), Dense(2)])
    >>> model, _ = sloy.fit(network, data, epochs=5, engine="reference", verbose=False)
    >>> found = familiar_with(model, data)
    >>> found.layer, found.means.shape
    ('relu_1', (2, 8))
    """
    layer = before_last(model.network)
    if layer is None or not data.has_labels:
        return None
    rows = np.unique(np.linspace(0, len(data) - 1, SHAPED + KEPT).round().astype(int))
    kept = np.zeros(len(rows), bool)
    kept[:: 1 + SHAPED // KEPT] = True
    outputs = unit(model.activations(data.x[rows], [layer])[layer])  # (N, F)
    labels = np.asarray(data.y)[rows]
    if (~kept).sum() < 2 * outputs.shape[1] or not np.isfinite(outputs).all():
        return None
    classes = np.unique(labels[~kept])
    means = np.stack([outputs[~kept & (labels == k)].mean(0) for k in classes])
    rest = outputs[~kept] - means[np.searchsorted(classes, labels[~kept])]
    # without a matrix product of a library, whose last digits depend on the number of threads
    covariance = np.einsum("ni,nj->ij", rest, rest) / len(rest)
    if not np.trace(covariance) > 0:
        return None
    found = Familiar(layer, means.astype(np.float32), covariance.astype(np.float32), 1.0)
    limit = _MARGIN * float(np.quantile(found.distances(outputs[kept]), _QUANTILE))
    return Familiar(layer, found.means, found.covariance, float(f"{limit:.4g}"))
