"""Pictures seen at computed places: each sample is a product of the picture with weights of its elements.

The weight of element j for the place x is k(x - j) along every axis: the hat function, a cubic, or 1 for the nearest.
What lies outside counts by the element that stands for it, so borders are a product with a constant matrix.

References
----------
.. [1] ONNX operators, GridSample, AffineGrid, https://onnx.ai/onnx/operators/.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from sloy import ops
from sloy.errors import FileFormatError
from sloy.exchange.onnx.conversion import Conversion, integers, operator
from sloy.exchange.onnx.nodes import Node, Unsupported
from sloy.exchange.onnx.operators.functions import rounded
from sloy.exchange.onnx.values import Value, channels_last, held
from sloy.graph.tensor import Tensor

MOST = 1 << 24  # weights of one sample
REACH = 2  # elements beyond the edge that a cubic looks at
A = -0.75  # of the cubic


@operator("GridSample")
def _grid_sample(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, grid = operands
    n, channels, *extents = x.shape
    rank, places = len(extents), grid.shape[1:-1]
    if grid.shape[0] != n or grid.shape[-1] != rank or len(places) != rank:
        raise FileFormatError(f"a grid of {grid.shape} for {x.shape}.")
    if prod(places) * prod(extents) > MOST:
        raise Unsupported(
            f"{prod(places)} places of {prod(extents)} elements; at most {MOST} pairs"
        )
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(
        said := _said(node, "mode", "linear"), said
    )
    padding, corners = _said(node, "padding_mode", "zeros"), node.attributes.get("align_corners", 0)
    if mode not in KERNELS or padding not in ("zeros", "border", "reflection"):
        raise FileFormatError(f"`mode` is {mode!r}, `padding_mode` {padding!r}.")
    if mode == "cubic" and rank != 2:
        raise Unsupported("cubic samples, but of pictures")
    rows = ops.reshape(c.tensor(grid), (n, prod(places), rank))
    weights: Tensor | None = None
    for axis, extent in enumerate(extents):
        where = ops.slice(
            rows, (0, 0, rank - 1 - axis), (*rows.shape[:2], rank - axis)
        )  # x is last
        own = _weights(where, extent, mode, padding, corners=bool(corners))
        if weights is None:
            weights = own
            continue
        pairs = ops.reshape(weights, (*weights.shape, 1)) * ops.reshape(
            own, (*own.shape[:2], 1, extent)
        )
        weights = ops.reshape(pairs, (n, prod(places), -1))
    assert weights is not None
    elements = ops.reshape(c.tensor(x, channels_last(x.rank)), (n, prod(extents), channels))
    y = ops.reshape(ops.batched_matmul(weights, elements), (n, *places, channels))
    return held(y, x.dtype, channels_last(x.rank), trained=x.trained or grid.trained)


def _said(node: Node, key: str, default: str) -> str:
    return str(node.attributes.get(key, default))


def _weights(where: Tensor, extent: int, mode: str, padding: str, *, corners: bool) -> Tensor:
    """The weights (N, P, extent) of an axis's elements for places (N, P, 1) from -1 to 1."""
    half = (extent - 1) / 2
    at = (where + 1.0) * half if corners else (where + 1.0) * (extent / 2) - 0.5
    if mode == "nearest":
        at = rounded(at)
    low, high = (0.0, extent - 1.0) if corners else (-0.5, extent - 0.5)
    if padding == "border":  # a cubic sees the edge from as far as an element beyond it
        wide = 1.0 if mode == "cubic" else 0.0
        at = ops.clip(at, -wide, extent - 1.0 + wide)
    elif padding == "reflection":
        at = _reflected(at, low, high)
        if mode == "nearest":
            at = rounded(at)
    beyond = 0 if padding == "zeros" else REACH
    numbers = np.arange(-beyond, extent + beyond)
    weights = KERNELS[mode](at - ops.constant(numbers.astype(np.float64), at.dtype))
    if not beyond:
        return weights
    chosen = np.zeros((len(numbers), extent))
    for row, number in enumerate(numbers.tolist()):
        chosen[row, _inside(number, extent, padding, low, high)] = 1.0
    flat = ops.reshape(weights, (-1, len(numbers))) @ ops.constant(chosen, at.dtype)
    return ops.reshape(flat, (*weights.shape[:2], extent))


def _inside(number: int, extent: int, padding: str, low: float, high: float) -> int:
    """The element that stands for one outside."""
    if padding == "reflection" and high > low:
        period = 2 * (high - low)
        part = (number - low) % period
        number = round(low + min(part, period - part))
    return min(max(number, 0), extent - 1)


def _reflected(at: Tensor, low: float, high: float) -> Tensor:
    """Places mirrored at both edges until they lie between them."""
    if high <= low:
        return ops.clip(at, low, low)
    period = 2 * (high - low)
    part = at - low
    part = part - period * ops.floor(part * (1.0 / period))
    return ops.minimum(part, period - part) + low


def _hat(t: Tensor) -> Tensor:
    return ops.relu(1.0 - ops.absolute(t))


def _cubic(t: Tensor) -> Tensor:
    """Keys' kernel of two pieces."""
    size = ops.absolute(t)
    near = ((A + 2) * size - (A + 3)) * size * size + 1.0
    far = ((A * size - 5 * A) * size + 8 * A) * size - 4 * A
    return ops.where(size <= 1.0, near, ops.where(size < 2.0, far, 0.0))


KERNELS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": _hat,
    "cubic": _cubic,
    "nearest": lambda t: ops.cast(ops.equal(t, 0.0), t.dtype),
}


@operator("AffineGrid")
def _affine_grid(c: Conversion, node: Node, operands: list[Any]) -> Value:
    """θ (x, y, 1): the places of a picture's elements, turned and moved."""
    theta, size = operands
    given = integers(size) or ()
    n, rank, extents = theta.shape[0], len(given) - 2, given[2:]
    if theta.shape[1:] != (rank, rank + 1) or rank not in (2, 3):
        raise FileFormatError(f"a matrix of {theta.shape} for pictures of {given}.")
    if prod(extents) > MOST:
        raise Unsupported(f"a grid of {prod(extents)} places")
    lines = [
        _line(extent, corners=bool(node.attributes.get("align_corners", 0))) for extent in extents
    ]
    points = np.stack([*reversed(np.meshgrid(*lines, indexing="ij")), np.ones(extents)])
    base = ops.constant(points.reshape(rank + 1, -1), c.dtype)  # (rank + 1, P)
    rows = ops.reshape(c.tensor(theta), (n * rank, rank + 1)) @ base
    places = ops.transpose(ops.reshape(rows, (n, rank, prod(extents))), (0, 2, 1))
    return held(ops.reshape(places, (n, *extents, rank)), theta.dtype, trained=theta.trained)


def _line(extent: int, *, corners: bool) -> np.ndarray:
    """Places of an axis's elements from -1 to 1, on the edges or half an element inside them."""
    if corners and extent > 1:
        return np.linspace(-1.0, 1.0, extent)
    return (2 * np.arange(extent) + 1) / extent - 1 if not corners else np.array([-1.0])
