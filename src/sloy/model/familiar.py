"""`Familiar`: what samples are like inside a network that learned from them, so that others are told from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sloy import ops
from sloy.errors import FileFormatError
from sloy.layers import Dense
from sloy.problem import Network
from sloy.text import shown

WIDEST = 512  # units of a layer that is looked at
_RIDGE = 0.003  # of the mean variance, added to each
_TENSORS = ("familiar:means", "familiar:covariance")  # no layer's name has a colon


@dataclass(frozen=True, eq=False)
class Familiar:
    """Where the samples of each class lie among the outputs of a layer.

    Outputs are brought to length 1; the distance of a sample is the least Mahalanobis distance to the mean of a class,
    with one covariance for all classes [1]_.

    Attributes
    ----------
    layer : str
        The one before the last with weights.
    means : float32 array, shape (K, F)
    covariance : float32 array, shape (F, F)
        Of what is left when its class's mean is taken off.
    limit : float
        What the squares of few distances of samples that were kept apart exceed.

    References
    ----------
    .. [1] K. Lee, K. Lee, H. Lee, J. Shin, "A simple unified framework for detecting out-of-distribution samples and
       adversarial attacks", NeurIPS 2018.
    """

    layer: str
    means: np.ndarray
    covariance: np.ndarray
    limit: float

    def distances(self, outputs: np.ndarray) -> np.ndarray:
        """How far samples lie from all classes, in units of the limit.

        Parameters
        ----------
        outputs : float array, shape (N, F)
            Of the layer.

        Returns
        -------
        float64 array, shape (N,)
            Squares of the distances by the limit.
        """
        white = np.linalg.solve(self._root, unit(outputs).T)  # (F, N)
        centres = np.linalg.solve(self._root, self.means.T.astype(np.float64))  # (F, K)
        squares = [np.square(white - centre[:, None]).sum(0) for centre in centres.T]
        found = np.min(squares, axis=0) / self.limit
        return np.asarray(found)

    @cached_property
    def _root(self) -> np.ndarray:
        """L with L Lᵀ the covariance, a little added to its diagonal."""
        covariance = self.covariance.astype(np.float64)
        ridge = _RIDGE * np.trace(covariance) / len(covariance)
        root: np.ndarray = np.linalg.cholesky(covariance + ridge * np.eye(len(covariance)))
        return root

    def tensors(self) -> dict[str, np.ndarray]:
        """Its arrays, as a model's file names them."""
        return dict(zip(_TENSORS, (self.means, self.covariance), strict=True))

    def to_config(self) -> dict[str, Any]:
        """What is no array, in JSON values."""
        return {"layer": self.layer, "limit": self.limit}


def familiar_from(
    config: Mapping[str, Any], tensors: dict[str, np.ndarray], network: Network
) -> Familiar:
    """What `to_config` and `tensors` said, which are taken out of a file's tensors; everything is checked."""
    arrays = [tensors.pop(name) for name in _TENSORS if name in tensors]
    layer, limit = config["layer"], config["limit"]
    if len(arrays) < 2 or any(a.dtype != "float32" or not np.isfinite(a).all() for a in arrays):
        raise FileFormatError(
            f"`familiar` needs {' and '.join(_TENSORS)}, tensors of finite float32."
        )
    if layer != before_last(network) or not 0 < limit < np.inf:
        raise FileFormatError(f"`familiar` has the layer {shown(layer, 40)}, the limit {limit}.")
    means, covariance = arrays
    (width,) = _shape(network, layer)
    if covariance.shape != (width, width) or means.shape[1:] != (width,) or not len(means):
        raise FileFormatError(
            f"`familiar` has means {list(means.shape)}, a covariance {list(covariance.shape)}; the layer has {width}"
            " numbers."
        )
    found = Familiar(layer, means, covariance, limit)
    try:
        assert found._root.size
    except np.linalg.LinAlgError:
        raise FileFormatError("`familiar` has a covariance that is none.") from None
    return found


def unit(outputs: np.ndarray) -> np.ndarray:
    """Rows of length 1, float64; of zeros zeros."""
    rows = outputs.astype(np.float64)
    length = np.sqrt(np.einsum("ni,ni->n", rows, rows))
    return np.asarray(rows / np.maximum(length, 1e-30)[:, None])


def before_last(network: Network) -> str | None:
    """The layer whose outputs the last layer with weights, a dense one, takes."""
    names = network.layer_names
    weighted = {name.partition("/")[0] for name in network.parameters}
    last = max((i for i, name in enumerate(names) if name in weighted), default=0)
    if last == 0 or not isinstance(network.layers[last], Dense):
        return None
    shape = _shape(network, names[last - 1])
    return names[last - 1] if len(shape) == 1 and shape[0] <= WIDEST else None


def _shape(network: Network, layer: str) -> tuple[int, ...]:
    """Of a layer's outputs, of one sample."""
    return network.build(ops.input("x", (1, *network.input_shape))).activations[layer].shape[1:]
