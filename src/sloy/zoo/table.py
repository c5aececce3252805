"""The network for the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

from sloy.arguments import integer, one_of, real, real_or_reals, sequence
from sloy.layers import Categories, Dense, Dropout, Layer, Periodic, ReLU, Rescale
from sloy.problem.network import Network

NUMBERS = ("plain", "periodic")
MOST_ONE_HOT = 20  # categories of a column that become a one-hot row; more become a learned vector


def table(
    width: int,
    outputs: int,
    *,
    classes: Sequence[int] = (),
    hidden: Sequence[int] = (128, 64),
    dropout: float = 0.1,
    numbers: str = "plain",
    mean: float | tuple[float, ...] = 0.0,
    deviation: float | tuple[float, ...] = 1.0,
) -> Network:
    """Categories spread, then dense layers with ReLU and dropout.

    Parameters
    ----------
    width : int
        Prepared columns: numbers, then a code for each column of categories.
    outputs : int
        Classes, or 1 for a number.
    classes : sequence of int
        Categories of each column of codes. Up to 20 become a one-hot row, K more a learned vector of
        min(32, ⌈1.6 K^0.56⌉) numbers, the rule of fastai's tabular learner [1]_.
    hidden : sequence of int
        Neurons of each hidden layer; none for a linear model.
    dropout : float
        After each hidden layer.
    numbers : "plain" or "periodic"
        Whether numbers enter as they are, or with their embeddings by trained waves beside them (`Periodic`): so that
        thresholds and bends of a single column are learned in few steps.
    mean, deviation : float, or a tuple of them for several targets
        Of the target, for numbers: the output is deviation · y + mean.

    References
    ----------
    .. [1] J. Howard, S. Gugger, "Fastai: a layered API for deep learning", Information 11 (2020) 108.

    Examples
    --------
    >>> table(6, 3, classes=(4, 100)).layer_names[:3]
    ('categories_1', 'dense_1', 'relu_1')
    """
    layers: list[Layer] = []
    if classes := sequence("table", "classes", classes, int):
        layers.append(Categories(tuple(classes), tuple(map(vector, classes))))
    if one_of("table", "numbers", numbers, NUMBERS) == "periodic" and width > len(classes):
        layers.append(Periodic(width - len(classes)))
    for units in sequence("table", "hidden", hidden):
        layers += [Dense(units, weight_initializer="he_normal"), ReLU()]
        layers += [Dropout(dropout)] if real("table", "dropout", dropout, least=0, below=1) else []
    layers.append(Dense(integer("table", "outputs", outputs)))
    mean = real_or_reals("table", "mean", mean)
    deviation = real_or_reals("table", "deviation", deviation)
    if (mean, deviation) != (0.0, 1.0):
        layers.append(Rescale(deviation, mean))
    return Network((width,), layers)


def vector(categories: int) -> int:
    """Width of the learned vector of a column; 0 for a one-hot row."""
    if categories <= MOST_ONE_HOT:
        return 0
    return min(32, int(-(-1.6 * categories**0.56 // 1)))
