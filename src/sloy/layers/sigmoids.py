"""Activations that saturate: step, sign, sigmoids, tanh, softmax."""

from __future__ import annotations

from dataclasses import dataclass, field

from sloy import ops
from sloy.arguments import flag
from sloy.graph.tensor import Tensor
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register


@dataclass(frozen=True, repr=False)
class _Threshold(Layer):
    straight_through: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        flag(self.kind, "straight_through", self.straight_through)


@register
@dataclass(frozen=True, repr=False)
class Sign(_Threshold):
    """-1, 0 or 1 by the sign of each element (0 only at 0), the lecture's threshold neuron (L1).

    Its gradient is 0 everywhere, so what stands before it learns nothing by backprop, unless `straight_through` is
    set: then the gradient is that of max(-1, min(1, x)), 1 for |x| ≤ 1 and 0 outside. This is no derivative of the
    sign, but it trains networks of signs.

    Parameters
    ----------
    straight_through : bool

    References
    ----------
    .. [1] Y. Bengio, N. Léonard, A. Courville, "Estimating or propagating gradients through stochastic neurons for
       conditional computation", 2013.
    .. [2] I. Hubara, M. Courbariaux, D. Soudry, R. El-Yaniv, Y. Bengio, "Binarized neural networks", NIPS 2016,
       equation 4.

    Examples
    --------
    >>> Sign(straight_through=True)
    Sign(straight_through=True)
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        if not self.straight_through:
            return ops.sign(x)
        through = ops.clip(x, -1.0, 1.0)
        return ops.sign(x) + (through - ops.stop_gradient(through))


@register
@dataclass(frozen=True, repr=False)
class Heaviside(_Threshold):
    """[x > 0]: 1 where an element is greater than 0, else 0, the bracket of the lecture's logic (L2).

    At 0 the step is 0, so [-x > 0] is not 1 - [x > 0] there. `Sign` is the same threshold with values -1 and 1.

    Its gradient is 0 everywhere, unless `straight_through` is set: then it is that of (1 + max(-1, min(1, x))) / 2,
    ½ for |x| ≤ 1 and 0 outside, half of what `Sign` takes, as [x > 0] is half of sign(x) + 1.

    Parameters
    ----------
    straight_through : bool

    References
    ----------
    .. [1] W. S. McCulloch, W. Pitts, "A logical calculus of the ideas immanent in nervous activity", Bulletin of
       Mathematical Biophysics 5 (1943) 115-133.
    .. [2] Y. Bengio, N. Léonard, A. Courville, "Estimating or propagating gradients through stochastic neurons for
       conditional computation", 2013.

    Examples
    --------
    >>> Heaviside().output_shape((10,))
    (10,)
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        step = ops.greater(x, 0.0)
        if not self.straight_through:
            return step
        through = 0.5 * ops.clip(x, -1.0, 1.0)
        return step + (through - ops.stop_gradient(through))


@register
@dataclass(frozen=True, repr=False)
class Sigmoid(Layer):
    """σ(x) = 1 / (1 + e^-x), element by element.

    For classification give the loss the raw output instead: the binary cross-entropy applies σ itself, stably.

    References
    ----------
    .. [1] D. E. Rumelhart, G. E. Hinton, R. J. Williams, Nature 323 (1986) 533-536, equation 2.

    Examples
    --------
    >>> Sigmoid().output_shape((10,))
    (10,)
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return ops.sigmoid(x)


@register
@dataclass(frozen=True, repr=False)
class HardSigmoid(Layer):
    """min(max(0, x + 3), 6) / 6: a sigmoid of straight pieces, 0 up to -3 and 1 from 3 on.

    References
    ----------
    .. [1] A. Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2.

    Examples
    --------
    >>> HardSigmoid().output_shape((10,))
    (10,)
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return hard_sigmoid(x)


def hard_sigmoid(x: Tensor) -> Tensor:
    """What `HardSigmoid` computes of x."""
    return ops.clip(x + 3.0, 0.0, 6.0) * (1.0 / 6.0)


@register
@dataclass(frozen=True, repr=False)
class Tanh(Layer):
    """tanh(x) = (e^x - e^-x) / (e^x + e^-x), element by element.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998, section 4.4.

    Examples
    --------
    >>> Tanh().output_shape((10,))
    (10,)
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return ops.tanh(x)


@register
@dataclass(frozen=True, repr=False)
class Softmax(Layer):
    """e^x_k / Σ_j e^x_j over the last axis, stable for any finite x.

    For classification give the loss the raw output instead: the categorical cross-entropy applies softmax itself.

    References
    ----------
    .. [1] J. Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

    Examples
    --------
    >>> Softmax().output_shape((10,))
    (10,)
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return ops.softmax(x)
