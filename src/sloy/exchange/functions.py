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
the shape "any" stands in functions that treat each element alike, which then fit inputs of every shape.
Reading checks everything: such JSON comes from files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np

from sloy.errors import FileFormatError, InvalidArgument, ShapeError, SloyError
from sloy.exchange.attributes import ATTRIBUTES, check_attributes
from sloy.graph.graph import topological_order
from sloy.graph.opdef import LEAVES, REGISTRY
from sloy.graph.spec import FLOATS, Shape, Spec
from sloy.graph.tensor import Tensor, apply, constant, input

Function = Callable[..., Tensor]
Config = dict[str, Any]

MAX_NODES = 4096
MAX_CONSTANT_ELEMENTS = 1 << 20
MAX_INPUTS = 8
MAX_RANK = 8
MAX_ELEMENTS = 1 << 31  # of one value for a batch of 2

_BATCHES = (2, 3)
# What NumPy and Python raise where attributes make no sense; SloyError is what the ops themselves raise.
_FAULTS = (SloyError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError)


# --- writing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Trace:
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
        the computing dtype.

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
        traces = [_trace(function, specs, n, "float64") for n in _BATCHES]
        traces.append(_trace(function, specs, _BATCHES[0], "float32"))
    except InvalidArgument:  # it may have constants of float32; then that is its dtype
        traces = [_trace(function, specs, n, "float32") for n in _BATCHES]
    _check_same(traces)
    elementwise = all(map(_is_elementwise, traces))
    return {
        "inputs": [_input(column, elementwise) for column in _columns(traces, "arguments")],
        "nodes": [
            _node(traces, column, elementwise) for column in _columns(traces, "order")[len(specs) :]
        ],
        "output": traces[0].number(traces[0].result),
    }


def is_elementwise(function: Function) -> bool:
    """Whether a function of one tensor treats each element alike, reading nothing else."""
    try:
        return _is_elementwise(_trace(function, [Spec((1, 3), "float32")], 2, "float32"))
    except InvalidArgument:
        return False


def _columns(traces: Sequence[_Trace], name: str) -> list[tuple[Tensor, ...]]:
    return list(zip(*(getattr(trace, name) for trace in traces), strict=True))


def _trace(function: Function, specs: Sequence[Spec], n: int, dtype: str) -> _Trace:
    arguments = [
        input(str(i), (n, *s.shape[1:]) if s.shape else (), dtype if s.is_float else s.dtype)
        for i, s in enumerate(specs)
    ]
    result = function(*arguments)
    if not isinstance(result, Tensor):
        raise InvalidArgument(
            f"the function returned a {type(result).__name__}; it must return a Tensor."
        )
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
    return _Trace(arguments, [*arguments, *rest], result)


def _check_same(traces: Sequence[_Trace]) -> None:
    first = traces[0]
    for other in traces[1:]:
        same = len(other.order) == len(first.order) and all(
            a.op == b.op and first.numbers(a) == other.numbers(b)
            for a, b in zip(first.order, other.order, strict=True)
        )
        if not same or first.number(first.result) != other.number(other.result):
            raise InvalidArgument(
                "the function makes other ops for another batch size or float dtype, so it cannot be"
                " stored."
            )


def _is_elementwise(trace: _Trace) -> bool:
    """Whether element i of the result depends on elements i of the arguments and on scalars only."""
    shape = trace.result.shape
    if not trace.arguments or any(x.shape != shape for x in trace.arguments):
        return False
    for x in trace.order[len(trace.arguments) :]:
        scalar_constant = x.op == "constant" and x.rank == 0
        spread = x.op == "broadcast_to" and x.inputs[0].rank == 0
        if not (scalar_constant or spread or (x.inputs and REGISTRY[x.op].elementwise)):
            return False
    return True


def _input(column: Sequence[Tensor], elementwise: bool) -> Config:
    shape = "any" if elementwise else _vary([x.shape for x in column], "input")
    return {"shape": shape, "dtype": _vary([x.dtype for x in column], "input")}


