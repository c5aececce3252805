"""What is known before anything runs: shape arithmetic, constants, weights on their way to where they are used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from sloy.errors import FileFormatError
from sloy.exchange.onnx.nodes import Node
from sloy.exchange.onnx.reading import dtype_name, onnx
from sloy.exchange.onnx.values import Value, known

Array = np.ndarray
Folding = Callable[[Node, list[Array], int], Array]

LARGEST = 1 << 24  # elements of a folded result that is no view
FOLDINGS: dict[str, Folding] = {}
OF_SHAPES = ("Shape", "Size", "EyeLike")  # known whatever the operand's elements are
MOVES = (
    "Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Cast", "CastLike", "DequantizeLinear", "Flatten",
)  # fmt: skip


def fold(node: Node, operands: Sequence[Value | None], opset: int) -> list[Value] | None:
    """The node's values where its operands are known arrays; None where they are not, or where it takes ops."""
    if node.op == "Constant":
        return [_constant(node)]
    given = [v for v in operands if v is not None]
    if node.op in OF_SHAPES and given:
        return [known(_shape(node, given[0]))]
    if node.op == "CastLike" and given[0].is_known:  # of the second the dtype counts
        cast = np.asarray(given[0].array).astype(held_as(given[1].dtype), copy=False)
        return [replace(known(cast), source=given[0].source)]
    if node.op not in FOLDINGS or not given or not all(v.is_known for v in given):
        return None
    if node.op == "Expand" and given[0].is_float and given[0].size > 1:
        return None  # a weight, repeated for each sample
    arrays = [None if v is None else v.array for v in operands]
    with np.errstate(all="ignore"):
        result = np.asarray(FOLDINGS[node.op](node, arrays, opset))  # type: ignore[arg-type]
    if result.size > LARGEST and any(result.strides) and not _is_view(result, given):
        raise FileFormatError(f"a constant of shape {result.shape} is larger than allowed.")
    source = given[0].source if node.op in MOVES else ""
    return [replace(known(result), source=source)]


def _is_view(result: Array, operands: Sequence[Value]) -> bool:
    return any(v.array is not None and result.size <= v.array.size for v in operands)


def _constant(node: Node) -> Value:
    (key, value), *rest = node.attributes.items()
    if rest:
        raise FileFormatError("a Constant has one value.")
    kinds = {
        "value_float": np.float32,
        "value_floats": np.float32,
        "value_int": np.int64,
        "value_ints": np.int64,
    }
    array = np.asarray(value, kinds[key]) if key in kinds else np.asarray(value)
    return known(array)


def _shape(node: Node, x: Value) -> Array:
    shape = x.shape
    if node.op == "Size":
        return np.array(prod(shape), np.int64)
    if node.op == "EyeLike":
        if len(shape) != 2 or prod(shape) > LARGEST:
            raise FileFormatError(f"no diagonal of {shape}.")
        dtype = dtype_name(node.attributes["dtype"]) if "dtype" in node.attributes else x.dtype
        return np.eye(*shape, k=node.attributes.get("k", 0)).astype(held_as(dtype))
    start, end = node.attributes.get("start", 0), node.attributes.get("end")
    return np.array(shape[start:end], np.int64)


def reshaped(shape: Sequence[int], target: Sequence[int], *, allow_zero: bool) -> tuple[int, ...]:
    """The extents that ONNX's target stands for: 0 keeps the extent, -1 takes what is left."""
    found = [
        shape[i] if extent == 0 and not allow_zero else extent for i, extent in enumerate(target)
    ]
    if found.count(-1) == 1:
        rest = prod(e for e in found if e != -1)
        if rest == 0 or prod(shape) % rest:
            raise FileFormatError(f"the shape {tuple(shape)} does not fit {tuple(target)}.")
        found[found.index(-1)] = prod(shape) // rest
    if prod(found) != prod(shape) or min(found, default=0) < 0:
        raise FileFormatError(f"the shape {tuple(shape)} does not fit {tuple(target)}.")
    return tuple(found)


def axes_of(node: Node, arrays: Sequence[Any], position: int = 1) -> tuple[int, ...] | None:
    """The axes of a reduction, squeeze, …: an operand in newer opsets, an attribute in older ones."""
    if "axes" in node.attributes:
        return tuple(node.attributes["axes"])
    if len(arrays) > position and arrays[position] is not None:
        return tuple(int(v) for v in np.asarray(arrays[position]).reshape(-1))
    return None


def squeezed(shape: Sequence[int], axes: Sequence[int] | None) -> tuple[int, ...]:
    """The axes that go."""
    if axes is None:
        return tuple(i for i, extent in enumerate(shape) if extent == 1)
    return tuple(sorted(axis % len(shape) for axis in axes))


