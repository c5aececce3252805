"""Sloy's ops as ONNX's operators."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sloy.errors import NotAvailable
from sloy.exchange.elementwise import FORMS
from sloy.exchange.onnx import patterns
from sloy.exchange.onnx.emitter import Emitter, Out, held, writer
from sloy.exchange.onnx.patterns import to_there
from sloy.exchange.onnx.values import Order, identity, without
from sloy.graph.graph import Node
from sloy.graph.opdef import REGISTRY

# --- leaves -------------------------------------------------------------------------------------------------------


@writer("input")
def _input(e: Emitter, i: int, node: Node) -> Out:
    pictures = e.channels_first and node.spec.rank > 2
    return held(node.spec, "input", to_there(node.spec.rank) if pictures else None)


@writer("variable")
def _variable(e: Emitter, i: int, node: Node) -> Out:
    name = node.attributes["name"]
    return Out(node.spec, node.spec.shape, array=e.variables[name], label=name, trained=True)


@writer("constant")
def _constant(e: Emitter, i: int, node: Node) -> Out:
    return Out(node.spec, node.spec.shape, array=node.attributes["value"])


@writer("broadcast_to")
def _broadcast(e: Emitter, i: int, node: Node) -> Out:
    (x,) = e.operands(node)
    if x.array is None and (
        x.is_merged or (x.spec.rank < node.spec.rank and x.order != identity(x.spec.rank))
    ):
        x = held(x.spec, e.get(x, whole=True))
    return Out(
        node.spec, x.shape, x.name, x.order, x.fine, x.array, x.label, x.trained, flag=x.flag
    )


# --- elementwise --------------------------------------------------------------------------------------------------

FORMED = [op for op, form in FORMS.items() if form.onnx is not None]


def together(outs: Sequence[Out]) -> tuple[Order, Out | None]:
    """The order to work in, and the value that has it."""
    rank = outs[0].spec.rank
    whole = [o for o in outs if o.array is None and len(o.shape) == rank and not o.is_scalar]
    lead = next((o for o in whole if o.order != identity(rank)), None)
    if lead is not None and lead.is_merged and any(o is not lead and not o.is_scalar for o in outs):
        lead = None
    return (lead.order if lead is not None else identity(rank)), lead


def names(e: Emitter, outs: Sequence[Out], order: Order, lead: Out | None) -> list[str]:
    """The values in one order; where the first is merged, the others are numbers."""
    if lead is None or not lead.is_merged:
        return [e.get(o, order) for o in outs]
    return [o.name or e.get(o, order) if o is lead else e.get(o) for o in outs]


def result(
    node: Node, outs: Sequence[Out], name: str, order: Order, lead: Out | None, **rest: str
) -> Out:
    """What an elementwise operator makes: as large as its operands really are."""
    if lead is not None and lead.is_merged:
        return Out(node.spec, lead.shape, name, lead.order, lead.fine, **rest)  # type: ignore[arg-type]
    shape = np.broadcast_shapes(*(o.shape for o in outs))
    if order != identity(node.spec.rank):
        shape = (1,) * (node.spec.rank - len(shape)) + shape
    order = order if len(shape) == node.spec.rank else identity(len(shape))
    return Out(node.spec, shape, name, order, shape, **rest)  # type: ignore[arg-type]


def _emitted(e: Emitter, node: Node, operands: Sequence[str]) -> str:
    """The name of the result of what the op is in ONNX."""
    form = FORMS[node.op].onnx
    if isinstance(form, str):
        return e.emit(form, operands).output
    assert form is not None

    def emit(op: str, *inputs: str | float) -> str:
        dtype = node.spec.dtype
        given = [x if isinstance(x, str) else e.constant(np.array(x, dtype)) for x in inputs]
        return e.emit(op, given).output

    return form(emit, *operands)


@writer(*(op for op in FORMED if REGISTRY[op].kind == "elementwise"))
def _formed(e: Emitter, i: int, node: Node) -> Out:
    if node.op == "add" and (found := patterns.with_bias(e, i, node)) is not None:
        return found
    if node.op == "mul" and (found := patterns.mean(e, i, node)) is not None:
        return found
    return _in_place(e, node, lambda operands: _emitted(e, node, operands))


def _in_place(e: Emitter, node: Node, emit: Callable[[list[str]], str]) -> Out:
    """What `emit` makes of the names of a node's operands, element by element."""
    outs = e.operands(node)
    order, lead = together(outs)
    return result(node, outs, emit(names(e, outs, order, lead)), order, lead)


