"""Elementwise ops as C expressions, and the small functions that they call."""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf, isnan, prod
from typing import Any

import numpy as np

from sloy.graph.graph import Node
from sloy.graph.spec import Shape

# name → definition of a function that a file contains where it is called
HELPERS = {
    "sign": "static float sloy_sign(float x) { return (float)((x > 0.0f) - (x < 0.0f)); }",
    "sigmoid": """static float sloy_sigmoid(float x)
{
    float small = expf(-fabsf(x)); /* never overflows */
    return x >= 0.0f ? 1.0f / (1.0f + small) : small / (1.0f + small);
}""",
    "softplus": """static float sloy_softplus(float x)
{
    return (x > 0.0f ? x : 0.0f) + log1pf(expf(-fabsf(x)));
}""",
    "relu": "static float sloy_relu(float x) { return x > 0.0f ? x : 0.0f; }",
    "maximum": "static float sloy_maximum(float x, float y) { return x > y ? x : y; }",
    "minimum": "static float sloy_minimum(float x, float y) { return x < y ? x : y; }",
    "where": "static float sloy_where(float c, float x, float y) { return c != 0.0f ? x : y; }",
    "clip": """static float sloy_clip(float x, float low, float high)
{
    float most = x < high ? x : high;
    return most > low ? most : low;
}""",
}

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_COMPARED = {
    "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
}  # fmt: skip
_CALLED = {
    "abs": "fabsf", "erf": "erff", "exp": "expf", "expm1": "expm1f", "log": "logf", "log1p": "log1pf",
    "power": "powf", "sqrt": "sqrtf", "tanh": "tanhf",
}  # fmt: skip

ELEMENTWISE = {"neg", "cast", "stop_gradient", *_INFIX, *_COMPARED, *_CALLED, *HELPERS}


def helper_text(helper: str, prefix: str) -> str:
    """The definition of a helper, named after the file's own names."""
    return HELPERS[helper].replace("sloy_", f"{prefix}_")


def expression(node: Node, operands: Sequence[str], used: set[str], prefix: str) -> str:
    """An op of expressions as an expression; the helpers it calls are added to `used`."""
    op = node.op
    if op in _INFIX:
        return f"({operands[0]} {_INFIX[op]} {operands[1]})"
    if op in _COMPARED:
        return f"(float)({operands[0]} {_COMPARED[op]} {operands[1]})"
    if op in _CALLED:
        return f"{_CALLED[op]}({', '.join(operands)})"
    if op == "neg":
        return f"(-{operands[0]})"
    if op == "stop_gradient":
        return operands[0]
    if op == "cast":  # integers are held as floats, exact up to 2^24
        return operands[0] if node.spec.is_float else f"truncf({operands[0]})"
    used.add(op)
    bounds = [number(node.attributes[key]) for key in ("low", "high")] if op == "clip" else []
    return f"{prefix}_{op}({', '.join([*operands, *bounds])})"


def number(value: Any) -> str:
    """A float as C has it, exact to the last bit."""
    value = float(np.float32(value))
    if isnan(value):
        return "NAN"
    if isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    text = f"{value:.9g}"
    text = text if any(mark in text for mark in ".e") else f"{text}.0"
    return f"({text}f)" if value < 0 else f"{text}f"


def broadcast_index(index: str, source: Shape, target: Shape) -> str:
    """The place of an element in what is repeated, from its place in the whole."""
    size = prod(source)
    if size == 1:
        return "0"
    own = (1,) * (len(target) - len(source)) + tuple(source)
    if own == tuple(target):
        return index
    cut = next(k for k in range(len(target) + 1) if prod(own[k:]) == size)
    if own[cut:] == tuple(target[cut:]):
        return f"({index}) % {size}"
    terms, below, step = [], prod(target), 1
    inner = []
    for extent, there in zip(reversed(target), reversed(own), strict=True):
        inner.append((extent, there, step))
        step *= there
    divisor = 1
    for extent, there, stride in inner:
        if there != 1:
            place = f"({index})" if divisor == 1 else f"({index}) / {divisor}"
            place = place if divisor * extent == below else f"{place} % {extent}"
            terms.append(place if stride == 1 else f"{place} * {stride}")
        divisor *= extent
    return " + ".join(reversed(terms))