def slices(
    node: Node, arrays: Sequence[Any], shape: Sequence[int]
) -> list[tuple[int, int, int, int]]:
    """(axis, start, stop, step) of a Slice, as NumPy counts them."""
    if "starts" in node.attributes:
        starts, stops = node.attributes["starts"], node.attributes["ends"]
        axes, steps = node.attributes.get("axes"), None
    else:
        found = [None if a is None else np.asarray(a).reshape(-1).tolist() for a in arrays[1:]]
        starts, stops, axes, steps = (found + [None] * 4)[:4]
    axes = list(range(len(starts))) if axes is None else [axis % len(shape) for axis in axes]
    steps = [1] * len(starts) if steps is None else steps
    result = []
    for axis, start, stop, step in zip(axes, starts, stops, steps, strict=True):
        if step == 0:
            raise FileFormatError("a Slice of step 0.")
        low, high, _ = slice(int(start), int(stop), int(step)).indices(shape[axis])
        if step < 0 and int(stop) <= -shape[axis] - 1:
            high = -1
        result.append((int(axis), low, high, int(step)))
    return result


def _folding(*names: str) -> Callable[[Folding], Folding]:
    def add(function: Folding) -> Folding:
        FOLDINGS.update(dict.fromkeys(names, function))
        return function

    return add


def _divided(a: Array, b: Array) -> Array:
    if a.dtype.kind == "f":
        return np.asarray(a / b)
    if not np.all(b):
        raise FileFormatError("an integer is divided by 0.")
    return np.asarray(np.trunc(a / b).astype(a.dtype))


def _plain(function: Callable[..., Any]) -> Folding:
    return lambda node, arrays, opset: function(*arrays)


_PLAIN: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": _divided,
    "Neg": np.negative,
    "Abs": np.abs,
    "Sqrt": np.sqrt,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Equal": np.equal,
    "Less": np.less,
    "Greater": np.greater,
    "LessOrEqual": np.less_equal,
    "GreaterOrEqual": np.greater_equal,
    "And": np.logical_and,
    "Or": np.logical_or,
    "Not": np.logical_not,
    "Mod": np.mod,
    "Where": np.where,
    "Identity": lambda a: a,
    "Reciprocal": lambda a: 1 / a,
}
FOLDINGS.update({name: _plain(function) for name, function in _PLAIN.items()})


@_folding("Min", "Max")
def _extremum(node: Node, arrays: list[Array], opset: int) -> Array:
    function = np.minimum if node.op == "Min" else np.maximum
    result = arrays[0]
    for array in arrays[1:]:
        result = function(result, array)
    return result


@_folding("Cast")
def _cast(node: Node, arrays: list[Array], opset: int) -> Array:
    return arrays[0].astype(held_as(dtype_name(node.attributes["to"])), copy=False)


def held_as(dtype: str) -> str:
    """The dtype that arrays of an ONNX dtype have."""
    if dtype in ("unknown", "object"):
        raise FileFormatError("a dtype that is not read.")
    return "float32" if dtype in ("float16", "bfloat16") else dtype


@_folding("DequantizeLinear")
def _dequantize(node: Node, arrays: list[Array], opset: int) -> Array:
    """Weights in few bits: (x - zero point) · scale, one of them for all, for each element of an axis, or a block."""
    x, scale, *zero = arrays
    whole = np.asarray(x, np.float32)
    if zero and zero[0] is not None:
        whole = whole - beside(node, zero[0], x.shape).astype(np.float32)
    return np.asarray(whole * beside(node, np.asarray(scale), x.shape).astype(np.float32))


def beside(node: Node, value: Array, shape: Sequence[int]) -> Array:
    """Scales or zero points as they stand beside a value of that shape."""
    if value.size == 1:
        return value.reshape(())
    axis, block = node.attributes.get("axis", 1) % len(shape), node.attributes.get("block_size", 0)
    if block:
        return value.repeat(block, axis)[tuple(slice(e) for e in shape)]
    if value.shape != (shape[axis],):
        raise FileFormatError(f"scales of shape {value.shape} for axis {axis} of {tuple(shape)}.")
    return value.reshape([-1 if a == axis else 1 for a in range(len(shape))])


@_folding("Concat")
def _concat(node: Node, arrays: list[Array], opset: int) -> Array:
    return np.concatenate(arrays, node.attributes["axis"])


