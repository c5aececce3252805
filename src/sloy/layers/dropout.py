"""Dropout of single elements, and of whole samples."""

from __future__ import annotations

from dataclasses import dataclass

from sloy import ops
from sloy.arguments import real
from sloy.graph.spec import Shape
from sloy.graph.tensor import Tensor
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register


@dataclass(frozen=True, repr=False)
class _Dropping(Layer):
    rate: float

    def __post_init__(self) -> None:
        super().__post_init__()
        rate = real(self.kind, "rate", self.rate, least=0, below=1)
        object.__setattr__(self, "rate", rate)


@register
@dataclass(frozen=True, repr=False)
class Dropout(_Dropping):
    """Each element is dropped with probability `rate`: y = [mask] x / (1 - rate) in training, y = x in use.

    Input and output (N, …). The mask is 1 with probability 1 - rate, drawn anew on each step for each element of each
    sample; a dropped element gives 0 whatever x is, even NaN. Dividing by 1 - rate in training ("inverted" dropout)
    makes the expected output equal x, so nothing has to be scaled in use; the lecture scales in use instead (L14),
    which is the same up to this factor.

    Parameters
    ----------
    rate : float
        In [0, 1).

    References
    ----------
    .. [1] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, "Dropout", JMLR 15 (2014)
       1929-1958.

    Examples
    --------
    >>> Dropout(0.25).output_shape((12, 12, 64))
    (12, 12, 64)
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return drop(scope, x, self.rate)


@register
@dataclass(frozen=True, repr=False)
class StochasticDepth(_Dropping):
    """A whole sample is dropped with probability `rate`: y = [mask] x / (1 - rate) in training, y = x in use.

    Input and output (N, …). As the last layer inside a `Residual` it leaves of some samples the straight way alone,
    drawn anew on each step, so that a deep network is trained as many shallower ones. Also called drop path.

    Parameters
    ----------
    rate : float
        In [0, 1).

    References
    ----------
    .. [1] G. Huang, Y. Sun, Z. Liu, D. Sedra, K. Weinberger, "Deep networks with stochastic depth", ECCV 2016.

    Examples
    --------
    >>> StochasticDepth(0.1).output_shape((12, 12, 64))
    (12, 12, 64)
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return drop(scope, x, self.rate, shape=(x.shape[0], *(1 for _ in x.shape[1:])))


def drop(scope: Scope, x: Tensor, rate: float, *, shape: Shape | None = None) -> Tensor:
    """What `Dropout` computes of x, and with a mask of `shape`, which is spread over x, `StochasticDepth`."""
    if not scope.training or rate == 0:
        return x
    keep = 1.0 - rate
    mask = ops.broadcast_to(scope.mask(shape or x.shape, keep), x.shape)
    return ops.where(mask, x * (1.0 / keep), 0.0)
