"""Reductions: sums, extrema and their positions along axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sloy.arguments import flag, integer, integers
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.attributes import Schema
from sloy.graph.opdef import Attributes, register
from sloy.graph.ops.elementwise import equal
from sloy.graph.ops.shape import reshape
from sloy.graph.spec import Shape, Spec
from sloy.graph.tensor import Tensor, apply, broadcast_to, expect_tensors

__all__ = ["argmax", "reduce_max", "reduce_mean", "reduce_min", "reduce_sum"]

Axes = int | Sequence[int] | None


def normalize_axes(axes: Axes, rank: int, name: str) -> tuple[int, ...]:
    """Axes as sorted numbers from 0; None means all."""
    if axes is not None and not isinstance(axes, int):
        axes = integers(name, "axes", axes)
    given = range(rank) if axes is None else (axes,) if isinstance(axes, int) else axes
    result = sorted({axis + rank if axis < 0 else axis for axis in given})
    if any(not 0 <= axis < rank for axis in result):
        raise InvalidArgument(f"{name}: `axes` (={axes}) must lie within the {rank} axes.")
    return tuple(result)


def _kept_shape(shape: Shape, axes: Sequence[int]) -> Shape:
    return tuple(1 if axis in axes else extent for axis, extent in enumerate(shape))


def _infer(name: str) -> Callable[[Sequence[Spec], Attributes], Spec]:
    def infer(specs: Sequence[Spec], attributes: Attributes) -> Spec:
        x, axes = specs[0], attributes["axes"]
        if tuple(axes) != normalize_axes(axes, x.rank, name):
            raise InvalidArgument(f"{name}: `axes` (={axes}) must be in order and counted from 0.")
        if name != "reduce_sum" and any(x.shape[axis] == 0 for axis in axes):
            raise ShapeError(f"{name}: {x} has no elements along axes {axes}.")
        if attributes["keepdims"]:
            return Spec(_kept_shape(x.shape, axes), x.sum_dtype)
        return Spec(tuple(e for axis, e in enumerate(x.shape) if axis not in axes), x.sum_dtype)

    return infer


def _spread(n: Tensor, value: Tensor) -> Tensor:
    """A value of the reduced shape, repeated over the axes that were reduced."""
    x = n.inputs[0]
    return broadcast_to(reshape(value, _kept_shape(x.shape, n.attributes["axes"])), x.shape)


def _vjp_extremum(n: Tensor, g: Tensor) -> list[Tensor]:
    chosen = equal(n.inputs[0], _spread(n, n))
    count = apply("reduce_sum", (chosen,), n.attributes)
    return [chosen * _spread(n, g / count)]


def _register(name: str, function: Callable[..., np.ndarray], doc: str) -> None:
    def reference(arrays: Sequence[np.ndarray], a: Attributes) -> np.ndarray:
        kwargs = {"dtype": arrays[0].dtype} if name == "reduce_sum" else {}
        return np.asarray(function(arrays[0], axis=a["axes"], keepdims=a["keepdims"], **kwargs))

    vjp = (lambda n, g: [_spread(n, g)]) if name == "reduce_sum" else _vjp_extremum
    attributes: Schema = {"axes": "axes", "keepdims": "flag"}
    register(name, "reduction", 1, _infer(name), reference, vjp, attributes=attributes, doc=doc)


_register("reduce_sum", np.sum, "sum of x over `axes`")
_register("reduce_max", np.max, "largest of x over `axes`; ties share the gradient equally")
_register("reduce_min", np.min, "smallest of x over `axes`; ties share the gradient equally")


def _infer_argmax(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    x, axis = specs[0], attributes["axis"]
    if not 0 <= axis < x.rank:
        raise InvalidArgument(f"argmax: `axis` (={axis}) must lie within the {x.rank} axes.")
    if x.shape[axis] == 0:
        raise ShapeError(f"argmax: {x} has no elements along axis {axis}.")
    return Spec(x.shape[:axis] + x.shape[axis + 1 :], "int32")


register(
    "argmax",
    "index",
    1,
    _infer_argmax,
    lambda arrays, a: np.asarray(np.argmax(arrays[0], axis=a["axis"])).astype(np.int32),
    attributes={"axis": "integer"},
    differentiable=False,
    doc="position of the first largest element along `axis` (NaN counts as largest)",
)


def _reduce(name: str, x: Tensor, axes: Axes, *, keepdims: bool) -> Tensor:
    expect_tensors(name, x)
    chosen = normalize_axes(axes, x.rank, name)
    attributes = {"axes": chosen, "keepdims": flag(name, "keepdims", keepdims)}
    return apply(name, (x,), attributes) if chosen else x


def reduce_sum(x: Tensor, axes: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The sum of x over axes (all by default)."""
    return _reduce("reduce_sum", x, axes, keepdims=keepdims)


def reduce_max(x: Tensor, axes: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The largest element over axes (all by default); ties share the gradient equally."""
    return _reduce("reduce_max", x, axes, keepdims=keepdims)


def reduce_min(x: Tensor, axes: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The smallest element over axes (all by default); ties share the gradient equally."""
    return _reduce("reduce_min", x, axes, keepdims=keepdims)


def reduce_mean(x: Tensor, axes: Axes = None, *, keepdims: bool = False) -> Tensor:
    """The mean of x over axes (all by default)."""
    total = reduce_sum(x, axes, keepdims=keepdims)
    count = x.spec.size / max(total.spec.size, 1)
    if count == 0:
        raise ShapeError(f"reduce_mean: {x.spec} has no elements.")
    return total * (1.0 / count)


def argmax(x: Tensor, axis: int = -1) -> Tensor:
    """Position (int32) of the first largest element along an axis; NaN counts as largest."""
    expect_tensors("argmax", x)
    (chosen,) = normalize_axes(integer("argmax", "axis", axis, -(2**31)), x.rank, "argmax")
    return apply("argmax", (x,), {"axis": chosen})
