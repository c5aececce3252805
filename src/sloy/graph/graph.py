"""The immutable graph: nodes in the order of computation, named outputs, and the next values of variables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from sloy.arguments import instance
from sloy.graph.opdef import REGISTRY
from sloy.graph.spec import Spec
from sloy.graph.tensor import Tensor

Rule = Callable[["Node", tuple[Tensor, ...]], Tensor]


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One value of a graph: an op applied to earlier nodes, given by their numbers."""

    op: str
    inputs: tuple[int, ...]
    attributes: Mapping[str, Any]
    spec: Spec

    @property
    def is_leaf(self) -> bool:
        """Whether the value comes from outside: an input, a variable or a constant."""
        return not self.inputs


@dataclass(frozen=True, eq=False)
class Graph:
    """What an engine runs.

    Parameters
    ----------
    nodes : tuple of Node
        In topological order: operands come before the nodes that use them.
    outputs : mapping
        Name of an output → number of its node.
    updates : mapping
        Name of a variable → number of the node that holds its next value.

    Examples
    --------
    >>> from sloy import ops
    >>> x, w = ops.input("x", (4, 3)), ops.variable("w", (3, 2))
    >>> print(Graph.of({"y": ops.tanh(x @ w)}))
    %0 = input 'x' : float32[4, 3]
    %1 = variable 'w' : float32[3, 2]
    %2 = matmul(%0, %1) transpose_a=False transpose_b=False : float32[4, 2]
    %3 = tanh(%2) : float32[4, 2]
    output y = %3
    """

    nodes: tuple[Node, ...]
    outputs: Mapping[str, int]
    updates: Mapping[str, int]

    @staticmethod
    def of(outputs: Mapping[str, Tensor], updates: Mapping[str, Tensor] | None = None) -> Graph:
        """The graph of all that the given tensors need."""
        given = dict(updates or {})
        order = topological_order([*outputs.values(), *given.values()])
        number = {id(tensor): i for i, tensor in enumerate(order)}
        nodes = tuple(
            Node(t.op, tuple([number[id(x)] for x in t.inputs]), t.attributes, t.spec)
            for t in order
        )
        graph = Graph(
            nodes,
            MappingProxyType({name: number[id(t)] for name, t in outputs.items()}),
            MappingProxyType({name: number[id(t)] for name, t in given.items()}),
        )
        vars(graph)["_compact"] = True  # every node is needed, and they are in the order of `of`
        return graph

    def rebuild(self, rule: Rule, *, leaves: bool = False) -> Graph:
        """The graph with each node replaced by what a rule makes of it; itself where that changes nothing.

        Parameters
        ----------
        rule : callable
            ``rule(node, operands) -> Tensor``, the operands being the new values of the node's inputs.
        leaves : bool
            Whether the rule is asked about leaves too; otherwise they stay.
        """
        values: list[Tensor] = []
        same = "_compact" in vars(self)
        for node in self.nodes:
            operands = tuple([values[i] for i in node.inputs])
            if node.is_leaf and not leaves:
                values.append(copy_node(node, operands))
                continue
            value = rule(node, operands)
            same = same and _is_copy(value, node, operands)
            values.append(value)
        if same and len(set(map(id, values))) == len(values):
            return self
        return Graph.of(
            {name: values[i] for name, i in self.outputs.items()},
            {name: values[i] for name, i in self.updates.items()},
        )

    def leaves(self, op: str) -> Mapping[str, Spec]:
        """The inputs or the variables: name → spec, in order of appearance."""
        return {node.attributes["name"]: node.spec for node in self.nodes if node.op == op}

    @cached_property
    def inputs(self) -> Mapping[str, Spec]:
        """What has to be fed on each step."""
        return self.leaves("input")

    @cached_property
    def variables(self) -> Mapping[str, Spec]:
        """What is kept between steps, updated or only read."""
        return self.leaves("variable")

    @cached_property
    def users(self) -> tuple[tuple[int, ...], ...]:
        """For each node the nodes that read it, in order."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for i, node in enumerate(self.nodes):
            for operand in dict.fromkeys(node.inputs):
                found[operand].append(i)
        return tuple(tuple(users) for users in found)

    def __str__(self) -> str:
        lines = [f"%{i} = {_text(node)}" for i, node in enumerate(self.nodes)]
        lines += [f"output {name} = %{i}" for name, i in self.outputs.items()]
        lines += [f"update {name} = %{i}" for name, i in self.updates.items()]
        return "\n".join(lines)


def copy_node(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
    """The node as a symbolic tensor on other operands of the same specs."""
    return Tensor(node.op, operands, node.attributes, node.spec)


def _is_copy(tensor: Tensor, node: Node, operands: tuple[Tensor, ...]) -> bool:
    return (
        tensor.op == node.op
        and tensor.attributes is node.attributes
        and tensor.inputs == operands
        and tensor.spec == node.spec
    )


def topological_order(tensors: Iterable[Tensor], ends: Collection[int] = ()) -> list[Tensor]:
    """All tensors that the given ones need, operands first, each once; operands of `ends` (by id) are left out."""
    order: list[Tensor] = []
    done: set[int] = set()
    stack: list[tuple[Tensor, bool]] = [(tensor, False) for tensor in reversed(list(tensors))]
    while stack:
        tensor, visited = stack.pop()
        number = id(tensor)
        if number in done:
            continue
        if visited or not tensor.inputs or number in ends:
            done.add(number)
            order.append(tensor)
        else:
            stack.append((tensor, True))
            stack += [(x, False) for x in reversed(tensor.inputs) if id(x) not in done]
    return order


def evaluate(graph: Graph, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Every node's value by the reference definitions; `feeds` holds inputs and variables by name."""
    instance("evaluate", "graph", graph, Graph)
    instance("evaluate", "feeds", feeds, Mapping)
    values: list[np.ndarray] = []
    with np.errstate(all="ignore"):  # NaN and infinities are values like any others
        for node in graph.nodes:
            values.append(value_of(node, values, feeds, feeds))
    return values


def value_of(
    node: Node,
    values: Sequence[np.ndarray],
    inputs: Mapping[str, np.ndarray],
    variables: Mapping[str, np.ndarray],
) -> np.ndarray:
    """A node's value by the reference definition of its op, from those of the nodes before."""
    if node.op == "constant":
        return node.attributes["value"]
    if node.is_leaf:
        return (inputs if node.op == "input" else variables)[node.attributes["name"]]
    return REGISTRY[node.op].reference([values[i] for i in node.inputs], node.attributes)


def _text(node: Node) -> str:
    if node.op in ("input", "variable"):
        return f"{node.op} {node.attributes['name']!r} : {node.spec}"
    operands = ", ".join(f"%{i}" for i in node.inputs)
    attributes = "".join(f" {k}={_short(v)}" for k, v in sorted(node.attributes.items()))
    head = f"{node.op}({operands})" if node.inputs else node.op
    return f"{head}{attributes} : {node.spec}"


def _short(value: object) -> str:
    if isinstance(value, np.ndarray):
        if value.size <= 4:
            return str(value.tolist())
        return f"<{value.size} values>"
    return str(value)
