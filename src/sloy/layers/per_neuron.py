"""A different activation for each neuron."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sloy import ops
from sloy.arguments import integer
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.stored import is_elementwise
from sloy.graph.tensor import Tensor
from sloy.layers.activations import Activation
from sloy.layers.base import Layer, Scope
from sloy.layers.config import register
from sloy.text import shown

INSIDE = 0.5  # what an activation sees in place of neurons that are not its own


@register
@dataclass(frozen=True, repr=False)
class PerNeuron(Layer):
    """Neuron c has its own activation: y(…, c) = σ_c(x(…, c)) (L12: "activation of each neuron").

    Input and output (N, …, C), the neurons or channels being the last axis.

    Parameters
    ----------
    activations : sequence
        For each neuron in turn an activation (a layer such as `Tanh()`, or a function of a tensor), or groups
        ``(activation, count)``. All must treat each element alike, so `Softmax` is not allowed.

    Notes
    -----
    Each *different* activation is computed on the whole tensor and its neurons are picked from that, so the cost grows
    with the number of different activations, however they are interleaved. Elsewhere an activation gets 0.5
    instead of the neighbour's value, which keeps functions such as √x from making NaN gradients out of neurons
    that are not theirs.

    Examples
    --------
    >>> from sloy.layers import ReLU, Tanh
    >>> PerNeuron([(Tanh(), 16), (ReLU(), 48)]).output_shape((64,))
    (64,)
    """

    activations: Sequence[Layer | tuple[Layer, int]]

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.activations
        if not isinstance(given, list | tuple) or not given:
            raise InvalidArgument(
                f"PerNeuron: `activations` (={shown(given)}) must be a list of activations or of"
                " (activation, count)."
            )
        runs: list[tuple[Layer, int]] = []
        for entry in given:
            activation, count = entry if _is_group(entry) else (entry, 1)
            layer = _as_activation(activation)
            number = integer("PerNeuron", "count", count)
            if runs and runs[-1][0] == layer:
                runs[-1] = (layer, runs[-1][1] + number)
            else:
                runs.append((layer, number))
        object.__setattr__(self, "activations", tuple(runs))

    def apply(self, scope: Scope, x: Tensor) -> Tensor:
        """See `Layer.apply`."""
        neurons = sum(count for _, count in self._runs())
        if x.rank < 2 or x.shape[-1] != neurons:
            raise ShapeError(
                f"PerNeuron has activations for {neurons} neurons, the input {x.shape} has"
                f" {x.shape[-1]}."
            )
        owners = [activation for activation, count in self._runs() for _ in range(count)]
        distinct = list(dict.fromkeys(owners))
        y = distinct[0].apply(scope, self._own(x, distinct[0], owners))
        for activation in distinct[1:]:
            chosen = _mask(x, activation, owners)
            y = ops.where(chosen, activation.apply(scope, self._own(x, activation, owners)), y)
        return y

    def _runs(self) -> list[tuple[Layer, int]]:
        return list(self.activations)  # type: ignore[arg-type]  # made so by __post_init__

    @staticmethod
    def _own(x: Tensor, activation: Layer, owners: Sequence[Layer]) -> Tensor:
        if all(owner == activation for owner in owners):
            return x
        return ops.where(_mask(x, activation, owners), x, INSIDE)


def _mask(x: Tensor, activation: Layer, owners: Sequence[Layer]) -> Tensor:
    """1 at the neurons of an activation, else 0, of the shape of x."""
    own = np.array([owner == activation for owner in owners])
    return ops.broadcast_to(ops.constant(own, x.dtype), x.shape)


def _is_group(entry: object) -> bool:
    return isinstance(entry, list | tuple) and len(entry) == 2


def _as_activation(value: object) -> Layer:
    layer = value if isinstance(value, Layer) or not callable(value) else Activation(value)
    if not isinstance(layer, Layer):
        raise InvalidArgument(
            f"PerNeuron: `activations` holds {value!r}; it must hold activations or"
            " (activation, count)."
        )
    if not is_elementwise(lambda x: layer.apply(Scope(dtype=x.dtype), x)):
        raise InvalidArgument(
            f"PerNeuron: `activations` holds {layer!r}, which does not treat each element alike."
        )
    return layer
