"""Matrix products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.opdef import Attributes, register
from sloy.graph.spec import Shape, Spec
from sloy.graph.tensor import Tensor, applied, apply
from sloy.text import shown

__all__ = ["batched_matmul", "matmul"]

BatchAxes = tuple[int, int, int]


def _infer(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    a, b = specs
    if a.rank != 2 or b.rank != 2 or a.dtype != b.dtype or not a.is_factor:
        raise ShapeError(f"matmul: operands are {a} and {b}; both must be float matrices.")
    rows, inner = reversed(a.shape) if attributes["transpose_a"] else a.shape
    depth, columns = reversed(b.shape) if attributes["transpose_b"] else b.shape
    if inner != depth:
        raise ShapeError(f"matmul: inner extents {inner} and {depth} differ ({a} and {b}).")
    return Spec((rows, columns), a.sum_dtype)


def _reference(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    a, b = arrays
    left = a.T if attributes["transpose_a"] else a
    return np.asarray(left @ (b.T if attributes["transpose_b"] else b))


def _vjp(n: Tensor, g: Tensor) -> list[Tensor]:
    a, b = n.inputs
    ta, tb = n.attributes["transpose_a"], n.attributes["transpose_b"]
    by_a = (
        matmul(b, g, transpose_a=tb, transpose_b=True) if ta else matmul(g, b, transpose_b=not tb)
    )
    by_b = (
        matmul(g, a, transpose_a=True, transpose_b=ta) if tb else matmul(a, g, transpose_a=not ta)
    )
    return [by_a, by_b]


def _multiply_adds(attributes: Attributes, c: Spec, specs: Sequence[Spec]) -> int:
    return c.size * specs[0].shape[0 if attributes["transpose_a"] else 1]


register(
    "matmul",
    "product",
    2,
    _infer,
    _reference,
    _vjp,
    attributes={"transpose_a": "flag", "transpose_b": "flag"},
    multiply_adds=_multiply_adds,
    doc="Σ_k a_ik b_kj, operands transposed on request",
)


def matmul(a: Tensor, b: Tensor, *, transpose_a: bool = False, transpose_b: bool = False) -> Tensor:
    """The product of two matrices, each transposed first on request."""
    return applied("matmul", a, b, transpose_a=transpose_a, transpose_b=transpose_b)


# --- stacks of matrices ---------------------------------------------------------------------------------------------


def _matrices(shape: Shape, axis: int, *, transposed: bool) -> Shape:
    """(batch, rows, columns) of a stack whose batch is that axis, its matrices transposed on request."""
    rows, columns = shape[1 - axis], shape[2]
    return (shape[axis], columns, rows) if transposed else (shape[axis], rows, columns)


def _infer_batched(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    a, b = specs
    axes = attributes["batch_axes"]
    three = isinstance(axes, tuple) and len(axes) == 3
    if not three or any(type(axis) is not int or axis not in (0, 1) for axis in axes):
        raise InvalidArgument(
            f"batched_matmul: `batch_axes` (={shown(axes)}) must be three numbers, each 0 or 1."
        )
    if a.rank != 3 or b.rank != 3 or a.dtype != b.dtype or not a.is_factor:
        raise ShapeError(
            f"batched_matmul: operands are {a} and {b}; both must be stacks of float matrices,"
            " of three axes."
        )
    batch, rows, inner = _matrices(a.shape, axes[0], transposed=attributes["transpose_a"])
    others, depth, columns = _matrices(b.shape, axes[1], transposed=attributes["transpose_b"])
    if batch != others:
        raise ShapeError(f"batched_matmul: {batch} and {others} matrices in {a} and {b}.")
    if inner != depth:
        raise ShapeError(f"batched_matmul: inner extents {inner} and {depth} differ ({a} and {b}).")
    return Spec((rows, batch, columns) if axes[2] else (batch, rows, columns), a.sum_dtype)


def _batched_reference(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    axes = attributes["batch_axes"]
    a, b = (np.moveaxis(x, axis, 0) for x, axis in zip(arrays, axes, strict=False))
    left = a.swapaxes(1, 2) if attributes["transpose_a"] else a
    y = left @ (b.swapaxes(1, 2) if attributes["transpose_b"] else b)
    return np.ascontiguousarray(np.moveaxis(y, 0, axes[2]))


def _batched_vjp(n: Tensor, g: Tensor) -> list[Tensor]:
    a, b = n.inputs
    ta, tb = n.attributes["transpose_a"], n.attributes["transpose_b"]
    of_a, of_b, of_g = n.attributes["batch_axes"]

    def product(
        x: Tensor, y: Tensor, transposed: tuple[bool, bool], axes: tuple[int, int, int]
    ) -> Tensor:
        names = ("transpose_a", "transpose_b", "batch_axes")
        values = (*transposed, axes)
        return apply("batched_matmul", (x, y), dict(zip(names, values, strict=True)))

    by_a = (
        product(b, g, (tb, True), (of_b, of_g, of_a))
        if ta
        else product(g, b, (False, not tb), (of_g, of_b, of_a))
    )
    by_b = (
        product(g, a, (True, ta), (of_g, of_a, of_b))
        if tb
        else product(a, g, (not ta, False), (of_a, of_g, of_b))
    )
    return [by_a, by_b]


def _batched_multiply_adds(attributes: Attributes, c: Spec, specs: Sequence[Spec]) -> int:
    shape, axis = specs[0].shape, attributes["batch_axes"][0]
    return c.size * _matrices(shape, axis, transposed=attributes["transpose_a"])[2]


register(
    "batched_matmul",
    "product",
    2,
    _infer_batched,
    _batched_reference,
    _batched_vjp,
    attributes={"transpose_a": "flag", "transpose_b": "flag", "batch_axes": "integers"},
    multiply_adds=_batched_multiply_adds,
    doc="Σ_k a_gik b_gkj for each g, matrices transposed on request",
)


def batched_matmul(
    a: Tensor,
    b: Tensor,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    batch_axes: BatchAxes = (0, 0, 0),
) -> Tensor:
    """The products of two stacks of matrices, y_gij = Σ_k a_gik b_gkj, each matrix transposed first on request.

    Parameters
    ----------
    a, b : Tensor of float32 or float64, three axes each
        By default a (G, M, K), or (G, K, M) if it is transposed, and b (G, K, N) or (G, N, K).
    batch_axes : (int, int, int)
        Which axis of `a`, of `b` and of the result counts the matrices: the first (0) or the middle one (1), so that
        the others lie around it. ``(1, 0, 1)`` is a dense layer of its own for each group of features: x (N, G, I),
        w (G, I, O), y (N, G, O). Nothing is copied for that.

    Returns
    -------
    Tensor of the operands' dtype
        (G, M, N), or (M, G, N) where the last of `batch_axes` is 1.

    Raises
    ------
    ShapeError
        Where the operands have no three axes, or their extents or dtypes do not fit.
    InvalidArgument
        Where `batch_axes` are not three numbers, 0 or 1.

    Notes
    -----
    Its gradients are such products again. In mixed precision its operands are rounded to bfloat16 like those of
    `matmul`; the native engine multiplies them in float32.

    Examples
    --------
    >>> from sloy import ops
    >>> x, w = ops.input("x", (32, 40, 16)), ops.variable("w", (40, 16, 3))
    >>> ops.batched_matmul(x, w, batch_axes=(1, 0, 1))
    <Tensor batched_matmul float32[32, 40, 3]>
    """
    return applied(
        "batched_matmul",
        a,
        b,
        transpose_a=transpose_a,
        transpose_b=transpose_b,
        batch_axes=batch_axes,
    )
