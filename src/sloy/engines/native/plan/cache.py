"""From a graph to its plan, once for graphs of one structure.

Lowering and planning take some ten milliseconds, more than training on a small table. They depend on the nodes alone,
so the folds of a cross-validation, the candidates of a search and the calls of `partial_fit` share them.
"""

from __future__ import annotations

from functools import lru_cache

from sloy.engines.native.instruction import Takes
from sloy.engines.native.plan.planner import Plan, plan
from sloy.engines.native.rewrite.lowering import prepare
from sloy.graph import Graph
from sloy.graph.structure import Structure

KEPT = 64  # plans of the structures used last
LARGEST = 1 << 20  # bytes of constants; a graph with more is not kept alive by its plan


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
    return make(Structure(graph), guard, supported, bfloat16, takes)


@lru_cache(maxsize=KEPT)
def _plan(
    structure: Structure,
    guard: tuple[str, ...],
    supported: frozenset[str],
    bfloat16: bool,
    takes: Takes | None,
) -> Plan:
    graph = prepare(structure.graph, set(supported), bfloat16=bfloat16, takes=takes)
    return plan(graph, guard, takes)
