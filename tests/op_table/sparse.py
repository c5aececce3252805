"""Rows of the ops of sparse rows: their definition by whole rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from op_table.case import Array, Case, Draw, ErrorCase, Operand, normal, operand, small_integers
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Spec
from tolerances import EXACT, accumulation


def whole(places: Array, values: Array, columns: int) -> Array:
    """The rows (N, columns), entry by entry."""
    rows = np.zeros((len(places), columns))
    for n, row in enumerate(places):
        for place, value in zip(row, values[n], strict=True):
            if place < 0:
                break
            rows[n, place] += value
    return rows


def _matmul(places: Array, values: Array, b: Array, columns: int, transpose_a: bool) -> Array:
    rows = whole(places, values, columns)
    return np.asarray((rows.T if transpose_a else rows) @ b)


def _matmul_sizes(places: Array, values: Array, b: Array, **attributes: Any) -> Array:
    return _matmul(places, np.abs(values), np.abs(b), **attributes)


def _scale(places: Array, values: Array, a: Array) -> Array:
    numbers = np.zeros_like(values)
    for n, row in enumerate(places):
        for p, place in enumerate(row):
            if place < 0:
                break
            numbers[n, p] = values[n, p] * a[place]
    return numbers


def _places(rows: int, entries: int, columns: int) -> Operand:
    """Each column once in a row; rows of all lengths from a whole one down, every third without the last place."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        found = np.stack([rng.permutation(columns)[:entries] for _ in range(rows)])
        for n in range(rows):
            found[n, entries - n % (entries + 1) :] = -1
        return found

    return operand((rows, entries), draw, "int32")


SIZES = ((1, 1, 1, 1), (4, 3, 7, 5), (9, 6, 40, 3), (5, 2, 3, 17), (33, 8, 300, 16))  # N, P, I, O


def _matmul_rows() -> Iterator[Case]:
    kinds: tuple[tuple[str, Draw], ...] = (("normal", normal), ("exact", small_integers))
    for transposed in (False, True):
        for n, p, i, o in SIZES:
            attributes = {"transpose_a": transposed, "columns": i}
            right = (n, o) if transposed else (i, o)
            for kind, draw in kinds:
                bound = (accumulation(n + p), _matmul_sizes) if kind == "normal" else (EXACT,)
                operands = (_places(n, p, i), operand((n, p), draw), operand(right, draw))
                yield Case("sparse_matmul", f"{n}×{p} of {i}×{o}{' T' * transposed} {kind}", operands,
                           attributes, _matmul, *bound, without_gradient=(0, 1))  # fmt: skip


def _scale_rows() -> Iterator[Case]:
    for n, p, i, _ in SIZES:
        operands = (_places(n, p, i), operand((n, p)), operand((i,)))
        yield Case("sparse_scale", f"{n}×{p} of {i}", operands, {}, _scale, accumulation(1))


def cases() -> list[Case]:
    """Every row of the family."""
    return [*_matmul_rows(), *_scale_rows()]


def errors() -> list[ErrorCase]:
    """What the family must refuse."""
    places, values = Spec((3, 2), "int32"), Spec((3, 2), "float32")
    plain, b = {"transpose_a": False, "columns": 5}, Spec((5, 4), "float32")
    row = ErrorCase
    return [
        row("sparse_matmul", (values, values, b), plain, ShapeError, "must be int32 and floats of one shape"),
        row("sparse_matmul", (places, Spec((2, 3), "float32"), b), plain, ShapeError, "of one shape"),
        row("sparse_matmul", (places, values, Spec((4, 5), "float32")), plain, ShapeError,
            "inner extents 5 and 4 differ"),
        row("sparse_matmul", (places, values, b), {**plain, "transpose_a": True}, ShapeError,
            "inner extents 3 and 5 differ"),
        row("sparse_matmul", (places, values, Spec((5, 4), "float64")), plain, ShapeError, "the dtype of `values`"),
        row("sparse_matmul", (places, values, b), {**plain, "columns": 0}, InvalidArgument,
            r"`columns` \(=0\) must be at least 1"),
        row("sparse_scale", (places, values, b), {}, ShapeError, "it must have 1 axes"),
    ]  # fmt: skip
