"""Activations that pass positive values, and their smooth relatives."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import pi, sqrt

from sloy import ops
from sloy.arguments import flag, real
from sloy.graph.tensor import Tensor
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register
from sloy.layers.sigmoids import hard_sigmoid

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@register
@dataclass(frozen=True, repr=False)
class ReLU(Layer):
    """max(0, x), element by element; the gradient at 0 is 0.

    References
    ----------
    .. [1] V. Nair, G. Hinton, "Rectified linear units improve restricted Boltzmann machines", ICML 2010.

    Examples
    --------
    >>> ReLU().output_shape((24, 24, 32))
    (24, 24, 32)
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return ops.relu(x)


@register
@dataclass(frozen=True, repr=False)
class ReLU6(Layer):
    """min(max(0, x), 6), element by element: a ReLU for low precision.

    References
    ----------
    .. [1] M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen, "MobileNetV2: inverted residuals and linear
       bottlenecks", CVPR 2018, section 3.2.

    Examples
    --------
    >>> ReLU6().output_shape((24, 24, 32))
    (24, 24, 32)
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return ops.clip(x, 0.0, 6.0)


@register
@dataclass(frozen=True, repr=False)
class LeakyReLU(Layer):
    """y = x where x > 0, else negative_slope · x; the gradient at 0 is the slope.

    Parameters
    ----------
    negative_slope : float
        0.1 by default, the lecture's max(0.1 x, x) (L15).

    References
    ----------
    .. [1] A. Maas, A. Hannun, A. Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.

    Examples
    --------
    >>> LeakyReLU(0.2)
    LeakyReLU(0.2)
    """

    negative_slope: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        real(self.kind, "negative_slope", self.negative_slope)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return ops.where(x > 0.0, x, x * self.negative_slope)


@register
@dataclass(frozen=True, repr=False)
class ELU(Layer):
    """y = x where x > 0, else alpha (e^x - 1); the gradient at 0 is alpha.

    Parameters
    ----------
    alpha : float
        Greater than 0; -alpha is the limit far to the left.

    References
    ----------
    .. [1] D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by exponential
       linear units", ICLR 2016.

    Examples
    --------
    >>> ELU()
    ELU(1.0)
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        real(self.kind, "alpha", self.alpha, above=0)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return _elu(x, self.alpha)


@register
@dataclass(frozen=True, repr=False)
class Softplus(Layer):
    """log(1 + e^x), stable for any x; its gradient is the sigmoid.

    References
    ----------
    .. [1] C. Dugas, Y. Bengio, F. Bélisle, C. Nadeau, R. Garcia, "Incorporating second-order functional knowledge for
       better option pricing", NIPS 2000.

    Examples
    --------
    >>> Softplus()
    Softplus()
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return ops.softplus(x)


@register
@dataclass(frozen=True, repr=False)
class GELU(Layer):
    """x Φ(x) = x (1 + erf(x / √2)) / 2, with Φ the normal distribution function.

    Parameters
    ----------
    approximate : bool
        True takes x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, within about 5e-4 of the exact one.

    References
    ----------
    .. [1] D. Hendrycks, K. Gimpel, "Gaussian error linear units", arXiv 1606.08415, 2016.

    Examples
    --------
    >>> GELU(approximate=True)
    GELU(approximate=True)
    """

    approximate: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        flag(self.kind, "approximate", self.approximate)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        if self.approximate:
            inner = sqrt(2 / pi) * (x + 0.044715 * (x * x * x))
            return 0.5 * x * (1.0 + ops.tanh(inner))
        return 0.5 * x * (1.0 + ops.erf(x * sqrt(0.5)))


@register
@dataclass(frozen=True, repr=False)
class SiLU(Layer):
    """x σ(x), also called swish.

    References
    ----------
    .. [1] S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units", Neural Networks 107 (2018).

    Examples
    --------
    >>> SiLU()
    SiLU()
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return x * ops.sigmoid(x)


@register
@dataclass(frozen=True, repr=False)
class HardSwish(Layer):
    """x · min(max(0, x + 3), 6) / 6: `SiLU` of straight pieces.

    References
    ----------
    .. [1] A. Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2.

    Examples
    --------
    >>> HardSwish().output_shape((24, 24, 32))
    (24, 24, 32)
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return x * hard_sigmoid(x)


@register
@dataclass(frozen=True, repr=False)
class SELU(Layer):
    """λ x where x > 0, else λ α (e^x - 1), with λ ≈ 1.0507 and α ≈ 1.6733: mean 0 and variance 1 stay through layers.

    References
    ----------
    .. [1] G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, "Self-normalizing neural networks", NeurIPS 2017.

    Examples
    --------
    >>> SELU()
    SELU()
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return SELU_SCALE * _elu(x, SELU_ALPHA)


@register
@dataclass(frozen=True, repr=False)
class Mish(Layer):
    """x tanh(log(1 + e^x)), computed as x n / (n + 2) with n = e^x (e^x + 2): one exponential for all of it.

    References
    ----------
    .. [1] D. Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.

    Examples
    --------
    >>> Mish()
    Mish()
    """

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        e = ops.exp(ops.minimum(x, 20.0))  # beyond it the quotient is 1, and e² stays finite
        n = e * (e + 2.0)
        return x * (n / (n + 2.0))


def _elu(x: Tensor, alpha: float) -> Tensor:
    """x where x > 0, else alpha (e^x - 1)."""
    positive = x > 0.0
    left = ops.where(positive, 0.0, x)  # keeps e^x finite, so that its gradient is never inf · 0
    return ops.where(positive, x, alpha * ops.expm1(left))
