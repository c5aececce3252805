"""Rewrites of a graph before it is planned for the native engine."""

from __future__ import annotations

from sloy.engines.native.encode import DTYPES
from sloy.errors import NotAvailable
from sloy.graph import Graph, lower, optimize
from sloy.graph.graph import Node, copy_node
from sloy.graph.ops.elementwise import cast
from sloy.graph.ops.reduction import reduce_max, reduce_min, reduce_sum
from sloy.graph.tensor import Tensor

_REDUCTIONS = {"reduce_sum": reduce_sum, "reduce_max": reduce_max, "reduce_min": reduce_min}


def prepare(graph: Graph, supported: set[str]) -> Graph:
    """The graph in ops that the engine runs, optimised.

    Raises
    ------
    NotAvailable
        Where a value has a dtype, or an op has no kernel and no expansion, that the engine cannot compute with.
    """
    for node in graph.nodes:
        if node.spec.dtype not in DTYPES:
            raise NotAvailable(
                f"the native engine does not compute in {node.spec.dtype} (op `{node.op}`); use"
                ' engine="reference" for it.'
            )
    lowered = lower(optimize(graph), supported, "native")
    return optimize(lowered.rebuild(_rewrite))


def _rewrite(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
    if node.op in _REDUCTIONS and node.spec.dtype == "uint8":
        return _reduce_bytes(node, operands[0])
    if node.op == "power":
        return _power(node, *operands)
    return copy_node(node, operands)


def _reduce_bytes(node: Node, x: Tensor) -> Tensor:
    """A reduction of uint8, computed in uint32."""
    reduce = _REDUCTIONS[node.op]
    axes, keepdims = node.attributes["axes"], node.attributes["keepdims"]
    return cast(reduce(cast(x, "uint32"), axes, keepdims=keepdims), "uint8")


def _power(node: Node, base: Tensor, exponent: Tensor) -> Tensor:
    """Powers 1, 2 and -1 by the arithmetic that rounds them alike: x, x · x and 1 / x."""
    source = exponent.inputs[0] if exponent.op == "broadcast_to" else exponent
    if source.op == "constant" and source.spec.size == 1:
        number = float(source.attributes["value"].reshape(()))
        if number in (1.0, 2.0, -1.0):
            return {1.0: base, 2.0: base * base, -1.0: 1.0 / base}[number]
    return copy_node(node, (base, exponent))
