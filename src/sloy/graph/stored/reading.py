"""Functions of symbolic tensors read from JSON (written by `sloy.graph.stored.writing`).

Such JSON comes from files, so everything is checked: ops, operands, attributes and their kinds, and sizes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sloy.errors import FileFormatError, InvalidArgument, ShapeError, SloyError
from sloy.graph.attributes import check_attributes
from sloy.graph.graph import topological_order
from sloy.graph.opdef import LEAVES, REGISTRY
from sloy.graph.spec import FLOATS, Shape
from sloy.graph.tensor import Tensor, apply, constant, input

Config = dict[str, Any]
# What else than ops a stored graph may hold: name → handler(attributes, operands) → Tensor; see `Imported`.
Special = Mapping[str, Callable[[Mapping[str, Any], Sequence[Tensor]], Tensor]]

MAX_NODES = 4096
MAX_GRAPH_NODES = 1 << 15  # of whole networks
MAX_CONSTANT_ELEMENTS = 1 << 20
MAX_INPUTS = 8
MAX_RANK = 8
MAX_ELEMENTS = 1 << 31  # of one value for a batch of 2

BATCHES = (2, 3)  # sizes that functions are traced and tried with
# What NumPy and Python raise where attributes make no sense; SloyError is what the ops themselves raise.
_FAULTS = (SloyError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True)
class StoredFunction:
    """A function read from its configuration: call it on tensors of any batch size.

    Two stored functions are equal if their configurations are.
    """

    text: str  # the configuration as canonical JSON

    @cached_property
    def config(self) -> Config:
        """The configuration; do not change it."""
        found: Config = json.loads(self.text)
        return found

    def __call__(self, *arguments: Tensor) -> Tensor:
        """The function's value; shapes are inferred anew."""
        values, output = self.evaluate(arguments)
        return values[output]

    def evaluate(
        self, arguments: Sequence[Tensor], special: Special | None = None
    ) -> tuple[list[Tensor], int]:
        """Every value of the graph, arguments first, and the number of the output."""
        floats = [x.dtype for x in arguments if x.spec.is_float]
        dtype = floats[0] if floats else "float32"
        graph = _graphs(self.config).get(dtype, self.config)
        inputs = graph["inputs"]
        if len(arguments) != len(inputs):
            raise InvalidArgument(
                f"the stored function takes {len(inputs)} tensors, got {len(arguments)}."
            )
        batch = next((x.shape[0] for x in arguments if x.rank), 1)
        shape = arguments[0].shape
        for x, given in zip(arguments, inputs, strict=True):
            wanted = shape if given["shape"] == "any" else _extents(given["shape"], batch)
            if x.shape != wanted or x.dtype != _dtype(given["dtype"], dtype):
                raise ShapeError(
                    f"the stored function is made for {_dtype(given['dtype'], dtype)}"
                    f"{list(wanted)}, the argument is {x.spec}."
                )
        values = list(arguments)
        for node in graph["nodes"]:
            handler = (special or {}).get(node["op"])
            if handler is None:
                values.append(_value(node, values, batch, shape, dtype))
            else:
                values.append(handler(node["attributes"], [values[i] for i in node["inputs"]]))
        return values, graph["output"]

    def __repr__(self) -> str:
        nodes = next(iter(_graphs(self.config).values()))["nodes"]
        names = ", ".join(node["op"] for node in nodes[:8])
        return f"<stored function: {names}{' …' if len(nodes) > 8 else ''}>"


def function_from_config(
    config: Mapping[str, Any], special: Callable[[str], Special] | None = None
) -> StoredFunction:
    """The function that `function_to_config` described.

    Parameters
    ----------
    config : mapping
    special : callable, optional
        ``special(dtype)``: what else than ops the graph may hold, with handlers to try it in a computing dtype.

    Raises
    ------
    FileFormatError
        Where the configuration is not one, or exceeds the bounds of this module.
    """
    try:
        text = json.dumps(config, sort_keys=True, allow_nan=False)
        function = StoredFunction(text)
        if not isinstance(function.config, dict):
            raise FileFormatError("it is no object.")
        for dtype, graph in _graphs(function.config).items():
            handlers = special(dtype) if special is not None else None
            _check_config(graph, handlers)
            _check_values(function, graph["inputs"], dtype, handlers)
    except RecursionError:
        raise FileFormatError(
            "the stored function cannot be read: it is nested too deep."
        ) from None
    except _FAULTS as fault:
        reason = str(fault) or type(fault).__name__
        raise FileFormatError(f"the stored function cannot be read: {reason}") from fault
    return function


def _graphs(config: Config) -> dict[str, Config]:
    """The stored graph of each float dtype, or the one graph for both."""
    return config if set(config) == set(FLOATS) else dict.fromkeys(FLOATS, config)


