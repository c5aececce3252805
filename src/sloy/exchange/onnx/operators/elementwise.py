"""Operators that treat each element alike, broadcast as NumPy does, in whatever order their operands are held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np

from sloy import ops
from sloy.exchange.elementwise import FORMS
from sloy.exchange.onnx.conversion import Conversion, number, operator
from sloy.exchange.onnx.nodes import Node, Unsupported
from sloy.exchange.onnx.reading import dtype_name
from sloy.exchange.onnx.values import Order, Value, held, identity, known
from sloy.graph import REGISTRY
from sloy.graph.tensor import Operand, Tensor, elementwise

Function = Callable[..., Tensor]


def _reads(op: str) -> Function:
    return lambda *operands: elementwise(op, *operands)


# operator → the op that `FORMS` writes as it
READ = {
    form.onnx: (REGISTRY[op], _reads(op))
    for op, form in FORMS.items()
    if isinstance(form.onnx, str)
}


def combine(
    c: Conversion,
    values: Sequence[Value],
    function: Function,
    *,
    dtype: str = "",
    role: str = "",
    any_array: bool = False,
) -> Value:
    """A function of tensors of one order, broadcast together.

    Parameters
    ----------
    dtype : str
        ONNX's dtype of the result; that of the first value by default.
    role : str
        What initialisers become parameters as, where they stand beside a value that depends on parameters.
    any_array : bool
        Whether arrays that are no initialisers do so, too.
    """
    values = [_without_copies(v) for v in values]
    rank = max(v.rank for v in values)
    trained = any(v.trained for v in values)
    lead = _lead(values, rank)
    order = lead.order if lead is not None else identity(rank)
    operands: list[Operand] = []
    for value in values:
        if lead is not None and value is lead:
            operands.append(value.moved(value.order))
        elif c.is_own_parameter(value):
            operands.append(c.parameter(value, role or "value", _change(value, rank, order)))
        elif value.is_known and value.size == 1 and any(v.tensor is not None for v in values):
            operands.append(number(value))
        elif role and trained and _is_parameter(c, value, any_array=any_array):
            change = _change(value, rank, order)
            operands.append(c.parameter(value, role, change))
        else:
            operands.append(c.tensor(_extended(value, rank), order))
    tensor = function(*operands)
    kind = dtype or values[0].dtype
    if c.holds(kind) != tensor.dtype:
        tensor = ops.cast(tensor, c.holds(kind))
    trained = trained or any(c.is_weight(v) for v in values if role)
    if lead is not None and lead.is_merged:
        return replace(lead, tensor=tensor, dtype=kind, trained=trained, _moved={})
    return held(tensor, kind, order, trained=trained)


def _is_parameter(c: Conversion, value: Value, *, any_array: bool) -> bool:
    return c.is_weight(value) and value.size > 1 and (any_array or bool(value.source))


def _without_copies(value: Value) -> Value:
    """The value itself; where it is an array and a tensor at once, the tensor."""
    return value if value.tensor is None or value.array is None else replace(value, array=None)


def _lead(values: Sequence[Value], rank: int) -> Value | None:
    """The value whose order the others take: the first of full rank that is not held in ONNX's own."""
    whole = [v for v in values if v.tensor is not None and v.rank == rank]
    moved = [v for v in whole if v.order != identity(rank)]
    lead = next(iter(moved), None)
    others = [v for v in values if v is not lead and not (v.is_known and v.size == 1)]
    return None if lead is not None and lead.is_merged and others else lead


def _extended(value: Value, rank: int, *, trailing: bool = False) -> Value:
    """The value with leading axes of extent 1, or trailing ones."""
    missing = (1,) * (rank - value.rank)
    if not missing:
        return value
    shape = value.shape + missing if trailing else missing + value.shape
    if value.tensor is None:
        assert value.array is not None
        return known(value.array.reshape(shape), value.source)
    tensor = ops.reshape(value.moved(identity(value.rank)), shape)
    return held(tensor, value.dtype, trained=value.trained)


def _change(value: Value, rank: int, order: Order) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        found = array.reshape((1,) * (rank - value.rank) + value.shape).transpose(order)
        while found.ndim > 1 and found.shape[0] == 1:
            found = found[0]
        return found

    return change


# --- one operand --------------------------------------------------------------------------------------------------


@operator("Identity")
def _identity(c: Conversion, node: Node, operands: list[Any]) -> Value:
    return replace(operands[0])


@operator("Cast", "CastLike")
def _cast(c: Conversion, node: Node, operands: list[Any]) -> Value:
    dtype = operands[1].dtype if node.op == "CastLike" else dtype_name(node.attributes["to"])
    dtype = "float32" if dtype == "bfloat16" else dtype
    if dtype in ("unknown", "object", "no tensor") or "complex" in dtype:
        raise Unsupported("the dtype has no numbers that sloy computes with")
    value = operands[0]
    if dtype == "bool":
        return combine(c, [value], lambda x: ops.not_equal(x, 0), dtype="bool")
    result = combine(c, [value], lambda x: ops.cast(x, c.holds(dtype)), dtype=dtype)
    return replace(result, trained=value.trained)


