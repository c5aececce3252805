"""Rows of the elementwise ops: their definitions by the `math` module and long decimals, one element at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from typing import Any

import numpy as np

from op_table.case import (
    FLOAT,
    Array,
    Case,
    Draw,
    ErrorCase,
    Operand,
    away_from_zero,
    between,
    distinct,
    few_values,
    given,
    normal,
    operand,
    positive,
)
from sloy.errors import InvalidArgument, ShapeError
from sloy.graph import Spec
from tolerances import ARITHMETIC, ELEMENTARY, EXACT, POWER, Tolerance

NAN, INF = math.nan, math.inf
LONG = Context(prec=60, Emin=-(10**9), Emax=10**9, traps=[])

# Where functions go wrong: zeros, ones, infinities, NaN, the ends of float32's exponential, tiny and huge numbers.
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -0.5, INF, -INF, NAN, 1e-30, -1e-30, 1e30, -1e30, 100.0, -100.0,
           88.5, -88.5, 1e-4, -1e-4, 10.0, -10.0, 2.0, 3.0)  # fmt: skip


def pointwise(function: Callable[..., float]) -> Callable[..., Array]:
    """A formula from a function of numbers."""

    def formula(*arrays: Array, **attributes: Any) -> Array:
        rows = zip(*(a.reshape(-1).tolist() for a in arrays), strict=True)
        values = [function(*row, **attributes) for row in rows]
        dtype = np.float64 if arrays[0].dtype.kind == "f" else arrays[0].dtype
        return np.array(values, dtype).reshape(arrays[0].shape)

    return formula


# --- definitions -----------------------------------------------------------------------------------------------------


def _exp(x: float) -> float:
    return INF if x > 710 else math.exp(x)


def _expm1(x: float) -> float:
    return INF if x > 710 else math.expm1(x)


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -INF if x == 0 else NAN


def _log1p(x: float) -> float:
    return math.log1p(x) if x > -1 else -INF if x == -1 else NAN


def _sqrt(x: float) -> float:
    return math.sqrt(x) if x >= 0 else NAN


def _sin(x: float) -> float:
    return math.sin(x) if math.isfinite(x) else NAN


def _cos(x: float) -> float:
    return math.cos(x) if math.isfinite(x) else NAN


def _floor(x: float) -> float:
    return x if x == 0 or not math.isfinite(x) else math.floor(x)


def _sign(x: float) -> float:
    return x if math.isnan(x) else (x > 0) - (x < 0)


def decimal(x: float) -> Decimal:
    """The exact value, in a context of 60 digits."""
    return Decimal(x)


def _sigmoid(x: float) -> float:
    return float(LONG.divide(Decimal(1), LONG.add(Decimal(1), LONG.exp(-decimal(x)))))


def _softplus(x: float) -> float:
    if x > 1000:
        return x  # the definition overflows even here; e^-1000 is far below the last digit
    return float(LONG.ln(LONG.add(Decimal(1), LONG.exp(decimal(x)))))


def _relu(x: float) -> float:
    return x if x > 0 or math.isnan(x) else 0.0


def _div(x: float, y: float) -> float:
    if y == 0:
        return NAN if x == 0 or math.isnan(x) else math.copysign(INF, x) * math.copysign(1, y)
    return x / y


def _power(x: float, y: float) -> float:
    odd = math.isfinite(y) and y == int(y) and abs(y) < 2**53 and int(y) % 2 == 1
    try:
        return math.pow(x, y)
    except OverflowError:
        return -INF if x < 0 and odd else INF
    except ValueError:
        if x == 0:  # a negative power of zero
            return math.copysign(INF, x) if odd else INF
        return NAN


def _maximum(x: float, y: float) -> float:
    return NAN if math.isnan(x) or math.isnan(y) else (x if x > y else y)


def _minimum(x: float, y: float) -> float:
    return NAN if math.isnan(x) or math.isnan(y) else (x if x < y else y)


def _where(condition: float, x: float, y: float) -> float:
    return y if condition == 0 else x


def _clip(x: float, low: float, high: float) -> float:
    return x if math.isnan(x) else low if x < low else high if x > high else x


# --- rows ------------------------------------------------------------------------------------------------------------

UNARY: dict[str, tuple[Callable[[float], float], Draw, Tolerance]] = {
    "neg": (lambda x: -x, normal, EXACT),
    "abs": (abs, away_from_zero, EXACT),
    "sign": (_sign, away_from_zero, EXACT),
    "exp": (_exp, normal, ELEMENTARY),
    "expm1": (_expm1, normal, ELEMENTARY),
    "log": (_log, positive, ELEMENTARY),
    "log1p": (_log1p, positive, ELEMENTARY),
    "sqrt": (_sqrt, positive, ARITHMETIC),
    "floor": (_floor, away_from_zero, EXACT),
    "sin": (_sin, normal, ELEMENTARY),
    "cos": (_cos, normal, ELEMENTARY),
    "tanh": (math.tanh, normal, ELEMENTARY),
    "sigmoid": (_sigmoid, normal, ELEMENTARY),
    "erf": (math.erf, normal, ELEMENTARY),
    "softplus": (_softplus, normal, ELEMENTARY),
    "relu": (_relu, away_from_zero, EXACT),
    "stop_gradient": (lambda x: x, normal, EXACT),
}
BINARY: dict[str, tuple[Callable[[float, float], float], Draw, Draw, Tolerance]] = {
    "add": (lambda x, y: x + y, normal, normal, ARITHMETIC),
    "sub": (lambda x, y: x - y, normal, normal, ARITHMETIC),
    "mul": (lambda x, y: x * y, normal, normal, ARITHMETIC),
    "div": (_div, normal, away_from_zero, ARITHMETIC),
    "power": (_power, positive, normal, POWER),
    "maximum": (_maximum, distinct, given(0.125), EXACT),
    "minimum": (_minimum, distinct, given(0.125), EXACT),
    "equal": (lambda x, y: x == y, few_values, few_values, EXACT),
    "not_equal": (lambda x, y: x != y, few_values, few_values, EXACT),
    "less": (lambda x, y: x < y, few_values, few_values, EXACT),
    "less_equal": (lambda x, y: x <= y, few_values, few_values, EXACT),
    "greater": (lambda x, y: x > y, few_values, few_values, EXACT),
    "greater_equal": (lambda x, y: x >= y, few_values, few_values, EXACT),
}
FLOATS_ONLY = [
    "exp",
    "expm1",
    "log",
    "log1p",
    "sqrt",
    "floor",
    "sin",
    "cos",
    "tanh",
    "sigmoid",
    "erf",
    "softplus",
    "relu",
    "div",
    "power",
    "clip",
]
# One element, 3 and 17 channels, an odd length beyond an engine's block of elements, none at all.
SHAPES = ((), (1,), (17,), (2, 3, 1, 17), (3, 1031), (0, 3))


def _name(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"


def _fill(draw: Draw, shape: tuple[int, ...]) -> Operand:
    """An operand; a `given` number fills the shape."""
    return Operand(shape, lambda rng, s: np.broadcast_to(draw(rng, s), s).copy())


def _unary() -> Iterator[Case]:
    special = operand((len(SPECIAL),), given(SPECIAL))
    for op, (function, draw, tolerance) in UNARY.items():
        formula = pointwise(function)
        for shape in SHAPES:
            yield Case(op, _name(shape), (_fill(draw, shape),), {}, formula, tolerance)
        yield Case(op, "special", (special,), {}, formula, tolerance, smooth=False)
    wide = operand((41,), given(np.linspace(-6, 6, 41)))
    for op in ("tanh", "sigmoid", "erf", "softplus", "exp", "expm1", "sin", "cos"):
        yield Case(op, "wide", (wide,), {}, pointwise(UNARY[op][0]), UNARY[op][2])
    steps = np.array(
        [2**23 - 0.5, 2**23 - 1, 2**23 + 1, 2**24 + 2, 2**31, 2**40, 0.99999994, 1.4999999, 2.5]
    )
    edges = operand((2, 9), given(np.stack([steps, -steps])))
    yield Case("floor", "edges", (edges,), {}, pointwise(_floor), EXACT, smooth=False)
    negative = operand((9,), given(np.linspace(-0.9, -0.1, 9)))
    yield Case("log1p", "negative", (negative,), {}, pointwise(_log1p), ELEMENTARY)
    for op in ("neg", "abs", "sign", "stop_gradient"):
        integers = operand((3, 7), between(-5, 6), "int32")
        yield Case(op, "int32", (integers,), {}, pointwise(UNARY[op][0]))


def _binary() -> Iterator[Case]:
    count = len(SPECIAL)
    grid = np.array(np.meshgrid(SPECIAL, SPECIAL))
    special = (operand((count, count), given(grid[0])), operand((count, count), given(grid[1])))
    for op, (function, first, second, tolerance) in BINARY.items():
        formula = pointwise(function)
        for shape in SHAPES:
            operands = (_fill(first, shape), _fill(second, shape))
            yield Case(op, _name(shape), operands, {}, formula, tolerance)
        yield Case(op, "special", special, {}, formula, tolerance, smooth=False)
        if op not in FLOATS_ONLY:
            integers = tuple(operand((3, 7), between(-5, 6), "int32") for _ in range(2))
            yield Case(op, "int32", integers, {}, formula)
            bytes_ = tuple(operand((3, 7), between(0, 6), "uint8") for _ in range(2))
            if op != "sub":
                yield Case(op, "uint8", bytes_, {}, formula)
    integral = (operand((9,), given([-2, -1, -0.5, 3, -3, 2, 0, 0, 1.5])),)
    exponents = operand((9,), given([2, 3, 2, -1, -2, 0, 2, 3, 0]))
    yield Case(
        "power", "whole exponents", (*integral, exponents), {}, pointwise(_power), POWER,
        smooth=False,
    )  # fmt: skip


def _where_rows() -> Iterator[Case]:
    for shape in SHAPES:
        three = (_fill(few_values, shape), _fill(normal, shape), _fill(normal, shape))
        yield Case("where", _name(shape), three, {}, pointwise(_where), without_gradient=(0,))
    condition = operand((6,), given([0, -0.0, NAN, INF, 1, 1e-30]))
    values = operand((6,), given([NAN, 1, 2, INF, 3, 4]))
    others = operand((6,), given([1, NAN, 5, 6, NAN, 7]))
    yield Case("where", "special", (condition, values, others), {}, pointwise(_where), smooth=False)
    integers = tuple(operand((3, 5), between(-1, 2), "int32") for _ in range(3))
    yield Case("where", "int32", integers, {}, pointwise(_where))


def _clip_rows() -> Iterator[Case]:
    for shape in SHAPES:
        between_steps = {"low": -0.375, "high": 0.875}  # never equal to a multiple of 1/4
        yield Case("clip", _name(shape), (_fill(distinct, shape),), between_steps, pointwise(_clip))
    special = (operand((len(SPECIAL),), given(SPECIAL)),)
    for low, high in [(-1.0, 1.0), (-INF, 0.5), (0.0, INF), (0.25, 0.25)]:
        yield Case(
            "clip", f"special {low} {high}", special, {"low": low, "high": high}, pointwise(_clip),
            smooth=False,
        )  # fmt: skip


def _cast_rows() -> Iterator[Case]:
    def cast(x: Array, dtype: str) -> Array:
        whole = [int(v) if dtype not in (FLOAT, "float32", "float64") else v for v in x.flat]
        return np.array(whole, np.float64 if dtype == FLOAT else dtype).reshape(x.shape)

    fractions = operand((7,), given([-2.7, -1.0, -0.5, 0.0, 0.5, 1.9, 300.25]))
    bytes_ = operand((4,), given([0, 1.5, 254.9, 255]))
    yield Case("cast", "float to int32", (fractions,), {"dtype": "int32"}, cast, smooth=False)
    yield Case("cast", "float to uint8", (bytes_,), {"dtype": "uint8"}, cast, smooth=False)
    yield Case("cast", "float to uint32", (bytes_,), {"dtype": "uint32"}, cast, smooth=False)
    for dtype, high in (("uint8", 256), ("int32", 2**24), ("uint32", 2**24)):
        whole = operand((3, 1031), between(0, high), dtype)
        yield Case("cast", f"{dtype} to float", (whole,), {"dtype": FLOAT}, cast)
    negative = operand((17,), between(-100, 100), "int32")
    yield Case("cast", "negative int32 to float", (negative,), {"dtype": FLOAT}, cast)
    yield Case("cast", "uint8 to int32", (operand((5,), between(0, 256), "uint8"),),
               {"dtype": "int32"}, cast)  # fmt: skip
    for shape in SHAPES:
        yield Case("cast", f"same {_name(shape)}", (operand(shape),), {"dtype": FLOAT}, cast)


def cases() -> list[Case]:
    """Every row of the family."""
    return [*_unary(), *_binary(), *_where_rows(), *_clip_rows(), *_cast_rows()]


def errors() -> list[ErrorCase]:
    """What the family must refuse."""
    a, b, i = Spec((3,), "float32"), Spec((4,), "float32"), Spec((3,), "int32")
    found = []
    for op in (*UNARY, *BINARY, "where"):
        arity = 1 if op in UNARY else 3 if op == "where" else 2
        if arity > 1:
            rest = (a,) * (arity - 2)
            text = r"operands are float32\[3\] and float32\[4\]; they must be equal"
            found.append(ErrorCase(op, (a, b, *rest), {}, ShapeError, text))
            text = r"operands are float32\[3\] and int32\[3\]; they must be equal"
            found.append(ErrorCase(op, (a, i, *rest), {}, ShapeError, text))
        if op in FLOATS_ONLY:
            text = f"{op}: operand is int32; it must be float32 or float64"
            found.append(ErrorCase(op, (i,) * arity, {}, InvalidArgument, text))
    limits = {"low": 1.0, "high": 0.0}
    text = r"`low` \(=1.0\) must not be greater than `high` \(=0.0\)"
    found.append(ErrorCase("clip", (a,), limits, InvalidArgument, text))
    limits = {"low": NAN, "high": 0.0}
    found.append(ErrorCase("clip", (a,), limits, InvalidArgument, "must not be greater"))
    text = r"`dtype` \(='float16'\) must be one of float32, float64"
    found.append(ErrorCase("cast", (a,), {"dtype": "float16"}, InvalidArgument, text))
    return found
