"""Layers one after another as one layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sloy.errors import FileFormatError
from sloy.graph.spec import Shape
from sloy.graph.tensor import Tensor
from sloy.layers.base import Layer, Scope, as_layers, chain_to_config, layer_names
from sloy.layers.config import layer_from_config, register


@register
@dataclass(frozen=True, repr=False)
class Sequential(Layer):
    """Layers one after another as one layer, a block of a network: its layers are named inside it.

    Input (N, …), output y = f_n(… f_1(x)), that of the last layer. Names inside: ``sequential_1/conv2d_1/weight``.

    Parameters
    ----------
    layers : sequence of Layer

    Examples
    --------
    >>> import sloy
    >>> from sloy.layers import Conv2D, ReLU
    >>> network = sloy.Network((8, 8, 3), [Sequential([Conv2D(4, 3), ReLU()], name="stem")])
    >>> list(network.parameters)
    ['stem/conv2d_1/weight', 'stem/conv2d_1/bias']
    """

    layers: Sequence[Layer]

    CHAINS: ClassVar[tuple[str, ...]] = ("layers",)  # the fields that hold layers

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.CHAINS:
            if name == "layers" or getattr(self, name) is not None:
                layers = as_layers(self.kind, name, getattr(self, name))
                layer_names(layers)
                object.__setattr__(self, name, layers)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        return scope.chain(self.layers, x)

    def to_config(self, input_shape: Shape | None = None) -> dict[str, Any]:
        """See `Layer.to_config`."""
        config: dict[str, Any] = {"layer": self.kind}
        for name in self.CHAINS:
            if (layers := getattr(self, name)) is not None:
                config[name] = chain_to_config(layers, input_shape)
        return config if self.name is None else {**config, "name": self.name}

    @classmethod
    def from_config(cls, arguments: Mapping[str, Any], depth: int = 0) -> Sequential:
        """See `Layer.from_config`."""
        chains: dict[str, Any] = dict(arguments)
        for key in cls.CHAINS:
            if key not in chains:
                continue
            if not isinstance(chains[key], list):
                raise FileFormatError(f"{cls.__name__}: `{key}` must be a list of layers.")
            chains[key] = [layer_from_config(config, depth + 1) for config in chains[key]]
        return cls(**chains)
