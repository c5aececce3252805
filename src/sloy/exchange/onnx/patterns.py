"""What several ops of sloy are to ONNX in one: means, leaky rectifiers, exponential linear units, biases."""

from __future__ import annotations

from math import isclose, prod
from typing import Any

import numpy as np

from sloy.exchange.onnx.emitter import Emitter, Out, held
from sloy.exchange.onnx.values import channels_last
from sloy.graph.graph import Node

TAKES_BIAS = ("Conv", "ConvTranspose", "Gemm")


def number(e: Emitter, i: int) -> float | None:
    """The number that a value repeats; None where it is no constant."""
    out = e.outs[i]
    if out.array is None or out.trained or out.array.size != 1:
        return None
    return float(out.array.reshape(())[()])


def with_bias(e: Emitter, i: int, node: Node) -> Out | None:
    """A product or convolution that nobody else reads, plus one number for each channel: its bias."""
    for left, right in (node.inputs, node.inputs[::-1]):
        out, bias = e.outs[left], e.outs[right]
        part = out.part
        if part is None or part.op not in TAKES_BIAS or len(part.inputs) > 2 or e.uses(left) > 1:
            continue
        if bias.array is None or bias.shape != out.spec.shape[-1:] or not out.is_whole:
            continue
        part.inputs.append(e.store(bias.array, bias))
        return held(node.spec, out.name, out.order)
    return None


def mean(e: Emitter, i: int, node: Node) -> Out | None:
    """A sum over axes times one over their number."""
    for left, right in (node.inputs, node.inputs[::-1]):
        total, share = e.graph.nodes[left], number(e, right)
        if total.op != "reduce_sum" or share is None or e.uses(left) > 1:
            continue
        source = e.graph.nodes[total.inputs[0]]
        axes = total.attributes["axes"]
        count = prod(source.spec.shape[axis] for axis in axes)
        if any(e.marks(total.inputs[0])[axis] for axis in axes):
            continue
        if not isclose(share * count, 1.0, rel_tol=1e-6):
            continue
        return _mean(e, e.outs[total.inputs[0]], node, axes, keep=total.attributes["keepdims"])
    return None


def _mean(e: Emitter, x: Out, node: Node, axes: tuple[int, ...], *, keep: bool) -> Out:
    if x.spec.rank == 4 and axes == (1, 2):
        first = to_there(4)
        pooled = e.emit("GlobalAveragePool", [e.get(x, first, whole=True)])
        if keep:
            return held(node.spec, pooled.output, first)
        return held(node.spec, e.emit("Flatten", [pooled.output], axis=1).output)
    part = e.emit("ReduceMean", [e.get(x, whole=True), e.integers(*axes)], keepdims=int(keep))
    return held(node.spec, part.output)


def to_there(rank: int) -> tuple[int, ...]:
    """The order that is channels-first there, of a value that is channels-last here."""
    return tuple(int(axis) for axis in np.argsort(channels_last(rank)))


def rectifier(e: Emitter, i: int, node: Node) -> Out | None:
    """x where x > 0, else slope · x or alpha (e^x - 1)."""
    condition, x, otherwise = node.inputs
    if not _is_positive(e, condition, x):
        return None
    left = e.graph.nodes[otherwise]
    if left.op != "mul":
        return None
    for a, b in (left.inputs, left.inputs[::-1]):
        factor = number(e, b)
        if factor is None:
            continue
        if a == x:
            return _activation(e, node, e.outs[x], "LeakyRelu", alpha=factor)
        inner = e.graph.nodes[a]
        if inner.op == "expm1" and _is_left(e, inner.inputs[0], condition, x):
            return _activation(e, node, e.outs[x], "Elu", alpha=factor)
    return None


def _is_positive(e: Emitter, i: int, x: int) -> bool:
    node = e.graph.nodes[i]
    return node.op == "greater" and node.inputs[0] == x and number(e, node.inputs[1]) == 0.0


def _is_left(e: Emitter, i: int, condition: int, x: int) -> bool:
    """Whether a value is 0 where x > 0, else x."""
    node = e.graph.nodes[i]
    if node.op != "where" or node.inputs[2] != x or number(e, node.inputs[1]) != 0.0:
        return False
    return node.inputs[0] == condition or _is_positive(e, node.inputs[0], x)


def _activation(e: Emitter, node: Node, x: Out, op: str, **attributes: Any) -> Out:
    if not x.is_whole:
        return held(node.spec, e.emit(op, [e.get(x, whole=True)], **attributes).output)
    part = e.emit(op, [x.name], **attributes)
    return Out(node.spec, x.shape, part.output, x.order, x.fine)
