"""Reductions along axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sloy import ops
from sloy.exchange.onnx.conversion import Conversion, normal_axis, number, operator
from sloy.exchange.onnx.folding import axes_of
from sloy.exchange.onnx.nodes import Node
from sloy.exchange.onnx.operators.windows import every
from sloy.exchange.onnx.values import Order, Value, held, identity, without
from sloy.graph.tensor import Tensor, broadcast_to

Reduce = Callable[..., Tensor]


def _log_sum_exp(x: Tensor, axes: Any, *, keepdims: bool) -> Tensor:
    most = ops.reduce_max(x, axes, keepdims=True)
    total = ops.log(ops.reduce_sum(ops.exp(x - most), axes, keepdims=True)) + most
    return total if keepdims else ops.reshape(total, ops.reduce_max(x, axes).shape)


def _product(x: Tensor, axes: Any, *, keepdims: bool) -> Tensor:
    """Halves multiplied with each other until one element is left, axis by axis."""
    shape = x.shape
    for axis in axes:
        if not x.shape[axis]:  # of no elements: 1
            one = tuple(1 if a == axis else e for a, e in enumerate(x.shape))
            x = broadcast_to(ops.constant(1.0, x.dtype), one)
        while x.shape[axis] > 1:
            half = x.shape[axis] // 2
            pair = every(x, axis, 0, half, 1) * every(x, axis, half, half, 1)
            odd = x.shape[axis] % 2
            x = ops.concatenate([pair, every(x, axis, 2 * half, 1, 1)], axis) if odd else pair
    return x if keepdims else ops.reshape(x, tuple(e for a, e in enumerate(shape) if a not in axes))


REDUCTIONS: dict[str, Reduce] = {
    "ReduceMax": ops.reduce_max,
    "ReduceMean": ops.reduce_mean,
    "ReduceMin": ops.reduce_min,
    "ReduceProd": _product,
    "ReduceSum": ops.reduce_sum,
    "ReduceL1": lambda x, axes, keepdims: ops.reduce_sum(ops.absolute(x), axes, keepdims=keepdims),
    "ReduceL2": lambda x, axes, keepdims: ops.sqrt(
        ops.reduce_sum(ops.square(x), axes, keepdims=keepdims)
    ),
    "ReduceLogSum": lambda x, axes, keepdims: ops.log(ops.reduce_sum(x, axes, keepdims=keepdims)),
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceSumSquare": lambda x, axes, keepdims: ops.reduce_sum(
        ops.square(x), axes, keepdims=keepdims
    ),
}


@operator(*REDUCTIONS)
def _reduction(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x = operands[0]
    axes = axes_of(node, [None if v is None else v.array for v in operands])
    if not axes and node.attributes.get("noop_with_empty_axes", 0):
        return x
    keep = bool(node.attributes.get("keepdims", 1))
    logical = sorted({normal_axis(a, x.rank) for a in axes}) if axes else list(range(x.rank))
    order, t = _as_held(c, x)
    y = REDUCTIONS[node.op](t, tuple(sorted(order.index(a) for a in logical)), keepdims=keep)
    return held(y, x.dtype, order if keep else without(order, logical), trained=x.trained)


def _as_held(c: Conversion, x: Value) -> tuple[Order, Tensor]:
    order = identity(x.rank) if x.tensor is None or x.is_merged else x.order
    return order, c.tensor(x, order)


@operator("ArgMax", "ArgMin")
def _argmax(c: Conversion, node: Node, operands: list[Any]) -> Value:
    (x,) = operands
    axis = normal_axis(node.attributes.get("axis", 0), x.rank)
    t = c.tensor(x)
    t = t if t.spec.is_float else ops.cast(t, c.dtype)
    t = -t if node.op == "ArgMin" else t
    if node.attributes.get("select_last_index", 0):
        places = np.arange(x.shape[axis], dtype=np.float64)
        shape = tuple(e if a == axis else 1 for a, e in enumerate(x.shape))
        most = ops.equal(t, broadcast_to(ops.reduce_max(t, axis, keepdims=True), t.shape))
        t = ops.where(most, ops.constant(places.reshape(shape), t.dtype), -1.0)
    y = ops.argmax(t, axis)
    if node.attributes.get("keepdims", 1):
        y = ops.reshape(y, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    return held(y, "int64", trained=x.trained)


@operator("CumSum")
def _cumulative(c: Conversion, node: Node, operands: list[Any]) -> Value:
    """Sums up to each element: a product with a triangle of ones."""
    x, axis_ = operands
    axis = normal_axis(int(number(axis_)), x.rank)
    last = (*(a for a in range(x.rank) if a != axis), axis)
    t = c.tensor(x, last)
    rows = ops.reshape(ops.cast(t, c.dtype), (-1, t.shape[-1]))
    exclusive = int(bool(node.attributes.get("exclusive", 0)))
    ones = np.ones((t.shape[-1], t.shape[-1]))
    reverse = node.attributes.get("reverse", 0)
    part = np.tril(ones, -exclusive) if reverse else np.triu(ones, exclusive)
    y = ops.reshape(rows @ ops.constant(part, c.dtype), t.shape)
    return held(ops.cast(y, t.dtype), x.dtype, last, trained=x.trained)


@operator("CumProd")
def _cumulative_product(c: Conversion, node: Node, operands: list[Any]) -> Value:
    """Products up to each element: each times the one 1, 2, 4 … places before it."""
    x, axis_ = operands
    axis = normal_axis(int(number(axis_)), x.rank)
    t = c.tensor(x)
    back = bool(node.attributes.get("reverse", 0))
    if node.attributes.get("exclusive", 0):
        t = _moved(t, axis, min(1, t.shape[axis]), back=back)
    step = 1
    while step < t.shape[axis]:
        t = t * _moved(t, axis, step, back=back)
        step *= 2
    return held(t, x.dtype, trained=x.trained)


def _moved(t: Tensor, axis: int, step: int, *, back: bool) -> Tensor:
    """Elements some places later, or earlier, behind ones."""
    kept = every(t, axis, step if back else 0, t.shape[axis] - step, 1)
    sides = [step if a == axis else 0 for a in range(t.rank)], [0] * t.rank
    return ops.pad(kept, *(sides[::-1] if back else sides), 1.0)
