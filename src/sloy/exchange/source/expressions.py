"""Elementwise ops as expressions, and the places of what is repeated."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from sloy.exchange.elementwise import FORMS
from sloy.exchange.source.dialect import Dialect
from sloy.graph.graph import Node
from sloy.graph.opdef import REGISTRY
from sloy.graph.spec import Shape

ELEMENTWISE = {"cast", *FORMS}


def expression(node: Node, operands: Sequence[str], used: set[str], write: Dialect) -> str:
    """An elementwise op as an expression; ops whose functions it calls are added to `used`."""
    if node.op == "cast":  # integers are held as floats, exact up to 2^24
        return operands[0] if node.spec.is_float else write.call("trunc", operands[0])
    form = FORMS[node.op]
    if not write.is_function(form):
        return write.text_of(form).format(*operands)
    used.add(node.op)
    values = [write.number(node.attributes[key]) for key in REGISTRY[node.op].attributes]
    return f"{write.prefix}_{node.op}({', '.join([*operands, *values])})"


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


def broadcast_index(index: str, source: Shape, target: Shape, write: Dialect) -> str:
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
            place = f"({index})" if divisor == 1 else write.quotient(f"({index})", divisor)
            place = place if divisor * extent == below else f"{place} % {extent}"
            terms.append(place if stride == 1 else f"{place} * {stride}")
        divisor *= extent
    return " + ".join(reversed(terms))
