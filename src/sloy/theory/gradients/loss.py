"""The lecture's loss (L9)."""

from __future__ import annotations

from sloy import ops
from sloy.graph import Tensor

__all__ = ["half_squared_error"]


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
    error = output - target
    return 0.5 * ops.reduce_sum(error * error, tuple(range(1, error.rank)))
