"""Transposed convolutions, in one, two and three dimensions: the gradient of a convolution's input, as sloy has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sloy import ops
from sloy.errors import FileFormatError
from sloy.exchange.onnx.conversion import Conversion, operator
from sloy.exchange.onnx.nodes import Node, Unsupported
from sloy.exchange.onnx.operators.windows import (
    Window,
    as_image,
    as_line,
    convolution_weight,
    sides2d,
    window,
    with_bias,
)
from sloy.exchange.onnx.values import Value, channels_last, held
from sloy.graph.tensor import Tensor, apply

MOST = 1 << 20  # elements of one axis


@dataclass(frozen=True)
class Reach:
    """What a node makes of an input: everything that its window reaches, less what is cut off, plus zeros behind.

    Attributes
    ----------
    window : Window
        Without padding.
    full : tuple of int
        Extents of all that is reached.
    cuts : tuple of (int, int)
        How many elements are cut off before and after; negative numbers add zeros.
    """

    window: Window
    full: tuple[int, ...]
    cuts: tuple[tuple[int, int], ...]


@operator("ConvTranspose")
def _conv_transpose(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, weight, bias = (*operands, None)[:3]
    if x.rank not in (3, 4, 5) or weight.rank != x.rank:
        raise Unsupported(f"a transposed convolution of {x.shape} with {weight.shape}")
    groups = node.attributes.get("group", 1)
    reach = _reach(node, x.shape[2:], weight.shape[2:])
    order = channels_last(x.rank)
    w = convolution_weight(c, weight, (*range(2, x.rank), 1, 0))  # (…, O / groups, I)
    y = _transposed(c.tensor(x, order), w, reach, groups)
    result = held(y, x.dtype, order, trained=x.trained or c.is_weight(weight))
    return with_bias(c, result, bias)


def _reach(node: Node, shape: Sequence[int], size: Sequence[int]) -> Reach:
    rank = len(shape)
    auto = node.attributes.get("auto_pad", "NOTSET") or "NOTSET"
    plain = Node(node.op, node.name, (), (), {**node.attributes, "auto_pad": "NOTSET"})
    over = window(plain, [MOST] * rank, size)
    wanted = node.attributes.get("output_shape")
    extra = tuple(node.attributes.get("output_padding") or (0,) * rank)
    full = tuple(s * (e - 1) + r for e, s, r in zip(shape, over.stride, over.reach, strict=True))
    if wanted is None and auto.startswith("SAME"):  # no more than is reached, as onnxruntime has it
        reached = (f + o for f, o in zip(full, extra, strict=True))
        wanted = [min(e * s, r) for e, s, r in zip(shape, over.stride, reached, strict=True)]
    if wanted is not None:
        pairs = zip(full, extra, wanted[-rank:], strict=True)
        cuts = [_shared(f + o - e, upper=auto == "SAME_UPPER") for f, o, e in pairs]
    elif auto == "VALID":
        cuts = [(0, 0)] * rank
    else:
        cuts = list(over.sides)
    cuts = [(low, high - o) for (low, high), o in zip(cuts, extra, strict=True)]
    extents = [f - low - high for f, (low, high) in zip(full, cuts, strict=True)]
    if min(extents) < 1 or max(extents) > MOST or len(extra) != rank:
        raise FileFormatError(f"a transposed convolution of {tuple(shape)} to {tuple(extents)}.")
    bare = Window(over.size, over.stride, over.dilation, ((0, 0),) * rank)
    return Reach(bare, full, tuple(cuts))


def _shared(total: int, *, upper: bool) -> tuple[int, int]:
    """Padding for the two sides, of which the one behind takes the odd element where `upper`."""
    if total < 0:  # what nothing reaches is behind
        return 0, total
    less = total // 2
    return (less, total - less) if upper else (total - less, less)


def _transposed(x: Tensor, w: Tensor, reach: Reach, groups: int) -> Tensor:
    """x (N, …, I) with w (…, O / groups, I)."""
    over = reach.window
    if x.rank == 3:
        wide = ops.reshape(w, (w.shape[0], 1, *w.shape[1:]))
        flat = Reach(over.flat(), (*reach.full, 1), (*reach.cuts, (0, 0)))
        return as_line(_transposed(as_image(x), wide, flat, groups))
    if x.rank == 5:
        return _transposed3d(x, w, reach, groups)
    inside = [(max(low, 0), max(high, 0)) for low, high in reach.cuts]
    kept = [
        min(low, f) + min(high, f) < f for (low, high), f in zip(inside, reach.full, strict=True)
    ]
    fits = all(kept) and all(max(side) < r for side, r in zip(inside, over.reach, strict=True))
    sides = inside if fits else [(0, 0)] * 2
    attributes = {
        "stride": over.stride,
        "padding": sides2d(sides),
        "dilation": over.dilation,
        "groups": groups,
        "extents": tuple(f - a - b for f, (a, b) in zip(reach.full, sides, strict=True)),
    }
    y = apply("conv2d_input_grad", (x, w), attributes)
    rest = [(a - c, b - d) for (a, b), (c, d) in zip(reach.cuts, sides, strict=True)]
    return _cut(y, [(0, 0), *rest, (0, 0)])


def _cut(y: Tensor, cuts: Sequence[tuple[int, int]]) -> Tensor:
    """Zeros added where a number is negative, elements cut off where it is not."""
    y = ops.pad(y, [max(-low, 0) for low, _ in cuts], [max(-high, 0) for _, high in cuts])
    stops = [e - max(high, 0) for e, (_, high) in zip(y.shape, cuts, strict=True)]
    return ops.slice(y, [max(low, 0) for low, _ in cuts], stops)


def _transposed3d(x: Tensor, w: Tensor, reach: Reach, groups: int) -> Tensor:
    """The sum over the first axis's taps of two-dimensional ones of all positions, each shifted by its tap."""
    n, depth = x.shape[:2]
    over, stride = reach.window, reach.window.stride[0]
    flat = Reach(over.part(slice(1, 3)), reach.full[1:], reach.cuts[1:])
    rows = ops.reshape(x, (n * depth, *x.shape[2:]))
    total: Tensor | None = None
    for tap in range(over.size[0]):
        kernel = ops.reshape(ops.slice(w, (tap, 0, 0, 0, 0), (tap + 1, *w.shape[1:])), w.shape[1:])
        y = _transposed(rows, kernel, flat, groups)
        plane = y.shape[1:]
        apart = ops.reshape(y, (n, depth, 1, *plane))
        apart = ops.pad(apart, [0] * 6, (0, 0, stride - 1, 0, 0, 0))  # zeros between positions
        line = ops.reshape(apart, (n, depth * stride, *plane))
        before = tap * over.dilation[0]
        after = reach.full[0] - before - depth * stride
        line = _cut(line, [(0, 0), (-before, -after), (0, 0), (0, 0), (0, 0)])
        total = line if total is None else total + line
    assert total is not None
    return _cut(total, [(0, 0), reach.cuts[0], (0, 0), (0, 0), (0, 0)])
