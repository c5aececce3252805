"""Rewrites of a graph before it is planned for the native engine."""

from __future__ import annotations

from sloy.engines.native.instruction import Takes
from sloy.engines.native.program.encode import DTYPES
from sloy.engines.native.rewrite.averaged import averaged
from sloy.engines.native.rewrite.copies import with_copies
from sloy.engines.native.rewrite.folded import folded
from sloy.engines.native.rewrite.gated import gated
from sloy.engines.native.rewrite.masks import Masks, number
from sloy.engines.native.rewrite.pooled import pooled
from sloy.errors import NotAvailable
from sloy.graph import REGISTRY, Graph, lower, mixed, optimize
from sloy.graph.graph import Node, copy_node
from sloy.graph.ops.elementwise import cast, square
from sloy.graph.ops.reduction import reduce_sum
from sloy.graph.ops.shape import reshape
from sloy.graph.tensor import Tensor, apply, broadcast_to


def prepare(
    graph: Graph, supported: set[str], *, bfloat16: bool = False, takes: Takes | None = None
) -> Graph:
    """The graph in ops that the engine runs, optimised; in mixed precision on request.

    `takes` tells for which convolutions a kernel does what stands around them too, see `pooled` and `gated`; without
    it, none.

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
    optimized = optimize(graph)
    lowered = lower(folded(optimized), supported, "native")
    if lowered is not optimized:
        lowered = optimize(lowered)

    masks = Masks()

    def rewrite(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        if node.op == "where":
            alone = len(lowered.users[node.inputs[1]]) == 1
            return masks.rewrite(copy_node(node, operands), alone=alone)
        return _rewrite(node, operands)

    prepared = optimize(lowered.rebuild(rewrite))
    if bfloat16:
        return with_copies(mixed(prepared))
    fused = prepared.rebuild(averaged)
    return fused if takes is None else gated(pooled(fused, takes), takes)


def _rewrite(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
    reduces = REGISTRY[node.op].kind == "reduction"
    if reduces and node.spec.dtype == "uint8":
        return _reduce_bytes(node, operands[0])
    if node.op == "dropout_mask" and node.spec.dtype != "float32":
        mask = apply(node.op, operands, {**node.attributes, "dtype": "float32"})
        return cast(mask, node.spec.dtype)
    if node.op == "power":
        return _power(node, *operands)
    if node.op == "matmul" and _depth(node, operands) == 1:
        return _outer(node, *operands)
    if reduces:
        return _smaller_reduction(node, operands[0])
    return copy_node(node, operands)


def _depth(node: Node, operands: tuple[Tensor, ...]) -> int:
    """How many products a matmul sums for each element."""
    return operands[0].shape[0 if node.attributes["transpose_a"] else 1]


def _outer(node: Node, a: Tensor, b: Tensor) -> Tensor:
    """A product of a column and a row, as an elementwise one: it joins the group that uses it.

    So the weight gradient of a single sample is never written, but computed inside the update of the weights.
    """
    rows, columns = node.spec.shape
    return broadcast_to(reshape(a, (rows, 1)), (rows, columns)) * broadcast_to(
        reshape(b, (1, columns)), (rows, columns)
    )


def _smaller_reduction(node: Node, x: Tensor) -> Tensor:
    """Nothing to reduce along axes of extent 1; and Σ (a_i b_j)² = Σ a_i² · Σ b_j²."""
    if all(x.shape[axis] == 1 for axis in node.attributes["axes"]):
        return reshape(x, node.spec.shape)
    if node.op == "reduce_sum" and node.spec.size == 1 and _is_square(x) and _is_outer(x.inputs[0]):
        sums = [reduce_sum(square(side.inputs[0])) for side in x.inputs[0].inputs]
        return reshape(sums[0] * sums[1], node.spec.shape)
    return copy_node(node, (x,))


def _is_square(x: Tensor) -> bool:
    return x.op == "mul" and x.inputs[0] is x.inputs[1]


def _is_outer(x: Tensor) -> bool:
    """Whether x is the product of a repeated column and a repeated row, as `_outer` makes it."""
    if x.op != "mul" or x.spec.rank != 2 or any(side.op != "broadcast_to" for side in x.inputs):
        return False
    rows, columns = x.shape
    return [side.inputs[0].shape for side in x.inputs] == [(rows, 1), (1, columns)]


def _reduce_bytes(node: Node, x: Tensor) -> Tensor:
    """A reduction of uint8, computed in uint32."""
    return cast(apply(node.op, (cast(x, "uint32"),), node.attributes), "uint8")


def _power(node: Node, base: Tensor, exponent: Tensor) -> Tensor:
    """Powers 1, 2 and -1 by the arithmetic that rounds them alike: x, x · x and 1 / x."""
    known = number(exponent)
    if known in (1.0, 2.0, -1.0):
        return {1.0: base, 2.0: base * base, -1.0: 1.0 / base}[known]
    return copy_node(node, (base, exponent))
