"""Pooling in any number of dimensions, written with sloy's pooling over two.

A maximum over a box is a maximum over its rows of maxima over its columns, and so is a sum; so three dimensions go
through two and one. Windows that sloy's pooling does not have (dilated, padded by as much as they reach, cut off at the
end) are gathered tap by tap from a padded input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, prod
from typing import Any

import numpy as np

from sloy import ops
from sloy.exchange.onnx.conversion import Conversion, operator
from sloy.exchange.onnx.nodes import Node, Unsupported
from sloy.exchange.onnx.operators.windows import (
    Window,
    as_image,
    as_line,
    counts,
    every,
    sides2d,
    taps,
    window,
)
from sloy.exchange.onnx.values import Value, channels_last, held
from sloy.graph.tensor import Tensor


def _over(node: Node, shape: Sequence[int]) -> tuple[Window, tuple[int, ...]]:
    """The window of a pooling node, and its positions; what lies beyond the end is padding.

    Where a window is larger than the padded input by less than a stride, its one position counts without `ceil_mode`
    too: onnx's shapes and onnxruntime divide towards 0.
    """
    over = window(node, shape, node.attributes.get("kernel_shape", ()))
    extents, sides = list[int](), list(over.sides)
    for i, ((low, high), reach, stride) in enumerate(
        zip(over.sides, over.reach, over.stride, strict=True)
    ):
        padded = shape[i] + low + high
        if padded - reach <= -stride:
            over.extents(shape)  # refuses it
        cut_off = -stride < padded - reach < 0
        if not (node.attributes.get("ceil_mode", 0) or cut_off):
            extents.append((padded - reach) // stride + 1)
            continue
        extent = -(-(padded - reach) // stride) + 1
        if (extent - 1) * stride >= shape[i] + low:
            extent -= 1  # a window that starts beyond the input
        extents.append(extent)
        needed = (extent - 1) * stride + reach
        sides[i] = (low, high + max(needed - padded, 0))
    return replace(over, sides=tuple(sides)), tuple(extents)


def _is_plain(over: Window) -> bool:
    """Whether sloy's own pooling has such a window."""
    inside = all(max(side) < k for side, k in zip(over.sides, over.size, strict=True))
    return inside and set(over.dilation) == {1}


def _pooled(x: Tensor, over: Window, kind: str) -> Tensor:
    """Maxima or sums ("max", "sum") of windows over x (N, …, C)."""
    if x.rank == 3:
        return as_line(_pooled(as_image(x), over.flat(), kind))
    if x.rank == 5:
        n, d, h, w, channels = x.shape
        y = _pooled(ops.reshape(x, (n * d, h, w, channels)), over.part(slice(1, 3)), kind)
        oh, ow = y.shape[1:3]
        columns = ops.reshape(y, (n, d, oh * ow, channels))
        z = _pooled(columns, over.part(slice(1)).flat(), kind)
        return ops.reshape(z, (n, z.shape[1], oh, ow, channels))
    if kind == "max" and _is_plain(over):
        return ops.max_pool2d(x, over.size, stride=over.stride, padding=sides2d(over.sides))
    if _is_plain(over):
        y = ops.average_pool2d(
            x, over.size, stride=over.stride, padding=sides2d(over.sides), count_include_pad=True
        )
        return y * float(prod(over.size))
    return _tap_by_tap(x, over, kind)


def _tap_by_tap(x: Tensor, over: Window, kind: str) -> Tensor:
    found: Tensor | None = None
    for seen in _seen(x, over, -inf if kind == "max" else 0.0):
        if found is not None:
            seen = ops.maximum(found, seen) if kind == "max" else found + seen
        found = seen
    assert found is not None
    return found


def _seen(x: Tensor, over: Window, filling: float) -> list[Tensor]:
    """For each tap, what it sees at every position, (N, OH, OW, C)."""
    oh, ow = over.extents(x.shape[1:3])
    before = (0, over.sides[0][0], over.sides[1][0], 0)
    after = (0, over.sides[0][1], over.sides[1][1], 0)
    padded = ops.pad(x, before, after, filling)
    result = []
    for i, j in taps(over):
        rows = every(padded, 1, i * over.dilation[0], oh, over.stride[0])
        result.append(every(rows, 2, j * over.dilation[1], ow, over.stride[1]))
    return result


@operator("MaxPool")
def _max_pool(c: Conversion, node: Node, operands: list[Any]) -> list[Value]:
    (x,) = operands
    if x.rank not in (3, 4, 5):
        raise Unsupported(f"pooling of {x.shape}")
    over, _ = _over(node, x.shape[2:])
    order = channels_last(x.rank)
    source = c.tensor(x, order)
    work = source if source.spec.is_float else ops.cast(source, c.dtype)
    y = _pooled(work, over, "max")
    result = held(ops.cast(y, source.dtype), x.dtype, order, trained=x.trained)
    if len(node.outputs) < 2 or not node.outputs[1]:
        return [result]
    return [result, _positions(c, node, work, over)]


