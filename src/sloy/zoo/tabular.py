"""The network of members for the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from statistics import NormalDist

import numpy as np

from sloy.arguments import finite_array, instance, integer, pair, real, sequence
from sloy.errors import ShapeError
from sloy.layers import (
    SELU,
    Blend,
    Categories,
    Dropout,
    GroupedDense,
    Layer,
    Members,
    Mish,
    Periodic,
    QuantileScale,
    Rescale,
    RobustScale,
    Scale,
)
from sloy.problem.network import Network

MOST_ONE_HOT = 9  # categories of a column that become a one-hot row; more become a learned vector
VECTOR = 8  # numbers of such a vector
Numbers = float | tuple[float, ...]
MOST_KNOTS = 64  # of a column's quantiles


def tabular(
    scales: Sequence[Layer],
    width: int,
    outputs: int,
    *,
    classes: Sequence[int] = (),
    hidden: Sequence[int] = (128, 128, 128),
    dropout: float = 0.15,
    target: tuple[Numbers, Numbers] | None = None,
) -> Network:
    """Members side by side: numbers scaled and embedded, categories spread, dense layers that train at one rate [1]_.

    Parameters
    ----------
    scales : sequence of Layer
        How each member sees the numbers: `robust_scale` or `quantile_scale` of the training rows.
    width : int
        Prepared columns: numbers, then a code for each column of categories.
    outputs : int
        Classes, or 1 for a number.
    classes : sequence of int
        Categories of each column of codes.
    hidden : sequence of int
        Neurons of each hidden layer.
    dropout : float
        After each hidden layer.
    target : (mean, deviation), optional
        Of the target, for numbers; tuples of several targets: the output is deviation · y + mean.

    Returns
    -------
    Network
        Output (G, outputs); `sloy.training.members.fit_members` trains and averages it.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on
       tabular data", NeurIPS 2024.
    """
    numbers = integer("tabular", "width", width) - len(sequence("tabular", "classes", classes, int))
    layers: list[Layer] = [Members(sequence("tabular", "scales", scales, Layer))]
    if classes:
        vectors = tuple(0 if count <= MOST_ONE_HOT else VECTOR for count in classes)
        layers.append(Categories(tuple(classes), vectors, deviation=1.0))
    if numbers:
        layers.append(Periodic(numbers))
    layers.append(Scale())
    activation = Mish() if target is not None else SELU()
    for units in sequence("tabular", "hidden", hidden):
        layers += [GroupedDense(units, normalized=True), Blend(activation)]
        layers += [Dropout(dropout)] if real("tabular", "dropout", dropout, least=0) else []
    layers.append(GroupedDense(outputs, normalized=True))
    if target is not None:
        mean, deviation = pair("tabular", "target", target)
        layers.append(Rescale(deviation, mean))
    return Network((width,), layers)


def tabular_rate_factors(network: Network) -> dict[str, float]:
    """Factors of the learning rate [1]_: less for what shifts and bends, more for what chooses columns.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by default", NeurIPS 2024, table A.1.
    """
    instance("tabular_rate_factors", "network", network, Network)
    factors = {"*/bias": 0.1, "scale_*": 6.0, "blend_*/share": 0.1, "periodic_*": 0.1}
    return {
        pattern: factor
        for pattern, factor in factors.items()
        if any(fnmatchcase(name, pattern) for name in network.parameters)
    }


def unscaled() -> Layer:
    """What a member sees where there are no numbers to scale."""
    return Rescale(1.0)


def _rows(where: str, x: np.ndarray) -> np.ndarray:
    found = finite_array(where, "x", x)
    if found.ndim != 2 or not len(found):
        raise ShapeError(f"{where}: `x` has the shape {found.shape}; it must be (N, M), N ≥ 1.")
    return found


def robust_scale(x: np.ndarray) -> RobustScale:
    """Median and interquartile range of columns x (N, M); twice the inverse range where the quartiles are one."""
    x = _rows("robust_scale", x)
    low, first, median, third, high = np.quantile(x, (0, 0.25, 0.5, 0.75, 1), axis=0)
    spread = np.where(third > first, third - first, (high - low) / 2)
    factors = 1 / np.where(spread > 0, spread, 1)
    return RobustScale(tuple(median.tolist()), tuple(factors.tolist()))


def quantile_scale(x: np.ndarray, most: int = MOST_KNOTS) -> QuantileScale:
    """Quantiles of columns x (N, M), at most so many, to those of the normal distribution."""
    x = _rows("quantile_scale", x)
    n = len(x)
    count = min(integer("quantile_scale", "most", most, 2), max(n // 30, 10))
    levels = np.linspace(0, 1, count)
    normal = NormalDist()
    knots, values = [], []
    for column in np.quantile(x, levels, axis=0).T:
        unique, place = np.unique(column, return_inverse=True)
        mean = np.bincount(place, levels) / np.bincount(place)  # of the levels of one number
        if len(unique) == 1:
            unique, mean = np.array([unique[0], unique[0] + 1]), np.array([0.5, 0.5])
        bounded = np.clip(mean, 0.5 / n, 1 - 0.5 / n)
        knots.append(tuple(unique.tolist()))
        values.append(tuple(normal.inv_cdf(level) for level in bounded.tolist()))
    return QuantileScale(tuple(knots), tuple(values))