@operator("Clip")
def _clip(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, low, high = (*operands, None, None)[:3]
    bounds = [v for v in (low, high) if v is not None]
    if all(v.is_known for v in bounds) and x.is_float:
        least = number(low, node.attributes.get("min", -inf))
        most = number(high, node.attributes.get("max", inf))
        if least <= most:
            return combine(c, [x], lambda t: ops.clip(t, least, most))
    if low is not None:
        x = combine(c, [x, low], ops.maximum)
    return combine(c, [x, high], ops.minimum) if high is not None else x


@operator("Dropout")
def _dropout(c: Conversion, node: Node, operands: list[Any]) -> Sequence[Value]:
    x, ratio, training = (*operands, None, None)[:3]
    rate = number(ratio, node.attributes.get("ratio", 0.5))
    if training is not None and number(training) and rate and not c.trains:
        raise Unsupported("dropout in training draws at random; give `training_mode` false")
    mask = known(np.broadcast_to(np.array(True), x.shape))
    if not c.trains or not 0.0 < rate < 1.0 or x.tensor is None or not x.is_float:
        return [replace(x), mask]
    tensor = Tensor("dropout", (x.tensor,), {"rate": float(rate)}, x.tensor.spec)
    return [replace(x, tensor=tensor, _moved={}), mask]


# --- several operands ---------------------------------------------------------------------------------------------

# What a second operand that is an initialiser becomes as a parameter.
ROLES = {"Add": "bias", "Sub": "bias", "Mul": "scale", "Div": "scale"}


@operator(*ROLES)
def _binary(c: Conversion, node: Node, operands: list[Any]) -> Value:
    (_, function), role = READ[node.op], ROLES[node.op]
    first, second = operands
    if "axis" in node.attributes:  # opset 6 says where the second operand's axes begin
        trailing = first.rank - node.attributes["axis"] - second.rank
        operands = [first, _extended(second, second.rank + max(trailing, 0), trailing=True)]
    if node.op == "Div" and not first.is_float:
        return combine(c, operands, _integer_division)
    return combine(c, operands, function, role=role if first.is_float else "")


def _integer_division(a: Operand, b: Operand) -> Tensor:
    """Towards 0, by way of float64, which holds every 32-bit quotient exactly enough to truncate it."""
    dtype = next(v.dtype for v in (a, b) if isinstance(v, Tensor))
    left, right = (ops.cast(v, "float64") if isinstance(v, Tensor) else v for v in (a, b))
    return ops.cast(ops.div(left, right), dtype)


@operator("Pow")
def _power(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, exponent = operands
    if exponent.is_known and exponent.size == 1:
        p = float(number(exponent))
        if p == 2.0:
            return combine(c, [x], ops.square)
        if p == 0.5 and x.is_float:
            return combine(c, [x], ops.sqrt)
        if x.is_float:
            return combine(c, [x], lambda t: ops.power(t, p))
    work = "float32" if not x.is_float else ""
    floats = [v if v.is_float else combine(c, [v], lambda t: t, dtype="float32") for v in operands]
    result = combine(c, floats, ops.power)
    return result if not work else combine(c, [result], lambda t: t, dtype=x.dtype)


@operator("PRelu")
def _prelu(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, slope = operands
    if c.graph.opset < 7 and slope.size > 1:  # one for each channel
        slope = _extended(slope, x.rank - 1, trailing=True)
    return combine(
        c, [x, slope], lambda t, s: ops.where(t > 0.0, t, t * s), role="slope", any_array=True
    )


@operator("Max", "Min", "Sum", "Mean")
def _several(c: Conversion, node: Node, operands: list[Any]) -> Value:
    function = {"Max": ops.maximum, "Min": ops.minimum}.get(node.op, ops.add)
    result = operands[0]
    for value in operands[1:]:
        result = combine(c, [result, value], function)
    if node.op == "Mean" and len(operands) > 1:
        return combine(c, [result], lambda x: x * (1.0 / len(operands)))
    return replace(result)


COMPARISONS = {name: function for name, (op, function) in READ.items() if op.kind == "comparison"}
LOGIC: dict[str, Function] = {
    "And": lambda a, b: a * b,
    "Or": ops.maximum,
    "Xor": ops.not_equal,
    "Not": lambda a: 1 - a,
}


@operator(*COMPARISONS)
def _comparison(c: Conversion, node: Node, operands: list[Any]) -> Value:
    return combine(c, operands, COMPARISONS[node.op], dtype="bool")


@operator(*LOGIC)
def _logic(c: Conversion, node: Node, operands: list[Any]) -> Value:
    return combine(c, operands, LOGIC[node.op], dtype="bool")


@operator("Where")
def _where(c: Conversion, node: Node, operands: list[Any]) -> Value:
    condition, x, y = operands
    dtype = c.holds(x.dtype)

    def choose(chosen: Operand, a: Operand, b: Operand) -> Tensor:
        if not isinstance(chosen, Tensor):
            chosen = ops.constant(chosen, dtype)
        return ops.where(ops.cast(chosen, dtype), a, b)

    return combine(c, [condition, x, y], choose, dtype=x.dtype)
