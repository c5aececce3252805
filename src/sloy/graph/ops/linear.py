"""Matrix product."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sloy.errors import ShapeError
from sloy.graph.opdef import Attributes, register
from sloy.graph.spec import Spec
from sloy.graph.tensor import Tensor, apply

__all__ = ["matmul"]


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
    return apply("matmul", (a, b), {"transpose_a": transpose_a, "transpose_b": transpose_b})
