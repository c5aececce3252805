"""Numbers in few bits: weights become floats at once; what is rounded on the way is rounded here too.

References
----------
.. [1] ONNX operators, QuantizeLinear, DequantizeLinear, https://onnx.ai/onnx/operators/.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sloy import ops
from sloy.exchange.onnx.conversion import Conversion, normal_axis, operator
from sloy.exchange.onnx.folding import beside
from sloy.exchange.onnx.nodes import Node, Unsupported
from sloy.exchange.onnx.operators.elementwise import combine
from sloy.exchange.onnx.operators.functions import rounded
from sloy.exchange.onnx.reading import dtype_name
from sloy.exchange.onnx.values import Value, held, known
from sloy.graph.tensor import Tensor

INTEGERS = ("int8", "uint8", "int16", "uint16", "int32")


def spread(c: Conversion, node: Node, x: Value, value: Value) -> Value:
    """A scale or zero point as it stands beside x: one number, one for each element of an axis, or for each block."""
    if value.array is not None:
        return known(beside(node, value.array, x.shape), value.source)
    if value.size == 1:
        return held(ops.reshape(c.tensor(value), ()), value.dtype)
    axis = normal_axis(node.attributes.get("axis", 1), x.rank)
    if value.shape != (x.shape[axis],):
        raise Unsupported("scales of blocks that are computed")
    shape = tuple(e if a == axis else 1 for a, e in enumerate(x.shape))
    return held(ops.reshape(c.tensor(value), shape), value.dtype)


def as_float(c: Conversion, value: Value) -> Value:
    """An integer value in the computing dtype."""
    if value.is_float:
        return value
    if value.is_known and value.array is not None:
        return known(value.array.astype(np.float32))
    return combine(c, [value], lambda t: ops.cast(t, c.dtype), dtype="float32")


@operator("DequantizeLinear")
def _dequantize(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, scale, zero = (*operands, None)[:3]
    y = as_float(c, x)
    if zero is not None and not (zero.is_known and not np.any(zero.array)):
        y = combine(c, [y, as_float(c, spread(c, node, x, zero))], lambda a, b: a - b)
    y = combine(c, [y, spread(c, node, x, scale)], lambda a, b: a * b)
    return replace(y, trained=x.trained)


@operator("QuantizeLinear")
def _quantize(c: Conversion, node: Node, operands: list[Any]) -> Value:
    x, scale, zero = (*operands, None)[:3]
    dtype = node.attributes.get("output_dtype", 0)
    kind = zero.dtype if zero is not None else dtype_name(dtype) if dtype else "uint8"
    if kind not in INTEGERS:
        raise Unsupported(f"rounding to {kind}")
    limits = np.iinfo(kind)
    values = [as_float(c, x), spread(c, node, x, scale)]
    if zero is not None:
        values.append(as_float(c, spread(c, node, x, zero)))

    def quantized(t: Tensor, s: Any, z: Any = 0.0) -> Tensor:
        return ops.clip(rounded(t / s) + z, float(limits.min), float(limits.max))

    return combine(c, values, quantized, dtype=kind)
