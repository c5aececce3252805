"""What an elementwise group writes into its own program rather than reads: numbers, and values that it makes again."""

from __future__ import annotations

from math import lcm

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


CHEAP = (
    "add", "sub", "mul", "neg", "maximum", "minimum", "clip", "relu", "where", "less", "less_equal",
    "greater", "greater_equal",
)  # fmt: skip
LONGEST = 12  # ops of a chain that is made again
LARGEST_PERIOD = 2048  # floats: of a channel sum, see `sums_channels`


def chains(graph: Graph) -> dict[int, int]:
    """Nodes that are cheap functions of one larger value and of numbers per channel, and that value: node → value.

    Such as (x - mean) · factor + shift and its ReLU. Where x is stored for others anyway, each group that reads such a
    node makes it from x again, rather than that one stores it: memory is slower than these ops.
    """
    found: dict[int, tuple[int, int]] = {}  # node → value, ops
    for i, node in enumerate(graph.nodes):
        if node.op not in CHEAP or node.spec.rank < 2 or node.spec.dtype != "float32":
            continue
        larger: dict[int, int] = {}
        for operand in node.inputs:
            value, ops = found.get(operand, (operand, 0))
            if not is_number(graph, operand) and not _is_per_channel(graph, operand):
                larger[value] = larger.get(value, 0) + ops
        if len(larger) != 1:
            continue
        ((value, ops),) = larger.items()
        stored = graph.nodes[value]
        shared = stored.op != "broadcast_to" and len(graph.users[value]) > 1
        if shared and stored.spec == node.spec and ops < LONGEST:
            found[i] = value, ops + 1
    return {i: value for i, (value, _) in found.items()}


def _is_per_channel(graph: Graph, i: int) -> bool:
    node = graph.nodes[i]
    if node.op != "broadcast_to":
        return False
    source = graph.nodes[node.inputs[0]].spec
    return source.shape[-1:] == node.spec.shape[-1:] and source.size == node.spec.shape[-1]


def sums_channels(graph: Graph, i: int) -> bool:
    """Whether a node sums over all axes but the last, and channels fit the blocks of elementwise groups."""
    node = graph.nodes[i]
    if node.op != "reduce_sum" or node.spec.dtype != "float32":
        return False
    x = graph.nodes[node.inputs[0]].spec
    whole = x.rank > 1 and tuple(node.attributes["axes"]) == tuple(range(x.rank - 1))
    return (
        whole
        and x.dtype == "float32"
        and x.shape[-1] > 1
        and x.size > 0
        and lcm(x.shape[-1], 16) <= LARGEST_PERIOD
    )


def without_reshapes(graph: Graph, i: int) -> int:
    """The node that reshapes there and back again read, where node i is such; else node i."""
    source = i
    while graph.nodes[source].op == "reshape":
        source = graph.nodes[source].inputs[0]
    return source if graph.nodes[source].spec.shape == graph.nodes[i].spec.shape else i
