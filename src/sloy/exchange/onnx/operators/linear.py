"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np

from sloy import ops
from sloy.exchange.onnx.conversion import Conversion, operator
from sloy.exchange.onnx.operators.elementwise import combine
from sloy.exchange.onnx.reading import Node
from sloy.exchange.onnx.values import Value, held, identity, known
from sloy.graph.tensor import Tensor


def rows_and_weight(
    c: Conversion, x: Value, weight: Value, *, transposed: bool
) -> tuple[Tensor, Tensor]:
    """x (M, I) and a weight (I, O) such that their product is right, whatever order x was merged from.

    The rows of a parameter are permuted once, here; otherwise it would be the elements of x, on every run.
    """
    if not c.is_weight(weight):
        w = c.tensor(weight)
        return c.tensor(x), ops.transpose(w) if transposed else w
    merged = x.is_merged and x.order != identity(len(x.fine)) and x.order[0] == 0

    def change(array: np.ndarray) -> np.ndarray:
        array = array.T if transposed else array
        if not merged:
            return array
        rows = array.reshape(*x.fine[1:], array.shape[1])
        axes = [axis - 1 for axis in x.order[1:]]
        return rows.transpose(*axes, rows.ndim - 1).reshape(array.shape)

    w = c.parameter(weight, "weight", change)
    left = ops.reshape(x.moved(x.order), x.shape) if merged else c.tensor(x)
    return left, w


@operator("Gemm")
def _gemm(c: Conversion, node: Node, operands: list[Any]) -> Value:
    a, b, bias = (*operands, None)[:3]
    alpha, beta = node.attributes.get("alpha", 1.0), node.attributes.get("beta", 1.0)
    transpose_a = bool(node.attributes.get("transA", 0))
    transpose_b = bool(node.attributes.get("transB", 0))
    if transpose_a or not c.is_weight(b):
        y = ops.matmul(c.tensor(a), c.tensor(b), transpose_a=transpose_a, transpose_b=transpose_b)
    else:
        left, weight = rows_and_weight(c, a, b, transposed=transpose_b)
        y = left @ weight
    if alpha != 1.0:
        y = y * alpha
    result = held(y, a.dtype, trained=a.trained or c.is_weight(b))
    if bias is None or not beta:
        return result
    if beta != 1.0:
        bias = (
            known(np.asarray(bias.array * np.float32(beta)), bias.source)
            if bias.is_known
            else combine(c, [bias], lambda t: t * beta)
        )
    return combine(c, [result, bias], lambda s, t: s + t, role="bias", any_array=True)


@operator("MatMul")
def _matmul(c: Conversion, node: Node, operands: list[Any]) -> Value:
    a, b = operands
    trained = a.trained or b.trained or c.is_weight(a) or c.is_weight(b)
    if a.rank == 2 and b.rank == 2:
        left, right = rows_and_weight(c, a, b, transposed=False)
        return held(left @ right, a.dtype, trained=trained)
    if a.rank > 2 and b.rank == 2:
        rows = ops.reshape(c.tensor(a), (-1, a.shape[-1]))
        flat = held(rows, a.dtype)
        left, right = rows_and_weight(c, flat, b, transposed=False)
        y = ops.reshape(left @ right, (*a.shape[:-1], b.shape[1]))
        return held(y, a.dtype, trained=trained)
    return held(_stacked(c.tensor(a), c.tensor(b)), a.dtype, trained=trained)


def _stacked(a: Tensor, b: Tensor) -> Tensor:
    """Products of stacks of matrices, y = Σ_k a(…, i, k) b(…, k, j), and of vectors, as NumPy does."""
    left = ops.reshape(a, (1, *a.shape)) if a.rank == 1 else a
    right = ops.reshape(b, (*b.shape, 1)) if b.rank == 1 else b
    if left.rank == 2 and right.rank == 2:
        y = left @ right
    else:
        products = ops.reshape(left, (*left.shape, 1)) * ops.reshape(
            right, (*right.shape[:-2], 1, *right.shape[-2:])
        )
        y = ops.reduce_sum(products, products.rank - 2)
    shape = list(y.shape)
    if a.rank == 1:
        del shape[-2]
    if b.rank == 1:
        del shape[-1]
    return ops.reshape(y, tuple(shape))
