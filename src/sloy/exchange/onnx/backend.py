"""ONNX's own interface to whatever runs its models, for sloy: `prepare(model).run(inputs)`.

The graph is converted for the shapes of the inputs that it is given, compiled by an engine, and run. Operands that sloy
needs to know before anything runs (shapes, axes, pads) are read off the inputs; all arithmetic is the engine's.

Examples
--------
>>> from sloy.exchange.onnx import backend          # doctest: +SKIP
>>> backend.prepare(onnx.load("net.onnx")).run([x])  # doctest: +SKIP

References
----------
.. [1] https://onnx.ai/onnx/api/backend.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx.backend.base import Backend, BackendRep

import sloy.exchange.onnx.operators  # noqa: F401  fills the table
from sloy import ops
from sloy.engines import Engine
from sloy.engines import engine as find_engine
from sloy.errors import InvalidArgument
from sloy.exchange.onnx.conversion import OPERATORS, Conversion, _fits
from sloy.exchange.onnx.folding import FOLDINGS
from sloy.exchange.onnx.reading import OnnxGraph, from_proto
from sloy.exchange.onnx.values import HELD, Value, identity
from sloy.graph import Graph


class SloyRep(BackendRep):
    """A model, ready to run."""

    def __init__(self, graph: OnnxGraph, engine: Engine) -> None:
        self.graph = graph
        self.engine = engine

    def run(self, inputs: Any, **kwargs: Any) -> tuple[np.ndarray, ...]:
        """The outputs, in the model's order.

        Parameters
        ----------
        inputs : sequence of array, or mapping of name to array
            Those of the graph that are no initialisers, in order.
        """
        given = self._named(inputs)
        values, feeds = {}, {}
        for name, array in given.items():
            values[name], feeds[name] = _input(name, array)
        wanted = [info.name for info in self.graph.outputs]
        dtype = "float64" if any(a.dtype == np.float64 for a in given.values()) else "float32"
        conversion = Conversion(self.graph, dtype)
        found = conversion.run(values, wanted)
        tensors = {name: conversion.tensor(value) for name, value in found.items()}
        graph = Graph.of(tensors)
        fed = {name: feeds[name].astype(spec.dtype) for name, spec in graph.inputs.items()}
        outputs = self.engine.compile(graph, {}).run(fed)
        return tuple(outputs[name].astype(found[name].dtype, copy=False) for name in wanted)

    def _named(self, inputs: Any) -> dict[str, np.ndarray]:
        names = [info.name for info in self.graph.inputs]
        if isinstance(inputs, Mapping):
            given = {name: np.asarray(value) for name, value in inputs.items()}
        else:
            several = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
            if len(several) != len(names):
                raise InvalidArgument(f"run: {len(several)} inputs; the model takes {names}.")
            given = {name: np.asarray(v) for name, v in zip(names, several, strict=True)}
        if given.keys() != set(names):
            raise InvalidArgument(f"run: the inputs are {sorted(given)}; the model takes {names}.")
        return given


def _input(name: str, array: np.ndarray) -> tuple[Value, np.ndarray]:
    """An input as a tensor that is fed, and as what it is."""
    dtype = array.dtype.name
    kept = "float32" if dtype == "float16" else HELD.get(dtype, dtype)
    tensor = ops.input(name, array.shape, kept)
    value = Value(array.shape, dtype, array, tensor, identity(array.ndim), array.shape)
    return value, array if array.dtype.kind == "f" else _fits(array, kept)


class SloyBackend(Backend):
    """The backend; `device` is "CPU"."""

    @classmethod
    def prepare(
        cls,
        model: Any,
        device: str = "CPU",
        engine: str | Engine = "auto",
        threads: int = 0,
        **kwargs: Any,
    ) -> SloyRep:
        """A model of the onnx package, checked, ready to run on an engine."""
        if not cls.supports_device(device):
            raise InvalidArgument(f"prepare: `device` (={device!r}) must be 'CPU'.")
        super().prepare(model, device, **kwargs)
        return SloyRep(from_proto(model), find_engine(engine, threads))

    @classmethod
    def is_compatible(cls, model: Any, device: str = "CPU", **kwargs: Any) -> bool:
        """Whether sloy has all operators of the model."""
        return not missing(model)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """The processor only."""
        return device == "CPU"


def missing(model: Any) -> list[str]:
    """The operators of a model that sloy has not."""
    return sorted({node.op_type for node in model.graph.node} - OPERATORS.keys() - FOLDINGS.keys())


prepare = SloyBackend.prepare
is_compatible = SloyBackend.is_compatible
supports_device = SloyBackend.supports_device


def run_model(model: Any, inputs: Sequence[Any], device: str = "CPU", **kwargs: Any) -> Any:
    """Prepare and run."""
    return SloyBackend.prepare(model, device, **kwargs).run(inputs)
