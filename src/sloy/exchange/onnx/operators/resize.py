"""Resizing. Along one axis every way of interpolating is a linear map, y = W x, whose rows are known beforehand.

Whole multiples by the nearest element are repeats, which need no arithmetic. Where onnxruntime and ONNX's reference
differ, onnxruntime is followed: extents and coordinates are computed in float32, in its order (docs/exchange.md).

References
----------
.. [1] ONNX operators, Resize, https://onnx.ai/onnx/operators/onnx__Resize.html.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sloy import ops
from sloy.errors import FileFormatError
from sloy.exchange.onnx.conversion import (
    Conversion,
    array,
    integers,
    normal_axis,
    operator,
)
from sloy.exchange.onnx.nodes import Node, Unsupported
from sloy.exchange.onnx.values import Order, Value, held, identity
from sloy.graph.tensor import Tensor, broadcast_to
from sloy.text import shown

LARGEST = 1 << 20  # elements of one map
SINGLE = np.float32

Array = np.ndarray


@dataclass(frozen=True)
class Axis:
    """From how many elements to how many, by which factor, and for crops from where to where (shares of its length)."""

    before: int
    after: int
    scale: np.float32
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True)
class Way:
    """How elements are found: the attributes of Resize, and what older operators did without them."""

    mode: str
    grid: str
    rounding: str
    coefficient: float
    exclude_outside: bool
    antialias: bool
    extrapolation: float

    @staticmethod
    def of(node: Node, opset: int) -> Way:
        """Before opset 11 positions are i / scale; the nearest is the last before, the next where it shrinks."""
        a = node.attributes
        old = node.op == "Upsample" or opset < 11
        mode = str(a.get("mode", "nearest")).removeprefix("bi")
        found = Way(
            mode,
            "asymmetric" if old else str(a.get("coordinate_transformation_mode", "half_pixel")),
            "simple" if old else str(a.get("nearest_mode", "round_prefer_floor")),
            float(a.get("cubic_coeff_a", -0.75)),
            bool(a.get("exclude_outside", 0)),
            bool(a.get("antialias", 0)) and mode != "nearest",
            float(a.get("extrapolation_value", 0.0)),
        )
        for what, value, allowed in (
            ("mode", mode, ("nearest", "linear", "cubic")),
            ("coordinate_transformation_mode", found.grid, tuple(_GRIDS)),
            ("nearest_mode", found.rounding, tuple(_ROUNDINGS)),
        ):
            if value not in allowed:
                raise FileFormatError(f"`{what}` (={shown(value[:40])}) is none of ONNX's.")
        return found


@operator("Resize", "Upsample")
def _resize(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, way = operands[0], Way.of(node, c.graph.opset)
    if not x.is_float and way.mode != "nearest":
        raise Unsupported(f"resizing {x.dtype} otherwise than by the nearest element")
    axes = _axes(node, operands, x.shape)
    order = x.order if x.tensor is not None and not x.is_merged else identity(x.rank)
    source = c.tensor(x, order)
    t = source if x.is_float else ops.cast(source, c.dtype)
    outside: list[tuple[int, Array]] = []
    same = all(axis.before == axis.after for axis in axes)
    for logical, axis in enumerate(axes):
        kept = axis.before == axis.after if way.antialias else axis.scale == 1.0
        if same or kept:  # such an axis is not cropped either
            continue
        position = order.index(logical)
        rows = _coordinates(way, axis)
        if way.grid == "tf_crop_and_resize":
            outside.append((position, (rows < 0) | (rows > axis.before - 1)))
        t = _resized(t, position, way, axis, rows)
    for position, beyond in outside:
        if beyond.any():
            shape = tuple(len(beyond) if k == position else 1 for k in range(t.rank))
            mask = ops.constant(beyond.astype(np.float64).reshape(shape), t.dtype)
            t = ops.where(mask, way.extrapolation, t)
    return held(ops.cast(t, source.dtype), x.dtype, order, trained=x.trained)


def _resized(t: Tensor, position: int, way: Way, axis: Axis, rows: Array) -> Tensor:
    if way.mode != "nearest":
        return _mapped(t, position, _weights(way, axis, rows))
    chosen = np.clip(_ROUNDINGS[way.rounding](rows, axis), 0, axis.before - 1).astype(np.int64)
    count = axis.after // axis.before
    if np.array_equal(chosen, np.arange(axis.before).repeat(max(count, 1))):
        return _repeated(t, position, count)
    return _mapped(t, position, _bounded(axis, np.eye(axis.before)[chosen]))


# --- extents -------------------------------------------------------------------------------------------------------


def _axes(node: Node, operands: list[Any], shape: Sequence[int]) -> list[Axis]:
    scales, sizes = _scales(node, operands), None
    if not scales:
        sizes = list(integers(operands[3]) or ()) if len(operands) > 3 else []
    given = node.attributes.get("axes") or range(len(shape))
    chosen = [normal_axis(a, len(shape)) for a in given]
    stated = scales or sizes
    if not stated or len(stated) != len(chosen):
        raise FileFormatError(
            f"its scales or sizes ({len(stated or ())}) are not one for each axis ({len(chosen)})."
        )
    factors = [SINGLE(s) for s in scales or ()]
    if sizes is None:
        extents = [int(f * SINGLE(shape[a])) for a, f in zip(chosen, factors, strict=True)]
    else:
        extents, factors = _stretched(node, [shape[a] for a in chosen], sizes)
    region = _region(node, operands, len(chosen))
    axes = [Axis(e, e, SINGLE(1)) for e in shape]
    for i, (axis, extent, factor) in enumerate(zip(chosen, extents, factors, strict=True)):
        if extent < 1 or not 0 < factor < 1 << 16 or extent > LARGEST:
            raise FileFormatError(
                f"the axis {axis} of {tuple(shape)} cannot be resized to {extent}."
            )
        axes[axis] = Axis(
            shape[axis], extent, factor, float(region[i]), float(region[i + len(chosen)])
        )
    return axes


def _scales(node: Node, operands: list[Any]) -> list[float]:
    """An attribute of the first Upsample, the second operand of the next and of the first Resize, then the third."""
    if "scales" in node.attributes:
        return list(node.attributes["scales"])
    at = 1 if len(operands) < 3 else 2
    given = operands[at] if at < len(operands) else None
    return array(given).reshape(-1).tolist() if given is not None else []


def _stretched(
    node: Node, before: Sequence[int], sizes: Sequence[int]
) -> tuple[list[int], list[np.float32]]:
    factors = [SINGLE(s) / SINGLE(e) for s, e in zip(sizes, before, strict=True)]
    policy = node.attributes.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return list(sizes), factors
    if policy not in ("not_larger", "not_smaller"):
        raise FileFormatError(f"`keep_aspect_ratio_policy` (={shown(policy)}) is none of ONNX's.")
    one = (min if policy == "not_larger" else max)(factors)
    return [int(np.floor(one * SINGLE(e) + SINGLE(0.5))) for e in before], [one] * len(before)


def _region(node: Node, operands: list[Any], count: int) -> list[np.float32]:
    """Where crops start, axis by axis, and then where they end."""
    if node.attributes.get("coordinate_transformation_mode") != "tf_crop_and_resize":
        return [SINGLE(0)] * count + [SINGLE(1)] * count
    given = operands[1]
    found = [SINGLE(v) for v in array(given).reshape(-1)] if given is not None else []
    if len(found) != 2 * count:
        raise FileFormatError(
            f"`roi` has {len(found)} numbers; a crop of {count} axes needs two for each."
        )
    return found


# --- coordinates ---------------------------------------------------------------------------------------------------


def _coordinates(way: Way, axis: Axis) -> Array:
    """Where each element after stands among those before."""
    rows = np.arange(axis.after, dtype=SINGLE)
    return np.asarray(_GRIDS[way.grid](rows, axis), SINGLE)


def _half_pixel(rows: Array, axis: Axis) -> Array:
    return np.asarray((rows + SINGLE(0.5)) / axis.scale - SINGLE(0.5))


def _pytorch(rows: Array, axis: Axis) -> Array:
    return _half_pixel(rows, axis) if axis.after > 1 else np.zeros_like(rows)


def _symmetric(rows: Array, axis: Axis) -> Array:
    """The middle stays where it is when the extent is rounded."""
    adjustment = SINGLE(axis.after) / (axis.scale * SINGLE(axis.before))
    offset = SINGLE(axis.before) / SINGLE(2) * (SINGLE(1) - adjustment)
    wide = (rows + SINGLE(0.5)).astype(np.float64)  # as onnxruntime: double from here
    return np.asarray(offset + wide / np.float64(axis.scale) - 0.5)


def _corners(rows: Array, axis: Axis) -> Array:
    if axis.after == 1:
        return np.zeros_like(rows)
    return np.asarray(rows * SINGLE(axis.before - 1) / SINGLE(axis.after - 1))


def _crop(rows: Array, axis: Axis) -> Array:
    last, start, end = SINGLE(axis.before - 1), SINGLE(axis.start), SINGLE(axis.end)
    if axis.after == 1:
        return np.full_like(rows, SINGLE(0.5) * (start + end) * last)
    span = rows * (end - start) * last / SINGLE(axis.after - 1)
    return np.asarray(start * last + span)


_GRIDS: dict[str, Callable[[Array, Axis], Array]] = {
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _symmetric,
    "pytorch_half_pixel": _pytorch,
    "align_corners": _corners,
    "asymmetric": lambda rows, axis: np.asarray(rows / axis.scale),
    "tf_half_pixel_for_nn": lambda rows, axis: np.asarray((rows + SINGLE(0.5)) / axis.scale),
    "tf_crop_and_resize": _crop,
}


def _rounded(x: Array, up: int) -> Array:
    """To the nearest integer; halves, and what rounding may have moved off them, down or `up` by one."""
    low = np.floor(x.astype(np.float64))
    part = x - low
    return np.asarray(np.where(np.abs(part - 0.5) < 1e-6, low + up, np.floor(x + 0.5)))


_ROUNDINGS: dict[str, Callable[[Array, Axis], Array]] = {
    "round_prefer_floor": lambda x, _: _rounded(x, 0),
    "round_prefer_ceil": lambda x, _: _rounded(x, 1),
    "floor": lambda x, _: np.floor(x),
    "ceil": lambda x, _: np.ceil(x),
    "simple": lambda x, axis: np.ceil(x) if axis.scale < 1 else np.trunc(x),
}

# --- repeats and linear maps -----------------------------------------------------------------------------------------


def _repeated(t: Tensor, axis: int, count: int) -> Tensor:
    split = (*t.shape[: axis + 1], 1, *t.shape[axis + 1 :])
    wide = (*t.shape[: axis + 1], count, *t.shape[axis + 1 :])
    merged = (*t.shape[:axis], t.shape[axis] * count, *t.shape[axis + 1 :])
    return ops.reshape(broadcast_to(ops.reshape(t, split), wide), merged)


def _mapped(t: Tensor, axis: int, weights: Array) -> Tensor:
    """y = W x along one axis."""
    last: Order = (*(k for k in range(t.rank) if k != axis), axis)
    moved = ops.transpose(t, last)
    rows = ops.reshape(moved, (-1, moved.shape[-1]))
    y = ops.matmul(rows, ops.constant(weights, t.dtype), transpose_b=True)
    wide = ops.reshape(y, (*moved.shape[:-1], weights.shape[0]))
    return ops.transpose(wide, tuple(int(k) for k in np.argsort(last)))


def _bounded(axis: Axis, weights: Array) -> Array:
    if axis.before * axis.after > LARGEST:
        raise Unsupported(f"resizing from {axis.before} to {axis.after} elements")
    return weights


def _weights(way: Way, axis: Axis, rows: Array) -> Array:
    """W (after, before): what each element after is made of."""
    weights = _bounded(axis, np.zeros((axis.after, axis.before)))
    if way.mode == "linear" and not way.antialias:
        rows = np.clip(rows, 0, axis.before - 1)
    x = rows.astype(np.float64)
    reach = 1 if way.mode == "linear" else 2
    shrunk = min(float(axis.scale), 1.0) if way.antialias else 1.0
    wide = int(np.ceil(reach / shrunk))
    nearest = np.floor(x).astype(np.int64)
    for step in range(1 - wide, wide + 1):
        tap = nearest + step
        weight = _kernel(way, np.abs(tap - x) * shrunk)
        if way.exclude_outside:
            weight = np.where((tap >= 0) & (tap < axis.before), weight, 0.0)
        np.add.at(weights, (np.arange(axis.after), np.clip(tap, 0, axis.before - 1)), weight)
    total = weights.sum(1, keepdims=True)
    return np.asarray(weights / np.where(total == 0.0, 1.0, total))


def _kernel(way: Way, d: Array) -> Array:
    """The weight of an element at a distance: a hat, or Keys's cubic."""
    if way.mode == "linear":
        return np.asarray(np.maximum(1.0 - d, 0.0))
    a = way.coefficient
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.asarray(np.where(d <= 1, near, np.where(d < 2, far, 0.0)))
