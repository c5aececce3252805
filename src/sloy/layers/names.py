"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable

from sloy.errors import InvalidArgument
from sloy.graph.tensor import Tensor
from sloy.layers.activation import Activation
from sloy.layers.base import Layer
from sloy.layers.rectifiers import ELU, GELU, LeakyReLU, ReLU, SiLU, Softplus
from sloy.layers.sigmoids import Heaviside, Sigmoid, Sign, Tanh

ACTIVATIONS: dict[str, Callable[[], Layer]] = {
    "heaviside": Heaviside,
    "sign": Sign,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "softplus": Softplus,
    "gelu": GELU,
    "silu": SiLU,
}


def activation(place: str, value: str | Layer | Callable[[Tensor], Tensor]) -> Layer:
    """The activation of a name; a layer stays as it is, a function becomes an `Activation`.

    Parameters
    ----------
    place : str
        Who asks, for the message.
    value : str, Layer or function of a tensor

    Examples
    --------
    >>> activation("here", "leaky_relu")
    LeakyReLU(0.1)
    """
    if isinstance(value, Layer):
        return value
    if isinstance(value, str) and value in ACTIVATIONS:
        return ACTIVATIONS[value]()
    if not isinstance(value, str | type) and callable(value):
        return Activation(value)
    raise InvalidArgument(
        f"{place}: `activation` (={value!r}) must be one of {', '.join(ACTIVATIONS)}, an"
        " activation layer, or a function of a tensor."
    )
