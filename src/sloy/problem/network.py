"""The network: the shape of one sample, and the layers that it goes through."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sloy import machine, ops, text
from sloy.arguments import extents, integer, one_of
from sloy.engines import Engine
from sloy.engines import engine as find_engine
from sloy.errors import FileFormatError, InvalidArgument, NotAvailable, ShapeError
from sloy.graph.graph import Graph
from sloy.graph.spec import FLOATS, Shape
from sloy.graph.tensor import Tensor
from sloy.graph.threefry import make_key
from sloy.layers.base import (
    Layer,
    Parameter,
    Record,
    Scope,
    State,
    as_layers,
    chain_to_config,
    layer_names,
)
from sloy.layers.built import Built
from sloy.layers.config import layer_from_config
from sloy.problem.summary import Summary, plain_descent, summarize
from sloy.text import reason

__all__ = ["Built", "Network"]


@dataclass(frozen=True)
class Network:
    """Layers one after another, for samples of one shape.

    A network holds no numbers: `initialize` makes parameters, `build` makes tensors. Shapes are checked when it is
    made.

    Parameters
    ----------
    input_shape : tuple of int
        Of one sample: (H, W, C) or (I,).
    layers : sequence of Layer

    Raises
    ------
    ShapeError
        Where a layer does not fit its input; the message names the layer and the shapes.

    Examples
    --------
    >>> from sloy.layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU
    >>> network = Network((28, 28, 1), [Conv2D(32, 3), ReLU(), MaxPool2D(2), Flatten(), Dense(10)])
    >>> network.output_shape, network.parameter_count
    ((10,), 54410)
    """

    input_shape: Shape
    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        shape = extents("Network", "input_shape", self.input_shape)
        object.__setattr__(self, "input_shape", shape)
        object.__setattr__(self, "layers", as_layers("Network", "layers", self.layers))
        self._built_for_one  # noqa: B018  raises where shapes do not fit

    def build(
        self,
        x: Tensor,
        *,
        training: bool = False,
        key: Tensor | None = None,
        step: Tensor | None = None,
    ) -> Built:
        """The network as tensors.

        Parameters
        ----------
        x : Tensor
            (N, *input_shape), float32 or float64; parameters take its dtype.
        training : bool
            Whether dropout drops, batch normalisation takes the moments of the batch, and states are updated.
        key, step : Tensor, optional
            uint32 (2,) and uint32 (): what random masks are drawn from; needed in training where a layer draws.
        """
        if x.rank == 0 or x.shape[1:] != self.input_shape or not x.spec.is_float:
            needed = ", ".join(map(str, ("N", *self.input_shape)))
            raise ShapeError(f"Network: the input is {x.spec}; it must be float ({needed}).")
        record = Record()
        scope = Scope(training, x.dtype, key, step, "", record)
        output = scope.chain(self.layers, x)
        return Built(output, record.activations, record.parameters, record.states, record.updates)

    def initialize(
        self, seed: int = 0, dtype: str = "float32", *, names: Collection[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Parameters and states before the first step.

        Parameters
        ----------
        seed : int
            Each parameter is a function of the seed and its own name.
        dtype : "float32" or "float64"
            Numbers are drawn in float64 and rounded.
        names : collection of str, optional
            Only these parameters and states; each has the values that it has among all of them.

        Returns
        -------
        dict
            Name → array, parameters first.
        """
        one_of("Network.initialize", "dtype", dtype, FLOATS)
        self._check_memory()
        values = {}
        for name, parameter in self.parameters.items():
            if names is None or name in names:
                key = make_key(seed, "initialize", name)
                drawn = parameter.initializer.draw(key, parameter.tensor.shape, parameter.fans)
                values[name] = np.ascontiguousarray(drawn, dtype)
        for name, state in self.states.items():
            if names is None or name in names:
                values[name] = np.full(state.tensor.shape, state.initial, dtype)
        return values

    def _check_memory(self) -> None:
        """Raise `NotAvailable` where the parameters alone are more than this machine has."""
        sizes = {name: parameter.tensor.spec for name, parameter in self.parameters.items()}
        needed, there = sum(spec.nbytes for spec in sizes.values()), machine.memory()
        if there is not None and needed > there:
            largest = max(sizes, key=lambda name: sizes[name].nbytes)
            raise NotAvailable(
                f"Network: the parameters take {text.size(needed)}, this machine has {text.size(there)};"
                f" the largest is `{largest}`, {text.shape(sizes[largest].shape)}."
            )

    def summary(
        self,
        batch_size: int = 1,
        *,
        dtype: str = "float32",
        step: Graph | None = None,
        engine: str | Engine = "auto",
    ) -> Summary:
        """A table of the layers: output shapes, parameters, multiply-adds and memory.

        Parameters
        ----------
        batch_size : int
            For which memory is counted.
        dtype : "float32" or "float64"
        step : Graph, optional
            The training step (`sloy.training.step.training_graph`) of this batch size, whose memory is predicted; by
            default a step of plain gradient descent, which keeps no optimiser slots.
        engine : str or Engine
            Whose memory is counted, see `sloy.engines.engine`.
        """
        size = integer("Network.summary", "batch_size", batch_size)
        one_of("Network.summary", "dtype", dtype, FLOATS)
        x = ops.input("x", (size, *self.input_shape), dtype)
        if step is None:
            key = ops.variable("random/key", (2,), "uint32")
            number = ops.input("step", (), "uint32")
            step = plain_descent(self.build(x, training=True, key=key, step=number))
        layers = dict(zip(self.layer_names, self.layers, strict=True))
        return summarize(layers, x, self.build(x), step, find_engine(engine, dtype=dtype))

    def to_config(self) -> dict[str, Any]:
        """The network as JSON values; `from_config` makes an equal network of them."""
        return {
            "input_shape": list(self.input_shape),
            "layers": chain_to_config(self.layers, self.input_shape),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Network:
        """The network that `to_config` described.

        Raises
        ------
        FileFormatError
            Where the configuration is not one of a network that works.
        """
        if not isinstance(config, Mapping) or set(config) != {"input_shape", "layers"}:
            raise FileFormatError(f"a network is described by {str(config)[:80]}.")
        layers = config["layers"]
        if not isinstance(layers, list):
            raise FileFormatError("the `layers` of a network must be a list.")
        try:
            return cls(config["input_shape"], [layer_from_config(layer) for layer in layers])
        except InvalidArgument as error:
            raise FileFormatError(f"the network cannot be read: {reason(error)}.") from error

    @cached_property
    def _built_for_one(self) -> Built:
        return self.build(ops.input("x", (1, *self.input_shape)))

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The name of each layer, in order."""
        return tuple(layer_names(self.layers))

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The trained tensors by name, in order (float32, as built for one sample)."""
        return self._built_for_one.parameters

    @property
    def states(self) -> Mapping[str, State]:
        """The kept but untrained tensors by name, in order (float32, as built for one sample)."""
        return self._built_for_one.states

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shape of each parameter, then of each state, by name, in order."""
        kept: dict[str, Parameter | State] = {**self.parameters, **self.states}
        return {name: variable.tensor.shape for name, variable in kept.items()}

    @property
    def output_shape(self) -> Shape:
        """Shape of the output of one sample."""
        return self._built_for_one.output.shape[1:]

    @property
    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return sum(parameter.tensor.spec.size for parameter in self.parameters.values())

    def __reduce__(self) -> tuple[object, ...]:
        return Network, (self.input_shape, self.layers)  # without the tensors built for one sample

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def __repr__(self) -> str:
        layers = ", ".join(map(repr, self.layers))
        return f"Network({self.input_shape}, [{layers}])"
