"""Rows of the matrix products: their definition element by element."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from op_table.arrays import fill
from op_table.case import Array, Case, ErrorCase, given, normal, operand, small_integers
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Spec
from tolerances import accumulation

NAN, INF = math.nan, math.inf


def _matmul(a: Array, b: Array, transpose_a: bool, transpose_b: bool) -> Array:
    rows = [[v.item() for v in row] for row in (a.T if transpose_a else a)]
    columns = [[v.item() for v in column] for column in (b if transpose_b else b.T)]
    shape = (a.shape[int(transpose_a)], b.shape[1 - int(transpose_b)])
    return fill(
        shape,
        a.dtype,
        lambda i, j: sum(x * y for x, y in zip(rows[i], columns[j], strict=True)),
    )


def _matmul_sizes(a: Array, b: Array, **attributes: Any) -> Array:
    return _matmul(np.abs(a), np.abs(b), **attributes)


def _matmul_rows() -> Iterator[Case]:
    for ta in (False, True):
        for tb in (False, True):
            flags = {"transpose_a": ta, "transpose_b": tb}
            for m, k, n in [(1, 1, 1), (3, 17, 5), (1, 33, 10), (17, 1, 3), (33, 65, 17), (2, 0, 3),
                            (0, 2, 3), (1024, 0, 3)]:  # fmt: skip
                shapes = (k, m) if ta else (m, k), (n, k) if tb else (k, n)
                name = f"{m}×{k}×{n}{' aT' * ta}{' bT' * tb}"
                for kind, draw in (("normal", normal), ("exact", small_integers)):
                    bound = (accumulation(k), _matmul_sizes) if kind == "normal" else ()
                    operands = tuple(operand(shape, draw) for shape in shapes)
                    yield Case("matmul", f"{name} {kind}", operands, flags, _matmul, *bound)
    flags = {"transpose_a": False, "transpose_b": False}
    special = operand((4, 3), given([[1, 2, 3], [NAN, 0, 1], [INF, 1, 1], [INF, -INF, 0]]))
    ones = operand((3, 2), given([[1, 1], [1, 1], [1, 1]]))
    yield Case("matmul", "special", (special, ones), flags, _matmul, smooth=False)


# --- stacks of matrices -----------------------------------------------------------------------------------------------


def _batched(
    a: Array, b: Array, transpose_a: bool, transpose_b: bool, batch_axes: tuple[int, int, int]
) -> Array:
    """The products of the matrices one after another."""
    first, second, third = batch_axes
    pairs = zip(np.moveaxis(a, first, 0), np.moveaxis(b, second, 0), strict=True)
    made = [_matmul(x, y, transpose_a, transpose_b) for x, y in pairs]
    rows = a.shape[2] if transpose_a else a.shape[1 - first]
    columns = b.shape[1 - second] if transpose_b else b.shape[2]
    return np.stack(made, third) if made else np.zeros(_stack(0, rows, columns, third))


def _batched_sizes(a: Array, b: Array, **attributes: Any) -> Array:
    return _batched(np.abs(a), np.abs(b), **attributes)


def _stack(batch: int, rows: int, columns: int, axis: int) -> tuple[int, int, int]:
    return (rows, batch, columns) if axis else (batch, rows, columns)


# Groups, M, K and N: single ones, odd ones, none of one kind.
STACKS = ((1, 1, 1, 1), (3, 2, 5, 4), (2, 1, 17, 3), (5, 7, 1, 2), (0, 2, 3, 4), (2, 0, 3, 4), (2, 3, 0, 4),
          (2, 3, 4, 0))  # fmt: skip
# Several blocks of rows and of depth, many tiny ones, whole registers; lines far apart.
LARGER_STACKS = ((2, 50, 33, 40), (40, 9, 16, 3), (3, 7, 403, 17), (16, 5, 3, 32), (4, 51, 16, 64))


def _batched_rows() -> Iterator[Case]:
    for code in range(32):
        ta, tb, *axes = (bool(code >> bit & 1) for bit in range(5))
        first, second, third = (int(axis) for axis in axes)
        flags = {"transpose_a": ta, "transpose_b": tb, "batch_axes": (first, second, third)}
        larger = LARGER_STACKS[code % len(LARGER_STACKS)]
        rows = [(sizes, "normal") for sizes in (*STACKS, larger)]
        for (groups, m, k, n), kind in [*rows, (larger, "exact")]:
            left = _stack(groups, k, m, first) if ta else _stack(groups, m, k, first)
            right = _stack(groups, n, k, second) if tb else _stack(groups, k, n, second)
            name = f"{groups}×{m}×{k}×{n}{' aT' * ta}{' bT' * tb} {first}{second}{third} {kind}"
            bound = (accumulation(k), _batched_sizes) if kind == "normal" else ()
            draw = normal if kind == "normal" else small_integers
            operands = (operand(left, draw), operand(right, draw))
            yield Case("batched_matmul", name, operands, flags, _batched, *bound)
    flags = {"transpose_a": False, "transpose_b": False, "batch_axes": (1, 0, 1)}
    special = operand((2, 2, 3), given([[[1, 2, 3], [NAN, 0, 1]], [[INF, 1, 1], [INF, -INF, 0]]]))
    ones = operand((2, 3, 2), given(np.ones((2, 3, 2))))
    yield Case("batched_matmul", "special", (special, ones), flags, _batched, smooth=False)


def cases() -> list[Case]:
    """Every row of the family."""
    return [*_matmul_rows(), *_batched_rows()]


def errors() -> list[ErrorCase]:
    """What the family must refuse."""
    a, i = Spec((3, 4), "float32"), Spec((3, 4), "int32")
    plain = {"transpose_a": False, "transpose_b": False}
    stacked, s = {**plain, "batch_axes": (0, 0, 0)}, Spec((5, 3, 4), "float32")
    row = ErrorCase
    return [
        row("matmul", (a, a), plain, ShapeError, "inner extents 4 and 3 differ"),
        row("matmul", (a, Spec((4,), "float32")), plain, ShapeError, "must be float matrices"),
        row("matmul", (a, Spec((4, 2), "float64")), plain, ShapeError, "must be float matrices"),
        row("matmul", (i, i), {**plain, "transpose_b": True}, ShapeError, "must be float matrices"),
        row("batched_matmul", (s, a), stacked, ShapeError, "stacks of float matrices, of three axes"),
        row("batched_matmul", (s, Spec((5, 4, 2), "float64")), stacked, ShapeError, "of three axes"),
        row("batched_matmul", (s, Spec((3, 4, 2), "float32")), stacked, ShapeError,
            "5 and 3 matrices in"),
        row("batched_matmul", (s, s), stacked, ShapeError, "inner extents 4 and 3 differ"),
        row("batched_matmul", (s, s), {**stacked, "batch_axes": (0, 2, 0)}, InvalidArgument,
            r"`batch_axes` \(=\(0, 2, 0\)\) must be three numbers, each 0 or 1"),
        row("batched_matmul", (s, s), {**stacked, "batch_axes": (0, 0)}, InvalidArgument,
            "must be three numbers"),
    ]  # fmt: skip
