"""The lecture's loss (L9), and what losses are of single objects (L13)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sloy import losses, ops
from sloy.arguments import array, finite_array
from sloy.engines.reference import computed
from sloy.errors import ShapeError
from sloy.graph import Tensor
from sloy.graph.tensor import expect_tensors
from sloy.losses import LossLike

__all__ = ["half_squared_error", "loss_values"]


def half_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """L = ½ Σ_m (a^m - y^m)², the loss whose ∂L/∂a^m is the lecture's ε^m = a^m - y^m (L9).

    The slide writes L = Σ_m ε_m² and leaves out the factor 2 of its derivative; the ½ makes the two agree.

    Examples
    --------
    >>> import numpy as np
    >>> import sloy
    >>> from sloy.layers import Dense
    >>> network = sloy.Network((1,), [Dense(1, use_bias=False)])
    >>> one = {"dense_1/weight": np.array([[3.0]])}  # a = 3, y = 1: ε = 2
    >>> sloy.gradients(network, one, np.ones((1, 1)), np.ones((1, 1)), half_squared_error)["dense_1/weight"].tolist()
    [[2.0]]
    """
    expect_tensors("half_squared_error", output, target)
    error = output - target
    return 0.5 * ops.reduce_sum(error * error, tuple(range(1, error.rank)))


def loss_values(loss: LossLike, outputs: ArrayLike, targets: ArrayLike) -> np.ndarray:
    """L of each object, from what a network gives for it and what it should give.

    A loss that takes logits (the two of classification) gets them here too: outputs are what comes before the last σ.

    Parameters
    ----------
    loss : Loss, str or callable
        As `sloy.fit` takes it.
    outputs : array, shape (N, …)
        Finite; computed in float64.
    targets : array
        As `sloy.fit` takes y: of N objects.

    Returns
    -------
    float64 array, shape (N,)

    Raises
    ------
    ShapeError
        Where outputs have no axis of objects beside that of the numbers, or targets are of other objects.
    InvalidArgument
        For outputs that are not finite numbers, and targets that the loss does not take.

    Examples
    --------
    Two classes, by the logit of yes; and the same as two of K classes:

    >>> loss_values("binary_crossentropy", [[0.0], [-2.0]], [1, 1]).round(4).tolist()
    [0.6931, 2.1269]
    >>> loss_values("categorical_crossentropy", [[0.0, 0.0], [0.0, -2.0]], [1, 1]).round(4).tolist()
    [0.6931, 2.1269]
    """
    where = "loss_values"
    given = finite_array(where, "outputs", outputs)
    if given.ndim < 2:
        raise ShapeError(
            f"{where}: `outputs` has shape {given.shape}; it must be (N, …), N objects, such as (N, 1)."
        )
    chosen = losses.loss(loss)
    target = chosen.target(array(where, "targets", targets), given.shape[1:], "float64")
    if len(target) != len(given):
        raise ShapeError(
            f"{where}: `targets` are of {len(target)} objects, `outputs` of {len(given)}."
        )
    output = ops.input("output", given.shape, "float64")
    wanted = ops.input("target", target.shape, target.dtype.name)
    found = chosen.per_sample(output, wanted)
    return computed({"L": found}, {"output": given, "target": target})["L"]
