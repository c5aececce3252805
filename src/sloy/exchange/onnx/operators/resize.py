"""Resizing. Along one axis every way of interpolating is a linear map, y = W x, whose rows are known beforehand.

Whole multiples by the nearest element are repeats, which need no arithmetic.

References
----------
.. [1] ONNX operators, Resize, https://onnx.ai/onnx/operators/onnx__Resize.html, and its reference implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np

from sloy import ops
from sloy.errors import FileFormatError
from sloy.exchange.onnx.conversion import (
    Conversion,
    Unsupported,
    array,
    integers,
    normal_axis,
    operator,
)
from sloy.exchange.onnx.reading import Node
from sloy.exchange.onnx.values import Order, Value, held, identity
from sloy.graph.tensor import Tensor, broadcast_to

LARGEST = 1 << 20  # elements of one map


@dataclass(frozen=True)
class Axis:
    """From how many elements to how many, and the factor that the file gives, which may be rounded otherwise."""

    before: int
    after: int
    scale: float


@operator("Resize", "Upsample")
def _resize(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x = operands[0]
    if node.attributes.get("antialias", 0) and node.attributes.get("mode", "nearest") != "nearest":
        raise Unsupported("resizing with antialiasing")
    axes = _axes(node, operands, x.shape)
    order = x.order if x.tensor is not None and not x.is_merged else identity(x.rank)
    t = c.tensor(x, order)
    for logical, axis in enumerate(axes):
        if axis.before == axis.after and axis.scale == 1.0:
            continue
        position = order.index(logical)
        if _repeats(node, axis):
            t = _repeated(t, position, axis.after // axis.before)
        else:
            t = _mapped(t, position, _weights(node.attributes, axis))
    return held(t, x.dtype, order, trained=x.trained)


def _axes(node: Node, operands: list[Any], shape: Sequence[int]) -> list[Axis]:
    scales: list[float] | None = node.attributes.get("scales")
    sizes: list[int] | None = None
    if scales is None:
        scales_at = (
            1 if len(operands) < 3 else 2
        )  # Upsample, and Resize of opset 10, have no region of interest
        given = operands[scales_at] if scales_at < len(operands) else None
        found = array(given).reshape(-1).tolist() if given is not None else []
        scales = found or None
    if scales is None:
        sizes = list(integers(operands[3]) or ())
    chosen = node.attributes.get("axes") or tuple(range(len(shape)))
    axes = [Axis(e, e, 1.0) for e in shape]
    policy = node.attributes.get("keep_aspect_ratio_policy", "stretch")
    if sizes is None:
        factors = list(scales or ())
        sizes = [floor(shape[a] * s) for a, s in zip(chosen, factors, strict=True)]
    else:
        factors = [s / shape[a] for s, a in zip(sizes, chosen, strict=True)]
        if policy != "stretch":
            factors = [(min if policy == "not_larger" else max)(factors)] * len(chosen)
            sizes = [floor(factors[0] * shape[a] + 0.5) for a in chosen]
    for a, size, scale in zip(chosen, sizes, factors, strict=True):
        axis = normal_axis(a, len(shape))
        if size < 1 or not 0 < scale < 1 << 16:
            raise FileFormatError(f"the axis {a} of {tuple(shape)} cannot be resized to {size}.")
        axes[axis] = Axis(shape[axis], int(size), float(scale))
    return axes


# --- whole multiples -------------------------------------------------------------------------------------------------


def _repeats(node: Node, axis: Axis) -> bool:
    """Whether every element is just repeated."""
    if node.attributes.get("mode", "nearest") != "nearest" or axis.after % axis.before:
        return False
    if axis.scale * axis.before != axis.after:
        return False
    if node.op == "Upsample":
        return True
    grid, rounding = (
        _grid(node.attributes),
        node.attributes.get("nearest_mode", "round_prefer_floor"),
    )
    if grid == "asymmetric":
        return bool(rounding == "floor")
    return grid in ("half_pixel", "pytorch_half_pixel") and rounding.startswith("round")


def _repeated(t: Tensor, axis: int, count: int) -> Tensor:
    split = (*t.shape[: axis + 1], 1, *t.shape[axis + 1 :])
    wide = (*t.shape[: axis + 1], count, *t.shape[axis + 1 :])
    merged = (*t.shape[:axis], t.shape[axis] * count, *t.shape[axis + 1 :])
    return ops.reshape(broadcast_to(ops.reshape(t, split), wide), merged)


# --- linear maps -----------------------------------------------------------------------------------------------------


def _mapped(t: Tensor, axis: int, weights: np.ndarray) -> Tensor:
    """y = W x along one axis."""
    last: Order = (*(k for k in range(t.rank) if k != axis), axis)
    moved = ops.transpose(t, last)
    rows = ops.reshape(moved, (-1, moved.shape[-1]))
    y = ops.matmul(rows, ops.constant(weights, t.dtype), transpose_b=True)
    wide = ops.reshape(y, (*moved.shape[:-1], weights.shape[0]))
    return ops.transpose(wide, tuple(int(k) for k in np.argsort(last)))


def _weights(attributes: Mapping[str, Any], axis: Axis) -> np.ndarray:
    """W (after, before): what each element after is made of."""
    if axis.before * axis.after > LARGEST:
        raise Unsupported(f"resizing from {axis.before} to {axis.after} elements")
    mode = attributes.get("mode", "nearest")
    weights = np.zeros((axis.after, axis.before))
    for row in range(axis.after):
        x = _source(attributes, axis, row)
        if mode == "nearest":
            rounding = _ROUNDINGS[attributes.get("nearest_mode", "round_prefer_floor")]
            taps = [(rounding(x), 1.0)]
        elif mode == "linear":
            taps = [(floor(x), 1.0 - (x - floor(x))), (floor(x) + 1, x - floor(x))]
        elif mode == "cubic":
            taps = _cubic(x, attributes.get("cubic_coeff_a", -0.75))
        else:
            raise Unsupported(f"resizing in the mode {mode!r}")
        if attributes.get("exclude_outside", 0):
            taps = [(k, w) for k, w in taps if 0 <= k < axis.before]
            total = sum(w for _, w in taps)
            taps = [(k, w / total) for k, w in taps]
        for k, w in taps:
            weights[row, min(max(k, 0), axis.before - 1)] += w
    return weights


def _grid(attributes: Mapping[str, Any]) -> str:
    return str(attributes.get("coordinate_transformation_mode", "half_pixel"))


def _source(attributes: Mapping[str, Any], axis: Axis, row: int) -> float:
    """Where an element after stands among those before."""
    grid, scale = _grid(attributes), axis.scale
    if grid == "asymmetric":
        return row / scale
    if grid == "align_corners":
        length = scale * axis.before
        return 0.0 if length == 1 else row * (axis.before - 1) / (length - 1)
    if grid == "pytorch_half_pixel" and axis.after == 1:
        return -0.5
    if grid in ("half_pixel", "pytorch_half_pixel"):
        return (row + 0.5) / scale - 0.5
    if grid == "half_pixel_symmetric":
        adjusted = axis.after / (scale * axis.before)
        return axis.before / 2 * (1 - adjusted) + (row + 0.5) / scale - 0.5
    raise Unsupported(f"resizing on the grid {grid!r}")


_ROUNDINGS: dict[str, Callable[[float], int]] = {
    "round_prefer_floor": lambda x: ceil(x - 0.5),
    "round_prefer_ceil": lambda x: floor(x + 0.5),
    "floor": floor,
    "ceil": ceil,
}


def _cubic(x: float, a: float) -> list[tuple[int, float]]:
    """Keys's four coefficients."""
    k, r = floor(x), x - floor(x)

    def near(d: float) -> float:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: float) -> float:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return [(k - 1, far(1 + r)), (k, near(r)), (k + 1, near(1 - r)), (k + 2, far(2 - r))]