def _check_config(config: Config, special: Special | None) -> None:
    most = MAX_NODES if special is None else MAX_GRAPH_NODES
    if set(config) != {"inputs", "nodes", "output"}:
        raise FileFormatError(f"its keys are {sorted(map(str, config))}.")
    inputs, nodes, output = config["inputs"], config["nodes"], config["output"]
    if not isinstance(inputs, list) or not 1 <= len(inputs) <= MAX_INPUTS:
        raise FileFormatError(f"`inputs` must be a list of 1 to {MAX_INPUTS}.")
    if not isinstance(nodes, list) or len(nodes) > most:
        raise FileFormatError(f"`nodes` must be a list of at most {most}.")
    if not _is_index(output, len(inputs) + len(nodes)):
        raise FileFormatError(f"there is no value {output!r} to be the output.")
    for given in inputs:
        if set(given) != {"shape", "dtype"} or not isinstance(given["dtype"], str):
            raise FileFormatError("an input must have `shape` and `dtype`.")
    if len({given["shape"] == "any" for given in inputs}) > 1:
        raise FileFormatError("either all inputs have the shape 'any', or none.")
    elements = 0
    for number, node in enumerate(nodes, start=len(inputs)):
        elements += _check_node(node, number, special or {})
    if elements > MAX_CONSTANT_ELEMENTS:
        raise FileFormatError(f"constants have {elements} elements, more than allowed.")


def _check_node(node: Config, number: int, special: Special) -> int:
    """Check one node; the number of its constant's elements."""
    op = node["op"]
    if op == "constant":
        if set(node) != {"op", "shape", "dtype", "values"} or not isinstance(node["values"], list):
            raise FileFormatError(f"value {number}: a constant has `shape`, `dtype` and `values`.")
        return len(node["values"])
    known = isinstance(op, str) and (op in special or (op in REGISTRY and op not in LEAVES))
    if not known:
        raise FileFormatError(f"value {number}: {str(op)[:40]!r} is no op of this version.")
    if set(node) != {"op", "inputs", "attributes"} or not isinstance(node["inputs"], list):
        raise FileFormatError(f"value {number}: an op has `inputs` and `attributes`.")
    if not all(_is_index(i, number) for i in node["inputs"]):
        raise FileFormatError(f"value {number}: its inputs must come before it.")
    if not isinstance(node["attributes"], dict):
        raise FileFormatError(f"value {number}: `attributes` must be an object.")
    return 0


def _check_values(
    function: StoredFunction, inputs: Sequence[Config], dtype: str, special: Special | None
) -> None:
    """Call the function once for a batch of 2 and a computing dtype it is made for, every value within bounds."""
    fixed = {given["dtype"] for given in inputs} & set(FLOATS)
    if fixed and dtype not in fixed:
        return
    arguments = [
        input(
            str(i),
            BATCHES[:1] if given["shape"] == "any" else _extents(given["shape"], BATCHES[0]),
            _dtype(given["dtype"], dtype),
        )
        for i, given in enumerate(inputs)
    ]
    values, output = function.evaluate(arguments, special)
    for x in topological_order([values[output]]):
        if x.spec.size >= MAX_ELEMENTS or x.rank > MAX_RANK:
            raise FileFormatError(f"{x.op}: a value of {x.spec} is larger than allowed.")


def _value(node: Config, values: Sequence[Tensor], batch: int, shape: Shape, dtype: str) -> Tensor:
    if node["op"] == "constant":
        numbers = [float(v) if isinstance(v, str) else v for v in node["values"]]
        array = np.array(numbers, _dtype(node["dtype"], dtype))
        return constant(array.reshape(_extents(node["shape"], batch)), array.dtype.name)
    op, definition = node["op"], REGISTRY[node["op"]]
    kinds = definition.attributes
    attributes = {
        key: shape if value == "any" else _decoded(value, kinds.get(key, ""), batch, dtype)
        for key, value in node["attributes"].items()
    }
    operands = [values[i] for i in node["inputs"]]
    check_storable(op, attributes)
    value = apply(op, operands, attributes)
    nothing = definition.idle and value.spec == operands[0].spec  # for this batch size
    return operands[0] if nothing else value


def check_storable(op: str, attributes: Mapping[str, Any]) -> None:
    """Raise `InvalidArgument` unless a function may hold an op with such attributes."""
    if REGISTRY[op].kind == "augmentation":
        raise InvalidArgument(f"{op}: augmentation belongs to training steps, not to functions.")
    if REGISTRY[op].kind == "sparse":
        raise InvalidArgument(
            f"{op}: sparse rows belong to runs over such samples, not to functions."
        )
    check_attributes(op, REGISTRY[op].attributes, attributes)


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
