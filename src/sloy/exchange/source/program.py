"""What is computed where, and in which order: a graph on one sample as statements of a dialect."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np

from sloy.errors import NotAvailable
from sloy.exchange.source.dialect import Dialect
from sloy.exchange.source.expressions import ELEMENTWISE, broadcast_index, expression
from sloy.exchange.source.kernels import KERNELS, Job
from sloy.graph import REGISTRY, Graph
from sloy.graph.arena import Lifetime, assign_offsets
from sloy.graph.graph import Node
from sloy.graph.passes import lower, optimize
from sloy.graph.tensor import Tensor, constant

_VIEWS = ("reshape",)
SUPPORTED = {*ELEMENTWISE, *KERNELS, "reshape", "broadcast_to"}


def fixed(
    graph: Graph, outputs: Collection[str], variables: Mapping[str, np.ndarray], language: str
) -> Graph:
    """The graph of some outputs, its variables constants, in ops that have statements.

    Raises
    ------
    NotAvailable
        Where an op has none.
    """

    def rule(node: Node, operands: tuple[Tensor, ...]) -> Tensor:
        if node.op == "variable":
            return constant(variables[node.attributes["name"]], node.spec.dtype)
        return Tensor(node.op, operands, node.attributes, node.spec)

    for node in graph.nodes:
        if node.inputs and node.op not in SUPPORTED and REGISTRY[node.op].expand is None:
            raise NotAvailable(f"the op `{node.op}` has no {language}.")
    only = Graph(graph.nodes, {name: graph.outputs[name] for name in outputs}, {})
    return optimize(lower(only.rebuild(rule, leaves=True), SUPPORTED, language))


def clean_name(stem: str, reserved: Collection[str]) -> str:
    """A name that the language takes, from a file's."""
    name = re.sub(r"\W", "_", stem, flags=re.ASCII).strip("_") or "model"
    return f"model_{name}" if name[0].isdigit() or name in reserved else name


@dataclass
class Program:
    """One pass over a graph.

    Parameters
    ----------
    graph : Graph
    write : Dialect
    """

    graph: Graph
    write: Dialect
    arrays: dict[int, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.outputs = list(dict.fromkeys(self.graph.outputs.values()))
        self.steps = [i for i, node in enumerate(self.graph.nodes) if self._is_step(i, node)]
        self.arena, self.offsets = self._arena()

    # --- what is computed where --------------------------------------------------------------------------------------

    def _is_step(self, i: int, node: Node) -> bool:
        """Whether a value is written to memory; the others are read through, or computed where they are used."""
        if node.is_leaf or node.op in _VIEWS:
            return i in self.outputs
        if node.op not in ELEMENTWISE and node.op != "broadcast_to":
            return True
        users = self.graph.users[i]
        if i in self.outputs:
            return True
        if node.op == "broadcast_to" and self.graph.nodes[node.inputs[0]].is_leaf:
            return False
        return len(users) > 1 or any(self.graph.nodes[u].op not in ELEMENTWISE for u in users)

    def _arena(self) -> tuple[int, dict[int, int]]:
        """Floats of memory, and where each step's value lies in it."""
        when = {i: k for k, i in enumerate(self.steps)}
        last = dict(when)
        for step in self.steps:
            for i in self._read_by(step):
                last[i] = max(last[i], when[step])
        own = [i for i in self.steps if i not in self.outputs]
        buffers = [Lifetime(4 * self.graph.nodes[i].spec.size, when[i], last[i]) for i in own]
        offsets, total = assign_offsets(buffers)
        return total // 4, {i: offset // 4 for i, offset in zip(own, offsets, strict=True)}

    def _read_by(self, step: int) -> set[int]:
        """The steps whose values a step reads, through what is computed on the way."""
        found: set[int] = set()
        stack = list(self.graph.nodes[step].inputs)
        while stack:
            i = stack.pop()
            if i in self.steps:
                found.add(i)
            else:
                stack += self.graph.nodes[i].inputs
        return found

    # --- code --------------------------------------------------------------------------------------------------------

    def statements(self) -> list[str]:
        """All steps, an empty line and a comment before each."""
        lines: list[str] = []
        for i in self.steps:
            node, y = self.graph.nodes[i], self.buffer(i)
            lines += ["", f"/* {node.op}: {dimensions(node.spec.shape)} */"]
            if node.op in KERNELS:
                specs = [self.graph.nodes[j].spec for j in node.inputs]
                reads = [lambda at, j=j: self._element(j, at) for j in node.inputs]
                job = Job(node, specs, reads, y, self.write)
                lines += self.kernel(job, KERNELS[node.op](job))
            else:
                body = f"{self.write.at(y, 'i')} = {self._computed(i, 'i')};"
                lines += self.write.loop("i", [node.spec.size], [body])
        return lines

    def kernel(self, job: Job, lines: list[str]) -> list[str]:
        """The statements of a kernel, which a language may have another way to do."""
        return lines

    def buffer(self, i: int) -> str:
        """Where a step's value lies."""
        raise NotImplementedError

    def array(self, i: int) -> str:
        """Where the numbers of a constant lie."""
        raise NotImplementedError

    def given(self, name: str) -> str:
        """Where an input lies."""
        raise NotImplementedError

    def _element(self, i: int, at: str) -> str:
        """The expression of an element of a value."""
        return self.write.at(self.buffer(i), at) if i in self.steps else self._computed(i, at)

    def _computed(self, i: int, at: str) -> str:
        node, write = self.graph.nodes[i], self.write
        if node.op == "input":
            return write.at(self.given(node.attributes["name"]), at)
        if node.op == "constant":
            value = node.attributes["value"]
            if value.size == 1:
                return write.number(value.reshape(())[()])
            return write.at(self.array(i), at)
        if node.op in _VIEWS:
            return self._element(node.inputs[0], at)
        if node.op == "broadcast_to":
            source = self.graph.nodes[node.inputs[0]].spec.shape
            return self._element(
                node.inputs[0], broadcast_index(at, source, node.spec.shape, write)
            )
        return expression(node, [self._element(j, at) for j in node.inputs], self.used, write)


def dimensions(shape: tuple[int, ...]) -> str:
    """28 x 28 x 1, as comments have it."""
    return " x ".join(map(str, shape)) or "1"


def numbers(variables: Mapping[str, np.ndarray]) -> int:
    """How many numbers a network has."""
    return sum(prod(array.shape) for array in variables.values())
