"""Einsum as matrix products: labels of both operands and the result count matrices, the others rows and columns."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from sloy import ops
from sloy.errors import FileFormatError
from sloy.exchange.onnx.conversion import OPERATORS, Conversion, operator
from sloy.exchange.onnx.equation import labels
from sloy.exchange.onnx.nodes import Node
from sloy.exchange.onnx.operators.elementwise import combine
from sloy.exchange.onnx.values import Value, held, known

Extents = dict[str, int]


@operator("Einsum")
def _einsum(c: Conversion, node: Node, operands: list[Any]) -> Value:
    terms, result = labels(node.attributes["equation"], [v.rank for v in operands])
    extents: Extents = {}
    for term, value in zip(terms, operands, strict=True):
        for label, extent in zip(term, value.shape, strict=True):
            if extents.setdefault(label, extent) != extent:
                raise FileFormatError(f"the label {label!r} is {extents[label]} and {extent}.")
    pairs = [_diagonal(c, value, term) for value, term in zip(operands, terms, strict=True)]
    first, own = pairs[0]
    for i, (value, term) in enumerate(pairs[1:]):
        later = "".join(terms[i + 2 :]) + result
        first, own = _product(c, (first, own), (value, term), later)
    return _only(c, first, own, result)


def _diagonal(c: Conversion, value: Value, labels: str) -> tuple[Value, str]:
    """Elements that have the same place on two axes of one label, until no label is twice."""
    for i, label in enumerate(labels):
        j = labels.find(label, i + 1)
        if j < 0:
            continue
        t = c.tensor(value)
        shape = tuple(e if axis in (i, j) else 1 for axis, e in enumerate(value.shape))
        ones = ops.constant(np.eye(value.shape[i]).reshape(shape), t.dtype)
        once = held(ops.reduce_sum(ops.where(ones, t, 0.0), j), value.dtype, trained=value.trained)
        return _diagonal(c, once, labels[:j] + labels[j + 1 :])
    return value, labels


def _only(c: Conversion, value: Value, labels: str, wanted: str) -> Value:
    """Labels that nobody wants are summed over; the rest in the wanted order."""
    gone = tuple(i for i, label in enumerate(labels) if label not in wanted)
    if gone:
        tensor = ops.reduce_sum(c.tensor(value), gone)
        value = held(tensor, value.dtype, trained=value.trained)
        labels = "".join(label for label in labels if label in wanted)
    return _ordered(c, value, tuple(labels.index(label) for label in wanted))


def _ordered(c: Conversion, value: Value, permutation: tuple[int, ...]) -> Value:
    if permutation == tuple(range(value.rank)):
        return value
    if value.is_known and value.array is not None:
        return known(value.array.transpose(permutation), value.source)
    node = Node("Transpose", "", (), (), {"perm": permutation})
    return _one(OPERATORS["Transpose"](c, node, [value]))


def _one(found: Any) -> Value:
    return found if isinstance(found, Value) else found[0]


def _shaped(c: Conversion, value: Value, shape: tuple[int, ...]) -> Value:
    if value.is_known and value.array is not None:
        return known(value.array.reshape(shape), value.source)
    return held(ops.reshape(c.tensor(value), shape), value.dtype, trained=value.trained)


def _product(
    c: Conversion, a: tuple[Value, str], b: tuple[Value, str], later: str
) -> tuple[Value, str]:
    """The product of two operands, summed over what no later term and not the result has."""
    left, right = a[1], b[1]
    x = _only(c, a[0], left, "".join(k for k in left if k in right or k in later))
    left = "".join(k for k in left if k in right or k in later)
    y = _only(c, b[0], right, "".join(k for k in right if k in left or k in later))
    right = "".join(k for k in right if k in left or k in later)
    batch = "".join(k for k in left if k in right and k in later)
    inner = "".join(k for k in left if k in right and k not in later)
    rows = "".join(k for k in left if k not in right)
    columns = "".join(k for k in right if k not in left)
    extents = {**dict(zip(left, x.shape, strict=True)), **dict(zip(right, y.shape, strict=True))}

    def size(labels: str) -> int:
        return prod(extents[k] for k in labels)

    x = _ordered(c, x, tuple(left.index(k) for k in batch + rows + inner))
    y = _ordered(c, y, tuple(right.index(k) for k in batch + inner + columns))
    shape = tuple(extents[k] for k in batch + rows + columns)
    if not inner:  # nothing is summed: an outer product
        ones = (1,) * len(columns)
        x = _shaped(c, x, (*(extents[k] for k in batch + rows), *ones))
        y = _shaped(c, y, tuple(extents[k] if k in right else 1 for k in batch + rows + columns))
        return combine(c, [x, y], lambda p, q: p * q), batch + rows + columns
    lead = (size(batch),) if batch else ()
    x = _shaped(c, x, (*lead, size(rows), size(inner)))
    y = _shaped(c, y, (*lead, size(inner), size(columns)))
    z = _one(OPERATORS["MatMul"](c, Node("MatMul", "", (), (), {}), [x, y]))
    return _shaped(c, z, shape), batch + rows + columns
