"""Elementwise ops as C expressions, and numbers and places as C has them."""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf, isnan, prod
from typing import Any

import numpy as np

from sloy.exchange.elementwise import FORMS
from sloy.graph.graph import Node
from sloy.graph.opdef import REGISTRY
from sloy.graph.spec import Shape

ELEMENTWISE = {"cast", *FORMS}


def function_text(op: str, prefix: str) -> str:
    """The definition of the function that an op calls, named after the file's own names."""
    return FORMS[op].c.replace("sloy_", f"{prefix}_")


def expression(node: Node, operands: Sequence[str], used: set[str], prefix: str) -> str:
    """An elementwise op as an expression; ops whose functions it calls are added to `used`."""
    if node.op == "cast":  # integers are held as floats, exact up to 2^24
        return operands[0] if node.spec.is_float else f"truncf({operands[0]})"
    form = FORMS[node.op]
    if not form.is_function:
        return form.c.format(*operands)
    used.add(node.op)
    values = [number(node.attributes[key]) for key in REGISTRY[node.op].attributes]
    return f"{prefix}_{node.op}({', '.join([*operands, *values])})"


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


def string(text: str) -> str:
    """A C string of UTF-8; what is no printable ASCII as octal."""
    return (
        '"'
        + "".join(
            chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}"
            for b in text.encode()
        )
        + '"'
    )


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
