"""Rows of reductions and shape ops: their definitions element by element."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from op_table.case import (
    FLOAT,
    Array,
    Case,
    Draw,
    ErrorCase,
    between,
    distinct,
    few_values,
    given,
    normal,
    odd_values,
    operand,
    small_integers,
)
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Spec
from sloy.graph.spec import Shape
from tolerances import accumulation

NAN, INF = math.nan, math.inf
MOVED = ((FLOAT, normal), ("uint8", between(0, 256)), ("int32", between(-9, 9)))


def fill(shape: Shape, dtype: np.dtype[Any], value: Callable[..., Any]) -> Array:
    """The array whose element at each index is ``value(*index)``."""
    result = np.zeros(shape, dtype)
    for index in np.ndindex(*shape):
        result[index] = value(*index)
    return result


# --- reductions ------------------------------------------------------------------------------------------------------


def _reducer(combine: Callable[[list[float]], float]) -> Callable[..., Array]:
    def formula(x: Array, axes: Sequence[int], keepdims: bool) -> Array:
        groups: dict[tuple[int, ...], list[float]] = {}
        kept = [1 if axis in axes else extent for axis, extent in enumerate(x.shape)]
        for index in np.ndindex(*kept):
            groups[index] = []
        for index in np.ndindex(*x.shape):
            key = tuple(0 if axis in axes else i for axis, i in enumerate(index))
            groups[key].append(x[index].item())
        result = fill(tuple(kept), x.dtype, lambda *index: combine(groups[index]))
        if keepdims:
            return result
        return result.reshape([e for axis, e in enumerate(x.shape) if axis not in axes])

    return formula


def _largest(values: list[float]) -> float:
    return NAN if any(v != v for v in values) else max(values)


def _smallest(values: list[float]) -> float:
    return NAN if any(v != v for v in values) else min(values)


REDUCTIONS = {
    "reduce_sum": _reducer(math.fsum),
    "reduce_max": _reducer(_largest),
    "reduce_min": _reducer(_smallest),
}


def _sum_of_sizes(x: Array, **attributes: Any) -> Array:
    return REDUCTIONS["reduce_sum"](np.abs(x), **attributes)


def _exact_sum(values: list[float]) -> float:
    return sum(values)  # fsum refuses inf - inf


def _reductions() -> Iterator[Case]:
    places = [
        ((2, 3, 5, 17), (0,)),
        ((2, 3, 5, 17), (3,)),
        ((2, 3, 5, 17), (1, 2)),
        ((2, 3, 5, 17), (0, 1, 2)),
        ((2, 3, 5, 17), (0, 1, 2, 3)),
        ((2, 3, 5, 17), (0, 2)),
        ((1, 1, 1, 3), (0, 1, 2)),
        ((7,), (0,)),
        ((1, 1), (1,)),
        ((3, 1031), (1,)),
        ((1031, 3), (0,)),
        ((3, 4), ()),
        ((0, 3), (1,)),
    ]
    for op, formula in REDUCTIONS.items():
        total = op == "reduce_sum"
        draw: Draw = normal if total else distinct
        for shape, axes in places:
            for keepdims in (False, True):
                length = math.prod(shape[axis] for axis in axes)
                yield Case(
                    op, f"{shape} over {axes}{' kept' * keepdims}", (operand(shape, draw),),
                    {"axes": axes, "keepdims": keepdims}, formula,
                    *((accumulation(length), _sum_of_sizes) if total else ()),
                )  # fmt: skip
        for dtype, low in (("int32", -50), ("uint8", 0)):
            attributes = {"axes": (1,), "keepdims": False}
            few = operand((3, 4), between(low, 50), dtype)
            yield Case(op, dtype, (few,), attributes, _reducer(
                _exact_sum if total else (max if op == "reduce_max" else min)))  # fmt: skip
        attributes = {"axes": (1,), "keepdims": False}
        rows = [[1, NAN, 2], [INF, 1, 2], [-INF, 1, 2], [-INF, -INF, -INF], [3, 3, -3]]
        special = operand((5, 3), given(rows))
        formula = _reducer(_exact_sum) if total else formula
        yield Case(op, "special", (special,), attributes, formula, smooth=False)
    attributes = {"axes": (0,), "keepdims": False}
    yield Case("reduce_sum", "of nothing", (operand((0, 3)),), attributes, REDUCTIONS["reduce_sum"])
    exact = operand((3, 1031), small_integers)
    attributes = {"axes": (1,), "keepdims": False}
    yield Case("reduce_sum", "exact", (exact,), attributes, REDUCTIONS["reduce_sum"])


def _argmax(x: Array, axis: int) -> Array:
    def first(*index: int) -> int:
        line = [x[(*index[:axis], k, *index[axis:])].item() for k in range(x.shape[axis])]
        return next(k for k, v in enumerate(line) if v != v or (all(not w > v for w in line if w == w)
                    and all(w == w for w in line)))  # fmt: skip

    return fill(x.shape[:axis] + x.shape[axis + 1 :], np.dtype(np.int32), first)


def _argmax_rows() -> Iterator[Case]:
    for shape, axis in [((2, 3, 5), 0), ((2, 3, 5), 1), ((2, 3, 5), 2), ((7,), 0), ((1, 1), 1),
                        ((5, 17), 1), ((0, 3), 1), ((3, 131), 1)]:  # fmt: skip
        for name, draw in (("distinct", distinct), ("ties", few_values)):
            whole = (operand(shape, draw),)
            yield Case("argmax", f"{shape} along {axis} {name}", whole, {"axis": axis}, _argmax)
    rows = [[1, NAN, 2, NAN], [INF, 1, INF, 2], [-INF, -INF, -INF, -INF], [0.0, -0.0, 0, -1]]
    yield Case("argmax", "special", (operand((4, 4), given(rows)),), {"axis": 1}, _argmax)


# --- shape ops -------------------------------------------------------------------------------------------------------


def _reshape(x: Array, shape: Shape) -> Array:
    return np.array(x.reshape(-1).tolist(), x.dtype).reshape(shape)


def _transpose(x: Array, permutation: Sequence[int]) -> Array:
    def source(*index: int) -> Any:
        back = [0] * len(index)
        for axis, original in enumerate(permutation):
            back[original] = index[axis]
        return x[tuple(back)]

    return fill(tuple(x.shape[p] for p in permutation), x.dtype, source)


def _broadcast(x: Array, shape: Shape) -> Array:
    lead = len(shape) - x.ndim

    def source(*index: int) -> Any:
        return x[tuple(0 if e == 1 else i for i, e in zip(index[lead:], x.shape, strict=True))]

    return fill(shape, x.dtype, source)


def _slice(x: Array, start: Sequence[int], stop: Sequence[int]) -> Array:
    shape = tuple(h - w for w, h in zip(start, stop, strict=True))
    return fill(shape, x.dtype, lambda *i: x[tuple(a + b for a, b in zip(i, start, strict=True))])


def _pad(x: Array, before: Sequence[int], after: Sequence[int], value: float) -> Array:
    shape = tuple(b + e + a for b, e, a in zip(before, x.shape, after, strict=True))

    def source(*index: int) -> Any:
        inner = tuple(i - b for i, b in zip(index, before, strict=True))
        inside = all(0 <= i < e for i, e in zip(inner, x.shape, strict=True))
        return x[inner] if inside else value

    return fill(shape, x.dtype, source)


def _concatenate(*arrays: Array, axis: int) -> Array:
    owner = [(a, k) for a in arrays for k in range(a.shape[axis])]
    shape = list(arrays[0].shape)
    shape[axis] = len(owner)

    def source(*index: int) -> Any:
        array, k = owner[index[axis]]
        return array[(*index[:axis], k, *index[axis + 1 :])]

    return fill(tuple(shape), arrays[0].dtype, source)


def _one_hot(labels: Array, classes: int, dtype: str) -> Array:
    shape = (*labels.shape, classes)
    return fill(shape, np.dtype(np.float64), lambda *i: 1.0 if labels[i[:-1]] == i[-1] else 0.0)


def _moves() -> Iterator[tuple[str, tuple[Shape, ...], dict[str, Any], Callable[..., Array]]]:
    for shape, target in [((2, 3, 4), (6, 4)), ((), (1, 1)), ((1,), ()), ((3, 17), (17, 3)),
                          ((0, 3), (0,)), ((2, 3), (2, 3))]:  # fmt: skip
        yield "reshape", (shape,), {"shape": target}, _reshape
    for shape, order in [((2, 3, 5), (2, 0, 1)), ((2, 3, 5), (0, 2, 1)), ((3, 17), (1, 0)),
                         ((1, 1, 3, 1), (3, 2, 1, 0)), ((2, 3, 4, 5), (0, 3, 1, 2)), ((), ()),
                         ((4, 33), (1, 0)), ((7,), (0,)), ((0, 3), (1, 0))]:  # fmt: skip
        yield "transpose", (shape,), {"permutation": order}, _transpose
    for shape, target in [((), (3, 2)), ((17,), (2, 3, 17)), ((3, 1), (3, 17)), ((1, 3), (5, 3)),
                          ((2, 1, 3), (2, 4, 3)), ((3,), (3,)), ((1,), (1, 1)), ((1, 3), (0, 3)),
                          ((2, 1, 3, 1), (4, 2, 5, 3, 2))]:  # fmt: skip
        yield "broadcast_to", (shape,), {"shape": target}, _broadcast
    for shape, start, stop in [((5, 7), (1, 2), (4, 7)), ((5, 7), (0, 0), (5, 7)), ((3,), (1,), (1,)),
                               ((2, 3, 4, 5), (0, 1, 2, 3), (2, 2, 4, 4)), ((), (), ()),
                               ((6, 3), (2, 0), (4, 3))]:  # fmt: skip
        yield "slice", (shape,), {"start": start, "stop": stop}, _slice
    for shape, before, after in [((3, 2), (1, 0), (0, 2)), ((1,), (0,), (0,)), ((2, 3, 1), (1, 2, 3),
                                 (3, 2, 1)), ((0, 2), (1, 0), (1, 0)), ((), (), ())]:  # fmt: skip
        for value in (0.0, 2.0):
            attributes = {"before": before, "after": after, "value": value}
            yield "pad", (shape,), attributes, _pad
    for shapes, axis in [(((2, 3), (2, 1), (2, 17)), 1), (((2, 3), (1, 3)), 0), (((4,),), 0),
                         (((2, 1, 3), (2, 5, 3)), 1), (((0, 3), (2, 3)), 0)]:  # fmt: skip
        yield "concatenate", shapes, {"axis": axis}, _concatenate


def _shape_rows() -> Iterator[Case]:
    for op, shapes, attributes, formula in _moves():
        for dtype, draw in MOVED:
            operands = tuple(operand(shape, draw, dtype) for shape in shapes)
            yield Case(op, f"{shapes} {attributes} {dtype}", operands, attributes, formula)
    infinite = {"before": (1, 1), "after": (0, 1), "value": -INF}
    yield Case("pad", "infinite", (operand((2, 3)),), infinite, _pad, smooth=False)
    yield Case("transpose", "special", (operand((3, 5), odd_values),), {"permutation": (1, 0)},
               _transpose, smooth=False)  # fmt: skip
    for shape in ((), (1,), (5,), (2, 3), (0,)):
        for classes in (1, 3, 10):
            labels = operand(shape, between(-1, classes + 1), "int32")
            attributes = {"classes": classes, "dtype": FLOAT}
            yield Case("one_hot", f"{shape} {classes}", (labels,), attributes, _one_hot)


def cases() -> list[Case]:
    """Every row of the family."""
    return [*_reductions(), *_argmax_rows(), *_shape_rows()]


def errors() -> list[ErrorCase]:
    """What the family must refuse."""
    a, i, z = Spec((3, 4), "float32"), Spec((3, 4), "int32"), Spec((3, 0), "float32")
    both = {"axes": (1,), "keepdims": False}
    row = ErrorCase
    return [
        row("reduce_max", (z,), both, ShapeError, r"float32\[3, 0\] has no elements along axes"),
        row("reduce_min", (z,), both, ShapeError, r"float32\[3, 0\] has no elements along axes"),
        row("reduce_sum", (a,), {**both, "axes": (2,)}, InvalidArgument, r"`axes` \(=\(2,\)\)"),
        row("reduce_sum", (a,), {**both, "axes": (1, 0)}, InvalidArgument, r"`axes` \(=\(1, 0\)\)"),
        row("argmax", (z,), {"axis": 1}, ShapeError, r"float32\[3, 0\] has no elements along axis 1"),
        row("argmax", (a,), {"axis": 2}, InvalidArgument, r"`axis` \(=2\)"),
        row("reshape", (a,), {"shape": (5,)}, ShapeError, r"has 12 elements, \(5,\) has 5"),
        row("transpose", (a,), {"permutation": (0, 0)}, InvalidArgument, "must order the 2 axes"),
        row("transpose", (a,), {"permutation": (0,)}, InvalidArgument, "must order the 2 axes"),
        row("broadcast_to", (a,), {"shape": (3, 5)}, ShapeError, "cannot be repeated to"),
        row("broadcast_to", (a,), {"shape": (4,)}, ShapeError, "cannot be repeated to"),
        row("slice", (a,), {"start": (0,), "stop": (1, 1)}, InvalidArgument, "need 2 numbers"),
        row("slice", (a,), {"start": (0, 0), "stop": (4, 4)}, InvalidArgument, "not lie within"),
        row("slice", (a,), {"start": (2, 0), "stop": (1, 4)}, InvalidArgument, "not lie within"),
        row("pad", (a,), {"before": (0, -1), "after": (0, 0), "value": 0.0}, InvalidArgument,
            "none negative"),
        row("pad", (a,), {"before": (0,), "after": (0, 0), "value": 0.0}, InvalidArgument,
            "need 2 numbers"),
        row("concatenate", (a, i), {"axis": 0}, ShapeError, "differ beyond axis 0"),
        row("concatenate", (a, Spec((3, 5), "float32")), {"axis": 0}, ShapeError, "differ beyond"),
        row("concatenate", (a, Spec((3,), "float32")), {"axis": 1}, ShapeError, "differ beyond"),
        row("concatenate", (a, a), {"axis": 2}, InvalidArgument, r"`axis` \(=2\) must lie within"),
        row("one_hot", (a,), {"classes": 3, "dtype": "float32"}, InvalidArgument, "must be int32"),
        row("one_hot", (i,), {"classes": 0, "dtype": "float32"}, InvalidArgument, "at least 1"),
    ]  # fmt: skip