def _node(traces: Sequence[_Trace], column: Sequence[Tensor], elementwise: bool) -> Config:
    first = column[0]
    if first.op == "constant":
        return _constant(column)
    attributes = {
        key: _vary([x.attributes[key] for x in column], first.op) for key in first.attributes
    }
    if elementwise and first.op == "broadcast_to":
        attributes["shape"] = "any"
    else:
        check_attributes(first.op, first.attributes)
    return {"op": first.op, "inputs": traces[0].numbers(first), "attributes": attributes}


def _constant(column: Sequence[Tensor]) -> Config:
    first: np.ndarray = column[0].attributes["value"]
    for x in column[1:]:
        value = x.attributes["value"]
        if value.shape != first.shape or not np.array_equal(
            value, first.astype(value.dtype), equal_nan=value.dtype.kind == "f"
        ):
            raise InvalidArgument(
                "the function has a constant that changes with the batch size or the float dtype,"
                " so it cannot be stored."
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
        if all(value == k * n for value, n in zip(values, _BATCHES + _BATCHES[:1], strict=False)):
            return {"N": k}
    raise InvalidArgument(
        f"{op}: an attribute changes with the batch size ({first} for {_BATCHES[0]} samples,"
        f" {values[1]} for {_BATCHES[1]}) and is no multiple of it, so it cannot be stored."
    )


# --- reading -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StoredFunction:
    """A function read from its configuration: call it on tensors of any batch size.

    Two stored functions are equal if their configurations are.
    """

    text: str  # the configuration as canonical JSON

    @cached_property
    def config(self) -> Config:
        """The configuration; do not change it."""
        return dict(json.loads(self.text))

    def __call__(self, *arguments: Tensor) -> Tensor:
        """The function's value; shapes are inferred anew."""
        inputs = self.config["inputs"]
        if len(arguments) != len(inputs):
            raise InvalidArgument(
                f"the stored function takes {len(inputs)} tensors, got {len(arguments)}."
            )
        batch = next((x.shape[0] for x in arguments if x.rank), 1)
        shape = arguments[0].shape
        floats = [x.dtype for x in arguments if x.spec.is_float]
        dtype = floats[0] if floats else "float32"
        for x, given in zip(arguments, inputs, strict=True):
            wanted = shape if given["shape"] == "any" else _extents(given["shape"], batch)
            if x.shape != wanted or x.dtype != _dtype(given["dtype"], dtype):
                raise ShapeError(
                    f"the stored function is made for {_dtype(given['dtype'], dtype)}"
                    f"{list(wanted)}, the argument is {x.spec}."
                )
        values = list(arguments)
        for node in self.config["nodes"]:
            values.append(_value(node, values, batch, shape, dtype))
        return values[self.config["output"]]

    def __repr__(self) -> str:
        names = ", ".join(node["op"] for node in self.config["nodes"][:8])
        return f"<stored function: {names}{' …' if len(self.config['nodes']) > 8 else ''}>"


def function_from_config(config: Mapping[str, Any]) -> StoredFunction:
    """The function that `function_to_config` described.

    Raises
    ------
    FileFormatError
        Where the configuration is not one, or exceeds the bounds of this module.
    """
    try:
        text = json.dumps(config, sort_keys=True, allow_nan=False)
        function = StoredFunction(text)
        _check_config(function.config)
        _check_values(function)
    except RecursionError:
        raise FileFormatError(
            "the stored function cannot be read: it is nested too deep."
        ) from None
    except _FAULTS as fault:
        reason = str(fault) or type(fault).__name__
        raise FileFormatError(f"the stored function cannot be read: {reason}") from fault
    return function


def _check_config(config: Config) -> None:
    if set(config) != {"inputs", "nodes", "output"}:
        raise FileFormatError(f"its keys are {sorted(map(str, config))}.")
    inputs, nodes, output = config["inputs"], config["nodes"], config["output"]
    if not isinstance(inputs, list) or not 1 <= len(inputs) <= MAX_INPUTS:
        raise FileFormatError(f"`inputs` must be a list of 1 to {MAX_INPUTS}.")
    if not isinstance(nodes, list) or len(nodes) > MAX_NODES:
        raise FileFormatError(f"`nodes` must be a list of at most {MAX_NODES}.")
    if not _is_index(output, len(inputs) + len(nodes)):
        raise FileFormatError(f"there is no value {output!r} to be the output.")
    for given in inputs:
        if set(given) != {"shape", "dtype"} or not isinstance(given["dtype"], str):
            raise FileFormatError("an input must have `shape` and `dtype`.")
    if len({given["shape"] == "any" for given in inputs}) > 1:
        raise FileFormatError("either all inputs have the shape 'any', or none.")
    elements = 0
    for number, node in enumerate(nodes, start=len(inputs)):
        elements += _check_node(node, number)
    if elements > MAX_CONSTANT_ELEMENTS:
        raise FileFormatError(f"constants have {elements} elements, more than allowed.")


def _check_node(node: Config, number: int) -> int:
    """Check one node; the number of its constant's elements."""
    op = node["op"]
    if op == "constant":
        if set(node) != {"op", "shape", "dtype", "values"} or not isinstance(node["values"], list):
            raise FileFormatError(f"value {number}: a constant has `shape`, `dtype` and `values`.")
        return len(node["values"])
    if not isinstance(op, str) or op in LEAVES or op not in REGISTRY:
        raise FileFormatError(f"value {number}: {str(op)[:40]!r} is no op of this version.")
    if set(node) != {"op", "inputs", "attributes"} or not isinstance(node["inputs"], list):
        raise FileFormatError(f"value {number}: an op has `inputs` and `attributes`.")
    if not all(_is_index(i, number) for i in node["inputs"]):
        raise FileFormatError(f"value {number}: its inputs must come before it.")
    if not isinstance(node["attributes"], dict):
        raise FileFormatError(f"value {number}: `attributes` must be an object.")
    return 0


def _check_values(function: StoredFunction) -> None:
    """Call the function once for a batch of 2, every value within bounds."""
    inputs = function.config["inputs"]
    arguments = [
        input(
            str(i),
            _BATCHES[:1] if given["shape"] == "any" else _extents(given["shape"], _BATCHES[0]),
            _dtype(given["dtype"], "float32"),
        )
        for i, given in enumerate(inputs)
    ]
    result = function(*arguments)
    for x in topological_order([result]):
        if x.spec.size > MAX_ELEMENTS or x.rank > MAX_RANK:
            raise FileFormatError(f"{x.op}: a value of {x.spec} is larger than allowed.")


def _value(node: Config, values: Sequence[Tensor], batch: int, shape: Shape, dtype: str) -> Tensor:
    if node["op"] == "constant":
        numbers = [float(v) if isinstance(v, str) else v for v in node["values"]]
        array = np.array(numbers, _dtype(node["dtype"], dtype))
        return constant(array.reshape(_extents(node["shape"], batch)), array.dtype.name)
    kinds = ATTRIBUTES.get(node["op"], {})
    attributes = {
        key: shape if value == "any" else _decoded(value, kinds.get(key, ""), batch, dtype)
        for key, value in node["attributes"].items()
    }
    operands = [values[i] for i in node["inputs"]]
    check_attributes(node["op"], attributes, [x.rank for x in operands])
    return apply(node["op"], operands, attributes)


def _decoded(value: Any, kind: str, batch: int, dtype: str) -> Any:
    if isinstance(value, list):
        return _extents(value, batch)
    if isinstance(value, dict):
        return _extents([value], batch)[0]
    if kind == "dtype":
        return _dtype(value, dtype)
    return float(value) if kind == "float" else value


def _extents(values: object, batch: int) -> Shape:
    """Integers, those marked with N multiplied by the batch size."""
    if not isinstance(values, list) or len(values) > MAX_INPUTS * MAX_RANK:
        raise FileFormatError("a shape must be a list of integers.")
    extents = []
    for value in values:
        marked = isinstance(value, dict)
        if marked and set(value) != {"N"}:
            raise FileFormatError("an extent is an integer or {'N': integer}.")
        number = value["N"] if marked else value
        if not _is_index(number, MAX_ELEMENTS):
            raise FileFormatError(f"the extent {number!r} must be an integer from 0 to 2^31.")
        extents.append(number * batch if marked else number)
    return tuple(extents)


def _dtype(name: object, computing: str) -> str:
    if not isinstance(name, str):
        raise FileFormatError(f"the dtype {name!r} must be a name.")
    return computing if name == "float" and computing in FLOATS else name


def _is_index(value: object, stop: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < stop