@writer(*(op for op in FORMED if REGISTRY[op].kind == "comparison"))
def _comparison(e: Emitter, i: int, node: Node) -> Out:
    outs = e.operands(node)
    order, lead = together(outs)
    flag = _emitted(e, node, names(e, outs, order, lead))
    if lead is not None and lead.is_merged:
        return result(node, outs, e.emit("Cast", [flag], to=node.spec.dtype).output, order, lead)
    return result(node, outs, "", order, lead, flag=flag)


@writer("where")
def _where(e: Emitter, i: int, node: Node) -> Out:
    if (found := patterns.rectifier(e, i, node)) is not None:
        return found
    outs = e.operands(node)
    order, lead = together(outs)
    if lead is not None and lead.is_merged:
        order, lead = identity(node.spec.rank), None
    chosen = e.flag(outs[0], order)
    part = e.emit("Where", [chosen, *(e.get(o, order) for o in outs[1:])])
    return result(node, outs, part.output, order, lead)


@writer("clip")
def _clip(e: Emitter, i: int, node: Node) -> Out:
    bounds = [
        e.constant(np.array(node.attributes[key], node.spec.dtype)) for key in ("low", "high")
    ]
    return _in_place(e, node, lambda x: e.emit("Clip", [*x, *bounds]).output)


@writer("cast")
def _cast(e: Emitter, i: int, node: Node) -> Out:
    return _in_place(e, node, lambda x: e.emit("Cast", x, to=node.spec.dtype).output)


# --- products and windows -----------------------------------------------------------------------------------------


@writer("matmul")
def _matmul(e: Emitter, i: int, node: Node) -> Out:
    a, b = e.operands(node)
    ta, tb = node.attributes["transpose_a"], node.attributes["transpose_b"]
    if a.is_merged and b.array is not None and not ta and not tb and a.order[0] == 0:
        left = e.emit("Flatten", [a.name], axis=1).output
        rows = b.array.reshape(*a.fine[1:], b.array.shape[1])
        axes = [axis - 1 for axis in a.order[1:]]
        right = e.store(rows.transpose(*axes, rows.ndim - 1).reshape(b.array.shape), b)
    else:
        left, right = e.get(a, whole=True), e.get(b, whole=True)
    part = e.emit("Gemm", [left, right], transA=int(ta), transB=int(tb))
    return held(node.spec, part.output, part=part)


@writer("batched_matmul")
def _batched(e: Emitter, i: int, node: Node) -> Out:
    """MatMul, which has the matrices along the first axis."""
    a = node.attributes
    *axes, of_result = a["batch_axes"]
    names = []
    for out, axis, key in zip(e.operands(node), axes, ("transpose_a", "transpose_b"), strict=True):
        rows, columns = (2, 1 - axis) if a[key] else (1 - axis, 2)
        names.append(e.get(out, (axis, rows, columns), whole=True))
    product = e.emit("MatMul", names).output
    return held(node.spec, product, (of_result, 1 - of_result, 2))


def _window(node: Node, size: Sequence[int]) -> dict[str, list[int]]:
    top, bottom, left, right = node.attributes["padding"]
    return {
        "kernel_shape": list(size),
        "strides": list(node.attributes["stride"]),
        "pads": [top, left, bottom, right],
    }


FIRST = to_there(4)


