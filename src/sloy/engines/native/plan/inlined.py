"""What an elementwise group writes into its own program rather than reads: numbers, and values that it makes again."""

from __future__ import annotations

from sloy.graph.graph import Graph
from sloy.graph.opdef import REGISTRY
from sloy.graph.spec import BFLOAT16


def is_number(graph: Graph, i: int) -> bool:
    """Whether a node is a single constant, repeated or not: written into a group's program."""
    while graph.nodes[i].op in ("reshape", "broadcast_to"):
        i = graph.nodes[i].inputs[0]
    return graph.nodes[i].op == "constant" and graph.nodes[i].spec.size == 1


def is_made_again(graph: Graph, i: int) -> bool:
    """Whether each group that reads a node makes it from the node's first operand, rather than that one stores it.

    A stored bfloat16 as float32, and a comparison with a number: they cost no more than to be read, and what they are
    made of is mostly there, as a ReLU's result is for its gradient.
    """
    node = graph.nodes[i]
    definition = REGISTRY.get(node.op)
    if definition is not None and definition.kind == "comparison":
        return is_number(graph, node.inputs[1])
    return node.op == "cast" and graph.nodes[node.inputs[0]].spec.dtype == BFLOAT16


def without_reshapes(graph: Graph, i: int) -> int:
    """The node that reshapes there and back again read, where node i is such; else node i."""
    source = i
    while graph.nodes[source].op == "reshape":
        source = graph.nodes[source].inputs[0]
    return source if graph.nodes[source].spec.shape == graph.nodes[i].spec.shape else i
