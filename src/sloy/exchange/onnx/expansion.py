"""Nodes that stand for other nodes: branches, loops, sequences, recurrent cells, what ONNX defines by other operators.

They are expanded while the graph is gone through, when their conditions and counts are known. So whatever goes through
it (`Conversion.run`, `alone.run`) meets plain operators only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from sloy.errors import FileFormatError
from sloy.exchange.onnx.nodes import Body, Node, Unsupported, blamed
from sloy.exchange.onnx.values import Value, known

MOST = 1 << 16  # nodes that are made of a graph's

T = TypeVar("T")
Expansion = Callable[["Walk[Any]", Node], Iterator[Node]]
EXPANSIONS: dict[str, Expansion] = {}


def expansion(*names: str) -> Callable[[Expansion], Expansion]:
    """Add a rule to the table; a decorator."""

    def add(rule: Expansion) -> Expansion:
        EXPANSIONS.update(dict.fromkeys(names, rule))
        return rule

    return add


class Together(Unsupported):
    """What depends on all samples at once, and can only be read with each of them alone."""


@dataclass
class Walk(Generic[T]):
    """One way through a graph's nodes.

    Parameters
    ----------
    values : dict
        Name → value; what the nodes make is added.
    apply : callable
        What a plain node makes of its operands.
    held, wrapped : callable
        From what `values` have to a `Value`, with the shape of the file, and of a known value back.
    opset : int
    apart : bool
        Whether each sample goes through as if it were alone.
    trains : bool
        Whether what is made of the samples is a model of any number of them.
    lists : dict
        Name of a sequence → names of its elements.
    """

    values: dict[str, T]
    apply: Callable[[Node, list[T | None]], Sequence[T]]
    held: Callable[[T], Value]
    wrapped: Callable[[Value], T]
    opset: int
    apart: bool = False
    trains: bool = False
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _count: int = 0

    def run(self, nodes: Sequence[Node]) -> None:
        """Go through nodes, in order."""
        for node in nodes:
            if node.op in EXPANSIONS:
                self._expand(node)
            else:
                operands = [self.values[name] if name else None for name in node.inputs]
                self.values.update(zip(node.outputs, self.apply(node, operands), strict=False))

    def _expand(self, node: Node) -> None:
        made = EXPANSIONS[node.op](self, node)
        while True:
            with blamed(node):
                inner = next(made, None)
                self.tick()
            if inner is None:
                return
            self.run([inner])

    # --- what expansions ask for -------------------------------------------------------------------------------------

    def tick(self) -> int:
        """Count a node that is made; loops of a damaged file end here."""
        self._count += 1
        if self._count > MOST:
            raise FileFormatError(f"it makes more than {MOST} operators.")
        return self._count

    def value(self, name: str) -> Value:
        """The value of that name, in the file's shape."""
        return self.held(self.values[name])

    def array(self, name: str) -> np.ndarray:
        """What a value is; it must be known before anything runs."""
        found = self.value(name).array
        if found is None:
            raise Unsupported(f"{name[:60]!r} is computed where sloy needs it to be known")
        return found

    def integer(self, name: str) -> int:
        """A known whole number."""
        return int(self.array(name).reshape(-1)[0])

    def give(self, array: np.ndarray, word: str, source: str = "") -> str:
        """A known value under a new name."""
        name = self.new(word)
        self.values[name] = self.wrapped(known(array, source))
        return name

    def new(self, word: str) -> str:
        """A name that nothing has."""
        return f"sloy/{self.tick()}/{word}"

    def alias(self, name: str, old: str) -> None:
        """Another name of a value or sequence."""
        if not name:
            return
        if old in self.lists:
            self.lists[name] = self.lists[old]
        else:
            self.values[name] = self.values[old]

    def inlined(
        self, body: Body, given: Sequence[str], results: Sequence[str] | None = None
    ) -> Generator[Node, None, list[str]]:
        """The nodes of a body with names of their own, and what its outputs are called; `given` are its inputs.

        Where `results` are given, outputs whose place there is empty or missing are not computed, and called "".
        """
        count = len(body.outputs)
        asked = [True] * count if results is None else [*map(bool, results), *[False] * count]
        wanted = [name if ask else "" for name, ask in zip(body.outputs, asked, strict=False)]
        prefix = self.new("")
        own = {name: prefix + name for node in body.nodes for name in node.outputs if name}
        own |= {name: prefix + name for name in body.initializers}
        own |= dict(zip(body.inputs, [*given, *[""] * len(body.inputs)], strict=False))
        for name, array in body.initializers.items():
            self.values[own[name]] = self.wrapped(known(array, name))
        for node in needed(body.nodes, wanted):
            yield renamed(node, own)
        return [own.get(name, name) for name in wanted]


def renamed(node: Node, names: Mapping[str, str]) -> Node:
    """A node that reads and makes values of other names, the bodies inside it too."""

    def other(given: Sequence[str]) -> tuple[str, ...]:
        return tuple(names.get(name, name) for name in given)

    attributes = {
        key: replace(
            value, outputs=other(value.outputs), nodes=tuple(renamed(n, names) for n in value.nodes)
        )
        if isinstance(value, Body)
        else value
        for key, value in node.attributes.items()
    }
    return replace(
        node,
        inputs=other(node.inputs),
        outputs=other(node.outputs),
        captured=other(node.captured),
        attributes=attributes,
    )


def needed(nodes: Sequence[Node], wanted: Sequence[str]) -> list[Node]:
    """The nodes that the wanted values need, in order."""
    names, found = set(wanted), []
    for node in reversed(nodes):
        if names.intersection(filter(None, node.outputs)):
            found.append(node)
            names.update(node.inputs, node.captured)
    return found[::-1]