@writer("conv2d")
def _conv2d(e: Emitter, i: int, node: Node) -> Out:
    x, w = e.operands(node)
    part = e.emit(
        "Conv",
        [e.get(x, FIRST, whole=True), e.get(w, (3, 2, 0, 1), whole=True)],
        **_window(node, w.spec.shape[:2]),
        dilations=list(node.attributes["dilation"]),
        group=node.attributes["groups"],
    )
    return held(node.spec, part.output, FIRST, part=part)


@writer("conv2d_input_grad")
def _conv_transpose(e: Emitter, i: int, node: Node) -> Out:
    g, w = e.operands(node)
    a = node.attributes
    top, bottom, left, right = a["padding"]
    made = [
        s * (n - 1) + (k - 1) * d + 1 - p
        for s, n, k, d, p in zip(
            a["stride"],
            g.spec.shape[1:3],
            w.spec.shape,
            a["dilation"],
            (top + bottom, left + right),
            strict=False,
        )
    ]
    part = e.emit(
        "ConvTranspose",
        [e.get(g, FIRST, whole=True), e.get(w, (3, 2, 0, 1), whole=True)],
        **_window(node, w.spec.shape[:2]),
        dilations=list(a["dilation"]),
        group=a["groups"],
        output_padding=[e - m for e, m in zip(a["extents"], made, strict=True)],
    )
    return held(node.spec, part.output, FIRST, part=part)


@writer("max_pool2d", "average_pool2d")
def _pool(e: Emitter, i: int, node: Node) -> Out:
    (x,) = e.operands(node)
    rest = _window(node, node.attributes["window"])
    if node.op == "max_pool2d":
        part = e.emit("MaxPool", [e.get(x, FIRST, whole=True)], **rest)
    else:
        counted = int(node.attributes["count_include_pad"])
        part = e.emit(
            "AveragePool", [e.get(x, FIRST, whole=True)], **rest, count_include_pad=counted
        )
    return held(node.spec, part.output, FIRST)


# --- normalisation, reductions ------------------------------------------------------------------------------------


@writer("batch_norm")
def _batch_norm(e: Emitter, i: int, node: Node) -> Out:
    x, mean, variance, scale, shift = e.operands(node)
    if any(v.array is None for v in (mean, variance, scale, shift)):
        raise NotAvailable("a batch normalisation by moments of the batch has no form in ONNX.")
    order = to_there(x.spec.rank)
    part = e.emit(
        "BatchNormalization",
        [e.get(x, order, whole=True), *(e.get(v) for v in (scale, shift, mean, variance))],
        epsilon=node.attributes["epsilon"],
    )
    return held(node.spec, part.output, order)


def _as_held(e: Emitter, x: Out) -> tuple[Order, str]:
    order = (
        identity(x.spec.rank) if x.array is not None or x.is_merged or not x.is_whole else x.order
    )
    return order, e.get(x, order, whole=True)


@writer("softmax", "log_softmax")
def _softmax(e: Emitter, i: int, node: Node) -> Out:
    (x,) = e.operands(node)
    order, name = _as_held(e, x)
    op = "Softmax" if node.op == "softmax" else "LogSoftmax"
    return held(node.spec, e.emit(op, [name], axis=order.index(x.spec.rank - 1)).output, order)


REDUCTIONS = {"reduce_sum": "ReduceSum", "reduce_max": "ReduceMax", "reduce_min": "ReduceMin"}


@writer(*REDUCTIONS)
def _reduce(e: Emitter, i: int, node: Node) -> Out:
    (x,) = e.operands(node)
    order, name = _as_held(e, x)
    axes, keep = node.attributes["axes"], node.attributes["keepdims"]
    places = e.integers(*sorted(order.index(axis) for axis in axes))
    part = e.emit(REDUCTIONS[node.op], [name, places], keepdims=int(keep))
    return held(node.spec, part.output, order if keep else without(order, axes))


