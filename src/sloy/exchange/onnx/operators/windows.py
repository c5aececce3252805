"""Convolutions, in one, two and three dimensions; sloy's own have two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from sloy import ops
from sloy.errors import FileFormatError
from sloy.exchange.onnx.conversion import Conversion, operator
from sloy.exchange.onnx.nodes import Node, Unsupported
from sloy.exchange.onnx.operators.elementwise import combine
from sloy.exchange.onnx.values import Value, channels_last, held, known, permuted
from sloy.graph.tensor import Tensor

Sides = list[tuple[int, int]]


@dataclass(frozen=True)
class Window:
    """A window over the axes behind N and C: what convolution and pooling nodes say, in full."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    sides: tuple[tuple[int, int], ...]  # padding before and after

    @property
    def reach(self) -> tuple[int, ...]:
        """Elements from the first tap to the last."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.size, self.dilation, strict=True))

    def extents(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Positions along each axis, whole windows only."""
        found = []
        for e, (low, high), r, s in zip(shape, self.sides, self.reach, self.stride, strict=True):
            if e + low + high < r:
                raise FileFormatError(
                    f"the window {self.size} is larger than the padded input {tuple(shape)}."
                )
            found.append((e + low + high - r) // s + 1)
        return tuple(found)

    def part(self, axes: slice) -> Window:
        """The window over some of the axes."""
        return Window(self.size[axes], self.stride[axes], self.dilation[axes], self.sides[axes])

    def flat(self) -> Window:
        """A window over one axis as one over two, the second of extent 1."""
        return Window(
            (*self.size, 1), (*self.stride, 1), (*self.dilation, 1), (*self.sides, (0, 0))
        )


def as_image(x: Tensor) -> Tensor:
    """x (N, W, C) as (N, W, 1, C)."""
    return ops.reshape(x, (*x.shape[:2], 1, x.shape[2]))


def as_line(y: Tensor) -> Tensor:
    """y (N, W, 1, C) as (N, W, C)."""
    return ops.reshape(y, (*y.shape[:2], y.shape[3]))


def window(node: Node, shape: Sequence[int], size: Sequence[int]) -> Window:
    """The window of a node over an input of these extents, behind N and C."""
    rank = len(shape)
    stride = tuple(node.attributes.get("strides") or (1,) * rank)
    dilation = tuple(node.attributes.get("dilations") or (1,) * rank)
    pads = tuple(node.attributes.get("pads") or (0,) * (2 * rank))
    given = (*size, *stride, *dilation)
    if len(size) != rank or len(given) != 3 * rank or len(pads) != 2 * rank or min(given) < 1:
        raise FileFormatError("its kernel, strides, dilations and pads do not belong together.")
    if min(pads) < 0 or max((*given, *pads)) > 1 << 20:
        raise FileFormatError(f"the padding {pads} is impossible.")
    sides = [(pads[i], pads[i + rank]) for i in range(rank)]
    auto = node.attributes.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        sides = []
        for e, k, s, d in zip(shape, size, stride, dilation, strict=True):
            total = max((-(-e // s) - 1) * s + (k - 1) * d + 1 - e, 0)
            less, more = total // 2, total - total // 2
            sides.append((less, more) if auto == "SAME_UPPER" else (more, less))
    elif auto == "VALID":
        sides = [(0, 0)] * rank
    elif auto not in ("NOTSET", ""):
        raise FileFormatError(f"`auto_pad` is {auto!r}.")
    return Window(tuple(size), stride, dilation, tuple(sides))


def sides2d(sides: Sequence[tuple[int, int]]) -> tuple[int, int, int, int]:
    """Padding as sloy has it: (top, bottom, left, right)."""
    (top, bottom), (left, right) = sides
    return top, bottom, left, right


@operator("Conv")
def _conv(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, weight, bias = (*operands, None)[:3]
    rank = x.rank - 2
    if rank not in (1, 2, 3) or weight.rank != x.rank:
        raise Unsupported(f"a convolution of {x.shape} with {weight.shape}")
    over = window(node, x.shape[2:], weight.shape[2:])
    groups = node.attributes.get("group", 1)
    order = channels_last(x.rank)
    w = convolution_weight(c, weight, (*range(2, x.rank), 1, 0))  # (…, I / groups, O)
    y = _convolve(c.tensor(x, order), w, over, groups)
    result = held(y, x.dtype, order, trained=x.trained or c.is_weight(weight))
    return with_bias(c, result, bias)


def convolution_weight(c: Conversion, weight: Value, order: tuple[int, ...]) -> Tensor:
    if c.is_weight(weight):
        return c.parameter(weight, "weight", lambda array: array.transpose(order))
    return permuted(c.tensor(weight), order)


def with_bias(c: Conversion, result: Value, bias: Value | None) -> Value:
    """y plus a bias (C,)."""
    if bias is None:
        return result
    shape = (1, -1, *[1] * (result.rank - 2))
    if bias.is_known:
        column = known(bias.array.reshape(shape), bias.source)  # type: ignore[union-attr]
    else:
        column = held(ops.reshape(c.tensor(bias), shape), bias.dtype)
    return combine(c, [result, column], lambda a, b: a + b, role="bias", any_array=True)


def _convolve(x: Tensor, w: Tensor, over: Window, groups: int) -> Tensor:
    """x (N, …, C) with w (…, C / groups, O)."""
    if x.rank == 3:  # one dimension is two of which one has extent 1
        wide = ops.reshape(w, (w.shape[0], 1, *w.shape[1:]))
        return as_line(_convolve(as_image(x), wide, over.flat(), groups))
    if x.rank == 4:
        return ops.conv2d(
            x,
            w,
            stride=over.stride,
            padding=sides2d(over.sides),
            dilation=over.dilation,
            groups=groups,
        )
    return _convolve3d(x, w, over, groups)


def _convolve3d(x: Tensor, w: Tensor, over: Window, groups: int) -> Tensor:
    """The sum over the first axis's taps of two-dimensional convolutions of all its positions at once."""
    depth = over.extents(x.shape[1:4])[0]
    before, after = over.sides[0]
    x = ops.pad(x, (0, before, 0, 0, 0), (0, after, 0, 0, 0))
    flat = over.part(slice(1, 3))
    total: Tensor | None = None
    for tap in range(over.size[0]):
        seen = every(x, 1, tap * over.dilation[0], depth, over.stride[0])
        rows = ops.reshape(seen, (-1, *x.shape[2:]))  # (N·D, H, W, C)
        kernel = ops.reshape(ops.slice(w, (tap, 0, 0, 0, 0), (tap + 1, *w.shape[1:])), w.shape[1:])
        y = _convolve(rows, kernel, flat, groups)
        total = y if total is None else total + y
    assert total is not None
    return ops.reshape(total, (x.shape[0], depth, *total.shape[1:]))


def every(x: Tensor, axis: int, start: int, count: int, step: int) -> Tensor:
    """Elements start, start + step, … of an axis, `count` of them."""
    low, high = [0] * x.rank, list(x.shape)
    if step == 1 or count == 1:
        low[axis], high[axis] = start, start + count
        return ops.slice(x, low, high)
    missing = max(start + count * step - x.shape[axis], 0)
    if missing:
        after = [0] * x.rank
        after[axis] = missing
        x = ops.pad(x, [0] * x.rank, after)
    low[axis], high = start, list(x.shape)
    high[axis] = start + count * step
    part = ops.slice(x, low, high)
    split = (*x.shape[:axis], count, step, *x.shape[axis + 1 :])
    low, high = [0] * (x.rank + 1), list(split)
    high[axis + 1] = 1
    found = ops.slice(ops.reshape(part, split), low, high)
    return ops.reshape(found, (*x.shape[:axis], count, *x.shape[axis + 1 :]))


def taps(over: Window) -> list[tuple[int, ...]]:
    """The positions within a window, in row-major order."""
    return list(product(*(range(k) for k in over.size)))


def counts(over: Window, shape: Sequence[int], extents: Sequence[int]) -> list[np.ndarray]:
    """For each axis, how many taps of each position lie inside the input."""
    found = []
    for axis, extent in enumerate(extents):
        starts = np.arange(extent) * over.stride[axis] - over.sides[axis][0]
        positions = starts[:, None] + np.arange(over.size[axis]) * over.dilation[axis]
        found.append(((positions >= 0) & (positions < shape[axis])).sum(1))
    return found