@_folding("Gather")
def _gather(node: Node, arrays: list[Array], opset: int) -> Array:
    axis = node.attributes.get("axis", 0)
    if arrays[1].size * (arrays[0].size // max(arrays[0].shape[axis], 1)) > LARGEST:
        raise FileFormatError("a Gather of constants is larger than allowed.")
    return np.take(arrays[0], arrays[1], axis)


@_folding("Unsqueeze")
def _unsqueeze(node: Node, arrays: list[Array], opset: int) -> Array:
    return np.expand_dims(arrays[0], axes_of(node, arrays) or ())


@_folding("Squeeze")
def _squeeze(node: Node, arrays: list[Array], opset: int) -> Array:
    return np.squeeze(arrays[0], squeezed(arrays[0].shape, axes_of(node, arrays)))


@_folding("Slice")
def _slice(node: Node, arrays: list[Array], opset: int) -> Array:
    index = [slice(None)] * arrays[0].ndim
    for axis, low, high, step in slices(node, arrays, arrays[0].shape):
        index[axis] = slice(low, None if high < 0 else high, step)
    return arrays[0][tuple(index)]


@_folding("Reshape")
def _reshape(node: Node, arrays: list[Array], opset: int) -> Array:
    target = node.attributes.get("shape") if len(arrays) < 2 else arrays[1].reshape(-1).tolist()
    zero = bool(node.attributes.get("allowzero", 0))
    return _viewed(arrays[0], reshaped(arrays[0].shape, target or (), allow_zero=zero))


def _viewed(array: Array, shape: tuple[int, ...]) -> Array:
    """A reshape that keeps a repeated number one number in memory."""
    if array.size > 1 and not any(array.strides):
        return np.broadcast_to(array.reshape(-1)[:1].reshape(()), shape)
    return array.reshape(shape)


@_folding("Flatten")
def _flatten(node: Node, arrays: list[Array], opset: int) -> Array:
    shape, axis = arrays[0].shape, node.attributes.get("axis", 1)
    axis = axis + len(shape) if axis < 0 else axis
    return _viewed(arrays[0], (prod(shape[:axis]), prod(shape[axis:])))


@_folding("Transpose")
def _transpose(node: Node, arrays: list[Array], opset: int) -> Array:
    return arrays[0].transpose(node.attributes.get("perm"))


@_folding("Expand")
def _expand(node: Node, arrays: list[Array], opset: int) -> Array:
    shape = np.broadcast_shapes(arrays[0].shape, tuple(arrays[1].reshape(-1).tolist()))
    if prod(shape) > LARGEST and arrays[0].size > 1:
        raise FileFormatError(f"a constant of shape {shape} is larger than allowed.")
    return np.broadcast_to(arrays[0], shape)


@_folding("ConstantOfShape")
def _constant_of_shape(node: Node, arrays: list[Array], opset: int) -> Array:
    shape = tuple(int(v) for v in arrays[0].reshape(-1))
    if len(shape) > 8 or min(shape, default=0) < 0 or prod(shape) >= 1 << 31:
        raise FileFormatError(f"the impossible shape {str(shape)[:80]}.")
    value = np.asarray(node.attributes.get("value", np.zeros(1, np.float32)))
    return np.broadcast_to(value.reshape(-1)[:1].reshape(()), shape)


@_folding("Range")
def _range(node: Node, arrays: list[Array], opset: int) -> Array:
    start, limit, step = (a.reshape(-1)[0] for a in arrays)
    if not step or (limit - start) / step > LARGEST:
        raise FileFormatError("a Range that is larger than allowed.")
    return np.arange(start, limit, step, dtype=arrays[0].dtype)


@_folding("ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceMean")
def _reduce(node: Node, arrays: list[Array], opset: int) -> Array:
    functions: dict[str, Any] = {
        "ReduceProd": np.prod, "ReduceSum": np.sum, "ReduceMax": np.max, "ReduceMin": np.min, "ReduceMean": np.mean,
    }  # fmt: skip
    axes, keep = axes_of(node, arrays), bool(node.attributes.get("keepdims", 1))
    if not axes and node.attributes.get("noop_with_empty_axes", 0):
        return arrays[0]
    found = functions[node.op](arrays[0], axis=axes or None, keepdims=keep)
    return np.asarray(found).astype(arrays[0].dtype)


@_folding(
    "BitShift",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "Det",
    "MelWeightMatrix",
    "NonZero",
)
def _by_reference(node: Node, arrays: list[Array], opset: int) -> Array:
    """What there are no ops for, as ONNX's reference evaluator computes it of what is known."""
    if node.op == "MelWeightMatrix" and abs(int(arrays[0]) * int(arrays[1])) > LARGEST:
        raise FileFormatError("a MelWeightMatrix that is larger than allowed.")
    return reference_results(node, arrays, opset)[0]


def reference_results(node: Node, arrays: Sequence[Array | None], opset: int) -> list[Array]:
    """What ONNX's reference evaluator makes of a node's operands."""
    from onnx.reference import ReferenceEvaluator

    made = onnx().helper.make_node(node.op, node.inputs, node.outputs, **node.attributes)
    given = {n: a for n, a in zip(node.inputs, arrays, strict=True) if a is not None}
    return [np.asarray(a) for a in ReferenceEvaluator(made, opsets={"": opset}).run(None, given)]


@_folding("Compress")
def _compress(node: Node, arrays: list[Array], opset: int) -> Array:
    return np.compress(arrays[1].astype(bool), arrays[0], node.attributes.get("axis"))


FOLDED = {*FOLDINGS, "Constant", *OF_SHAPES}  # the last whatever their operands are
