"""Initial weights: what a parameter holds before the first step.

Numbers are drawn in float64 by counter-based randomness (`sloy.graph.threefry`): element i of a parameter is a
function of the seed, the parameter's name and i. The fan-in of a weight is the number of products that one output
sums, the fan-out the number of outputs that one input reaches: I and O for dense weights (I, O), KH·KW·I and KH·KW·O
for convolution weights (KH, KW, I, O).

Layers take an initialiser or its name: ``Dense(10, weight_initializer="he_normal")``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod, sqrt
from typing import ClassVar

import numpy as np

from sloy.arguments import extents, real
from sloy.errors import InvalidArgument
from sloy.graph.spec import Shape
from sloy.graph.threefry import Key, normal, uniform
from sloy.options import check_options, real_option
from sloy.text import shown

Fans = tuple[int, int]


def fans(shape: Shape) -> Fans:
    """Fan-in and fan-out of a weight of that shape; a vector has its length as both.

    Examples
    --------
    >>> fans((784, 128)), fans((5, 5, 1, 32))
    ((784, 128), (25, 800))
    """
    if shape != ():
        shape = extents("fans", "shape", shape)
    if len(shape) < 2:
        return prod(shape), prod(shape)
    field = prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


@dataclass(frozen=True)
class Initializer(ABC):
    """A rule for the first value of a parameter."""

    def __post_init__(self) -> None:
        check_options(type(self).__name__, self)

    @abstractmethod
    def draw(self, key: Key, shape: Shape, fans: Fans) -> np.ndarray:
        """A float64 array of that shape.

        Parameters
        ----------
        key : uint32 (2,)
            The parameter's own key.
        shape : tuple of int
        fans : (fan-in, fan-out)
            Of the layer's weight, so that a bias can follow it.
        """


@dataclass(frozen=True)
class Zeros(Initializer):
    """All zeros: w = 0."""

    def draw(self, key: Key, shape: Shape, fans: Fans) -> np.ndarray:
        """See `Initializer.draw`."""
        return np.zeros(shape)


@dataclass(frozen=True)
class Constant(Initializer):
    """All the same: w = value."""

    value: float

    def __post_init__(self) -> None:
        real("Constant", "value", self.value)

    def draw(self, key: Key, shape: Shape, fans: Fans) -> np.ndarray:
        """See `Initializer.draw`."""
        return np.full(shape, float(self.value))


@dataclass(frozen=True)
class Uniform(Initializer):
    """w ~ U[low, high)."""

    low: float = -0.05
    high: float = 0.05

    def __post_init__(self) -> None:
        low = real("Uniform", "low", self.low)
        real("Uniform", "high", self.high, least=low)

    def draw(self, key: Key, shape: Shape, fans: Fans) -> np.ndarray:
        """See `Initializer.draw`."""
        return self.low + (self.high - self.low) * uniform(key, shape)


@dataclass(frozen=True)
class Normal(Initializer):
    """w ~ N(mean, deviation²), not truncated."""

    mean: float = real_option(0.0)
    deviation: float = real_option(0.05, least=0)

    def draw(self, key: Key, shape: Shape, fans: Fans) -> np.ndarray:
        """See `Initializer.draw`."""
        return self.mean + self.deviation * normal(key, shape)


@dataclass(frozen=True)
class _Scaled(Initializer):
    """A law of mean 0 whose variance depends on the fans: U[-√3 s, √3 s) or N(0, s²)."""

    law: ClassVar[str]

    @abstractmethod
    def variance(self, fan_in: int, fan_out: int) -> float:
        """The variance s² of a weight."""

    def draw(self, key: Key, shape: Shape, fans: Fans) -> np.ndarray:
        """See `Initializer.draw`."""
        deviation = sqrt(self.variance(*fans))
        if self.law == "normal":
            return deviation * normal(key, shape)
        return sqrt(3.0) * deviation * (2.0 * uniform(key, shape) - 1.0)


class _Glorot(_Scaled):
    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / max(fan_in + fan_out, 1)


class _He(_Scaled):
    def variance(self, fan_in: int, fan_out: int) -> float:
        return 2.0 / max(fan_in, 1)


class _LeCun(_Scaled):
    def variance(self, fan_in: int, fan_out: int) -> float:
        return 1.0 / max(fan_in, 1)


@dataclass(frozen=True)
class GlorotUniform(_Glorot):
    """w ~ U[-a, a), a = √(6 / (fan-in + fan-out)): variances of signals and gradients stay about equal.

    The default of `Dense` and `Conv2D`, as in Keras.

    References
    ----------
    .. [1] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
       AISTATS 2010, equation 16.
    """

    law: ClassVar[str] = "uniform"


@dataclass(frozen=True)
class GlorotNormal(_Glorot):
    """w ~ N(0, 2 / (fan-in + fan-out)), not truncated.

    References
    ----------
    .. [1] X. Glorot, Y. Bengio, AISTATS 2010, equation 12.
    """

    law: ClassVar[str] = "normal"


@dataclass(frozen=True)
class HeUniform(_He):
    """w ~ U[-a, a), a = √(6 / fan-in): keeps the variance of signals through ReLU layers.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015, equation 10.
    """

    law: ClassVar[str] = "uniform"


@dataclass(frozen=True)
class HeNormal(_He):
    """w ~ N(0, 2 / fan-in), not truncated.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015, equation 10.
    """

    law: ClassVar[str] = "normal"


@dataclass(frozen=True)
class LeCunUniform(_LeCun):
    """w ~ U[-a, a), a = √(3 / fan-in): variance 1 / fan-in.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998, equation 16.
    """

    law: ClassVar[str] = "uniform"


@dataclass(frozen=True)
class LeCunNormal(_LeCun):
    """w ~ N(0, 1 / fan-in), not truncated.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998, equation 16.
    """

    law: ClassVar[str] = "normal"


@dataclass(frozen=True)
class FanInUniform(Initializer):
    """w ~ U[-a, a), a = 1 / √fan-in: variance 1 / (3 fan-in). PyTorch's default for weights and biases alike.

    A bias takes the fan-in of its layer's weight.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998; `torch.nn.Linear`.
    """

    def draw(self, key: Key, shape: Shape, fans: Fans) -> np.ndarray:
        """See `Initializer.draw`."""
        return (2.0 * uniform(key, shape) - 1.0) / sqrt(max(fans[0], 1))


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """w = gain · Q, with Q of orthonormal columns or rows when the weight is seen as a matrix (…, O).

    Q is the orthogonal factor of a normal matrix, the signs taken so that R has a positive diagonal, which makes Q
    uniform among orthogonal matrices. LAPACK computes it: equal seeds agree to rounding between machines, not to the
    last bit.

    References
    ----------
    .. [1] A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
       neural networks", ICLR 2014.
    .. [2] F. Mezzadri, "How to generate random matrices from the classical compact groups", 2007.
    """

    gain: float = real_option(1.0)

    def draw(self, key: Key, shape: Shape, fans: Fans) -> np.ndarray:
        """See `Initializer.draw`."""
        if len(shape) < 2:
            raise InvalidArgument(f"Orthogonal: needs a weight of at least 2 axes, got {shape}.")
        rows, columns = prod(shape[:-1]), shape[-1]
        tall = normal(key, (max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall)
        q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


INITIALIZERS: dict[str, type[Initializer]] = {
    "zeros": Zeros,
    "constant": Constant,
    "uniform": Uniform,
    "normal": Normal,
    "glorot_uniform": GlorotUniform,
    "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform,
    "he_normal": HeNormal,
    "lecun_uniform": LeCunUniform,
    "lecun_normal": LeCunNormal,
    "fan_in_uniform": FanInUniform,
    "orthogonal": Orthogonal,
}

_NEED_ARGUMENTS = ("constant",)


def as_initializer(where: str, name: str, value: Initializer | str) -> Initializer:
    """An initialiser from itself or its name.

    Examples
    --------
    >>> as_initializer("Dense", "weight_initializer", "he_normal")
    HeNormal()
    """
    if isinstance(value, Initializer):
        return value
    names = [name for name in INITIALIZERS if name not in _NEED_ARGUMENTS]
    if isinstance(value, str) and value in names:
        return INITIALIZERS[value]()
    raise InvalidArgument(
        f"{where}: `{name}` (={shown(value)}) must be an Initializer or one of {', '.join(names)}."
    )
