"""Fourier transforms, as products with cosines and sines, and what is folded back from columns of windows.

References
----------
.. [1] ONNX operators, DFT, STFT, Col2Im, https://onnx.ai/onnx/operators/.
"""

from __future__ import annotations

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
from sloy.exchange.onnx.nodes import Node, Unsupported
from sloy.exchange.onnx.operators.windows import every, window
from sloy.exchange.onnx.values import Value, held, known
from sloy.graph.tensor import Tensor

MOST = 1 << 24  # elements of a matrix of cosines

Array = np.ndarray


def _waves(length: int, count: int, *, inverse: bool) -> tuple[Array, Array]:
    """cos and sin (count, length) of 2π m k / length, the sines of their sign; over the length backwards."""
    if length * count > MOST or length < 1:
        raise Unsupported(f"a transform of {length} elements")
    turns = np.outer(np.arange(count), np.arange(length)) % length
    angles = turns * (2 * np.pi / length)
    share = 1 / length if inverse else 1.0
    return np.cos(angles) * share, np.sin(angles) * (share if inverse else -share)


def _as_one(cosines: Array, sines: Array, parts: int) -> Array:
    """The transform of (k, real | imaginary) to (m, real | imaginary) as one matrix, (length · parts, count · 2)."""
    real = np.stack([cosines, sines], -1)  # of a real element
    imaginary = np.stack([-sines, cosines], -1)
    both = np.stack([real, imaginary][:parts], 2)  # (m, k, parts, 2)
    return both.transpose(1, 2, 0, 3).reshape(cosines.shape[1] * parts, -1)


@operator("DFT")
def _dft(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, given, axis_ = (*operands, None, None)[:3]
    axis = normal_axis(
        int(number(axis_, node.attributes.get("axis", 1 if c.graph.opset < 20 else -2))), x.rank
    )
    parts = x.shape[-1]
    inverse, onesided = (bool(node.attributes.get(k, 0)) for k in ("inverse", "onesided"))
    if axis == x.rank - 1 or parts not in (1, 2):
        raise FileFormatError(f"a transform of axis {axis} of {x.shape}.")
    half = inverse and onesided  # of the half that a real signal's transform is known by
    length = int(number(given, 2 * (x.shape[axis] - 1) if half else x.shape[axis]))
    last = (*(a for a in range(x.rank - 1) if a != axis), axis, x.rank - 1)
    count = length // 2 + 1 if onesided else length
    taken, made, results = (count, length, 1) if half else (length, count, 2)
    t = _fitted(c.tensor(x, last), x.rank - 2, taken)
    if half:
        matrix = _real_of_half(length, count)[: taken * parts]
    else:
        matrix = _as_one(*_waves(length, count, inverse=inverse), parts)
    rows = ops.reshape(t, (-1, taken * parts)) @ ops.constant(matrix, c.dtype)
    y = ops.reshape(rows, (*t.shape[:-2], made, results))
    return held(y, x.dtype, last, trained=x.trained)


def _real_of_half(length: int, count: int) -> Array:
    """The matrix (count · 2, length) from half a transform to the real signal; the other half is its conjugate."""
    cosines, sines = _waves(length, count, inverse=True)
    twice = np.where((np.arange(count) * 2) % length == 0, 1.0, 2.0).reshape(-1, 1)
    return np.stack([cosines * twice, -sines * twice], 1).reshape(2 * count, length)


def _fitted(t: Tensor, axis: int, length: int) -> Tensor:
    """An axis cut, or continued by zeros."""
    if t.shape[axis] >= length:
        return every(t, axis, 0, length, 1)
    return ops.pad(t, [0] * t.rank, [length - e if a == axis else 0 for a, e in enumerate(t.shape)])


@operator("STFT")
def _stft(c: Conversion, node: Node, operands: list[Any]) -> Value:
    """Windows of a signal, each transformed: one convolution."""
    x, step_, window_, length_ = (*operands, None, None)[:4]
    wide = c.tensor(x) if x.rank == 3 else ops.reshape(c.tensor(x), (*x.shape, 1))
    n, extent, parts = wide.shape
    step = int(number(step_))
    shape = None if window_ is None else array(window_).reshape(-1)
    length = int(number(length_, extent if shape is None else len(shape)))
    if not 0 < length <= extent or step < 1 or parts not in (1, 2):
        raise FileFormatError(f"windows of {length}, {step} apart, of {x.shape}.")
    onesided = bool(node.attributes.get("onesided", 1)) and parts == 1
    count = length // 2 + 1 if onesided else length
    matrix = _as_one(*_waves(length, count, inverse=False), parts).reshape(length, parts, 2 * count)
    if shape is not None:
        matrix = matrix * shape.reshape(length, 1, 1)
    kernel = ops.constant(matrix.reshape(length, 1, parts, 2 * count), c.dtype)
    y = ops.conv2d(ops.reshape(wide, (n, extent, 1, parts)), kernel, stride=(step, 1))
    return held(ops.reshape(y, (n, y.shape[1], count, 2)), x.dtype, trained=x.trained)


@operator("Col2Im")
def _col2im(c: Conversion, node: Node, operands: list[Any]) -> Value:
    """Columns of windows added where they stand: a transposed convolution with weights of one 1 each."""
    x, image, block = operands
    extents, size = integers(image) or (), integers(block) or ()
    n, area = x.shape[0], prod(size)
    channels, rank = x.shape[1] // max(area, 1), len(size)
    over = window(node, extents, size)
    counts = over.extents(extents)
    if x.shape[1:] != (channels * area, prod(counts)) or rank > 3:
        raise FileFormatError(f"columns of {x.shape} for pictures of {extents}.")
    rest = [
        e + low + high - ((k - 1) * s + r)
        for e, (low, high), k, s, r in zip(
            extents, over.sides, counts, over.stride, over.reach, strict=True
        )
    ]
    columns = held(ops.reshape(c.tensor(x), (n * channels, area, *counts)), x.dtype)
    one = ops.constant(np.eye(area).reshape(area, 1, *size), c.dtype)
    pads = [low for low, _ in over.sides] + [high for _, high in over.sides]
    y = c.call(
        "ConvTranspose", columns, held(one, x.dtype), strides=over.stride, dilations=over.dilation, pads=tuple(pads),
        output_padding=tuple(rest),
    )  # fmt: skip
    return c.call("Reshape", y, known(np.array((n, channels, *extents), np.int64)))
