"""Several networks in one: each member sees the sample, and their answers are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import Literal

import numpy as np

from sloy import ops
from sloy.arguments import one_of, real_or_reals
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.tensor import Tensor, constant
from sloy.initializers import Constant
from sloy.layers.base import Layer, Scope, as_layers
from sloy.layers.config import register


@register
@dataclass(frozen=True, repr=False)
class Members(Layer):
    """A sample for each member of an ensemble, each seen through a layer of its own.

    Input (N, …), output (N, G, …), y_g = layer_g(x), for G layers of one output shape; layers that are equal are
    computed once, and share their parameters. What follows keeps the members apart (`GroupedDense`, anything that
    treats elements alike), and `MeanOfMembers` joins their answers.

    Parameters
    ----------
    layers : sequence of Layer
        One for each member.

    Examples
    --------
    >>> from sloy.layers import RobustScale
    >>> Members([RobustScale((0.0,), (1.0,)), RobustScale((0.0,), (2.0,))]).output_shape((3,))
    (2, 3)
    """

    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "layers", as_layers("Members", "layers", self.layers))

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        different = list(dict.fromkeys(self.layers))
        seen = [
            layer.apply(scope.child(f"seen_{place}"), x) for place, layer in enumerate(different, 1)
        ]
        if len({y.shape for y in seen}) > 1:
            raise ShapeError(
                f"Members: the layers give {', '.join(str(y.shape) for y in seen)}; the shapes must be equal."
            )
        rows = [ops.reshape(y, (y.shape[0], 1, *y.shape[1:])) for y in seen]
        return ops.concatenate([rows[different.index(layer)] for layer in self.layers], 1)


@register
@dataclass(frozen=True, repr=False)
class MeanOfMembers(Layer):
    """The answers of an ensemble as one.

    Input (N, G, …), output (N, …): the mean of values; of "logs" z_g the logarithm of the mean, log (1/G) Σ_g exp(z_g);
    of "logits" z_g (N, G, K) that of the mean probability, log (1/G) Σ_g softmax(z_g), whose softmax is that mean.

    Parameters
    ----------
    of : "values", "logs" or "logits"

    Examples
    --------
    >>> MeanOfMembers("logits").output_shape((4, 3))
    (3,)
    """

    of: Literal["values", "logs", "logits"] = "values"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.kind, "of", self.of, ("values", "logs", "logits"))

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        if x.rank < 2 or (self.of == "logits" and x.rank != 3):
            raise ShapeError(f"MeanOfMembers: the input is {x.shape}; it must be (N, G, K).")
        if self.of == "values":
            return ops.reduce_mean(x, 1)
        n, members, *shape = x.shape
        each = x
        if self.of == "logits":
            each = ops.reshape(ops.log_softmax(ops.reshape(x, (-1, *shape))), x.shape)
        top = ops.reduce_max(each, 1, keepdims=True)  # (N, 1, K): no mean underflows
        mean = ops.log(ops.reduce_sum(ops.exp(each - top), 1)) - log(members)
        return mean + ops.reshape(top, (n, *shape))


@register
@dataclass(frozen=True, repr=False)
class Blend(Layer):
    """An activation, blended with the identity by a trained share: y = x + a ⊙ (σ(x) − x).

    Input and output (N, …); parameter ``share`` a of the shape of one sample, which starts at 1 [1]_.

    Parameters
    ----------
    activation : Layer
        That treats elements alike.

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by default", NeurIPS 2024, appendix A ("parametric
       activation functions").

    Examples
    --------
    >>> from sloy.layers import Mish
    >>> Blend(Mish()).output_shape((7,))
    (7,)
    """

    activation: Layer = field()

    def __post_init__(self) -> None:
        super().__post_init__()
        as_layers("Blend", "activation", [self.activation])

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        y = self.activation.apply(scope.child("activation"), x)
        if y.shape != x.shape:
            raise ShapeError(
                f"Blend: the activation makes {y.shape} of {x.shape}; the shape must stay."
            )
        return x + (y - x) * scope.parameter("share", x.shape[1:], Constant(1.0))


@register
@dataclass(frozen=True, repr=False)
class Limits(Layer):
    """Values outside two limits become these: y = min(max(x, low), high). In training y = x.

    Input and output (N, …). As the last layer it keeps answers within the range of the targets that were learned from.

    Parameters
    ----------
    low, high : float, or tuples of them for the channels (the last axis)

    Examples
    --------
    >>> Limits(0.0, 100.0).output_shape((1,))
    (1,)
    """

    low: float | tuple[float, ...]
    high: float | tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = (
            real_or_reals(self.kind, name, getattr(self, name)) for name in ("low", "high")
        )
        ends = [end if isinstance(end, tuple) else (end,) for end in (low, high)]
        if len(ends[0]) != len(ends[1]) or any(a >= b for a, b in zip(*ends, strict=True)):
            raise InvalidArgument(f"Limits: `low` (={low}) must be below `high` (={high}).")
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        if scope.training:
            return x
        if not isinstance(self.low, tuple) or not isinstance(self.high, tuple):
            assert isinstance(self.low, float)
            assert isinstance(self.high, float)
            return ops.clip(x, self.low, self.high)
        if len(self.low) != x.shape[-1]:
            raise ShapeError(
                f"Limits: there are {len(self.low)} limits; the input {x.shape} has {x.shape[-1]} channels."
            )
        low, high = (constant(np.asarray(end), x.dtype) for end in (self.low, self.high))
        return ops.minimum(ops.maximum(x, low), high)
