"""Activations: a user's own, and all by name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sloy.errors import InvalidArgument
from sloy.graph.spec import Shape, Spec
from sloy.graph.stored import (
    fits_any_shape,
    function_from_config,
    function_to_config,
)
from sloy.graph.tensor import Tensor
from sloy.graph.user import call, check_apart
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register
from sloy.layers.rectifiers import (
    ELU,
    GELU,
    SELU,
    HardSwish,
    LeakyReLU,
    Mish,
    ReLU,
    ReLU6,
    SiLU,
    Softplus,
)
from sloy.layers.sigmoids import HardSigmoid, Heaviside, Sigmoid, Sign, Tanh
from sloy.text import shown


@register
@dataclass(frozen=True, repr=False)
class Activation(Layer):
    """A user's own function σ of symbolic tensors: y = σ(x).

    The function becomes ops of the graph: every engine runs them, backprop differentiates them, and model files store
    them (`sloy.graph.stored`).

    Parameters
    ----------
    function : callable
        ``function(x) -> Tensor``, written with `sloy.ops`: x is (N, …), the result may have another shape but must keep
        N and the dtype.

    Examples
    --------
    >>> import sloy
    >>> swish = Activation(lambda z: z * sloy.ops.sigmoid(z))
    >>> swish.output_shape((10,)), [node["op"] for node in swish.to_config()["function"]["nodes"]]
    ((10,), ['sigmoid', 'mul'])
    """

    function: Callable[[Tensor], Tensor]

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.function, type | Layer) or not callable(self.function):
            hint = "a layer stands by itself" if isinstance(self.function, Layer) else ""
            if isinstance(self.function, type) and issubclass(self.function, Layer):
                hint = f"write `{self.function.__name__}(…)` itself"
            raise InvalidArgument(
                f"Activation: `function` (={shown(self.function)}) must be a function of a tensor"
                f"{'; ' if hint else ''}{hint}."
            )

    def __repr__(self) -> str:
        function = getattr(self.function, "__name__", None) or repr(self.function)
        return f"Activation({function}{'' if self.name is None else f', name={self.name!r}'})"

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        y = call("Activation", self.function, x)
        check_apart("Activation", x, y)
        return y

    def to_config(self, input_shape: Shape | None = None) -> dict[str, Any]:
        """See `Layer.to_config`; a function that treats each element alike needs no `input_shape`."""
        config: dict[str, Any] = {"layer": self.kind, "function": self._traced(input_shape)}
        return config if self.name is None else {**config, "name": self.name}

    def _traced(self, input_shape: Shape | None) -> dict[str, Any]:
        shapes = [(3,), (3, 4, 5)] if input_shape is None else [input_shape]
        configs = [
            function_to_config(self.function, [Spec((1, *shape), "float32")]) for shape in shapes
        ]
        fits_all = fits_any_shape(configs[0]) and configs[0] == configs[-1]
        if input_shape is None and not fits_all:
            raise InvalidArgument(
                "Activation: the function depends on the shape of its input; `input_shape` is needed"
                " to store it."
            )
        return configs[0]

    @classmethod
    def from_config(cls, arguments: Mapping[str, Any], depth: int = 0) -> Activation:
        """See `Layer.from_config`."""
        rest = {key: value for key, value in arguments.items() if key != "function"}
        return cls(function_from_config(arguments["function"]), **rest)

    def __getstate__(self) -> dict[str, Any]:
        """What pickle stores: the function itself where it can be imported, else its ops."""
        module = sys.modules.get(getattr(self.function, "__module__", ""))
        found = getattr(module, getattr(self.function, "__qualname__", ""), None)
        state = dict(self.__dict__)
        if found is not self.function and getattr(self.function, "__name__", "") == "<lambda>":
            state["function"] = function_from_config(self._traced(None))
        return state


ACTIVATIONS: dict[str, Callable[[], Layer]] = {
    "heaviside": Heaviside,
    "sign": Sign,
    "sigmoid": Sigmoid,
    "hard_sigmoid": HardSigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "relu6": ReLU6,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "softplus": Softplus,
    "gelu": GELU,
    "silu": SiLU,
    "hard_swish": HardSwish,
    "selu": SELU,
    "mish": Mish,
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
        f"{place}: `activation` (={shown(value)}) must be one of {', '.join(ACTIVATIONS)}, an"
        " activation layer, or a function of a tensor."
    )
