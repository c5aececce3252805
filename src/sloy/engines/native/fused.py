"""Ops that only this engine has, each several of the registry's in one kernel.

Rewrites put them into graphs that are about to be planned; `rewrite/pooled.py`, `gated.py` and `averaged.py` say what
each means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sloy.errors import ShapeError
from sloy.graph import REGISTRY, Node, Spec, Tensor
from sloy.graph.opdef import Attributes, Infer
from sloy.graph.opdef import multiply_adds as multiply_adds_of

Specs = Sequence[Spec]


@dataclass(frozen=True)
class Fused:
    """One of them: `infer` as of an `OpDef`; which op's products it computes, how many for each by that op's rule."""

    infer: Infer
    product: str = ""
    times: int = 1


def _expect(op: str, found: Specs, needed: Specs) -> None:
    if list(found) != list(needed):
        given, fitting = (", ".join(map(str, specs)) for specs in (found, needed))
        raise ShapeError(f"{op}: the last operands are ({given}); they must be ({fitting}).")


def _spread(g: Spec, places: Spec) -> Spec:
    """The gradient by a convolution's result, of that by its maxima over 2 × 2 and their places."""
    _expect("the gradient of maxima", [places], [Spec(g.shape, "uint8")])
    n, height, width, channels = g.shape
    return Spec((n, 2 * height, 2 * width, channels), g.dtype)


def _maxima(specs: Specs, attributes: Attributes) -> Spec:
    y = REGISTRY["conv2d"].infer(specs[:2], attributes)
    n, height, width, channels = y.shape
    bias = [Spec((b.size,), b.dtype) for b in specs[2:]]
    _expect("conv2d_pooled", bias, [Spec((channels,), y.dtype)] * attributes["has_bias"])
    return Spec((n, height // 2, width // 2, channels), y.dtype)


def _input_grad(specs: Specs, attributes: Attributes) -> Spec:
    dx = REGISTRY["conv2d_input_grad"].infer(specs[:2], attributes)
    _expect("conv2d_input_grad", specs[2:], [dx] * attributes.get("gated", 0))
    return dx


def _pooled_input_grad(specs: Specs, attributes: Attributes) -> Spec:
    g, w, places, *gate = specs
    return _input_grad([_spread(g, places), w, *gate], attributes)


def _pooled_weight_grad(specs: Specs, attributes: Attributes) -> Spec:
    x, g, places = specs
    return REGISTRY["conv2d_weight_grad"].infer([x, _spread(g, places)], attributes)


def _averaged_tanh_grad(specs: Specs, attributes: Attributes) -> Spec:
    dx = REGISTRY["average_pool2d_grad"].infer(specs[:1], attributes)
    _expect("average_pool2d_tanh_grad", specs[1:], [dx])
    return dx


FUSED = {
    "conv2d_pooled": Fused(_maxima, "conv2d", 4),
    "conv2d_places": Fused(lambda specs, attributes: Spec(specs[0].shape, "uint8")),
    "conv2d_pooled_input_grad": Fused(_pooled_input_grad, "conv2d_input_grad", 4),
    "conv2d_pooled_weight_grad": Fused(_pooled_weight_grad, "conv2d_weight_grad", 4),
    "conv2d_input_grad": Fused(_input_grad, "conv2d_input_grad"),  # gated, or the registry's
    "average_pool2d_tanh_grad": Fused(_averaged_tanh_grad),
}


def fused(op: str, inputs: Sequence[Tensor], attributes: Mapping[str, Any]) -> Tensor:
    """The result of such an op."""
    spec = FUSED[op].infer([x.spec for x in inputs], attributes)
    return Tensor(op, tuple(inputs), attributes, spec)


def tiles(attributes: Attributes, x: Spec, pooled: Spec) -> bool:
    """Whether a pooling of x in float32 has windows of 2 × 2 without gaps, padding or rest."""
    window = tuple(attributes[name] for name in ("window", "stride", "padding"))
    n, height, width, channels = pooled.shape
    whole = x == Spec((n, 2 * height, 2 * width, channels), "float32")
    return whole and window == ((2, 2), (2, 2), (0, 0, 0, 0))


def multiply_adds(node: Node, operands: Specs) -> int:
    """Of a node of such a graph; see `sloy.graph.opdef.multiply_adds`."""
    op = FUSED.get(node.op)
    product, times = (op.product, op.times) if op else (node.op, 1)
    return times * multiply_adds_of(product, node.attributes, node.spec, operands)
