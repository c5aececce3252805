"""Functions of one operand, element by element."""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt
from typing import Any

from sloy import ops
from sloy.exchange.onnx.conversion import Conversion, operator
from sloy.exchange.onnx.nodes import Node
from sloy.exchange.onnx.operators.elementwise import READ, combine
from sloy.exchange.onnx.values import Value
from sloy.graph.tensor import Tensor

SELU_ALPHA, SELU_GAMMA = 1.6732632423543772, 1.0507009873554805


def elu(x: Tensor, alpha: float = 1.0, beta: float = 1.0) -> Tensor:
    """x where x > 0, else alpha (e^(x/beta) - 1); e^x stays finite, so that its gradient is never inf · 0."""
    positive = x > 0.0
    left = ops.where(positive, 0.0, x)
    scaled = left if beta == 1.0 else left * (1.0 / beta)
    return ops.where(positive, x, alpha * ops.expm1(scaled))


def _gelu(x: Tensor, approximate: str = "none") -> Tensor:
    if approximate == "tanh":
        return 0.5 * x * (1.0 + ops.tanh(sqrt(2 / pi) * (x + 0.044715 * (x * x * x))))
    return 0.5 * x * (1.0 + ops.erf(x * sqrt(0.5)))


def _hard_sigmoid(x: Tensor, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    return ops.clip(alpha * x + beta, 0.0, 1.0)


def _leaky(x: Tensor, alpha: float = 0.01) -> Tensor:
    return ops.where(x > 0.0, x, x * alpha)


def _shrink(x: Tensor, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    outside = ops.where(x > lambd, x - bias, 0.0)
    return ops.where(x < -lambd, x + bias, outside)


# --- integers nearby ------------------------------------------------------------------------------------------------


def ceil(x: Tensor) -> Tensor:
    """The smallest integer that is at least x."""
    return -ops.floor(-x)


def rounded(x: Tensor) -> Tensor:
    """The nearest integer; of two the even one."""
    low = ops.floor(x)
    part = x - low  # exact
    odd = low - 2.0 * ops.floor(0.5 * low)
    up = ops.where(ops.equal(part, 0.5), odd, ops.greater(part, 0.5))
    return ops.where(part > 0.0, low + up, x)  # infinities stay


# --- trigonometry and hyperbolic functions ----------------------------------------------------------------------------


def _atan(x: Tensor) -> Tensor:
    """Its series, after halving the angle twice; of 1/x where |x| > 1."""
    size = ops.absolute(x)
    large = size > 1.0
    t = ops.where(large, 1.0 / ops.where(large, size, 1.0), size)
    for _ in range(2):
        t = t / (1.0 + ops.sqrt(1.0 + t * t))
    square, total = t * t, 0.0 * t
    for k in range(8, 0, -1):
        total = square * ((-1.0) ** k / (2 * k + 1) + total)
    angle = 4.0 * (t + t * total)
    return ops.sign(x) * ops.where(large, pi / 2 - angle, angle)


def _sinh(x: Tensor) -> Tensor:
    return 0.5 * (ops.expm1(x) - ops.expm1(-x))


def _asinh(x: Tensor) -> Tensor:
    size = ops.absolute(x)
    square = size * size
    return ops.sign(x) * ops.log1p(size + square / (1.0 + ops.sqrt(1.0 + square)))


def _acosh(x: Tensor) -> Tensor:
    above = x - 1.0
    return ops.log1p(above + ops.sqrt(above * (above + 2.0)))


UNARY: dict[str, Callable[..., Tensor]] = {
    **{name: function for name, (op, function) in READ.items() if op.arity == 1},
    "Acos": lambda x: 2.0 * _atan(ops.sqrt((1.0 - x) / (1.0 + x))),
    "Acosh": _acosh,
    "Asin": lambda x: _atan(x / ops.sqrt((1.0 - x) * (1.0 + x))),
    "Asinh": _asinh,
    "Atan": _atan,
    "Atanh": lambda x: 0.5 * (ops.log1p(x) - ops.log1p(-x)),
    "Ceil": ceil,
    "Celu": lambda x, alpha=1.0: elu(x, alpha, alpha),
    "Cosh": lambda x: 0.5 * (ops.exp(x) + ops.exp(-x)),
    "Elu": lambda x, alpha=1.0: elu(x, alpha),
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda x: x * _hard_sigmoid(x, 1 / 6, 0.5),
    "LeakyRelu": _leaky,
    "Mish": lambda x: x * ops.tanh(ops.softplus(x)),
    "Reciprocal": lambda x: 1.0 / x,
    "Relu": lambda x: ops.relu(x) if x.spec.is_float else ops.maximum(x, 0),
    "Round": rounded,
    "Selu": lambda x, alpha=SELU_ALPHA, gamma=SELU_GAMMA: gamma * elu(x, alpha),
    "Shrink": _shrink,
    "Sinh": _sinh,
    "Softsign": lambda x: x / (1.0 + ops.absolute(x)),
    "Swish": lambda x, alpha=1.0: x * ops.sigmoid(x if alpha == 1.0 else alpha * x),
    "Tan": lambda x: ops.sin(x) / ops.cos(x),
    "ThresholdedRelu": lambda x, alpha=1.0: ops.where(x > alpha, x, 0.0),
}


@operator(*UNARY)
def _unary(c: Conversion, node: Node, operands: list[Any]) -> Value:
    own = {key: v for key, v in node.attributes.items() if key != "consumed_inputs"}
    return combine(c, operands[:1], lambda x: UNARY[node.op](x, **own))


@operator("IsNaN", "IsInf")
def _is_special(c: Conversion, node: Node, operands: list[Any]) -> Value:
    if node.op == "IsNaN":
        return combine(c, operands, lambda x: ops.not_equal(x, x), dtype="bool")
    infinite = [
        float(sign + "inf")
        for sign, key in (("+", "detect_positive"), ("-", "detect_negative"))
        if node.attributes.get(key, 1)
    ]

    def found(x: Tensor) -> Tensor:
        total = 0.0 * ops.equal(x, x)
        for value in infinite:
            total = total + ops.equal(x, value)
        return total

    return combine(c, operands, found, dtype="bool")


@operator("Mod")
def _mod(c: Conversion, node: Node, operands: list[Any]) -> Value:
    """The rest of a division: with `fmod` of a's sign, else of b's."""
    towards_zero = bool(node.attributes.get("fmod", 0))

    def rest(*given: Any) -> Tensor:
        dtype = next(v.dtype for v in given if isinstance(v, Tensor))
        a, b = (v if isinstance(v, Tensor) else ops.constant(v, dtype) for v in given)
        quotient = a / b
        whole = ops.sign(quotient) * ops.floor(ops.absolute(quotient))
        left = a - ops.where(ops.equal(whole, 0.0), 0.0, b * whole)
        size = ops.where(a < 0.0, -ops.absolute(b), ops.absolute(b))
        left = ops.where(left * size < 0.0, left + size, left)  # the quotient was rounded up
        left = ops.where(ops.absolute(left) >= ops.absolute(size), left - size, left)
        if towards_zero:
            return left
        return ops.where(left * b < 0.0, left + b, left)

    kind = operands[0].dtype
    floats = [v if v.is_float else combine(c, [v], lambda t: t, dtype="float32") for v in operands]
    result = combine(c, floats, rest)
    return result if operands[0].is_float else combine(c, [result], lambda t: t, dtype=kind)
