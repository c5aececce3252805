"""Operators that pick elements: by known indices, which are slices, and by computed ones, which are products."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from sloy import ops
from sloy.errors import FileFormatError
from sloy.exchange.onnx.conversion import (
    Conversion,
    array,
    normal_axis,
    number,
    operator,
)
from sloy.exchange.onnx.nodes import Node, Unsupported
from sloy.exchange.onnx.operators.windows import every
from sloy.exchange.onnx.values import Value, held, identity
from sloy.graph.tensor import Tensor, broadcast_to

MOST_SLICES = 64  # from there on a product with a matrix of 0 and 1 is shorter
LARGEST = 1 << 20  # elements of such a matrix
MOST_RANKED = 1 << 11  # elements of an axis that are compared with each other

Array = np.ndarray


def take(t: Tensor, axis: int, indices: Array) -> Tensor:
    """The elements of those known numbers along an axis, one after another."""
    numbers = np.asarray(indices, np.int64).reshape(-1)
    extent = t.shape[axis]
    numbers = np.where(numbers < 0, numbers + extent, numbers)
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < extent):
        raise FileFormatError(f"indices beyond the {extent} elements of axis {axis}.")
    if np.array_equal(numbers, np.arange(extent)):
        return t
    starts = np.flatnonzero(np.diff(numbers, prepend=-2) != 1)
    counts = np.diff(starts, append=numbers.size)
    if len(starts) > MOST_SLICES and t.spec.is_float and numbers.size * extent <= LARGEST:
        chosen = np.zeros((numbers.size, extent))
        chosen[np.arange(numbers.size), numbers] = 1.0
        return _product(t, axis, ops.constant(chosen, t.dtype))
    if len(starts) > 1 << 12:
        raise Unsupported(f"picking {numbers.size} scattered elements of {extent}")
    parts = [
        every(t, axis, int(numbers[s]), int(n), 1) for s, n in zip(starts, counts, strict=True)
    ]
    if not parts:
        none = [0] * t.rank
        return ops.slice(t, none, [0 if a == axis else e for a, e in enumerate(t.shape)])
    return ops.concatenate(parts, axis)


def _product(t: Tensor, axis: int, chosen: Tensor) -> Tensor:
    """Σ_k chosen(m, k) t(…, k, …): the axis becomes m elements."""
    order = (axis, *(a for a in range(t.rank) if a != axis))
    rows = ops.reshape(ops.transpose(t, order), (t.shape[axis], -1))
    moved = (chosen.shape[0], *(t.shape[a] for a in order[1:]))
    y = ops.reshape(chosen @ rows, moved)
    return ops.transpose(y, tuple(int(a) for a in np.argsort(order)))


@operator("Gather")
def _gather(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, index = operands
    axis = normal_axis(node.attributes.get("axis", 0), x.rank)
    shape = (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
    weight = c.is_weight(x) and bool(x.source) and x.rank > 1
    table = c.parameter(x, "weight") if weight else c.tensor(x)
    if index.array is not None:
        return held(ops.reshape(take(table, axis, index.array), shape), x.dtype, trained=x.trained)
    hot = _hot(c, index, x.shape[axis])
    work = table if table.spec.is_float else ops.cast(table, c.dtype)
    y = ops.cast(_product(work, axis, hot), table.dtype)
    return held(ops.reshape(y, shape), x.dtype, trained=x.trained or weight)


def _hot(c: Conversion, index: Value, extent: int) -> Tensor:
    """Computed indices as rows of 0 and one 1, (indices, extent)."""
    t = ops.reshape(ops.cast(c.tensor(index), "int32"), (-1,))
    return ops.one_hot(ops.where(t < 0, t + extent, t), extent, c.dtype)


@operator("GatherElements")
def _gather_elements(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, index = operands
    axis = normal_axis(node.attributes.get("axis", 0), index.rank)
    if index.array is None:
        return _gather_computed(c, x, index, axis)
    return _picked(c, x, _along(x, index.array, axis), index.shape)


def _gather_computed(c: Conversion, x: Value, index: Value, axis: int) -> Value:
    """y(…, i) = Σ_k [index(…, i) = k] x(…, k): each row has indices of its own."""
    last = (*(a for a in range(x.rank) if a != axis), axis)
    data, rows = c.tensor(x, last), c.tensor(index, last)
    if data.shape[:-1] != rows.shape[:-1]:
        raise Unsupported("computed indices for a part of the elements")
    if prod(rows.shape) * data.shape[-1] > 1 << 26:
        raise Unsupported(f"{rows.shape} computed indices of {data.shape[-1]} elements")
    hot = ops.one_hot(ops.cast(rows, "int32"), data.shape[-1], c.dtype)
    work = data if data.spec.is_float else ops.cast(data, c.dtype)
    y = ops.reduce_sum(hot * ops.reshape(work, (*data.shape[:-1], 1, data.shape[-1])), -1)
    return held(ops.cast(y, data.dtype), x.dtype, last, trained=x.trained)


# Known places are numbers among the elements of the first axes. What axes are left over behind stays together: samples
# lie there where a file is for one.


def _along(x: Value, index: Array, axis: int) -> Array:
    """The places of elements that have an index along an axis, and their own along the others."""
    places: list[Array] = list(np.indices(index.shape))
    places[axis] = _counted(index, x.shape[axis])
    return _flat(places, x.shape)


def _counted(index: Array, extent: int) -> Array:
    """Indices counted from 0."""
    found = index.astype(np.int64)
    return np.asarray(np.where(found < 0, found + extent, found))


def _flat(places: list[Array], shape: tuple[int, ...]) -> Array:
    if any(((p < 0) | (p >= e)).any() for p, e in zip(places, shape, strict=False)):
        raise FileFormatError(f"indices beyond {shape}.")
    return np.asarray(np.ravel_multi_index(tuple(places), shape[: len(places)]))


def _rows(c: Conversion, x: Value, lead: int) -> Tensor:
    """A value with its first axes joined."""
    return ops.reshape(c.tensor(x), (prod(x.shape[:lead]), *x.shape[lead:]))


def _picked(
    c: Conversion, x: Value, numbers: Array, shape: tuple[int, ...], lead: int | None = None
) -> Value:
    """Elements of known numbers among those of the first axes, in a shape."""
    lead = len(shape) if lead is None else lead
    found = take(_rows(c, x, lead), 0, numbers)
    return held(ops.reshape(found, (*shape, *x.shape[lead:])), x.dtype, trained=x.trained)


@operator("GatherND")
def _gather_nd(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, index = operands
    return _picked(c, x, *_tuples(x, array(index), node.attributes.get("batch_dims", 0)))


def _tuples(x: Value, indices: Array, batch: int = 0) -> tuple[Array, tuple[int, ...], int]:
    """The numbers that rows of indices stand for, their shape, and how many axes they count."""
    shape, depth = indices.shape[:-1], indices.shape[-1]
    own = np.indices(shape)[:batch]
    chosen = [_counted(indices[..., k], x.shape[batch + k]) for k in range(depth)]
    if not depth and not batch:
        return np.zeros(shape, np.int64), shape, 0
    return _flat([*own, *chosen], x.shape), shape, batch + depth


@operator("ScatterND", "ScatterElements", "Scatter")
def _scatter(c: Conversion, node: Node, operands: list[Any]) -> Value:
    """Updates at known places: of old and new elements one after another, those that stay."""
    x, index, updates = operands
    reduction = node.attributes.get("reduction", "none") or "none"
    if node.op == "ScatterND":
        goals, _, lead = _tuples(x, array(index))
    else:
        axis = normal_axis(node.attributes.get("axis", 0), index.rank)
        goals, lead = _along(x, array(index), axis), index.rank
    goals = goals.reshape(-1)
    old = _rows(c, x, lead)
    new = ops.reshape(c.tensor(updates), (len(goals), *x.shape[lead:]))
    plain = reduction == "none"
    y = _updated(old, goals, new) if plain else _reduced(old, goals, new, reduction)
    return held(ops.reshape(y, x.shape), x.dtype, trained=x.trained or updates.trained)


def _updated(old: Tensor, goals: Array, new: Tensor) -> Tensor:
    """New rows in place of old ones, the last of several."""
    sources = np.arange(old.shape[0])
    sources[goals] = old.shape[0] + np.arange(len(goals))
    return take(ops.concatenate([old, new], 0), 0, sources)


def _reduced(old: Tensor, goals: Array, new: Tensor, reduction: str) -> Tensor:
    """Updates added, multiplied …, the first of each row in one step, then the second."""
    rule = {"add": ops.add, "mul": ops.mul, "max": ops.maximum, "min": ops.minimum}[reduction]
    seen: dict[int, int] = {}
    rounds = []
    for goal in goals.tolist():
        rounds.append(seen.get(goal, 0))
        seen[goal] = rounds[-1] + 1
    if max(rounds, default=0) >= MOST_SLICES:
        raise Unsupported(f"more than {MOST_SLICES} updates of one element")
    for k in range(max(rounds, default=-1) + 1):
        chosen = np.flatnonzero(np.array(rounds) == k)
        there = take(old, 0, goals[chosen])
        old = _updated(old, goals[chosen], rule(there, take(new, 0, chosen)))
    return old


@operator("Trilu")
def _triangle(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, k = (*operands, None)[:2]
    part = np.triu if node.attributes.get("upper", 1) else np.tril
    kept = part(np.ones(x.shape[-2:]), int(number(k, 0)))
    t = c.tensor(x)
    return held(ops.where(ops.constant(kept, t.dtype), t, 0), x.dtype, trained=x.trained)


@operator("Compress")
def _compress(c: Conversion, node: Node, operands: list[Any]) -> Value:
    """The elements of an axis, or of all, where a known condition holds."""
    x, condition = operands
    kept = np.flatnonzero(array(condition))
    if "axis" not in node.attributes:
        flat = ops.reshape(c.tensor(x), (x.size,))
        return held(take(flat, 0, kept), x.dtype, trained=x.trained)
    axis = normal_axis(node.attributes["axis"], x.rank)
    return held(take(c.tensor(x), axis, kept), x.dtype, trained=x.trained)


@operator("ReverseSequence")
def _reverse(c: Conversion, node: Node, operands: list[Any]) -> Value:
    """The first elements of an axis backwards, of each sample as many as a known list says."""
    x, lengths = operands
    time, batch = (
        normal_axis(node.attributes.get(key, default), x.rank)
        for key, default in (("time_axis", 0), ("batch_axis", 1))
    )
    counts = array(lengths).reshape(-1).tolist()
    extent = x.shape[time]
    if any(not 0 <= count <= extent for count in counts):
        raise FileFormatError(f"`sequence_lens` (={counts}) of {extent} elements.")
    orders = [[*reversed(range(count)), *range(count, extent)] for count in counts]
    t = c.tensor(x)
    if len(set(counts)) == 1:
        return held(take(t, time, np.array(orders[0])), x.dtype, trained=x.trained)
    if len(counts) != x.shape[batch]:
        raise FileFormatError(f"{len(counts)} lengths for {x.shape[batch]} samples.")
    rows = [take(every(t, batch, i, 1, 1), time, np.array(o)) for i, o in enumerate(orders)]
    return held(ops.concatenate(rows, batch), x.dtype, trained=x.trained)


# --- order ----------------------------------------------------------------------------------------------------------


@operator("TopK")
def _top(c: Conversion, node: Node, operands: list[Any]) -> list[Value]:
    """Each element's place is the number of those before it, larger or equal and further left."""
    x = operands[0]
    axis = normal_axis(node.attributes.get("axis", -1), x.rank)
    count = int(node.attributes["k"] if len(operands) < 2 else number(operands[1]))
    extent = x.shape[axis]
    if not 0 < count <= extent:
        raise FileFormatError(f"the first {count} of {extent} elements.")
    if extent > MOST_RANKED:
        raise Unsupported(f"the order of {extent} elements; at most {MOST_RANKED} are compared")
    last = (*(a for a in identity(x.rank) if a != axis), axis)
    t = c.tensor(x, last)
    data = t if t.spec.is_float else ops.cast(t, c.dtype)
    signed = data if node.attributes.get("largest", 1) else -data
    wide = (*t.shape, extent)
    mine = broadcast_to(ops.reshape(signed, (*t.shape, 1)), wide)
    others = broadcast_to(ops.reshape(signed, (*t.shape[:-1], 1, extent)), wide)
    before = np.tril(np.ones((extent, extent)), -1)
    ahead = ops.greater(others, mine) + ops.equal(others, mine) * ops.constant(before, data.dtype)
    place = ops.cast(ops.reduce_sum(ahead, -1), "int32")
    hot = ops.one_hot(place, extent, data.dtype)  # (…, element, place)
    low = [0] * hot.rank
    hot = ops.slice(hot, low, (*hot.shape[:-1], count))
    at = ops.constant(np.arange(extent, dtype=np.float64).reshape(-1, 1), data.dtype)
    values = ops.reduce_sum(
        ops.where(hot, broadcast_to(ops.reshape(data, (*t.shape, 1)), hot.shape), 0.0), -2
    )
    indices = ops.cast(ops.reduce_sum(hot * at, -2), "int32")
    return [
        held(ops.cast(values, t.dtype), x.dtype, last, trained=x.trained),
        held(indices, "int64", last),
    ]
