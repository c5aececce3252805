"""Mixed precision: what products read is stored in bfloat16, what they sum and everything else is float32.

A bfloat16 is the upper half of a float32: the same range with 8 significant bits. Its products are exact in float32,
so processors with instructions for it multiply and sum several times as much per cycle, and values that wait for the
backward pass take half the memory. As in the recipe of oneDNN's guide to training in bfloat16 [1]_:

* operands of products and convolutions, and so activations and their gradients: bfloat16;
* parameters, their gradients, the optimiser's slots, statistics, logits, losses, and all sums: float32.

No loss scaling is needed, because the range is that of float32.

References
----------
.. [1] oneDNN developer guide, "Bfloat16 Training".
"""

from __future__ import annotations

from sloy.arguments import instance
from sloy.graph.graph import Graph, Node, copy_node
from sloy.graph.opdef import REGISTRY
from sloy.graph.passes import optimize
from sloy.graph.spec import BFLOAT16
from sloy.graph.tensor import Tensor, apply


def mixed(graph: Graph) -> Graph:
    """The graph with the operands of its float32 products rounded to bfloat16 and stored so.

    Rounding keeps order, so it is done before a maximum over windows rather than after it; a gradient is rounded
    before it is spread over windows that do not overlap.
    """
    instance("mixed", "graph", graph, Graph)
    stored = _stored(graph)

    def rule(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        result = _on_stored(node, operands) if _moves(node, stored) else copy_node(node, operands)
        return _wide(_narrow(result)) if node in stored else result

    return optimize(graph.rebuild(rule))


def _stored(graph: Graph) -> frozenset[Node]:
    """Nodes whose value is kept in bfloat16 alone: their readers take it rounded."""
    found: set[int] = set()
    for i in reversed(range(len(graph.nodes))):
        node = graph.nodes[i]
        if node.spec.dtype != "float32":
            continue
        if node.op == "conv2d_input_grad":
            found.add(i)
        if _is_product(node) or (i in found and _keeps_order(node)):
            found.update(k for k in node.inputs if graph.nodes[k].spec.dtype == "float32")
        if i in found and node.op == "where":  # a ReLU's gradient: rounded before it is chosen
            found.update(k for k in node.inputs[1:] if graph.nodes[k].op != "broadcast_to")
    found -= set(graph.updates.values())
    return frozenset(graph.nodes[i] for i in found if not graph.nodes[i].is_leaf)


def _is_product(node: Node) -> bool:
    return not node.is_leaf and REGISTRY[node.op].kind == "product"


def _keeps_order(node: Node) -> bool:
    """Whether rounding the result is the same as rounding the operands."""
    if node.op == "max_pool2d_grad":  # where windows overlap, gradients are added
        (down, right), window = node.attributes["stride"], node.attributes["window"]
        return bool(down >= window[0] and right >= window[1])
    return node.op in ("reshape", "max_pool2d")


def _moves(node: Node, stored: frozenset[Node]) -> bool:
    """Whether the node reads bfloat16 itself."""
    if _is_product(node):
        return node.spec.dtype == "float32"
    return node.op == "reduce_sum" or (node in stored and _keeps_order(node))


def _on_stored(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
    if node.op == "reduce_sum":  # one that reads no stored value stays as it is
        return apply(node.op, [_read(x) for x in operands], node.attributes)
    return apply(node.op, [_narrow(x) for x in operands], node.attributes)


def _read(x: Tensor) -> Tensor:
    """What a value was widened from, where it was; else itself."""
    return x.inputs[0] if x.op == "cast" and x.inputs[0].dtype == BFLOAT16 else x


def _narrow(x: Tensor) -> Tensor:
    source = _read(x)
    return source if source.dtype == BFLOAT16 else apply("cast", (x,), {"dtype": BFLOAT16})


def _wide(x: Tensor) -> Tensor:
    return apply("cast", (x,), {"dtype": "float32"})
