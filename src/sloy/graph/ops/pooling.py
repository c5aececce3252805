"""Pooling over windows of (N, H, W, C), and the gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sloy.arguments import flag
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.attributes import Schema
from sloy.graph.opdef import Attributes, register
from sloy.graph.ops.elementwise import equal, maximum, not_equal, where
from sloy.graph.ops.shape import pad, reshape, slice
from sloy.graph.ops.window import Padding, Pair, Window, pair, resolve_padding
from sloy.graph.spec import Spec
from sloy.graph.tensor import Tensor, apply, broadcast_to, constant, expect_tensors

__all__ = ["average_pool2d", "max_pool2d"]

_WINDOW: Schema = {
    "window": "positive integers",
    "stride": "positive integers",
    "padding": "integers",
}
_AVERAGE: Schema = {**_WINDOW, "count_include_pad": "flag"}


def _window(attributes: Attributes) -> Window:
    return Window(attributes["window"], attributes["stride"], attributes["padding"])


def _output_spec(name: str, x: Spec, attributes: Attributes) -> Spec:
    if x.rank != 4 or not (x.is_float or (x.is_factor and name.startswith("max_"))):
        raise ShapeError(f"{name}: the input is {x}; it must be a float (N, H, W, C).")
    window = _window(attributes)
    top, bottom, left, right = window.padding
    if max(top, bottom) >= window.size[0] or max(left, right) >= window.size[1]:
        raise InvalidArgument(
            f"{name}: `padding` (={window.padding}) must be smaller than the window {window.size}."
        )
    extents = window.output_extents(x.shape[1], x.shape[2], name)
    return Spec((x.shape[0], *extents, x.shape[3]), x.dtype)


# --- maximum -------------------------------------------------------------------------------------------------------


def _max_pool(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    (x,) = arrays
    window = _window(attributes)
    extents = window.output_extents(x.shape[1], x.shape[2], "max_pool2d")
    y = np.full((x.shape[0], *extents, x.shape[3]), -np.inf, x.dtype)
    padded = window.pad(x, -np.inf)
    for _, _, seen in window.taps(extents):
        np.maximum(y, padded[seen], out=y)
    return y


register(
    "max_pool2d",
    "window",
    1,
    lambda specs, attributes: _output_spec("max_pool2d", specs[0], attributes),
    _max_pool,
    lambda n, g: [apply("max_pool2d_grad", (n.inputs[0], n, g), n.attributes)],
    attributes=_WINDOW,
    doc="largest element of each window; padding never wins; NaN wins",
)


def _infer_max_pool_grad(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    x, y, g = specs
    if not y == g == _output_spec("max_pool2d_grad", x, attributes):
        raise ShapeError(f"max_pool2d_grad: {x}, {y} and {g} do not belong together.")
    return x


def _max_pool_grad(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    x, y, g = arrays
    window = _window(attributes)
    padded, dx = window.pad(x, -np.inf), window.pad(np.zeros_like(x))
    inside = window.pad(np.ones_like(x)) > 0
    free = np.ones(y.shape, bool)  # windows whose first maximum is not found yet
    for _, _, seen in window.taps((y.shape[1], y.shape[2])):
        tap = padded[seen]
        chosen = free & inside[seen] & ((tap == y) | (np.isnan(tap) & np.isnan(y)))
        dx[seen] += np.where(chosen, g, 0)
        free &= ~chosen
    return window.crop(dx)


register(
    "max_pool2d_grad",
    "gradient",
    3,
    _infer_max_pool_grad,
    _max_pool_grad,
    # As each g lies at the first largest element, x and y decide where, and how much nowhere.
    lambda n, g: [None, None, apply("max_pool2d_pick", (*n.inputs[:2], g), n.attributes)],
    attributes=_WINDOW,
    doc="gradient of max_pool2d: g goes to the first largest element of each window",
)


def _infer_max_pool_pick(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    x, y, h = specs
    if x != h or y != _output_spec("max_pool2d_pick", x, attributes):
        raise ShapeError(f"max_pool2d_pick: {x}, {y} and {h} do not belong together.")
    return y


def _max_pool_pick(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    x, y, h = arrays
    window = _window(attributes)
    padded, values = window.pad(x, -np.inf), window.pad(h)
    inside = window.pad(np.ones_like(x)) > 0
    picked, free = np.zeros_like(y), np.ones(y.shape, bool)
    for _, _, seen in window.taps((y.shape[1], y.shape[2])):
        tap = padded[seen]
        chosen = free & inside[seen] & ((tap == y) | (np.isnan(tap) & np.isnan(y)))
        picked = np.where(chosen, values[seen], picked)
        free &= ~chosen
    return picked


def _tap(x: Tensor, window: Window, extents: Pair, tap: Pair, padding: float) -> Tensor:
    """What one tap of the windows sees of x (N, H, W, C): (N, OH, OW, C)."""
    top, bottom, left, right = window.padding
    n, height, width, c = x.shape
    whole = [o * s for o, s in zip(extents, window.stride, strict=True)]
    # Cut into strides from the tap on, each of which has its element first; the last one may end behind the image.
    below = max(bottom, tap[0] + whole[0] - height - top)
    behind = max(right, tap[1] + whole[1] - width - left)
    padded = pad(x, (0, top, left, 0), (0, below, behind, 0), padding)
    start, stop = (0, *tap, 0), (n, tap[0] + whole[0], tap[1] + whole[1], c)
    strides = (n, extents[0], window.stride[0], extents[1], window.stride[1], c)
    cut = reshape(slice(padded, start, stop), strides)
    first = slice(cut, (0,) * 6, (n, extents[0], 1, extents[1], 1, c))
    return reshape(first, (n, *extents, c))


def _expand_max_pool_pick(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    x, y, h = inputs
    window, extents = _window(attributes), (y.shape[1], y.shape[2])
    inside = window.pad(np.ones((1, *x.shape[1:3], 1), x.dtype))
    picked: Tensor = broadcast_to(constant(0.0, x.dtype), y.shape)
    free: Tensor = broadcast_to(constant(1.0, x.dtype), y.shape)  # the first is not found yet
    for i, j, seen in window.taps(extents):
        tap = _tap(x, window, extents, (i, j), -np.inf)
        same = maximum(equal(tap, y), not_equal(tap, tap) * not_equal(y, y))
        chosen = free * same * constant(np.ascontiguousarray(inside[seen]), x.dtype)
        picked = where(chosen, _tap(h, window, extents, (i, j), 0.0), picked)
        free = free - chosen
    return picked


register(
    "max_pool2d_pick",
    "gradient",
    3,
    _infer_max_pool_pick,
    _max_pool_pick,
    lambda n, g: [None, None, apply("max_pool2d_grad", (*n.inputs[:2], g), n.attributes)],
    _expand_max_pool_pick,
    attributes=_WINDOW,
    doc="what of h lies at the first largest element of each window of x; y are the maxima",
)

# --- average -------------------------------------------------------------------------------------------------------


def counts(shape: Sequence[int], attributes: Attributes, dtype: np.dtype[Any]) -> np.ndarray:
    """How many elements each window averages, (1, OH, OW, 1)."""
    window = _window(attributes)
    extents = window.output_extents(shape[1], shape[2], "average_pool2d")
    if attributes["count_include_pad"]:
        return np.full((1, *extents, 1), window.size[0] * window.size[1], dtype)
    ones = window.pad(np.ones((1, shape[1], shape[2], 1), dtype))
    return np.asarray(sum(ones[seen] for _, _, seen in window.taps(extents)))


def _average_pool(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    (x,) = arrays
    window = _window(attributes)
    extents = window.output_extents(x.shape[1], x.shape[2], "average_pool2d")
    y = np.zeros((x.shape[0], *extents, x.shape[3]), x.dtype)
    padded = window.pad(x)
    for _, _, seen in window.taps(extents):
        y += padded[seen]
    return y / counts(x.shape, attributes, x.dtype)


register(
    "average_pool2d",
    "window",
    1,
    lambda specs, attributes: _output_spec("average_pool2d", specs[0], attributes),
    _average_pool,
    lambda n, g: [
        apply(
            "average_pool2d_grad",
            (g,),
            {**n.attributes, "extents": n.inputs[0].shape[1:3]},
        )
    ],
    attributes=_AVERAGE,
    doc="mean of each window, of its elements inside the image unless `count_include_pad`",
)


def _infer_average_pool_grad(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    (g,) = specs
    x = Spec((g.shape[0], *attributes["extents"], g.shape[3]), g.dtype)
    if _output_spec("average_pool2d_grad", x, attributes) != g:
        raise ShapeError(f"average_pool2d_grad: {g} is not the output of an input {x}.")
    return x


def _average_pool_grad(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    (g,) = arrays
    window = _window(attributes)
    shape = (g.shape[0], *attributes["extents"], g.shape[3])
    dx = window.pad(np.zeros(shape, g.dtype))
    share = g / counts(shape, attributes, g.dtype)
    for _, _, seen in window.taps((g.shape[1], g.shape[2])):
        dx[seen] += share
    return window.crop(dx)


def _vjp_average_pool_grad(n: Tensor, g: Tensor) -> list[Tensor]:
    return [apply("average_pool2d", (g,), {key: n.attributes[key] for key in _AVERAGE})]


register(
    "average_pool2d_grad",
    "gradient",
    1,
    _infer_average_pool_grad,
    _average_pool_grad,
    _vjp_average_pool_grad,
    attributes={**_AVERAGE, "extents": "integers"},
    doc="gradient of average_pool2d: each window's g shared among its elements",
)

# --- the functions that users call ---------------------------------------------------------------------------------


def _attributes(
    x: Tensor, window: int | Sequence[int], stride: int | Sequence[int] | None, padding: Padding
) -> dict[str, Any]:
    expect_tensors("pooling", x)
    if x.rank != 4:
        raise ShapeError(f"pooling: the input is {x.spec}; it must be (N, H, W, C).")
    size = pair(window, "window")
    strides = size if stride is None else pair(stride, "stride")
    sides = resolve_padding(padding, (x.shape[1], x.shape[2]), size, strides, (1, 1))
    return {"window": size, "stride": strides, "padding": sides}


def max_pool2d(
    x: Tensor,
    window: int | Sequence[int] = 2,
    *,
    stride: int | Sequence[int] | None = None,
    padding: Padding = "valid",
) -> Tensor:
    """The largest element of each window of x (N, H, W, C); the stride is the window by default."""
    return apply("max_pool2d", (x,), _attributes(x, window, stride, padding))


def average_pool2d(
    x: Tensor,
    window: int | Sequence[int] = 2,
    *,
    stride: int | Sequence[int] | None = None,
    padding: Padding = "valid",
    count_include_pad: bool = False,
) -> Tensor:
    """The mean of each window of x (N, H, W, C); the stride is the window by default."""
    attributes = _attributes(x, window, stride, padding)
    counted = flag("average_pool2d", "count_include_pad", count_include_pad)
    return apply("average_pool2d", (x,), {**attributes, "count_include_pad": counted})
