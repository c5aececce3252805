"""Elementwise ops: result i depends on elements i of the operands only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sloy.arguments import word
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph.opdef import Attributes, Kind, VectorJacobian, register
from sloy.graph.ops.erf import erf as erf_reference
from sloy.graph.spec import BFLOAT16, DTYPES, Spec
from sloy.graph.tensor import Operand, Tensor, applied, apply, elementwise, expect_tensors
from sloy.text import shown

__all__ = [
    "absolute", "add", "cast", "clip", "cos", "div", "equal", "erf", "exp", "expm1", "floor", "greater",
    "greater_equal", "less", "less_equal", "log", "log1p", "maximum", "minimum", "mul", "neg", "not_equal", "power",
    "relu", "sigmoid", "sign", "sin", "softplus", "sqrt", "square", "stop_gradient", "sub", "tanh", "where",
]  # fmt: skip

Ufunc = Callable[..., np.ndarray]
Unary = Callable[[Tensor], Tensor]
Binary = Callable[[Operand, Operand], Tensor]


def _infer_same(name: str, *, floating: bool) -> Callable[[Sequence[Spec], Attributes], Spec]:
    def infer(specs: Sequence[Spec], attributes: Attributes) -> Spec:
        first = specs[0]
        for spec in specs[1:]:
            if spec != first:
                raise ShapeError(f"{name}: operands are {first} and {spec}; they must be equal.")
        if first.dtype == BFLOAT16:
            raise InvalidArgument(f"{name}: operand is {BFLOAT16}; cast it to float32 first.")
        if floating and not first.is_float:
            raise InvalidArgument(
                f"{name}: operand is {first.dtype}; it must be float32 or float64."
            )
        return first

    return infer


def _register(
    name: str,
    arity: int,
    function: Ufunc,
    vjp: VectorJacobian | None,
    doc: str,
    *,
    kind: Kind = "elementwise",
    floating: bool = False,
) -> None:
    def reference(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(function(*arrays)).astype(arrays[0].dtype, copy=False)

    infer = _infer_same(name, floating=floating)
    register(name, kind, arity, infer, reference, vjp, differentiable=vjp is not None, doc=doc)


def _unary(
    name: str, function: Ufunc, vjp: VectorJacobian | None, doc: str, *, floating: bool = False
) -> Unary:
    """Register an op of one operand; the function that users call."""
    _register(name, 1, function, vjp, doc, floating=floating)

    def call(x: Tensor) -> Tensor:
        return elementwise(name, x)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Elementwise: {doc}."
    return call


def _binary(
    name: str,
    function: Ufunc,
    vjp: VectorJacobian | None,
    doc: str,
    *,
    kind: Kind = "elementwise",
    floating: bool = False,
) -> Binary:
    """Register an op of two operands; the function that users call."""
    _register(name, 2, function, vjp, doc, kind=kind, floating=floating)

    def call(x: Operand, y: Operand) -> Tensor:
        return elementwise(name, x, y)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Elementwise, operands broadcast together: {doc}."
    return call


def _comparison(name: str, function: Ufunc, doc: str) -> Binary:
    return _binary(name, function, None, doc, kind="comparison")


# --- one operand ---------------------------------------------------------------------------------------------------


def _sigmoid(x: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


neg: Unary = _unary("neg", np.negative, lambda n, g: [-g], "-x")
absolute: Unary = _unary(
    "abs", np.abs, lambda n, g: [g * sign(n.inputs[0])], "|x|; gradient 0 at 0"
)
sign: Unary = _unary("sign", np.sign, None, "-1, 0 or 1; zero gradient")
exp: Unary = _unary("exp", np.exp, lambda n, g: [g * n], "e^x", floating=True)
expm1: Unary = _unary("expm1", np.expm1, lambda n, g: [g * (n + 1.0)], "e^x - 1", floating=True)
log: Unary = _unary(
    "log", np.log, lambda n, g: [g / n.inputs[0]], "natural logarithm", floating=True
)
log1p: Unary = _unary(
    "log1p", np.log1p, lambda n, g: [g / (n.inputs[0] + 1.0)], "log(1 + x)", floating=True
)
sqrt: Unary = _unary("sqrt", np.sqrt, lambda n, g: [g * 0.5 / n], "square root", floating=True)
floor: Unary = _unary(
    "floor", np.floor, None, "largest integer that is at most x; zero gradient", floating=True
)
sin: Unary = _unary("sin", np.sin, lambda n, g: [g * cos(n.inputs[0])], "sin(x)", floating=True)
cos: Unary = _unary("cos", np.cos, lambda n, g: [-g * sin(n.inputs[0])], "cos(x)", floating=True)
tanh: Unary = _unary("tanh", np.tanh, lambda n, g: [g * (1.0 - n * n)], "tanh(x)", floating=True)
sigmoid: Unary = _unary(
    "sigmoid", _sigmoid, lambda n, g: [g * n * (1.0 - n)], "1 / (1 + e^-x)", floating=True
)
erf: Unary = _unary(
    "erf",
    erf_reference,
    lambda n, g: [g * (2.0 / np.sqrt(np.pi)) * exp(-n.inputs[0] * n.inputs[0])],
    "2/√π ∫_0^x e^(-t²) dt",
    floating=True,
)
softplus: Unary = _unary(
    "softplus",
    _softplus,
    lambda n, g: [g * sigmoid(n.inputs[0])],
    "log(1 + e^x), stable for any x",
    floating=True,
)
relu: Unary = _unary(
    "relu",
    lambda x: np.maximum(x, 0),
    lambda n, g: [where(n > 0.0, g, 0.0)],
    "max(x, 0); gradient 0 at 0",
    floating=True,
)

# --- two operands --------------------------------------------------------------------------------------------------


def _may_be_zero(x: Tensor) -> bool:
    source = x.inputs[0] if x.op == "broadcast_to" else x
    return source.op != "constant" or not np.all(source.attributes["value"])


def _vjp_power(n: Tensor, g: Tensor) -> list[Tensor]:
    x, y = n.inputs
    by_base = g * y * x ** (y - 1.0)
    if _may_be_zero(y):
        by_base = where(equal(y, 0.0), 0.0, by_base)  # x^0 = 1 everywhere; 0 · 0^-1 is not 0
    by_exponent = where(x > 0.0, g * n * log(where(x > 0.0, x, 1.0)), 0.0)
    return [by_base, by_exponent]


def _vjp_extremum(n: Tensor, g: Tensor) -> list[Tensor]:
    """The gradient goes to the operand that was taken; equal operands share it."""
    x, y = n.inputs
    half = equal(x, y) * 0.5
    first = (greater(x, y) if n.op == "maximum" else less(x, y)) + half
    return [g * first, g * (1.0 - first)]


add: Binary = _binary("add", np.add, lambda n, g: [g, g], "x + y")
sub: Binary = _binary("sub", np.subtract, lambda n, g: [g, -g], "x - y")
mul: Binary = _binary("mul", np.multiply, lambda n, g: [g * n.inputs[1], g * n.inputs[0]], "x y")
div: Binary = _binary(
    "div",
    np.divide,
    lambda n, g: [g / n.inputs[1], -g * n / n.inputs[1]],
    "x / y",
    floating=True,
)
power: Binary = _binary(
    "power", np.power, _vjp_power, "x^y; gradient by y is 0 where x <= 0", floating=True
)
maximum: Binary = _binary(
    "maximum", np.maximum, _vjp_extremum, "max(x, y); a tie shares the gradient equally"
)
minimum: Binary = _binary(
    "minimum", np.minimum, _vjp_extremum, "min(x, y); a tie shares the gradient equally"
)
equal: Binary = _comparison("equal", np.equal, "[x = y], 1 or 0")
not_equal: Binary = _comparison("not_equal", np.not_equal, "[x ≠ y], 1 or 0")
less: Binary = _comparison("less", np.less, "[x < y], 1 or 0")
less_equal: Binary = _comparison("less_equal", np.less_equal, "[x ≤ y], 1 or 0")
greater: Binary = _comparison("greater", np.greater, "[x > y], 1 or 0")
greater_equal: Binary = _comparison("greater_equal", np.greater_equal, "[x ≥ y], 1 or 0")

# --- three operands ------------------------------------------------------------------------------------------------


def _where(condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(np.not_equal(condition, 0), x, y))


_register(
    "where",
    3,
    _where,
    lambda n, g: [None, where(n.inputs[0], g, 0.0), where(n.inputs[0], 0.0, g)],
    "x where condition ≠ 0, else y",
)


def where(condition: Tensor, x: Operand, y: Operand) -> Tensor:
    """x where condition ≠ 0, else y; the three are broadcast together.

    The condition has the dtype of x and y, as the comparisons of such operands give it.
    """
    return elementwise("where", condition, x, y)


# --- with attributes -----------------------------------------------------------------------------------------------


def _infer_clip(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    low, high = attributes["low"], attributes["high"]
    if not low <= high:
        raise InvalidArgument(f"clip: `low` (={low}) must not be greater than `high` (={high}).")
    return _infer_same("clip", floating=True)(specs, attributes)


register(
    "clip",
    "elementwise",
    1,
    _infer_clip,
    lambda arrays, a: np.asarray(
        np.clip(arrays[0], arrays[0].dtype.type(a["low"]), arrays[0].dtype.type(a["high"]))
    ),
    lambda n, g: [
        where((n.inputs[0] >= n.attributes["low"]) * (n.inputs[0] <= n.attributes["high"]), g, 0.0)
    ],
    attributes={"low": "float", "high": "float"},
    doc="min(max(x, low), high); gradient 1 on [low, high], 0 outside",
)


def clip(x: Tensor, low: float, high: float) -> Tensor:
    """min(max(x, low), high); the gradient is 1 on [low, high] and 0 outside."""
    return applied("clip", x, low=low, high=high)


def _infer_cast(specs: Sequence[Spec], attributes: Attributes) -> Spec:
    allowed: tuple[str, ...] = (*DTYPES, BFLOAT16) if specs[0].dtype == "float32" else DTYPES
    if specs[0].dtype == BFLOAT16:
        allowed = ("float32",)
    if attributes["dtype"] not in allowed:
        raise InvalidArgument(
            f"cast: `dtype` (={shown(attributes['dtype'])}) must be one of {', '.join(allowed)}, of"
            f" {specs[0].dtype}."
        )
    return Spec(specs[0].shape, attributes["dtype"])


def _vjp_cast(n: Tensor, g: Tensor) -> list[Tensor | None]:
    source = n.inputs[0]
    return [cast(g, source.dtype) if source.spec.is_float and n.spec.is_float else None]


def _cast_reference(arrays: Sequence[np.ndarray], attributes: Attributes) -> np.ndarray:
    if attributes["dtype"] == BFLOAT16:
        return round_to_bfloat16(arrays[0])
    with np.errstate(invalid="ignore"):
        return arrays[0].astype(attributes["dtype"])


def round_to_bfloat16(x: np.ndarray) -> np.ndarray:
    """The nearest bfloat16 of float32 numbers, as float32; ties go to the even one, NaN stays NaN.

    A bfloat16 is the upper half of a float32: the sign, all 8 bits of the exponent and 7 of the mantissa.

    Examples
    --------
    >>> round_to_bfloat16(np.float32([1.0, 1.00390625, 1.01171875, 3.4e38])).tolist()
    [1.0, 1.0, 1.015625, inf]
    """
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    with np.errstate(over="ignore"):
        rounded = bits + (0x7FFF + (bits >> 16 & 1))
    kept = np.where(np.isnan(x), bits | 0x400000, rounded) & np.uint32(0xFFFF0000)
    return kept.astype(np.uint32).view(np.float32).reshape(np.shape(x))


register(
    "cast",
    "elementwise",
    1,
    _infer_cast,
    _cast_reference,
    _vjp_cast,
    attributes={"dtype": "dtype"},
    idle=True,
    doc="x in another dtype; floats are truncated on the way to integers, rounded to bfloat16",
)


def cast(x: Tensor, dtype: str) -> Tensor:
    """x in another dtype; floats are truncated towards zero on the way to integers."""
    expect_tensors("cast", x)
    word("cast", "dtype", dtype)
    return x if x.dtype == dtype else apply("cast", (x,), {"dtype": dtype})


register(
    "stop_gradient",
    "elementwise",
    1,
    _infer_same("stop_gradient", floating=False),
    lambda arrays, a: arrays[0],
    expand=lambda inputs, a: inputs[0],
    differentiable=False,
    doc="x, seen as a constant by backprop",
)


def stop_gradient(x: Tensor) -> Tensor:
    """x, seen as a constant by backprop."""
    return apply("stop_gradient", (x,))


def square(x: Tensor) -> Tensor:
    """x²."""
    expect_tensors("square", x)
    return x * x
