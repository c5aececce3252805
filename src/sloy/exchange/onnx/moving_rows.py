"""Operators that move elements and keep an axis of samples, the first, to itself (`sloy.exchange.onnx.rows`)."""

from __future__ import annotations

import numpy as np

from sloy.exchange.onnx.conversion import integers
from sloy.exchange.onnx.folding import axes_of, slices
from sloy.exchange.onnx.rows import Found, Use, keeps, repeated, target
from sloy.exchange.onnx.values import Value, known


@keeps("Reshape")
def _reshape(use: Use) -> Found:
    shape = target(use)
    if not shape or shape[0] != use.written or 0 in shape:
        return None
    return [use.x.value, known(np.array((use.n, *shape[1:]), np.int64))]


@keeps("Flatten")
def _flatten(use: Use) -> Found:
    axes = use.axis(1), use.node.attributes.get("axis", 1)  # of one axis, too
    return use.given() if 1 in axes else None


@keeps("Transpose")
def _transpose(use: Use) -> Found:
    order = use.node.attributes.get("perm") or tuple(reversed(range(use.x.rank)))
    return use.given() if order[0] == 0 else None


@keeps("Squeeze")
def _squeeze(use: Use) -> Found:
    axes = axes_of(use.node, use.arrays())
    return use.given() if axes is not None and 0 not in [a % use.x.rank for a in axes] else None


@keeps("Unsqueeze")
def _unsqueeze(use: Use) -> Found:
    axes = axes_of(use.node, use.arrays()) or ()
    return use.given() if 0 not in [a % (use.x.rank + len(axes)) for a in axes] else None


@keeps("Expand")
def _expand(use: Use) -> Found:
    shape = np.broadcast_shapes(use.x.shape, integers(use.others[0].value) or ())
    if len(shape) != use.x.rank or shape[0] != use.written:
        return None
    return [use.x.value, known(np.array((use.n, *shape[1:]), np.int64))]


@keeps("Tile")
def _tile(use: Use) -> Found:
    repeats = integers(use.others[0].value) or (1,)
    return use.given() if repeats[0] == 1 else None


@keeps("Pad")
def _pad(use: Use) -> Found:
    attributes = use.node.attributes
    pads_, _, axes_ = [*use.given()[1:], None, None, None][:3]
    given = attributes.get("pads") or attributes.get("paddings") or ()
    pads = given or integers(pads_) or ()
    axes = integers(axes_) or tuple(range(use.x.rank))
    sides = zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True)
    return (
        use.given()
        if all(a % use.x.rank or (not low and not high) for a, low, high in sides)
        else None
    )


@keeps("Slice")
def _slice(use: Use) -> Found:
    found = slices(use.node, use.arrays(), use.x.shape)
    return use.given() if all(axis for axis, *_ in found) else None


@keeps("Concat")
def _concat(use: Use) -> Found:
    """Operands that are the same for all samples, such as a class token, are repeated for each."""
    if not use.axis(0):
        return None
    values: list[Value | None] = []
    for v in [use.x, *use.others]:
        if v.way or v.shape[0] != 1:
            values.append(v.value)
        else:
            values.append(repeated(use.c, v.value, (use.n, *v.shape[1:])))
    return values


@keeps("Gather")
def _gather(use: Use) -> Found:
    if use.x.way:
        return use.given() if use.axis(0) and use.alone else None
    return use.given() if use.axis(0) == 0 else None


@keeps("Resize", "Upsample")
def _resize(use: Use) -> Found:
    """The file's extent of the first axis, and its scale, which is 1."""
    attributes = use.node.attributes
    axes = attributes.get("axes")
    if not use.alone:
        return None
    if axes is not None:
        return use.given() if 0 not in [a % use.x.rank for a in axes] else None
    at = next((i for i, v in enumerate(use.operands) if i and v is not None and v.value.size), 0)
    if at != 3:
        scales = attributes.get("scales")
        position = 1 if len(use.operands) < 3 else 2
        if scales is None and position < len(use.operands):
            scale = use.operands[position]
            scales = scale.value.array.tolist() if scale and scale.value.array is not None else None
        if scales:
            return use.given() if scales[0] == 1.0 else None
    sizes = integers(use.operands[3].value) if len(use.operands) > 3 and use.operands[3] else None
    if not sizes or sizes[0] != use.written:
        return None
    return use.given(_3=known(np.array((use.n, *sizes[1:]), np.int64)))
