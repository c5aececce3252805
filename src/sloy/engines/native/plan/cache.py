"""From a graph to its plan, once for graphs of one structure.

Lowering and planning take some ten milliseconds, more than training on a small table. They depend on the nodes alone,
so the folds of a cross-validation, the candidates of a search and the calls of `partial_fit` share them.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from sloy.engines.native.plan.planner import Plan, plan
from sloy.engines.native.rewrite.lowering import prepare
from sloy.engines.native.rewrite.pooled import Takes
from sloy.graph import Graph

KEPT = 64  # plans of the structures used last
LARGEST = 1 << 20  # bytes of constants; a graph with more is not kept alive by its plan


class _Structure:
    """A graph as a key: two are equal where all nodes, outputs and updates are."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @cached_property
    def parts(self) -> tuple[Any, ...]:
        """Everything that a plan depends on, in plain values."""
        graph = self.graph
        nodes = [(n.op, n.inputs, _plain(n.attributes), n.spec) for n in graph.nodes]
        return tuple(nodes), tuple(graph.outputs.items()), tuple(graph.updates.items())

    @cached_property
    def _hash(self) -> int:
        return hash(self.parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Structure) and self.parts == other.parts


def planned(
    graph: Graph,
    guard: tuple[str, ...],
    supported: frozenset[str],
    *,
    bfloat16: bool = False,
    takes: Takes | None = None,
) -> Plan:
    """The plan of the graph in ops that the engine runs, optimised; see `prepare` and `plan`."""
    constants = sum(node.spec.nbytes for node in graph.nodes if node.op == "constant")
    make = _plan.__wrapped__ if constants > LARGEST else _plan
    return make(_Structure(graph), guard, supported, bfloat16, takes)


@lru_cache(maxsize=KEPT)
def _plan(
    structure: _Structure,
    guard: tuple[str, ...],
    supported: frozenset[str],
    bfloat16: bool,
    takes: Takes | None,
) -> Plan:
    return plan(prepare(structure.graph, set(supported), bfloat16=bfloat16, takes=takes), guard)


def _plain(attributes: Any) -> tuple[tuple[str, object], ...]:
    return tuple((name, _value(value)) for name, value in sorted(attributes.items()))


def _value(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    return repr(value)  # 0.0 is not -0.0, nor 1 True
