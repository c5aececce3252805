"""Residual connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sloy.errors import FileFormatError, ShapeError
from sloy.graph.spec import Shape
from sloy.graph.tensor import Tensor
from sloy.layers.base import Layer, Scope, as_layers, chain_to_config, layer_names
from sloy.layers.config import layer_from_config, register


@register
@dataclass(frozen=True, repr=False)
class Residual(Layer):
    """Layers around which the input also goes straight: y = layers(x) + shortcut(x).

    Input (N, …), output that of the layers. Names inside: ``residual_1/conv2d_1/weight``, and
    ``residual_1/shortcut/conv2d_1/weight``.

    Parameters
    ----------
    layers : sequence of Layer
    shortcut : sequence of Layer, optional
        What the straight way goes through, such as a 1 × 1 convolution where extents or channels change; by default
        nothing, and then the layers must keep the shape.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016.

    Examples
    --------
    >>> from sloy.layers import Conv2D, ReLU
    >>> body = [Conv2D(64, 3, stride=2, padding="same"), ReLU(), Conv2D(64, 3, padding="same")]
    >>> Residual(body, [Conv2D(64, 1, stride=2)]).output_shape((32, 32, 16))
    (16, 16, 64)
    """

    layers: Sequence[Layer]
    shortcut: Sequence[Layer] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "layers", as_layers("Residual", "layers", self.layers))
        layer_names(self.layers)
        if self.shortcut is not None:
            object.__setattr__(self, "shortcut", as_layers("Residual", "shortcut", self.shortcut))
            layer_names(self.shortcut)

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        y = scope.chain(self.layers, x)
        straight = x
        if self.shortcut is not None:
            straight = scope.child("shortcut").chain(self.shortcut, x)
        if straight.shape != y.shape:
            raise ShapeError(
                f"the layers make {y.shape}, the shortcut {straight.shape}; they must be equal."
                " Give a `shortcut`, such as [Conv2D(filters, 1, stride=…)], or change the layers."
            )
        return y + straight

    def to_config(self, input_shape: Shape | None = None) -> dict[str, Any]:
        """See `Layer.to_config`."""
        config: dict[str, Any] = {"layer": self.kind}
        config["layers"] = chain_to_config(self.layers, input_shape)
        if self.shortcut is not None:
            config["shortcut"] = chain_to_config(self.shortcut, input_shape)
        return config if self.name is None else {**config, "name": self.name}

    @classmethod
    def from_config(cls, arguments: Mapping[str, Any], depth: int = 0) -> Residual:
        """See `Layer.from_config`."""
        chains: dict[str, Any] = dict(arguments)
        for key in ("layers", "shortcut"):
            if key not in chains:
                continue
            if not isinstance(chains[key], list):
                raise FileFormatError(f"Residual: `{key}` must be a list of layers.")
            chains[key] = [layer_from_config(config, depth + 1) for config in chains[key]]
        return cls(**chains)
