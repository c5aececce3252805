"""Operators that move elements. A transpose moves nothing: it only says anew which axis is which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from sloy import ops
from sloy.errors import FileFormatError
from sloy.exchange.onnx.conversion import (
    Conversion,
    array,
    integers,
    normal_axis,
    number,
    operator,
)
from sloy.exchange.onnx.folding import axes_of, reshaped, slices, squeezed
from sloy.exchange.onnx.nodes import Node
from sloy.exchange.onnx.operators.selection import take
from sloy.exchange.onnx.operators.windows import every
from sloy.exchange.onnx.values import Order, Value, held, identity, without
from sloy.graph.tensor import Tensor, broadcast_to


def _order(values: Sequence[Value]) -> Order:
    """The order to work in: the first that is not ONNX's own."""
    rank = values[0].rank
    orders = [v.order for v in values if v.tensor is not None and not v.is_merged]
    return next((o for o in orders if o != identity(rank)), identity(rank))


@operator("Transpose")
def _transpose(c: Conversion, node: Node, operands: list[Any]) -> Value:
    (x,) = operands
    permutation = node.attributes.get("perm") or tuple(reversed(range(x.rank)))
    if sorted(permutation) != list(range(x.rank)):
        raise FileFormatError(f"`perm` is {permutation} for {x.rank} axes.")
    if x.tensor is None or x.is_merged:
        x = held(c.tensor(x), x.dtype, trained=x.trained)
    order = tuple(permutation.index(axis) for axis in x.order)
    return held(x.tensor, x.dtype, order, trained=x.trained)


