"""Matrix products."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from sloy import ops
from sloy.exchange.onnx.conversion import Conversion, operator
from sloy.exchange.onnx.nodes import Node
from sloy.exchange.onnx.operators.elementwise import combine
from sloy.exchange.onnx.values import Value, held, identity, known
from sloy.graph.spec import Shape
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
    return _stacked(c, a, b, trained=trained)


@dataclass(frozen=True)
class _Stack:
    """Matrices as `batched_matmul` takes them: three axes, the one that counts them, and whether they are turned."""

    tensor: Tensor
    axis: int = 0
    transposed: bool = False


def _stacked(c: Conversion, a: Value, b: Value, *, trained: bool) -> Value:
    """Products of stacks of matrices, y = Σ_k a(…, i, k) b(…, k, j), and of vectors, as NumPy does."""
    rows = (a.shape[-2],) if a.rank > 1 else ()
    columns = (b.shape[-1],) if b.rank > 1 else ()
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    left = _stack(c, a, batch, (1, *a.shape)[-2:])
    right = _stack(c, b, batch, (*b.shape[-2:], 1)[:2])
    axis = left.axis if columns else 0
    y = ops.batched_matmul(
        left.tensor,
        right.tensor,
        transpose_a=left.transposed,
        transpose_b=right.transposed,
        batch_axes=(left.axis, right.axis, axis),
    )
    if axis:
        return held(y, a.dtype, (1, 0, 2), trained=trained)
    return held(ops.reshape(y, (*batch, *rows, *columns)), a.dtype, trained=trained)


def _stack(c: Conversion, value: Value, batch: Shape, matrix: Shape) -> _Stack:
    """A value's matrices, repeated for a batch; held in another order, they are taken as they lie where that can be."""
    order, rank = value.order, value.rank
    count = prod(batch)
    if c.is_weight(value) and rank > 1:
        tensor = c.parameter(value, "weight")
    elif value.tensor is None or value.is_merged or value.shape[:-2] != batch or rank < 3:
        tensor = c.tensor(value)
    elif rank == 3 and order.index(0) == 1:
        return _Stack(value.moved(order), 1, order == (2, 0, 1))
    elif order == (*range(rank - 2), rank - 1, rank - 2):
        turned = ops.reshape(value.moved(order), (count, *reversed(matrix)))
        return _Stack(turned, 0, transposed=True)
    else:
        tensor = c.tensor(value)
    whole = ops.broadcast_to(ops.reshape(tensor, (*value.shape[:-2], *matrix)), (*batch, *matrix))
    return _Stack(ops.reshape(whole, (count, *matrix)))
