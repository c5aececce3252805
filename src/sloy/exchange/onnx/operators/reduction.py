"""Reductions along axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sloy import ops
from sloy.exchange.onnx.conversion import Conversion, Unsupported, normal_axis, operator
from sloy.exchange.onnx.folding import axes_of
from sloy.exchange.onnx.reading import Node
from sloy.exchange.onnx.values import Order, Value, held, identity, without
from sloy.graph.tensor import Tensor

Reduce = Callable[..., Tensor]


def _log_sum_exp(x: Tensor, axes: Any, *, keepdims: bool) -> Tensor:
    most = ops.reduce_max(x, axes, keepdims=True)
    total = ops.log(ops.reduce_sum(ops.exp(x - most), axes, keepdims=True)) + most
    return total if keepdims else ops.reshape(total, ops.reduce_max(x, axes).shape)


REDUCTIONS: dict[str, Reduce] = {
    "ReduceMax": ops.reduce_max,
    "ReduceMean": ops.reduce_mean,
    "ReduceMin": ops.reduce_min,
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
    if node.attributes.get("select_last_index", 0):
        raise Unsupported("the last of equal maxima")
    axis = normal_axis(node.attributes.get("axis", 0), x.rank)
    t = c.tensor(x)
    y = ops.argmax(-t if node.op == "ArgMin" else t, axis)
    if node.attributes.get("keepdims", 1):
        y = ops.reshape(y, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))
    return held(y, "int64", trained=x.trained)
