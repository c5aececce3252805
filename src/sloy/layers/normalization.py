"""Normalisation: of each channel over a batch, and of each place over its channels."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from sloy import ops
from sloy.arguments import real
from sloy.errors import ShapeError
from sloy.graph.tensor import Tensor
from sloy.initializers import Constant, Zeros
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register


@register
@dataclass(frozen=True, repr=False)
class BatchNorm(Layer):
    """Each channel is normalised, then scaled and shifted: y = (x - μ) / √(v + epsilon) · scale + shift.

    Input and output (N, …, C); parameters ``scale`` and ``shift`` (C,), states ``running_mean`` and
    ``running_variance`` (C,).

    In training μ and v are the mean and the population variance of the batch over all axes but the last, and gradients
    go through both; the running statistics follow as r ← momentum · r + (1 - momentum) · batch, where the batch's
    variance is the unbiased one (divided by n - 1, with n the elements per channel; for n = 1 it is 0). In use μ and
    v are the running statistics.

    Parameters
    ----------
    momentum : float
        Share of the old running statistic that stays, in [0, 1): Keras's convention; PyTorch's `momentum` is one minus
        this one, so 0.9 here is its default of 0.1.
    epsilon : float
        Greater than 0.

    References
    ----------
    .. [1] S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015, algorithms 1 and 2.

    Examples
    --------
    >>> import sloy
    >>> network = sloy.Network((8, 8, 3), [BatchNorm()])
    >>> list(network.initialize())[2:]
    ['batch_norm_1/running_mean', 'batch_norm_1/running_variance']
    """

    momentum: float = field(default=0.9, kw_only=True)
    epsilon: float = field(default=1e-5, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        real(self.kind, "momentum", self.momentum, least=0, below=1)
        real(self.kind, "epsilon", self.epsilon, above=0)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        if x.rank < 2:
            raise ShapeError(f"BatchNorm needs an input (N, …, C), this one is {x.shape}.")
        channels = x.shape[-1:]
        scale = scope.parameter("scale", channels, Constant(1.0))
        shift = scope.parameter("shift", channels, Zeros())
        mean = scope.state("running_mean", channels, 0.0)
        variance = scope.state("running_variance", channels, 1.0)
        return normalize(
            scope, x, mean, variance, scale, shift, momentum=self.momentum, epsilon=self.epsilon
        )


def normalize(
    scope: Scope,
    x: Tensor,
    running_mean: Tensor,
    running_variance: Tensor,
    scale: Tensor,
    shift: Tensor,
    *,
    momentum: float,
    epsilon: float,
) -> Tensor:
    """What `BatchNorm` computes of x (N, …, C), its states and its parameters (C,)."""
    if not scope.training:
        return ops.batch_norm(x, running_mean, running_variance, scale, shift, epsilon=epsilon)
    mean, variance = ops.moments(x)
    n = prod(x.shape[:-1])
    unbiased = variance * (n / max(n - 1, 1))
    for running, batch in ((running_mean, mean), (running_variance, unbiased)):
        scope.update(running, momentum * running + (1.0 - momentum) * batch)
    return ops.batch_norm(x, mean, variance, scale, shift, epsilon=epsilon)


@register
@dataclass(frozen=True, repr=False)
class LayerNorm(Layer):
    """The channels of each place are normalised: y = (x - μ) / √(v + epsilon) · scale + shift.

    Input and output (N, …, C); parameters ``scale`` and ``shift`` (C,). μ and v are the mean and the population
    variance of the last axis, so that every pixel of every sample has its own; the same in training and in use.

    Parameters
    ----------
    epsilon : float
        Greater than 0.

    References
    ----------
    .. [1] J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", arXiv 1607.06450, 2016.

    Examples
    --------
    >>> LayerNorm().output_shape((8, 8, 96))
    (8, 8, 96)
    """

    epsilon: float = field(default=1e-5, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        real(self.kind, "epsilon", self.epsilon, above=0)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        if x.rank < 2:
            raise ShapeError(f"LayerNorm needs an input (N, …, C), this one is {x.shape}.")
        scale = scope.parameter("scale", x.shape[-1:], Constant(1.0))
        shift = scope.parameter("shift", x.shape[-1:], Zeros())
        centred = x - ops.reduce_mean(x, -1, keepdims=True)
        variance = ops.reduce_mean(ops.square(centred), -1, keepdims=True)
        return centred / ops.sqrt(variance + self.epsilon) * scale + shift
