"""Operators on values whose samples lie on an axis of their own, before those of the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sloy.exchange.onnx.conversion import Conversion, integers
from sloy.exchange.onnx.folding import axes_of, slices, squeezed
from sloy.exchange.onnx.nodes import Node
from sloy.exchange.onnx.rows import (
    ALONG,
    ALONG_AXIS,
    PROBABILITIES,
    Operand,
    Use,
    dft_axis,
    mixed,
    probability_axis,
    reduced_axes,
    repeated,
    target,
)
from sloy.exchange.onnx.values import Value, known

Shifted = Callable[[Use], "tuple[Node, list[Value | None]] | list[Value]"]
SHIFTED: dict[str, Shifted] = {}
FLOAT = 1  # ONNX's number of float32


def apart(c: Conversion, node: Node, operands: list[Operand | None], n: int) -> list[Value]:
    """What a node makes, the samples before the file's axes; `operands` hold them so, or have none."""
    if node.op not in SHIFTED:
        raise mixed(node, "it is written for one sample, and cannot be read for several")
    found = SHIFTED[node.op](Use(c, node, operands, 1, n))
    return list(found) if isinstance(found, list) else list(c.apply(*found))


def shifted(*names: str) -> Callable[[Shifted], Shifted]:
    """Add a rule to the table; a decorator."""

    def add(rule: Shifted) -> Shifted:
        SHIFTED.update(dict.fromkeys(names, rule))
        return rule

    return add


def _with(node: Node, **attributes: Any) -> Node:
    """The node with other attributes; None takes one away."""
    found = {k: v for k, v in {**node.attributes, **attributes}.items() if v is not None}
    return replace(node, attributes=found)