@writer("argmax")
def _argmax(e: Emitter, i: int, node: Node) -> Out:
    (x,) = e.operands(node)
    part = e.emit("ArgMax", [e.get(x, whole=True)], axis=node.attributes["axis"], keepdims=0)
    return held(node.spec, e.emit("Cast", [part.output], to="int32").output)


@writer("one_hot")
def _one_hot(e: Emitter, i: int, node: Node) -> Out:
    """[label = k] for each k: OneHot would count negative labels from the end."""
    (labels,) = e.operands(node)
    column = e.emit("Unsqueeze", [e.get(labels, whole=True), e.integers(-1)]).output
    places = e.constant(np.arange(node.attributes["classes"], dtype=np.int32))
    flag = e.emit("Equal", [column, places]).output
    return Out(node.spec, node.spec.shape, "", identity(node.spec.rank), node.spec.shape, flag=flag)


# --- what moves elements ------------------------------------------------------------------------------------------


@writer("reshape")
def _reshape(e: Emitter, i: int, node: Node) -> Out:
    (x,) = e.operands(node)
    shape = node.spec.shape
    if x.array is not None and x.is_whole:
        return Out(node.spec, shape, array=x.array.reshape(shape), label=x.label, trained=x.trained)
    marks = e.marks(node.inputs[0])
    flattens = (
        x.is_whole and marks[:1] == [True] and len(shape) == 2 and shape[0] == x.spec.shape[0]
    )
    if flattens and x.order and x.order[0] == 0 and x.order != identity(len(x.fine)) and not x.flag:
        return Out(node.spec, shape, x.name, x.order, x.fine)
    name = e.get(x, whole=True)
    if flattens:
        return held(node.spec, e.emit("Flatten", [name], axis=1).output)
    return held(node.spec, e.emit("Reshape", [name, e.integers(*e.target(i))]).output)


@writer("transpose")
def _transpose(e: Emitter, i: int, node: Node) -> Out:
    (x,) = e.operands(node)
    permutation = node.attributes["permutation"]
    if x.array is not None and x.is_whole:
        array = x.array.transpose(permutation)
        return Out(node.spec, node.spec.shape, array=array, label=x.label, trained=x.trained)
    order, name = _as_held(e, x)
    return held(node.spec, name, tuple(permutation.index(axis) for axis in order))


@writer("slice")
def _slice(e: Emitter, i: int, node: Node) -> Out:
    (x,) = e.operands(node)
    order, name = _as_held(e, x)
    start, stop = node.attributes["start"], node.attributes["stop"]
    marks = e.marks(node.inputs[0])
    cut = [a for a in range(x.spec.rank) if (start[a], stop[a]) != (0, x.spec.shape[a])]
    if any(marks[axis] for axis in cut):
        raise NotAvailable("a slice of the samples has no form in ONNX.")
    columns = [e.integers(*(v[a] for a in cut)) for v in (start, stop)]
    part = e.emit("Slice", [name, *columns, e.integers(*(order.index(a) for a in cut))])
    return held(node.spec, part.output, order)


@writer("pad")
def _pad(e: Emitter, i: int, node: Node) -> Out:
    (x,) = e.operands(node)
    order, name = _as_held(e, x)
    before, after = node.attributes["before"], node.attributes["after"]
    pads = e.integers(*(before[a] for a in order), *(after[a] for a in order))
    value = e.constant(np.array(node.attributes["value"], node.spec.dtype))
    return held(node.spec, e.emit("Pad", [name, pads, value]).output, order)


@writer("concatenate")
def _concatenate(e: Emitter, i: int, node: Node) -> Out:
    outs = e.operands(node)
    order, lead = together(outs)
    if lead is not None and lead.is_merged:
        order = identity(node.spec.rank)
    there = [e.get(o, order, whole=True) for o in outs]
    part = e.emit("Concat", there, axis=order.index(node.attributes["axis"]))
    return held(node.spec, part.output, order)