def _positions(c: Conversion, node: Node, x: Tensor, over: Window) -> Value:
    """Where in the whole tensor, in ONNX's order, the first maximum of each window stands."""
    if x.rank != 4 or c.trains:
        raise Unsupported("the positions of maxima, but of pictures in a function")
    n, h, w, channels = x.shape
    planes = np.arange(h * w, dtype=np.float64).reshape(1, h, w, 1)
    if node.attributes.get("storage_order", 0):
        planes = np.arange(h * w, dtype=np.float64).reshape(1, w, h, 1).transpose(0, 2, 1, 3)
    if n * channels * h * w >= 1 << 24:
        raise Unsupported("the positions of maxima in more than 2^24 elements")
    offsets = (np.arange(n)[:, None] * channels + np.arange(channels)) * (h * w)
    index = ops.constant(planes + offsets.reshape(n, 1, 1, channels), x.dtype)
    best: Tensor | None = None
    indices: Tensor | None = None
    for seen, candidate in zip(_seen(x, over, -inf), _seen(index, over, -1.0), strict=True):
        if best is None or indices is None:
            best, indices = seen, candidate
            continue
        better = ops.greater(seen, best)
        best, indices = ops.maximum(best, seen), ops.where(better, candidate, indices)
    assert indices is not None
    return held(ops.cast(indices, "int32"), "int64", channels_last(4))


@operator("AveragePool")
def _average_pool(c: Conversion, node: Node, operands: list[Any]) -> Value:
    (x,) = operands
    if x.rank not in (3, 4, 5):
        raise Unsupported(f"pooling of {x.shape}")
    over, extents = _over(node, x.shape[2:])
    order = channels_last(x.rank)
    source = c.tensor(x, order)
    with_padding = bool(node.attributes.get("count_include_pad", 0))
    given = window(node, x.shape[2:], over.size).sides
    cut = over.sides != given  # windows that end beyond the padding do not count that
    if x.rank == 4 and _is_plain(over) and not (cut and with_padding):
        y = ops.average_pool2d(
            source,
            over.size,
            stride=over.stride,
            padding=sides2d(over.sides),
            count_include_pad=with_padding,
        )
        return held(y, x.dtype, order, trained=x.trained)
    total = _pooled(source, over, "sum")
    shape: Sequence[int] = x.shape[2:]
    if with_padding:  # the padding that is given belongs to the input
        over = replace(over, sides=tuple((0, 0) for _ in over.sides))
        shape = [e + low + high for e, (low, high) in zip(shape, given, strict=True)]
    size = np.ones(1)
    for found in counts(over, shape, extents):
        size = size[..., None] * found
    share = ops.constant((1.0 / size).reshape(*extents, 1), source.dtype)
    return held(total * share, x.dtype, order, trained=x.trained)


@operator("LpPool")
def _lp_pool(c: Conversion, node: Node, operands: list[Any]) -> Value:
    (x,) = operands
    if x.rank not in (3, 4, 5):
        raise Unsupported(f"pooling of {x.shape}")
    over, _ = _over(node, x.shape[2:])
    order, p = channels_last(x.rank), node.attributes.get("p", 2)
    total = _pooled(_powers(c.tensor(x, order), p), over, "sum")
    return held(_root(total, p), x.dtype, order, trained=x.trained)


def _powers(t: Tensor, p: int) -> Tensor:
    """|x|^p."""
    return ops.square(t) if p == 2 else ops.absolute(t) if p == 1 else ops.absolute(t) ** float(p)


def _root(total: Tensor, p: int) -> Tensor:
    return ops.sqrt(total) if p == 2 else total if p == 1 else total ** (1.0 / p)


@operator("GlobalLpPool")
def _global_lp_pool(c: Conversion, node: Node, operands: list[Any]) -> Value:
    (x,) = operands
    order, p = channels_last(x.rank), node.attributes.get("p", 2)
    axes = tuple(range(1, x.rank - 1))
    total = ops.reduce_sum(_powers(c.tensor(x, order), p), axes, keepdims=True)
    return held(_root(total, p), x.dtype, order, trained=x.trained)


@operator("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(c: Conversion, node: Node, operands: list[Any]) -> Value:
    (x,) = operands
    order = channels_last(x.rank)
    axes = tuple(range(1, x.rank - 1))
    reduce = ops.reduce_mean if node.op == "GlobalAveragePool" else ops.reduce_max
    y = reduce(c.tensor(x, order), axes, keepdims=True)
    return held(y, x.dtype, order, trained=x.trained)