def _one_more(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    return tuple(a % rank + 1 for a in axes)


def _list(*numbers: int) -> Value:
    return known(np.array(numbers, np.int64))


def _whole(use: Use, operand: Operand) -> Value:
    """A value that has the samples, repeated for them where it has not."""
    if operand.way:
        return operand.value
    return repeated(use.c, operand.value, (use.n, *operand.shape))


# --- the axis of samples joined with the file's -----------------------------------------------------------------------


@shifted(*ALONG)
def _along(use: Use) -> Any:
    if not use.alone:
        raise mixed(use.node, "weights that are computed from the samples")
    first, *rest = use.x.shape
    joined = use.c.call("Reshape", use.x.value, _list(use.n * first, *rest), allowzero=1)
    found = use.c.apply(use.node, use.given(_0=joined))
    return [
        use.c.call("Reshape", y, _list(use.n, y.shape[0] // use.n, *y.shape[1:]), allowzero=1)
        for y in found
    ]


# --- axes counted one further -----------------------------------------------------------------------------------------


def elementwise(use: Use) -> Any:
    """Axes of extent 1 between the samples and a value of fewer axes."""
    rank = max(v.rank for v in [use.x, *use.others])
    values: list[Value | None] = []
    for v in use.operands:
        if v is None or not v.way or v.rank == rank:
            values.append(None if v is None else v.value)
            continue
        between = tuple(range(1, rank - v.rank + 1))
        values.append(use.c.call("Unsqueeze", v.value, axes=between))
    return use.node, values


def reduction(use: Use) -> Any:
    """Sums and the like along axes."""
    axes = reduced_axes(use)
    if not axes:
        return [use.x.value]
    return _with(use.node, axes=_one_more(axes, use.x.rank)), [use.x.value]


@shifted(*ALONG_AXIS)
def _along_axis(use: Use) -> Any:
    if not use.alone:
        raise mixed(use.node, "weights that are computed from the samples")
    axis = use.axis(ALONG_AXIS[use.node.op])
    return _with(use.node, axis=axis + 1), use.given()


@shifted(*PROBABILITIES)
def _probabilities(use: Use) -> Any:
    return _with(use.node, axis=probability_axis(use) + 1), use.given()


@shifted("OneHot")
def _one_hot(use: Use) -> Any:
    return _with(use.node, axis=use.axis(-1, use.x.rank + 1) + 1), use.given()


@shifted("CumSum", "CumProd")
def _cumulative(use: Use) -> Any:
    (axis,) = integers(use.others[0].value) or (0,)
    return use.node, [use.x.value, _list(axis % use.x.rank + 1)]


@shifted("QuantizeLinear", "DequantizeLinear")
def _quantized(use: Use) -> Any:
    if any(v.way for v in use.others):
        return _quantized_each(use)
    return _with(use.node, axis=use.axis(1) + 1), use.given()


def _quantized_each(use: Use) -> list[Value]:
    """Each sample by a scale and zero point of its own, numbers."""
    c, rank = use.c, use.x.value.rank
    if any(v.rank for v in use.others):
        raise mixed(use.node, "scales of axes that are computed from the samples")
    beside = [
        c.call("Unsqueeze", v.value, axes=tuple(range(1, rank))) if v.way and rank > 1 else v.value
        for v in use.others
    ]
    floats = [c.call("Cast", v, to=FLOAT) for v in (_whole(use, use.x), *beside)]
    x, scale, *zero = floats
    if use.node.op == "DequantizeLinear":
        return [c.call("Mul", c.call("Sub", x, *zero) if zero else x, scale)]
    kind = use.others[1].value.dtype if zero else "uint8"
    limits = np.iinfo(kind)
    y = c.call("Round", c.call("Div", x, scale))
    y = c.call("Add", y, *zero) if zero else y
    y = c.call("Clip", y, min=float(limits.min), max=float(limits.max))
    return [replace(c.call("Cast", y, to=FLOAT), dtype=kind)]


@shifted("Compress")
def _compress(use: Use) -> Any:
    if not use.alone:
        raise mixed(use.node, "a condition that is computed from the samples")
    if "axis" in use.node.attributes:
        return _with(use.node, axis=use.axis(0) + 1), use.given()
    flat = use.c.call("Reshape", use.x.value, _list(use.n, -1))
    return _with(use.node, axis=1), use.given(_0=flat)


@shifted("ReverseSequence")
def _reverse(use: Use) -> Any:
    said = use.node.attributes
    time, batch = said.get("time_axis", 0) + 1, said.get("batch_axis", 1) + 1
    return _with(use.node, time_axis=time, batch_axis=batch), use.given()


@shifted("DFT")
def _dft(use: Use) -> Any:
    axis = dft_axis(use) + 1
    length = [*use.given()[1:], None][0]
    if use.c.graph.opset >= 20:
        return _with(use.node, axis=None), [use.x.value, length, _list(axis)]
    return _with(use.node, axis=axis), use.given()


@shifted("Trilu")
def _triangle(use: Use) -> Any:
    return use.node, use.given()


@shifted("MeanVarianceNormalization")
def _mean_variance(use: Use) -> Any:
    axes = use.node.attributes.get("axes", (0, 2, 3))
    return _with(use.node, axes=_one_more(axes, use.x.rank)), use.given()


@shifted("Resize", "Upsample")
def _resize(use: Use) -> Any:
    axes = use.node.attributes.get("axes") or range(use.x.rank)
    return _with(use.node, axes=_one_more(axes, use.x.rank)), use.given()


# --- shapes ----------------------------------------------------------------------------------------------------------


@shifted("Reshape", "Flatten")
def _reshape(use: Use) -> Any:
    found = use.c.call("Reshape", use.x.value, _list(use.n, *target(use)), allowzero=1)
    return [found]


@shifted("Transpose")
def _transpose(use: Use) -> Any:
    order = use.node.attributes.get("perm") or tuple(reversed(range(use.x.rank)))
    return _with(use.node, perm=(0, *(a + 1 for a in order))), use.given()


@shifted("Squeeze")
def _squeeze(use: Use) -> Any:
    axes = squeezed(use.x.shape, axes_of(use.node, use.arrays()))
    return _with(use.node, axes=_one_more(axes, use.x.rank)), [use.x.value]


@shifted("Unsqueeze")
def _unsqueeze(use: Use) -> Any:
    axes = axes_of(use.node, use.arrays()) or ()
    return _with(use.node, axes=_one_more(axes, use.x.rank + len(axes))), [use.x.value]


@shifted("Expand")
def _expand(use: Use) -> Any:
    shape = np.broadcast_shapes(use.x.shape, integers(use.others[0].value) or ())
    between = tuple(range(1, len(shape) - use.x.rank + 1))
    x = use.c.call("Unsqueeze", use.x.value, axes=between) if between else use.x.value
    return use.node, [x, _list(use.n, *shape)]


@shifted("Tile")
def _tile(use: Use) -> Any:
    return use.node, [use.x.value, _list(1, *(integers(use.others[0].value) or ()))]


@shifted("Pad")
def _pad(use: Use) -> Any:
    pads, value, axes = [*use.given()[1:], None, None, None][:3]
    chosen = integers(axes) or tuple(range(use.x.rank))
    return use.node, [use.x.value, pads, value, _list(*_one_more(chosen, use.x.rank))]


@shifted("Slice")
def _slice(use: Use) -> Any:
    found = slices(use.node, use.arrays(), use.x.shape)
    start, step = (_list(*(s[k] for s in found)) for k in (1, 3))
    stop = [s[2] if s[2] >= 0 else -(1 << 31) for s in found]
    node = _with(use.node, starts=None, ends=None, axes=None)
    axes = _list(*(s[0] + 1 for s in found))
    return node, [use.x.value, start, _list(*stop), axes, step]


@shifted("Concat")
def _concat(use: Use) -> Any:
    values = [_whole(use, v) for v in [use.x, *use.others]]
    return _with(use.node, axis=use.axis(0) + 1), values


@shifted("Gather")
def _gather(use: Use) -> Any:
    index, axis = use.others[0], use.axis(0)
    if use.x.way and index.way:
        raise mixed(use.node, "computed indices into computed values")
    if use.x.way:
        return _with(use.node, axis=axis + 1), use.given()
    (found,) = use.c.apply(use.node, use.given())
    order = (axis, *(a for a in range(found.rank) if a != axis))
    return [use.c.call("Transpose", found, perm=order)]


@shifted("GatherElements", "GatherND", "ScatterElements", "ScatterND", "Scatter")
def _by_place(use: Use) -> Any:
    """Known places, the same for all samples, which lie behind the axes that are indexed."""
    x, index, *updates = [use.x, *use.others]
    if index.way:
        if use.node.op == "GatherElements" and x.way:
            return _with(use.node, axis=use.axis(0) + 1), use.given()
        raise mixed(use.node, "computed indices")
    last = [
        use.c.call("Transpose", v, perm=(*range(1, v.rank), 0))
        for v in (_whole(use, operand) for operand in (x, *updates))
    ]
    (y,) = use.c.apply(use.node, [last[0], index.value, *last[1:]])
    return [use.c.call("Transpose", y, perm=(y.rank - 1, *range(y.rank - 1)))]


# --- products --------------------------------------------------------------------------------------------------------


@shifted("MatMul")
def _matmul(use: Use) -> Any:
    a, b = use.x, use.others[0]
    rank = max(a.rank, b.rank, 2)
    left, right = (_matrices(use, v, rank, at) for v, at in ((a, -1), (b, -2)))
    (y,) = use.c.apply(use.node, [left, right])
    gone = [y.rank - 2] if a.rank == 1 and a.way else []
    gone += [y.rank - 1] if b.rank == 1 and b.way else []
    return [use.c.call("Squeeze", y, axes=tuple(gone)) if gone else y]


def _matrices(use: Use, v: Operand, rank: int, at: int) -> Value:
    """A vector as a row (`at` = -1) or column (-2), a stack with as many axes as the other has."""
    if not v.way:
        return v.value
    value, own = v.value, v.rank
    if own == 1:
        value, own = use.c.call("Unsqueeze", value, axes=(1 if at == -1 else 2,)), 2
    between = tuple(range(1, rank - own + 1))
    return use.c.call("Unsqueeze", value, axes=between) if between else value


@shifted("Gemm")
def _gemm(use: Use) -> Any:
    """α A B + β C, where A alone has samples as one product of all rows."""
    a, b = use.x, use.others[0]
    bias = use.operands[2] if len(use.operands) > 2 else None
    said = use.node.attributes
    c = use.c
    if (
        use.alone
        and not said.get("transA", 0)
        and (bias is None or bias.rank < 2 or bias.shape[0] == 1)
    ):
        rows = c.call("Reshape", a.value, _list(use.n * a.shape[0], a.shape[1]))
        (y,) = c.apply(use.node, use.given(_0=rows))
        return [c.call("Reshape", y, _list(use.n, a.shape[0], y.shape[1]))]
    left, right = (
        c.call("Transpose", v.value, perm=(0, 2, 1) if v.way else (1, 0))
        if said.get(key, 0)
        else v.value
        for v, key in ((a, "transA"), (b, "transB"))
    )
    y = c.call("MatMul", left, right)
    y = c.call("Mul", y, known(np.array(said.get("alpha", 1.0), np.float32)))
    beta = said.get("beta", 1.0)
    if bias is None or not beta:
        return [y]
    scaled = c.call("Mul", bias.value, known(np.array(beta, np.float32)))
    if bias.way and bias.rank < 2:
        scaled = c.call("Unsqueeze", scaled, axes=tuple(range(1, 3 - bias.rank)))
    return [c.call("Add", y, scaled)]


@shifted("Einsum")
def _einsum(use: Use) -> Any:
    left, arrow, right = use.node.attributes["equation"].replace(" ", "").partition("->")
    label = next(k for k in "ZYXWVUTSRQPO" if k not in left)
    if not arrow:
        letters = [k for k in sorted(set(left)) if k.isalpha() and left.count(k) == 1]
        right = ("..." if "." in left else "") + "".join(letters)
    operands = [use.x, *use.others]
    terms = [label + t if v.way else t for t, v in zip(left.split(","), operands, strict=True)]
    equation = f"{','.join(terms)}->{label}{right}"
    return _with(use.node, equation=equation), use.given()
