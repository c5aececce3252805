"""The grammar of a graph, executable: what must hold for every graph that an engine is given."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from sloy.arguments import instance
from sloy.errors import InvalidArgument
from sloy.graph.attributes import check_attributes
from sloy.graph.graph import Graph, Node
from sloy.graph.opdef import LEAVES, Infer, opdef
from sloy.graph.spec import BFLOAT16, Spec

_LEAF_ATTRIBUTES = {"input": {"name"}, "variable": {"name"}, "constant": {"value"}}


def check(graph: Graph, own: Mapping[str, Infer] = MappingProxyType({})) -> Graph:
    """The graph itself; `InvalidArgument` at the first node that breaks the grammar.

    `own` holds what an engine's own ops infer, which may stand beside those of the registry or for them.

    1. Operands come before their users.
    2. A leaf has exactly its own attributes; an op is registered, has its number of operands, and of attributes exactly
       those of its schema, each of its kind.
    3. A node's spec is the one that its op infers.
    4. A name belongs to one spec among inputs, and to one among variables.
    5. An update has the spec of its variable, which the graph may or may not read.
    6. Leaves, outputs and updates are not bfloat16.
    """
    instance("check", "graph", graph, Graph)
    instance("check", "own", own, Mapping)
    if "_checked" in vars(graph):  # it cannot have changed since
        return graph
    named: dict[tuple[str, str], Spec] = {}
    for number, node in enumerate(graph.nodes):
        place = f"%{number} = {node.op}"
        if any(not 0 <= i < number for i in node.inputs):
            raise InvalidArgument(f"{place}: operands {node.inputs} must come before the node.")
        if node.is_leaf:
            _check_leaf(place, node, named)
        else:
            _check_op(place, node, [graph.nodes[i].spec for i in node.inputs], own)
    for kind, targets in (("output", graph.outputs), ("update", graph.updates)):
        for name, number in targets.items():
            if not 0 <= number < len(graph.nodes):
                raise InvalidArgument(f"{kind} {name}: there is no node %{number}.")
            if graph.nodes[number].spec.dtype == BFLOAT16:
                raise InvalidArgument(f"{kind} {name} is {BFLOAT16}; cast it to float32.")
    for name, number in graph.updates.items():
        spec = named.get(("variable", name))
        if spec is not None and spec != graph.nodes[number].spec:
            raise InvalidArgument(
                f"update {name}: value {graph.nodes[number].spec}, variable {spec}."
            )
    if not own:
        vars(graph)["_checked"] = True
    return graph


def _check_leaf(place: str, node: Node, named: dict[tuple[str, str], Spec]) -> None:
    if node.op not in LEAVES:
        raise InvalidArgument(f"{place}: has no operands and is not one of {', '.join(LEAVES)}.")
    if set(node.attributes) != _LEAF_ATTRIBUTES[node.op]:
        raise InvalidArgument(f"{place}: attributes are {sorted(node.attributes)}.")
    if node.spec.dtype == BFLOAT16:
        raise InvalidArgument(f"{place}: is {BFLOAT16}; only values between ops can be.")
    if node.op == "constant":
        value = node.attributes["value"]
        if not isinstance(value, np.ndarray) or Spec(value.shape, value.dtype.name) != node.spec:
            raise InvalidArgument(f"{place}: the value is not {node.spec}.")
        return
    known = named.setdefault((node.op, node.attributes["name"]), node.spec)
    if known != node.spec:
        raise InvalidArgument(
            f"{place}: `{node.attributes['name']}` is {node.spec} here and {known} elsewhere."
        )


def _check_op(place: str, node: Node, specs: list[Spec], own: Mapping[str, Infer]) -> None:
    if (infer := own.get(node.op)) is None:
        definition = opdef(node.op)
        if definition.arity is not None and len(specs) != definition.arity:
            raise InvalidArgument(f"{place}: has {len(specs)} operands, needs {definition.arity}.")
        check_attributes(place, definition.attributes, node.attributes)
        infer = definition.infer
    inferred = infer(specs, node.attributes)
    if inferred != node.spec:
        raise InvalidArgument(f"{place}: spec is {node.spec}, the op infers {inferred}.")
