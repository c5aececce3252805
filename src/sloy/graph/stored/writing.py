"""A user's function of symbolic tensors, as JSON and back.

A function such as ``lambda z: z * sloy.ops.sigmoid(z)`` has no form of its own that a file could hold; the ops that it
makes do. It is traced for batches of 2 and of 3 samples and in both float dtypes, so that the stored graph
tells what belongs to the batch from what is fixed::

    {"inputs":  [{"shape": [{"N": 1}, 10], "dtype": "float"}],
     "nodes":   [{"op": "constant", "shape": [], "dtype": "float", "values": [0.5]},
                 {"op": "broadcast_to", "inputs": [1], "attributes": {"shape": [{"N": 1}, 10]}},
                 {"op": "mul", "inputs": [0, 2], "attributes": {}}],
     "output":  3}

Values are numbered, inputs first. ``{"N": k}`` is k times the batch size; the dtype "float" is the computing dtype;
the shape "any" stands in functions that treat each element alike, which then fit inputs of every shape. Where
float32 and float64 make different ops, there is a graph for each: ``{"float32": …, "float64": …}``.
`sloy.graph.stored.reading` reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np

from sloy.errors import InvalidArgument
from sloy.graph.graph import topological_order
from sloy.graph.opdef import REGISTRY
from sloy.graph.spec import FLOATS, Spec
from sloy.graph.stored.reading import (
    BATCHES,
    MAX_CONSTANT_ELEMENTS,
    MAX_NODES,
    Config,
    check_storable,
)
from sloy.graph.tensor import Tensor, input
from sloy.graph.user import call

Function = Callable[..., Tensor]

# Values of whole networks: leaves that a scope gives, and what training computes otherwise than use.
LAYER_OPS = ("parameter", "state", "dropout", "batch_normalization")


@dataclass(frozen=True)
class Trace:
    """What a function makes of arguments: its values in the order of computation, arguments first."""

    arguments: list[Tensor]
    order: list[Tensor]  # arguments first
    result: Tensor

    def numbers(self, tensor: Tensor) -> list[int]:
        return [self._number[id(x)] for x in tensor.inputs]

    @cached_property
    def _number(self) -> dict[int, int]:
        return {id(tensor): i for i, tensor in enumerate(self.order)}

    def number(self, tensor: Tensor) -> int:
        return self._number[id(tensor)]


def function_to_config(function: Function, specs: Sequence[Spec]) -> Config:
    """The ops that a function makes, as JSON values.

    Parameters
    ----------
    function : callable
        ``function(*tensors) -> Tensor``, written with `sloy.ops`.
    specs : sequence of Spec
        Of its arguments. The leading extent is the batch and its value does not matter; float dtypes stand for
        the computing dtype. A function that differs between float32 and float64 is stored once for each.

    Raises
    ------
    InvalidArgument
        Where the function cannot be stored: it reads variables or inputs of its own, or its ops differ between
        batch sizes otherwise than by extents.

    Examples
    --------
    >>> from sloy import ops
    >>> config = function_to_config(lambda z: z * ops.sigmoid(z), [Spec((1, 10), "float32")])
    >>> [node["op"] for node in config["nodes"]], config["inputs"]
    (['sigmoid', 'mul'], [{'shape': 'any', 'dtype': 'float'}])
    """
    try:
        traces = [_trace(function, specs, n, "float64") for n in BATCHES]
        return traces_to_config([*traces, _trace(function, specs, BATCHES[0], "float32")])
    except InvalidArgument:  # it may work otherwise in the other float dtype, or in one alone
        found: Config = {}
        for dtype in FLOATS:
            try:
                found[dtype] = traces_to_config(
                    [_trace(function, specs, n, dtype) for n in BATCHES]
                )
            except InvalidArgument as error:
                reason = error
        if not found:
            raise reason from None
        return found if len(found) > 1 else next(iter(found.values()))


def traces_to_config(traces: Sequence[Trace]) -> Config:
    """The stored graph of one function traced for the sizes `BATCHES` in float64, then for the first in float32.

    Beside ops there may be what `sloy.layers.Imported` knows, under the names `LAYER_OPS`.
    """
    _check_same(traces)
    elementwise = all(map(_is_elementwise, traces))
    arguments = _columns(traces, "arguments")
    rest = _columns(traces, "order")[len(arguments) :]
    return {
        "inputs": [_input(column, elementwise) for column in arguments],
        "nodes": [_node(traces, column, elementwise) for column in rest],
        "output": traces[0].number(traces[0].result),
    }


def fits_any_shape(config: Config) -> bool:
    """Whether a stored function takes inputs of every shape."""
    graphs = [config] if "nodes" in config else config.values()
    return all(given["shape"] == "any" for graph in graphs for given in graph["inputs"])


def is_elementwise(function: Function) -> bool:
    """Whether a function of one tensor treats each element alike, reading nothing else."""
    try:
        return _is_elementwise(_trace(function, [Spec((1, 3), "float32")], 2, "float32"))
    except InvalidArgument:
        return False


def _columns(traces: Sequence[Trace], name: str) -> list[tuple[Tensor, ...]]:
    return list(zip(*(getattr(trace, name) for trace in traces), strict=True))


def _trace(function: Function, specs: Sequence[Spec], n: int, dtype: str) -> Trace:
    arguments = [
        input(str(i), (n, *s.shape[1:]) if s.shape else (), dtype if s.is_float else s.dtype)
        for i, s in enumerate(specs)
    ]
    result = call("storing a function", function, *arguments)
    own = {id(x) for x in arguments}
    rest = [x for x in topological_order([result]) if id(x) not in own]
    for tensor in rest:
        if tensor.op in ("input", "variable"):
            raise InvalidArgument(
                f"the function reads the {tensor.op} `{tensor.attributes['name']}`; only functions of"
                " their arguments and of constants can be stored."
            )
    if len(rest) > MAX_NODES:
        raise InvalidArgument(
            f"the function makes {len(rest)} ops; at most {MAX_NODES} can be stored."
        )
    return Trace(arguments, [*arguments, *rest], result)


def _check_same(traces: Sequence[Trace]) -> None:
    first = traces[0]
    for other in traces[1:]:
        same = len(other.order) == len(first.order) and all(
            a.op == b.op and first.numbers(a) == other.numbers(b)
            for a, b in zip(first.order, other.order, strict=True)
        )
        if not same or first.number(first.result) != other.number(other.result):
            raise InvalidArgument(
                "the function makes other ops for another batch size, so it cannot be stored."
            )


def _is_elementwise(trace: Trace) -> bool:
    """Whether element i of the result depends on elements i of the arguments and on scalars only."""
    shape = trace.result.shape
    if not trace.arguments or any(x.shape != shape for x in trace.arguments):
        return False
    for x in trace.order[len(trace.arguments) :]:
        scalar_constant = x.op == "constant" and x.rank == 0
        spread = x.op == "broadcast_to" and x.inputs[0].rank == 0
        if not (
            scalar_constant
            or spread
            or (x.inputs and x.op not in LAYER_OPS and REGISTRY[x.op].elementwise)
        ):
            return False
    return True


def _input(column: Sequence[Tensor], elementwise: bool) -> Config:
    shape = "any" if elementwise else _vary([x.shape for x in column], "input")
    return {"shape": shape, "dtype": _vary([x.dtype for x in column], "input")}


def _node(traces: Sequence[Trace], column: Sequence[Tensor], elementwise: bool) -> Config:
    first = column[0]
    if first.op == "constant":
        return _constant(column)
    attributes = {
        key: _vary([x.attributes[key] for x in column], first.op) for key in first.attributes
    }
    if elementwise and first.op == "broadcast_to":
        attributes["shape"] = "any"
    elif first.op not in LAYER_OPS:
        check_storable(first.op, first.attributes)
    return {"op": first.op, "inputs": traces[0].numbers(first), "attributes": attributes}


def _constant(column: Sequence[Tensor]) -> Config:
    first: np.ndarray = column[0].attributes["value"]
    for x in column[1:]:
        value = x.attributes["value"]
        if value.shape != first.shape or not np.array_equal(
            value, first.astype(value.dtype), equal_nan=value.dtype.kind == "f"
        ):
            raise InvalidArgument(
                "the function has a constant that changes with the batch size, so it cannot be stored."
            )
    if first.size > MAX_CONSTANT_ELEMENTS:
        raise InvalidArgument(
            f"the function has a constant of {first.size} elements; at most {MAX_CONSTANT_ELEMENTS}"
            " can be stored."
        )
    return {
        "op": "constant",
        "shape": list(first.shape),
        "dtype": _vary([x.dtype for x in column], "constant"),
        "values": [_plain(v) for v in first.ravel().tolist()],
    }


def _plain(value: float) -> float | str:
    """A number as JSON has it; NaN and infinities as words."""
    return value if isfinite(value) else repr(value)


def _vary(values: Sequence[Any], op: str) -> Any:
    """One JSON value for what the traces have: equal, or a multiple of the batch size, or the computing dtype."""
    first = values[0]
    if isinstance(first, list | tuple):
        if any(len(value) != len(first) for value in values):
            raise InvalidArgument(
                f"{op}: its rank changes with the batch size; it cannot be stored."
            )
        return [_vary(column, op) for column in zip(*values, strict=True)]
    if all(value == first for value in values):
        if isinstance(first, float | np.floating):
            return _plain(float(first))
        return int(first) if isinstance(first, np.integer) else first
    if isinstance(first, str):
        if first == "float64" and values[1] == "float64" and values[-1] == "float32":
            return "float"
    elif isinstance(first, int | np.integer):
        k = int(values[1] - values[0])
        if all(value == k * n for value, n in zip(values, BATCHES + BATCHES[:1], strict=False)):
            return {"N": k}
    raise InvalidArgument(
        f"{op}: an attribute changes with the batch size ({first} for {BATCHES[0]} samples,"
        f" {values[1]} for {BATCHES[1]}) and is no multiple of it, so it cannot be stored."
    )
