"""Ops that move elements without changing them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from sloy.arguments import integer, integers, sequence
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.opdef import Attributes, register
from sloy.graph.spec import Shape, Spec
from sloy.graph.tensor import Tensor, applied, apply, broadcast_to, expect_tensors

_Slice = slice  # `slice` names the op below

__all__ = ["broadcast_to", "concatenate", "one_hot", "pad", "reshape", "slice", "transpose"]

# --- reshape, transpose, broadcast_to ------------------------------------------------------------------------------


def _infer_reshape(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    x, shape = specs[0], attributes["shape"]
    if x.size != prod(shape):
        raise ShapeError(f"reshape: {x} has {x.size} elements, {shape} has {prod(shape)}.")
    return Spec(shape, x.dtype)


register(
    "reshape",
    "movement",
    1,
    _infer_reshape,
    lambda arrays, a: arrays[0].reshape(a["shape"]),
    lambda n, g: [reshape(g, n.inputs[0].shape)],
    attributes={"shape": "integers"},
    idle=True,
    doc="the same elements, in row-major order, in another shape",
)


def _infer_transpose(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    x, permutation = specs[0], attributes["permutation"]
    if sorted(permutation) != list(range(x.rank)):
        raise InvalidArgument(
            f"transpose: `permutation` (={permutation}) must order the {x.rank} axes of {x}."
        )
    return Spec(tuple(x.shape[axis] for axis in permutation), x.dtype)


register(
    "transpose",
    "movement",
    1,
    _infer_transpose,
    lambda arrays, a: np.array(arrays[0].transpose(a["permutation"]), order="C"),
    lambda n, g: [transpose(g, tuple(np.argsort(n.attributes["permutation"]).tolist()))],
    attributes={"permutation": "integers"},
    doc="axes in another order: axis i of the result is axis permutation[i] of x",
)


def _infer_broadcast(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    x, shape = specs[0], attributes["shape"]
    try:
        fits = np.broadcast_shapes(x.shape, shape) == tuple(shape)
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"broadcast_to: shape {x.shape} cannot be repeated to {shape}.")
    return Spec(shape, x.dtype)


def _vjp_broadcast(n: Tensor, g: Tensor) -> list[Tensor]:
    x = n.inputs[0]
    lead = n.rank - x.rank
    axes = tuple(
        axis for axis in range(n.rank) if axis < lead or x.shape[axis - lead] != n.shape[axis]
    )
    summed = apply("reduce_sum", (g,), {"axes": axes, "keepdims": False}) if axes else g
    return [reshape(summed, x.shape)]


register(
    "broadcast_to",
    "movement",
    1,
    _infer_broadcast,
    lambda arrays, a: np.array(np.broadcast_to(arrays[0], a["shape"]), order="C"),
    _vjp_broadcast,
    attributes={"shape": "integers"},
    idle=True,
    doc="x repeated along new leading axes and axes of extent 1",
)

# --- slice, pad, concatenate ---------------------------------------------------------------------------------------


def _infer_slice(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    x, start, stop = specs[0], attributes["start"], attributes["stop"]
    if len(start) != x.rank or len(stop) != x.rank:
        raise InvalidArgument(f"slice: `start` {start} and `stop` {stop} need {x.rank} numbers.")
    for low, high, extent in zip(start, stop, x.shape, strict=True):
        if not 0 <= low <= high <= extent:
            raise InvalidArgument(f"slice: {start} to {stop} does not lie within {x.shape}.")
    return Spec(tuple(h - w for w, h in zip(start, stop, strict=True)), x.dtype)


def _slices(attributes: Attributes) -> tuple[_Slice, ...]:
    pairs = zip(attributes["start"], attributes["stop"], strict=True)
    return tuple(_Slice(low, high) for low, high in pairs)


def _vjp_slice(n: Tensor, g: Tensor) -> list[Tensor]:
    extents = n.inputs[0].shape
    after = tuple(e - high for e, high in zip(extents, n.attributes["stop"], strict=True))
    return [pad(g, n.attributes["start"], after)]


register(
    "slice",
    "movement",
    1,
    _infer_slice,
    lambda arrays, a: np.array(arrays[0][_slices(a)], order="C"),
    _vjp_slice,
    attributes={"start": "integers", "stop": "integers"},
    idle=True,
    doc="the box of x from `start` up to `stop`, per axis",
)


def _infer_pad(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    x, before, after = specs[0], attributes["before"], attributes["after"]
    if len(before) != x.rank or len(after) != x.rank or min((*before, *after), default=0) < 0:
        raise InvalidArgument(
            f"pad: `before` {before} and `after` {after} need {x.rank} numbers, none negative."
        )
    sums = (b + e + a for b, e, a in zip(before, x.shape, after, strict=True))
    return Spec(tuple(sums), x.dtype)


def _pad_reference(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    (x,), before = arrays, attributes["before"]
    extents = (b + e + a for b, e, a in zip(before, x.shape, attributes["after"], strict=True))
    padded = np.full(tuple(extents), attributes["value"], x.dtype)
    padded[tuple(_Slice(b, b + e) for b, e in zip(before, x.shape, strict=True))] = x
    return padded


def _vjp_pad(n: Tensor, g: Tensor) -> list[Tensor]:
    before, extents = n.attributes["before"], n.inputs[0].shape
    return [slice(g, before, tuple(b + e for b, e in zip(before, extents, strict=True)))]


register(
    "pad",
    "assembly",
    1,
    _infer_pad,
    _pad_reference,
    _vjp_pad,
    attributes={"before": "integers", "after": "integers", "value": "float"},
    doc="x with `before` and `after` elements of `value` added, per axis",
)


def _infer_concatenate(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    first, axis = specs[0], attributes["axis"]
    if not 0 <= axis < first.rank:
        raise InvalidArgument(f"concatenate: `axis` (={axis}) must lie within {first}.")
    for spec in specs[1:]:
        same = spec.shape[:axis] + spec.shape[axis + 1 :]
        if (
            spec.rank != first.rank
            or same != first.shape[:axis] + first.shape[axis + 1 :]
            or spec.dtype != first.dtype
        ):
            raise ShapeError(f"concatenate: {first} and {spec} differ beyond axis {axis}.")
    total = sum(spec.shape[axis] for spec in specs)
    return Spec((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)


def _vjp_concatenate(n: Tensor, g: Tensor) -> list[Tensor]:
    axis, position, parts = n.attributes["axis"], 0, []
    for x in n.inputs:
        start, stop = [0] * n.rank, list(n.shape)
        start[axis], stop[axis] = position, position + x.shape[axis]
        parts.append(slice(g, tuple(start), tuple(stop)))
        position += x.shape[axis]
    return parts


register(
    "concatenate",
    "assembly",
    None,
    _infer_concatenate,
    lambda arrays, a: np.concatenate(arrays, axis=a["axis"]),
    _vjp_concatenate,
    attributes={"axis": "integer"},
    doc="tensors one after another along `axis`",
)

# --- one_hot -------------------------------------------------------------------------------------------------------


def _infer_one_hot(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    if specs[0].dtype != "int32":
        raise InvalidArgument(f"one_hot: the labels are {specs[0].dtype}; they must be int32.")
    if attributes["classes"] < 1:
        raise InvalidArgument(f"one_hot: `classes` (={attributes['classes']}) must be at least 1.")
    return Spec((*specs[0].shape, attributes["classes"]), attributes["dtype"])


register(
    "one_hot",
    "index",
    1,
    _infer_one_hot,
    lambda arrays, a: (arrays[0][..., None] == np.arange(a["classes"])).astype(a["dtype"]),
    attributes={"classes": "integer", "dtype": "dtype"},
    differentiable=False,
    doc="1 at the label's position, 0 elsewhere, on a new last axis; a label outside gives zeros",
)

# --- the functions that users call ---------------------------------------------------------------------------------


def reshape(x: Tensor, shape: Shape) -> Tensor:
    """The same elements, in row-major order, in another shape; one extent may be -1."""
    expect_tensors("reshape", x)
    target = integers("reshape", "shape", shape)
    if target.count(-1) == 1:
        known = -prod(target)
        if known == 0 or x.spec.size % known:
            raise ShapeError(f"reshape: {x.spec} does not fit {target}.")
        target = tuple(x.spec.size // known if extent == -1 else extent for extent in target)
    return x if x.shape == target else apply("reshape", (x,), {"shape": target})


def transpose(x: Tensor, permutation: Sequence[int] | None = None) -> Tensor:
    """Axes in another order (reversed by default): axis i of the result is axis permutation[i] of x."""
    expect_tensors("transpose", x)
    order = (
        tuple(reversed(range(x.rank)))
        if permutation is None
        else integers("transpose", "permutation", permutation)
    )
    return x if order == tuple(range(x.rank)) else apply("transpose", (x,), {"permutation": order})


def slice(x: Tensor, start: Sequence[int], stop: Sequence[int]) -> Tensor:
    """The box of x from `start` up to `stop` (excluded), a number per axis."""
    expect_tensors("slice", x)
    low, high = integers("slice", "start", start), integers("slice", "stop", stop)
    whole = low == (0,) * x.rank and high == x.shape
    return x if whole else apply("slice", (x,), {"start": low, "stop": high})


def pad(x: Tensor, before: Sequence[int], after: Sequence[int], value: float = 0.0) -> Tensor:
    """x with `before` and `after` elements of `value` added, a number per axis."""
    expect_tensors("pad", x)
    ends = {"before": integers("pad", "before", before), "after": integers("pad", "after", after)}
    if not any(ends["before"]) and not any(ends["after"]):
        return x
    return applied("pad", x, value=value, **ends)


def concatenate(tensors: Sequence[Tensor], axis: int = -1) -> Tensor:
    """Tensors one after another along an axis."""
    tensors = sequence("concatenate", "tensors", tensors)
    if not tensors:
        raise InvalidArgument("concatenate: needs at least one tensor.")
    expect_tensors("concatenate", *tensors)
    rank = tensors[0].rank
    position = axis + rank if integer("concatenate", "axis", axis, -rank) < 0 else axis
    return tensors[0] if len(tensors) == 1 else apply("concatenate", tensors, {"axis": position})


def one_hot(labels: Tensor, classes: int, dtype: str = "float32") -> Tensor:
    """1 at the label's position and 0 elsewhere on a new last axis, of int32 labels."""
    return applied("one_hot", labels, classes=classes, dtype=dtype)
