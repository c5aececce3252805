"""Weights in bfloat16, kept from step to step.

Products in mixed precision read rounded weights. Rounded anew at the head of each step they take a pass over all of
them; here the copy is a variable of the program's own, and its next value is rounded in the pass that makes the
weight's. The program rounds the weights themselves where anything but itself may have written them.
"""

from __future__ import annotations

from sloy.graph.graph import Graph, copy_node
from sloy.graph.spec import BFLOAT16, Spec
from sloy.graph.tensor import Tensor, apply

_SUFFIX = " in bfloat16"


def with_copies(graph: Graph) -> Graph:
    """The graph with the roundings of variables read from copies, which are updated with their variables.

    A variable that an outer product updates is left out: where the product is 0 its update writes nothing.
    """
    values: list[Tensor] = []
    copies: dict[str, Tensor] = {}  # name of a variable → its copy
    for node in graph.nodes:
        operands = tuple(values[i] for i in node.inputs)
        rounding = node.op == "cast" and node.spec.dtype == BFLOAT16
        if rounding and operands[0].op == "variable":
            name = operands[0].attributes["name"]
            if name not in graph.updates or not _adds_outer(graph, graph.updates[name]):
                copies[name] = _copy(name, node.spec)
                values.append(copies[name])
                continue
        values.append(copy_node(node, operands))
    if not copies:
        return graph
    updates = {name: values[i] for name, i in graph.updates.items()}
    for name, copy in copies.items():
        if name in updates:
            updates[copy.attributes["name"]] = apply("cast", (updates[name],), {"dtype": BFLOAT16})
    return Graph.of({name: values[i] for name, i in graph.outputs.items()}, updates)


def copied(name: str) -> str | None:
    """Of which variable a variable is the copy."""
    return name.removesuffix(_SUFFIX) if name.endswith(_SUFFIX) else None


def _copy(name: str, spec: Spec) -> Tensor:
    return Tensor("variable", (), {"name": name + _SUFFIX}, spec)


def _adds_outer(graph: Graph, value: int) -> bool:
    """Whether a value is the sum or difference of something and a multiple of a column times a row."""
    node = graph.nodes[value]
    if node.op in ("add", "sub"):
        return any(_adds_outer(graph, i) for i in node.inputs)
    if node.op != "mul" or node.spec.rank != 2:
        return False
    sides = [graph.nodes[i] for i in node.inputs]
    shapes = {graph.nodes[side.inputs[0]].spec.shape for side in sides if side.op == "broadcast_to"}
    rows, columns = node.spec.shape
    outer = shapes == {(rows, 1), (1, columns)}
    return outer or any(_adds_outer(graph, i) for i in node.inputs)
