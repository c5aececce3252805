"""The loss of a network on given samples as one tensor: what the pages on gradients take apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sloy import losses, ops
from sloy.arguments import instance
from sloy.errors import ShapeError
from sloy.graph import Tensor
from sloy.losses import Loss
from sloy.network import Built, Network
from sloy.steps.inputs import samples
from sloy.steps.parameters import check_names, finite_copy

__all__ = ["LossChoice", "Objective", "half_squared_error", "objective", "variables_of"]

LossChoice = str | Loss | Callable[[Tensor, Tensor], Tensor]


def half_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """L = ½ Σ_m (a^m - y^m)², the loss whose ∂L/∂a^m is the lecture's ε^m = a^m - y^m (L9).

    The slide writes L = Σ_m ε_m² and leaves out the factor 2 of its derivative; the ½ makes the two agree.

    Examples
    --------
    >>> import sloy
    >>> from sloy.layers import Dense
    >>> network = sloy.Network((1,), [Dense(1, use_bias=False)])
    >>> one = {"dense_1/weight": np.array([[3.0]])}  # a = 3, y = 1: ε = 2
    >>> sloy.gradients(network, one, np.ones((1, 1)), np.ones((1, 1)), half_squared_error)["dense_1/weight"].tolist()
    [[2.0]]
    """
    error = output - target
    return 0.5 * ops.reduce_sum(error * error, tuple(range(1, error.rank)))


@dataclass(frozen=True, eq=False)
class Objective:
    """The mean loss of some samples, penalties added, as tensors.

    Attributes
    ----------
    built : Built
        The network on the input ``x``, as in use (nothing is dropped).
    loss : Tensor
        Mean of the samples' losses, a scalar.
    total : Tensor
        The loss and the penalties: what `sloy.gradients` differentiates.
    feeds : dict
        The arrays of the inputs ``x`` and ``y``.
    """

    built: Built
    loss: Tensor
    total: Tensor
    feeds: dict[str, np.ndarray]


def objective(
    place: str, network: Network, x: np.ndarray, y: np.ndarray, loss: LossChoice, dtype: str
) -> Objective:
    """The loss of a network on samples x (N, …) and targets y (N, …), checked."""
    instance(place, "network", network, Network)
    chosen = losses.loss(loss)
    batch = samples(x, network.input_shape, dtype, place, dtype)
    target = chosen.target(y, network.output_shape, dtype)
    if len(target) != len(batch):
        raise ShapeError(f"{place}: `y` has {len(target)} samples, `x` has {len(batch)}.")
    built = network.build(ops.input("x", batch.shape, dtype))
    values = chosen.per_sample(built.output, ops.input("y", target.shape, target.dtype.name))
    mean, penalty = ops.reduce_mean(values), built.penalty()
    total = mean if penalty is None else mean + penalty
    return Objective(built, mean, total, {"x": batch, "y": target})


def variables_of(
    place: str, network: Network, parameters: Mapping[str, np.ndarray] | None, dtype: str
) -> dict[str, np.ndarray]:
    """Copies of the parameters and states of a network, checked; those of seed 0 where none are given."""
    if parameters is None:
        return network.initialize(0, dtype)
    check_names(place, network, parameters)
    return {
        name: finite_copy(place, name, parameters[name], shape, dtype)
        for name, shape in network.shapes.items()
    }
