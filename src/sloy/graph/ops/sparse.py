"""Ops of sparse rows: what a dense layer does with samples of which only the entries are there.

Such rows (N, I) are two arrays (N, P): the places of the entries, int32, and their values. A row with fewer than P
entries ends at its first place -1. `sloy.graph.sparse` writes these ops into the graphs that run over such samples;
they are data, so that there is no gradient by them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.opdef import Attributes, register
from sloy.graph.spec import FLOATS, Spec
from sloy.graph.tensor import Tensor, applied, apply

__all__ = ["sparse_matmul", "sparse_scale"]


def _expect(op: str, specs: Sequence[Spec], axes: int) -> None:
    places, values, other = specs
    fits = places.rank == 2 and places.dtype == "int32" and values.shape == places.shape
    if not fits or values.dtype not in FLOATS:
        raise ShapeError(
            f"{op}: `places` {places} and `values` {values} must be int32 and floats of one shape (N, P)."
        )
    if other.rank != axes or other.dtype != values.dtype:
        raise ShapeError(
            f"{op}: the last operand is {other}; it must have {axes} axes and the dtype of `values`, {values.dtype}."
        )


def _infer_matmul(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    _expect("sparse_matmul", specs, 2)
    places, _, b = specs
    columns = attributes["columns"]
    if columns < 1:
        raise InvalidArgument(f"sparse_matmul: `columns` (={columns}) must be at least 1.")
    inner = places.shape[0] if attributes["transpose_a"] else columns
    if b.shape[0] != inner:
        raise ShapeError(f"sparse_matmul: inner extents {inner} and {b.shape[0]} differ.")
    return Spec((columns if attributes["transpose_a"] else places.shape[0], b.shape[1]), b.dtype)


def _entries(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and position of each entry, in order; none behind the first place of a row that is below 0."""
    rows, at = np.nonzero(np.logical_and.accumulate(places >= 0, axis=1))
    return rows, at


def _matmul(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    places, values, b = arrays
    rows, at = _entries(places)
    columns, factors = places[rows, at], values[rows, at][:, None]
    from_, to = (rows, columns) if attributes["transpose_a"] else (columns, rows)
    y = np.zeros(
        (attributes["columns"] if attributes["transpose_a"] else len(places), b.shape[1]), b.dtype
    )
    np.add.at(y, to, factors * b[from_])
    return y


def _matmul_vjp(n: Tensor, g: Tensor) -> list[Tensor | None]:
    places, values, _ = n.inputs
    attributes = {**n.attributes, "transpose_a": not n.attributes["transpose_a"]}
    return [None, None, apply("sparse_matmul", (places, values, g), attributes)]


register(
    "sparse_matmul",
    "sparse",
    3,
    _infer_matmul,
    _matmul,
    _matmul_vjp,
    attributes={"transpose_a": "flag", "columns": "integer"},
    doc="Σ_i s_ni b_io of sparse rows s, which are transposed first on request",
)


def sparse_matmul(
    places: Tensor, values: Tensor, b: Tensor, *, columns: int, transpose_a: bool = False
) -> Tensor:
    """The product of sparse rows (N, columns) and a matrix; with `transpose_a` of the rows as columns.

    Parameters
    ----------
    places : Tensor, int32 (N, P)
        Of the entries, from 0 to ``columns - 1``, each once in a row; a row ends at its first place -1.
    values : Tensor, float (N, P)
        There is no gradient by them.
    b : Tensor of the same dtype, (columns, O), or (N, O) with `transpose_a`

    Returns
    -------
    Tensor, (N, O), or (columns, O) with `transpose_a`

    Examples
    --------
    >>> from sloy import ops
    >>> places, values = ops.input("places", (32, 5), "int32"), ops.input("values", (32, 5))
    >>> ops.sparse_matmul(places, values, ops.variable("w", (1000, 8)), columns=1000)
    <Tensor sparse_matmul float32[32, 8]>
    """
    return applied("sparse_matmul", places, values, b, transpose_a=transpose_a, columns=columns)


def _infer_scale(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    _expect("sparse_scale", specs, 1)
    return specs[1]


def _scale(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    places, values, a = arrays
    y = np.zeros_like(values)
    found = _entries(places)
    y[found] = values[found] * a[places[found]]
    return y


register(
    "sparse_scale",
    "sparse",
    3,
    _infer_scale,
    _scale,
    differentiable=False,
    doc="the values of sparse rows, each times the factor of its place",
)


def sparse_scale(places: Tensor, values: Tensor, a: Tensor) -> Tensor:
    """The values of sparse rows, each times the factor of its place: places, values (N, P), a (I,) → (N, P)."""
    return apply("sparse_scale", (places, values, a))