@operator("Reshape")
def _reshape(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x = operands[0]
    target = node.attributes.get("shape") if len(operands) < 2 else integers(operands[1])
    allow_zero = bool(node.attributes.get("allowzero", 0))
    return to_shape(c, x, reshaped(x.shape, target or (), allow_zero=allow_zero))


def to_shape(c: Conversion, x: Value, shape: tuple[int, ...]) -> Value:
    """A value in another shape; where all axes but the first are merged, the tensor stays as it is."""
    if x.tensor is not None and shape == x.shape:
        return replace(x)
    fine = x.fine
    merges = x.tensor is not None and len(shape) == 2 and shape[0] == fine[0] and x.order[0] == 0
    if merges and x.order != identity(len(fine)):
        return replace(x, shape=shape, array=None)
    if x.tensor is not None and shape == fine:
        return replace(x, shape=shape, array=None)
    return held(ops.reshape(c.tensor(x), shape), x.dtype, trained=x.trained)


@operator("Flatten")
def _flatten(c: Conversion, node: Node, operands: list[Any]) -> Value:
    (x,) = operands
    axis = node.attributes.get("axis", 1)
    axis = axis + x.rank if axis < 0 else axis
    return to_shape(c, x, (prod(x.shape[:axis]), prod(x.shape[axis:])))


@operator("Squeeze")
def _squeeze(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x = operands[0]
    axes = squeezed(x.shape, axes_of(node, [None if v is None else v.array for v in operands]))
    if any(x.shape[axis] != 1 for axis in axes):
        raise FileFormatError(f"the axes {axes} of {x.shape} are not of extent 1.")
    order = _order([x])
    t = c.tensor(x, order)
    kept = [axis for axis in order if axis not in axes]
    shape = tuple(x.shape[axis] for axis in kept)
    return held(ops.reshape(t, shape), x.dtype, without(order, list(axes)), trained=x.trained)


@operator("Unsqueeze")
def _unsqueeze(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x = operands[0]
    axes = axes_of(node, [None if v is None else v.array for v in operands]) or ()
    rank = x.rank + len(axes)
    new = {axis % rank for axis in axes}
    old = [axis for axis in range(rank) if axis not in new]
    order = (*(old[axis] for axis in _order([x])), *sorted(new))
    t = c.tensor(x, _order([x]))
    return held(ops.reshape(t, (*t.shape, *[1] * len(new))), x.dtype, order, trained=x.trained)


@operator("Concat")
def _concat(c: Conversion, node: Node, operands: list[Any]) -> Value:
    axis = normal_axis(node.attributes["axis"], operands[0].rank)
    order = _order(operands)
    y = ops.concatenate([c.tensor(v, order) for v in operands], order.index(axis))
    return held(y, operands[0].dtype, order, trained=any(v.trained for v in operands))


@operator("Slice")
def _slice(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x = operands[0]
    order = _order([x])
    t = c.tensor(x, order)
    given = [None, *(None if v is None else array(v) for v in operands[1:])]
    for axis, start, stop, step in slices(node, given, x.shape):
        position = order.index(axis)
        back = np.arange(start, stop, step)
        t = every(t, position, start, len(back), step) if step > 0 else take(t, position, back)
    return held(t, x.dtype, order, trained=x.trained)


@operator("Split")
def _split(c: Conversion, node: Node, operands: list[Any]) -> list[Value]:
    x = operands[0]
    axis = normal_axis(node.attributes.get("axis", 0), x.rank)
    sizes = node.attributes.get("split") or (integers(operands[1]) if len(operands) > 1 else None)
    if sizes is None:
        each = -(-x.shape[axis] // len(node.outputs))
        sizes = [min(each, x.shape[axis] - i * each) for i in range(len(node.outputs))]
    if sum(sizes) != x.shape[axis] or min(sizes) < 0:
        raise FileFormatError(f"{tuple(sizes)} do not sum to the {x.shape[axis]} of {x.shape}.")
    order, start, parts = _order([x]), 0, []
    for size in sizes:
        t = every(c.tensor(x, order), order.index(axis), start, size, 1)
        parts.append(held(t, x.dtype, order, trained=x.trained))
        start += size
    return parts


@operator("Pad")
def _pad(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, pads, value, axes = (*operands, None, None, None)[:4]
    mode = node.attributes.get("mode", "constant")
    given = node.attributes.get("pads") or node.attributes.get("paddings") or integers(pads) or ()
    filling = number(value, node.attributes.get("value", 0.0))
    chosen = integers(axes) or tuple(range(x.rank))
    if len(given) != 2 * len(chosen):
        raise FileFormatError(f"{len(given)} pads for {len(chosen)} axes.")
    order = _order([x])
    t = c.tensor(x, order)
    before, after = [0] * x.rank, [0] * x.rank
    for i, axis in enumerate(chosen):
        position = order.index(normal_axis(axis, x.rank))
        before[position], after[position] = given[i], given[i + len(chosen)]
    cut = [max(-p, 0) for p in before], [max(-p, 0) for p in after]
    if any((*cut[0], *cut[1])):
        stops = [e - p for e, p in zip(t.shape, cut[1], strict=True)]
        t = ops.slice(t, cut[0], stops)
        before, after = ([max(p, 0) for p in side] for side in (before, after))
    if mode == "constant":
        y = ops.pad(t, before, after, float(filling))
    elif mode in ("edge", "reflect", "wrap"):
        y = t
        for position in range(x.rank):
            y = _padded(y, position, before[position], after[position], mode)
    else:
        raise FileFormatError(f"`mode` is {mode!r}.")
    return held(y, x.dtype, order, trained=x.trained)


def _padded(t: Tensor, axis: int, before: int, after: int, mode: str) -> Tensor:
    """An axis continued by what it holds, element by element."""
    if not before and not after:
        return t
    numbers = np.pad(np.arange(t.shape[axis]), (before, after), mode=mode)  # type: ignore[call-overload]
    return take(t, axis, numbers)


@operator("Expand")
def _expand(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, target = operands
    shape = np.broadcast_shapes(x.shape, integers(target) or ())
    weight = c.is_weight(x) and bool(x.source) and x.size > 1
    t = c.parameter(x, "weight") if weight else c.tensor(x)
    return held(broadcast_to(t, shape), x.dtype, trained=x.trained or weight)


@operator("Tile")
def _tile(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, repeats = operands
    t = c.tensor(x)
    for axis, count in enumerate(integers(repeats) or ()):
        split = (*t.shape[:axis], 1, *t.shape[axis:])
        wide = (*t.shape[:axis], count, *t.shape[axis:])
        merged = (*t.shape[:axis], count * t.shape[axis], *t.shape[axis + 1 :])
        t = ops.reshape(broadcast_to(ops.reshape(t, split), wide), merged) if count != 1 else t
    return held(t, x.dtype, trained=x.trained)


@operator("DepthToSpace", "SpaceToDepth")
def _blocks(c: Conversion, node: Node, operands: list[Any]) -> Value:
    (x,) = operands
    n, channels, h, w = x.shape
    b, t = node.attributes["blocksize"], c.tensor(x)
    if node.op == "SpaceToDepth":
        split = ops.reshape(t, (n, channels, h // b, b, w // b, b))
        depth_first = node.attributes.get("mode", "DCR") == "DCR"
        y = ops.transpose(split, (0, 3, 5, 1, 2, 4) if depth_first else (0, 1, 3, 5, 2, 4))
        return held(
            ops.reshape(y, (n, channels * b * b, h // b, w // b)), x.dtype, trained=x.trained
        )
    if node.attributes.get("mode", "DCR") == "DCR":
        y = ops.transpose(ops.reshape(t, (n, b, b, channels // b**2, h, w)), (0, 3, 4, 1, 5, 2))
    else:
        y = ops.transpose(ops.reshape(t, (n, channels // b**2, b, b, h, w)), (0, 1, 4, 2, 5, 3))
    return held(ops.reshape(y, (n, channels // b**2, h * b, w * b)), x.dtype, trained=x.trained)


@operator("OneHot")
def _one_hot(c: Conversion, node: Node, operands: list[Any]) -> Value:
    labels, depth, values = operands
    classes = int(number(depth))
    axis = node.attributes.get("axis", -1)
    axis = axis + labels.rank + 1 if axis < 0 else axis
    off, on = array(values).reshape(-1).tolist()
    index = ops.cast(c.tensor(labels), "int32")
    index = ops.where(index < 0, index + classes, index)
    hot = ops.one_hot(index, classes, c.dtype)
    y = ops.cast(hot * float(on - off) + float(off), c.holds(values.dtype))
    order = (*(a if a < axis else a + 1 for a in range(labels.rank)), axis)
    return held(y, values.dtype, order)
