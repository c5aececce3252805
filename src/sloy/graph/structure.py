"""Graphs as keys: what is made of a graph is shared by all of one structure."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from sloy.graph.graph import Graph


class Structure:
    """A graph as a key: two are equal where all nodes, outputs and updates are."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @cached_property
    def parts(self) -> tuple[Any, ...]:
        """Nodes, outputs and updates in plain values."""
        graph = self.graph
        nodes = [(n.op, n.inputs, _plain(n.attributes), n.spec) for n in graph.nodes]
        return tuple(nodes), tuple(graph.outputs.items()), tuple(graph.updates.items())

    @cached_property
    def _hash(self) -> int:
        return hash(self.parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self.parts == other.parts


def _plain(attributes: Any) -> tuple[tuple[str, object], ...]:
    return tuple((name, _value(value)) for name, value in sorted(attributes.items()))


def _value(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return repr(value)  # 0.0 is not -0.0, nor 1 True
